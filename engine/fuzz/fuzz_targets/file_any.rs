//! Property: whatever a file is, reading it ends, never panics, and units keep
//! the form of units. The first byte chooses a beginning, so that every form is
//! reached; the same bytes are read as IVF too.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vms_media::ivf::Ivf;

const BEGINNINGS: [&[u8]; 6] = [
    b"",
    b"FLV\x01\x05\0\0\0\x09\0\0\0\0",
    b"\xff\xd8\xff",
    b"\0\0\0\x01\x67\x42\xc0\x1e",
    b"\0\0\x01\x40\x01",
    b"DKIF\0\0\x20\0MJPG",
];
/// MPEG-TS is known by the first byte of each packet.
const TS_PACKET: usize = 188;

/// Puts the mark of a packet in front of each.
fn as_ts(data: &[u8]) -> Vec<u8> {
    data.chunks(TS_PACKET - 1).flat_map(|packet| [&[0x47][..], packet].concat()).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, body)) = data.split_first() else { return };
    let file = match BEGINNINGS.get(usize::from(choice) % (BEGINNINGS.len() + 1)) {
        Some(beginning) => [beginning, body].concat(),
        None => as_ts(body),
    };
    if let Some(ivf) = Ivf::read(&Bytes::from(file.clone())) {
        assert!(ivf.frames.iter().map(|(_, data)| data.len()).sum::<usize>() <= file.len());
    }
    vms_fuzz::play_file(file);
});
