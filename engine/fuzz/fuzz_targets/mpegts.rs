//! Property: whatever a camera or publisher sends as MPEG-TS, it is taken
//! without panic, units keep the form of units, decode times of pictures rise
//! or were set back, and the same comes out however the stream is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_media::{Codec, Track, TrackKind, TsDemuxer, TsItem, TsMuxer, nals};

fn items(stream: &[u8], piece: usize) -> (Vec<TsItem>, Vec<Track>) {
    let (mut demuxer, mut out) = (TsDemuxer::default(), Vec::new());
    stream.chunks(piece).for_each(|piece| demuxer.push(piece, &mut out));
    (out, demuxer.tracks())
}

/// Tables and a picture, so that what follows is not all unknown.
fn beginning() -> Vec<u8> {
    let track = |id, kind, codec, clock_rate| Track { id, kind, codec, clock_rate, channels: id * 2, fmtp: String::new() };
    let tracks = [track(0, TrackKind::Video, Codec::H264, 90_000), track(1, TrackKind::Audio, Codec::Aac, 48_000)];
    let mut out = Vec::new();
    let mut muxer = TsMuxer::new(&tracks, true).expect("there is video");
    let picture = [&[0, 0, 0, 5, 0x67, 0x42, 0xc0, 0x1e, 0xda][..], &[0, 0, 0, 2, 0x68, 0xce], &[0, 0, 0, 2, 0x65, 0x88]];
    muxer.write(0, true, 3_600, 3_600, &picture.concat(), &mut out);
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((&piece, body)) = data.split_first() else { return };
    let mut stream = beginning();
    // Packets that look like ours: the input gives all but the first byte.
    for packet in body.chunks(187) {
        stream.push(0x47);
        stream.extend_from_slice(packet);
    }
    let (whole, tracks) = items(&stream, stream.len());
    assert_eq!(items(&stream, usize::from(piece) + 1).0, whole);
    let mut last = None;
    for item in &whole {
        let TsItem::Unit { track, unit } = item else { continue };
        if tracks.iter().any(|known| known.id == *track && known.kind == TrackKind::Video) {
            assert!(nals(&unit.data).map(|nal| nal.len() + 4).sum::<usize>() == unit.data.len());
            if *track == 0 {
                vms_fuzz::check_dts(&mut last, unit.dts);
            }
        }
    }
});
