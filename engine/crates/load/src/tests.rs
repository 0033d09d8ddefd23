//! Whole runs against the real sinks, with a camera that writes the time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use vms_access::{Access, Kind, Now, Proof, Wish};
use vms_hub::{Hub, HubConfig, StreamKey};
use vms_media::{Codec, Frame, Timing, Track, TrackKind, utc_sei_h264};
use vms_sinks::rtsp::RtspServer;
use vms_sinks::webrtc::{Keeps, WebRtc, WebRtcConfig};

use crate::args::{Command, Relaying, Viewing, parse};
use crate::viewers::utc_us;
use crate::{LoadError, archive, relay, rtsp, webrtc};

/// A camera of 50 frames a second, a key frame each fifth of one.
struct Camera {
    hub: Hub,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    fn start() -> Self {
        let hub = Hub::new(HubConfig::default());
        let key = StreamKey::parse("cam1").expect("a key");
        let track = Track::video(Codec::H264);
        let mut publisher = hub.publish(&key, vec![track]);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            for number in 0i64.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                publisher.push(frame(number));
                let next = Duration::from_millis(20 * (number as u64 + 1));
                std::thread::sleep(next.saturating_sub(begun.elapsed()));
            }
        });
        Self { hub, stop, thread: Some(thread) }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the camera's thread");
        }
    }
}

fn frame(number: i64) -> Frame {
    let utc = utc_us();
    let key = number % 10 == 0;
    let mut slice = vec![if key { 0x65 } else { 0x41 }, 0x88];
    slice.resize(3000, 1);
    let mut data = Vec::new();
    for nal in [utc_sei_h264(utc), slice] {
        data.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        data.extend_from_slice(&nal);
    }
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 0,
        number: 0,
        key,
        discontinuity: false,
        dts: number * 1800,
        pts: number * 1800,
        timing: Timing { utc_us: utc, error_us: None },
        data: data.into(),
    }
}

/// The servers under test, on a runtime of their own.
struct Servers {
    camera: Camera,
    sink: WebRtc,
    runtime: tokio::runtime::Runtime,
    rtsp: SocketAddr,
    whep: SocketAddr,
    _server: RtspServer,
}

impl Servers {
    fn start() -> Self {
        let camera = Camera::start();
        let config = WebRtcConfig { bind: vec![loopback()], ..WebRtcConfig::default() };
        let sink = WebRtc::start(config, camera.hub.clone()).expect("the sink");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let guard = runtime.enter();
        let server = RtspServer::start(loopback(), camera.hub.clone(), Access::new(true)).expect("the RTSP server");
        let rtsp = server.address();
        drop(guard);
        let whep = runtime.block_on(listen(sink.clone()));
        Self { camera, sink, runtime, rtsp, whep, _server: server }
    }

    fn viewing(&self, url: String, viewers: usize, seconds: f64) -> Viewing {
        Viewing {
            url,
            viewers,
            seconds: Duration::from_secs_f64(seconds),
            joins_per_second: 50.0,
            pid: Some(std::process::id()),
            threads: 1,
            watch: viewers,
            cameras: 1,
            stay: None,
            via: None,
        }
    }

    fn whep_url(&self) -> String {
        format!("http://{}/cam{{}}/whep", self.whep)
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A WHEP server as small as can be.
async fn listen(sink: WebRtc) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(loopback()).await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.expect("a connection");
            let sink = sink.clone();
            let service = service_fn(move |request| answer(sink.clone(), peer, request));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    address
}

async fn answer(sink: WebRtc, peer: SocketAddr, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let path = request.uri().path().to_owned();
    let (status, location, body) = if request.method() == Method::DELETE {
        let ended = sink.end(path.trim_start_matches("/whep/"));
        (if ended { 200 } else { 404 }, None, String::new())
    } else {
        let offer = request.into_body().collect().await?.to_bytes();
        let key = StreamKey::parse(path.trim_end_matches("/whep")).expect("a key");
        let wish = Wish { key: &key, kind: Kind::Webrtc };
        let ticket = Access::new(true).enter(wish, Proof::None, Now::read()).expect("an open house");
        match sink.offer(&key, Keeps::WhileBorne, std::str::from_utf8(&offer).expect("text"), peer.ip(), ticket) {
            Ok(answer) => (201, Some(format!("/whep/{}", answer.session)), answer.sdp),
            Err(error) => (404, None, error.to_string()),
        }
    };
    let mut response = Response::builder().status(status);
    if let Some(location) = location {
        response = response.header("Location", location);
    }
    Ok(response.body(Full::from(body)).expect("a response"))
}

#[test]
fn webrtc_viewers_are_measured() {
    let servers = Servers::start();
    let mut options = servers.viewing(servers.whep_url(), 3, 2.0);
    options.watch = 2;
    let report = webrtc::run(options).expect("a report");
    assert_eq!((report.connected, report.failed, report.starved), (3, 0, 0), "{report:?}");
    assert_eq!((report.first_key_ms.samples, report.lost_packets), (3, 0), "{report:?}");
    assert!(report.frames > 200 && report.viewer_mbit.min > 0.8, "{report:?}");
    assert!(report.latency_ms.samples > 20 && report.latency_ms.p50 < 500.0, "{report:?}");
    assert!(report.process.is_some_and(|p| p.rss_bytes > 0));
    assert_eq!(servers.sink.metrics().sessions_total, 3);
}

#[test]
fn viewers_may_come_and_go() {
    let servers = Servers::start();
    let mut options = servers.viewing(servers.whep_url(), 1, 1.5);
    options.joins_per_second = 10.0;
    options.stay = Some(Duration::from_millis(400));
    let report = webrtc::run(options).expect("a report");
    assert!(report.viewers > 10 && report.first_key_ms.samples > 5, "{report:?}");
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(servers.sink.metrics().sessions_total > 10);
}

#[test]
fn a_lossy_relay_costs_no_pictures() {
    let servers = Servers::start();
    let options = Relaying {
        listen: loopback(),
        to: servers.sink.local_addrs()[0],
        loss_percent: 5.0,
        seed: 3,
        delay: Duration::ZERO,
    };
    let (tell, told) = std::sync::mpsc::channel();
    servers.runtime.spawn(async move {
        relay::serve(&options, |listening| {
            tell.send(listening.listening).map_err(|_| LoadError::Server("nobody waits".into()))
        })
        .await
    });
    let mut viewing = servers.viewing(servers.whep_url(), 1, 2.0);
    viewing.via = Some(told.recv().expect("an address"));
    let report = webrtc::run(viewing).expect("a report");
    assert_eq!((report.connected, report.starved), (1, 0), "{report:?}");
    assert!(report.frames > 60, "{report:?}");
}

#[test]
fn rtsp_readers_are_measured() {
    let servers = Servers::start();
    let mut options = servers.viewing(format!("rtsp://{}/cam1", servers.rtsp), 3, 2.0);
    options.watch = 2;
    let report = rtsp::run(options).expect("a report");
    assert_eq!((report.connected, report.failed, report.starved), (3, 0, 0), "{report:?}");
    assert_eq!((report.first_key_ms.samples, report.lost_packets), (3, 0), "{report:?}");
    assert!(report.frames > 200 && report.latency_ms.samples > 20, "{report:?}");
    let leaving = Viewing {
        stay: Some(Duration::from_millis(200)),
        seconds: Duration::from_millis(600),
        ..servers.viewing(format!("rtsp://{}/cam1", servers.rtsp), 1, 1.0)
    };
    assert!(rtsp::run(leaving).expect("a report").viewers > 10);
}

#[test]
fn failures_are_told() {
    let servers = Servers::start();
    let nowhere = servers.viewing(servers.whep_url().replace("cam{}", "cam9"), 1, 0.1);
    let report = webrtc::run(nowhere).expect("a report");
    assert_eq!((report.failed, report.starved), (1, 0));
    assert!(report.failures[0].contains("404"), "{report:?}");
    for url in ["http://x", "rtsp://127.0.0.1:1/cam1"] {
        let report = rtsp::run(servers.viewing(url.to_owned(), 1, 0.1)).expect("a report");
        assert_eq!(report.failed, 1, "{report:?}");
    }
    let unknown = servers.viewing(format!("rtsp://{}/cam9", servers.rtsp), 1, 0.1);
    assert!(rtsp::run(unknown).expect("a report").failures[0].contains("DESCRIBE"));
    let closed = servers.viewing("http://127.0.0.1:1/whep".into(), 1, 0.1);
    assert_eq!(webrtc::run(closed).expect("a report").failed, 1);
    assert!(servers.camera.hub.stream(&StreamKey::parse("cam9").expect("a key")).is_none());
    let gone = Viewing { pid: Some(u32::MAX), ..servers.viewing("rtsp://x".into(), 1, 0.1) };
    assert!(rtsp::run(gone).is_err());
}

fn words(line: &str) -> Result<Command, LoadError> {
    parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn the_command_line_is_read() {
    let line = "webrtc --whep http://h/cam{}/whep --viewers 3 --seconds 1.5 --cameras 2 --pid 7 --via 127.0.0.1:9";
    let Ok(Command::WebRtc(options)) = words(line) else { panic!("{line}") };
    assert_eq!((options.viewers, options.pid, options.watch), (3, Some(7), 3));
    let watched = |watch| {
        let options = Viewing { viewers: 10, watch, ..options.clone() };
        (0..20).filter(|viewer| options.watches(*viewer)).collect::<Vec<_>>()
    };
    assert_eq!((watched(0), watched(2), watched(10).len()), (vec![], vec![0, 5, 10, 15], 20));
    assert_eq!(options.seconds, Duration::from_millis(1500));
    let urls: Vec<String> = (0..3).map(|i| options.url_of(i)).collect();
    assert_eq!(urls, ["http://h/cam1/whep", "http://h/cam2/whep", "http://h/cam1/whep"]);
    assert!(matches!(words("rtsp --url rtsp://h/c --readers 2 --seconds 1"), Ok(Command::Rtsp(_))));
    let Ok(Command::Relay(relay)) = words("relay --to 127.0.0.1:8189 --loss 1.5 --delay-ms 7") else { panic!() };
    assert_eq!((relay.loss_percent, relay.delay), (1.5, Duration::from_millis(7)));
    for (line, word) in [
        ("", "command"),
        ("dance", "dance"),
        ("rtsp --url x --readers 1", "--seconds"),
        ("rtsp --url x --readers many --seconds 1", "many"),
        ("rtsp --url x --readers 1 --seconds -1", "-1"),
        ("relay --to nowhere", "nowhere"),
        ("relay --to 127.0.0.1:1 --colour red", "--colour"),
        ("relay to", "\"to\""),
        ("relay --to", "--to"),
    ] {
        let error = words(line).expect_err(line).to_string();
        assert!(error.contains(word), "{error} should name {word}");
    }
}

#[test]
fn an_archive_of_days_gone_by_is_found_and_proves_itself() {
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors");
    let data = std::env::temp_dir().join(format!("vms-load-{}", std::process::id()));
    let (from_us, hour_us) = (1_795_244_400_000_000, 3_600_000_000);
    let words = format!(
        "archive --data {} --video {} --from-us {from_us} --hours 3 --every 2 --seconds 6 --cameras 2",
        data.display(),
        vectors.join("camera.h264").display()
    );
    let Ok(Command::Archive(options)) = parse(words.split(' ').map(str::to_owned)) else { panic!("{words}") };
    let made = archive::run(&options).expect("written");
    assert_eq!((made.from_us, made.to_us), (from_us, from_us + 2 * hour_us + 6_000_000));
    let mut fragments = 0;
    for camera in ["cam1", "cam2"] {
        let mut tree = vms_format::verify::Tree::new();
        let mut files = Vec::new();
        collect(&data.join("recordings/cameras"), &mut files);
        let bytes: Vec<_> = files.iter().map(|path| std::fs::read(path).expect("a file")).collect();
        for (path, bytes) in files.iter().zip(&bytes) {
            let below = path.strip_prefix(data.join("recordings/cameras")).expect("below").display().to_string();
            if below.starts_with(&format!("{camera}/")) {
                tree.insert(below, bytes);
            }
        }
        let report = vms_format::verify::verify(camera, &tree, &vms_format::verify::Options::default()).expect("reads");
        assert!(report.genuine, "{:?}", report.findings);
        fragments += report.fragments;
    }
    assert_eq!(fragments, made.fragments);
    std::fs::remove_dir_all(&data).expect("the folder goes");
}

fn collect(folder: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}
