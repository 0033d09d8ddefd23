//! One test a rule of the payload formats of AV1, VP8, VP9, JPEG and MPEG-4
//! part 2.

use super::*;

/// A sequence header of 96x64, and a key frame.
const SEQUENCE: &[u8] = &[0x08, 0x00, 0x00, 0x00, 0x03, 0x2d, 0xff, 0xc4, 0xaf, 0x90, 0x04];
const KEY: &[u8] = &[0x30, 0x10, 1, 2, 3, 4];
const INTER: &[u8] = &[0x30, 0x30, 9];

struct Bench {
    depacketiser: Depacketiser,
    units: Vec<AccessUnit>,
    drops: Vec<DropReason>,
}

impl Bench {
    fn new(codec: &Codec) -> Self {
        let depacketiser = Depacketiser::new(codec, 90_000, 0, "").expect("a known codec");
        Self { depacketiser, units: Vec::new(), drops: Vec::new() }
    }

    fn push(&mut self, timestamp: i64, marker: bool, payload: &[u8]) -> &mut Self {
        self.depacketiser.push(RtpPacket { timestamp, marker, loss: 0, payload }, &mut self.units, &mut self.drops);
        self
    }

    fn data(&self) -> Vec<&[u8]> {
        self.units.iter().map(|unit| &unit.data[..]).collect()
    }
}

/// With its size, as it leaves.
fn sized(obu: &[u8]) -> Vec<u8> {
    [&[obu[0] | 2, obu.len() as u8 - 1][..], &obu[1..]].concat()
}

fn key_unit() -> Vec<u8> {
    [sized(SEQUENCE), sized(KEY)].concat()
}

#[test]
fn av1_units_stand_behind_their_sizes_or_are_counted() {
    let with_sizes = [&[0x08, SEQUENCE.len() as u8][..], SEQUENCE, &[KEY.len() as u8], KEY].concat();
    let counted = [&[0x28, SEQUENCE.len() as u8][..], SEQUENCE, KEY].concat();
    // A delimiter, and units that carry sizes of their own, against the advice.
    let own_sizes = [&[0x38, 2, 0x12, 0, SEQUENCE.len() as u8 + 1][..], &sized(SEQUENCE), &sized(KEY)].concat();
    for payload in [with_sizes, counted, own_sizes] {
        let mut bench = Bench::new(&Codec::Av1);
        bench.push(0, true, &payload).push(10, true, &[&[0x10][..], INTER].concat());
        assert_eq!(bench.data(), [key_unit(), sized(INTER)]);
        assert_eq!(bench.units.iter().map(|unit| unit.key).collect::<Vec<_>>(), [true, false]);
    }
}

#[test]
fn av1_units_go_on_in_the_next_packet() {
    let mut bench = Bench::new(&Codec::Av1);
    // Two elements, the last of which stays open, goes on and ends before another.
    bench
        .push(0, false, &[&[0x68, SEQUENCE.len() as u8][..], SEQUENCE, &KEY[..2]].concat())
        .push(0, false, &[0xd0, KEY[2], KEY[3]])
        .push(0, true, &[&[0xa0, 2][..], &KEY[4..], &[0x28, 7]].concat());
    assert_eq!(bench.data(), [[key_unit(), sized(&[0x28, 7])].concat()]);
    assert_eq!(bench.drops, []);
}

#[test]
fn av1_that_breaks_the_rules_is_dropped_with_a_reason() {
    for (payload, why) in [
        (&[0x90, 1][..], "fragment without its start"),
        (&[0x00, 9, 0x30], "unit cut short"),
        (&[0x00, 0x80], "bad size"),
        (&[0x30, 1, 0x30], "fewer units than told"),
        (&[0x10, 0xb0], "not an OBU"),
        (&[0x10, 0x20, 1], "picture without its frame header"),
        (&[0x10, 0x28, 1], "no frame header"),
    ] {
        let mut bench = Bench::new(&Codec::Av1);
        bench.push(0, true, payload);
        assert_eq!(bench.drops, [DropReason::BadPacket(why)]);
    }
}

#[test]
fn av1_keys_without_their_sequence_get_the_last_one() {
    let mut bench = Bench::new(&Codec::Av1);
    let alone = [&[0x10][..], KEY].concat();
    bench.push(0, true, &alone);
    assert_eq!(bench.drops, [DropReason::NoKeyYet]);
    bench.push(1, true, &[&[0x28, SEQUENCE.len() as u8][..], SEQUENCE, KEY].concat()).push(2, true, &alone);
    assert_eq!(bench.data(), [key_unit(), key_unit()]);
}

const VP8_KEY: &[u8] = &[0x10, 0, 0, 0x9d, 1, 0x2a, 64, 0, 48, 0];

#[test]
fn vp8_descriptors_of_every_length_are_passed_over() {
    for descriptor in [
        &[0x10][..],
        &[0x90, 0x80, 0x11],
        &[0x90, 0x80, 0x91, 0x11],
        &[0x90, 0xc0, 0x11, 7],
        &[0x90, 0xe0, 0x91, 0x11, 7, 0x40],
        &[0x90, 0x10, 3],
        &[0x90, 0x00],
    ] {
        let mut bench = Bench::new(&Codec::Vp8);
        bench.push(0, false, &[descriptor, VP8_KEY].concat()).push(0, true, &[0x00, 5, 6]);
        assert_eq!(bench.data(), [[VP8_KEY, &[5, 6]].concat()], "{descriptor:?}");
        for end in 0..descriptor.len() {
            let mut bench = Bench::new(&Codec::Vp8);
            bench.push(0, true, &descriptor[..end]);
            assert!(bench.units.is_empty() && bench.drops.len() == 1, "{descriptor:?} {end}");
        }
    }
}

#[test]
fn vp8_begins_with_the_first_partition() {
    for descriptor in [0x00, 0x11] {
        let mut bench = Bench::new(&Codec::Vp8);
        bench.push(0, true, &[&[descriptor][..], VP8_KEY].concat());
        assert_eq!(bench.drops, [DropReason::BadPacket("picture without its first packet")]);
    }
}

/// Profile 0 of 64x48.
const VP9_KEY: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0x00, 0x03, 0xf0, 0x02, 0xf0, 1];

#[test]
fn vp9_descriptors_of_every_length_are_passed_over() {
    for descriptor in [
        &[0x08][..],
        &[0x88, 0x11],
        &[0x88, 0x91, 0x11],
        &[0xa8, 0x11, 0x20, 7],
        &[0xb8, 0x11, 0x20],
        &[0xd8, 0x11, 0x03, 0x05, 0x06],
        &[0x0a, 0x18, 0, 64, 0, 48, 2, 0x00, 0x08, 1, 2],
    ] {
        let mut bench = Bench::new(&Codec::Vp9);
        bench.push(0, false, &[descriptor, VP9_KEY].concat()).push(0, true, &[0x04, 5, 6]);
        assert_eq!(bench.data(), [[VP9_KEY, &[5, 6]].concat()], "{descriptor:?}");
        for end in 0..descriptor.len() {
            let mut bench = Bench::new(&Codec::Vp9);
            bench.push(0, true, &descriptor[..end]);
            assert!(bench.units.is_empty() && bench.drops.len() == 1, "{descriptor:?} {end}");
        }
    }
}

#[test]
fn vp9_layers_of_a_picture_leave_together() {
    let mut bench = Bench::new(&Codec::Vp9);
    bench.push(0, false, &[&[0x2c, 0, 0][..], VP9_KEY].concat()).push(0, true, &[0x2c, 2, 0, 0x86, 1]);
    let index = [0xd9, VP9_KEY.len() as u8, 0, 0, 0, 2, 0, 0, 0, 0xd9];
    assert_eq!(bench.data(), [[VP9_KEY, &[0x86, 1], &index].concat()]);
    let mut bench = Bench::new(&Codec::Vp9);
    for _ in 0..9 {
        bench.push(0, false, &[0x0c, 1]);
    }
    bench.push(0, true, &[0x0c, 1]).push(1, true, &[0x04, 1]);
    let first = "picture without its first packet";
    assert_eq!(bench.drops, [DropReason::BadPacket("too many layers"), DropReason::BadPacket(first)]);
}

/// A packet of RFC 2435: offset, type, quality; 16x8 pixels.
fn jpeg(offset: u8, kind: u8, quality: u8, rest: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, offset, kind, quality, 2, 1][..], rest].concat()
}

fn tables(lengths: usize) -> Vec<u8> {
    let mut out = vec![0, 0, (lengths >> 8) as u8, lengths as u8];
    out.extend((0..lengths).map(|n| n as u8 + 1));
    out
}

fn segment(picture: &[u8], marker: u8) -> Vec<&[u8]> {
    crate::bitstream::jpeg::segments(picture).filter(|found| found.0 == marker).map(|found| found.1).collect()
}

#[test]
fn jpeg_heads_are_made_of_type_and_quality() {
    for (kind, sampling) in [(0, 0x21), (1, 0x22)] {
        let mut bench = Bench::new(&Codec::Jpeg);
        bench.push(0, false, &jpeg(0, kind, 50, &[1, 2, 3])).push(0, true, &jpeg(3, kind, 50, &[4, 5]));
        let picture = bench.data()[0];
        assert_eq!(segment(picture, 0xc0), [[8, 0, 8, 0, 16, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]]);
        // At a quality of 50 the tables are those of annex K.
        let quantisation = segment(picture, 0xdb);
        assert_eq!((quantisation[0][1], quantisation[0][64], quantisation[1][64]), (16, 99, 99));
        assert_eq!(segment(picture, 0xc4).len(), 4);
        assert_eq!(segment(picture, 0xdd), [[0u8; 0]; 0]);
        assert!(picture.ends_with(&[1, 2, 3, 4, 5, 0xff, 0xd9]));
        assert_eq!(bench.depacketiser.info().map(|info| (info.width, info.height)), Some((16, 8)));
    }
}

#[test]
fn jpeg_restart_intervals_are_told_in_the_head() {
    let mut bench = Bench::new(&Codec::Jpeg);
    let interval = [0, 4, 0xff, 0xff];
    bench.push(0, false, &jpeg(0, 0x41, 10, &[&interval[..], &[1, 2]].concat())).push(
        0,
        true,
        &jpeg(2, 0x41, 10, &[&interval[..], &[3, 0xff, 0xd9]].concat()),
    );
    let picture = bench.data()[0];
    assert_eq!(segment(picture, 0xdd), [[0, 4]]);
    assert!(picture.ends_with(&[1, 2, 3, 0xff, 0xd9]), "and its end is not doubled");
}

#[test]
fn jpeg_tables_come_in_band_and_are_remembered() {
    let mut bench = Bench::new(&Codec::Jpeg);
    let none = [0, 0, 0, 0, 7];
    bench
        .push(0, true, &jpeg(0, 0, 200, &none))
        .push(1, true, &jpeg(0, 0, 200, &[&tables(128)[..], &[7]].concat()))
        .push(2, true, &jpeg(0, 0, 200, &none))
        .push(3, true, &jpeg(0, 0, 201, &none))
        .push(4, true, &jpeg(0, 0, 255, &[&tables(64)[..], &[7]].concat()))
        .push(5, true, &jpeg(0, 0, 255, &none));
    let missing = DropReason::BadPacket("tables that never came");
    assert_eq!(bench.drops, [missing; 3]);
    assert_eq!(bench.units.iter().map(|unit| unit.timestamp).collect::<Vec<_>>(), [1, 2, 4]);
    let pictures = bench.data();
    assert_eq!(segment(pictures[0], 0xdb), segment(pictures[1], 0xdb));
    let frame = segment(pictures[2], 0xc0)[0];
    assert_eq!((segment(pictures[2], 0xdb).len(), frame[11], frame[14]), (1, 0, 0), "chroma takes luma's");
}

#[test]
fn jpeg_tables_may_have_entries_of_two_bytes() {
    let mut bench = Bench::new(&Codec::Jpeg);
    let mut wide = tables(192);
    wide[1] = 1;
    bench.push(0, true, &jpeg(0, 1, 255, &[&wide[..], &[7]].concat()));
    let quantisation: Vec<_> = segment(bench.data()[0], 0xdb).iter().map(|table| (table[0], table.len())).collect();
    assert_eq!(quantisation, [(0x10, 129), (1, 65)]);
}

#[test]
fn jpeg_that_breaks_the_rules_is_dropped_with_a_reason() {
    for (payload, why) in [
        (jpeg(9, 0, 50, &[1]), "picture without its first packet"),
        (jpeg(0, 2, 50, &[1]), "unknown type of picture"),
        (jpeg(0, 0, 0, &[1]), "quality of 0"),
        (jpeg(0, 0, 120, &[1]), "reserved quality"),
        (jpeg(0, 0, 255, &[0, 0, 0, 200, 1]), "tables cut short"),
        (jpeg(0, 0, 255, &[0, 0, 0, 3, 1, 2, 3]), "tables cut short"),
        (jpeg(0, 0x40, 50, &[1]), "short payload"),
        (jpeg(0, 0, 50, &[]), "no picture data"),
        (vec![0, 0, 0, 0, 0, 50, 0, 1, 7], "a picture over 2040 pixels"),
        (vec![0; 7], "short payload"),
    ] {
        let mut bench = Bench::new(&Codec::Jpeg);
        bench.push(0, true, &payload);
        assert_eq!(bench.drops, [DropReason::BadPacket(why)]);
    }
    let mut bench = Bench::new(&Codec::Jpeg);
    bench.push(0, false, &jpeg(0, 0, 50, &[1, 2])).push(0, true, &jpeg(3, 0, 50, &[1, 2]));
    assert_eq!(bench.drops, [DropReason::BadPacket("piece of another place")]);
}

/// A layer of 96x64, as FFmpeg writes it.
const LAYER: &[u8] = &[
    0, 0, 1, 0xb0, 1, 0, 0, 1, 0xb5, 0x89, 0x13, 0, 0, 1, 0, 0, 0, 1, 0x20, 0, 0xc4, 0x8d, 0x88, 0, 0xcd, 0x0c, 0x04,
    0x10, 0x14, 0x63,
];
const I_VOP: &[u8] = &[0, 0, 1, 0xb6, 0x10, 7];
const P_VOP: &[u8] = &[0, 0, 1, 0xb6, 0x50, 8];

#[test]
fn mpeg4_headers_may_come_in_a_packet_of_their_own() {
    for (with_marker, same_time) in [(true, true), (true, false), (false, false)] {
        let mut bench = Bench::new(&Codec::Mpeg4);
        let before = if same_time { 10 } else { 0 };
        bench.push(before, with_marker, LAYER).push(10, true, I_VOP).push(20, true, P_VOP).push(30, true, I_VOP);
        let key = [LAYER, I_VOP].concat();
        assert_eq!(bench.data(), [&key[..], P_VOP, &key[..]]);
        assert_eq!(bench.units.iter().map(|unit| unit.key).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(bench.drops, []);
    }
}

#[test]
fn mpeg4_begins_with_a_start_code() {
    let mut bench = Bench::new(&Codec::Mpeg4);
    bench.push(0, true, &I_VOP[2..]);
    assert_eq!(bench.drops, [DropReason::BadPacket("picture without its first packet")]);
    let mut bench = Bench::new(&Codec::Mpeg4);
    let user_data = [&[0, 0, 1, 0xb2][..], &[9; 9_000]].concat();
    bench.push(0, true, &user_data).push(1, true, &user_data);
    assert_eq!(bench.drops, [DropReason::BadPacket("no picture data")], "headers are held up to a cap");
}

#[test]
fn a_picture_over_the_cap_is_given_up() {
    let mut bench = Bench::new(&Codec::Vp8);
    bench.push(0, false, &[&[0x10][..], VP8_KEY].concat());
    let payload = [0; 60_000];
    for _ in 0..300 {
        bench.push(0, false, &payload);
    }
    bench.push(1, true, &[&[0x10][..], VP8_KEY].concat());
    assert_eq!((bench.drops.as_slice(), bench.units.len()), (&[DropReason::TooLarge][..], 1));
    let mut bench = Bench::new(&Codec::Vp8);
    bench.push(0, false, &[&[0x10][..], VP8_KEY].concat());
    for _ in 0..MAX_UNIT_PACKETS {
        bench.push(0, false, &[0, 1]);
    }
    bench.push(0, true, &[0, 1]);
    assert_eq!(bench.drops, [DropReason::TooManyPackets]);
}
