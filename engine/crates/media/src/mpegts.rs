//! MPEG transport streams (ISO/IEC 13818-1): H.264, H.265, AAC and Opus in and
//! out.
//!
//! `demux` makes access units of the packets of one programme, `mux` makes
//! packets of frames, a frame at a time, so that nothing waits for the next.

mod demux;
mod mux;
mod opus;
mod section;
#[cfg(test)]
mod tests;

pub use demux::{TsDemuxer, TsItem};
pub use mux::TsMuxer;

pub const TS_PACKET: usize = 188;
const SYNC: u8 = 0x47;
const STREAM_H264: u8 = 0x1b;
const STREAM_H265: u8 = 0x24;
const STREAM_AAC: u8 = 0x0f;
/// Private data; [`opus`] tells where it is Opus, and nothing else is taken.
const STREAM_OPUS: u8 = 0x06;
/// Times of a stream tick so often a second, in 33 bits.
const CLOCK_RATE: u32 = 90_000;
const AAC_SAMPLES: i64 = 1024;

fn is_video(kind: u8) -> bool {
    matches!(kind, STREAM_H264 | STREAM_H265)
}
