//! Codecs without NAL units: real streams through packets and back, and what
//! is read out of them.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vms_media::ivf::Ivf;
use vms_media::{
    AccessUnit, Codec, Depacketiser, DropReason, MAX_PAYLOAD, MAX_UNIT_BYTES, RtpPacket, WholePictures, packet_count,
    packetise,
};

const TICKS: i64 = 3600;

fn vector(name: &str) -> Ivf {
    let path = format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    Ivf::read(&std::fs::read(path).expect("a test vector").into()).expect("an IVF file")
}

fn cameras() -> Vec<Ivf> {
    ["av1", "vp8", "vp9", "mjpeg", "mpeg4"].iter().map(|name| vector(&format!("camera.{name}.ivf"))).collect()
}

/// Each frame through packets and back; no frame may be dropped.
fn back(codec: &Codec, frames: &[(i64, Bytes)], with_marker: bool) -> (Depacketiser, Vec<AccessUnit>) {
    let mut depacketiser = Depacketiser::new(codec, 90_000, 0, "").expect("a known codec");
    let (mut out, mut drops) = (Vec::new(), Vec::new());
    for (timestamp, data) in frames {
        let payloads = packetise(codec, data);
        assert_eq!(payloads.len(), packet_count(codec, data) as usize);
        for payload in payloads {
            assert!(payload.bytes.len() <= MAX_PAYLOAD);
            let marker = payload.marker && with_marker;
            let packet = RtpPacket { timestamp: *timestamp, marker, loss: 0, payload: &payload.bytes };
            depacketiser.push(packet, &mut out, &mut drops);
        }
    }
    assert_eq!(drops, []);
    (depacketiser, out)
}

fn timed(stream: &Ivf) -> Vec<(i64, Bytes)> {
    stream.frames.iter().map(|(shown, data)| (shown * TICKS, data.clone())).collect()
}

/// A temporal unit as it leaves: without its delimiter.
fn without_delimiter(codec: &Codec, data: &Bytes) -> Bytes {
    if *codec == Codec::Av1 && data.starts_with(&[0x12, 0]) { data.slice(2..) } else { data.clone() }
}

#[test]
fn streams_come_back_as_they_were() {
    for stream in cameras() {
        let frames = timed(&stream);
        for with_marker in [true, false] {
            let (depacketiser, units) = back(&stream.codec, &frames, with_marker);
            // Without markers the last picture never ends.
            assert_eq!(units.len(), frames.len() - usize::from(!with_marker), "{:?}", stream.codec);
            for (number, (unit, (timestamp, data))) in units.iter().zip(&frames).enumerate() {
                assert_eq!((unit.timestamp, unit.dts), (*timestamp, *timestamp));
                let is_key = stream.codec == Codec::Jpeg || number % 6 == 0;
                assert_eq!(unit.key, is_key, "{:?} {number}", stream.codec);
                if stream.codec == Codec::Jpeg {
                    assert_eq!(scan(&unit.data), scan(data), "the head is made anew, the picture is not");
                } else {
                    assert_eq!(unit.data, without_delimiter(&stream.codec, data));
                }
            }
            let info = depacketiser.info().expect("described");
            assert_eq!((info.width, info.height, info.reorder_frames), (96, 64, false));
        }
    }
}

fn scan(picture: &[u8]) -> &[u8] {
    let at = picture.windows(2).position(|pair| pair == [0xff, 0xda]).expect("a scan");
    &picture[at..]
}

#[test]
fn a_stream_says_what_it_is() {
    let said: Vec<_> = cameras()
        .iter()
        .map(|stream| {
            let (depacketiser, _) = back(&stream.codec, &timed(stream), true);
            let info = depacketiser.info().expect("described");
            let fmtp = depacketiser.parameter_sets().expect("a head").fmtp(&stream.codec);
            (info.codec_string, info.profile, fmtp)
        })
        .collect();
    let config = "000001B001000001B58913000001000000012000C48D8800";
    let expected = [
        ("av01.0.00M.08", "Main 2.0", "profile=0;level-idx=0;tier=0"),
        ("vp8", "Version 0", ""),
        ("vp09.00.10.08", "Profile 0", "profile-id=0"),
        ("mjpeg", "Baseline", ""),
        ("mp4v.20.1", "Simple 1", "profile-level-id=1;config="),
    ];
    for ((codec, profile, fmtp), expected) in said.iter().zip(expected) {
        assert_eq!((codec.as_str(), profile.as_str()), (expected.0, expected.1));
        assert!(fmtp.starts_with(expected.2), "{fmtp}");
    }
    assert_eq!(said[1].2, "");
    assert!(said[4].2.contains(config), "{}", said[4].2);
}

#[test]
fn b_vops_get_decode_times_that_rise() {
    let stream = vector("b_frames.mpeg4.ivf");
    let (depacketiser, units) = back(&stream.codec, &timed(&stream), true);
    assert_eq!(units.len(), stream.frames.len());
    assert!(depacketiser.info().expect("described").reorder_frames);
    assert!(units.windows(2).all(|pair| pair[0].dts < pair[1].dts));
    assert!(units.iter().any(|unit| unit.dts != unit.timestamp));
    // The layer declares them, so that no picture comes too late.
    let late = units.iter().filter(|unit| unit.dts > unit.timestamp).count();
    assert_eq!(late, 0, "{:?}", units.iter().map(|unit| (unit.dts, unit.timestamp)).collect::<Vec<_>>());
}

#[test]
fn the_head_of_mpeg4_may_stand_in_the_description_alone() {
    let stream = vector("camera.mpeg4.ivf");
    let (depacketiser, _) = back(&stream.codec, &timed(&stream), true);
    let sets = depacketiser.parameter_sets().expect("a head");
    let head = sets.head.clone().expect("a head");
    let bare = stream.frames[0].1.slice(head.len()..);
    let fmtp = format!("96 {}", sets.fmtp(&Codec::Mpeg4));
    let mut pictures = WholePictures::new(Codec::Mpeg4, &fmtp);
    assert_eq!(pictures.info().map(|info| info.width), Some(96));
    let picture = pictures.take(bare.to_vec()).expect("a picture");
    assert_eq!((picture.key, &picture.data), (true, &stream.frames[0].1));
    let mut pictures = WholePictures::new(Codec::Mpeg4, "config=zz;config=000001");
    assert_eq!(pictures.take(bare.to_vec()), Err(DropReason::NoKeyYet), "nobody can decode it");
}

#[test]
fn nothing_leaves_before_a_key_picture() {
    for stream in cameras().into_iter().filter(|stream| stream.codec != Codec::Jpeg) {
        let mut pictures = WholePictures::new(stream.codec.clone(), "");
        for (_, data) in &stream.frames[1..6] {
            assert_eq!(pictures.take(data.to_vec()), Err(DropReason::NoKeyYet), "{:?}", stream.codec);
        }
        assert!(pictures.take(stream.frames[6].1.to_vec()).is_ok());
        pictures.lost();
        let flags: Vec<_> = stream.frames[7..9]
            .iter()
            .map(|(_, data)| pictures.take(data.to_vec()).expect("a picture").discontinuity)
            .collect();
        assert_eq!(flags, [true, false]);
        assert_eq!(pictures.take(vec![1; MAX_UNIT_BYTES + 1]), Err(DropReason::TooLarge), "{:?}", stream.codec);
        assert!(pictures.take(stream.frames[9].1.to_vec()).expect("a picture").discontinuity);
    }
}

/// A lost packet costs its picture, whichever it was, and no other.
#[test]
fn a_lost_packet_costs_its_picture() {
    for stream in cameras() {
        let key = large(&stream.codec, &stream.frames[0].1);
        let frames: Vec<_> = (0..3).map(|n| (n * TICKS, key.clone())).collect();
        let packets = packetise(&stream.codec, &key).len();
        assert!(packets > 2, "{:?}", stream.codec);
        for lost in 0..packets {
            let mut depacketiser = Depacketiser::new(&stream.codec, 90_000, 0, "").expect("a known codec");
            let (mut out, mut drops) = (Vec::new(), Vec::new());
            let mut loss = 0;
            for (number, (timestamp, data)) in frames.iter().enumerate() {
                for (index, payload) in packetise(&stream.codec, data).iter().enumerate() {
                    if (number, index) == (1, lost) {
                        loss = 1;
                        continue;
                    }
                    let packet =
                        RtpPacket { timestamp: *timestamp, marker: payload.marker, loss, payload: &payload.bytes };
                    loss = 0;
                    depacketiser.push(packet, &mut out, &mut drops);
                }
            }
            assert_eq!(drops, [DropReason::LostPackets], "{:?} without {lost}", stream.codec);
            let told: Vec<_> = out.iter().map(|unit| (unit.timestamp, unit.discontinuity)).collect();
            assert_eq!(told, [(0, false), (2 * TICKS, true)], "{:?} without {lost}", stream.codec);
        }
    }
}

/// Browsers take each packet of AV1 that begins and ends with whole units for
/// a picture of its own.
#[test]
fn units_of_av1_of_any_size_stay_one_picture() {
    const WHOLE: u8 = 0;
    const BEGINS: u8 = 0x40;
    const ENDS: u8 = 0x80;
    const GOES_ON: u8 = 0xc0;
    // Metadata units before one frame, each as long as it takes to end near the end of a packet.
    for length in (0..40).chain(MAX_PAYLOAD - 60..MAX_PAYLOAD + 20).chain([3 * MAX_PAYLOAD]) {
        let mut data = Vec::new();
        for (header, size) in [(0x2a, length), (0x2a, 500), (0x32, 2_000)] {
            data.extend([header, (size & 0x7f) as u8 | 0x80, (size >> 7 & 0x7f) as u8]);
            // The frame is a key frame that is shown.
            data.extend(std::iter::repeat_n(0x10, size));
        }
        let data: Bytes = data.into();
        let payloads = packetise(&Codec::Av1, &data);
        let ends: Vec<_> = payloads.iter().map(|payload| payload.bytes[0] & GOES_ON).collect();
        let (first, last) = (ends[0], ends[ends.len() - 1]);
        assert_eq!((first, last), (BEGINS, ENDS), "{length}: {ends:x?}");
        assert!(ends[1..ends.len() - 1].iter().all(|ends| *ends == GOES_ON), "{length}: {ends:x?}");
        assert!(payloads.iter().all(|payload| payload.bytes.len() <= MAX_PAYLOAD), "{length}");
        assert_eq!(payloads.iter().filter(|payload| payload.marker).count(), 1);
    }
    let small: Bytes = vec![0x32, 3, 0x10, 0, 0].into();
    assert_eq!(packetise(&Codec::Av1, &small)[0].bytes[0] & GOES_ON, WHOLE);
}

/// A key picture of several packets, with noise behind its real beginning.
fn large(codec: &Codec, key: &Bytes) -> Bytes {
    let noise: Vec<u8> = (0..3_000u32).map(|n| (n * 7 % 250) as u8 | 1).collect();
    match codec {
        Codec::Av1 => {
            // The frame's own OBU grows: type 6, with a size.
            let mut out = key[2..14].to_vec();
            let body = [&key[17..], &noise].concat();
            out.push(0x32);
            out.extend([(body.len() & 0x7f) as u8 | 0x80, (body.len() >> 7) as u8]);
            out.extend(body);
            out.into()
        }
        Codec::Jpeg => [&key[..key.len() - 2], &noise, &[0xff, 0xd9]].concat().into(),
        _ => [&key[..], &noise].concat().into(),
    }
}

#[test]
fn random_packets_do_no_harm() {
    for stream in cameras() {
        for seed in 0..30 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut depacketiser = Depacketiser::new(&stream.codec, 90_000, 0, "").expect("a known codec");
            let (mut out, mut drops) = (Vec::new(), Vec::new());
            for _ in 0..300 {
                let frame = &stream.frames[rng.random_range(0..stream.frames.len())].1;
                for payload in packetise(&stream.codec, frame) {
                    let mut bytes = payload.bytes.to_vec();
                    for _ in 0..rng.random_range(0..4) {
                        let at = rng.random_range(0..bytes.len());
                        bytes[at] = rng.random();
                    }
                    bytes.truncate(rng.random_range(0..=bytes.len()));
                    let packet = RtpPacket {
                        timestamp: rng.random_range(-5..50),
                        marker: rng.random(),
                        loss: u16::from(rng.random_bool(0.1)),
                        payload: &bytes,
                    };
                    depacketiser.push(packet, &mut out, &mut drops);
                }
            }
            assert!(out.first().is_none_or(|unit| unit.key));
            for unit in &out {
                let payloads = packetise(&stream.codec, &unit.data);
                assert_eq!(payloads.len(), packet_count(&stream.codec, &unit.data) as usize);
            }
        }
    }
}
