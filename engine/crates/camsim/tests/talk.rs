//! Who asks for the back channel is heard, and nobody else is told of it.

mod common;

use std::io::Write;

use common::{Client, eventually, farm};
use vms_camsim::Farm;

const REQUIRE: &str = "Require: www.onvif.org/ver20/backchannel\r\n";

fn described(farm: &Farm, camera: usize) -> String {
    let url = farm.url(camera, false);
    Client::connect(&url).request("DESCRIBE", &url, REQUIRE).body
}

/// Sets the track up; answers the status.
fn set_up(client: &mut Client, track: usize) -> u16 {
    let uri = format!("{}/trackID={track}", client.url);
    client.request("SETUP", &uri, &format!("{REQUIRE}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")).status
}

fn say(client: &mut Client, sequence: u8, payload: &[u8]) {
    say_at(client, false, sequence, sequence * 4, payload);
}

fn say_at(client: &mut Client, begins: bool, sequence: u8, time: u8, payload: &[u8]) {
    let marker = if begins { 0x80 } else { 0 };
    let mut bytes = vec![b'$', 0, 0, 12 + payload.len() as u8, 0x80, marker, 0, sequence, 0, 0, 0, time, 0, 0, 0, 1];
    bytes.extend_from_slice(payload);
    client.stream.write_all(&bytes).expect("the camera listens");
}

#[test]
fn a_camera_offers_its_loudspeaker_to_who_asks_alone() {
    let farm = farm();
    assert!(described(&farm, 1).contains("m=audio 0 RTP/AVP 0\r\n") && described(&farm, 2).contains("PCMA/8000"));
    assert!(described(&farm, 1).contains("a=sendonly"));
    assert!(!Client::connect(&farm.url(1, false)).describe().contains("sendonly"));
}

#[test]
fn what_is_said_is_heard_once_it_plays_and_told() {
    let farm = farm();
    let url = farm.url(1, false);
    let mut client = Client::connect(&url);
    assert_eq!(set_up(&mut client, 2), 200);
    say(&mut client, 0, &[9; 4]);
    assert_eq!(client.request("PLAY", &url, "").status, 200);
    say(&mut client, 1, &[0xff; 4]);
    say(&mut client, 2, &[1, 2, 3, 4]);
    say(&mut client, 4, &[5; 4]);
    eventually("the camera hears", || farm.heard(1).packets == 3);
    let heard = farm.heard(1);
    assert_eq!(heard.sound, [[0xff; 4], [1, 2, 3, 4], [5; 4]].concat());
    assert_eq!((heard.loud, heard.breaks, heard.last), (2, 1, Some((0, 4, 20))));
    let told = Client::connect(&url).parameters("GET_PARAMETER", &url, "heard\r\n").body;
    assert_eq!(told, "packets: 3\r\nloud: 2\r\nbreaks: 1\r\n");
    assert_eq!(farm.heard(2).packets, 0);
    // After a pause, then one without a marker, then one that goes back.
    for (begins, sequence, time) in [(true, 5, 100), (false, 6, 120), (true, 7, 20)] {
        say_at(&mut client, begins, sequence, time, &[0xff; 4]);
    }
    eventually("the camera hears", || farm.heard(1).packets == 6);
    assert_eq!(farm.heard(1).breaks, 3);
}

#[test]
fn cameras_offer_what_they_do_not_keep() {
    let farm = farm();
    for (form, sendonly, set_up_status) in [
        ("absent", 0, 404),
        ("refused", 1, 454),
        ("busy", 1, 453),
        ("aac", 1, 200),
        ("second_track", 2, 200),
        ("hangs_up", 1, 200),
    ] {
        farm.set_fault(1, vms_camsim::Fault::read(&format!("bad_talk:{form}")).expect(form)).expect("a camera");
        assert_eq!(described(&farm, 1).matches("a=sendonly").count(), sendonly, "{form}");
        assert_eq!(set_up(&mut Client::connect(&farm.url(1, false)), 2), set_up_status, "{form}");
    }
    farm.set_fault(1, vms_camsim::Fault::read("bad_talk:unsupported").expect("a form")).expect("a camera");
    let url = farm.url(1, false);
    assert_eq!(Client::connect(&url).request("DESCRIBE", &url, REQUIRE).status, 551);
    assert_eq!(Client::connect(&url).request("DESCRIBE", &url, "").status, 200, "who does not ask meets nothing");
}
