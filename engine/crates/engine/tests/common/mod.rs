//! What the engine's tests share: an engine on free ports, and patience.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
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

/// A folder of this test's own with a pair of PEM files, removed in the end.
pub struct Pair {
    /// In DER.
    pub certificate: Vec<u8>,
    folder: PathBuf,
}

impl Pair {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("vms-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let pem = |kind: &str, der: &[u8]| {
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
        };
        std::fs::write(folder.join("certificate.pem"), pem("CERTIFICATE", pair.cert.der())).expect("a file");
        std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", pair.signing_key.serialized_der())).expect("a file");
        Self { certificate: pair.cert.der().to_vec(), folder }
    }

    /// What an engine is told of it.
    fn section(&self) -> String {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| self.folder.join(name));
        let (certificate, key) = (certificate.display(), key.display());
        format!(
            r#"{{"certificate": "{certificate}", "key": "{key}", "origin": false, "players": false, "strict_transport": false}}"#
        )
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).expect("a folder of ours");
    }
}

/// The same; a stream is down after so many milliseconds without video.
pub fn engine_with(networks: &str, no_video_ms: u64) -> Engine {
    start(networks, no_video_ms, 10_000, "null")
}

/// An engine whose listeners speak TLS too.
pub fn engine_with_tls(pair: &Pair) -> Engine {
    start("null", 400, 10_000, &pair.section())
}

/// The same; streams on demand are left after so many milliseconds.
pub fn engine_that_relays(pair: &Pair, linger_ms: u64) -> Engine {
    start("null", 2_000, linger_ms, &pair.section())
}

fn start(networks: &str, no_video_ms: u64, linger_ms: u64, tls: &str) -> Engine {
    let config = r#"{
        "front": {"bind": "127.0.0.1:0", "api_socket": "/nonexistent/api.sock", "open": true, "tls": TLS},
        "rtsp": {"bind": "127.0.0.1:0"},
        "rtmp": {"bind": "127.0.0.1:0"},
        "webrtc": {"http_bind": "127.0.0.1:0", "udp_bind": ["127.0.0.1:0"]},
        "backoff_ms": [20, 100], "no_video_ms": NO_VIDEO, "linger_ms": LINGER, "allowed_networks": NETWORKS
    }"#
    .replace("NETWORKS", networks)
    .replace("TLS", tls)
    .replace("NO_VIDEO", &no_video_ms.to_string())
    .replace("LINGER", &linger_ms.to_string());
    Engine::start(&EngineConfig::from_json(config.as_bytes()).expect("a good configuration")).expect("free ports")
}

/// One simulated camera, eight times as fast as a real one, so that tests are
/// short; `user` is the name and password it asks for.
pub fn farm(user: Option<(&str, &str)>) -> Farm {
    farm_of("camera.h264", user)
}

/// The same with large pictures.
pub fn large_farm() -> Farm {
    farm_of("slices.h264", None)
}

fn farm_of(main: &str, user: Option<(&str, &str)>) -> Farm {
    let vector = |name: &str| PathBuf::from(format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR")));
    Farm::start(FarmConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        cameras: 1,
        main: vector(main),
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
