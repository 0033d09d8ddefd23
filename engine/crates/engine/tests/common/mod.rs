//! What the engine's tests share: an engine on free ports, and patience.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vms_camsim::{Farm, FarmConfig};
use vms_engine::{DesiredState, Engine, EngineConfig, StreamReport};

/// Longer than any test takes that passes.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn engine() -> Engine {
    engine_that_calls("null")
}

/// An engine that calls cameras in these networks only.
pub fn engine_that_calls(networks: &str) -> Engine {
    engine_with(networks, 400)
}

/// The same; a stream is down after so many milliseconds without video.
pub fn engine_with(networks: &str, no_video_ms: u64) -> Engine {
    start(networks, no_video_ms, "null")
}

/// An engine whose listeners speak TLS too, by a pair of PEM files.
pub fn engine_with_tls(certificate: &Path, key: &Path) -> Engine {
    let (certificate, key) = (certificate.display(), key.display());
    let tls = format!(
        r#"{{"certificate": "{certificate}", "key": "{key}", "origin": false, "players": false, "strict_transport": false}}"#
    );
    start("null", 400, &tls)
}

fn start(networks: &str, no_video_ms: u64, tls: &str) -> Engine {
    let config = r#"{
        "front": {"bind": "127.0.0.1:0", "api_socket": "/nonexistent/api.sock", "open": true, "tls": TLS},
        "rtsp": {"bind": "127.0.0.1:0"},
        "webrtc": {"http_bind": "127.0.0.1:0", "udp_bind": ["127.0.0.1:0"]},
        "backoff_ms": [20, 100], "no_video_ms": NO_VIDEO, "allowed_networks": NETWORKS
    }"#
    .replace("NETWORKS", networks)
    .replace("TLS", tls)
    .replace("NO_VIDEO", &no_video_ms.to_string());
    Engine::start(&EngineConfig::from_json(config.as_bytes()).expect("a good configuration")).expect("free ports")
}

/// One simulated camera, eight times as fast as a real one, so that tests are
/// short; `user` is the name and password it asks for.
pub fn farm(user: Option<(&str, &str)>) -> Farm {
    let vector = |name: &str| PathBuf::from(format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR")));
    Farm::start(FarmConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        cameras: 1,
        main: vector("camera.h264"),
        sub: vector("camera.h265"),
        main_fps: 200.0,
        sub_fps: 200.0,
        audio: false,
        sound: vms_camsim::Sound::default(),
        user: user.map(|(name, password)| (name.to_owned(), password.to_owned())),
    })
    .expect("a farm")
}

/// Sets the camera's fault, given as JSON; `null` takes it back.
pub fn fault(farm: &Farm, json: &str) {
    farm.fault(&format!(r#"{{"camera": 1, "fault": {json}}}"#)).expect(json);
}

/// One camera with one stream.
pub fn wish(generation: u64, url: &str, enabled: bool) -> DesiredState {
    wish_by(generation, url, "tcp", enabled)
}

pub fn wish_by(generation: u64, url: &str, transport: &str, enabled: bool) -> DesiredState {
    let json = format!(
        r#"{{"generation": {generation}, "cameras": [{{"id": "gate", "enabled": {enabled},
            "streams": {{"main": {{"url": "{url}", "transport": "{transport}"}}}}}}]}}"#
    );
    DesiredState::from_json(json.as_bytes()).expect("a good state")
}

/// Waits for a stream of which `test` holds.
pub fn until(engine: &Engine, what: &str, test: impl Fn(&StreamReport) -> bool) -> StreamReport {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reports = engine.streams();
        if let Some(report) = reports.iter().find(|report| test(report)) {
            return report.clone();
        }
        assert!(Instant::now() < deadline, "{what} did not come about: {reports:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn code(report: &StreamReport) -> Option<&'static str> {
    report.reason.as_ref().map(vms_sources::Reason::code)
}
