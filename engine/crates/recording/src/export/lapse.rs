//! Time-lapses: key frames of a long time, copied and shown 25 a second.

use std::sync::Arc;

use vms_format::Sample;
use vms_format::fragment::{Group, SampleHead};
use vms_format::mp4::walk::{InitTrack, SampleAt};
use vms_format::mp4::{export, moof};

use super::file::{self, At, Copied, Sink, Taken};
use super::output::Output;
use super::plan::Piece;
use super::proof::joined;
use super::worker::{Stop, Work};
use crate::read::part::{Part, PartFile};

/// Pictures a second.
const RATE: i64 = 25;

/// Which pictures a time-lapse takes.
pub struct Ticks {
    next_us: i64,
    every_us: i64,
}

impl Ticks {
    pub fn new(from_us: i64, every_us: i64) -> Self {
        Self { next_us: from_us, every_us }
    }

    /// The first key frame of each `every_us`, counted from the beginning.
    fn takes(&mut self, utc_us: i64) -> bool {
        if utc_us < self.next_us {
            return false;
        }
        self.next_us += ((utc_us - self.next_us) / self.every_us + 1) * self.every_us;
        true
    }

    /// The same part with the fragments alone whose key frames are taken: a
    /// month of indexes would not fit into memory.
    pub fn thin(&mut self, piece: Piece) -> Option<Piece> {
        let all = piece.fragments();
        let spans = joined(all.iter().map(|fragment| (fragment.utc_us, fragment.end_us)).collect());
        let taken = all.iter().filter(|fragment| fragment.key && self.takes(fragment.utc_us));
        let fragments: Vec<_> = taken.copied().collect();
        let range = 0..fragments.len();
        let place = piece.part.place.clone();
        let part = Part { fragments, place, city: piece.part.city.clone(), ..*piece.part };
        (!range.is_empty()).then(|| Piece { part: Arc::new(part), range, spans })
    }
}

/// An MP4 of key frames.
struct Lapse {
    /// In the file.
    pictures: usize,
    written: i64,
}

impl Lapse {
    fn of(pieces: &[Piece]) -> Self {
        Self { pictures: pieces.iter().map(|piece| piece.range.len()).sum(), written: 0 }
    }
}

/// A key frame in its fragment.
fn key_of<'a>(samples: &'a [SampleAt], tracks: &[InitTrack]) -> Option<&'a SampleAt> {
    let is_video = |sample: &&SampleAt| tracks.iter().any(|track| track.is_video && track.id == sample.head.track);
    samples.iter().filter(is_video).find(|sample| sample.head.key)
}

impl Sink for Lapse {
    fn begin(&mut self, file: &PartFile, tracks: &[InitTrack], _zero_us: i64, output: &mut Output) -> Result<(), Stop> {
        let shown_us = self.pictures as i64 * 1_000_000 / RATE;
        Ok(output.write(export::init(&file.init_segment()?, tracks, 0, shown_us)?)?)
    }

    /// Of one that was thinned nothing but sound may be left.
    fn takes(&self, taken: &Taken, tracks: &[InitTrack]) -> bool {
        key_of(taken.samples(), tracks).is_some()
    }

    fn fragment(&mut self, taken: Taken, at: &At<'_>, output: &mut Output) -> Result<Option<Vec<SampleHead>>, Stop> {
        let Some(key) = key_of(taken.samples(), at.tracks()) else { return Ok(None) };
        let timescale = at.tracks().iter().find(|track| track.id == key.head.track).map_or(1, |track| track.timescale);
        let begins = self.written * i64::from(timescale) / RATE;
        self.written += 1;
        let ends = self.written * i64::from(timescale) / RATE;
        let sample = Sample {
            track: key.head.track,
            key: true,
            dts: begins,
            pts: begins,
            duration: (ends - begins) as u32,
            data: taken.data(key),
        };
        output.write(moof::segment(self.written as u64, &[sample]))?;
        Ok(None)
    }
}

/// Copies what a time-lapse shows of its fragments: their key frames.
pub fn copied(work: &Work<'_>, pieces: &[Piece], output: &mut Output) -> Result<Copied, Stop> {
    let mut copied = file::copy(work, false, pieces, &mut Lapse::of(pieces), output)?;
    copied.exported.iter_mut().for_each(|each| each.groups = Group::Key.bit());
    Ok(copied)
}
