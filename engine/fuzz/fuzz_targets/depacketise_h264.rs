//! Property: whatever packets come, every access unit is a whole run of NAL
//! units with lengths, the first is a key frame, the packet count of a unit is
//! the number of its packets, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_media::{Codec, packet_count, packetise};

fuzz_target!(|data: &[u8]| {
    let units = vms_fuzz::feed(&Codec::H264, data);
    vms_fuzz::check_video(&units);
    for unit in &units {
        let payloads = packetise(&Codec::H264, &unit.data);
        assert_eq!(payloads.len() as u32, packet_count(&Codec::H264, &unit.data));
    }
});
