//! What cameras do wrong, and what the engine makes of it: simulated cameras
//! with one fault each, over real sockets.

mod common;

use common::{code, engine, engine_that_calls, farm, fault, until, wish, wish_by};
use vms_camsim::Farm;
use vms_engine::Engine;
use vms_sources::State;

fn engine_on(farm: &Farm, transport: &str) -> Engine {
    let engine = engine();
    engine.apply(&wish_by(1, &farm.url(1, false), transport, true)).expect("a new state");
    engine
}

fn is_live(engine: &Engine) {
    until(engine, "live", |r| r.state == State::Live && r.width.is_some());
}

#[test]
fn faults_that_stop_the_video_have_their_reason_and_pass() {
    let table = [
        (r#"{"kind": "wrong_password"}"#, "wrong_password"),
        (r#"{"kind": "not_rtsp"}"#, "not_rtsp"),
        (r#"{"kind": "audio_only"}"#, "no_video"),
        (r#"{"kind": "bad_sdp", "form": "no_video"}"#, "no_video_track"),
        (r#"{"kind": "bad_sdp", "form": "unknown_codec"}"#, "unknown_codec"),
        (r#"{"kind": "no_parameter_sets", "in_band": false}"#, "no_video"),
        (r#"{"kind": "bad_sdp", "form": "garbage"}"#, "protocol"),
    ];
    for (json, expected) in table {
        let farm = farm(None);
        fault(&farm, json);
        let engine = engine_on(&farm, "tcp");
        let report = until(&engine, json, |r| r.state == State::BackingOff && code(r) == Some(expected));
        if expected == "unknown_codec" {
            let (_, codec) = report.reason.as_ref().and_then(vms_sources::Reason::value).expect("its name");
            assert!(!codec.is_empty(), "the codec is named");
        }
        fault(&farm, "null");
        is_live(&engine);
    }
}

#[test]
fn faults_that_a_stream_survives() {
    let table = [
        (r#"{"kind": "bad_sdp", "form": "no_origin"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "no_version"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "hex_origin"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "negative_origin"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "decimal_origin"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "doubled_connection"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "stray_fmtp"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "junk"}"#, "tcp"),
        (r#"{"kind": "bad_sdp", "form": "annex_b_sets"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "blanks"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "content_type"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "bare_base"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "doubled_base"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "other_channels"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "one_channel"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "no_tcp"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "odd_transport"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "changing_session"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "silent_keepalive"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "hangs_up_on_get_parameter"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "rtp_info"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "stray_bytes"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "wants_user_agent"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "no_server_port"}"#, "udp"),
        (r#"{"kind": "bad_answer", "form": "refused_audio"}"#, "tcp"),
        (r#"{"kind": "bad_answer", "form": "refused_audio"}"#, "udp"),
        (r#"{"kind": "bad_payload", "form": "annex_b"}"#, "tcp"),
        (r#"{"kind": "bad_payload", "form": "both_ends"}"#, "tcp"),
        (r#"{"kind": "bad_payload", "form": "changing_kind"}"#, "tcp"),
        (r#"{"kind": "bad_payload", "form": "empty_fragments"}"#, "tcp"),
        (r#"{"kind": "bad_payload", "form": "no_marker"}"#, "tcp"),
        (r#"{"kind": "bad_payload", "form": "split_times"}"#, "tcp"),
        (r#"{"kind": "bad_payload", "form": "no_end"}"#, "tcp"),
        (r#"{"kind": "bad_payload", "form": "scaling_lists"}"#, "tcp"),
        (r#"{"kind": "lying_marker"}"#, "tcp"),
        (r#"{"kind": "no_parameter_sets"}"#, "tcp"),
        (r#"{"kind": "sets_only_in_sdp"}"#, "tcp"),
        (r#"{"kind": "clock_jump", "seconds": 3600}"#, "tcp"),
        (r#"{"kind": "delay", "ms": 100}"#, "tcp"),
        (r#"{"kind": "big_packets"}"#, "udp"),
        (r#"{"kind": "drop", "percent": 1}"#, "udp"),
        (r#"{"kind": "reorder", "percent": 1}"#, "udp"),
    ];
    for (json, transport) in table {
        let farm = farm(None);
        fault(&farm, json);
        let engine = engine_on(&farm, transport);
        until(&engine, &format!("{json} by {transport}"), |r| r.state == State::Live && r.width.is_some());
    }
}

#[test]
fn a_camera_that_closes_again_and_again_is_called_again() {
    let farm = farm(None);
    fault(&farm, r#"{"kind": "close", "after_s": 1.0}"#);
    let engine = engine_on(&farm, "tcp");
    until(&engine, "three reconnects", |r| r.reconnects >= 3);
    let events = engine.journal().drain();
    assert!(events.iter().any(|e| e.reason.as_ref().is_some_and(|r| r.code() == "camera_closed")));
    assert!(events.iter().filter(|e| e.state == Some(State::Live)).count() >= 3, "each call brings pictures");
    fault(&farm, "null");
    is_live(&engine);
}

#[test]
fn a_frame_that_never_ends_costs_no_memory_and_no_stream() {
    let farm = farm(None);
    let engine = engine_on(&farm, "tcp");
    is_live(&engine);
    fault(&farm, r#"{"kind": "endless_frame"}"#);
    until(&engine, "stalled", |r| r.state != State::Live && code(r) == Some("no_video"));
    fault(&farm, "null");
    is_live(&engine);
}

#[test]
fn packets_of_another_session_cost_nothing() {
    for transport in ["tcp", "udp"] {
        let farm = farm(None);
        fault(&farm, r#"{"kind": "foreign_packets"}"#);
        let engine = engine_on(&farm, transport);
        is_live(&engine);
        let before = engine.streams()[0].drops;
        let report = until(&engine, "pictures", |r| r.fps > 10.0);
        assert_eq!((report.state, report.drops), (State::Live, before), "{transport}");
    }
}

#[test]
fn a_camera_that_lists_its_challenges_is_answered_by_the_strongest() {
    let farm = farm(Some(("admin", "secret")));
    fault(&farm, r#"{"kind": "bad_answer", "form": "challenges"}"#);
    let engine = engine();
    let url = format!("rtsp://admin:secret@{}/cam1", farm.addr());
    engine.apply(&wish(1, &url, true)).expect("a new state");
    is_live(&engine);
}

#[test]
fn sound_in_adts_costs_nothing() {
    let farm = farm(None);
    fault(&farm, r#"{"kind": "bad_payload", "form": "adts"}"#);
    let engine = engine_on(&farm, "tcp");
    is_live(&engine);
    let before = engine.streams()[0].drops;
    let report = until(&engine, "pictures", |r| r.fps > 10.0);
    assert_eq!((report.state, report.drops), (State::Live, before));
}

#[test]
fn cameras_outside_of_the_allowed_networks_are_never_called() {
    let farm = farm(None);
    let engine = engine_that_calls(r#"["10.0.0.0/8"]"#);
    engine.apply(&wish(1, &farm.url(1, false), true)).expect("a new state");
    let report = until(&engine, "refused", |r| code(r) == Some("address_refused"));
    assert_eq!(report.reason.as_ref().and_then(vms_sources::Reason::value), Some(("detail", "127.0.0.1")));
    assert_eq!(farm.stats().connections, 0);
    let engine = engine_that_calls(r#"["10.0.0.0/8", "127.0.0.0/8"]"#);
    engine.apply(&wish(1, &farm.url(1, false), true)).expect("a new state");
    is_live(&engine);
}

#[test]
fn a_password_is_given_and_a_wrong_one_named() {
    let farm = farm(Some(("admin", "p@ss:word")));
    let engine = engine();
    let url = |password: &str| format!("rtsp://admin:{password}@{}/cam1", farm.addr());
    engine.apply(&wish(1, &url("wrong"), true)).expect("a new state");
    until(&engine, "refused", |r| code(r) == Some("wrong_password"));
    let applied = engine.apply(&wish(2, &url("p%40ss%3Aword"), true)).expect("a new state");
    assert_eq!(applied.changed, ["gate/main"]);
    is_live(&engine);
    let shown = format!("{:?} {}", engine.streams(), engine.metrics());
    assert!(!shown.contains("p@ss") && !shown.contains("p%40ss"), "the password is shown nowhere");
}

#[test]
fn h265_comes_in_by_tcp_and_udp() {
    for transport in ["tcp", "udp"] {
        let farm = farm(None);
        let engine = engine();
        engine.apply(&wish_by(1, &farm.url(1, true), transport, true)).expect("a new state");
        let report = until(&engine, "live", |r| r.state == State::Live && r.width.is_some());
        assert_eq!(report.codec.as_deref(), Some("h265"));
    }
}

#[test]
fn leaving_cameras_are_told() {
    let farm = farm(None);
    let mut engine = engine_on(&farm, "tcp");
    is_live(&engine);
    engine.stop();
    let deadline = std::time::Instant::now() + common::PATIENCE;
    while farm.stats().teardowns == 0 {
        assert!(std::time::Instant::now() < deadline, "no TEARDOWN came: {:?}", farm.stats());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
