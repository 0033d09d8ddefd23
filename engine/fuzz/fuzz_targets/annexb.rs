//! Property: no NAL unit of a split stream holds a start code; joining them
//! and splitting again gives the same; access units hold only whole NAL units.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_media::annexb::{find_start_code, split};
use vms_media::bits::{escape, unescape};
use vms_media::{Codec, access_units, nals, to_annexb};

fuzz_target!(|data: &[u8]| {
    let split_once: Vec<&[u8]> = split(data).collect();
    let mut joined = Vec::new();
    for nal in &split_once {
        assert!(!nal.is_empty() && find_start_code(nal, 0).is_none());
        joined.extend_from_slice(&[0, 0, 1]);
        joined.extend_from_slice(nal);
    }
    assert_eq!(split(&joined).collect::<Vec<_>>(), split_once);
    for codec in [Codec::H264, Codec::H265] {
        for unit in access_units(&codec, data) {
            assert_eq!(nals(&unit.data).map(|nal| nal.len() + 4).sum::<usize>(), unit.data.len());
            assert_eq!(split(&to_annexb(&unit.data)).count(), nals(&unit.data).count());
        }
    }
    let escaped = escape(data);
    assert!(find_start_code(&escaped, 0).is_none());
    assert_eq!(unescape(&escaped).as_ref(), data);
});
