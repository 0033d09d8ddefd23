//! Whole sessions: a hub, the sink, a real client, loopback.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use vms_access::{Access, Kind, Now, Proof, Revocation, Ticket, Wish};
use vms_hub::StreamKey;
use vms_media::{Codec, Track, TrackKind};

use super::client::{Client, Options, PCMA};
use super::negotiation::browser_offer;
use super::stream::{Camera, TICKS, video_track};
use crate::webrtc::{Answer, Keeps, Way, WebRtc, WebRtcConfig, WhepErrorKind};

fn config() -> WebRtcConfig {
    WebRtcConfig {
        bind: vec![loopback(), "[::1]:0".parse().expect("an address")],
        shards: 2,
        ..WebRtcConfig::default()
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn peer() -> IpAddr {
    IpAddr::from([127, 0, 0, 1])
}

/// A place that nobody takes back.
fn free() -> Ticket {
    let wish = Wish { key: &StreamKey::parse("gate").expect("a good name"), kind: Kind::Webrtc };
    Access::new(true).enter(wish, Proof::None, Now::read()).expect("an open house")
}

fn start(camera: &Camera) -> WebRtc {
    WebRtc::start(config(), camera.hub.clone()).expect("the sink starts")
}

/// A client that was answered, not yet connected.
fn joining(sink: &WebRtc, key: &StreamKey, options: Options) -> (Client, Answer) {
    let (mut client, offer) = Client::new(options);
    let answer = sink.offer(key, Keeps::WhileBorne, &offer, peer(), free()).expect("an answer");
    client.accept(&answer.sdp);
    (client, answer)
}

fn viewers(sink: &WebRtc, count: usize) -> bool {
    within(|| sink.metrics().viewers == count)
}

/// Waits for what another thread does.
fn within(mut done: impl FnMut() -> bool) -> bool {
    for _ in 0..2000 {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn a_viewer_gets_the_whole_group_at_once_and_then_live() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(20);
    let sink = start(&camera);
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.frames().len() >= 20), "{} frames came", client.frames().len());
    let frames = client.frames();
    assert_eq!(frames[0].1, camera.packets_of(true));
    assert!(frames.windows(2).all(|w| w[1].0 == w[0].0 + 1), "one tick apart: {frames:?}");
    let seqs: Vec<u64> = client.in_order().iter().map(|p| p.seq).collect();
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "one run of numbers");
    assert!(client.packets.iter().all(|p| p.delay == Some((0, 0))), "playout delay on every packet");
    camera.frame(false);
    assert!(client.run(|c| c.frames().len() == 21));
    let frames = client.frames();
    assert_eq!(i64::from(frames[20].0 - frames[19].0), TICKS, "live goes on from the burst's end");
    let metrics = sink.metrics();
    assert_eq!((metrics.viewers, metrics.half_open, metrics.joins_burst, metrics.sessions_total), (1, 0, 1, 1));
    assert!(metrics.packets_sent as usize >= client.packets.len());
    assert!(camera.hub.stream(&camera.key).expect("the stream").status().readers == 1);
}

#[test]
fn without_playout_delay_the_times_are_the_cameras() {
    let mut camera = Camera::new(Codec::H265);
    camera.group(5);
    let sink = start(&camera);
    let options = Options { playout_delay: false, ..Options::default() };
    let (mut client, _) = joining(&sink, &camera.key, options);
    assert!(client.run(|c| c.frames().len() == 5));
    assert!(client.frames().windows(2).all(|w| i64::from(w[1].0 - w[0].0) == TICKS));
    assert!(client.packets.iter().all(|p| p.delay.is_none()));
}

#[test]
fn ipv6_works_like_ipv4() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(3);
    let sink = start(&camera);
    let options = Options { ip: "::1".parse().expect("an address"), ..Options::default() };
    let (mut client, _) = joining(&sink, &camera.key, options);
    assert!(client.run(|c| c.frames().len() == 3));
}

#[test]
fn a_wildcard_socket_answers_from_the_address_it_was_asked_on() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(3);
    let bind = vec!["0.0.0.0:0".parse().expect("an address")];
    let advertise = vec![IpAddr::from([127, 0, 0, 2])];
    let config = WebRtcConfig { bind, advertise, ..config() };
    let sink = WebRtc::start(config, camera.hub.clone()).expect("the sink starts");
    let (mut client, answer) = joining(&sink, &camera.key, Options::default());
    assert!(answer.sdp.contains(" 127.0.0.2 "), "{}", answer.sdp);
    assert!(client.run(|c| c.frames().len() == 3));
}

#[test]
fn lost_packets_are_sent_again() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(1);
    let sink = start(&camera);
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.frames().len() == 1));
    // A gap is seen by what comes after it, so the last ones arrive. Not every
    // fifth: a resend must not meet the same fate each time.
    let mut dice = 1u32;
    client.lose = Box::new(move |index| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        dice >> 24 < 51 && index < 60
    });
    for count in 2..=40 {
        camera.frame(false);
        client.run_for(Duration::from_millis(10), &mut |c| c.frames().len() >= count);
    }
    let complete = camera.packets_of(true) + 39 * camera.packets_of(false);
    let whole = client.run(|c| c.in_order().len() == complete);
    let seqs: Vec<u64> = client.in_order().iter().map(|p| p.seq - client.packets[0].seq).collect();
    assert!(whole, "{} of {complete} packets: {seqs:?}", seqs.len());
    assert_eq!(client.frames().len(), 40);
}

#[test]
fn a_lost_picture_is_answered_from_the_hub() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(10);
    let sink = start(&camera);
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.frames().len() == 10));
    client.ask_for_key();
    assert!(client.run(|c| c.frames().len() == 20), "the group comes again");
    let frames = client.frames();
    assert!(frames.windows(2).all(|w| w[1].0 > w[0].0), "time never goes back");
    assert_eq!(frames[10].1, camera.packets_of(true), "beginning with its key frame");
    camera.frame(false);
    assert!(client.run(|c| c.frames().len() == 21));
    let frames = client.frames();
    assert!(frames[20].0 > frames[19].0);
    assert_eq!(i64::from(frames[20].0 - frames[9].0), TICKS, "live kept its own time");
}

#[test]
fn a_long_group_waits_for_the_next_key_frame() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(60);
    let sink = start(&camera);
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.connected));
    assert!(viewers(&sink, 1));
    camera.frame(false);
    camera.group(2);
    assert!(client.run(|c| c.frames().len() == 2));
    assert_eq!(client.frames()[0].1, camera.packets_of(true));
    let metrics = sink.metrics();
    assert_eq!((metrics.joins_burst, metrics.joins_waited), (0, 1));
}

#[test]
fn sound_goes_along() {
    let mut camera = Camera::with_tracks(vec![video_track(Codec::H264), sound_track(Codec::Pcma, 8000)]);
    camera.group(2);
    let sink = start(&camera);
    let (mut client, answer) = joining(&sink, &camera.key, Options { audio: true, ..Options::default() });
    assert!(answer.sdp.contains("PCMA/8000"));
    assert!(client.run(|c| c.packets.iter().filter(|p| p.marker).count() >= 2));
    camera.sound(8000);
    camera.sound(8160);
    let sound = |c: &Client| c.packets.iter().filter(|p| p.pt == 8).cloned().collect::<Vec<_>>();
    assert!(client.run(|c| sound(c).len() == 2));
    let packets = sound(&client);
    assert_eq!((packets[1].time - packets[0].time, packets[1].seq - packets[0].seq), (160, 1));
    assert!(packets.iter().all(|p| p.payload == [7; 160] && p.delay.is_none()));
}

#[test]
fn sound_beside_the_small_picture_that_becomes_another_is_negotiated_anew() {
    let pictures = video_track(Codec::Mpeg4);
    let mut main = Camera::with_tracks(vec![pictures.clone(), sound_track(Codec::Pcma, 8000)]);
    let mut sub = main.sub(Codec::H264);
    sub.frame(true);
    let sink = start(&main);
    let (mut client, _) = joining(&sink, &main.key, Options { audio: true, ..Options::default() });
    assert!(client.run(|c| !c.packets.is_empty()), "the small picture comes, as the large one is not understood");
    main.sound(8000);
    assert!(client.run(|c| c.packets.iter().any(|p| p.pt == PCMA)), "with the large one's sound");
    main.set_tracks(vec![pictures, sound_track(Codec::Aac, 48_000)]);
    main.sound(8160);
    assert!(client.run(|c| c.closed), "nothing else than was agreed on is sent as that");
    assert_eq!(client.packets.iter().filter(|p| p.pt == PCMA).count(), 1);
}

fn sound_track(codec: Codec, clock_rate: u32) -> Track {
    Track { id: 1, kind: TrackKind::Audio, codec, clock_rate, channels: 1, fmtp: String::new() }
}

#[test]
fn a_session_ends_when_either_side_wants() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(2);
    let sink = start(&camera);
    let (mut first, answer) = joining(&sink, &camera.key, Options::default());
    let (mut second, _) = joining(&sink, &camera.key, Options::default());
    assert!(first.run(|c| c.frames().len() == 2) && second.run(|c| c.frames().len() == 2));
    assert!(viewers(&sink, 2));
    let candidate = "a=candidate:1 1 udp 1 127.0.0.1 1 typ host\r\n";
    assert!(sink.trickle(Way::Out, &answer.session, Some(&answer.etag), candidate).is_ok());
    let other =
        sink.trickle(Way::In, &answer.session, Some(&answer.etag), candidate).expect_err("it publishes nothing");
    assert_eq!(other.kind, WhepErrorKind::NotFound);
    let restart = sink.trickle(Way::Out, &answer.session, None, "a=ice-ufrag:new\r\n").expect_err("no restart");
    assert_eq!(restart.kind, WhepErrorKind::Unsupported);
    assert!(sink.end(&answer.session));
    assert!(!sink.end(&answer.session), "it ends once");
    assert!(!sink.end("nonsense") && !sink.end(&"0".repeat(32)));
    assert!(first.run(|c| c.closed), "the browser is told");
    second.rtc.close().expect("a goodbye");
    second.run_for(Duration::from_millis(50), &mut |_| false);
    assert!(viewers(&sink, 0));
    let gone = sink.trickle(Way::Out, &answer.session, None, "").expect_err("it is gone");
    assert_eq!(gone.kind, WhepErrorKind::NotFound);
    assert!(within(|| camera.hub.stream(&camera.key).expect("the stream").status().readers == 0));
}

#[test]
fn sessions_end_with_their_stream_its_codec_and_the_sink() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(2);
    let sink = start(&camera);
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.frames().len() == 2));
    camera.set_tracks(vec![video_track(Codec::H265)]);
    camera.frame(true);
    assert!(client.run(|c| c.closed), "another codec needs another answer");
    camera.set_tracks(vec![video_track(Codec::H264)]);
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.connected));
    sink.end_stream(&StreamKey::parse("other").expect("a key"));
    sink.end_stream(&camera.key);
    assert!(client.run(|c| c.closed));
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.connected));
    sink.stop();
    assert!(client.run(|c| c.closed));
}

#[test]
fn who_vanishes_is_freed() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(2);
    let config = WebRtcConfig { vanish_after: Duration::from_millis(300), ..config() };
    let sink = WebRtc::start(config, camera.hub.clone()).expect("the sink starts");
    let (mut client, _) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.connected));
    drop(client);
    assert!(within(|| sink.metrics().vanished_total == 1));
    assert_eq!(sink.metrics().viewers, 0);
}

#[test]
fn a_thousand_half_open_sessions_are_bounded() {
    let camera = Camera::new(Codec::H264);
    let config = WebRtcConfig { max_half_open: 1000, max_half_open_per_ip: 400, ..config() };
    let sink = WebRtc::start(config, camera.hub.clone()).expect("the sink starts");
    let offer = browser_offer();
    let mut refused = 0;
    for index in 0..1050u32 {
        let peer = IpAddr::from([192, 0, 2, (index % 3) as u8]);
        if let Err(error) = sink.offer(&camera.key, Keeps::WhileBorne, &offer, peer, free()) {
            assert_eq!(error.kind, WhepErrorKind::TooMany, "{error}");
            refused += 1;
        }
    }
    let metrics = sink.metrics();
    assert_eq!((refused, metrics.refused_total, metrics.half_open), (50, 50, 1000));
}

#[test]
fn half_open_sessions_of_one_network_are_those_of_one_caller() {
    let camera = Camera::new(Codec::H264);
    let config = WebRtcConfig { max_half_open_per_ip: 1, ..config() };
    let sink = WebRtc::start(config, camera.hub.clone()).expect("the sink starts");
    let offer = browser_offer();
    let ask = |peer: &str| {
        let peer = peer.parse().expect("an address");
        sink.offer(&camera.key, Keeps::WhileBorne, &offer, peer, free()).map_err(|error| error.kind).map(drop)
    };
    assert_eq!(ask("2001:db8:0:1::1"), Ok(()));
    assert_eq!(ask("2001:db8:0:1:ffff::2"), Err(WhepErrorKind::TooMany), "of the same /64");
    assert_eq!(ask("2001:db8:0:2::1"), Ok(()));
    assert_eq!(ask("192.0.2.1"), Ok(()));
    assert_eq!(ask("::ffff:192.0.2.1"), Err(WhepErrorKind::TooMany), "the same, written otherwise");
}

#[test]
fn whose_right_is_withdrawn_while_he_is_answered_has_no_session() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(2);
    let sink = start(&camera);
    let access = Access::new(true);
    let ticket =
        access.enter(Wish { key: &camera.key, kind: Kind::Webrtc }, Proof::None, Now::read()).expect("an open house");
    access.revoke(Revocation { camera: Some("cam1".into()), ..Revocation::default() }, Now::read());
    let (mut client, offer) = Client::new(Options::default());
    let answer = sink.offer(&camera.key, Keeps::WhileBorne, &offer, peer(), ticket).expect("an answer");
    client.accept(&answer.sdp);
    assert!(!client.run_for(Duration::from_secs(1), &mut |c| c.connected), "nobody is there");
    assert_eq!((sink.metrics().half_open, sink.end(&answer.session)), (0, false));
}

#[test]
fn half_open_sessions_are_freed() {
    let camera = Camera::new(Codec::H264);
    let config = WebRtcConfig { vanish_after: Duration::from_millis(200), max_half_open: 20, ..config() };
    let sink = WebRtc::start(config, camera.hub.clone()).expect("the sink starts");
    let offer = browser_offer();
    for _ in 0..30 {
        let _ = sink.offer(&camera.key, Keeps::WhileBorne, &offer, peer(), free());
    }
    assert!(within(|| sink.metrics().half_open == 0), "{} left", sink.metrics().half_open);
    assert!(sink.offer(&camera.key, Keeps::WhileBorne, &offer, peer(), free()).is_ok(), "there is room again");
}

#[test]
fn bad_offers_are_refused_by_kind() {
    let camera = Camera::new(Codec::H265);
    let sink = start(&camera);
    let kind = |key: &str, offer: &str| {
        let key = StreamKey::parse(key).expect("a key");
        sink.offer(&key, Keeps::WhileBorne, offer, peer(), free()).expect_err("refused")
    };
    assert_eq!(kind("cam9", &browser_offer()).kind, WhepErrorKind::NotFound);
    assert_eq!(kind("cam1", "garbage").kind, WhepErrorKind::Invalid);
    let codec = kind("cam1", &browser_offer());
    assert!(matches!(codec.kind, WhepErrorKind::NoCommonCodec { .. }), "{codec:?}");
    assert_eq!(codec.message, "cam1/main sends H265, this browser takes VP8, H264");
    let audio_only = browser_offer().replace("m=video", "m=text");
    assert_eq!(kind("cam1", &audio_only).kind, WhepErrorKind::Invalid);
    camera.hub.ensure(&StreamKey::parse("dark").expect("a key"));
    assert_eq!(kind("dark", &browser_offer()).kind, WhepErrorKind::Unavailable);
    assert_eq!(sink.metrics().refused_total, 5);
}

#[test]
fn noise_on_the_port_harms_nobody() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(2);
    let sink = start(&camera);
    let (mut client, answer) = joining(&sink, &camera.key, Options::default());
    let noise = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let ufrag = answer.sdp.lines().find_map(|l| l.strip_prefix("a=ice-ufrag:")).expect("a fragment");
    let mut forged = vec![0, 1, 0, 20, 0x21, 0x12, 0xa4, 0x42];
    forged.extend_from_slice(&[0; 12]);
    forged.extend_from_slice(&[0, 6, 0, 18]);
    forged.extend_from_slice(ufrag.as_bytes());
    forged.extend_from_slice(b":x");
    for packet in [&forged[..], &[], &[0; 30], &[0x16; 2000], &[0x80, 96, 0, 1], &[255; 12]] {
        noise.send_to(packet, sink.local_addrs()[0]).expect("send");
    }
    assert!(client.run(|c| c.frames().len() == 2));
    noise.set_nonblocking(true).expect("non-blocking");
    assert!(noise.recv(&mut [0; 100]).is_err(), "noise is not answered");
}

#[test]
fn a_paused_viewer_is_sent_no_picture_and_goes_on_from_the_cached_group() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(5);
    let sink = start(&camera);
    let (mut client, answer) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.frames().len() == 5));
    assert!(sink.pause(&answer.session, true) && !sink.pause("0", true));
    let stream = camera.hub.stream(&camera.key).expect("the stream");
    assert!(within(|| stream.status().readers == 0), "nothing is read for it");
    let before = client.packets.len();
    camera.group(8);
    client.run_for(Duration::from_millis(300), &mut |_| false);
    assert_eq!(client.packets.len(), before, "nothing is sent");
    assert!(viewers(&sink, 1), "the session lives");

    assert!(sink.pause(&answer.session, false));
    assert!(client.run(|c| c.frames().len() == 13), "the cached group comes at once");
    camera.frame(false);
    assert!(client.run(|c| c.frames().len() == 14));
    let seqs: Vec<u64> = client.in_order().iter().map(|p| p.seq).collect();
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "one run of numbers");
    let times: Vec<u32> = client.frames().iter().map(|f| f.0).collect();
    assert!(times.windows(2).all(|w| w[0] < w[1]), "times go on: {times:?}");
}

#[test]
fn without_playout_delay_a_paused_viewer_goes_on_at_the_next_key_frame() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(5);
    let sink = start(&camera);
    let options = Options { playout_delay: false, ..Options::default() };
    let (mut client, answer) = joining(&sink, &camera.key, options);
    assert!(client.run(|c| c.frames().len() == 5));
    let stream = camera.hub.stream(&camera.key).expect("the stream");
    assert!(sink.pause(&answer.session, true) && within(|| stream.status().readers == 0));
    assert!(sink.pause(&answer.session, false) && within(|| stream.status().readers == 1));
    camera.frame(false);
    camera.group(3);
    assert!(client.run(|c| c.frames().len() == 8), "{} frames", client.frames().len());
    let times: Vec<u32> = client.frames().iter().map(|f| f.0).collect();
    assert!(times.windows(2).all(|w| w[0] < w[1]), "times go on: {times:?}");
}

#[test]
fn a_camera_that_changed_meanwhile_ends_a_paused_session() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(3);
    let sink = start(&camera);
    let (mut client, answer) = joining(&sink, &camera.key, Options::default());
    assert!(client.run(|c| c.frames().len() == 3));
    assert!(sink.pause(&answer.session, true));
    let stream = camera.hub.stream(&camera.key).expect("the stream");
    assert!(within(|| stream.status().readers == 0));
    camera.set_tracks(vec![video_track(Codec::H265)]);
    assert!(sink.pause(&answer.session, false));
    assert!(client.run(|c| c.closed), "the browser has to ask anew");
}

#[test]
fn who_has_no_udp_watches_by_tcp() {
    let mut camera = Camera::new(Codec::H264);
    camera.group(20);
    let sink = start(&camera);
    let options = Options { tcp: true, ..Options::default() };
    let (mut client, answer) = joining(&sink, &camera.key, options);
    assert!(client.run(|c| c.frames().len() >= 20), "{} frames came", client.frames().len());
    camera.frame(false);
    assert!(client.run(|c| c.frames().len() == 21));
    let seqs: Vec<u64> = client.in_order().iter().map(|p| p.seq).collect();
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "nothing is lost on the way");
    assert_eq!(sink.metrics().packets_sent, 0, "none of it went by UDP");
    assert!(sink.end(&answer.session));
    assert!(client.run(|c| c.closed), "it is told before the connection ends");
    assert!(client.hung_up(), "and the connection ends");
}

#[test]
fn connections_that_are_no_sessions_are_hung_up_and_capped() {
    let camera = Camera::new(Codec::H264);
    let sink = start(&camera);
    let at = sink.tcp_addrs()[0];
    let ended = |first: &[u8]| {
        let mut stream = TcpStream::connect(at).expect("a connection");
        stream.write_all(first).expect("room");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        matches!(stream.read(&mut [0]), Ok(0) | Err(_))
    };
    assert!(ended(b"GET / HTTP/1.1\r\n\r\n"), "longer than any datagram");
    assert!(ended(&[0, 3, 1, 2, 3]), "no check of ICE");
    let idle: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(at).expect("a connection")).collect();
    let hung_up = idle.iter().filter(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        matches!((&**stream).read(&mut [0]), Ok(0))
    });
    assert_eq!(hung_up.count(), 8, "so many of one address may wait");
}
