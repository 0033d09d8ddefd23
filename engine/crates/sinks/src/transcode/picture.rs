//! Pictures that viewers do not take, as H.264 without B-frames.

use bytes::{Bytes, BytesMut};
use vms_media::annexb::{put_nal, split};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use super::wire::utc_us;

/// Ticks a second of what is made.
pub const RATE: u32 = 90_000;
/// At most 60 pictures a second are taken from a worker, which makes 30.
pub const STEP: i64 = 1_500;
/// Far above a key frame of what is made.
pub const MOST_BYTES: usize = 2 << 20;
/// An IDR picture (H.264, table 7-1).
const IDR: u8 = 5;

/// Whether a track's pictures can be made into H.264.
#[must_use]
pub fn can_be_transcoded(track: &Track) -> bool {
    track.kind == TrackKind::Video && track.codec.is_video()
}

/// The camera's tracks with H.264 in place of its own pictures.
#[must_use]
pub fn tracks(camera: &[Track]) -> Vec<Track> {
    let made = |track: &Track| match track.kind {
        TrackKind::Video if can_be_transcoded(track) => {
            Some(Track { codec: Codec::H264, clock_rate: RATE, fmtp: String::new(), ..track.clone() })
        }
        TrackKind::Audio => Some(track.clone()),
        TrackKind::Video | TrackKind::Metadata => None,
    };
    camera.iter().filter_map(made).collect()
}

/// A picture as the hub takes it, of the Annex B that a worker sent; `None` for
/// what holds no NAL unit.
#[must_use]
pub fn frame(track: u8, at: i64, annexb: &[u8]) -> Option<Frame> {
    let mut data = BytesMut::with_capacity(annexb.len() + 16);
    let mut key = false;
    for nal in split(annexb) {
        key |= nal.first().is_some_and(|head| head & 0x1f == IDR);
        put_nal(&mut data, nal);
    }
    let data: Bytes = data.freeze();
    (!data.is_empty()).then(|| Frame {
        track,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 0,
        number: 0,
        key,
        discontinuity: false,
        dts: at,
        pts: at,
        timing: Timing { utc_us: utc_us(at, RATE), error_us: None },
        data,
    })
}
