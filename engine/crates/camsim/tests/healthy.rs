//! What a healthy simulated camera does.

mod common;

use common::{Assembler, Client, Packet, config, eventually, farm, udp_pair, vector};
use vms_camsim::{Farm, FarmConfig, FarmError};
use vms_media::{Codec, ParameterSets, find_utc};

fn fmtp(sdp: &str) -> &str {
    sdp.lines().find_map(|line| line.strip_prefix("a=fmtp:")).expect("an fmtp")
}

#[test]
fn main_and_sub_play_over_tcp_and_loop_without_a_seam() {
    let farm = farm();
    for (sub, codec) in [(false, Codec::H264), (true, Codec::H265)] {
        let mut client = Client::play(&farm.url(2, sub));
        let mut assembler = Assembler::new(&codec, "");
        // The vector holds 50 frames: this is more than two rounds.
        assembler.read(&mut client, 120);
        assert!(assembler.drops.is_empty());
        assert_eq!(assembler.lost, 0);
        assert!(assembler.units[0].key);
        assert_eq!(assembler.units.iter().filter(|unit| unit.key).count(), 5);
        let times: Vec<_> = assembler.units.iter().map(|unit| unit.timestamp as u32).collect();
        assert!(times.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 450), "{times:?}");
    }
}

#[test]
fn every_frame_carries_the_time_it_was_written_at() {
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    let mut assembler = Assembler::new(&Codec::H264, "");
    assembler.read(&mut client, 30);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    let times: Vec<_> = assembler.units.iter().map(|u| find_utc(&Codec::H264, &u.data).expect("a time")).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    assert!((now - times[29]).abs() < 2_000_000);
}

#[test]
fn the_description_tells_the_parameter_sets() {
    let farm = farm();
    let sdp = Client::connect(&farm.url(1, false)).describe();
    assert!(sdp.starts_with("v=0\r\no="));
    let sets = ParameterSets::from_fmtp(&Codec::H264, fmtp(&sdp));
    assert_eq!(sets.info(&Codec::H264).unwrap().width, 160);
    let sdp = Client::connect(&farm.url(1, true)).describe();
    let sets = ParameterSets::from_fmtp(&Codec::H265, fmtp(&sdp));
    assert!(sets.complete(&Codec::H265));
}

#[test]
fn udp_clients_get_packets_and_reports() {
    let farm = farm();
    let (rtp, rtcp) = udp_pair();
    let port = rtp.local_addr().unwrap().port();
    let mut client = Client::connect(&farm.url(3, false));
    client.describe();
    let answer = client.set_up(0, &format!("RTP/AVP;unicast;client_port={port}-{}", port + 1));
    let transport = &answer.headers["transport"];
    assert!(transport.contains(&format!("client_port={port}-{}", port + 1)), "{transport}");
    let server: u16 =
        transport.split("server_port=").nth(1).and_then(|rest| rest.split('-').next()).unwrap().parse().unwrap();
    let url = client.url.clone();
    assert_eq!(client.request("PLAY", &url, "").status, 200);
    let mut assembler = Assembler::new(&Codec::H264, "");
    let mut buffer = [0; 2048];
    while assembler.units.len() < 40 {
        let (len, from) = rtp.recv_from(&mut buffer).expect("a packet");
        assert_eq!(from.port(), server);
        assembler.push(&Packet { channel: 0, bytes: buffer[..len].to_vec() });
    }
    assert_eq!(assembler.lost, 0);
    let (len, from) = rtcp.recv_from(&mut buffer).expect("a report");
    assert_eq!((len, buffer[1], from.port()), (28, 200, server + 1));
    assert_eq!(client.request("TEARDOWN", &url, "").status, 200);
}

#[test]
fn sender_reports_tell_the_cameras_clock() {
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    let report = client.packet().unwrap();
    assert_eq!((report.channel, report.bytes[1]), (1, 200));
    let first = client.packet().unwrap();
    assert_eq!(report.word(4), first.ssrc());
    assert_eq!(report.word(16), first.timestamp());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((u64::from(report.word(8)) - 2_208_988_800).abs_diff(now) < 3);
}

#[test]
fn a_password_is_asked_for_and_checked() {
    let mut config = config(1);
    config.user = Some(("admin".into(), "gate:7".into()));
    let farm = Farm::start(config).unwrap();
    let url = farm.url(1, false);
    let mut client = Client::connect(&url);
    assert_eq!(client.request("OPTIONS", &url, "").status, 200);
    let refused = client.request("DESCRIBE", &url, "");
    assert_eq!(refused.status, 401);
    let challenge = &refused.headers["www-authenticate"];
    let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let proof = |password: &str| {
        use md5::{Digest, Md5};
        let hex = |text: String| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let who = hex(format!("admin:vms camera:{password}"));
        let what = hex(format!("DESCRIBE:{url}"));
        let response = hex(format!("{who}:{nonce}:{what}"));
        format!(
            "Authorization: Digest username=\"admin\", realm=\"vms camera\", nonce=\"{nonce}\", uri=\"{url}\", response=\"{response}\"\r\n"
        )
    };
    assert_eq!(client.request("DESCRIBE", &url, &proof("wrong")).status, 401);
    assert_eq!(client.request("DESCRIBE", &url, &proof("gate:7")).status, 200);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let farm = farm();
    let url = farm.url(1, false);
    let mut client = Client::connect(&url);
    for (method, uri, headers, status) in [
        ("DESCRIBE", format!("{url}0000"), "", 404),
        ("SETUP", format!("{url}/trackID=1"), "Transport: RTP/AVP/TCP\r\n", 404),
        ("SETUP", format!("{url}/trackID=0"), "Transport: RTP/AVP;multicast\r\n", 461),
        ("SETUP", format!("{url}/trackID=0"), "Transport: RTP/AVP/TCP;interleaved=255\r\n", 461),
        ("SETUP", format!("{url}x"), "", 404),
        ("PLAY", url.clone(), "", 455),
        ("RECORD", url.clone(), "", 501),
        ("GET_PARAMETER", url.clone(), "", 200),
    ] {
        assert_eq!(client.request(method, &uri, headers).status, status, "{method} {uri}");
    }
    client.send("NONSENSE", " \r\n\r\n", "");
    assert!(client.answer().is_some_and(|answer| answer.status == 400) || client.answer().is_none());
}

#[test]
fn pause_stops_and_play_goes_on_while_reports_of_the_client_are_read() {
    use std::io::Write;
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    client.video(5);
    client.stream.write_all(&[b'$', 1, 0, 8, 0x80, 201, 0, 1, 0, 0, 0, 9, b'\r', b'\n']).unwrap();
    let url = client.url.clone();
    assert_eq!(client.request("PAUSE", &url, "").status, 200);
    // Only answers come now: whatever else came would be a packet.
    client.send("GET_PARAMETER", &url, "");
    client.send("PLAY", &url, "");
    assert_eq!(client.answer().unwrap().status, 200);
    assert_eq!(client.answer().unwrap().status, 200);
    client.video(5);
    assert_eq!(client.request("PLAY", &url, "").status, 200);
}

#[test]
fn two_clients_of_a_camera_have_their_own_numbers() {
    let farm = farm();
    let mut clients = [Client::play(&farm.url(1, false)), Client::play(&farm.url(1, false))];
    let ssrcs: Vec<_> = clients.iter_mut().map(|client| client.video(1)[0].ssrc()).collect();
    assert_ne!(ssrcs[0], ssrcs[1]);
}

#[test]
fn connections_are_counted_and_freed() {
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    client.video(1);
    assert_eq!((farm.stats().open, farm.stats().plays), (1, 1));
    let url = client.url.clone();
    client.send("TEARDOWN", &url, "");
    assert_eq!(client.answer().map(|answer| answer.status), Some(200));
    assert!(client.answer().is_none(), "the connection is closed");
    drop(Client::play(&farm.url(2, false)));
    eventually("closing", || farm.stats().open == 0);
    assert_eq!((farm.stats().connections, farm.stats().teardowns), (2, 1));
}

#[test]
fn a_client_that_does_not_read_holds_no_other_up() {
    let farm = farm();
    let lazy = Client::play(&farm.url(1, false));
    let mut eager = Client::play(&farm.url(1, false));
    eager.video(2000);
    drop(lazy);
}

#[test]
fn stopping_closes_every_connection() {
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    farm.stop();
    while client.packet().is_some() {}
    farm.stop();
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_its_reason() {
    let refused = |change: fn(&mut FarmConfig)| {
        let mut config = config(1);
        change(&mut config);
        Farm::start(config).expect_err("a refusal").to_string()
    };
    assert!(refused(|c| c.cameras = 0).contains("cameras is 0"));
    assert!(refused(|c| c.main_fps = f32::NAN).contains("main_fps"));
    assert!(refused(|c| c.sub_fps = 999.0).contains("sub_fps"));
    assert!(refused(|c| c.main = "absent.h264".into()).contains("absent.h264"));
    assert!(refused(|c| c.sub = vector("README.md")).contains("key frame"));
    let taken = farm();
    let mut second = config(1);
    second.port = taken.addr().port();
    assert!(matches!(Farm::start(second), Err(FarmError::Listen { .. })));
    let parsed: FarmConfig = serde_json::from_str(r#"{"cameras": 2, "main": "a", "sub": "b"}"#).unwrap();
    assert_eq!((parsed.port, parsed.main_fps), (0, 25.0));
}
