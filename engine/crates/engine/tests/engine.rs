//! The engine over real sockets: a camera (a stream served by our own RTSP
//! server from synthetic frames) comes in, and goes out again.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{PATIENCE, code, engine, loopback, until, wish};
use vms_access::Access;
use vms_engine::{DesiredState, Engine, EngineConfig, Kind};
use vms_hub::{Hub, HubConfig, StreamKey};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};
use vms_sinks::rtsp::RtspServer;
use vms_sources::State;

/// Parameter sets of a 640x360 baseline stream.
const SPS: &[u8] = &hex::<25>("6742c01ed900a02ff97011000003000100000300320f162e48");
const PPS: &[u8] = &hex::<5>("68cb83cb20");

/// A camera that sends 25 small frames a second.
struct Camera {
    runtime: tokio::runtime::Runtime,
    server: Option<RtspServer>,
    address: SocketAddr,
    hub: Hub,
    sending: Arc<AtomicBool>,
}

impl Camera {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let hub = Hub::new(HubConfig::default());
        let server = {
            let _inside = runtime.enter();
            RtspServer::start(loopback(), hub.clone(), Access::new(true)).expect("a free port")
        };
        let address = server.address();
        let sending = Arc::new(AtomicBool::new(true));
        runtime.spawn(send(hub.clone(), sending.clone()));
        Self { runtime, server: Some(server), address, hub, sending }
    }

    fn url(&self) -> String {
        format!("rtsp://{}/cam", self.address)
    }

    fn switch_off(&mut self) {
        self.server = None;
    }

    fn switch_on(&mut self) {
        let _inside = self.runtime.enter();
        let deadline = Instant::now() + PATIENCE;
        while self.server.is_none() && Instant::now() < deadline {
            self.server = RtspServer::start(self.address, self.hub.clone(), Access::new(true)).ok();
        }
        assert!(self.server.is_some(), "the port is free again");
    }
}

async fn send(hub: Hub, sending: Arc<AtomicBool>) {
    let track = Track::video(Codec::H264);
    let mut publisher = hub.publish(&StreamKey::parse("cam").expect("a good name"), vec![track]);
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    for number in 0_i64.. {
        ticks.tick().await;
        if sending.load(Ordering::Relaxed) {
            publisher.push(frame(number));
        }
    }
}

fn frame(number: i64) -> Frame {
    let key = number % 25 == 0;
    let mut data = Vec::new();
    let slice = [if key { 0x65 } else { 0x41 }, 0x88, 0x84].iter().copied().chain([7; 3000]).collect::<Vec<u8>>();
    let nals: Vec<&[u8]> = if key { vec![SPS, PPS, &slice] } else { vec![&slice] };
    for nal in nals {
        data.extend_from_slice(&u32::try_from(nal.len()).expect("small").to_be_bytes());
        data.extend_from_slice(nal);
    }
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 0,
        number: 0,
        key,
        discontinuity: false,
        dts: number * 3_600,
        pts: number * 3_600,
        timing: Timing { utc_us: number * 40_000, error_us: None },
        data: Bytes::from(data),
    }
}

const fn hex<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = digit(bytes[2 * i]) * 16 + digit(bytes[2 * i + 1]);
        i += 1;
    }
    out
}

const fn digit(byte: u8) -> u8 {
    if byte >= b'a' { byte - b'a' + 10 } else { byte - b'0' }
}

/// Plays a stream over TCP and returns the first `frames` RTP timestamps.
fn play(address: SocketAddr, path: &str, packets: usize) -> Vec<u32> {
    let mut socket = TcpStream::connect(address).expect("the server listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let url = format!("rtsp://{address}/{path}");
    let setup = format!("{url}/trackID=0");
    let tcp = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    for (i, (method, url, extra)) in
        [("DESCRIBE", &url, ""), ("SETUP", &setup, tcp), ("PLAY", &url, "")].iter().enumerate()
    {
        write!(socket, "{method} {url} RTSP/1.0\r\nCSeq: {i}\r\n{extra}\r\n").expect("the server reads");
        let answer = read_answer(&mut socket);
        assert!(answer.starts_with("RTSP/1.0 200"), "{method}: {answer}");
    }
    (0..packets).map(|_| read_packet(&mut socket)).collect()
}

fn read_answer(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("an answer");
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).expect("text");
    let length = text
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse::<usize>()))
        .map_or(0, |n| n.expect("a number"));
    socket.read_exact(&mut vec![0; length]).expect("a body");
    text
}

fn read_packet(socket: &mut TcpStream) -> u32 {
    let mut head = [0; 4];
    socket.read_exact(&mut head).expect("a packet");
    assert_eq!(head[0], b'$');
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
    socket.read_exact(&mut body).expect("its body");
    if head[1] == 0 { u32::from_be_bytes([body[4], body[5], body[6], body[7]]) } else { read_packet(socket) }
}

#[test]
fn a_camera_comes_in_and_goes_out() {
    let camera = Camera::start();
    let engine = engine();
    let applied = engine.apply(&wish(1, &camera.url(), true)).expect("a new state");
    assert_eq!(applied.started, ["gate/main"]);
    let report = until(&engine, "live", |r| r.state == State::Live && r.width.is_some());
    assert_eq!((report.codec.as_deref(), report.width, report.height), (Some("h264"), Some(640), Some(360)));
    let times = play(engine.addresses().rtsp, "gate", 40);
    assert!(times.windows(2).all(|w| w[1].wrapping_sub(w[0]) < 90_000), "times go on: {times:?}");
    assert!(engine.metrics().contains("vms_camera_status{camera=\"gate\",stream=\"main\"} 1"));
    assert!(engine.metrics().contains("\nvms_memory_usage "), "the process tells what it uses");
    let again = engine.apply(&wish(2, &camera.url(), true)).expect("the same state");
    assert!(again.started.is_empty() && again.changed.is_empty(), "what stays the same is not touched");
}

#[test]
fn a_camera_that_leaves_comes_back_by_itself() {
    let mut camera = Camera::start();
    let engine = engine();
    engine.apply(&wish(1, &camera.url(), true)).expect("a new state");
    until(&engine, "live", |r| r.state == State::Live);
    camera.switch_off();
    until(&engine, "refused", |r| code(r) == Some("connection_refused"));
    camera.switch_on();
    let report = until(&engine, "live again", |r| r.state == State::Live);
    assert!(report.reconnects > 0);
    let events = engine.journal().drain();
    let cursors: Vec<u64> = events.iter().map(|event| event.cursor).collect();
    assert!(cursors.windows(2).all(|w| w[1] == w[0] + 1), "the journal has no hole");
    assert!(events.iter().any(|event| event.state == Some(State::BackingOff) && event.reason.is_some()));
}

#[test]
fn a_camera_without_video_stalls_and_goes_on() {
    let camera = Camera::start();
    let engine = engine();
    engine.apply(&wish(1, &camera.url(), true)).expect("a new state");
    until(&engine, "live", |r| r.state == State::Live);
    camera.sending.store(false, Ordering::Relaxed);
    until(&engine, "stalled", |r| r.state == State::Stalled && code(r) == Some("no_video"));
    camera.sending.store(true, Ordering::Relaxed);
    until(&engine, "live again", |r| r.state == State::Live);
}

#[test]
fn each_failure_has_its_reason() {
    let camera = Camera::start();
    let silent = std::net::TcpListener::bind(loopback()).expect("a free port");
    let closed = std::net::TcpListener::bind(loopback()).expect("a free port").local_addr().expect("an address");
    let web = web_server();
    let table = [
        (format!("rtsp://{closed}/x"), "connection_refused"),
        (format!("rtsp://{}/nobody", camera.address), "stream_not_found"),
        (format!("rtsp://{web}/x"), "not_rtsp"),
        ("rtsp://nobody.invalid/x".to_owned(), "dns"),
        (format!("gopher://{closed}/x"), "bad_url"),
    ];
    for (url, expected) in table {
        let engine = engine();
        engine.apply(&wish(1, &url, true)).expect("a new state");
        until(&engine, expected, |r| code(r) == Some(expected));
    }
    drop(silent);
}

/// Something that is no camera.
fn web_server() -> SocketAddr {
    let listener = std::net::TcpListener::bind(loopback()).expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let mut socket = socket;
            let mut request = [0; 512];
            if socket.read(&mut request).is_ok() {
                // A client that has gone already is no fault.
                let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    address
}

#[test]
fn a_camera_switched_off_is_off_and_one_removed_is_gone() {
    let camera = Camera::start();
    let mut engine = engine();
    engine.apply(&wish(1, &camera.url(), true)).expect("a new state");
    until(&engine, "live", |r| r.state == State::Live);
    let applied = engine.apply(&wish(2, &camera.url(), false)).expect("a new state");
    assert_eq!(applied.changed, ["gate/main"]);
    until(&engine, "off", |r| r.state == State::Off && code(r) == Some("disabled"));
    let none = DesiredState::from_json(br#"{"generation": 3, "cameras": []}"#).expect("a good state");
    assert_eq!(engine.apply(&none).expect("a new state").stopped, ["gate/main"]);
    assert!(engine.streams().is_empty());
    let old = engine.apply(&wish(2, &camera.url(), true)).expect_err("an older generation");
    assert_eq!(old.kind, Kind::Conflict);
    engine.stop();
    let stopped = engine.apply(&wish(4, &camera.url(), true)).expect_err("after stop");
    assert_eq!(stopped.kind, Kind::Unavailable);
}

#[test]
fn bad_wishes_and_configurations_are_refused_with_words() {
    let state = |json: &str| DesiredState::from_json(json.as_bytes()).expect_err(json).message;
    assert!(state(r#"{"generation": 1, "cameras": [], "x": 1}"#).contains("unknown field"));
    assert!(state(r#"{"generation": 1, "cameras": [{"id": "main", "streams": {}}]}"#).contains("main"));
    let twice = r#"{"generation": 1, "cameras": [{"id": "a", "streams": {}}, {"id": "a", "streams": {}}]}"#;
    assert!(state(twice).contains("twice"));
    let config = |front: &str, more: &str| {
        let json = format!(
            r#"{{"front": {{"bind": "{front}", "api_socket": "/x", "open": true}}, "rtsp": {{"bind": "127.0.0.1:0"}},
                "webrtc": {{"http_bind": "127.0.0.1:0", "udp_bind": []}}{more}}}"#
        );
        EngineConfig::from_json(json.as_bytes()).expect_err("a bad configuration").message
    };
    assert!(config("0.0.0.0:0", "").contains("loopback"));
    assert!(config("127.0.0.1:0", r#", "backoff_ms": [5, 1]"#).contains("backoff_ms"));
    assert!(config("127.0.0.1:0", r#", "no_video_ms": 5"#).contains("no_video_ms"));
    assert!(config("nonsense", "").contains("engine configuration"));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind(loopback()).expect("a free port");
    let address = taken.local_addr().expect("an address");
    let json = format!(
        r#"{{"front": {{"bind": "{address}", "api_socket": "/x", "open": true}}, "rtsp": {{"bind": "127.0.0.1:0"}},
            "webrtc": {{"http_bind": "127.0.0.1:0", "udp_bind": ["127.0.0.1:0"]}}}}"#
    );
    let config = EngineConfig::from_json(json.as_bytes()).expect("a good configuration");
    let error = Engine::start(&config).err().expect("the port is taken");
    assert_eq!(error.kind, Kind::Conflict);
    assert!(error.message.contains(&address.port().to_string()), "{}", error.message);
}
