//! Property: whatever packets of AV1, VP8, VP9, Motion JPEG or MPEG-4 part 2
//! come, the first unit is a key frame, the packet count of a unit is the
//! number of its packets, what its head says can be read, and nothing panics.
//! The first byte chooses the codec.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_media::{Codec, ParameterSets};

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let codec = [Codec::Av1, Codec::Vp8, Codec::Vp9, Codec::Jpeg, Codec::Mpeg4][usize::from(choice % 5)].clone();
    let units = vms_fuzz::feed(&codec, data);
    vms_fuzz::check_pictures(&codec, &units);
    let mut sets = ParameterSets::default();
    for unit in units.iter().filter(|unit| unit.key) {
        sets.learn(&codec, &unit.data);
        assert!(sets.complete(&codec) && sets.info(&codec).is_some());
        let again = ParameterSets::from_fmtp(&codec, &sets.fmtp(&codec));
        assert!(again.head.is_none() || again.head == sets.head);
    }
});
