use super::*;
use crate::annexb;
use crate::configs::CUT_SHORT;

const SPS: &[u8] = &[0x67, 0x42, 0, 0x1e];
const PPS: &[u8] = &[0x68, 2];
const AVC: &[u8] = &[1, 0x42, 0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0, 0x1e, 1, 0, 2, 0x68, 2];
const AAC_48K_STEREO: &[u8] = &[0x11, 0x90];

fn push(demuxer: &mut FlvDemuxer, kind: FlvKind, ms: u32, body: &[u8]) -> Vec<FlvItem> {
    let mut out = Vec::new();
    demuxer.push(kind, ms, body, &mut out).expect("its codec is known");
    out
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// One unit of video: its times, whether it is a key picture, its NAL units.
fn picture(items: Vec<FlvItem>) -> (i64, i64, bool, Vec<Vec<u8>>) {
    match &items[..] {
        [FlvItem::Unit(TrackKind::Video, unit)] => {
            let nals = annexb::nals(&unit.data).map(<[u8]>::to_vec).collect();
            (unit.timestamp, unit.dts, unit.key, nals)
        }
        other => panic!("not one picture: {other:?}"),
    }
}

fn with_avc() -> FlvDemuxer {
    let mut demuxer = FlvDemuxer::default();
    let found = push(&mut demuxer, FlvKind::Video, 0, &joined(&[&[0x17, 0, 0, 0, 0], AVC]));
    assert_eq!(found, [FlvItem::Found(TrackKind::Video)]);
    demuxer
}

#[test]
fn pictures_have_the_times_of_their_tags_and_their_sets_in_front() {
    let mut demuxer = with_avc();
    let key = push(&mut demuxer, FlvKind::Video, 1000, &[0x17, 1, 0, 0, 80, 0, 0, 0, 3, 0x65, 0x88, 1]);
    assert_eq!(picture(key), (1080 * 90, 1000 * 90, true, vec![SPS.to_vec(), PPS.to_vec(), vec![0x65, 0x88, 1]]));
    let early = push(&mut demuxer, FlvKind::Video, 1040, &[0x27, 1, 0xff, 0xff, 0xff, 0, 0, 0, 2, 0x41, 0x9a]);
    assert_eq!(picture(early), (1039 * 90, 1040 * 90, false, vec![vec![0x41, 0x9a]]));
    assert_eq!(demuxer.tracks()[0].codec, Codec::H264);
}

#[test]
fn milliseconds_count_on_over_their_end_and_may_go_back_a_little() {
    let mut demuxer = with_avc();
    let key = [0x17, 1, 0, 0, 0, 0, 0, 0, 3, 0x65, 0x88, 1];
    let times: Vec<i64> = [u32::MAX - 10, 29, 20, 69]
        .into_iter()
        .map(|ms| picture(push(&mut demuxer, FlvKind::Video, ms, &key)).0 / 90)
        .collect();
    assert_eq!(times[1..].iter().map(|time| time - times[0]).collect::<Vec<_>>(), [40, 31, 80]);
}

#[test]
fn a_camera_that_writes_annex_b_into_flv_is_understood() {
    let mut demuxer = with_avc();
    let body = joined(&[
        &[0x17, 1, 0, 0, 0],
        &[0, 0, 0, 1, 0x67, 0x42, 0, 0x1e, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0x88, 1],
    ]);
    assert_eq!(picture(push(&mut demuxer, FlvKind::Video, 0, &body)).3.len(), 3);
}

#[test]
fn hevc_comes_by_its_old_number_and_by_its_four_letters() {
    let vps: &[u8] = &[0x40, 1, 0x0c];
    let (sps, pps): (&[u8], &[u8]) = (&[0x42, 1, 1], &[0x44, 1, 0xc0]);
    let mut config = vec![1; 21];
    config.extend([0xff, 3]);
    for set in [vps, sps, pps] {
        config.extend([set[0] >> 1 & 0x3f, 0, 1, 0, 3]);
        config.extend(set);
    }
    let idr: &[u8] = &[0, 0, 0, 4, 0x26, 1, 0xaf, 9];
    let forms: [(&[u8], &[u8]); 3] = [
        (&[0x1c, 0, 0, 0, 0], &[0x1c, 1, 0, 0, 0]),
        (&[0x90, b'h', b'v', b'c', b'1'], &[0x91, b'h', b'v', b'c', b'1', 0, 0, 0]),
        (&[0x90, b'h', b'v', b'c', b'1'], &[0x93, b'h', b'v', b'c', b'1']),
    ];
    for (start, frame) in forms {
        let mut demuxer = FlvDemuxer::default();
        push(&mut demuxer, FlvKind::Video, 0, &joined(&[start, &config]));
        assert_eq!(demuxer.tracks()[0].codec, Codec::H265);
        let (_, _, key, nals) = picture(push(&mut demuxer, FlvKind::Video, 0, &joined(&[frame, idr])));
        assert!(key);
        assert_eq!(nals, [vps, sps, pps, &idr[4..]]);
    }
}

#[test]
fn unknown_video_is_named() {
    let refused = |body: &[u8]| FlvDemuxer::default().push(FlvKind::Video, 0, body, &mut Vec::new()).err();
    assert_eq!(refused(&[0x14, 0]), Some(FlvError::UnknownVideo("VP6".into())));
    assert_eq!(refused(&[0x90, b'v', b'v', b'c', b'1', 0]), Some(FlvError::UnknownVideo("VVC1".into())));
    assert_eq!(refused(&[]), None);
}

#[test]
fn sound_has_even_times_though_milliseconds_are_coarse() {
    let mut demuxer = FlvDemuxer::default();
    let found = push(&mut demuxer, FlvKind::Audio, 0, &joined(&[&[0xaf, 0], AAC_48K_STEREO]));
    assert_eq!(found, [FlvItem::Found(TrackKind::Audio)]);
    let track = &demuxer.tracks()[0];
    assert_eq!((&track.codec, track.clock_rate, track.channels), (&Codec::Aac, 48_000, 2));
    assert!(track.fmtp.ends_with("config=1190"), "{}", track.fmtp);
    let mut at = |ms| match &push(&mut demuxer, FlvKind::Audio, ms, &[0xaf, 1, 9, 9])[..] {
        [FlvItem::Unit(TrackKind::Audio, unit)] => unit.timestamp,
        other => panic!("{other:?}"),
    };
    let times = [at(0), at(21), at(43), at(64), at(500)];
    assert_eq!(times, [0, 1024, 2048, 3072, 24_000], "the last one is a gap");
}

#[test]
fn g711_needs_no_configuration() {
    for (head, codec) in [(0x72, Codec::Pcma), (0x82, Codec::Pcmu)] {
        let mut demuxer = FlvDemuxer::default();
        let items = push(&mut demuxer, FlvKind::Audio, 0, &[head, 1, 2, 3]);
        assert_eq!(items.len(), 2);
        assert_eq!(demuxer.tracks()[0].codec, codec);
    }
}

#[test]
fn damaged_pictures_are_told_and_the_next_one_says_so() {
    let mut demuxer = with_avc();
    let key = [0x17, 1, 0, 0, 0, 0, 0, 0, 3, 0x65, 0x88, 1];
    push(&mut demuxer, FlvKind::Video, 0, &key);
    let cut = push(&mut demuxer, FlvKind::Video, 40, &[0x27, 1, 0, 0, 0, 0, 0, 0, 9, 0x41]);
    assert_eq!(cut, [FlvItem::Lost(CUT_SHORT)]);
    match &push(&mut demuxer, FlvKind::Video, 80, &key)[..] {
        [FlvItem::Unit(_, unit)] => assert!(unit.discontinuity),
        other => panic!("{other:?}"),
    }
    for config in [&AVC[..7], &AVC[..3]] {
        let bad = push(&mut demuxer, FlvKind::Video, 0, &joined(&[&[0x17, 0, 0, 0, 0], config]));
        assert_eq!(bad, [FlvItem::Lost(DropReason::BadPacket("decoder configuration"))]);
    }
}

#[test]
fn tags_are_cut_wherever_the_bytes_break() {
    let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    for (kind, ms, body) in [(9_u8, 0x0102_0304_u32, &[7_u8, 8][..]), (18, 5, &[]), (8, 6, &[1])] {
        let [upper, low @ ..] = ms.to_be_bytes();
        file.extend([kind, 0, 0, body.len() as u8]);
        file.extend(low);
        file.extend([upper, 0, 0, 0]);
        file.extend(body);
        file.extend((11 + body.len() as u32).to_be_bytes());
    }
    let mut reader = FlvReader::default();
    let (mut from, mut found) = (0, Vec::new());
    for end in 0..=file.len() {
        while let Some(tag) = reader.tag(&file[from..end]).expect("it is FLV") {
            found.push((tag.kind, tag.ms, tag.body.to_vec()));
            from += tag.used;
        }
    }
    assert_eq!(from, file.len());
    assert_eq!(
        found,
        [(FlvKind::Video, 0x0102_0304, vec![7, 8]), (FlvKind::Other, 5, vec![]), (FlvKind::Audio, 6, vec![1])]
    );
}

#[test]
fn what_is_no_flv_is_told_at_its_first_bytes() {
    assert_eq!(FlvReader::default().tag(b"<h"), Err(FlvError::NotFlv));
    assert_eq!(FlvReader::default().tag(b"FL"), Ok(None));
}

/// A sequence header of 96x64 and a key frame, with sizes.
const AV1_SEQUENCE: &[u8] = &[0x0a, 10, 0x00, 0x00, 0x00, 0x03, 0x2d, 0xff, 0xc4, 0xaf, 0x90, 0x04];
const AV1_KEY: &[u8] = &[0x32, 3, 0x10, 1, 2];

#[test]
fn av1_comes_by_its_four_letters_without_delimiters() {
    let mut demuxer = FlvDemuxer::default();
    let early = push(&mut demuxer, FlvKind::Video, 0, &joined(&[&[0x91], b"av01", AV1_KEY]));
    assert_eq!(early, [FlvItem::Lost(DropReason::NoKeyYet)], "no configuration came");
    let config = joined(&[&[0x90], b"av01", &[0x81, 0, 0x0c, 0], AV1_SEQUENCE]);
    assert_eq!(push(&mut demuxer, FlvKind::Video, 0, &config), [FlvItem::Found(TrackKind::Video)]);
    let track = &demuxer.tracks()[0];
    assert_eq!((&track.codec, track.fmtp.as_str()), (&Codec::Av1, "profile=0;level-idx=0;tier=0"));
    let body = joined(&[&[0x91], b"av01", &[0x12, 0], AV1_KEY]);
    for ms in [40, 80] {
        let items = push(&mut demuxer, FlvKind::Video, ms, &body);
        let [FlvItem::Unit(TrackKind::Video, unit)] = &items[..] else { panic!("{items:?}") };
        assert_eq!((unit.timestamp, unit.dts, unit.key), (i64::from(ms) * 90, i64::from(ms) * 90, true));
        assert_eq!(unit.data, [AV1_SEQUENCE, AV1_KEY].concat());
    }
}

#[test]
fn vp9_needs_no_configuration() {
    let key = [0x82, 0x49, 0x83, 0x42, 0x00, 0x03, 0xf0, 0x02, 0xf0, 1];
    let mut demuxer = FlvDemuxer::default();
    let items = push(&mut demuxer, FlvKind::Video, 7, &joined(&[&[0x93], b"vp09", &key]));
    let [FlvItem::Found(TrackKind::Video), FlvItem::Unit(TrackKind::Video, unit)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!((unit.timestamp, &unit.data[..]), (7 * 90, &key[..]));
    assert_eq!(demuxer.tracks()[0].codec, Codec::Vp9);
    let items = push(&mut demuxer, FlvKind::Video, 9, &joined(&[&[0x93], b"vp09"]));
    assert_eq!(items, [FlvItem::Lost(DropReason::BadPacket("no picture data"))]);
}
