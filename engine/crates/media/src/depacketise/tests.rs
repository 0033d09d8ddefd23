//! One test a symptom that cameras in the field show; what they send stands in
//! `tests/vectors/rtp`.

use super::*;
use crate::annexb::{nals, put_nal, split};
use crate::packetise::packetise;
use crate::rtp_cases;

const SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x0b, 0xac, 0xb4, 0x14, 0x23, 0xf2, 0xe0, 0x22, 0x00, 0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03,
    0x00, 0x64, 0x1e, 0x28, 0x55, 0x40,
];
const PPS: &[u8] = &[0x68, 0xef, 0x04, 0x72, 0xc0];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x11];
const SLICE: &[u8] = &[0x41, 0x9a, 0x22, 0x22];
/// The second slice of a picture: its first macroblock is not 0.
const MORE: &[u8] = &[0x41, 0x46, 0x33, 0x33];
const SEI: &[u8] = &[0x06, 0x05, 0x01, 0x07, 0x80];

const VPS5: &[u8] = &[0x40, 1, 0x0c, 1];
const SPS5: &[u8] = &[0x42, 1, 1, 2];
const PPS5: &[u8] = &[0x44, 1, 0xc1, 0x72];
const IDR5: &[u8] = &[0x26, 1, 0xaf, 9];
const SLICE5: &[u8] = &[0x02, 1, 0xd0, 9];

/// A depacketiser with what came out of it.
struct Bench {
    depacketiser: Depacketiser,
    units: Vec<AccessUnit>,
    drops: Vec<DropReason>,
}

impl Bench {
    fn new(codec: &Codec, fmtp: &str) -> Self {
        Self { depacketiser: Depacketiser::new(codec, 90_000, 0, fmtp).unwrap(), units: Vec::new(), drops: Vec::new() }
    }

    fn h264() -> Self {
        Self::new(&Codec::H264, "")
    }

    fn push(&mut self, timestamp: i64, marker: bool, payload: &[u8]) -> &mut Self {
        self.lossy(0, timestamp, marker, payload)
    }

    fn lossy(&mut self, loss: u16, timestamp: i64, marker: bool, payload: &[u8]) -> &mut Self {
        let packet = RtpPacket { timestamp, marker, loss, payload };
        self.depacketiser.push(packet, &mut self.units, &mut self.drops);
        self
    }

    /// Takes all packets of a case.
    fn played(mut self, case: &str) -> Self {
        for packet in rtp_cases::packets(case) {
            self.push(packet.timestamp, packet.marker, &packet.payload);
        }
        self
    }

    /// A key frame to begin with.
    fn key(&mut self, timestamp: i64) -> &mut Self {
        self.push(timestamp, false, SPS).push(timestamp, false, PPS).push(timestamp, true, IDR)
    }

    fn units(&self) -> Vec<(i64, Vec<&[u8]>)> {
        self.units.iter().map(|unit| (unit.timestamp, nals(&unit.data).collect())).collect()
    }
}

fn fragment(start: bool, end: bool, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut payload = vec![0x7c, u8::from(start) << 7 | u8::from(end) << 6 | kind];
    payload.extend_from_slice(body);
    payload
}

fn fragment5(start: bool, end: bool, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut payload = vec![49 << 1, 1, u8::from(start) << 7 | u8::from(end) << 6 | kind];
    payload.extend_from_slice(body);
    payload
}

#[test]
fn a_plain_stream_leaves_with_its_markers() {
    let mut bench = Bench::h264();
    bench.key(0);
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, IDR])]);
    assert!(bench.units[0].key && !bench.units[0].discontinuity);
    bench.push(3600, true, SLICE);
    assert_eq!(bench.units.len(), 2);
    assert!(!bench.units[1].key);
    assert_eq!(bench.units[1].dts, 3600);
    assert!(bench.drops.is_empty());
    let info = bench.depacketiser.info().unwrap();
    assert_eq!((info.width, info.height), (160, 120));
    assert!(bench.depacketiser.parameter_sets().unwrap().complete(&Codec::H264));
}

#[test]
fn frames_before_the_first_key_frame_are_counted_and_dropped() {
    let mut bench = Bench::h264();
    bench.push(0, true, SLICE).push(1, true, SLICE).key(2);
    assert_eq!(bench.drops, [DropReason::NoKeyYet; 2]);
    assert_eq!(bench.units(), [(2, vec![SPS, PPS, IDR])]);
}

#[test]
fn sets_only_in_the_sdp_are_put_in_front_of_key_frames() {
    let mut sets = ParameterSets::default();
    sets.update(&Codec::H264, &Bytes::from_static(SPS));
    sets.update(&Codec::H264, &Bytes::from_static(PPS));
    let mut bench = Bench::new(&Codec::H264, &sets.fmtp(&Codec::H264));
    assert!(bench.depacketiser.info().is_some());
    bench.push(0, true, IDR).push(1, true, SLICE);
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, IDR]), (1, vec![SLICE])]);
}

#[test]
fn no_sets_at_all_is_no_key_frame() {
    let mut bench = Bench::h264().played("no_sets_at_all");
    assert_eq!(bench.drops, [DropReason::NoKeyYet; 2]);
    bench.push(2, true, SPS).push(2, true, PPS).push(2, true, IDR);
    assert_eq!(bench.units.len(), 1);
}

#[test]
fn annex_b_in_the_payload_with_sps_pps_and_idr_in_one_packet() {
    let bench = Bench::h264().played("annex_b_in_the_payload");
    let expected = vec![SPS, PPS, IDR];
    assert_eq!(bench.units(), [(0, expected.clone()), (1, expected)]);
}

#[test]
fn many_nals_in_one_fragmented_nal() {
    let bench = Bench::h264().played("many_nals_in_one_fragmented_nal");
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, SEI, IDR])]);
}

#[test]
fn marker_on_parameter_sets_and_sei_is_not_believed() {
    let bench = Bench::h264().played("marker_on_sets_and_sei");
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, SEI, IDR]), (1, vec![SEI, SLICE])]);
    assert!(bench.drops.is_empty());
}

#[test]
fn marker_absent_ends_the_frame_at_the_next_timestamp() {
    let bench = Bench::h264().played("no_marker");
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, IDR]), (1, vec![SLICE, MORE])]);
}

#[test]
fn marker_and_timestamps_absent_end_the_frame_at_the_next_first_slice() {
    let bench = Bench::h264().played("no_marker_and_one_time");
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, IDR]), (0, vec![SLICE, MORE])]);
}

#[test]
fn marker_on_every_slice_is_found_out_and_not_believed_again() {
    let bench = Bench::h264().played("marker_on_every_slice");
    assert_eq!(bench.drops, [DropReason::BadPacket("slice after the marker")]);
    // The first is cut short, what was left of it is dropped, the rest whole.
    assert_eq!(bench.units()[1], (1, vec![SLICE]));
    assert_eq!(bench.units()[2..], [(2, vec![SLICE, MORE]), (3, vec![SLICE, MORE])]);
    assert!(bench.units[2].discontinuity && !bench.units[3].discontinuity);
}

#[test]
fn a_marker_that_is_honest_for_long_is_believed_again() {
    let mut bench = Bench::h264();
    bench.key(0).push(1, true, SLICE).push(1, true, MORE);
    for time in 2..300 {
        bench.push(time, true, SLICE);
    }
    assert_eq!(bench.units.last().unwrap().timestamp, 299);
}

#[test]
fn fragment_with_start_and_end_both_set_is_whole() {
    let bench = Bench::h264().played("fragment_with_start_and_end");
    assert_eq!(nals(&bench.units[1].data).next().unwrap()[1..], SLICE[1..]);
    assert!(bench.drops.is_empty());
}

#[test]
fn nal_type_that_changes_in_mid_fragment_keeps_the_first() {
    let bench = Bench::h264().played("nal_type_changes_in_mid_fragment");
    assert_eq!(nals(&bench.units[1].data).next().unwrap(), [0x61, 0x9a, 0x22, 0x22]);
    assert!(!bench.units[1].key);
}

#[test]
fn empty_fragments_are_passed_over() {
    let bench = Bench::h264().played("empty_fragments");
    assert_eq!(nals(&bench.units[1].data).next().unwrap()[1..], SLICE[1..]);
    assert!(bench.drops.is_empty());
}

#[test]
fn end_bit_absent_with_the_marker_set() {
    let bench = Bench::h264().played("fragments_without_end");
    assert_eq!(bench.units.iter().map(|u| u.timestamp).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(bench.drops.is_empty());
}

#[test]
fn fragment_without_its_start_is_dropped_once() {
    let mut bench = Bench::h264();
    bench.key(0);
    bench.push(1, false, &fragment(false, false, 1, b"x")).push(1, true, &fragment(false, true, 1, b"y"));
    bench.push(2, true, SLICE);
    assert_eq!(bench.drops, [DropReason::BadPacket("fragment without its start")]);
    assert_eq!(bench.units.len(), 2);
    assert!(bench.units[1].discontinuity);
}

#[test]
fn timestamp_that_changes_between_sets_and_picture() {
    let bench = Bench::h264().played("time_changes_between_sets_and_picture");
    assert_eq!(bench.units()[2], (7200, vec![SPS, PPS, IDR]));
    assert!(bench.drops.is_empty());
}

#[test]
fn timestamp_that_changes_in_mid_picture() {
    let bench = Bench::h264().played("time_changes_in_mid_picture");
    assert_eq!(bench.units()[1..], [(1, vec![SLICE, MORE]), (3, vec![SLICE])]);
}

#[test]
fn loss_in_mid_fragment_drops_that_frame_only() {
    let mut bench = Bench::h264();
    bench.key(0);
    bench.push(1, false, &fragment(true, false, 1, &SLICE[1..3]));
    bench.lossy(2, 1, true, &fragment(false, true, 1, b"zz"));
    bench.push(2, true, SLICE);
    assert_eq!(bench.drops, [DropReason::LostPackets]);
    assert_eq!(bench.units()[1..], [(2, vec![SLICE])]);
    assert!(bench.units[1].discontinuity);
    bench.push(3, true, SLICE);
    assert!(!bench.units[2].discontinuity);
}

#[test]
fn loss_of_a_frames_end_does_not_cost_the_next_frame() {
    let mut bench = Bench::h264();
    bench.key(0);
    bench.push(1, false, &fragment(true, false, 1, &SLICE[1..3]));
    bench.lossy(1, 2, true, SLICE);
    assert_eq!(bench.units()[1..], [(2, vec![SLICE])]);
    assert_eq!(bench.drops, [DropReason::LostPackets]);
}

#[test]
fn loss_of_a_frames_beginning_drops_it() {
    let mut bench = Bench::h264();
    bench.key(0).lossy(1, 1, true, MORE).push(2, true, SLICE);
    assert_eq!(bench.drops, [DropReason::LostPackets]);
    bench.lossy(1, 3, false, &fragment(false, false, 1, b"x"));
    bench.push(4, true, SLICE);
    assert_eq!(bench.drops.len(), 2);
    assert_eq!(bench.units.len(), 3);
}

#[test]
fn loss_of_whole_frames_is_a_discontinuity() {
    let mut bench = Bench::h264();
    bench.key(0).lossy(9, 8, true, SLICE);
    assert!(bench.drops.is_empty());
    assert!(bench.units[1].discontinuity);
}

#[test]
fn a_frame_that_never_ends_is_given_up() {
    let bench = Bench::h264().played("frame_of_too_many_packets");
    assert_eq!(bench.drops, [DropReason::TooManyPackets]);
    assert_eq!(bench.units()[1..], [(2, vec![SLICE])]);
    assert!(bench.units[1].discontinuity);
}

#[test]
fn a_frame_over_sixteen_megabytes_is_given_up() {
    let bench = Bench::h264().played("frame_of_too_many_bytes");
    assert_eq!(bench.drops, [DropReason::TooLarge]);
    assert_eq!(bench.units()[1..], [(2, vec![SLICE])]);
}

#[test]
fn packets_of_unknown_kinds_are_named_and_do_no_harm() {
    let mut bench = Bench::h264();
    bench.key(0);
    bench.push(1, false, &[]).push(1, false, &[0x1d, 1]).push(1, false, &[0x1c]).push(1, false, &[0, 7]);
    bench.push(1, false, &[0x18, 0, 9, 1]).push(1, false, &[0xe1, 0x9a]).push(1, true, SLICE);
    assert_eq!(bench.units.len(), 2);
    assert_eq!(bench.drops.len(), 6, "{:?}", bench.drops);
    assert!(bench.drops.iter().all(|drop| matches!(drop, DropReason::BadPacket(_))));
}

#[test]
fn aggregated_sets_and_slices_are_taken_apart() {
    let mut payload = vec![0x18];
    for nal in [SPS, PPS, IDR] {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    payload.extend_from_slice(&[0, 0]);
    let mut bench = Bench::h264();
    bench.push(0, true, &payload);
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, IDR])]);
}

#[test]
fn delimiters_and_filler_are_left_out() {
    let mut bench = Bench::h264();
    bench.push(0, false, &[0x09, 0xf0]).push(0, false, SPS).push(0, false, PPS);
    bench.push(0, false, &fragment(true, true, 12, b"filler")).push(0, true, IDR);
    assert_eq!(bench.units(), [(0, vec![SPS, PPS, IDR])]);
}

#[test]
fn an_intra_picture_with_a_recovery_point_is_a_key_frame() {
    let recovery = &[0x06, 0x06, 0x01, 0xc4, 0x80];
    let intra = &[0x41, 0x88, 0x80];
    let mut bench = Bench::h264();
    bench.push(0, false, SPS).push(0, false, PPS).push(0, false, recovery).push(0, true, intra);
    assert!(bench.units[0].key);
    bench.push(1, true, intra);
    assert!(!bench.units[1].key);
}

#[test]
fn two_fields_of_one_time_stay_together() {
    let stream = vector("interlaced.h264");
    let sps = split(&stream).find(|nal| nal[0] & 0x1f == 7).unwrap();
    let mut bench = Bench::h264();
    bench.push(0, false, sps).push(0, false, PPS).push(0, false, IDR).push(0, true, SLICE);
    assert_eq!(bench.units.len(), 1);
    assert_eq!(nals(&bench.units[0].data).count(), 4);
}

#[test]
fn new_sets_in_band_change_what_is_known() {
    let stream = vector("slices.h264");
    let mut bench = Bench::h264();
    bench.key(0);
    for nal in split(&stream).take_while(|nal| nal[0] & 0x1f != 5) {
        bench.push(1, false, nal);
    }
    bench.push(1, true, IDR);
    assert_eq!(bench.depacketiser.info().unwrap().width, 1918);
}

#[test]
fn b_frames_get_decode_times_that_rise() {
    let stream = vector("b_frames.h264");
    let units = crate::access_units(&Codec::H264, &stream);
    let mut bench = Bench::h264();
    // Shown as I B B P with the encoder's pyramid; times need only be out of
    // order as B-frames are.
    for (index, unit) in (0i64..).zip(&units) {
        let shown = [0, 3, 1, 2][(index % 4) as usize] + index / 4 * 4;
        for payload in packetise(&Codec::H264, &unit.data) {
            bench.push(shown * 3600, payload.marker, &payload.bytes);
        }
    }
    assert_eq!(bench.units.len(), units.len());
    assert!(bench.units.windows(2).all(|pair| pair[0].dts < pair[1].dts));
    assert!(bench.units.iter().all(|unit| unit.dts <= unit.timestamp));
    assert!(bench.depacketiser.info().unwrap().reorder_frames);
}

#[test]
fn h265_single_aggregate_and_fragment_packets() {
    let mut bench = Bench::new(&Codec::H265, "");
    let mut aggregate = vec![48 << 1, 1];
    for nal in [VPS5, SPS5, PPS5] {
        aggregate.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        aggregate.extend_from_slice(nal);
    }
    bench.push(0, false, &aggregate);
    bench.push(0, false, &fragment5(true, false, 19, &IDR5[2..3]));
    bench.push(0, true, &fragment5(false, true, 19, &IDR5[3..]));
    bench.push(1, true, SLICE5);
    assert_eq!(bench.units(), [(0, vec![VPS5, SPS5, PPS5, IDR5]), (1, vec![SLICE5])]);
    assert!(bench.units[0].key && !bench.units[1].key);
}

#[test]
fn h265_fragment_with_start_and_end_both_set_is_whole() {
    let bench = Bench::new(&Codec::H265, "").played("h265_fragment_with_start_and_end");
    assert_eq!(bench.units(), [(0, vec![VPS5, SPS5, PPS5, IDR5])]);
    assert!(bench.drops.is_empty());
}

#[test]
fn h265_with_a_set_missing_waits_until_it_comes_in_band() {
    let bench = Bench::new(&Codec::H265, "").played("h265_without_its_video_set");
    assert_eq!(bench.drops, [DropReason::NoKeyYet]);
    assert_eq!(nals(&bench.units[0].data).filter(|nal| *nal == SPS5).count(), 1);
}

#[test]
fn h265_annex_b_further_layers_and_short_packets() {
    let mut bench = Bench::new(&Codec::H265, "");
    let mut whole = Vec::new();
    for nal in [VPS5, SPS5, PPS5, IDR5] {
        whole.extend_from_slice(&[0, 0, 0, 1]);
        whole.extend_from_slice(nal);
    }
    bench.push(0, false, &whole).push(0, true, &[0x02, 9, 0x80, 1]);
    assert_eq!(bench.units(), [(0, vec![VPS5, SPS5, PPS5, IDR5])]);
    bench.push(1, false, &[2]).push(1, false, &[50 << 1, 1, 1]).push(1, false, &[49 << 1, 1]);
    assert_eq!(bench.drops.len(), 3);
}

#[test]
fn an_unknown_codec_is_named() {
    let error = Depacketiser::new(&Codec::Other("X-SMART".into()), 90_000, 0, "").unwrap_err();
    assert_eq!(error.to_string(), "unknown codec X-SMART");
}

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("a test vector")
}

fn audio(codec: &Codec, channels: u8, fmtp: &str) -> Bench {
    Bench { depacketiser: Depacketiser::new(codec, 8000, channels, fmtp).unwrap(), units: vec![], drops: vec![] }
}

const HBR: &str = "97 streamtype=5; mode=AAC-hbr; config=1190; SizeLength=13; IndexLength=3; IndexDeltaLength=3";

#[test]
fn aac_frames_of_one_packet_follow_each_other() {
    let mut bench = audio(&Codec::Aac, 2, HBR);
    bench.push(0, true, &[0, 32, 0, 3 << 3, 0, 2 << 3, 1, 2, 3, 4, 5]);
    let frames: Vec<_> = bench.units.iter().map(|u| (u.timestamp, &u.data[..])).collect();
    assert_eq!(frames, [(0, &[1u8, 2, 3][..]), (1024, &[4, 5])]);
    assert!(bench.depacketiser.info().is_none());
    assert!(bench.depacketiser.parameter_sets().is_none());
}

#[test]
fn aac_in_fragments_is_put_together() {
    let mut bench = audio(&Codec::Aac, 2, "");
    let part = |body: &[u8]| [&[0, 16, 0, 6 << 3], body].concat();
    bench.push(5, false, &part(b"abc")).push(5, true, &part(b"def"));
    assert_eq!(&bench.units[0].data[..], b"abcdef");
    bench.push(6, false, &part(b"abc")).lossy(1, 7, true, &part(b"xyz123"));
    assert_eq!(bench.drops, [DropReason::LostPackets]);
    assert!(bench.units[1].discontinuity);
    bench.push(8, false, &part(b"abc")).push(8, true, &part(b"wxyz"));
    assert_eq!(bench.drops.len(), 2);
}

#[test]
fn aac_in_adts_is_unwrapped() {
    let bench = audio(&Codec::Aac, 2, HBR).played("aac_in_adts");
    let frames: Vec<_> = bench.units.iter().map(|u| (u.timestamp, &u.data[..])).collect();
    assert_eq!(frames, [(0, &b"one"[..]), (1024, b"two"), (2048, b"three")]);
    assert_eq!(bench.drops, [DropReason::BadPacket("ADTS cut short")]);
}

#[test]
fn aac_configurations_set_the_frame_length() {
    for (config, samples) in [("1190", 1024), ("1194", 960), ("2b920800", 2048), ("xx", 1024), ("", 1024)] {
        let mut bench = audio(&Codec::Aac, 2, &format!("config={config}"));
        bench.push(0, true, &[0, 32, 0, 1 << 3, 0, 1 << 3, 1, 2]);
        assert_eq!(bench.units[1].timestamp, samples, "{config}");
    }
    let mut low = audio(&Codec::Aac, 1, "mode=AAC-lbr; sizelength=6; indexlength=2; indexdeltalength=2");
    low.push(0, true, &[0, 8, 3 << 2, 7, 8, 9]);
    assert_eq!(&low.units[0].data[..], [7, 8, 9]);
}

#[test]
fn bad_audio_packets_are_named() {
    let mut bench = audio(&Codec::Aac, 2, "");
    bench.push(0, true, &[]).push(0, true, &[0xff, 0, 1]).push(0, true, &[0, 16, 0xff, 0xf8]);
    assert_eq!(bench.drops.len(), 3);
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut bench = audio(&codec, 1, "");
        bench.push(0, true, &[]);
        assert_eq!(bench.drops, [DropReason::BadPacket("empty payload")]);
    }
}

#[test]
fn g711_and_opus_packets_are_frames() {
    let mut bench = audio(&Codec::Pcma, 1, "");
    bench.push(0, true, &[1; 160]).lossy(1, 320, true, &[2; 2000]);
    let frames: Vec<_> = bench.units.iter().map(|u| (u.timestamp, u.data.len(), u.discontinuity)).collect();
    assert_eq!(frames, [(0, 160, false), (320, 1180, true), (1500, 820, false)]);
    let mut bench = audio(&Codec::Opus, 2, "");
    bench.lossy(1, 960, true, &[9; 50]);
    assert!(bench.units[0].discontinuity && bench.units[0].key);
}

#[test]
fn start_codes_are_still_found_after_a_long_clean_time() {
    let mut bench = Bench::h264();
    bench.key(0);
    for time in 1..600 {
        bench.push(time, true, SLICE);
    }
    let mut whole = SPS.to_vec();
    for nal in [PPS, IDR] {
        whole.extend_from_slice(&[0, 0, 1]);
        whole.extend_from_slice(nal);
    }
    bench.push(600, true, &whole);
    assert!(bench.units.last().unwrap().key);
    let mut out = Vec::new();
    put_nal(&mut out, SPS);
    assert!(bench.units.last().unwrap().data.starts_with(&out));
}
