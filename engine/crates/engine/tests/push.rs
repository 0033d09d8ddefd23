//! Streams that we bring to others by SRT: srt-live-transmit and ffmpeg listen.

mod common;

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use common::{PATIENCE, engine, engine_that_calls, farm};
use vms_engine::{DesiredState, Engine};
use vms_sinks::srt::PushStatus;
use vms_sources::State;

const PASSPHRASE: &str = "correcthorsebattery";

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").port()
}

/// A program that listens; it never outlives a test by much.
fn listener(command: &[&str]) -> Child {
    let mut timed = Command::new("timeout");
    timed.arg("40").args(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    timed.spawn().expect("coreutils")
}

/// Counts the pictures of some seconds.
fn ffprobe(port: u16, more: &str) -> Child {
    let address = format!("srt://127.0.0.1:{port}?mode=listener&latency=50000{more}");
    let counted = ["-v", "error", "-read_intervals", "%+2", "-count_packets", "-select_streams", "v"];
    let shown = ["-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", &address];
    listener(&[&["ffprobe"][..], &counted, &shown].concat())
}

fn said(child: Child) -> Vec<u8> {
    child.wait_with_output().expect("it ran").stdout
}

fn wish(generation: u64, url: &str, masked: bool, push: &[String]) -> DesiredState {
    let push = serde_json::to_string(push).expect("text");
    let json = format!(
        r#"{{"generation": {generation}, "cameras": [{{"id": "gate", "masked": {masked},
            "streams": {{"main": {{"url": "{url}", "push": {push}}}}}}}]}}"#
    );
    DesiredState::from_json(json.as_bytes()).expect("a good state")
}

fn until(engine: &Engine, what: &str, test: impl Fn(&[PushStatus]) -> bool) -> Vec<PushStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = engine.streams().first().map(|stream| stream.push.clone()).unwrap_or_default();
        if test(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come about: {found:?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn is(status: &PushStatus, state: State, code: Option<&str>) -> bool {
    status.state == state && status.reason.as_ref().map(vms_sources::Reason::code) == code
}

#[test]
fn a_stream_is_brought_plain_and_encrypted_and_again_when_they_come_back() {
    let (farm, engine) = (farm(None), engine());
    let ports = [free_port(), free_port()];
    let push = [
        format!("srt://127.0.0.1:{}?latency=50", ports[0]),
        format!("srt://127.0.0.1:{}?latency=50&pbkeylen=32&passphrase={PASSPHRASE}", ports[1]),
    ];
    engine.apply(&wish(1, &farm.url(1, false), false, &push)).expect("a new state");
    until(&engine, "nobody listens", |found| found.len() == 2 && found.iter().all(|one| one.reason.is_some()));
    for round in 0..2 {
        let secret = format!("&pbkeylen=32&passphrase={PASSPHRASE}");
        let listeners = [ffprobe(ports[0], ""), ffprobe(ports[1], &secret)];
        until(&engine, "both are reached", |found| found.iter().all(|one| is(one, State::Live, None)));
        for listener in listeners {
            let said = String::from_utf8(said(listener)).expect("text");
            let pictures = said.trim().rsplit(',').next().and_then(|count| count.parse::<u32>().ok());
            assert!(said.starts_with("h264") && pictures > Some(25), "round {round}: {said:?}");
        }
        until(&engine, "they hung up", |found| found.iter().all(|one| one.reason.is_some()));
    }
    let told = engine.streams();
    assert_eq!((told[0].state, told[0].reconnects), (State::Live, 0), "the camera was left alone");
    assert!(!format!("{:?}", told[0].push).contains(PASSPHRASE));
}

#[test]
fn srt_live_transmit_takes_whole_packets_until_the_target_is_taken_out() {
    let (farm, engine) = (farm(None), engine());
    let port = free_port();
    let mut listener = listener(&[
        "srt-live-transmit",
        "-q",
        "-a",
        "no",
        &format!("srt://127.0.0.1:{port}?mode=listener"),
        "file://con",
    ]);
    let push = [format!("srt://127.0.0.1:{port}?latency=50")];
    engine.apply(&wish(1, &farm.url(1, false), false, &push)).expect("a new state");
    until(&engine, "it is reached", |found| found.iter().any(|one| is(one, State::Live, None)));
    let mut taken = vec![0; 188 * 500];
    let mut out = listener.stdout.take().expect("piped");
    std::io::Read::read_exact(&mut out, &mut taken).expect("it goes on");
    assert!(taken.chunks(188).all(|packet| packet[0] == 0x47), "MPEG-TS");
    engine.apply(&wish(2, &farm.url(1, false), false, &[])).expect("a new state");
    until(&engine, "no target is left", <[PushStatus]>::is_empty);
    std::io::Read::read_to_end(&mut out, &mut taken).expect("it ends");
    drop(out);
    // It may have ended by itself.
    let _ = listener.kill();
    let _ = listener.wait();
    assert_eq!(engine.streams()[0].reconnects, 0, "the camera was left alone");
}

#[test]
fn what_may_not_be_called_or_not_be_seen_goes_nowhere() {
    let farm = farm(None);
    let push = ["srt://127.0.0.1:9?latency=50".to_owned()];
    let engine = engine_that_calls(r#"["192.0.2.0/24"]"#);
    engine.apply(&wish(1, &farm.url(1, false), false, &push)).expect("a new state");
    until(&engine, "the policy", |found| found.iter().any(|one| is(one, State::BackingOff, Some("address_refused"))));
    engine.apply(&wish(2, &farm.url(1, false), true, &push)).expect("a new state");
    until(&engine, "masks", |found| found.iter().any(|one| is(one, State::Off, Some("masked"))));
    for bad in ["udp://127.0.0.1:9", "publish:"] {
        let json = format!(
            r#"{{"generation": 3, "cameras": [{{"id": "gate", "streams":
                {{"main": {{"url": "publish:", "push": ["{bad}"]}}}}}}]}}"#
        );
        assert!(DesiredState::from_json(json.as_bytes()).is_err(), "{bad}");
    }
}
