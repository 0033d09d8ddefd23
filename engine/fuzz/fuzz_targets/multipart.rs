//! Property: whatever a camera sends as Motion JPEG, it is cut without panic,
//! each picture begins and ends like one, and the same pictures come out
//! however the stream is cut.

#![no_main]

// The reader without IO alone: the crate around it brings a runtime along.
#[path = "../../crates/sources/src/http/multipart.rs"]
#[allow(dead_code)]
mod multipart;

use libfuzzer_sys::fuzz_target;
use multipart::Multipart;

/// The pictures of a stream that arrives in pieces of this size.
fn pictures(content_type: &str, stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let (mut multipart, mut found) = (Multipart::new(content_type), Vec::new());
    let (mut from, mut end) = (0, 0);
    while end < stream.len() {
        end = (end + piece).min(stream.len());
        loop {
            let Ok((picture, used)) = multipart.next(&stream[from..end]) else { return found };
            assert!(from + used <= end);
            from += used;
            let Some(picture) = picture else { break };
            assert!(picture.starts_with(&[0xff, 0xd8, 0xff]) && picture.ends_with(&[0xff, 0xd9]));
            found.push(picture.to_vec());
        }
    }
    found
}

fuzz_target!(|data: &[u8]| {
    let [piece, length, rest @ ..] = data else { return };
    let (name, stream) = rest.split_at(usize::from(*length).min(rest.len()));
    let content_type = format!("multipart/x-mixed-replace; boundary={}", String::from_utf8_lossy(name));
    let whole = pictures(&content_type, stream, stream.len());
    assert_eq!(pictures(&content_type, stream, usize::from(*piece) + 1), whole);
});
