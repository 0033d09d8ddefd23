//! Property: whatever a camera or publisher sends as FLV, it is taken without
//! panic, units keep the form of units, decode times rise or were set back, and
//! the same comes out however the stream is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_media::{FlvDemuxer, FlvItem, FlvReader, TrackKind, nals};

/// What comes of a stream that arrives in pieces of these sizes, each with
/// whether it is of a codec with NAL units.
fn items(stream: &[u8], piece: usize) -> Vec<(bool, FlvItem)> {
    let mut all = Vec::new();
    let (mut reader, mut demuxer, mut out) = (FlvReader::default(), FlvDemuxer::default(), Vec::new());
    let (mut from, mut end) = (0, 0);
    while end < stream.len() {
        end = (end + piece).min(stream.len());
        loop {
            match reader.tag(&stream[from..end]) {
                Ok(Some(tag)) => {
                    assert!(tag.used > tag.body.len() && from + tag.used <= end);
                    if demuxer.push(tag.kind, tag.ms, tag.body, &mut out).is_err() {
                        return all;
                    }
                    let has_nals = demuxer.tracks().first().is_some_and(|track| track.codec.has_nals());
                    all.extend(out.drain(..).map(|item| (has_nals, item)));
                    from += tag.used;
                }
                Ok(None) => break,
                Err(_) => return all,
            }
        }
    }
    all
}

fuzz_target!(|data: &[u8]| {
    let Some((&piece, body)) = data.split_first() else { return };
    let mut stream = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    stream.extend(body);
    let whole = items(&stream, stream.len());
    assert_eq!(items(&stream, usize::from(piece) + 1), whole);
    let mut last = None;
    for (has_nals, item) in &whole {
        let FlvItem::Unit(TrackKind::Video, unit) = item else { continue };
        assert!(!unit.data.is_empty());
        assert!(!has_nals || nals(&unit.data).map(|nal| nal.len() + 4).sum::<usize>() == unit.data.len());
        vms_fuzz::check_dts(&mut last, unit.dts);
    }
});
