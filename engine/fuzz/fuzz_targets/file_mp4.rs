//! Property: whatever a file says that begins like MP4, reading it ends, never
//! panics, and units keep the form of units.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = [&[0, 0, 0, 8][..], b"ftyp", data].concat();
    vms_fuzz::play_file(file);
});
