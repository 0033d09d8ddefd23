//! The listener on a real socket, and callers of all kinds.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use vms_access::{Access, Now, Rules, StreamKeyRule};
use vms_hub::{Hub, HubConfig, Publisher, StreamKey};
use vms_media::{Codec, Frame, Timing, Track, TrackKind, TsDemuxer, TsItem};
use vms_sources::Arrivals;
use vms_srt::{Connection, End, Identity, Passphrase, Reject, Settings};

use super::{SrtConfig, SrtMeans, SrtServer};

const LIMIT: Duration = Duration::from_secs(15);
/// Datagrams, so that none waits until the socket has no more room.
const MOST_AT_ONCE: usize = 64;
const BETWEEN_PICTURES: Duration = Duration::from_millis(20);
/// Bytes.
const PICTURE: usize = 5_000;
const SECRET: &str = "a secret that is long";
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44];

struct Bench {
    server: SrtServer,
    hub: Hub,
    access: Access,
}

fn rule(id: &str, publish: bool, cameras: &[&str]) -> StreamKeyRule {
    StreamKeyRule {
        id: id.into(),
        secret: SECRET.into(),
        city: None,
        cameras: (!cameras.is_empty()).then(|| cameras.iter().map(|camera| (*camera).to_owned()).collect()),
        expires_s: 0,
        audio: true,
        publish,
    }
}

fn bench(open: bool) -> Bench {
    let hub = Hub::new(HubConfig::default());
    let access = Access::new(open);
    let stream_keys = vec![rule("viewer", false, &[]), rule("other", false, &["elsewhere"]), rule("sender", true, &[])];
    let cities: BTreeMap<_, _> = [("gate".to_owned(), "local".to_owned())].into();
    access.apply(Rules { stream_keys, cities, ..Rules::default() }, Now::read());
    let means =
        SrtMeans { hub: hub.clone(), access: access.clone(), arrivals: Arrivals::default(), clock: Arc::default() };
    let config = SrtConfig { bind: ([127, 0, 0, 1], 0).into(), latency: Duration::from_millis(20) };
    Bench { server: SrtServer::start(&config, means).expect("a free port"), hub, access }
}

fn key() -> StreamKey {
    StreamKey::parse("gate").expect("a good name")
}

fn track() -> Track {
    Track::video(Codec::H264)
}

fn picture(n: i64, length: usize) -> Frame {
    let slice = [&[0x65, 0x88][..], &vec![7; length]].concat();
    let nals = [SPS, &[0x68, 0xce, 0x3c, 0x80, 1], &slice];
    let data: Vec<u8> = nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat()).collect();
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 0,
        number: 0,
        key: true,
        discontinuity: false,
        dts: n * 3_600,
        pts: n * 3_600,
        timing: Timing { utc_us: 1_000_000_000 + n * 40_000, error_us: None },
        data: data.into(),
    }
}

fn publish(hub: &Hub) -> Publisher {
    hub.publish(&key(), vec![track()])
}

/// A caller on its own socket.
struct Caller {
    socket: UdpSocket,
    connection: Connection,
}

impl Caller {
    fn new(bench: &Bench, stream_id: &str, secret: Option<&str>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.connect(bench.server.address()).expect("an address");
        socket.set_read_timeout(Some(Duration::from_millis(2))).expect("a pause");
        let settings = Settings {
            stream_id: stream_id.into(),
            latency: Duration::from_millis(20),
            passphrase: secret.map(|secret| Passphrase::new(secret).expect("long enough")),
            ..Settings::default()
        };
        Self { socket, connection: Connection::call(settings, Identity::random(), Instant::now()) }
    }

    fn turn(&mut self) {
        self.turn_without(|_| false);
    }

    /// Data packets begin with a bit that is 0 (draft-sharabayko-srt, section 3).
    fn turn_without(&mut self, mut lost: impl FnMut(&[u8]) -> bool) {
        let mut out = Vec::new();
        while self.connection.poll_output(&mut out, Instant::now()) {
            self.socket.send(&out).expect("sent");
            out.clear();
        }
        let mut buffer = [0; 2048];
        for _ in 0..MOST_AT_ONCE {
            let Ok(length) = self.socket.recv(&mut buffer) else { return };
            if !lost(&buffer[..length]) {
                self.connection.input(&buffer[..length], Instant::now());
            }
        }
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Connection) -> bool) {
        let end = Instant::now() + LIMIT;
        while !done(&mut self.connection) {
            assert!(Instant::now() < end, "not in time: {what}");
            self.turn();
        }
    }

    /// Open, or why not.
    fn answered(mut self) -> Result<Self, End> {
        self.until("an answer", |connection| connection.is_open() || connection.end().is_some());
        match self.connection.end() {
            None => Ok(self),
            Some(end) => Err(end),
        }
    }
}

#[test]
fn who_is_let_in_and_why_others_are_not() {
    let bench = bench(false);
    bench.hub.ensure(&key());
    let wrong = "another secret of some length";
    let table = [
        ("read:gate:viewer", Some(SECRET), Ok(())),
        ("read:gate/main:viewer", Some(SECRET), Ok(())),
        ("read:gate:viewer", Some(wrong), Err(Reject::WrongPassphrase)),
        ("read:gate:nobody", Some(SECRET), Err(Reject::Unauthorized)),
        ("read:gate:viewer", None, Err(Reject::Unauthorized)),
        ("read:gate", None, Err(Reject::Unauthorized)),
        ("read:gate:other", Some(SECRET), Err(Reject::NotFound)),
        ("read:nowhere:viewer", Some(SECRET), Err(Reject::NotFound)),
        ("read:gate:sender", Some(SECRET), Err(Reject::Forbidden)),
        ("publish:gate:viewer", Some(SECRET), Err(Reject::Forbidden)),
        ("publish:gate:sender", Some(SECRET), Err(Reject::NotFound)),
        ("publish:gate:sender:a secret that is long", None, Err(Reject::NotFound)),
        ("publish:gate:sender:a secret that is wrong", None, Err(Reject::Unauthorized)),
        ("gate", None, Err(Reject::BadRequest)),
        ("", None, Err(Reject::BadRequest)),
    ];
    for (id, secret, expected) in table {
        let answered = Caller::new(&bench, id, secret).answered().map(drop);
        assert_eq!(answered, expected.map_err(End::Refused), "{id} {secret:?}");
    }
    assert_eq!(bench.server.metrics().refused.load(Ordering::Relaxed), 13);
}

#[test]
fn a_viewer_sees_the_newest_picture_first_and_every_one_after_it() {
    for (open, id, secret) in [(true, "read:gate", None), (false, "read:gate:viewer", Some(SECRET))] {
        let bench = bench(open);
        let mut publisher = publish(&bench.hub);
        assert!(publisher.push(picture(0, 5_000)));
        let mut viewer = Caller::new(&bench, id, secret).answered().expect("it may");
        let mut demuxer = TsDemuxer::default();
        let mut times = Vec::new();
        for n in 1..=20 {
            assert!(publisher.push(picture(n, 5_000)));
            viewer.until("the picture", |connection| {
                let mut items = Vec::new();
                while let Some(payload) = connection.take(Instant::now()) {
                    demuxer.push(&payload, &mut items);
                }
                times.extend(items.iter().map(|item| match item {
                    TsItem::Unit { unit, .. } => unit.timestamp,
                    TsItem::Lost(reason) => panic!("lost: {reason:?}"),
                }));
                times.len() as i64 >= n
            });
        }
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 3_600), "{times:?}");
    }
}

#[test]
fn a_viewer_whose_right_or_stream_is_gone_is_let_go() {
    let bench = bench(false);
    let _publisher = publish(&bench.hub);
    let mut viewer = Caller::new(&bench, "read:gate:viewer", Some(SECRET)).answered().expect("it may");
    bench.access.apply(Rules::default(), Now::read());
    viewer.until("the end", |connection| connection.end() == Some(End::PeerClosed));

    let bench = self::bench(true);
    let _publisher = publish(&bench.hub);
    let mut viewer = Caller::new(&bench, "read:gate", None).answered().expect("it may");
    bench.server.end_stream(&key());
    viewer.until("the end", |connection| connection.end() == Some(End::PeerClosed));
    assert_eq!(bench.access.sessions(), 0, "places are given back");
}

/// One that sends nothing back but keep-alives loses its own packets alone.
#[test]
fn a_viewer_that_takes_nothing_slows_nobody() {
    let bench = bench(true);
    let mut publisher = publish(&bench.hub);
    let stuck = Caller::new(&bench, "read:gate", None).answered().expect("it may");
    let mut good = Caller::new(&bench, "read:gate", None).answered().expect("it may");
    let mut came = 0;
    for n in 0..100 {
        assert!(publisher.push(picture(n, 60_000)));
        good.until("the picture", |connection| {
            while let Some(payload) = connection.take(Instant::now()) {
                came += payload.len();
            }
            came >= (n as usize + 1) * 60_000
        });
    }
    drop(stuck);
    // It falls silent and is forgotten.
    let end = Instant::now() + Duration::from_secs(8);
    while bench.server.metrics().readers.load(Ordering::Relaxed) > 1 {
        assert!(Instant::now() < end, "the silent one is still there");
        good.turn();
        while good.connection.take(Instant::now()).is_some() {}
    }
}

/// Its path bears one packet in two seconds, so that it hears that we are there;
/// who watches beside it watches on.
#[test]
fn a_viewer_that_loses_packets_for_ten_seconds_on_end_is_let_go() {
    let bench = bench(true);
    let mut publisher = publish(&bench.hub);
    let mut lossy = Caller::new(&bench, "read:gate", None).answered().expect("it may");
    let mut good = Caller::new(&bench, "read:gate", None).answered().expect("it may");
    let (begun, mut came) = (Instant::now(), 0);
    let mut heard = begun;
    let mut pictures = 0u32;
    let metrics = bench.server.metrics();
    while metrics.too_slow.load(Ordering::Relaxed) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is still there");
        if begun.elapsed() > BETWEEN_PICTURES * pictures {
            assert!(publisher.push(picture(pictures.into(), PICTURE)));
            pictures += 1;
        }
        good.turn();
        while let Some(payload) = good.connection.take(Instant::now()) {
            came += payload.len();
        }
        lossy.turn_without(|datagram| {
            let is_data = datagram[0] & 0x80 == 0;
            let lost = is_data && heard.elapsed() < Duration::from_secs(2);
            if !lost {
                heard = Instant::now();
            }
            lost
        });
    }
    let after = begun.elapsed();
    assert!(after >= Duration::from_secs(10), "{after:?}");
    lossy.until("the end", |connection| connection.end().is_some());
    assert_eq!((metrics.too_slow.load(Ordering::Relaxed), metrics.readers.load(Ordering::Relaxed)), (1, 1));
    // On a machine that stands still even this one loses what is later than its latency.
    let shown = PICTURE * pictures as usize;
    assert!(came * 2 > shown, "{came} of {shown} bytes");
}
