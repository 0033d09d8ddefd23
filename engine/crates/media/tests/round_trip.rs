//! What is packetised comes back as it was, whatever it is.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vms_media::annexb::put_nal;
use vms_media::{
    AccessUnit, Codec, Depacketiser, InterleavedHeader, MAX_PAYLOAD, RtpPacket, interleaved, packet_count, packetise,
};

/// Bytes that hold no start code and do not end in zero, as in a NAL unit.
fn body(rng: &mut StdRng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.random_range(1..=255)).collect()
}

fn length(rng: &mut StdRng) -> usize {
    match rng.random_range(0..6) {
        0 => rng.random_range(4..40),
        1 => MAX_PAYLOAD - 3 + rng.random_range(0..6),
        2 => 2 * (MAX_PAYLOAD - 2) - 3 + rng.random_range(0..6),
        3 => 3 * (MAX_PAYLOAD - 3) - 3 + rng.random_range(0..6),
        _ => rng.random_range(4..30_000),
    }
}

/// A picture: parameter sets when it is a key, perhaps SEI, then slices.
fn picture(rng: &mut StdRng, codec: &Codec, key: bool) -> Bytes {
    let h264 = *codec == Codec::H264;
    let mut data = Vec::new();
    let nal = |rng: &mut StdRng, header: [u8; 2], first: u8| {
        let len = length(rng);
        let mut nal = header[..if h264 { 1 } else { 2 }].to_vec();
        nal.push(first);
        nal.extend(body(rng, len));
        nal
    };
    let mut put = |nal: &[u8]| put_nal(&mut data, nal);
    if key {
        let sets: &[[u8; 2]] = if h264 { &[[0x67, 0], [0x68, 0]] } else { &[[0x40, 1], [0x42, 1], [0x44, 1]] };
        for header in sets {
            put(&nal(rng, *header, 0x80));
        }
    }
    if rng.random_bool(0.3) {
        put(&nal(rng, if h264 { [0x06, 0] } else { [0x4e, 1] }, 5));
    }
    let header = match (h264, key) {
        (true, true) => [0x65, 0],
        (true, false) => [0x41, 0],
        (false, true) => [0x26, 1],
        (false, false) => [0x02, 1],
    };
    for slice in 0..rng.random_range(1..5) {
        // Slices of type P, lest a random SEI makes a key frame of them.
        put(&nal(rng, header, if slice == 0 { if h264 { 0x9a } else { 0x88 } } else { 0x46 }));
    }
    Bytes::from(data)
}

fn back(codec: &Codec, frames: &[(i64, Bytes)]) -> Vec<AccessUnit> {
    let mut depacketiser = Depacketiser::new(codec, 90_000, 1, "").expect("a known codec");
    let (mut out, mut drops) = (Vec::new(), Vec::new());
    for (timestamp, data) in frames {
        for payload in packetise(codec, data) {
            assert!(payload.bytes.len() <= MAX_PAYLOAD || *codec == Codec::Opus);
            let packet = RtpPacket { timestamp: *timestamp, marker: payload.marker, loss: 0, payload: &payload.bytes };
            depacketiser.push(packet, &mut out, &mut drops);
        }
    }
    assert!(drops.is_empty(), "{drops:?}");
    out
}

#[test]
fn video_comes_back_as_it_was() {
    for codec in [Codec::H264, Codec::H265] {
        for seed in 0..40 {
            let mut rng = StdRng::seed_from_u64(seed);
            let frames: Vec<_> = (0..12).map(|n| (n * 3600, picture(&mut rng, &codec, n % 4 == 0))).collect();
            let units = back(&codec, &frames);
            assert_eq!(units.len(), frames.len());
            for (number, (unit, (timestamp, data))) in units.iter().zip(&frames).enumerate() {
                assert!(unit.data == *data, "{codec:?} seed {seed} frame {number}");
                assert_eq!(unit.timestamp, *timestamp);
                // The random parameter sets may declare reordering.
                assert!(unit.dts <= unit.timestamp);
                assert_eq!(unit.key, number % 4 == 0);
                assert!(!unit.discontinuity);
            }
        }
    }
}

#[test]
fn audio_comes_back_as_it_was() {
    for codec in [Codec::Aac, Codec::Pcma, Codec::Pcmu, Codec::Opus] {
        let mut rng = StdRng::seed_from_u64(7);
        let longest = if codec == Codec::Aac { 8000 } else { MAX_PAYLOAD };
        let frames: Vec<_> = (0..200)
            .map(|n| {
                let len = rng.random_range(1..longest);
                (n * 10_000, Bytes::from(body(&mut rng, len)))
            })
            .collect();
        let units = back(&codec, &frames);
        let came: Vec<_> = units.into_iter().map(|unit| (unit.timestamp, unit.data)).collect();
        assert!(came == frames, "{codec:?}");
    }
}

#[test]
fn the_count_is_the_number_of_payloads_and_the_last_has_the_marker() {
    let codecs = [Codec::H264, Codec::H265, Codec::Aac, Codec::Pcma, Codec::Opus, Codec::Other("x".into())];
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..300 {
        for codec in &codecs {
            let data = if codec.is_video() {
                picture(&mut rng, codec, true)
            } else {
                let len = rng.random_range(0..5000);
                Bytes::from(body(&mut rng, len))
            };
            let payloads = packetise(codec, &data);
            assert_eq!(packet_count(codec, &data) as usize, payloads.len());
            let markers = payloads.iter().filter(|payload| payload.marker).count();
            assert_eq!(markers, usize::from(!payloads.is_empty()));
            assert!(payloads.last().is_none_or(|payload| payload.marker));
        }
    }
}

#[test]
fn interleaved_packets_are_the_payloads_with_headers() {
    let mut rng = StdRng::seed_from_u64(2);
    for codec in [Codec::H264, Codec::H265, Codec::Aac] {
        let data = if codec.is_video() { picture(&mut rng, &codec, true) } else { Bytes::from(body(&mut rng, 3000)) };
        let header =
            InterleavedHeader { channel: 4, payload_type: 97, seq: 65_534, timestamp: 0x0102_0304, ssrc: 0x0506_0708 };
        let wire = interleaved(&codec, &data, header);
        let mut rest = &wire[..];
        let mut seq = header.seq;
        for payload in packetise(&codec, &data) {
            let len = 12 + payload.bytes.len();
            assert_eq!(rest[..4], [b'$', 4, (len >> 8) as u8, len as u8]);
            assert_eq!(rest[4..6], [0x80, 97 | u8::from(payload.marker) << 7]);
            assert_eq!(rest[6..8], seq.to_be_bytes());
            assert_eq!(rest[8..16], [1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(rest[16..4 + len], payload.bytes[..]);
            rest = &rest[4 + len..];
            seq = seq.wrapping_add(1);
        }
        assert!(rest.is_empty());
    }
}

/// No packet at all may upset a depacketiser, nor make it hold more than one
/// access unit.
#[test]
fn random_packets_do_no_harm() {
    for codec in [Codec::H264, Codec::H265, Codec::Aac, Codec::Pcmu, Codec::Opus] {
        for seed in 0..20 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut depacketiser = Depacketiser::new(&codec, 90_000, 2, "").expect("a known codec");
            let (mut out, mut drops) = (Vec::new(), Vec::new());
            for _ in 0..400 {
                let len = rng.random_range(0..60);
                let mut payload: Vec<u8> = (0..len).map(|_| rng.random_range(0..=255)).collect();
                if let Some(first) = payload.first_mut()
                    && rng.random_bool(0.7)
                {
                    *first = [0x67, 0x68, 0x65, 0x41, 0x7c, 0x18, 0x26, 0x62, 0x42, 0][rng.random_range(0..10)];
                }
                let packet = RtpPacket {
                    timestamp: rng.random_range(-5..50),
                    marker: rng.random(),
                    loss: u16::from(rng.random_bool(0.1)),
                    payload: &payload,
                };
                depacketiser.push(packet, &mut out, &mut drops);
            }
        }
    }
}

#[test]
fn real_streams_come_back_as_they_were() {
    for (codec, name) in [
        (Codec::H264, "camera.h264"),
        (Codec::H264, "slices.h264"),
        (Codec::H264, "b_frames.h264"),
        (Codec::H264, "interlaced.h264"),
        (Codec::H265, "camera.h265"),
    ] {
        let path = format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
        let stream = std::fs::read(path).expect("a test vector");
        let units = vms_media::access_units(&codec, &stream);
        let frames: Vec<_> = (0..).map(|n| n * 3600).zip(units.iter().map(|unit| unit.data.clone())).collect();
        let came = back(&codec, &frames);
        let expected: Vec<_> = units.into_iter().map(|unit| (unit.key, unit.data)).collect();
        let came: Vec<_> = came.into_iter().map(|unit| (unit.key, unit.data)).collect();
        assert!(came == expected, "{name}");
    }
}
