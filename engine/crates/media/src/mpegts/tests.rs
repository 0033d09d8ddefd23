use super::*;
use crate::{Codec, DropReason, Track, TrackKind};

const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80, 1];

fn track(id: u8, codec: Codec) -> Track {
    let is_video = codec.is_video();
    Track {
        id,
        kind: if is_video { TrackKind::Video } else { TrackKind::Audio },
        clock_rate: if is_video { 90_000 } else { 48_000 },
        channels: if is_video { 0 } else { 2 },
        fmtp: if is_video { String::new() } else { "mode=AAC-hbr; config=1190".into() },
        codec,
    }
}

fn data(nals: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    nals.iter().for_each(|nal| crate::annexb::put_nal(&mut out, nal));
    out
}

fn picture(key: bool, length: usize) -> Vec<u8> {
    let mut slice = vec![if key { 0x65 } else { 0x41 }, 0x88];
    slice.resize(length.max(3), 7);
    if key { data(&[SPS, PPS, &slice]) } else { data(&[&slice]) }
}

fn items(stream: &[u8], cut: usize) -> (TsDemuxer, Vec<TsItem>) {
    let mut demuxer = TsDemuxer::default();
    let mut out = Vec::new();
    stream.chunks(cut).for_each(|chunk| demuxer.push(chunk, &mut out));
    (demuxer, out)
}

fn units(items: &[TsItem]) -> Vec<(u8, bool, i64, i64, usize)> {
    let unit = |item: &TsItem| match item {
        TsItem::Unit { track, unit } => Some((*track, unit.key, unit.timestamp, unit.dts, unit.data.len())),
        TsItem::Lost(_) => None,
    };
    items.iter().filter_map(unit).collect()
}

#[test]
fn frames_of_every_length_come_back_with_their_times_and_at_once() {
    let tracks = [track(0, Codec::H264), track(1, Codec::Aac)];
    let mut muxer = TsMuxer::new(&tracks, true).expect("there is video");
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    for n in 0..600_i64 {
        let data = picture(n % 50 == 0, n as usize);
        let (pts, dts) = (n * 3_600 + 7_200, n * 3_600 + if n % 2 == 0 { 7_200 } else { 3_600 });
        muxer.write(0, n % 50 == 0, pts, dts, &data, &mut stream);
        expected.push((0, n % 50 == 0, pts, data.len()));
        muxer.write(1, true, 7_200 + n * 1_920, 7_200 + n * 1_920, &[n as u8; 300], &mut stream);
        expected.push((1, true, (7_200 + n * 1_920) * 48 / 90, 300));
        assert_eq!(stream.len() % TS_PACKET, 0);
    }
    let (demuxer, all) = items(&stream, TS_PACKET * 7);
    let mut came: Vec<_> =
        units(&all).into_iter().map(|(track, key, pts, _, length)| (track, key, pts, length)).collect();
    let sort = |list: &mut Vec<(u8, bool, i64, usize)>| list.sort_by_key(|one| (one.0, one.2));
    sort(&mut came);
    sort(&mut expected);
    // The last picture may fill its last packet exactly; all before are there.
    assert!(came == expected[..came.len()] || came.len() == expected.len(), "{} of {}", came.len(), expected.len());
    assert!(came.len() >= expected.len() - 1 && all.len() == came.len());
    let tracks = demuxer.tracks();
    assert!(demuxer.is_known());
    assert_eq!((tracks[0].codec.clone(), tracks[1].codec.clone()), (Codec::H264, Codec::Aac));
    assert_eq!((tracks[1].clock_rate, tracks[1].channels), (48_000, 2));
    assert!(tracks[1].fmtp.ends_with("config=1190"), "{}", tracks[1].fmtp);
    for cut in [1, 100, 188, 1316, 100_000] {
        assert_eq!(items(&stream, cut).1, all, "cut every {cut}");
    }
}

/// A stream as of those who tell the length of no picture.
fn untold(mut stream: Vec<u8>) -> Vec<u8> {
    for packet in stream.chunks_mut(TS_PACKET) {
        if let Some(start) = packet.windows(4).position(|bytes| bytes == [0, 0, 1, 0xe0]) {
            packet[start + 4..start + 6].fill(0);
        }
    }
    stream
}

#[test]
fn a_picture_leaves_with_its_last_packet() {
    for is_told in [true, false] {
        let mut muxer = TsMuxer::new(&[track(0, Codec::H264)], true).expect("there is video");
        let mut demuxer = TsDemuxer::default();
        let mut late = 0;
        for n in 0..400_i64 {
            let mut stream = Vec::new();
            muxer.write(0, n == 0, n * 3_600, n * 3_600, &picture(n == 0, 1_000 + n as usize), &mut stream);
            let mut out = Vec::new();
            demuxer.push(&if is_told { stream } else { untold(stream) }, &mut out);
            late += usize::from(units(&out).iter().all(|unit| unit.2 != n * 3_600));
        }
        // One in 184 fills its last packet: only its length tells that it is over.
        assert!(if is_told { late == 0 } else { (1..=4).contains(&late) }, "{late} waited for the next");
    }
}

#[test]
fn the_length_of_a_picture_is_told_where_it_fits() {
    for (length, told) in [(100, 100 + 18), (70_000, 0)] {
        let mut muxer = TsMuxer::new(&[track(0, Codec::H264)], true).expect("there is video");
        let mut stream = Vec::new();
        muxer.write(0, false, 0, 0, &data(&[&vec![0x41; length]]), &mut stream);
        let start = stream.windows(4).position(|bytes| bytes == [0, 0, 1, 0xe0]).expect("a picture");
        let found = u16::from_be_bytes([stream[start + 4], stream[start + 5]]);
        // 3 + 5 bytes of flags and time, a delimiter of 6, 4 of start code.
        assert_eq!(usize::from(found), told);
    }
}

#[test]
fn times_wrap_after_33_bits() {
    let mut muxer = TsMuxer::new(&[track(0, Codec::H264)], true).expect("there is video");
    let mut stream = Vec::new();
    let start = (1 << 33) - 3_600;
    for n in 0..4 {
        muxer.write(0, n == 0, start + n * 3_600, start + n * 3_600, &picture(n == 0, 100), &mut stream);
    }
    let times: Vec<_> = units(&items(&stream, 188).1).iter().map(|unit| unit.2).collect();
    assert_eq!(times, [start, start + 3_600, start + 7_200, start + 10_800]);
}

#[test]
fn a_picture_is_decoded_just_before_it_is_shown_also_where_times_wrap() {
    let wrap = 1 << 33;
    // The last one's decode time says nothing: an hour before.
    for (pts, dts, expected) in
        [(wrap, wrap - 3_600, (0, -3_600)), (7_200, 3_600, (7_200, 3_600)), (0, -324_000_000, (0, 0))]
    {
        let mut muxer = TsMuxer::new(&[track(0, Codec::H264)], true).expect("there is video");
        let mut stream = Vec::new();
        muxer.write(0, true, pts, dts, &picture(true, 100), &mut stream);
        let times: Vec<_> = units(&items(&stream, 188).1).iter().map(|unit| (unit.2, unit.3)).collect();
        assert_eq!(times, [expected]);
    }
}

#[test]
fn the_picture_behind_one_that_was_dropped_says_so() {
    // Of the second picture: its time is not told, it is no elementary stream,
    // its NAL unit has the bit that none may have.
    for (at, byte) in [(7, 0), (6, 0), (9 + 5 + 6 + 4, 0xc1)] {
        let mut muxer = TsMuxer::new(&[track(0, Codec::H264)], true).expect("there is video");
        let mut stream = Vec::new();
        for n in 0..4 {
            muxer.write(0, n == 0, n * 3_600, n * 3_600, &picture(n == 0, 100), &mut stream);
        }
        let starts: Vec<_> = (0..stream.len()).filter(|at| stream[*at..].starts_with(&[0, 0, 1, 0xe0])).collect();
        stream[starts[1] + at] = byte;
        let (_, all) = items(&stream, TS_PACKET);
        assert!(matches!(all[1], TsItem::Lost(DropReason::BadPacket(_))), "{:?}", all[1]);
        assert_eq!(discontinuities(&all), [false, true, false]);
    }
}

fn discontinuities(items: &[TsItem]) -> Vec<bool> {
    let flag = |item: &TsItem| match item {
        TsItem::Unit { unit, .. } => Some(unit.discontinuity),
        TsItem::Lost(_) => None,
    };
    items.iter().filter_map(flag).collect()
}

#[test]
fn a_lost_packet_costs_its_picture_and_is_told() {
    let mut muxer = TsMuxer::new(&[track(0, Codec::H264)], true).expect("there is video");
    let mut stream = Vec::new();
    for n in 0..3 {
        muxer.write(0, n == 0, n * 3_600, n * 3_600, &picture(n == 0, 900), &mut stream);
    }
    let packets = stream.len() / TS_PACKET;
    // The middle of the second picture.
    let at = (packets - 7) * TS_PACKET;
    stream.drain(at..at + TS_PACKET);
    let (_, all) = items(&stream, 1316);
    let lost = all.iter().filter(|item| matches!(item, TsItem::Lost(DropReason::LostPackets))).count();
    assert_eq!((units(&all).len(), lost), (2, 1), "{all:?}");
    assert_eq!(discontinuities(&all), [false, true]);
}

#[test]
fn a_filled_packet_in_mid_picture_is_believed_once() {
    let mut muxer = TsMuxer::new(&[track(0, Codec::H264)], true).expect("there is video");
    let mut demuxer = TsDemuxer::default();
    let mut out = Vec::new();
    let mut came = 0;
    for n in 0..4_i64 {
        let mut stream = Vec::new();
        muxer.write(0, true, n * 3_600, n * 3_600, &picture(true, 900), &mut stream);
        // The second packet of the picture carries a byte of filling.
        let second = 3 * TS_PACKET;
        stream[second + 3] |= 0x20;
        stream.copy_within(second + 4..second + 187, second + 5);
        stream[second + 4] = 0;
        out.clear();
        demuxer.push(&untold(stream), &mut out);
        came += units(&out).len();
    }
    assert_eq!(came, 3, "the first cut short, the others when the next begins");
}

#[test]
fn h265_is_carried_too() {
    let vps: &[u8] = &[0x40, 1, 0x0c, 1];
    let sps: &[u8] = &[0x42, 1, 1, 1];
    let pps: &[u8] = &[0x44, 1, 0xc1];
    let data = data(&[vps, sps, pps, &[0x26, 1, 0x80, 9]]);
    let mut muxer = TsMuxer::new(&[track(0, Codec::H265)], true).expect("there is video");
    let mut stream = Vec::new();
    muxer.write(0, true, 900, 900, &data, &mut stream);
    let (demuxer, all) = items(&stream, 188);
    assert_eq!(units(&all), [(0, true, 900, 900, data.len())]);
    assert_eq!(demuxer.tracks()[0].codec, Codec::H265);
}

#[test]
fn opus_goes_through_frame_by_frame_and_several_of_a_packet_follow_each_other() {
    let tracks = [track(0, Codec::H264), track(1, Codec::Opus)];
    let mut muxer = TsMuxer::new(&tracks, true).expect("there is video");
    assert!(muxer.carries(1) && !TsMuxer::new(&tracks, false).expect("there is video").carries(1));
    let mut stream = Vec::new();
    muxer.write(0, true, 0, 0, &picture(true, 100), &mut stream);
    // 20 ms each, of every length that a control header tells otherwise.
    let lengths = [3, 254, 255, 256, 600];
    for (n, length) in (0..).zip(lengths) {
        let mut frame = vec![0xfc; length];
        frame[length - 1] = n as u8;
        muxer.write(1, true, n * 1_800, n * 1_800, &frame, &mut stream);
    }
    let (demuxer, all) = items(&stream, 188);
    let found: Vec<_> = units(&all).into_iter().filter(|unit| unit.0 == 1).collect();
    let expected = (0..).zip(lengths).map(|(n, length)| (1, true, n * 960, n * 960, length));
    assert_eq!(found, expected.collect::<Vec<_>>());
    let tracks = demuxer.tracks();
    assert!(demuxer.is_known());
    assert_eq!((tracks[1].codec.clone(), tracks[1].clock_rate, tracks[1].channels), (Codec::Opus, 48_000, 2));

    // One packet as ffmpeg writes it: several frames, of which the first one has samples to leave out.
    let mut out = Vec::new();
    let mut sound = crate::sound::Sound::opus();
    let body = [0x7f, 0xf0, 2, 0x01, 0x38, 0xfc, 1, 0x7f, 0xe0, 1, 0xfc, 0x7f, 0xe0, 3, 0xfc, 2, 3];
    super::demux::push_opus(&mut sound, 1, &body, Some(9_000), &mut out);
    assert_eq!(
        units(&out).iter().map(|unit| (unit.2, unit.4)).collect::<Vec<_>>(),
        [(4_800, 2), (5_760, 1), (6_720, 3)]
    );
    super::demux::push_opus(&mut sound, 1, &[1, 2, 3], Some(9_000), &mut out);
    assert_eq!(out.last(), Some(&TsItem::Lost(DropReason::BadPacket("no frame of Opus"))));
}

#[test]
fn what_is_no_transport_stream_gives_nothing() {
    use rand::{Rng, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(5);
    let mut demuxer = TsDemuxer::default();
    let mut out = Vec::new();
    for _ in 0..2_000 {
        let mut packet: Vec<u8> = (0..TS_PACKET).map(|_| random.random()).collect();
        packet[0] = SYNC;
        packet[1] &= 0x5f;
        demuxer.push(&packet, &mut out);
    }
    assert!(units(&out).is_empty() && !demuxer.is_known());
    assert!(TsMuxer::new(&[track(0, Codec::Aac)], true).is_none());
    let muxer = TsMuxer::new(&[track(0, Codec::H264), track(1, Codec::Pcma)], true).expect("there is video");
    assert!(muxer.carries(0) && !muxer.carries(1));
}
