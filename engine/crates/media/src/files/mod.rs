//! Files that are played like a camera: MP4, Matroska, MPEG-TS, FLV and raw
//! H.264 or H.265 in, access units out.
//!
//! Which of them a file is, its first bytes tell. A reader holds no more than
//! a table of MP4 or one picture, asks for bytes by their place, and ends with
//! an error that names the place when they make no sense.
//!
//! What is absent: opening files, pace, playing in a loop; those are the
//! caller's.

mod boxes;
mod fragments;
mod matroska;
mod mp4;
mod raw;
mod still;
mod stream;
mod streamed;
mod table;
#[cfg(test)]
mod tests;
mod window;

use crate::{AccessUnit, Codec, DropReason, ParameterSets, Track};

use window::Window;

/// Bytes with random access.
pub trait ReadAt: Send {
    fn len(&self) -> u64;

    /// Fills `buffer` with the bytes from `at` on.
    ///
    /// # Errors
    /// In the words of the system, when not all of them can be had.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), String>;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        let found = self.get(from..from.saturating_add(buffer.len())).ok_or("past the end")?;
        buffer.copy_from_slice(found);
        Ok(())
    }
}

/// Why a file is not played, or no further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("at byte {at}: {what}")]
    Broken { at: u64, what: &'static str },
    #[error("at byte {at}: {detail}")]
    Unreadable { at: u64, detail: String },
    #[error("neither MP4, Matroska, MPEG-TS, FLV, H.264, H.265 nor JPEG")]
    UnknownForm,
    #[error("video in {0}")]
    UnknownVideo(String),
    #[error("no video")]
    NoVideo,
    /// Only a container can say when such pictures are shown.
    #[error("pictures in another order than they are shown in, without their times; put them into an MP4 file")]
    NoTimes,
}

/// What a file gives, in the order of decoding.
#[derive(Debug, PartialEq, Eq)]
pub enum FileItem {
    /// Of the track with this id.
    Unit {
        track: u8,
        unit: AccessUnit,
    },
    Lost(DropReason),
}

/// One form of files.
trait Reader: Send {
    /// What is known so far, video first.
    fn tracks(&self) -> Vec<Track>;

    /// Whether no more tracks are to be expected.
    fn is_known(&self) -> bool;

    /// Adds what comes next to `out`, which may be nothing; false when that was
    /// the end.
    fn next(&mut self, out: &mut Vec<FileItem>) -> Result<bool, FileError>;
}

/// A file that is read from its beginning to its end, once.
pub struct MediaFile {
    reader: Box<dyn Reader>,
    is_still: bool,
}

impl MediaFile {
    /// Looks what the file is.
    ///
    /// # Errors
    /// When it cannot be played.
    pub fn open(file: Box<dyn ReadAt>) -> Result<Self, FileError> {
        let mut window = Window::new(file);
        let form = Form::of(window.up_to(0, SNIFFED)?);
        let form = form.ok_or(FileError::UnknownForm)?;
        let is_still = form == Form::Still;
        let reader: Box<dyn Reader> = match form {
            Form::Mp4 => Box::new(mp4::Mp4::open(window)?),
            Form::Matroska => Box::new(matroska::Matroska::open(window)?),
            Form::Ts => Box::new(streamed::Streamed::ts(window)),
            Form::Flv => Box::new(streamed::Streamed::flv(window)),
            Form::Still => Box::new(still::Still::new(window)),
            Form::Raw(codec) => Box::new(raw::Raw::new(window, codec)),
        };
        Ok(Self { reader, is_still })
    }

    /// What is known so far, video first; items name tracks by their ids.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        self.reader.tracks()
    }

    /// Whether it is one picture, which has no times.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.is_still
    }

    /// Whether every track is known, with what its first picture tells.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.reader.is_known()
    }

    /// Adds what comes next to `out`, which may be nothing; false when that was
    /// the end.
    ///
    /// # Errors
    /// When the file makes no sense from there on.
    pub fn next(&mut self, out: &mut Vec<FileItem>) -> Result<bool, FileError> {
        self.reader.next(out)
    }
}

/// Enough to tell the forms apart.
const SNIFFED: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Mp4,
    Matroska,
    Ts,
    Flv,
    /// One JPEG picture.
    Still,
    Raw(Codec),
}

impl Form {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1a, 0x45, 0xdf, 0xa3, ..] => return Some(Self::Matroska),
            [0xff, 0xd8, 0xff, ..] => return Some(Self::Still),
            [b'F', b'L', b'V', 1, ..] => return Some(Self::Flv),
            // A sync byte in every packet of 188.
            [0x47, ..] if head.len() >= 188 && head.iter().step_by(188).all(|byte| *byte == 0x47) => {
                return Some(Self::Ts);
            }
            _ => {}
        }
        match head.get(4..8) {
            Some(b"ftyp" | b"styp" | b"moov" | b"moof" | b"mdat" | b"free" | b"skip" | b"wide") => Some(Self::Mp4),
            _ => raw::codec_of(head).map(Self::Raw),
        }
    }
}

fn video_track(id: u8, codec: &Codec, sets: &ParameterSets) -> Track {
    Track { id, fmtp: sets.fmtp(codec), ..Track::video(codec.clone()) }
}

/// Ticks a second of a video track, whatever the file's are.
const VIDEO_RATE: u32 = 90_000;

/// `time` of a clock of `from` ticks a second in one of `to`.
fn rescale(time: i64, from: u32, to: u32) -> i64 {
    let scaled = i128::from(time) * i128::from(to) / i128::from(from.max(1));
    scaled.clamp(MOST_TIME.wrapping_neg().into(), MOST_TIME.into()) as i64
}

/// No file tells a later time; what is computed of it cannot overflow.
const MOST_TIME: i64 = 1 << 56;
