//! Faults are put on and taken back while sessions run.

mod common;

use common::{Client, config, farm};
use vms_camsim::Farm;

/// Sends a command over a connection of its own.
fn command(farm: &Farm, path: &str, fault: &str) {
    let uri = format!("rtsp://{}/{path}", farm.addr());
    let answer = Client::connect(&uri).parameters("SET_PARAMETER", &uri, &format!("fault: {fault}\r\n"));
    assert_eq!(answer.status, 200, "{path} {fault}");
}

fn told(farm: &Farm, path: &str) -> String {
    let uri = format!("rtsp://{}/{path}", farm.addr());
    Client::connect(&uri).parameters("GET_PARAMETER", &uri, "fault\r\n").body
}

#[test]
fn a_running_session_stalls_on_command_and_recovers_on_command() {
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    let mut other = Client::play(&farm.url(2, false));
    client.video(5);
    command(&farm, "cam1", "stall");
    assert!(client.falls_silent());
    assert_eq!(told(&farm, "cam1"), "fault: stall\r\n");
    assert_eq!(told(&farm, ""), "cam1/main: stall\r\ncam1/sub: stall\r\n");
    other.video(50);
    command(&farm, "cam1", "none");
    client.video(5);
    assert_eq!(told(&farm, ""), "fault: none\r\n");
}

#[test]
fn one_stream_of_a_camera_or_all_cameras_can_be_commanded() {
    let farm = farm();
    let mut main = Client::play(&farm.url(1, false));
    let mut sub = Client::play(&farm.url(1, true));
    sub.video(1);
    command(&farm, "cam1/sub", "stall");
    assert!(sub.falls_silent());
    main.video(50);
    command(&farm, "", "stall");
    assert!(main.falls_silent());
    command(&farm, "cam1/main", "none");
    main.video(50);
    assert_eq!(told(&farm, "cam1/sub"), "fault: stall\r\n");
}

#[test]
fn a_fault_that_is_met_on_calling_ends_the_sessions_that_run() {
    for fault in ["wrong_password", "bad_sdp:garbage", "no_parameter_sets", "audio_only", "not_rtsp"] {
        let farm = farm();
        let mut client = Client::play(&farm.url(1, false));
        client.video(5);
        command(&farm, "cam1", fault);
        while client.packet().is_some() {}
        command(&farm, "cam1", "none");
        Client::play(&farm.url(1, false)).video(5);
    }
}

#[test]
fn a_session_that_met_the_fault_plays_with_it_until_it_is_healthy() {
    let farm = farm();
    command(&farm, "cam1", "no_parameter_sets:at_all");
    let mut client = Client::play(&farm.url(1, false));
    client.video(50);
    command(&farm, "cam1", "none");
    client.video(50);
}

#[test]
fn commands_need_no_password_as_none_may_be_right() {
    let mut guarded = config(1);
    guarded.user = Some(("u".into(), "p".into()));
    let farm = Farm::start(guarded).unwrap();
    command(&farm, "cam1", "wrong_password");
    command(&farm, "cam1", "none");
}

#[test]
fn commands_that_cannot_be_carried_out_are_refused() {
    let farm = farm();
    for (path, body, status) in
        [("cam9", "fault: stall", 404), ("cam1", "fault: melt", 451), ("cam1", "fault: drop:x", 451)]
    {
        let uri = format!("rtsp://{}/{path}", farm.addr());
        assert_eq!(Client::connect(&uri).parameters("SET_PARAMETER", &uri, body).status, status, "{path} {body}");
    }
    assert_eq!(told(&farm, ""), "fault: none\r\n");
}
