//! Sound that browsers do not take, as Opus.

use bytes::Bytes;
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use super::wire::utc_us;

/// Samples a second of what is made.
pub const RATE: u32 = 48_000;
/// Samples of 20 ms.
pub const STEP: i64 = 960;
/// What a worker sends fits that; a packet of Opus has at most 1275 bytes
/// (RFC 6716, 3.2).
pub const MOST_BYTES: usize = 1_500;

/// Whether a track's sound can be made into Opus.
#[must_use]
pub fn can_be_transcoded(track: &Track) -> bool {
    let known = matches!(track.codec, Codec::Aac | Codec::Pcma | Codec::Pcmu);
    track.kind == TrackKind::Audio && known && track.clock_rate > 0
}

/// The one track of a derived stream (RFC 7587: always two channels).
#[must_use]
pub fn opus_track() -> Track {
    Track {
        id: 0,
        kind: TrackKind::Audio,
        codec: Codec::Opus,
        clock_rate: RATE,
        channels: 2,
        fmtp: "sprop-stereo=1".to_owned(),
    }
}

/// A packet as the hub takes it.
#[must_use]
pub fn frame(at: i64, data: Bytes) -> Frame {
    Frame {
        track: 0,
        kind: TrackKind::Audio,
        codec: Codec::Opus,
        epoch: 0,
        number: 0,
        key: true,
        discontinuity: false,
        dts: at,
        pts: at,
        timing: Timing { utc_us: utc_us(at, RATE), error_us: None },
        data,
    }
}
