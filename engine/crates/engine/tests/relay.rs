//! Nodes that hand a stream on: who is asked when, and which times arrive.

mod common;

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use common::{PATIENCE, Pair, code, engine_that_relays, farm, fault, until, wish};
use vms_engine::{DesiredState, Engine, StreamReport};
use vms_sources::State;

/// The address of a node's stream; its certificate is known by its hash.
fn node(engine: &Engine, pair: &Pair) -> String {
    let hash: String = digest(&SHA256, &pair.certificate).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("node://{}/gate?tls=sha256:{hash}", engine.addresses().rtsp)
}

fn is_live(report: &StreamReport) -> bool {
    report.state == State::Live && report.width.is_some() && report.fps > 20.0
}

fn is_idle(report: &StreamReport) -> bool {
    report.state == State::Idle && code(report) == Some("no_viewer")
}

fn report(engine: &Engine) -> StreamReport {
    engine.streams().into_iter().next().expect("one stream")
}

/// Nodes A, B and C, of which each calls the one before.
struct Chain {
    farm: vms_camsim::Farm,
    nodes: [Engine; 3],
    pair: Pair,
}

impl Chain {
    fn new(name: &str) -> Self {
        let pair = Pair::new(name);
        let farm = farm(None);
        let nodes = [(); 3].map(|()| engine_that_relays(&pair, 300));
        nodes[0].apply(&wish(1, &farm.url(1, false), true)).expect("a new state");
        nodes[1].apply(&wish(1, &node(&nodes[0], &pair), true)).expect("a new state");
        nodes[2].apply(&wish(1, &node(&nodes[1], &pair), true)).expect("a new state");
        Self { farm, nodes, pair }
    }
}

#[test]
fn a_stream_is_opened_for_its_first_viewer_once_for_all_and_left_after_the_last() {
    let chain = Chain::new("demand");
    let [a, b, c] = &chain.nodes;
    until(a, "the camera is live", is_live);
    until(b, "B waits for viewers", is_idle);
    until(c, "C waits for viewers", is_idle);
    assert_eq!(report(a).readers, 0, "nobody asks");
    let viewers = [(); 3].map(|()| engine_that_relays(&chain.pair, 300));
    for viewer in &viewers {
        viewer.apply(&wish(1, &format!("rtsp://{}/gate", c.addresses().rtsp), true)).expect("a new state");
    }
    for viewer in &viewers {
        until(viewer, "it sees pictures", is_live);
    }
    assert_eq!([a, b, c].map(|node| report(node).readers), [1, 1, 3]);
    for node in [b, c] {
        assert!(is_live(&until(node, "live", is_live)));
    }
    for viewer in &viewers[1..] {
        viewer.apply(&wish(2, "rtsp://127.0.0.1:9/gone", false)).expect("a new state");
    }
    until(c, "one is left", |report| report.readers == 1 && report.state == State::Live);
    viewers[0].apply(&wish(2, "rtsp://127.0.0.1:9/gone", false)).expect("a new state");
    until(c, "C has left", is_idle);
    until(b, "B has left", is_idle);
    until(a, "nobody asks", |report| report.readers == 0 && report.state == State::Live);
    viewers[0].apply(&wish(3, &format!("rtsp://{}/gate", c.addresses().rtsp), true)).expect("a new state");
    until(&viewers[0], "it sees pictures again", is_live);
}

#[test]
fn a_stream_that_is_not_on_demand_is_open_without_viewers_and_srt_can_be_on_demand() {
    let chain = Chain::new("always");
    let [a, b, c] = &chain.nodes;
    let always = |url: &str, on_demand: bool| {
        let json = format!(
            r#"{{"generation": 2, "cameras": [{{"id": "gate", "streams":
                {{"main": {{"url": "{url}", "on_demand": {on_demand}}}}}}}]}}"#
        );
        DesiredState::from_json(json.as_bytes()).expect("a good state")
    };
    b.apply(&always(&node(a, &chain.pair), false)).expect("a new state");
    until(b, "open all the same", is_live);
    c.apply(&always("srt://127.0.0.1:9?latency=20", true)).expect("a new state");
    until(c, "not called", is_idle);
    let refused = r#"{"generation": 3, "cameras": [{"id": "gate", "streams":
        {"main": {"url": "publish:", "on_demand": true}}}]}"#;
    assert!(DesiredState::from_json(refused.as_bytes()).is_err(), "who calls us is not called on demand");
}

#[test]
fn a_node_whose_certificate_nobody_vouches_for_is_not_believed() {
    let chain = Chain::new("trust");
    let [a, b, _] = &chain.nodes;
    let unpinned = node(a, &chain.pair).split('?').next().map(str::to_owned).expect("an address");
    let viewer = engine_that_relays(&chain.pair, 300);
    b.apply(&wish(2, &unpinned, true)).expect("a new state");
    viewer.apply(&wish(1, &format!("rtsp://{}/gate", b.addresses().rtsp), true)).expect("a new state");
    until(b, "refused", |report| code(report) == Some("certificate_refused"));
}

#[test]
fn a_camera_lost_upstream_is_told_downstream_and_comes_back() {
    let chain = Chain::new("upstream");
    let [a, b, _] = &chain.nodes;
    until(a, "the camera is live", is_live);
    let viewer = engine_that_relays(&chain.pair, 300);
    viewer.apply(&wish(1, &format!("rtsp://{}/gate", b.addresses().rtsp), true)).expect("a new state");
    until(&viewer, "it sees pictures", is_live);
    b.journal().drain();
    // The camera hangs up once, so that A begins a new run of the stream.
    fault(&chain.farm, r#"{"kind": "close", "after_s": 0}"#);
    until(a, "the camera is lost", |report| report.reconnects > 0);
    fault(&chain.farm, "null");
    until(a, "the camera is back", is_live);
    let deadline = Instant::now() + PATIENCE;
    let told = |engine: &Engine| {
        engine.journal().drain().iter().any(|event| {
            event.state == Some(State::Live) && event.reason.as_ref().is_some_and(|reason| reason.code() == "upstream")
        })
    };
    while !told(b) {
        assert!(Instant::now() < deadline, "B never said that A begins anew: {:?}", report(b));
        std::thread::sleep(Duration::from_millis(20));
    }
    until(&viewer, "it sees pictures", is_live);
}
