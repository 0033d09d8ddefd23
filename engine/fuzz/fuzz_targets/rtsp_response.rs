//! Property: whatever a camera sends, the RTSP client takes it without panic,
//! uses no more than it was given, keeps no more than a message's bound, asks
//! for no more than one request at a time, and does the same however the
//! stream is cut.

#![no_main]

// The client without IO alone: the crate around it brings a runtime along.
#[path = "../../crates/sources/src/rtsp/mod.rs"]
#[allow(dead_code, unused_imports)]
mod rtsp;

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use rtsp::{Address, Client, Habit, Media, Options, Step, Wanted};

/// The largest beginning of a message or packet that may have to wait.
const MOST_KEPT: usize = 81 << 10;

/// How far a session is before the fuzzed bytes come: the answers to DESCRIBE,
/// SETUP and PLAY of a camera with one video.
const ANSWERS: [&str; 3] = [
    "RTSP/1.0 200 OK\r\nContent-Length: 58\r\n\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n",
    "RTSP/1.0 200 OK\r\nSession: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1;ssrc=1\r\n\r\n",
    "RTSP/1.0 200 OK\r\nPublic: GET_PARAMETER\r\n\r\n",
];

/// What came of a session.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    packets: Vec<(usize, i64, u16, bool, Vec<u8>)>,
    sent: Vec<u8>,
    ended: bool,
    described: u32,
}

struct Session {
    client: Client,
    now: Instant,
    udp: bool,
    rest: Vec<u8>,
    outcome: Outcome,
}

impl Session {
    fn new(now: Instant, udp: bool, answers: u8) -> Self {
        let address = Address::parse("rtsp://user:secret@camera:8554/live?x=1").expect("a good address");
        let options =
            Options { address, allows_basic: true, user_agent: "fuzz", seed: 7, habit: Habit::default(), talks: false };
        let client = Client::new(options, now);
        let mut session = Self { client, now, udp, rest: Vec::new(), outcome: Outcome::default() };
        session.outcome.sent.append(session.client.unsent());
        for answer in ANSWERS.iter().take(usize::from(answers)) {
            session.feed(answer.as_bytes());
        }
        assert!(!session.outcome.ended && session.rest.is_empty(), "a good camera is understood");
        session.outcome.described = 0;
        session
    }

    fn feed(&mut self, bytes: &[u8]) {
        if self.outcome.ended {
            return;
        }
        self.rest.extend_from_slice(bytes);
        let packets = &mut self.outcome.packets;
        let used = self.client.input(&self.rest, self.now, &mut |track, media| {
            if let Media::Packet(packet) = media {
                packets.push((track, packet.timestamp, packet.loss, packet.marker, packet.payload.to_vec()));
            }
        });
        self.outcome.sent.append(self.client.unsent());
        let Ok(used) = used else {
            self.outcome.ended = true;
            return;
        };
        self.rest.drain(..used);
        assert!(self.rest.len() <= MOST_KEPT, "no more waits than a message");
        if let Some(Step::Described(description)) = self.client.take_step() {
            let ports = self.udp.then_some((5000, 5001));
            let media = 0..description.media.len();
            let wanted: Vec<_> = media.map(|media| Wanted { media, optional: media > 0, ports }).collect();
            self.client.set_up(&description, &wanted, self.now);
            self.outcome.described += 1;
        }
        self.outcome.sent.append(self.client.unsent());
    }
}

/// Requests keep their form; reports may only stand behind them.
fn check_sent(sent: &[u8]) {
    let text = String::from_utf8_lossy(sent);
    let is_header = |line: &str| line.split(' ').next().is_some_and(|word| word.ends_with(':'));
    for line in text.split("\r\n").filter(|line| line.ends_with(" RTSP/1.0") && !is_header(line)) {
        assert_eq!(line.split(' ').count(), 3, "a start line has three words: {line}");
        assert!(!line.contains("secret"), "the password is in no address");
    }
}

fuzz_target!(|data: &[u8]| {
    let [setting, cut, data @ ..] = data else { return };
    let (udp, answers) = (setting & 1 != 0, setting >> 1 & 3);
    let now = Instant::now();
    let mut whole = Session::new(now, udp, answers);
    whole.feed(data);
    let mut pieces = Session::new(now, udp, answers);
    for piece in data.chunks(usize::from(*cut).max(1)) {
        pieces.feed(piece);
    }
    // A description is acted upon between two reads, so that only without one
    // the way of cutting makes no difference.
    if whole.outcome.described == 0 && pieces.outcome.described == 0 {
        assert_eq!(whole.outcome, pieces.outcome);
    }
    for session in [&mut whole, &mut pieces] {
        check_sent(&session.outcome.sent);
        for piece in data.chunks(64) {
            session.client.datagram(0, piece, now, &mut |_, _| {});
        }
        session.client.tick(now + Duration::from_secs(30), &mut |_, _| {});
        check_sent(session.client.unsent());
        session.client.unsent().clear();
        session.client.tear_down(now);
        check_sent(session.client.unsent());
    }
});
