//! Each fault does what it says, seen from the client.

mod common;

use common::{Assembler, Client, Packet, config, farm, udp_pair};
use vms_camsim::{BadSdp, Farm, FarmConfig, FarmError, Fault};
use vms_media::{Codec, DropReason, ParameterSets, find_utc};

fn faulty(fault: &str) -> (Farm, Client) {
    let farm = farm();
    let client = Client::play(&format!("{}?fault={fault}", farm.url(1, false)));
    (farm, client)
}

#[test]
fn stall_stops_the_packets_and_keeps_the_connection() {
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    let first = client.video(50).last().unwrap().timestamp();
    farm.fault(r#"{"camera": 1, "fault": {"kind": "stall"}}"#).unwrap();
    assert!(client.falls_silent());
    let url = client.url.clone();
    assert_eq!(client.request("GET_PARAMETER", &url, "").status, 200);
    farm.fault(r#"{"camera": 1}"#).unwrap();
    assert_ne!(client.video(1)[0].timestamp(), first);
}

#[test]
fn drop_leaves_numbers_out() {
    let (_farm, mut client) = faulty("drop:20");
    let mut assembler = Assembler::new(&Codec::H264, "");
    for packet in client.video(300) {
        assembler.push(&packet);
    }
    assert!((30..150).contains(&assembler.lost), "{} lost", assembler.lost);
}

#[test]
fn reorder_swaps_neighbours() {
    let (_farm, mut client) = faulty("reorder:50");
    let seqs: Vec<_> = client.video(300).iter().map(Packet::seq).collect();
    assert!(seqs.windows(2).any(|pair| pair[1] == pair[0].wrapping_sub(1)));
    let mut sorted: Vec<_> = seqs.iter().map(|seq| seq.wrapping_sub(seqs[0]) as i16).collect();
    sorted.sort_unstable();
    assert!(sorted.windows(2).filter(|pair| pair[1] - pair[0] != 1).count() < 3);
}

#[test]
fn delay_sends_frames_after_their_time() {
    let (_farm, mut client) = faulty("delay:300");
    let mut assembler = Assembler::new(&Codec::H264, "");
    assembler.read(&mut client, 10);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    let written = find_utc(&Codec::H264, &assembler.units[9].data).unwrap();
    assert!(now - written >= 300_000, "{} us late", now - written);
}

#[test]
fn close_ends_the_connection_and_comes_back_after_it_is_taken_back() {
    let farm = farm();
    farm.set_fault(0, Some(Fault::Close { after_s: 0.1 })).unwrap();
    let mut client = Client::play(&farm.url(2, false));
    while client.packet().is_some() {}
    farm.set_fault(0, None).unwrap();
    Client::play(&farm.url(2, false)).video(100);
}

#[test]
fn wrong_password_refuses_everyone() {
    let farm = farm();
    let url = format!("{}?fault=wrong_password", farm.url(1, false));
    assert_eq!(Client::connect(&url).request("DESCRIBE", &url, "").status, 401);
}

#[test]
fn lying_marker_is_set_where_it_does_not_belong() {
    let (_farm, mut client) = faulty("lying_marker");
    let packets = client.video(60);
    for packet in &packets {
        let kind = packet.payload()[0] & 0x1f;
        assert_eq!(packet.marker(), matches!(kind, 6..=8), "kind {kind}");
    }
    let mut assembler = Assembler::new(&Codec::H264, "");
    packets.iter().for_each(|packet| assembler.push(packet));
    assembler.read(&mut client, 60);
    assert!(assembler.drops.is_empty());
}

#[test]
fn missing_parameter_sets_in_the_description_or_everywhere() {
    let farm = farm();
    let url = format!("{}?fault=no_parameter_sets", farm.url(1, false));
    let mut client = Client::play(&url);
    assert!(!client.describe().contains("sprop"));
    let mut assembler = Assembler::new(&Codec::H264, "");
    assembler.read(&mut client, 5);

    let mut client = Client::play(&format!("{url}:at_all"));
    let mut assembler = Assembler::new(&Codec::H264, "");
    client.video(100).iter().for_each(|packet| assembler.push(packet));
    assert!(assembler.units.is_empty());
    assert!(assembler.drops.iter().all(|drop| *drop == DropReason::NoKeyYet));
    let sdp = Client::connect(&format!("{}?fault=no_parameter_sets", farm.url(1, true))).describe();
    assert!(!sdp.contains("sprop"));
}

#[test]
fn sets_only_in_the_description_are_enough() {
    let (_farm, mut client) = faulty("sets_only_in_sdp");
    let sdp = client.describe();
    let fmtp = sdp.lines().find_map(|line| line.strip_prefix("a=fmtp:")).unwrap();
    let mut assembler = Assembler::new(&Codec::H264, fmtp);
    assembler.read(&mut client, 30);
    assert!(assembler.units[0].key);
    let mut sets = ParameterSets::default();
    for nal in vms_media::nals(&assembler.units[0].data) {
        sets.update(&Codec::H264, &bytes::Bytes::copy_from_slice(nal));
    }
    assert!(sets.complete(&Codec::H264));
}

#[test]
fn bad_descriptions_come_in_every_form() {
    let farm = farm();
    let describe = |form: BadSdp| {
        farm.set_fault(1, Some(Fault::BadSdp { form })).unwrap();
        Client::connect(&farm.url(1, false)).describe()
    };
    assert!(!describe(BadSdp::NoOrigin).contains("o="));
    let junk = describe(BadSdp::Junk);
    assert!(junk.contains("c=IN \r\n") && junk.contains("m=application") && junk.contains("/90000 \r\n"));
    assert!(describe(BadSdp::UnknownCodec).contains("X-SMART/90000"));
    let audio = describe(BadSdp::NoVideo);
    assert!(!audio.contains("m=video") && audio.contains("m=audio"));
    assert!(describe(BadSdp::Garbage).starts_with("<html>"));
    let sdp = describe(BadSdp::AnnexBSets);
    let fmtp = sdp.lines().find_map(|line| line.strip_prefix("a=fmtp:")).unwrap();
    assert!(ParameterSets::from_fmtp(&Codec::H264, fmtp).complete(&Codec::H264));
    let sdp = Client::connect(&farm.url(1, true)).describe();
    let fmtp = sdp.lines().find_map(|line| line.strip_prefix("a=fmtp:")).unwrap();
    assert!(ParameterSets::from_fmtp(&Codec::H265, fmtp).complete(&Codec::H265));
    // The pictures come all the same.
    Client::play(&farm.url(1, false)).video(10);
}

#[test]
fn clock_jump_moves_rtp_time_and_goes_back() {
    let farm = farm();
    let mut client = Client::play(&farm.url(1, false));
    let before = client.video(20)[19].timestamp();
    farm.set_fault(1, Some(Fault::ClockJump { seconds: 3600.0 })).unwrap();
    let mut after = before;
    while after.wrapping_sub(before) < 3000 * 90_000 {
        after = client.video(1)[0].timestamp();
    }
    assert!(after.wrapping_sub(before) < 3700 * 90_000);
}

#[test]
fn audio_only_sends_audio_though_video_is_described() {
    let (_farm, mut client) = faulty("audio_only");
    let sdp = client.describe();
    assert!(sdp.contains("m=video") && sdp.contains("PCMA/8000"));
    client.set_up(1, "RTP/AVP/TCP;unicast;interleaved=2-3");
    let mut last = None;
    for packet in std::iter::repeat_with(|| client.packet().unwrap()).filter(|packet| packet.channel != 3).take(20) {
        assert_eq!((packet.channel, packet.bytes[1] & 0x7f, packet.payload().len()), (2, 8, 160));
        assert!(last.is_none_or(|last: u32| packet.timestamp() == last.wrapping_add(160)));
        last = Some(packet.timestamp());
    }
}

#[test]
fn refused_audio_is_described_and_not_given() {
    let (_farm, mut client) = faulty("bad_answer:refused_audio");
    assert!(client.describe().contains("m=audio"));
    let uri = format!("{}/trackID=1", client.url);
    assert_eq!(client.request("SETUP", &uri, "Transport: RTP/AVP/TCP;interleaved=2-3\r\n").status, 400);
    client.video(10);
}

#[test]
fn lists_of_challenges_offer_what_is_not_taken() {
    let user = Some(("u".to_owned(), "p".to_owned()));
    let farm = Farm::start(FarmConfig { user, ..config(1) }).unwrap();
    let url = format!("{}?fault=bad_answer:challenges", farm.url(1, false));
    let mut client = Client::connect(&url);
    let refused = client.request("DESCRIBE", &url, "");
    assert_eq!((refused.status, refused.headers["www-authenticate"].as_str()), (401, "Basic realm=\"camera\""));
    assert_eq!(client.request("DESCRIBE", &url, "Authorization: Basic dTpw\r\n").status, 401);
}

#[test]
fn scaling_lists_are_read_in_band_alone() {
    let (_farm, mut client) = faulty("bad_payload:scaling_lists");
    assert!(!client.describe().contains("sprop"));
    let set = client.video(100).into_iter().find(|packet| packet.payload()[0] & 0x1f == 7).expect("a sequence set");
    let mut sets = ParameterSets::default();
    sets.update(&Codec::H264, &bytes::Bytes::copy_from_slice(set.payload()));
    let info = sets.info(&Codec::H264).expect("a set that can be read");
    assert_eq!((set.payload()[4] & 1, info.width, info.height, info.fps), (1, 160, 120, Some(25.0)));
}

#[test]
fn scaling_lists_of_h265_move_all_behind_them() {
    let whole = |fault: &str| {
        let config = FarmConfig { main: common::vector("camera.h265"), ..config(1) };
        let farm = Farm::start(config).unwrap();
        let mut client = Client::play(&format!("{}?fault={fault}", farm.url(1, false)));
        let of_kind = |packet: &Packet, kind| packet.payload()[0] >> 1 & 0x3f == kind;
        let packets = client.video(100);
        let unit = |kind| packets.iter().find(|packet| of_kind(packet, kind)).expect("a unit").payload().to_vec();
        (unit(32), unit(33))
    };
    let (healthy, (vps, sps)) = (whole("delay:1"), whole("bad_payload:scaling_lists"));
    // Twenty lists of 16 or 64 differences.
    assert!(sps.len() > healthy.1.len() + 100, "{} bytes", sps.len());
    let info = |sets: &[&[u8]]| {
        let mut known = ParameterSets::default();
        for set in sets {
            known.update(&Codec::H265, &bytes::Bytes::copy_from_slice(set));
        }
        known.info(&Codec::H265).expect("sets that can be read")
    };
    // The rate stands behind the lists.
    assert_eq!(info(&[&vps, &sps]), info(&[&healthy.0, &healthy.1]));
}

#[test]
fn not_rtsp_answers_with_something_else() {
    use std::io::Read;
    let farm = farm();
    let url = format!("{}?fault=not_rtsp", farm.url(1, false));
    let mut client = Client::connect(&url);
    client.send("DESCRIBE", &url, "");
    let mut text = String::new();
    client.stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400"));
}

#[test]
fn big_packets_come_by_udp_too() {
    let mut config = config(1);
    config.main = common::vector("slices.h264");
    config.sub = common::vector("camera.h265");
    let farm = Farm::start(config).unwrap();
    farm.set_fault(1, Some(Fault::BigPackets)).unwrap();
    let (rtp, _rtcp) = udp_pair();
    let port = rtp.local_addr().unwrap().port();
    let mut client = Client::connect(&farm.url(1, false));
    client.set_up(0, &format!("RTP/AVP/UDP;unicast;client_port={port}"));
    let url = client.url.clone();
    client.request("PLAY", &url, "");
    let mut assembler = Assembler::new(&Codec::H264, "");
    let mut buffer = vec![0; 65_536];
    let mut largest = 0;
    while assembler.units.len() < 6 {
        let len = rtp.recv(&mut buffer).unwrap();
        largest = largest.max(len);
        assembler.push(&Packet { channel: 0, bytes: buffer[..len].to_vec() });
    }
    assert!(largest > 2000, "{largest}");
    Client::play(&farm.url(1, true)).video(30);
}

#[test]
fn an_endless_frame_never_ends() {
    for (sub, codec) in [(false, Codec::H264), (true, Codec::H265)] {
        let farm = farm();
        let mut client = Client::play(&format!("{}?fault=endless_frame", farm.url(1, sub)));
        let packets = client.video(200);
        assert!(packets.iter().all(|packet| !packet.marker() && packet.timestamp() == packets[0].timestamp()));
        let mut assembler = Assembler::new(&codec, "");
        packets.iter().for_each(|packet| assembler.push(packet));
        assert!(assembler.units.is_empty());
    }
}

#[test]
fn foreign_packets_have_another_sender_and_channel() {
    let (_farm, mut client) = faulty("foreign_packets");
    let own = client.video(1)[0].ssrc();
    let mut foreign = None;
    for _ in 0..50 {
        let packet = client.packet().unwrap();
        if packet.channel == 20 {
            foreign = Some(packet.ssrc());
        }
    }
    assert!(foreign.is_some_and(|ssrc| ssrc != own));
}

#[test]
fn commands_that_make_no_sense_are_refused() {
    let farm = farm();
    assert!(matches!(farm.fault("x"), Err(FarmError::BadFault(_))));
    assert!(matches!(farm.fault(r#"{"camera": 1, "fault": {"kind": "melt"}}"#), Err(FarmError::BadFault(_))));
    assert!(matches!(farm.fault(r#"{"camera": 9}"#), Err(FarmError::NoSuchCamera(9))));
}
