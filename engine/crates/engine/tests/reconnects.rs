//! Cameras that hang up again and again leave nothing behind. `RECONNECTS=10000`
//! makes it long; alone in its process, so that handles can be counted.

mod common;

use std::path::PathBuf;

use common::{engine, until, wish};
use vms_camsim::{Farm, FarmConfig};
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
    let vector = |name: &str| PathBuf::from(format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR")));
    let farm = Farm::start(FarmConfig {
        bind: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 0,
        cameras: 1,
        main: vector("camera.h264"),
        sub: vector("camera.h265"),
        main_fps: 200.0,
        sub_fps: 200.0,
        user: None,
    })
    .expect("a farm");
    let engine = engine();
    farm.fault(r#"{"camera": 1, "fault": {"kind": "close", "after_s": 0.01}}"#).expect("a fault");
    engine.apply(&wish(1, &farm.url(1, false), true)).expect("a new state");
    until(&engine, "warm", |r| r.reconnects >= 20);
    let before = handles();
    let (mut seen, goal) = (20, 20 + reconnects());
    while seen < goal {
        // Each wait is bounded; the whole is as long as it is asked to be.
        seen = until(&engine, "more reconnects", |r| r.reconnects > seen).reconnects;
    }
    farm.fault(r#"{"camera": 1, "fault": null}"#).expect("no fault");
    until(&engine, "live", |r| r.state == State::Live);
    let after = handles();
    assert!(after <= before + 4, "{before} handles before, {after} after {goal} reconnects");
}
