//! Property: whatever comes from a peer of SRT, packets and loss lists are read
//! without panic, ranges do not end before they begin, and an open connection
//! goes on and holds no more than its window.

#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use vms_srt::{Connection, Control, Identity, Incoming, Listener, Packet, Settings};

/// A connection that a caller has opened.
fn opened(now: Instant) -> Option<Connection> {
    let from: SocketAddr = ([192, 0, 2, 1], 4000).into();
    let (mut listener, mut question) = (Listener::new(now), Vec::new());
    let mut caller = Connection::call(Settings::default(), Identity::random(), now);
    loop {
        question.clear();
        caller.poll_output(&mut question, now);
        match listener.input(from, &question, now) {
            Incoming::Reply(reply) => caller.input(&reply, now),
            Incoming::Request(request) => return request.accept(Settings::default(), 22, now).ok(),
            Incoming::Ignored => return None,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    if let Some(Packet::Control { control: Control::Nak(list), .. }) = Packet::parse(data) {
        assert!(list.ranges().all(|(first, last)| last.ahead_of(first) >= 0));
    }
    let mut now = Instant::now();
    let Some(mut connection) = opened(now) else { panic!("a good caller is let in") };
    let (mut rest, mut out, mut taken) = (data, Vec::new(), 0);
    while let Some((&length, tail)) = rest.split_first() {
        let (datagram, next) = tail.split_at(usize::from(length).min(tail.len()));
        rest = next;
        let mut datagram = datagram.to_vec();
        if let Some(to) = datagram.get_mut(12..16) {
            to.copy_from_slice(&22_u32.to_be_bytes());
        }
        connection.input(&datagram, now);
        now += Duration::from_millis(3);
        while connection.poll_output(&mut out, now) {
            out.clear();
        }
        while connection.take(now).is_some() {
            taken += 1;
        }
    }
    assert!(taken <= data.len());
});
