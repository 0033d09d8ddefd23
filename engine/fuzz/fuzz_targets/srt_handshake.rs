//! Property: whatever a stranger sends to a listener of SRT, or a listener to
//! its caller, is read without panic; what was read is written and read again
//! as the same; nobody gets in without a cookie.

#![no_main]

use std::net::SocketAddr;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use vms_srt::{Connection, Handshake, Identity, Incoming, Listener, Passphrase, Settings};

fuzz_target!(|data: &[u8]| {
    if let Some(read) = Handshake::parse(data) {
        let again = Handshake::parse(&read.write(true)).expect("what was written is read");
        assert_eq!((again.version, again.first, again.kind), (read.version, read.first, read.kind));
        assert_eq!((again.socket, again.cookie, again.window), (read.socket, read.cookie, read.window));
    }
    let now = Instant::now();
    let from: SocketAddr = ([192, 0, 2, 1], 4000).into();
    // A control packet of type 0, for socket 0.
    let mut packet = vec![0; 16];
    packet[0] = 0x80;
    packet.extend_from_slice(data);
    // The cookie is a secret's: none is guessed.
    assert!(!matches!(Listener::new(now).input(from, &packet, now), Incoming::Request(_)));
    let settings = Settings { passphrase: Passphrase::new("correct horse").ok(), ..Settings::default() };
    let identity = Identity { socket: 0, ..Identity::random() };
    let mut caller = Connection::call(settings, identity, now);
    for _ in 0..2 {
        caller.input(&packet, now);
        while caller.poll_output(&mut Vec::new(), now) {}
    }
});
