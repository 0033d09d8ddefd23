//! Cameras that hang up again and again leave nothing behind. `RECONNECTS=10000`
//! makes it long; alone in its process, so that handles can be counted.

mod common;

use common::{engine, farm, fault, until, wish};
use vms_sources::State;

fn handles() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux lists handles").count()
}

fn reconnects() -> u64 {
    match std::env::var("RECONNECTS") {
        Ok(text) => text.parse().expect("RECONNECTS is a number"),
        Err(_) => 100,
    }
}

#[test]
fn reconnects_leave_no_handles_behind() {
    let farm = farm(None);
    let engine = engine();
    fault(&farm, r#"{"kind": "close", "after_s": 0.01}"#);
    engine.apply(&wish(1, &farm.url(1, false), true)).expect("a new state");
    until(&engine, "warm", |r| r.reconnects >= 20);
    let before = handles();
    let (mut seen, goal) = (20, 20 + reconnects());
    while seen < goal {
        // Each wait is bounded; the whole is as long as it is asked to be.
        seen = until(&engine, "more reconnects", |r| r.reconnects > seen).reconnects;
    }
    fault(&farm, "null");
    until(&engine, "live", |r| r.state == State::Live);
    let after = handles();
    assert!(after <= before + 4, "{before} handles before, {after} after {goal} reconnects");
}
