//! Files read one behind the other, for ever. Reading may wait for a disk: it
//! is done on threads that may wait.

use std::path::PathBuf;

use vms_media::{AccessUnit, DropReason, FileError, FileItem, MediaFile, Track, TrackKind};

use super::shelf::Shelf;
use super::timeline::{First, micros};
use crate::reason::Reason;

/// One read gives so many units, or so many bytes, and then the one that
/// makes it more.
const UNITS: usize = 64;
const BYTES: usize = 4 << 20;
/// What is held until a file's tracks are known.
const MOST_EARLY: usize = 512;
/// A file that has shown no picture after so many pieces has none.
const MOST_TURNS: u32 = 8192;
/// Sound is waited for so long after the first picture, by the file's times.
const SOUND_PATIENCE_US: i64 = 1_000_000;

/// What a file gives.
#[derive(Debug)]
pub enum Step {
    Begins {
        tracks: Vec<Track>,
        first: First,
        /// It is one picture, which has no times.
        is_still: bool,
    },
    Unit {
        track: u8,
        unit: AccessUnit,
    },
    Lost(DropReason),
}

/// What reading gave, and why there is no more.
#[derive(Debug, Default)]
pub struct Read {
    pub steps: Vec<Step>,
    pub failed: Option<Failed>,
}

#[derive(Debug)]
pub struct Failed {
    pub reason: Reason,
    /// Of the list of files.
    pub place: usize,
}

pub struct Reel {
    shelf: Shelf,
    list: Vec<PathBuf>,
    /// Of the file that plays, or is next.
    place: usize,
    file: Option<Playing>,
}

struct Playing {
    file: MediaFile,
    begun: bool,
    /// How often it was asked for more.
    turns: u32,
    /// Before its tracks were known.
    early: Vec<FileItem>,
}

impl Reel {
    /// Begins with the file at `place`, as far as there are so many.
    pub fn new(shelf: Shelf, place: usize) -> Self {
        Self { shelf, list: Vec::new(), place, file: None }
    }

    /// Reads on. After a failure it is done with.
    pub fn read(&mut self) -> Read {
        let mut read = Read::default();
        let mut items = Vec::new();
        let mut bytes = 0;
        while read.steps.len() < UNITS && bytes < BYTES {
            let more = self.more(&mut items);
            for item in items.drain(..) {
                bytes += if let FileItem::Unit { unit, .. } = &item { unit.data.len() } else { 0 };
                self.take(item, &mut read.steps);
            }
            let ended = match more {
                Ok(true) => continue,
                Ok(false) => self.end(&mut read.steps),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = ended {
                read.failed = Some(Failed { reason, place: self.place });
                break;
            }
        }
        read
    }

    /// What comes next of the file that plays; false where it ends.
    fn more(&mut self, items: &mut Vec<FileItem>) -> Result<bool, Reason> {
        if self.file.is_none() {
            if self.place >= self.list.len() || self.place == 0 {
                // Each round plays what is there by then.
                self.list = self.shelf.list()?;
                self.place %= self.list.len().max(1);
            }
            let opened = self.shelf.open(&self.list[self.place])?;
            let file = MediaFile::open(opened).map_err(|error| self.reason(error))?;
            self.file = Some(Playing { file, begun: false, turns: 0, early: Vec::new() });
        }
        let Some(playing) = &mut self.file else { return Ok(false) };
        playing.turns = playing.turns.saturating_add(1);
        if !playing.begun && playing.turns > MOST_TURNS {
            return Err(Reason::FileNoVideo { detail: self.name() });
        }
        playing.file.next(items).map_err(|error| self.reason(error))
    }

    fn take(&mut self, item: FileItem, steps: &mut Vec<Step>) {
        let Some(playing) = &mut self.file else { return };
        if playing.begun {
            return steps.push(step(item));
        }
        if playing.early.len() >= MOST_EARLY {
            playing.early.remove(0);
        }
        playing.early.push(item);
        if playing.is_settled() {
            playing.begin(steps);
        }
    }

    /// The file has ended; the next one is that much further.
    fn end(&mut self, steps: &mut Vec<Step>) -> Result<(), Reason> {
        if let Some(mut playing) = self.file.take()
            && !playing.begun
        {
            if !playing.has_picture() {
                return Err(Reason::FileNoVideo { detail: self.name() });
            }
            playing.begin(steps);
        }
        self.place += 1;
        Ok(())
    }

    fn reason(&self, error: FileError) -> Reason {
        let name = self.name();
        match error {
            FileError::NoVideo => Reason::FileNoVideo { detail: name },
            FileError::UnknownVideo(codec) => Reason::UnknownCodec { codec },
            other => Reason::FileBroken { detail: format!("{name}: {other}") },
        }
    }

    fn name(&self) -> String {
        self.list.get(self.place).map(|name| name.display().to_string()).unwrap_or_default()
    }
}

impl Playing {
    fn has_picture(&self) -> bool {
        let tracks = self.file.tracks();
        let is_video = |id: u8| tracks.iter().any(|track| track.id == id && track.kind == TrackKind::Video);
        self.early.iter().any(|item| matches!(item, FileItem::Unit { track, .. } if is_video(*track)))
    }

    fn is_settled(&self) -> bool {
        if !self.has_picture() {
            return false;
        }
        let due = self.times(|unit| unit.dts);
        let span = due.iter().max().unwrap_or(&0) - due.iter().min().unwrap_or(&0);
        self.file.is_known() || span >= SOUND_PATIENCE_US || self.early.len() >= MOST_EARLY
    }

    /// Of what waits, by the file.
    fn times(&self, which: impl Fn(&AccessUnit) -> i64) -> Vec<i64> {
        let tracks = self.file.tracks();
        let time = |item: &FileItem| match item {
            FileItem::Unit { track, unit } => {
                tracks.iter().find(|own| own.id == *track).map(|own| micros(which(unit), own.clock_rate))
            }
            FileItem::Lost(_) => None,
        };
        self.early.iter().filter_map(time).collect()
    }

    fn begin(&mut self, steps: &mut Vec<Step>) {
        let least = |times: Vec<i64>| times.into_iter().min().unwrap_or(0);
        let (due_us, shown_us) = (least(self.times(|unit| unit.dts)), least(self.times(|unit| unit.timestamp)));
        let first = First { due_us, shown_us };
        steps.push(Step::Begins { tracks: self.file.tracks(), first, is_still: self.file.is_still() });
        steps.extend(std::mem::take(&mut self.early).into_iter().map(step));
        self.begun = true;
    }
}

fn step(item: FileItem) -> Step {
    match item {
        FileItem::Unit { track, unit } => Step::Unit { track, unit },
        FileItem::Lost(reason) => Step::Lost(reason),
    }
}
