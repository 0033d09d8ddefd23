//! What the engine and a worker that transcodes say to one another, over a Unix
//! socket. Each message (little-endian): size of what follows `u32`, its kind
//! `u8`, then
//!
//! | kind | from | fields |
//! |---|---|---|
//! | `H` | engine | epoch `u64`, codec `u8` (1 AAC, 2 PCMA, 3 PCMU, 16 H.264, 17 H.265, 18 AV1, 19 VP8, 20 VP9, 21 Motion JPEG, 22 MPEG-4 part 2), channels `u8` (0: pictures), ticks a second `u32`, the camera's `fmtp`, UTF-8. What follows is of this epoch |
//! | `F` | engine | flags `u8` (1: frames before it are missing; 2: a key frame), time in UTC microseconds `i64`, the frame |
//! | `L` | engine | of pictures: so much later than their time frames come here by this machine's clock, microseconds `i64`. The time may be of another machine's clock |
//! | `K` | engine | a key frame is wanted soon |
//! | `P` | worker | epoch `u64`, time in UTC `i64`, what was made: a packet of Opus of 20 ms and 1/48000 s, or a picture as Annex B and 1/90000 s |
//! | `C` | worker | what it costs: thousandths of a core since the last one `u32`, resident bytes `u64` |
//! | `E` | worker | why it gives up, UTF-8 |

use bytes::Bytes;
use vms_media::{Codec, Frame, Track};

use super::{Cost, Kind, picture, sound};

/// What is made of frames that have not come yet is a worker's mistake; sound may
/// end later than the frame it is made of begins.
const MOST_AHEAD_US: i64 = 1_000_000;

/// The first words about a track.
#[must_use]
pub fn head(epoch: u64, track: &Track) -> Option<Vec<u8>> {
    let codec = match track.codec {
        Codec::Aac => 1,
        Codec::Pcma => 2,
        Codec::Pcmu => 3,
        Codec::H264 => 16,
        Codec::H265 => 17,
        Codec::Av1 => 18,
        Codec::Vp8 => 19,
        Codec::Vp9 => 20,
        Codec::Jpeg => 21,
        Codec::Mpeg4 => 22,
        Codec::Opus | Codec::Other(_) => return None,
    };
    let channels = if track.codec.is_video() { 0 } else { track.channels.max(1) };
    let mut out = Vec::with_capacity(32 + track.fmtp.len());
    out.extend(epoch.to_le_bytes());
    out.extend([codec, channels]);
    out.extend(track.clock_rate.to_le_bytes());
    out.extend(track.fmtp.as_bytes());
    Some(message(b'H', &[&out]))
}

/// A frame of the camera.
#[must_use]
pub fn frame(frame: &Frame, missing: bool) -> Vec<u8> {
    let flags = u8::from(missing || frame.discontinuity) | u8::from(frame.key) << 1;
    message(b'F', &[&[flags], &frame.timing.utc_us.to_le_bytes(), &frame.data])
}

/// How late frames come.
#[must_use]
pub fn lag(lag_us: i64) -> Vec<u8> {
    message(b'L', &[&lag_us.to_le_bytes()])
}

/// A key frame is wanted.
#[must_use]
pub fn key_wanted() -> Vec<u8> {
    message(b'K', &[])
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
    Made { epoch: u64, at: i64, data: Bytes },
    Costs(Cost),
    GivesUp(String),
}

/// What a worker sends fits that.
#[must_use]
pub fn most_bytes(kind: Kind) -> usize {
    32 + match kind {
        Kind::Sound => sound::MOST_BYTES,
        Kind::Picture => picture::MOST_BYTES,
    }
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
            (!data.is_empty()).then(|| FromWorker::Made {
                epoch: u64::from_le_bytes(*epoch),
                at: i64::from_le_bytes(*at),
                data,
            })
        }
        b'C' => {
            let (cpu, rest) = rest.split_first_chunk::<4>()?;
            let (memory, _) = rest.split_first_chunk::<8>()?;
            Some(FromWorker::Costs(Cost {
                cpu_permille: u32::from_le_bytes(*cpu),
                memory_bytes: u64::from_le_bytes(*memory),
            }))
        }
        b'E' => Some(FromWorker::GivesUp(String::from_utf8_lossy(rest).into_owned())),
        _ => None,
    }
}

/// Judges what a worker sends, which decodes what nobody vouches for: it goes
/// to viewers only as fast as the camera's frames come. Their times are compared
/// with one another alone: they may be of another machine's clock.
#[derive(Debug)]
pub struct Run {
    /// Ticks a second, and those between two frames at least.
    rate: u32,
    step: i64,
    last: Option<(u64, i64)>,
}

impl Run {
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let (rate, step) = match kind {
            Kind::Sound => (sound::RATE, sound::STEP),
            Kind::Picture => (picture::RATE, picture::STEP),
        };
        Self { rate, step, last: None }
    }

    /// Whether a frame begins a new epoch; `None`: it is none that can be.
    /// `newest_us`: the newest time of what the worker was given of the epoch.
    pub fn judge(&mut self, epoch: u64, at: i64, newest_us: i64) -> Option<bool> {
        let begins = self.last.is_none_or(|(last, _)| last != epoch);
        // Epochs go up; within one, frames follow one another.
        let follows = match self.last {
            Some((last, at_last)) if last == epoch => at - at_last >= self.step,
            Some((last, _)) => epoch > last,
            None => true,
        };
        let possible = at > 0 && follows && self.utc_us(at) <= newest_us + MOST_AHEAD_US;
        possible.then(|| {
            self.last = Some((epoch, at));
            begins
        })
    }

    /// A time of what is made in microseconds of UTC.
    #[must_use]
    pub fn utc_us(&self, at: i64) -> i64 {
        utc_us(at, self.rate)
    }
}

/// A time in microseconds of UTC.
#[must_use]
pub fn utc_us(at: i64, rate: u32) -> i64 {
    (i128::from(at) * 1_000_000 / i128::from(rate)) as i64
}
