//! What the frames of codecs without NAL units say of themselves: whether
//! decoding can begin with one, and of what size and kind the pictures are.
//!
//! A stream's *head* is what its key frames tell, in a form that is the same
//! for each key frame until the stream itself changes:
//!
//! | codec | head |
//! |---|---|
//! | AV1 | the sequence header OBU, with its size |
//! | VP8 | version, width and height |
//! | VP9 | profile, depth, sampling, range, width and height |
//! | Motion JPEG | the frame header (SOF) |
//! | MPEG-4 part 2 | the headers before the first picture, up to the video object layer |

pub mod av1;
pub mod jpeg;
pub mod jpeg_tables;
pub mod mpeg4;
pub mod vp8;
pub mod vp9;

use crate::Codec;
use crate::params::VideoInfo;

/// Whether decoding can begin with this frame.
#[must_use]
pub fn is_key(codec: &Codec, data: &[u8]) -> bool {
    match codec {
        Codec::Av1 => av1::is_key(data),
        Codec::Vp8 => vp8::Head::of_key(data).is_some(),
        Codec::Vp9 => vp9::Head::of_key(data).is_some(),
        Codec::Jpeg => jpeg::head(data).is_some(),
        Codec::Mpeg4 => mpeg4::is_key(data),
        _ => false,
    }
}

/// The head that a key frame carries.
#[must_use]
pub fn head(codec: &Codec, data: &[u8]) -> Option<Vec<u8>> {
    match codec {
        Codec::Av1 => av1::sequence_header(data).map(<[u8]>::to_vec),
        Codec::Vp8 => vp8::Head::of_key(data).map(|head| head.bytes().to_vec()),
        Codec::Vp9 => vp9::Head::of_key(data).map(|head| head.bytes().to_vec()),
        Codec::Jpeg => jpeg::head(data).map(<[u8]>::to_vec),
        Codec::Mpeg4 => mpeg4::config(data).map(<[u8]>::to_vec),
        _ => None,
    }
}

/// Whether a head is part of the stream, to be put in front of a key frame
/// that comes without.
#[must_use]
pub fn head_is_sent(codec: &Codec) -> bool {
    matches!(codec, Codec::Av1 | Codec::Mpeg4)
}

#[must_use]
pub fn info(codec: &Codec, head: &[u8]) -> Option<VideoInfo> {
    match codec {
        Codec::Av1 => av1::Sequence::of_obu(head).map(|sequence| sequence.info()),
        Codec::Vp8 => vp8::Head::from_bytes(head).map(|head| head.info()),
        Codec::Vp9 => vp9::Head::from_bytes(head).map(|head| head.info()),
        Codec::Jpeg => jpeg::info(head),
        Codec::Mpeg4 => mpeg4::Layer::of_config(head).map(|layer| layer.info()),
        _ => None,
    }
}

/// A stream's description, where nothing is said of B-frames.
fn described(width: u32, height: u32, profile: String, codec_string: String) -> VideoInfo {
    VideoInfo { width, height, fps: None, profile, codec_string, profile_level_id: [0; 3], reorder_frames: false }
}

#[cfg(test)]
mod tests;
