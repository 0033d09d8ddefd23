//! Whole sessions with cameras that were seen to behave so, in constructed
//! texts. Each test is named by its symptom.

use std::time::{Duration, Instant};

use vms_media::{Stamp, Timing};

use super::rtcp::SenderReport;
use super::uri::Carriage;
use super::*;

const SDP: &str = include_str!("../../../../../tests/vectors/rtsp/sdp/video_and_audio.sdp");

/// A client and what came of it.
struct Talk {
    client: Client,
    now: Instant,
    /// Track, loss and payload of each packet.
    packets: Vec<(usize, u16, Vec<u8>)>,
    reports: Vec<SenderReport>,
    /// RTP time and stamp of each frame that begins.
    stamps: Vec<(i64, Stamp)>,
}

impl Talk {
    fn to(address: &str) -> Self {
        Self::begun(address, false)
    }

    /// A session that is there to be sent to.
    fn to_listener() -> Self {
        Self::begun("rtsp://cam/live", true)
    }

    fn begun(address: &str, talks: bool) -> Self {
        let address = Address::parse(address).expect("a good address");
        let habit = Habit::default();
        let options = Options { address, allows_basic: true, user_agent: "test/1", seed: 7, habit, talks };
        let now = Instant::now();
        Self { client: Client::new(options, now), now, packets: Vec::new(), reports: Vec::new(), stamps: Vec::new() }
    }

    /// The request that waits to be sent, as text.
    fn asked(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(self.client.unsent())).into_owned()
    }

    fn input(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let Self { packets, reports, stamps, .. } = self;
        self.client.input(bytes, self.now, &mut |track, media| match media {
            Media::Packet(packet) => packets.push((track, packet.loss, packet.payload.to_vec())),
            Media::Report(report) => reports.push(report),
            Media::Stamp(timestamp, stamp) => stamps.push((timestamp, stamp)),
        })
    }

    /// Answers the last request; the CSeq is taken from it.
    fn answer(&mut self, status: &str, headers: &str, body: &str) -> Result<String, Error> {
        let asked = self.asked();
        let cseq = asked.lines().find_map(|line| line.strip_prefix("CSeq: ")).expect("every request has one");
        let length = body.len();
        let text = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        assert_eq!(self.input(text.as_bytes())?, text.len());
        Ok(asked)
    }

    /// Answers the last request as `tests/vectors/rtsp/answers` has it, which
    /// counts as a session does: DESCRIBE is 1, SETUP is 2.
    fn answered_by(&mut self, name: &str) -> Result<String, Error> {
        let path = format!("{}/../../../tests/vectors/rtsp/answers/{name}.rtsp", env!("CARGO_MANIFEST_DIR"));
        let answer = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let asked = self.asked();
        assert_eq!(self.input(&answer)?, answer.len(), "{name} is used up");
        Ok(asked)
    }

    fn ok(&mut self, headers: &str, body: &str) -> String {
        self.answer("200 OK", headers, body).expect("the client goes on")
    }

    /// DESCRIBE, and the SETUP of video and audio by TCP.
    fn described(mut self, headers: &str, sdp: &str) -> Self {
        self.ok(headers, sdp);
        self.set_up()
    }

    /// The same with an answer of the vectors.
    fn described_by(mut self, name: &str) -> Self {
        self.answered_by(name).expect("the client goes on");
        self.set_up()
    }

    fn set_up(mut self) -> Self {
        let Some(Step::Described(description)) = self.client.take_step() else { panic!("no description") };
        let wanted: Vec<_> = (0..description.media.len())
            .map(|media| {
                let line = &description.media[media];
                Wanted { media, optional: line.kind == "audio" && !line.is_sendonly, ports: None }
            })
            .collect();
        self.client.set_up(&description, &wanted, self.now);
        self
    }

    /// A session with video and audio that plays.
    fn playing(session: &str) -> Self {
        let mut talk = Self::to("rtsp://cam/live").described("", SDP);
        talk.ok(&format!("Session: {session}\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"), "");
        talk.ok("Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n", "");
        talk.ok("", "");
        assert!(matches!(talk.client.take_step(), Some(Step::Playing { .. })));
        talk
    }

    fn tick(&mut self) -> String {
        let now = self.now;
        let packets = &mut self.packets;
        self.client.tick(now, &mut |track, media| {
            if let Media::Packet(packet) = media {
                packets.push((track, packet.loss, packet.payload.to_vec()));
            }
        });
        self.asked()
    }
}

fn uri(asked: &str) -> &str {
    asked.split(' ').nth(1).expect("a start line")
}

/// An interleaved RTP packet with its number as payload.
fn packet(channel: u8, payload_type: u8, ssrc: u32, sequence: u8) -> Vec<u8> {
    let mut out = vec![b'$', channel, 0, 13, 0x80, payload_type, 0, sequence, 0, 0, 0, 0];
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.push(sequence);
    out
}

#[test]
fn a_session_is_described_set_up_and_played() {
    let mut talk = Talk::to("rtsp://u:p@cam:8554/live?x=1");
    let asked = talk.ok("Content-Base: rtsp://cam:8554/live/\r\nContent-Type: application/sdp\r\n", SDP);
    assert!(asked.starts_with("DESCRIBE rtsp://cam:8554/live?x=1 RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: test/1\r\n"));
    assert!(asked.contains("Accept: application/sdp\r\n") && !asked.contains("Authorization"), "{asked}");
    let Some(Step::Described(description)) = talk.client.take_step() else { panic!("no description") };
    let wanted = [0, 1].map(|media| Wanted { media, optional: media == 1, ports: None });
    talk.client.set_up(&description, &wanted, talk.now);
    let asked = talk.ok("Session: 5;timeout=30\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n", "");
    assert!(asked.starts_with("SETUP rtsp://cam:8554/live/trackID=0 RTSP/1.0\r\n"), "{asked}");
    assert!(asked.contains("interleaved=0-1\r\n") && !asked.contains("Session:"), "{asked}");
    let asked = talk.ok("Session: 5;timeout=30\r\nTransport: RTP/AVP/TCP;interleaved=2-3\r\n", "");
    assert!(asked.contains("trackID=1") && asked.contains("interleaved=2-3\r\n") && asked.contains("Session: 5\r\n"));
    talk.now += Duration::from_millis(20);
    let asked = talk.ok("RTP-Info: url=x;seq=;rtptime=-1;\r\n", "");
    assert!(asked.starts_with("PLAY rtsp://cam:8554/live?x=1 RTSP/1.0\r\n"), "no session control: {asked}");
    assert_eq!(talk.client.take_step(), Some(Step::Playing { round_trip: Duration::from_millis(20) }));
    talk.input(&packet(0, 96, 1, 9)).expect("media");
    talk.input(&packet(2, 8, 2, 5)).expect("media");
    assert_eq!(talk.packets, [(0, 0, vec![9]), (1, 0, vec![5])]);
    talk.client.tear_down(talk.now);
    assert_eq!(talk.client.deadline(), None, "nothing more is said");
    let asked = talk.ok("", "");
    assert!(asked.starts_with("TEARDOWN rtsp://cam") && asked.contains("Session: 5\r\n"), "{asked}");
    assert_eq!(talk.client.take_step(), Some(Step::TornDown));
}

#[test]
fn a_wrong_or_missing_content_type_does_not_matter() {
    let names = ["without_content_type", "as_html", "with_blanks", "with_unix_line_ends"];
    for name in names {
        let mut talk = Talk::to("rtsp://cam/live");
        talk.answered_by(&format!("describe_{name}")).expect("the client goes on");
        let Some(Step::Described(description)) = talk.client.take_step() else { panic!("{name}") };
        assert_eq!(description.media.len(), 2, "{name}");
    }
}

#[test]
fn a_description_without_media_is_an_error() {
    let mut talk = Talk::to("rtsp://cam/live");
    assert_eq!(talk.answer("200 OK", "", "<html>camera</html>"), Err(Error::NoMedia));
}

#[test]
fn track_addresses_are_joined_to_broken_bases() {
    let table = [
        ("describe", "rtsp://cam/live/trackID=0"),
        ("describe_without_base", "rtsp://cam/live/trackID=0"),
        ("describe_base_without_scheme", "rtsp://cam:554/stream0/trackID=0"),
        ("describe_base_with_two_schemes", "rtsp://cam/a/trackID=0"),
        ("describe_location_for_base", "rtsp://cam/b/trackID=0"),
        ("describe_base_of_no_host", "rtsp://cam/live/trackID=0"),
    ];
    for (name, expected) in table {
        let mut talk = Talk::to("rtsp://cam/live").described_by(name);
        assert_eq!(uri(&talk.asked()), expected, "{name}");
    }
    let absolute = SDP.replace("trackID=0", "rtsp://10.0.0.9/elsewhere/v");
    let mut talk = Talk::to("rtsp://cam/live").described("", &absolute);
    assert_eq!(uri(&talk.asked()), "rtsp://10.0.0.9/elsewhere/v");
}

#[test]
fn the_session_as_a_whole_has_an_address_of_its_own() {
    for (control, expected) in [("*", "rtsp://cam/base/"), ("rtsp://cam/all", "rtsp://cam/all")] {
        let sdp = format!("a=control:{control}\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
        let mut talk = Talk::to("rtsp://cam/live").described("Content-Base: rtsp://cam/base/\r\n", &sdp);
        assert_eq!(uri(&talk.ok("", "")), "rtsp://cam/base/", "a track without control is the base");
        assert_eq!(uri(&talk.asked()), expected);
    }
}

#[test]
fn audio_that_is_refused_is_left_out() {
    for status in ["404 Not Found", "461 Unsupported Transport", "500 Error"] {
        let mut talk = Talk::to("rtsp://cam/live").described("", SDP);
        talk.ok("Session: 1\r\n", "");
        talk.answer(status, "", "").expect("video alone will do");
        assert!(talk.ok("", "").starts_with("PLAY "));
        assert!(talk.client.peer(0).is_some() && talk.client.peer(1).is_none());
    }
}

#[test]
fn video_that_is_refused_is_an_error() {
    let mut talk = Talk::to("rtsp://cam/live").described("", SDP);
    let error = talk.answer("461 Unsupported Transport", "", "").expect_err("no video, no session");
    assert_eq!(error, Error::Refused { method: "SETUP", status: 461 });
    assert!(!talk.client.holds_session(), "and there is nothing to tear down");
}

#[test]
fn refusals_are_told_apart() {
    let refused = |status: &str| Talk::to("rtsp://u:p@cam/live").answer(status, "", "").expect_err("refused");
    assert_eq!(refused("404 Not Found"), Error::NotFound);
    assert_eq!(refused("454 Session Not Found"), Error::NotFound);
    assert_eq!(refused("403 Forbidden"), Error::WrongPassword);
    assert_eq!(refused("401 Unauthorized"), Error::WrongPassword);
    assert_eq!(refused("503 Busy"), Error::Refused { method: "DESCRIBE", status: 503 });
}

#[test]
fn a_password_is_asked_for_and_a_wrong_one_tried_once() {
    let mut talk = Talk::to("rtsp://u:p@cam/live");
    let challenge = "WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n";
    assert!(!talk.answer("401 Unauthorized", challenge, "").expect("tried").contains("Authorization"));
    let asked = talk.answer("401 Unauthorized", challenge, "");
    assert_eq!(asked, Err(Error::WrongPassword));

    let mut talk = Talk::to("rtsp://u:p@cam/live");
    talk.answered_by("unauthorized_basic_and_digest").expect("tried");
    assert!(talk.ok("", SDP).contains("Authorization: Digest username=\"u\""));
}

#[test]
fn a_stale_nonce_is_renewed_in_the_middle_but_not_for_ever() {
    let challenge = |n: u8, more: &str| format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{n}\"{more}\r\n");
    let mut talk = Talk::to("rtsp://u:p@cam/live");
    talk.answer("401 Unauthorized", &challenge(1, ""), "").expect("tried");
    let mut talk = talk.described("", SDP);
    talk.answer("401 Unauthorized", &challenge(2, ""), "").expect("the nonce was good before");
    let asked = talk.ok("Session: 1\r\n", "");
    assert!(asked.starts_with("SETUP") && asked.contains("nonce=\"2\""), "{asked}");

    let mut talk = Talk::to("rtsp://u:p@cam/live");
    let refusals = (0..9).map_while(|n| talk.answer("401 Unauthorized", &challenge(n, ", stale=true"), "").ok());
    assert_eq!(refusals.count(), 3);
}

#[test]
fn a_session_id_that_changes_is_not_followed() {
    let mut talk = Talk::to("rtsp://cam/live").described("", SDP);
    talk.ok("Session: first;timeout=60\r\n", "");
    assert!(talk.ok("Session: second\r\n", "").contains("Session: first\r\n"));
    assert!(talk.ok("Session: third\r\n", "").contains("Session: first\r\n"));
}

#[test]
fn other_channels_than_asked_for_are_taken() {
    let table = [("other_channels", 6), ("one_channel", 4), ("without_tcp", 8), ("without_channels", 0)];
    for (name, channel) in table {
        let mut talk = Talk::to("rtsp://cam/live").described("", &SDP[..SDP.find("m=audio").expect("audio is last")]);
        talk.answered_by(&format!("setup_{name}")).expect("the client goes on");
        talk.ok("", "");
        talk.input(&packet(channel, 96, 1, 1)).expect("media");
        talk.input(&packet(channel + 2, 96, 1, 2)).expect("media of nobody");
        assert_eq!(talk.packets, [(0, 0, vec![1])], "{name}");
    }
}

#[test]
fn tracks_on_one_channel_are_told_apart_by_their_type() {
    let mut talk = Talk::to("rtsp://cam/live").described("", SDP);
    talk.ok("Transport: RTP/AVP/TCP;interleaved=0-1\r\n", "");
    talk.ok("Transport: RTP/AVP/TCP;interleaved=0-1\r\n", "");
    talk.ok("", "");
    talk.input(&[packet(0, 96, 1, 1), packet(0, 8, 2, 2), packet(0, 50, 1, 2)].concat()).expect("media");
    assert_eq!(talk.packets, [(0, 0, vec![1]), (1, 0, vec![2])]);
}

#[test]
fn media_before_the_answer_to_play_count() {
    let mut talk = Talk::to("rtsp://cam/live").described("", SDP);
    talk.input(&packet(0, 96, 1, 1)).expect("not set up yet: passed over");
    talk.ok("Transport: RTP/AVP/TCP;interleaved=0-1\r\n", "");
    talk.ok("Transport: RTP/AVP/TCP;interleaved=2-3\r\n", "");
    talk.input(&packet(0, 96, 1, 2)).expect("early");
    talk.ok("", "");
    assert_eq!(talk.packets, [(0, 0, vec![2])]);
}

#[test]
fn stray_bytes_and_line_ends_between_packets_are_passed_over() {
    let mut talk = Talk::playing("1");
    let stream = [
        packet(0, 96, 1, 1),
        b"\r\n\r\n".to_vec(),
        packet(0, 96, 1, 2),
        b"\x00\x17 stray $\x63\xff\xff R".to_vec(),
        packet(0, 96, 1, 3),
        packet(77, 96, 1, 9),
        packet(0, 96, 1, 4),
    ];
    talk.input(&stream.concat()).expect("it goes on");
    let numbers: Vec<_> = talk.packets.iter().map(|packet| (packet.1, packet.2[0])).collect();
    assert_eq!(numbers, [(0, 1), (0, 2), (0, 3), (0, 4)]);
}

#[test]
fn a_flood_of_nothing_ends_the_session() {
    let mut talk = Talk::playing("1");
    let noise = vec![0u8; 256 << 10];
    let floods = (0..9).take_while(|_| talk.input(&noise).is_ok()).count();
    assert_eq!(floods, 4);
}

#[test]
fn what_does_not_speak_rtsp_is_told_at_once() {
    for text in ["HTTP/1.1 400 Bad Request\r\n\r\n", "220 ftp ready\r\n", "SSH-2.0-OpenSSH\r\n"] {
        assert_eq!(Talk::to("rtsp://cam/live").input(text.as_bytes()), Err(Error::NotRtsp), "{text}");
    }
}

#[test]
fn requests_of_the_camera_are_answered() {
    let mut talk = Talk::playing("1");
    talk.input(b"OPTIONS * RTSP/1.0\r\nCSeq: 4\r\n\r\nREDIRECT rtsp://x RTSP/1.0\r\nCSeq: 5\r\n\r\n").expect("polite");
    assert_eq!(talk.asked(), "RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\nRTSP/1.0 501 Not Implemented\r\nCSeq: 5\r\n\r\n");
}

#[test]
fn an_answer_that_comes_late_is_not_taken_for_another() {
    let mut talk = Talk::to("rtsp://cam/live").described("", SDP);
    talk.input(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n").expect("late");
    assert!(talk.asked().starts_with("SETUP") && talk.asked().is_empty(), "it still waits");
    talk.input(b"RTSP/1.0 100 Continue\r\nCSeq: 2\r\n\r\n").expect("not final");
    assert!(talk.asked().is_empty());
    talk.input(b"RTSP/1.0 200 OK\r\n\r\n").expect("without a CSeq it is the answer");
    assert!(talk.asked().starts_with("SETUP"));
}

#[test]
fn a_redirect_leads_to_another_address() {
    let mut talk = Talk::to("rtsp://u:p@cam/live");
    talk.answer("302 Moved", "Location: rtsp://other:8554/live2\r\n", "").expect("followed");
    let Some(Step::Redirected { address, allows_basic }) = talk.client.take_step() else { panic!("not redirected") };
    assert_eq!((address.host.as_str(), address.port, address.uri.as_str()), ("other", 8554, "rtsp://other:8554/live2"));
    assert!(address.credentials.is_some() && !allows_basic, "the password is shown to no other host");
    let mut talk = Talk::to("rtsp://cam/live");
    let error = talk.answer("302 Moved", "", "").expect_err("to nowhere");
    assert_eq!(error, Error::Refused { method: "DESCRIBE", status: 302 });
}

#[test]
fn a_redirect_leads_nowhere_less_safe() {
    let mut talk = Talk::to("rtsps://cam/live?tls=verify");
    let error = talk.answer("302 Moved", "Location: rtsp://cam/live\r\n", "").expect_err("out of TLS");
    assert!(matches!(error, Error::BadAddress(_)), "{error}");
    let next = |from: &str, location: &str| {
        let mut talk = Talk::to(from);
        talk.answer("302 Moved", &format!("Location: {location}\r\n"), "").expect("followed");
        let Some(Step::Redirected { address, .. }) = talk.client.take_step() else { panic!("not redirected") };
        *address
    };
    let address = next("rtsps://cam/live?tls=verify", "rtsps://cam:8322/live2");
    assert_eq!((address.trust, address.port), (Trust::Authorities, 8322));
    let address = next("rtsp+https://cam/live", "rtsp://cam/live2");
    assert_eq!((address.carriage, address.port), (Carriage { tls: true, tunnel: true }, 443));
}

#[test]
fn the_session_is_kept_alive_on_its_own_address() {
    let mut talk = Talk::playing("1;timeout=10");
    talk.now += Duration::from_secs(4);
    let asked = talk.tick();
    assert!(asked.starts_with("OPTIONS rtsp://cam/live RTSP/1.0\r\n") && asked.contains("Session: 1\r\n"), "{asked}");
    let cseq = asked.lines().find_map(|line| line.strip_prefix("CSeq: ")).expect("every request has one");
    let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nPublic: OPTIONS, GET_PARAMETER\r\n\r\n");
    talk.input(answer.as_bytes()).expect("an answer");
    talk.now += Duration::from_secs(4);
    assert!(talk.tick().starts_with("GET_PARAMETER rtsp://cam/live"));
    talk.input(b"RTSP/1.0 451 Parameter Not Understood\r\n\r\n").expect("no reason to end");
    talk.now += Duration::from_secs(4);
    assert!(talk.tick().starts_with("OPTIONS"), "learnt");
}

#[test]
fn receiver_reports_go_into_the_connection() {
    let mut talk = Talk::playing("1");
    talk.input(&[packet(0, 96, 0xabcd, 1), packet(0, 96, 0xabcd, 3)].concat()).expect("media");
    assert_eq!(talk.client.deadline(), Some(talk.now + Duration::from_secs(5)));
    talk.now += Duration::from_secs(5);
    talk.client.tick(talk.now, &mut |_, _| {});
    let sent = std::mem::take(talk.client.unsent());
    assert_eq!((&sent[..2], sent[5]), (&[b'$', 1][..], 201), "on the track's second channel, no report on audio");
    assert_eq!(usize::from(sent[3]) + 4, sent.len());
    assert_eq!(sent[12..16], 0xabcdu32.to_be_bytes());
    assert_eq!(sent[16..20], [85, 0, 0, 1], "one of three");
}

#[test]
fn sender_reports_are_told_with_their_track() {
    let mut talk = Talk::playing("1");
    let mut report = vec![b'$', 1, 0, 28, 0x80, 200, 0, 6];
    for word in [1u32, 2_208_988_802, 0, 90, 1, 2] {
        report.extend_from_slice(&word.to_be_bytes());
    }
    talk.input(&[packet(0, 96, 1, 1), report].concat()).expect("media");
    assert_eq!(talk.reports, [SenderReport { timestamp: 90, utc_us: 2_000_000 }]);
}

#[test]
fn udp_tracks_name_their_ports_and_report_by_datagram() {
    let mut talk = Talk::to("rtsp://cam/live");
    talk.ok("", SDP);
    let Some(Step::Described(description)) = talk.client.take_step() else { panic!("no description") };
    let wanted = [(0, (5000, 5001)), (1, (5002, 5003))];
    let wanted = wanted.map(|(media, ports)| Wanted { media, optional: false, ports: Some(ports) });
    talk.client.set_up(&description, &wanted, talk.now);
    let asked = talk.ok("Transport: RTP/AVP;unicast;source=10.0.0.7;server_port=6000-6001\r\n", "");
    assert!(asked.contains("Transport: RTP/AVP;unicast;client_port=5000-5001\r\n"), "{asked}");
    talk.ok("Transport: RTP/AVP;unicast;client_port=5002-5003\r\n", "");
    talk.ok("", "");
    let peer = talk.client.peer(0).expect("set up");
    assert_eq!((peer.source, peer.ports), (Some([10, 0, 0, 7].into()), Some((6000, 6001))));
    assert_eq!(talk.client.peer(1).expect("set up").ports, None);
    let mut taken = Vec::new();
    for number in [1, 3, 2] {
        let packet = &packet(0, 96, 1, number)[4..];
        talk.client.datagram(0, packet, talk.now, &mut |_, media| {
            if let Media::Packet(packet) = media {
                taken.push(packet.payload[0]);
            }
        });
    }
    assert_eq!(taken, [1, 2, 3], "in their order");
    talk.now += Duration::from_secs(5);
    assert_eq!(talk.tick(), "");
    let datagrams = talk.client.take_datagrams();
    assert_eq!((datagrams.len(), datagrams[0].0, datagrams[0].1[1]), (1, 0, 201));
}

#[test]
fn a_camera_that_takes_nothing_costs_no_memory() {
    let mut talk = Talk::playing("1;timeout=2");
    talk.input(&packet(0, 96, 1, 1)).expect("media");
    for _ in 0..10_000 {
        talk.now += Duration::from_secs(5);
        talk.client.tick(talk.now, &mut |_, _| {});
        talk.input(b"OPTIONS * RTSP/1.0\r\n\r\n").expect("polite");
    }
    assert!(talk.client.unsent().len() < 80 << 10);
}

/// However the network cuts the stream, the same comes of it.
#[test]
fn every_way_to_split_the_stream_gives_the_same() {
    let stream = [
        packet(0, 96, 1, 1),
        b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 3\r\n\r\n$\x00\x00\r\n".to_vec(),
        packet(2, 8, 2, 1),
        b"OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n".to_vec(),
        b"noise$\x09".to_vec(),
        packet(0, 96, 1, 3),
        packet(0, 96, 1, 4),
    ]
    .concat();
    let feed = |cuts: &[usize]| {
        let mut talk = Talk::playing("1");
        let (mut rest, mut from) = (Vec::new(), 0);
        for to in cuts.iter().copied().chain([stream.len()]) {
            rest.extend_from_slice(&stream[from..to]);
            from = to;
            let used = talk.input(&rest).expect("it goes on");
            rest.drain(..used);
        }
        assert_eq!(rest, b"");
        (talk.asked(), talk.packets)
    };
    let whole = feed(&[]);
    assert_eq!(whole.1.len(), 4, "{whole:?}");
    for first in 0..stream.len() {
        assert_eq!(feed(&[first]), whole, "cut at {first}");
        for second in first..stream.len() {
            assert_eq!(feed(&[first, second]), whole, "cut at {first} and {second}");
        }
    }
    let each: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(feed(&each), whole, "byte by byte");
}

#[test]
fn a_node_is_asked_for_stamps_and_gives_one_with_each_frame() {
    let stamp = Stamp {
        timing: Timing { utc_us: 1_795_244_400_000_000, error_us: Some(70) },
        epoch: 1,
        number: 9,
        discontinuity: false,
    };
    let mut talk = Talk::to("node://key:secret@core/gate");
    let named = format!("a=extmap:1 urn:vms-enterprise:rtp:frame\r\n{SDP}");
    let asked = talk.ok("", &named);
    assert!(asked.starts_with("DESCRIBE rtsps://core/gate RTSP/1.0\r\n"), "{asked}");
    assert!(asked.contains("Require: vms-relay\r\n"), "{asked}");
    let Some(Step::Described(description)) = talk.client.take_step() else { panic!("no description") };
    let wanted = [Wanted { media: 0, optional: false, ports: None }];
    talk.client.set_up(&description, &wanted, talk.now);
    talk.ok("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "");
    talk.ok("", "");
    talk.input(&stamp.put_into(&packet(0, 96, 1, 1))).expect("media");
    talk.input(&packet(0, 96, 1, 2)).expect("media");
    assert_eq!(talk.stamps, [(0, stamp)]);
    assert_eq!(talk.packets, [(0, 0, vec![1]), (0, 0, vec![2])]);
}

#[test]
fn who_is_no_node_is_not_taken_for_one_and_no_camera_is_asked() {
    let mut talk = Talk::to("node://core/gate");
    assert_eq!(talk.answer("200 OK", "", SDP), Err(Error::NoStamps));
    let mut talk = Talk::to("node://core/gate");
    assert_eq!(talk.answer("551 x", "", ""), Err(Error::Refused { method: "DESCRIBE", status: 551 }));
    assert!(!Talk::to("rtsps://core/gate").asked().contains("Require"));
    // Whatever a camera puts into its packets is not looked at.
    let mut talk = Talk::playing("1");
    let stamp = Stamp { timing: Timing::default(), epoch: 1, number: 1, discontinuity: false };
    talk.input(&stamp.put_into(&packet(0, 96, 1, 1))).expect("media");
    assert_eq!((talk.stamps.len(), talk.packets.len()), (0, 1));
}

const BACK_CHANNEL: &str = "Require: www.onvif.org/ver20/backchannel\r\n";
const LISTENS: &str = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=5\r\na=sendonly\r\n";

#[test]
fn only_who_talks_asks_for_the_back_channel_and_sends_to_it() {
    assert!(!Talk::to("rtsp://cam/live").asked().contains("Require"));
    let mut talk = Talk::to_listener();
    let describe = talk.ok("", LISTENS);
    assert!(describe.starts_with("DESCRIBE ") && describe.contains(BACK_CHANNEL), "{describe}");
    talk = talk.set_up();
    assert!(!talk.client.send_packet(0, &[1]), "nothing is agreed on");
    let set_up = talk.ok("Session: 7;timeout=10\r\nTransport: RTP/AVP/TCP;interleaved=4-5\r\n", "");
    assert!(set_up.starts_with("SETUP rtsp://cam/live/trackID=5 ") && set_up.contains(BACK_CHANNEL), "{set_up}");
    let play = talk.ok("", "");
    assert!(play.starts_with("PLAY ") && play.contains(BACK_CHANNEL), "{play}");
    assert!(talk.client.send_packet(0, &[0x80, 0, 9]));
    assert_eq!(talk.client.unsent(), &[b'$', 4, 0, 3, 0x80, 0, 9]);
    // A camera that takes nothing is sent no more than half a second.
    while talk.client.send_packet(0, &[0; 172]) {}
    assert!(talk.client.unsent().len() < 4_500, "{}", talk.client.unsent().len());
    talk.asked();
    talk.now += Duration::from_secs(4);
    let alive = talk.tick();
    assert!(alive.starts_with("OPTIONS ") && alive.contains("Session: 7"), "{alive}");
    assert!(!alive.contains("Require"), "{alive}");
}

#[test]
fn a_camera_that_does_not_let_us_talk_says_why() {
    let refused = |status: &str| Talk::to_listener().answer(status, "", "").expect_err("it is refused");
    assert_eq!(refused("551 Option not supported"), Error::NoBackChannel);
    assert_eq!(refused("503 Service Unavailable"), Error::BackChannelBusy);
    assert_eq!(refused("454 Session Not Found"), Error::NotFound, "it knows no such stream");
    let set_up = |status: &str| {
        let mut talk = Talk::to_listener().described("", LISTENS);
        talk.answer(status, "", "").expect_err("it is refused")
    };
    assert_eq!(set_up("453 Not Enough Bandwidth"), Error::BackChannelBusy);
    assert_eq!(set_up("403 Forbidden"), Error::WrongPassword);
    for (status, number) in [("454 Session Not Found", 454), ("461 Unsupported Transport", 461), ("551 No", 551)] {
        assert_eq!(set_up(status), Error::BackChannelRefused { method: "SETUP", status: number }, "{status}");
    }
}
