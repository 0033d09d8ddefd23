//! Property: any packets and any fmtp line leave the audio depacketisers
//! without panic, and no frame is longer than AAC allows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_media::{Codec, Depacketiser};

fuzz_target!(|data: &[u8]| {
    for unit in vms_fuzz::feed(&Codec::Aac, data) {
        assert!(unit.data.len() <= 0x1fff && unit.key);
    }
    for codec in [Codec::Pcma, Codec::Opus] {
        vms_fuzz::feed(&codec, data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(Depacketiser::new(&Codec::Aac, 48_000, 2, text).is_ok());
    }
});
