//! What the engine and a worker that transcodes sound say to one another, over
//! a Unix socket. Each message (little-endian): size of what follows `u32`, its
//! kind `u8`, then
//!
//! | kind | from | fields |
//! |---|---|---|
//! | `H` | engine | epoch `u64`, codec `u8` (1 AAC, 2 PCMA, 3 PCMU), channels `u8`, samples a second `u32`, AAC's configuration as the camera's `fmtp` has it, UTF-8. What follows is of this epoch |
//! | `F` | engine | flags `u8` (1: frames before it are missing), time in UTC microseconds `i64`, the frame |
//! | `P` | worker | epoch `u64`, time in UTC `i64` in 1/48000 s, an Opus packet of 20 ms |
//! | `E` | worker | why it gives up, UTF-8 |

use bytes::Bytes;
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

/// What a worker sends fits that; a packet of Opus has at most 1275 bytes
/// (RFC 6716, 3.2).
pub const MOST_FROM_WORKER: usize = 1_500;
/// Samples of 20 ms.
pub const STEP: i64 = 960;
/// Opus of the future is a worker's mistake.
const MOST_AHEAD_US: i64 = 1_000_000;

/// The first words about a track.
#[must_use]
pub fn head(epoch: u64, track: &Track) -> Option<Vec<u8>> {
    let codec = match track.codec {
        Codec::Aac => 1,
        Codec::Pcma => 2,
        Codec::Pcmu => 3,
        _ => return None,
    };
    let mut out = Vec::with_capacity(32 + track.fmtp.len());
    out.extend(epoch.to_le_bytes());
    out.extend([codec, track.channels.max(1)]);
    out.extend(track.clock_rate.to_le_bytes());
    out.extend(track.fmtp.as_bytes());
    Some(message(b'H', &[&out]))
}

/// A frame of the camera.
#[must_use]
pub fn frame(frame: &Frame, missing: bool) -> Vec<u8> {
    let flags = u8::from(missing || frame.discontinuity);
    message(b'F', &[&[flags], &frame.timing.utc_us.to_le_bytes(), &frame.data])
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let size = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(4 + size);
    out.extend((size as u32).to_le_bytes());
    out.push(kind);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A worker's message without its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromWorker {
    Packet { epoch: u64, at: i64, data: Bytes },
    GivesUp(String),
}

/// Reads a worker's message; `None` for one that is none.
#[must_use]
pub fn read(body: &[u8]) -> Option<FromWorker> {
    let (kind, rest) = body.split_first()?;
    match kind {
        b'P' => {
            let (epoch, rest) = rest.split_first_chunk::<8>()?;
            let (at, data) = rest.split_first_chunk::<8>()?;
            let data = Bytes::copy_from_slice(data);
            (!data.is_empty()).then(|| FromWorker::Packet {
                epoch: u64::from_le_bytes(*epoch),
                at: i64::from_le_bytes(*at),
                data,
            })
        }
        b'E' => Some(FromWorker::GivesUp(String::from_utf8_lossy(rest).into_owned())),
        _ => None,
    }
}

/// Judges what a worker sends, which decodes what nobody vouches for: its
/// packets go to viewers only as fast as sound goes by.
#[derive(Debug, Default)]
pub struct Run {
    last: Option<(u64, i64)>,
}

impl Run {
    /// Whether a packet begins a new epoch; `None`: it is none that can be.
    pub fn judge(&mut self, epoch: u64, at: i64, now_us: i64) -> Option<bool> {
        let begins = self.last.is_none_or(|(last, _)| last != epoch);
        // Epochs go up; within one, packets follow one another.
        let follows = match self.last {
            Some((last, at_last)) if last == epoch => at - at_last >= STEP,
            Some((last, _)) => epoch > last,
            None => true,
        };
        let possible = at > 0 && follows && utc_us(at) <= now_us + MOST_AHEAD_US;
        possible.then(|| {
            self.last = Some((epoch, at));
            begins
        })
    }
}

/// A time of Opus in microseconds of UTC.
#[must_use]
pub fn utc_us(at: i64) -> i64 {
    (i128::from(at) * 1_000 / 48) as i64
}

/// A packet as the hub takes it.
#[must_use]
pub fn opus(at: i64, data: Bytes) -> Frame {
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
        timing: Timing { utc_us: utc_us(at), error_us: None },
        data,
    }
}
