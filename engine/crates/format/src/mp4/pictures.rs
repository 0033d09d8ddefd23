//! What a sample entry says of AV1, VP8, VP9 and MPEG-4 part 2. Motion JPEG
//! needs nothing said.

use vms_media::bitstream::{av1, vp8, vp9};

use super::{boxed, full};
use crate::track::TrackConfig;
use crate::wire::Put;

/// "AV1 Codec ISO Media File Format Binding", 2.3: the fields of the sequence
/// header, and it itself. Not known: Main profile, level 4.0, 4:2:0 of 8 bits.
pub fn av1_config(out: &mut Vec<u8>, track: &TrackConfig) {
    let obu = track.sets.head.as_deref();
    boxed(out, b"av1C", |out| {
        out.put_u8(0x81);
        match obu.and_then(av1::Sequence::of_obu) {
            Some(sequence) => {
                let flag = |set: bool, at: u8| u8::from(set) << at;
                out.put_u8(sequence.profile << 5 | sequence.level);
                out.put_u8(
                    flag(sequence.high_tier, 7)
                        | flag(sequence.depth > 8, 6)
                        | flag(sequence.depth == 12, 5)
                        | flag(sequence.monochrome, 4)
                        | flag(sequence.subsampling_x, 3)
                        | flag(sequence.subsampling_y, 2)
                        | sequence.sample_position,
                );
            }
            None => out.put(&[8, 0x0c]),
        }
        out.put_u8(0);
        out.put(obu.unwrap_or_default());
    });
}

/// "VP Codec ISO Media File Format Binding", 2.2; the colours are not told.
pub fn vp_config(out: &mut Vec<u8>, track: &TrackConfig) {
    let head = track.sets.head.as_deref().unwrap_or_default();
    let (profile, level, sampling) = match (vp9::Head::from_bytes(head), vp8::Head::from_bytes(head)) {
        (Some(vp9), _) => (vp9.profile, vp9.level(), vp9.depth << 4 | vp9.chroma() << 1 | u8::from(vp9.full_range)),
        (_, Some(vp8)) => (vp8.version, 10, 8 << 4 | 1 << 1),
        _ => (0, 10, 8 << 4 | 1 << 1),
    };
    full(out, b"vpcC", 1, 0, |out| out.put(&[profile, level, sampling, 2, 2, 2, 0, 0]));
}

/// ISO/IEC 14496-1, 7.2.6.5: object type 20, visual; the headers that stand
/// before the first picture.
pub fn visual_stream(out: &mut Vec<u8>, track: &TrackConfig) {
    // What lengths of two bytes tell.
    let config = track.sets.head.as_deref().filter(|config| config.len() < 0x3f00).unwrap_or_default();
    full(out, b"esds", 0, 0, |out| {
        let mut decoder = vec![0x20, 0x11];
        decoder.resize(13, 0);
        descriptor(&mut decoder, 5, config);
        let mut stream = vec![0, 0, 0];
        descriptor(&mut stream, 4, &decoder);
        descriptor(&mut stream, 6, &[2]);
        descriptor(out, 3, &stream);
    });
}

/// Its length in two bytes of seven bits (ISO/IEC 14496-1, 8.3.3).
fn descriptor(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.put(&[tag, 0x80 | (body.len() >> 7) as u8, (body.len() & 0x7f) as u8]);
    out.put(body);
}

/// The headers in an `esds` as [`visual_stream`] writes it.
pub fn visual_config(esds: &[u8]) -> Option<&[u8]> {
    // Version and flags; 03 with its length and 3 bytes; 04 with 13.
    match esds.get(4 + 6 + 16..)? {
        [5, high, low, rest @ ..] => rest.get(..usize::from(high & 0x7f) << 7 | usize::from(*low)),
        _ => None,
    }
}
