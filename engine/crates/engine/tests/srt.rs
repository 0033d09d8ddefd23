//! ffmpeg publishes by SRT, plays by SRT, and another stream calls us by SRT;
//! who shows no right key is refused, and told why.

mod common;

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{code, until};
use vms_engine::{DesiredState, Engine, EngineConfig, StreamReport};
use vms_sources::State;

const SECRET: &str = "a secret that is long";

fn engine(open: bool) -> Engine {
    let config = r#"{
        "front": {"bind": "127.0.0.1:0", "api_socket": "/nonexistent/api.sock", "open": OPEN},
        "rtsp": {"bind": "127.0.0.1:0"},
        "webrtc": {"http_bind": "127.0.0.1:0", "udp_bind": ["127.0.0.1:0"]},
        "srt": {"bind": "127.0.0.1:0", "latency_ms": 60},
        "backoff_ms": [20, 100], "no_video_ms": 2000
    }"#
    .replace("OPEN", &open.to_string());
    Engine::start(&EngineConfig::from_json(config.as_bytes()).expect("a good configuration")).expect("free ports")
}

fn port(engine: &Engine) -> SocketAddr {
    engine.addresses().srt.expect("it listens")
}

/// `gate` waits for a publisher, `twin` calls our own listener for it.
fn apply(engine: &Engine, options: &str) {
    let json = format!(
        r#"{{"generation": 1, "cameras": [
            {{"id": "gate", "streams": {{"main": {{"url": "publish:"}}}}}},
            {{"id": "twin", "streams": {{"main": {{"url": "srt://{}?{options}&latency=60"}}}}}}],
            "access": {{"stream_keys": [
                {{"id": "sender", "secret": "{SECRET}", "publish": true}},
                {{"id": "viewer", "secret": "{SECRET}", "audio": true}}]}}}}"#,
        port(engine)
    );
    engine.apply(&DesiredState::from_json(json.as_bytes()).expect("a good state")).expect("a new state");
}

/// Ended with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn publish(address: &str, sound: &str) -> Running {
    let child = Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-c:a", sound])
        .args(["-f", "mpegts", address])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Running(child.expect("ffmpeg is missing: scripts/require.sh ffmpeg"))
}

/// What ffprobe finds in a second: `h264,25` and `aac,...`, or its complaint.
fn probe(address: &str) -> Result<String, String> {
    let told = Command::new("ffprobe")
        .args(["-v", "error", "-read_intervals", "%+1", "-count_packets"])
        .args(["-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", address])
        .output()
        .expect("ffprobe is missing: scripts/require.sh ffmpeg");
    if told.status.success() {
        Ok(String::from_utf8_lossy(&told.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&told.stderr).into_owned())
    }
}

fn live(name: &'static str) -> impl Fn(&StreamReport) -> bool {
    move |report| report.camera == name && report.state == State::Live
}

fn packets(found: &str, codec: &str) -> u32 {
    let line = found.lines().find_map(|line| line.strip_prefix(codec)?.strip_prefix(','));
    line.and_then(|count| count.trim_end_matches(',').parse().ok()).unwrap_or(0)
}

fn plays_through(open: bool, publisher: &str, viewer: &str, (sound, codec): (&str, &str)) {
    let engine = engine(open);
    apply(&engine, &format!("{viewer}&pbkeylen=32").replace(' ', "%20"));
    let waiting = until(&engine, "waiting", |report| report.camera == "gate" && report.reason.is_some());
    assert_eq!(code(&waiting), Some("no_publisher"));
    let sender = publish(&format!("srt://{}?{publisher}", port(&engine)), sound);
    let gate = until(&engine, "the publisher", live("gate"));
    assert_eq!(gate.codec.as_deref(), Some("h264"));
    let twin = until(&engine, "the caller", live("twin"));
    assert_eq!((twin.width, twin.height), (Some(320), Some(180)));
    let found = probe(&format!("srt://{}?{viewer}", port(&engine))).expect("it plays");
    assert!(packets(&found, "h264") >= 20 && packets(&found, codec) >= 20, "{found}");
    let metrics = engine.metrics();
    assert!(metrics.contains("vms_srt_publishers 1"), "{metrics}");
    drop(sender);
    // Killed: it says nothing, and is missed; until then its place is taken.
    until(&engine, "its end", |report| report.camera == "gate" && report.state == State::Connecting);
    let _again = publish(&format!("srt://{}?{publisher}", port(&engine)), sound);
    until(&engine, "the publisher's return", live("gate"));
}

#[test]
fn ffmpeg_publishes_and_plays_where_nobody_is_asked() {
    plays_through(true, "streamid=publish:gate", "streamid=read:gate", ("libopus", "opus"));
}

#[test]
fn ffmpeg_publishes_and_plays_encrypted_by_stream_keys() {
    plays_through(
        false,
        &format!("streamid=publish:gate:sender&passphrase={SECRET}&pbkeylen=24"),
        &format!("streamid=read:gate:viewer&passphrase={SECRET}"),
        ("aac", "aac"),
    );
}

#[test]
fn who_shows_no_right_key_is_refused_and_a_second_publisher_too() {
    let engine = engine(false);
    apply(&engine, "streamid=read:gate:viewer&passphrase=not%20the%20secret");
    let refused = until(&engine, "the refusal", |report| {
        report.camera == "twin" && report.reason.as_ref().is_some_and(|reason| reason.code() != "no_publisher")
    });
    assert_eq!(code(&refused), Some("wrong_password"));
    let at = port(&engine);
    let table = [
        format!("srt://{at}?streamid=read:gate:viewer&passphrase=not the secret"),
        format!("srt://{at}?streamid=read:gate:viewer"),
        format!("srt://{at}?streamid=gate&passphrase={SECRET}"),
        format!("srt://{at}?streamid=read:nowhere:viewer&passphrase={SECRET}"),
    ];
    for address in table {
        assert!(probe(&address).is_err(), "{address}");
    }
    let key = format!("srt://{at}?streamid=publish:gate:sender&passphrase={SECRET}");
    let _first = publish(&key, "aac");
    until(&engine, "the publisher", live("gate"));
    let mut second = publish(&key, "aac");
    let ended = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        second.0.try_wait().expect("a child")
    });
    assert!(ended.is_some_and(|status| !status.success()), "the second was not refused");
    until(&engine, "the first, as before", live("gate"));
}
