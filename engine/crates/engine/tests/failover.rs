//! A stream with two addresses: simulated cameras, over real sockets.

mod common;

use std::time::{Duration, Instant};

use common::{engine_with, farm, fault, until};
use vms_camsim::Farm;
use vms_engine::{DesiredState, Engine};
use vms_sources::State;

/// From the loss of the first address to pictures of the second.
const WITHIN: Duration = Duration::from_secs(2);

fn play(first: &str, second: &str) -> Engine {
    let engine = engine_with("null", 5_000);
    let json = format!(
        r#"{{"generation": 1, "cameras": [{{"id": "gate", "enabled": true,
            "streams": {{"main": {{"url": "{first}", "backup": "{second}", "transport": "tcp"}}}}}}]}}"#
    );
    engine.apply(&DesiredState::from_json(json.as_bytes()).expect("a good state")).expect("a new state");
    engine
}

fn plays(engine: &Engine, backup: bool) -> Duration {
    let begun = Instant::now();
    let what = if backup { "the second address" } else { "the first address" };
    until(engine, what, |report| report.state == State::Live && report.backup == backup && report.width.is_some());
    begun.elapsed()
}

fn two_cameras() -> (Farm, Farm, Engine) {
    let (first, second) = (farm(None), farm(None));
    let engine = play(&first.url(1, false), &second.url(1, false));
    plays(&engine, false);
    (first, second, engine)
}

#[test]
fn a_first_address_that_falls_silent_is_replaced_and_taken_back() {
    let (first, second, engine) = two_cameras();
    assert_eq!(second.stats().plays, 0, "nobody calls it without need");
    fault(&first, r#"{"kind": "stall"}"#);
    assert!(plays(&engine, true) < WITHIN);
    fault(&first, "null");
    let back = plays(&engine, false);
    assert!(back >= Duration::from_secs(9), "not before it is steady: {back:?}");
    let told: Vec<_> = engine.journal().drain().into_iter().filter(|event| event.state == Some(State::Live)).collect();
    let backup: Vec<bool> = told.iter().map(|event| event.values.contains_key("backup")).collect();
    assert_eq!(backup, [false, true, false], "the stream was live all the time");
    let deadline = Instant::now() + WITHIN;
    while second.stats().open > 0 {
        assert!(Instant::now() < deadline, "the second is let go");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_first_address_that_hangs_up_is_replaced() {
    let (first, _second, engine) = two_cameras();
    fault(&first, r#"{"kind": "wrong_password"}"#);
    assert!(plays(&engine, true) < WITHIN);
}

#[test]
fn a_first_address_that_never_answers_is_replaced() {
    let second = farm(None);
    let engine = play("rtsp://127.0.0.1:1/cam1", &second.url(1, false));
    assert!(plays(&engine, true) < WITHIN);
    // One that takes the call and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("rtsp://{}/cam1", silent.local_addr().expect("bound"));
    let engine = play(&address, &second.url(1, false));
    assert!(plays(&engine, true) < WITHIN);
}

#[test]
fn where_both_are_down_the_reason_is_that_of_the_first() {
    let (first, second, engine) = two_cameras();
    fault(&second, r#"{"kind": "not_rtsp"}"#);
    fault(&first, r#"{"kind": "wrong_password"}"#);
    let refused = |report: &vms_engine::StreamReport| common::code(report) == Some("wrong_password");
    let down = until(&engine, "both down", |report| report.state == State::BackingOff && refused(report));
    assert!(!down.backup, "none plays");
    fault(&second, "null");
    plays(&engine, true);
}
