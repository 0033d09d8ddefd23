//! The cameras' sound, on the same clock as their pictures.

mod common;

use common::{Client, PATIENCE, Packet, config, udp_pair};
use vms_camsim::{Farm, FarmConfig, Sound};
use vms_media::{Codec, Depacketiser, RtpPacket};

fn farm_with_audio() -> Farm {
    Farm::start(FarmConfig { audio: true, ..config(1) }).expect("a farm")
}

#[test]
fn aac_has_one_frame_a_packet_and_a_beep_each_second() {
    let farm = Farm::start(FarmConfig { audio: true, sound: Sound::Aac, ..config(1) }).expect("a farm");
    let mut client = Client::connect(&farm.url(1, false));
    let description = client.describe();
    assert!(description.contains("a=rtpmap:97 mpeg4-generic/48000/1\r\na=fmtp:97 "), "{description}");
    assert!(description.contains(";config=1188\r\n"), "{description}");
    client.set_up(1, "RTP/AVP/TCP;unicast;interleaved=2-3");
    let url = client.url.clone();
    client.request("PLAY", &url, "");
    let mut packets = Vec::new();
    while packets.len() < 60 {
        packets.extend(client.packet().filter(|packet| packet.channel == 2));
    }
    for pair in packets.windows(2) {
        assert_eq!(pair[1].timestamp(), pair[0].timestamp().wrapping_add(1024));
    }
    for packet in &packets {
        let (header, frame) = packet.payload().split_at(4);
        assert_eq!(u16::from_be_bytes([header[0], header[1]]), 16, "bits of headers");
        assert_eq!(usize::from(u16::from_be_bytes([header[2], header[3]]) >> 3), frame.len());
    }
    let beeps = packets.iter().filter(|packet| packet.payload().len() > 20).count();
    // 100 ms of 1.28 s: five frames of 21 ms, or less where it is cut off.
    assert!((1..=10).contains(&beeps), "{beeps} packets of beep");
}

#[test]
fn adts_is_around_the_same_frames_of_any_camera() {
    let farm = Farm::start(config(1)).expect("a farm");
    let mut client = Client::connect(&format!("{}?fault=bad_payload:adts", farm.url(1, false)));
    let description = client.describe();
    let fmtp = description.lines().find_map(|line| line.strip_prefix("a=fmtp:97 ")).expect("AAC is described");
    client.set_up(1, "RTP/AVP/TCP;unicast;interleaved=2-3");
    let url = client.url.clone();
    client.request("PLAY", &url, "");
    let mut depacketiser = Depacketiser::new(&Codec::Aac, 48_000, 1, fmtp).expect("a known codec");
    let (mut frames, mut drops) = (Vec::new(), Vec::new());
    while frames.len() < 60 {
        let packet = client.packet().expect("the camera goes on");
        if packet.channel == 2 {
            let (timestamp, payload) = (i64::from(packet.timestamp()), packet.payload());
            assert_eq!(payload[..4], [0xff, 0xf1, 0x4c, 0x40], "AAC-LC, 48 kHz, mono");
            depacketiser.push(RtpPacket { timestamp, marker: true, loss: 0, payload }, &mut frames, &mut drops);
        }
    }
    assert_eq!(drops, []);
    assert!(frames.iter().any(|frame| frame.data[..] == [0x01, 0x18, 0x20, 0x07]), "silence is among them");
}

/// What a sender report says: microseconds of UTC, and the RTP time then.
fn report(packet: &Packet) -> (f64, u32) {
    assert_eq!(packet.bytes[1], 200, "a sender report");
    (f64::from(packet.word(8)) + f64::from(packet.word(12)) / 2f64.powi(32), packet.word(16))
}

#[test]
fn audio_is_described_and_plays_beside_video_on_one_clock() {
    let farm = farm_with_audio();
    let mut client = Client::connect(&farm.url(1, false));
    assert!(client.describe().contains("a=rtpmap:8 PCMA/8000\r\n"));
    client.set_up(0, "RTP/AVP/TCP;unicast;interleaved=0-1");
    client.set_up(1, "RTP/AVP/TCP;unicast;interleaved=2-3");
    let url = client.url.clone();
    client.request("PLAY", &url, "");
    let (mut video, mut audio) = (Vec::new(), Vec::new());
    let (mut video_report, mut audio_report) = (None, None);
    // More than a second, so that a beep is among it.
    while audio.len() < 60 || video_report.is_none() || audio_report.is_none() {
        let packet = client.packet().expect("the camera goes on");
        match packet.channel {
            0 => video.push(packet),
            1 => video_report = Some(report(&packet)),
            2 => audio.push(packet),
            _ => audio_report = Some(report(&packet)),
        }
    }
    for pair in audio.windows(2) {
        assert_eq!(pair[1].seq(), pair[0].seq().wrapping_add(1));
        assert_eq!(pair[1].timestamp(), pair[0].timestamp().wrapping_add(160));
    }
    assert!(audio.iter().all(|packet| packet.bytes[1] == 8 && packet.payload().len() == 160));
    let beeps = audio.iter().filter(|packet| packet.payload().iter().any(|sample| *sample != 0xd5)).count();
    assert!((1..=12).contains(&beeps), "{beeps} packets of beep");
    // By the reports the last of both were taken at almost the same moment.
    let utc = |packet: &Packet, report: Option<(f64, u32)>, rate: f64| {
        let (at, timestamp) = report.expect("a report");
        at + f64::from(packet.timestamp().wrapping_sub(timestamp) as i32) / rate
    };
    let last_video = utc(video.last().expect("video"), video_report, 90_000.0);
    let last_audio = utc(audio.last().expect("audio"), audio_report, 8_000.0);
    assert!((last_video - last_audio).abs() < 0.05, "{last_video} {last_audio}");
}

#[test]
fn each_track_has_its_own_way_by_udp() {
    let farm = farm_with_audio();
    let mut client = Client::connect(&farm.url(1, false));
    let (video, _) = udp_pair();
    let (audio, audio_rtcp) = udp_pair();
    let port = |socket: &std::net::UdpSocket| socket.local_addr().expect("an address").port();
    client.set_up(0, &format!("RTP/AVP;unicast;client_port={}", port(&video)));
    client.set_up(1, &format!("RTP/AVP;unicast;client_port={}", port(&audio)));
    let url = client.url.clone();
    client.request("PLAY", &url, "");
    let mut buffer = [0; 2000];
    for (socket, kind) in [(&video, 96), (&audio, 8), (&audio_rtcp, 200 & 0x7f)] {
        for _ in 0..if kind == 72 { 1 } else { 5 } {
            socket.recv(&mut buffer).expect("a packet");
            assert_eq!(buffer[1] & 0x7f, kind);
        }
    }
    let answer = client.request("SETUP", &format!("{url}/trackID=1"), "Transport: RTP/AVP/TCP;interleaved=2-3\r\n");
    assert_eq!(answer.status, 461, "one track by TCP and one by UDP");
}

#[test]
fn a_stall_silences_the_sound_too() {
    let farm = farm_with_audio();
    let mut client = Client::connect(&farm.url(1, false));
    client.set_up(1, "RTP/AVP/TCP;unicast;interleaved=2-3");
    let url = client.url.clone();
    client.request("PLAY", &url, "");
    assert_eq!(client.packet().map(|packet| packet.channel), Some(3), "the report goes first");
    assert_eq!(client.packet().map(|packet| packet.channel), Some(2));
    farm.set_fault(1, Some(vms_camsim::Fault::Stall)).expect("a camera");
    client.stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    assert!(client.falls_silent());
}
