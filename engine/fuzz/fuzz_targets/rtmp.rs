//! Property: whatever a publisher or a server sends, both sides of RTMP take it
//! without panic, use no more than they were given, and do the same however the
//! stream is cut.

#![no_main]

// The protocol without IO alone: the crate around it brings a runtime along.
#[path = "../../crates/sources/src/rtmp/protocol/mod.rs"]
#[allow(dead_code, unused_imports)]
mod protocol;

use libfuzzer_sys::fuzz_target;
use protocol::{Client, Event, Pulled, Server};

/// What came of a connection: what it told, what it sent, and whether it ended.
type Outcome<E> = (Vec<E>, Vec<u8>, bool);

fn pieces(stream: &[u8], piece: usize, mut input: impl FnMut(&[u8]) -> Option<usize>) -> bool {
    let (mut from, mut end) = (0, 0);
    while end < stream.len() {
        end = (end + piece).min(stream.len());
        match input(&stream[from..end]) {
            Some(used) => {
                assert!(from + used <= end);
                from += used;
            }
            None => return true,
        }
    }
    false
}

fn served(stream: &[u8], piece: usize) -> Outcome<Event> {
    let (mut server, mut out) = (Server::new([7; 32]), Vec::new());
    let ended = pieces(stream, piece, |input| {
        // Whoever wants to publish may.
        let mut all = 0;
        loop {
            let before = out.len();
            all += server.input(&input[all..], &mut out).ok()?;
            if !out[before..].iter().any(|event| matches!(event, Event::Publish { .. })) {
                return Some(all);
            }
            server.accept();
        }
    });
    (out, std::mem::take(server.unsent()), ended)
}

fn pulled(stream: &[u8], piece: usize) -> Outcome<Pulled> {
    let mut client = Client::new("live".into(), "rtmp://camera/live".into(), "main".into(), [7; 32]);
    let mut out = Vec::new();
    let ended = pieces(stream, piece, |input| client.input(input, &mut out).ok());
    (out, std::mem::take(client.unsent()), ended)
}

fuzz_target!(|data: &[u8]| {
    let Some((&piece, body)) = data.split_first() else { return };
    // What shakes hands stands in front, so that the fuzzer need not find it.
    let mut stream = vec![3];
    stream.extend([0; 2 * 1536]);
    stream.extend(body);
    let piece = usize::from(piece) + 1;
    assert_eq!(served(&stream, piece), served(&stream, stream.len()));
    assert_eq!(pulled(&stream, piece), pulled(&stream, stream.len()));
});
