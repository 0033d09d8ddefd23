//! H.264 and H.265 as encoders write them, without any container: pictures
//! come in the pace that their parameter sets tell.

use super::window::Window;
use super::{FileError, FileItem, Reader, VIDEO_RATE, video_track};
use crate::nal::{self, Kind};
use crate::{Codec, DropReason, MAX_UNIT_BYTES, Pictures, Track, annexb};

const PIECE: u64 = 64 << 10;
/// Pictures a second where nothing tells.
const USUAL_RATE: f64 = 25.0;

pub struct Raw {
    file: Window,
    at: u64,
    /// From the beginning of a picture.
    held: Vec<u8>,
    /// Of what is held: the NAL units of the picture that are whole, and where
    /// the next one begins, behind its start code.
    nals: Vec<std::ops::Range<usize>>,
    next: Option<usize>,
    /// No start code begins before this place.
    searched: usize,
    has_slice: bool,
    pictures: Pictures,
    count: i64,
}

/// Which of both a stream is that begins with a start code.
pub fn codec_of(head: &[u8]) -> Option<Codec> {
    let zeros = head.iter().take_while(|byte| **byte == 0).count();
    let nal = head.get(zeros + 1..).filter(|_| (2..=8).contains(&zeros) && head[zeros] == 1)?;
    let nal = &nal[..annexb::find_start_code(nal, 0).unwrap_or(nal.len())];
    // Delimiter, parameter set or information; in H.265 with a second byte
    // that no H.264 has there.
    match nal {
        [0x40 | 0x42 | 0x44 | 0x46 | 0x4e, 1, ..] => Some(Codec::H265),
        [first, ..] if first & 0x80 == 0 && matches!(first & 0x1f, 5..=9) => Some(Codec::H264),
        _ => None,
    }
}

impl Raw {
    pub fn new(file: Window, codec: Codec) -> Self {
        Self {
            file,
            at: 0,
            held: Vec::new(),
            nals: Vec::new(),
            next: None,
            searched: 0,
            has_slice: false,
            pictures: Pictures::new(codec),
            count: 0,
        }
    }

    /// Takes the NAL units of what is held that are whole.
    fn cut(&mut self, out: &mut Vec<FileItem>) -> Result<(), FileError> {
        while let Some(code) = annexb::find_start_code(&self.held, self.searched) {
            self.searched = code + 3;
            self.take(code, out)?;
            self.next = Some(self.searched);
        }
        // Two bytes of a code may be there already.
        self.searched = self.searched.max(self.held.len().saturating_sub(2));
        Ok(())
    }

    /// The NAL unit that began last is whole: it ends at `end`.
    fn take(&mut self, end: usize, out: &mut Vec<FileItem>) -> Result<(), FileError> {
        let Some(begin) = self.next.take() else { return Ok(()) };
        let zeros = self.held[begin..end].iter().rev().take_while(|byte| **byte == 0).count();
        let nal = &self.held[begin..end - zeros];
        if nal.is_empty() {
            return Ok(());
        }
        let kind = nal::kind(self.pictures.codec(), nal);
        let begins = match kind {
            Kind::Slice { first, .. } => first,
            Kind::Suffix | Kind::Bad => false,
            // A delimiter begins a picture too; filler does not.
            Kind::Ignored => {
                matches!((self.pictures.codec(), nal[0]), (Codec::H264, n) if n & 0x1f == 9)
                    || matches!((self.pictures.codec(), nal[0] >> 1 & 0x3f), (Codec::H265, 35))
            }
            _ => true,
        };
        let (begin, end) = (begin, end - zeros);
        let dropped = if begins && self.has_slice { self.picture(begin, out)? } else { 0 };
        self.has_slice |= matches!(kind, Kind::Slice { .. });
        self.nals.push(begin - dropped..end - dropped);
        Ok(())
    }

    /// Gives the picture that is whole; returns how many bytes in front of
    /// `keep` are no longer held.
    fn picture(&mut self, keep: usize, out: &mut Vec<FileItem>) -> Result<usize, FileError> {
        let nals = std::mem::take(&mut self.nals);
        self.has_slice = false;
        let time = self.time();
        match self.pictures.unit(nals.iter().map(|nal| &self.held[nal.clone()]), time, time) {
            Ok(unit) => {
                if self.pictures.reorders() > 0 {
                    return Err(FileError::NoTimes);
                }
                self.count += 1;
                out.push(FileItem::Unit { track: 0, unit });
            }
            Err(reason) => out.push(FileItem::Lost(reason)),
        }
        self.held.drain(..keep);
        self.searched = self.searched.saturating_sub(keep);
        Ok(keep)
    }

    fn time(&self) -> i64 {
        let told = self.pictures.info().and_then(|info| info.fps);
        let rate = told.map_or(USUAL_RATE, |fps| f64::from(fps).clamp(1.0, 120.0));
        // Tenths of a tick of error are gone with the next picture.
        (self.count as f64 * f64::from(VIDEO_RATE) / rate).round() as i64
    }
}

impl Reader for Raw {
    fn tracks(&self) -> Vec<Track> {
        let is_there = self.pictures.parameter_sets().sps.is_some();
        is_there.then(|| video_track(0, self.pictures.codec(), self.pictures.parameter_sets())).into_iter().collect()
    }

    fn is_known(&self) -> bool {
        self.count > 0
    }

    fn next(&mut self, out: &mut Vec<FileItem>) -> Result<bool, FileError> {
        let piece = self.file.up_to(self.at, PIECE as usize)?;
        if piece.is_empty() {
            let end = self.held.len();
            self.take(end, out)?;
            if self.has_slice {
                self.picture(self.held.len(), out)?;
            }
            return Ok(false);
        }
        self.at += piece.len() as u64;
        self.held.extend_from_slice(piece);
        self.cut(out)?;
        if self.held.len() > MAX_UNIT_BYTES {
            out.push(FileItem::Lost(DropReason::TooLarge));
            self.held.clear();
            self.nals.clear();
            (self.next, self.searched, self.has_slice) = (None, 0, false);
            self.pictures.lost();
        }
        Ok(true)
    }
}
