//! Property: what a client of a WebSocket sends is read alike in whatever
//! pieces it comes, and no more than one message is ever held.

#![no_main]

#[path = "../../crates/sinks/src/socket/frames.rs"]
#[allow(dead_code)]
mod frames;

use frames::{Broken, Frames, MOST_BYTES, Message};
use libfuzzer_sys::fuzz_target;

fn read(data: &[u8], piece: usize) -> (Vec<Message>, Option<Broken>) {
    let mut frames = Frames::default();
    let mut found = Vec::new();
    for piece in data.chunks(piece) {
        frames.bytes.extend_from_slice(piece);
        loop {
            match frames.message() {
                Ok(Some(message)) => found.push(message),
                Ok(None) => break,
                Err(broken) => return (found, Some(broken)),
            }
        }
        assert!(frames.bytes.len() <= MOST_BYTES + 8, "{} bytes wait", frames.bytes.len());
    }
    (found, None)
}

fuzz_target!(|data: &[u8]| {
    assert_eq!(read(data, 1), read(data, 7));
    assert_eq!(read(data, 1), read(data, data.len().max(1)));
});
