//! From RTP payloads to access units.
//!
//! Sans-IO: packets are pushed in, in order, with the number lost before each;
//! access units come out with their last packet. Whatever a camera sends, no
//! more than one access unit of [`MAX_UNIT_BYTES`] and [`MAX_UNIT_PACKETS`] is
//! held.
//!
//! What is absent: reordering (the caller's), interleaved packetisation modes
//! and decoding order numbers, which cameras do not use.

mod audio;
mod av1;
pub(crate) mod dts;
mod h264;
mod h265;
mod jpeg;
mod mpeg4;
mod picture;
mod video;
mod vp8;
mod vp9;

use bytes::Bytes;

use crate::Codec;
use crate::params::{ParameterSets, VideoInfo};

/// The largest access unit put together.
pub const MAX_UNIT_BYTES: usize = 16 << 20;
/// The most packets put together into one access unit.
pub const MAX_UNIT_PACKETS: u32 = 4096;

/// One RTP packet, as the session hands it on.
#[derive(Clone, Copy, Debug)]
pub struct RtpPacket<'a> {
    /// RTP time extended to 64 bits.
    pub timestamp: i64,
    pub marker: bool,
    /// Packets lost just before this one.
    pub loss: u16,
    pub payload: &'a [u8],
}

/// One picture, or one frame of audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// Presentation time in RTP ticks.
    pub timestamp: i64,
    /// Decode time in RTP ticks, never going back within a clock.
    pub dts: i64,
    pub key: bool,
    /// Something before this unit was lost.
    pub discontinuity: bool,
    /// As in [`crate::Frame::data`]; key pictures begin with what a decoder
    /// must know.
    pub data: Bytes,
}

/// Why something the camera sent was not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    TooLarge,
    TooManyPackets,
    LostPackets,
    BadPacket(&'static str),
    NoKeyYet,
}

/// A codec there is no depacketiser for; the name is the camera's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown codec {0}")]
pub struct UnknownCodec(pub String);

/// Puts a track's access units together again.
#[derive(Debug)]
pub struct Depacketiser(Inner);

#[derive(Debug)]
enum Inner {
    Video(Box<video::Video>),
    Pictures(Box<picture::Pictures>),
    Aac(audio::Aac),
    Pcm(audio::Pcm),
    Opus(audio::Opus),
}

impl Depacketiser {
    /// A depacketiser for a track of the camera's SDP; `fmtp` with or without
    /// its payload type, or empty.
    pub fn new(codec: &Codec, clock_rate: u32, channels: u8, fmtp: &str) -> Result<Self, UnknownCodec> {
        Ok(Self(match codec {
            Codec::H264 | Codec::H265 => Inner::Video(Box::new(video::Video::new(codec, clock_rate, fmtp))),
            Codec::Aac => Inner::Aac(audio::Aac::new(fmtp)),
            Codec::Pcma | Codec::Pcmu => Inner::Pcm(audio::Pcm::new(channels)),
            Codec::Opus => Inner::Opus(audio::Opus::default()),
            Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Jpeg | Codec::Mpeg4 => {
                Inner::Pictures(Box::new(picture::Pictures::new(codec, clock_rate, fmtp)))
            }
            Codec::Other(name) => return Err(UnknownCodec(name.clone())),
        }))
    }

    /// Takes one packet; what became complete is added to `out`, what was
    /// given up to `drops`.
    pub fn push(&mut self, packet: RtpPacket<'_>, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        match &mut self.0 {
            Inner::Video(video) => video.push(packet, out, drops),
            Inner::Pictures(pictures) => pictures.push(packet, out, drops),
            Inner::Aac(aac) => aac.push(packet, out, drops),
            Inner::Pcm(pcm) => pcm.push(packet, out, drops),
            Inner::Opus(opus) => opus.push(packet, out, drops),
        }
    }

    /// The video's latest parameter sets; `None` for audio.
    #[must_use]
    pub fn parameter_sets(&self) -> Option<&ParameterSets> {
        match &self.0 {
            Inner::Video(video) => Some(video.parameter_sets()),
            Inner::Pictures(pictures) => Some(pictures.parameter_sets()),
            _ => None,
        }
    }

    /// What is known of the video so far.
    #[must_use]
    pub fn info(&self) -> Option<VideoInfo> {
        match &self.0 {
            Inner::Video(video) => video.info(),
            Inner::Pictures(pictures) => pictures.info(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod picture_tests;
#[cfg(test)]
mod tests;
