//! Property: whatever a file says that begins like Matroska, reading it ends,
//! never panics, and units keep the form of units.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = [&[0x1a, 0x45, 0xdf, 0xa3, 0x80][..], data].concat();
    vms_fuzz::play_file(file);
});
