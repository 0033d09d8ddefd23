//! Property: whatever datagrams come on a track's ports, RTP or RTCP, in
//! whatever order and at whatever time, nothing panics; no more leaves than
//! came; each payload is a part of what came; no more is held than a bound; and
//! every report of ours is whole and names its own length. The first byte
//! chooses who sends: a camera, or another node, whose stamps are read.

#![no_main]

// The client without IO alone: the crate around it brings a runtime along.
#[path = "../../crates/sources/src/rtsp/mod.rs"]
#[allow(dead_code, unused_imports)]
mod rtsp;

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use rtsp::{Address, Client, Habit, Media, Options, Step, Wanted};

const CAMERA: &str = "rtsp://camera/live";
const NODE: &str = "node://core/gate";
const ANSWERS: [&str; 3] = [
    "RTSP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n\
     m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\na=extmap:1 urn:vms-enterprise:rtp:frame\r\n",
    "RTSP/1.0 200 OK\r\nSession: 1\r\nTransport: RTP/AVP;unicast;server_port=6-7;ssrc=1\r\n\r\n",
    "RTSP/1.0 200 OK\r\n\r\n",
];

/// A session whose video comes by UDP.
fn playing(address: &str, now: Instant) -> Client {
    let address = Address::parse(address).expect("a good address");
    let habit = Habit::default();
    let mut client =
        Client::new(Options { address, allows_basic: true, user_agent: "fuzz", seed: 7, habit, talks: false }, now);
    for answer in ANSWERS {
        let used = client.input(answer.as_bytes(), now, &mut |_, _| {}).expect("a good camera");
        assert_eq!(used, answer.len());
        if let Some(Step::Described(description)) = client.take_step() {
            let wanted = [Wanted { media: 0, optional: false, ports: Some((5000, 5001)) }];
            client.set_up(&description, &wanted, now);
        }
    }
    client
}

/// RTCP, packet behind packet, up to the end.
fn check_report(mut report: &[u8]) {
    assert!(!report.is_empty());
    while let [first, kind, high, low, rest @ ..] = report {
        assert!(first >> 6 == 2 && (200..=204).contains(kind));
        report = rest.get(usize::from(u16::from_be_bytes([*high, *low])) * 4..).expect("as long as it says");
    }
    assert!(report.is_empty());
}

fuzz_target!(|data: &[u8]| {
    let Some((&sender, mut rest)) = data.split_first() else { return };
    let start = Instant::now();
    let mut client = playing(if sender & 1 == 0 { CAMERA } else { NODE }, start);
    let (mut now, mut came, mut left) = (start, 0usize, 0usize);
    // A byte for the time that passes, one for the length.
    while let [step, length, tail @ ..] = rest {
        let (datagram, next) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = next;
        now += Duration::from_millis(u64::from(*step));
        came += 1;
        let most = data.len();
        let mut count = |_: usize, media: Media<'_>| {
            if let Media::Packet(packet) = media {
                assert!(packet.payload.len() <= most);
                left += 1;
            }
        };
        client.datagram(0, datagram, now, &mut count);
        if client.deadline().is_some_and(|deadline| deadline <= now) {
            client.tick(now, &mut count);
        }
        assert!(left <= came, "no packet leaves twice");
    }
    client.tick(now + Duration::from_secs(10), &mut |_, media| left += usize::from(matches!(media, Media::Packet(_))));
    assert!(left <= came);
    for (_, report) in client.take_datagrams() {
        check_report(&report);
    }
});
