//! Property: any manifest, beside or inside any file, is verified without
//! panic, and without the pinned key's signature never genuine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_format::manifest::verify_export;
use vms_format::mp4::{uuid, uuid_box};

fuzz_target!(|data: &[u8]| {
    let golden: &[u8] = include_bytes!("../../../tests/vectors/recording/after/mkv-export/root/export/manifest.json");
    let clip: &[u8] = include_bytes!("../../../tests/vectors/recording/after/mkv-export/root/export/clip.mkv");
    let mut changed = golden.to_vec();
    for pair in data.chunks_exact(4).take(8) {
        let at = usize::from(u16::from_be_bytes([pair[0], pair[1]])) % changed.len();
        changed[at] ^= pair[3];
    }
    // What the JSON says is signed, not its blanks.
    let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let is_same = |bytes: &[u8]| value(bytes) == value(golden);
    for (file, manifest, may_be_genuine) in [
        (clip.to_vec(), Some(changed.as_slice()), is_same(&changed)),
        (clip.to_vec(), Some(data), is_same(data)),
        (uuid_box(&uuid::MANIFEST, data), None, false),
        ([&[0x1a, 0x45, 0xdf, 0xa3][..], data].concat(), None, false),
    ] {
        let genuine = verify_export(&file, manifest, None).is_ok_and(|report| report.genuine);
        assert!(!genuine || may_be_genuine);
    }
});
