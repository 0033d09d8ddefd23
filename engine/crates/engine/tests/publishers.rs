//! What publishers get by RTMP: one port, in the clear and inside of TLS.

mod common;

use std::process::{Child, Command, Stdio};

use common::{Pair, engine, engine_with_tls, until, wish};
use vms_engine::Engine;
use vms_sources::State;

/// FFmpeg as a publisher; it ends with the test.
struct Publisher(Child);

impl Publisher {
    fn to(engine: &Engine, scheme: &str) -> Self {
        let clip = format!("{}/../../../tests/vectors/camera.h264", env!("CARGO_MANIFEST_DIR"));
        let rtmp = engine.addresses().rtmp.expect("it listens");
        let process = Command::new("ffmpeg")
            .args(["-v", "error", "-re", "-stream_loop", "-1", "-f", "h264", "-r", "25", "-i", &clip])
            .args(["-c:v", "copy", "-f", "flv", &format!("{scheme}://{rtmp}/gate")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ffmpeg is missing: scripts/require.sh ffmpeg");
        Self(process)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_publisher_comes_in_the_clear_and_by_tls_on_one_port() {
    let pair = Pair::new("rtmps");
    let engine = engine_with_tls(&pair);
    assert_eq!(engine.addresses().rtmps, engine.addresses().rtmp);
    engine.apply(&wish(1, "publish:", true)).expect("a new state");
    for scheme in ["rtmp", "rtmps"] {
        let publisher = Publisher::to(&engine, scheme);
        until(&engine, scheme, |report| report.state == State::Live && report.width.is_some());
        drop(publisher);
        until(&engine, "its end", |report| report.state == State::Connecting);
    }
}

#[test]
fn tls_where_there_is_no_certificate_is_hung_up_on() {
    let engine = engine();
    assert_eq!(engine.addresses().rtmps, None);
    engine.apply(&wish(1, "publish:", true)).expect("a new state");
    let mut publisher = Publisher::to(&engine, "rtmps");
    let ended = publisher.0.wait().expect("a process of ours");
    assert!(!ended.success());
    until(&engine, "nobody", |report| report.state == State::Connecting);
}
