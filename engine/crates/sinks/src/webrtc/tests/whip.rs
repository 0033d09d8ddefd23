//! Publishers: real ones, over real sockets, to a source that waits for them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use vms_access::{Access, Kind, Now, Proof, Ticket, Wish};
use vms_hub::{Hub, HubConfig, Next, Reader, ReaderKind, StreamKey, Wake};
use vms_media::{Codec, TrackKind, packetise};
use vms_sources::{
    Arrivals, BackOff, Dialer, Policy, RtpIntake, ServerClock, Shared, Source, SourceConfig, Timeouts, Transport,
};

use super::client::{Client, Options};
use super::negotiation::browser_offer;
use crate::webrtc::answer::{Refusal, Way, take};
use crate::webrtc::sdp::Offer;
use crate::webrtc::{Publishing, WebRtc, WebRtcConfig, WhepErrorKind};

const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0c, 0x03, 0xc5,
    0x8b, 0x92,
];
const PPS: &[u8] = &[0x68, 0xcb, 0x8c, 0xb2];

/// A sink and a stream that waits for its publisher.
struct Rig {
    sink: WebRtc,
    hub: Hub,
    key: StreamKey,
    source: Option<Source>,
    runtime: Runtime,
}

struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

fn peer() -> IpAddr {
    IpAddr::from([127, 0, 0, 1])
}

fn ticket(key: &StreamKey) -> Ticket {
    let wish = Wish { key, kind: Kind::Publish };
    Access::new(true).enter(wish, Proof::None, Now::read()).expect("an open house")
}

impl Rig {
    fn start(address: &str) -> Self {
        let hub = Hub::new(HubConfig::default());
        let (arrivals, clock) = (Arrivals::default(), Arc::<ServerClock>::default());
        let config = WebRtcConfig {
            bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            shards: 2,
            publishing: Some(Publishing { arrivals: arrivals.clone(), clock: clock.clone() }),
            ..WebRtcConfig::default()
        };
        let sink = WebRtc::start(config, hub.clone()).expect("the sink starts");
        let key = StreamKey::parse("gate").expect("a good name");
        let shared = Shared {
            hub: hub.clone(),
            clock,
            dialer: Dialer::new(Policy::default()),
            arrivals: arrivals.clone(),
            timeouts: Timeouts { open: Duration::from_secs(5), no_video: Duration::from_secs(5) },
            back_off: BackOff { min: Duration::from_millis(10), max: Duration::from_millis(20) },
            listener: Arc::new(|_| {}),
            linger: Duration::ZERO,
            media_dir: None,
        };
        let runtime = Runtime::new().expect("threads");
        let source = {
            let _inside = runtime.enter();
            let (address, transport) = (address.to_owned(), Transport::Tcp);
            Source::start(SourceConfig { key: key.clone(), address, backup: None, transport, on_demand: false }, shared)
        };
        let rig = Self { sink, hub, key, source: Some(source), runtime };
        assert!(within(|| arrivals.would_take(&rig.key).is_ok()), "it waits");
        rig
    }

    fn publisher(&self) -> (Client, String) {
        let (mut client, offer) = Client::new(Options { publishes: true, ..Options::default() });
        let answer = self.sink.publish(&self.key, &offer, peer(), ticket(&self.key)).expect("an answer");
        client.accept(&answer.sdp);
        assert!(client.run(|c| c.connected));
        (client, answer.session)
    }

    /// A reader of the stream, once it is there.
    fn reader(&self) -> Option<Reader> {
        let stream = self.hub.stream(&self.key)?;
        Some(stream.subscribe(ReaderKind::Live { burst: true }, Arc::new(NoWake)))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            self.runtime.block_on(source.stop());
        }
    }
}

fn within(mut done: impl FnMut() -> bool) -> bool {
    for _ in 0..2000 {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// The packets' payloads of one picture.
fn picture(number: usize, key: bool) -> Vec<(Vec<u8>, bool)> {
    let mut slice = vec![number as u8 | 1; if key { 5_000 } else { 2_000 }];
    slice[..2].copy_from_slice(if key { &[0x65, 0x88] } else { &[0x41, 0x9a] });
    let nals: &[&[u8]] = if key { &[SPS, PPS, &slice] } else { &[&slice] };
    let mut unit = Vec::new();
    for nal in nals {
        unit.extend((nal.len() as u32).to_be_bytes());
        unit.extend_from_slice(nal);
    }
    packetise(&Codec::H264, &unit.into()).iter().map(|p| (p.bytes.to_vec(), p.marker)).collect()
}

/// Sends pictures until `done`; a key frame first, every tenth, and where asked.
fn play(client: &mut Client, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    for number in 0.. {
        let asked = std::mem::take(&mut client.keys_asked) > 0;
        client.send_picture(&picture(number, number == 0 || asked), number as u32 * 3_600);
        client.run_for(Duration::from_millis(10), &mut |_| false);
        if done() {
            return true;
        }
        if Instant::now() > end {
            break;
        }
    }
    false
}

/// How many pictures a reader got in one unbroken run.
fn count(reader: &mut Option<Reader>, rig: &Rig, whole: &mut usize) -> usize {
    if reader.is_none() {
        *reader = rig.reader();
    }
    while let Some(Next::Frame(delivery)) = reader.as_mut().map(Reader::next) {
        let frame = &delivery.frame;
        assert_eq!(frame.kind, TrackKind::Video);
        *whole = if frame.key || *whole > 0 { *whole + 1 } else { 0 };
    }
    *whole
}

#[test]
fn who_publishes_is_seen_and_is_waited_for_again_when_he_left() {
    let rig = Rig::start("publish:");
    let (mut client, session) = rig.publisher();
    assert_eq!(rig.sink.metrics().publishers, 1);
    let (mut reader, mut whole) = (None, 0);
    assert!(play(&mut client, || count(&mut reader, &rig, &mut whole) >= 25), "{whole} pictures came");
    let status = rig.hub.stream(&rig.key).expect("a stream").status();
    assert_eq!((status.codec.as_deref(), status.width.is_some()), (Some("h264"), true));

    let (_, second) = Client::new(Options { publishes: true, ..Options::default() });
    let refused = rig.sink.publish(&rig.key, &second, peer(), ticket(&rig.key)).expect_err("it has one");
    assert_eq!(refused.kind, WhepErrorKind::Busy);
    assert!(refused.message.contains("publish:replace"), "{refused}");

    assert!(!rig.sink.end(&session), "it watches nothing");
    assert!(rig.sink.unpublish(&session) && !rig.sink.unpublish(&session));
    assert!(client.run(|c| c.closed), "it is told");
    assert!(within(|| rig.sink.publish(&rig.key, &second, peer(), ticket(&rig.key)).is_ok()), "the place is free");
    assert!(within(|| rig.sink.metrics().publishers == 0));
}

#[test]
fn lost_packets_come_again_and_cost_no_picture() {
    let rig = Rig::start("publish:");
    let (mut client, _) = rig.publisher();
    // One of eleven, whatever it is the first time.
    client.lose_sent = Box::new(|index| index % 11 == 5);
    let (mut reader, mut whole) = (None, 0);
    let mut ticks = 0;
    let done = play(&mut client, || {
        ticks += 1;
        count(&mut reader, &rig, &mut whole) >= 60
    });
    assert!(done, "{whole} pictures came");
    assert!(client.resent > 10, "{} came again", client.resent);
    assert!(whole + 40 >= ticks, "{whole} pictures of {ticks}");
}

#[test]
fn a_picture_that_stays_lost_is_followed_by_a_key_frame_that_was_asked_for() {
    let rig = Rig::start("publish:");
    let (mut client, _) = rig.publisher();
    let (mut reader, mut whole) = (None, 0);
    assert!(play(&mut client, || count(&mut reader, &rig, &mut whole) >= 5));
    client.keys_asked = 0;
    let mut asked = 0;
    client.lose_all = true;
    for number in 1_000..1_005 {
        client.send_picture(&picture(number, false), number as u32 * 3_600);
        client.run_for(Duration::from_millis(10), &mut |_| false);
    }
    // They leave one after another.
    assert!(client.run(|c| c.lost >= 10), "{} were lost", client.lost);
    client.forget_sent();
    client.lose_all = false;
    let end = Instant::now() + Duration::from_secs(5);
    let mut number = 1_005;
    while asked == 0 && Instant::now() < end {
        client.send_picture(&picture(number, false), number as u32 * 3_600);
        client.run_for(Duration::from_millis(10), &mut |_| false);
        asked = client.keys_asked;
        number += 1;
    }
    assert!(asked > 0, "nobody asked for a key frame");
}

#[test]
fn who_connects_and_sends_nothing_takes_nobodys_place() {
    let rig = Rig::start("publish:replace");
    let (_silent, _) = rig.publisher();
    let (mut client, _) = rig.publisher();
    let (mut reader, mut whole) = (None, 0);
    assert!(play(&mut client, || count(&mut reader, &rig, &mut whole) >= 5));
    let (mut second, _) = rig.publisher();
    assert!(!client.closed, "the second has shown nothing yet");
    second.send_picture(&picture(0, true), 0);
    second.run_for(Duration::from_millis(50), &mut |_| false);
    assert!(client.run(|c| c.closed), "the second has taken its place");
}

#[test]
fn who_is_not_waited_for_and_what_cannot_be_used_is_refused() {
    let rig = Rig::start("publish:");
    let publish = |name: &str, sdp: &str| {
        let key = StreamKey::parse(name).expect("a good name");
        rig.sink.publish(&key, sdp, peer(), ticket(&key)).expect_err("refused").kind
    };
    let sends = browser_offer().replace("a=recvonly", "a=sendonly");
    assert_eq!(publish("yard", &sends), WhepErrorKind::NotFound);
    for bad in ["", "v=0", &browser_offer(), &sends.replace("H264", "THEORA").replace("VP8", "CINEPAK")] {
        assert_eq!(publish("gate", bad), WhepErrorKind::Invalid, "{bad}");
    }
    let without = WebRtcConfig { bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..WebRtcConfig::default() };
    let sink = WebRtc::start(without, rig.hub.clone()).expect("the sink starts");
    let refused = sink.publish(&rig.key, &sends, peer(), ticket(&rig.key)).expect_err("it takes nobody");
    assert_eq!(refused.kind, WhepErrorKind::NotFound);
}

#[test]
fn h264_that_is_cut_is_taken_first_and_sound_where_both_know_it() {
    let sends = browser_offer().replace("a=recvonly", "a=sendonly");
    let offer = Offer::parse(&sends).expect("an offer");
    let agreed = take(&offer).expect("an agreement");
    assert_eq!((agreed.way, agreed.video.pt, agreed.video.rtx), (Way::In, 102, Some(103)));
    let audio = agreed.audio.expect("sound").track();
    assert_eq!((audio.codec, audio.clock_rate, audio.channels, audio.id), (Codec::Opus, 48_000, 2, 1));
    assert_eq!(agreed.video.track().channels, 0);

    let whole = sends.replace("packetization-mode=1", "packetization-mode=0");
    assert_eq!(take(&Offer::parse(&whole).expect("an offer")).expect("an agreement").video.pt, 102);
    let both = Offer::parse(&browser_offer()).expect("an offer");
    assert_eq!(take(&both), Err(Refusal::VideoLine), "it only receives");
}

#[test]
fn who_has_no_h264_sends_the_first_of_his_codecs_that_is_known() {
    let sends = browser_offer().replace("a=recvonly", "a=sendonly").replace(" H264/", " THEORA/");
    for (name, codec) in [("VP8", Codec::Vp8), ("VP9", Codec::Vp9), ("AV1", Codec::Av1), ("H265", Codec::H265)] {
        let offer = Offer::parse(&sends.replace("VP8", name)).expect("an offer");
        let video = take(&offer).expect("an agreement").video;
        assert_eq!((video.pt, video.rtx), (96, Some(97)), "{name}");
        let track = video.track();
        assert_eq!((&track.codec, track.kind, track.clock_rate), (&codec, TrackKind::Video, 90_000));
        assert!(RtpIntake::new(vec![track], Arc::default()).is_some(), "{name} is put together");
    }
    let unknown = Offer::parse(&sends.replace("VP8", "JPEG")).expect("an offer");
    assert!(matches!(take(&unknown), Err(Refusal::CommonCodec { .. })));
}
