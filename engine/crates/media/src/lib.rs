//! Codecs, parameter sets, RTP packetising and depacketising: pure, no IO.
//!
//! Data flow: `depacketise` turns RTP payloads into access units, which become
//! [`Frame`]s; `params` reads sizes and rates out of parameter sets,
//! `packetise` cuts a frame into RTP packets once for all its viewers; `sei`
//! carries the wall clock inside a picture.
//!
//! `files` reads containers that are played like cameras.
//!
//! What is absent: sockets, clocks, threads, locks. Time comes in as a
//! parameter.

#![forbid(unsafe_code)]

pub mod annexb;
pub mod base64;
pub mod bits;
pub mod bitstream;
mod configs;
mod contained;
pub mod depacketise;
pub mod files;
pub mod flv;
pub mod frame;
mod g711;
mod gate;
pub mod ivf;
pub mod mpegts;
pub mod nal;
pub mod packetise;
pub mod params;
mod pictures;
mod rising;
#[cfg(test)]
mod rtp_cases;
pub mod sei;
mod sound;
mod stamp;
mod whole;

pub use annexb::{AnnexBUnit, access_units, nals, to_annexb};
pub use depacketise::{
    AccessUnit, Depacketiser, DropReason, MAX_UNIT_BYTES, MAX_UNIT_PACKETS, RtpPacket, UnknownCodec,
};
pub use files::{FileError, FileItem, MediaFile, ReadAt};
pub use flv::{FlvDemuxer, FlvError, FlvItem, FlvKind, FlvReader, FlvTag};
pub use frame::{Codec, Frame, Timing, Track, TrackKind};
pub use g711::{G711_RATE, Law};
pub use mpegts::{TS_PACKET, TsDemuxer, TsItem, TsMuxer};
pub use packetise::{InterleavedHeader, MAX_PAYLOAD, RtpPayload, interleaved, packet_count, packetise};
pub use params::{ParameterSets, VideoInfo};
pub use pictures::Pictures;
pub use sei::{UTC_SEI_UUID, find_utc, utc_sei_h264, utc_sei_h265};
pub use stamp::{STAMP_ID, STAMP_URI, Stamp};
pub use whole::{WholePicture, WholePictures};
