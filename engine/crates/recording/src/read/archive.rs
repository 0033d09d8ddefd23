//! What was recorded, found by camera, stream and time: from the folders and
//! indexes of all volumes, never from a database.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use vms_format::ledger::Gap;
use vms_format::names::{FileKind, Name};
use vms_format::time::{Day, hour_of};

use super::leases::Leases;
use super::part::{Masters, Part, PartFile, PartPlace};
use crate::calls::{CallError, CallKind};
use crate::write::volume::Volume;

/// Indexes kept in memory: fragments of about 48 bytes each, some hundred MB
/// of indexes on disk.
const MOST_CACHED: usize = 1 << 20;
const DAY_US: i64 = 24 * vms_format::time::HOUR_US;

/// What a process that records knows beyond the files.
pub trait Recorded: Send + Sync {
    /// What triggers touched of a stream, within a time.
    fn events(&self, camera: &str, stream: u8, from_us: i64, to_us: i64) -> Vec<[i64; 2]>;
    /// Gaps that last, by stream.
    fn open_gaps(&self, camera: &str) -> Vec<(u8, Gap)>;
}

/// Finds and opens parts.
pub struct Archive {
    volumes: Vec<Arc<Volume>>,
    masters: Masters,
    leases: Arc<Leases>,
    recorded: Option<Arc<dyn Recorded>>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    parts: HashMap<PathBuf, (u64, Arc<Part>)>,
    fragments: usize,
    turn: u64,
}

pub fn nothing(camera: &str, at_us: i64) -> CallError {
    CallError::new(
        CallKind::NotFound,
        "no_recording",
        format!("camera {camera}: nothing was recorded at {at_us} or after"),
    )
}

/// A volume is away, and what is asked for may lie there.
fn failed(camera: &str, volume: &str, reason: &str) -> CallError {
    let message = format!("camera {camera}: volume {volume} cannot be read: {reason}");
    CallError::new(CallKind::Unavailable, "volume_failed", message)
}

pub fn unreadable(place: &PartPlace, error: &vms_format::FormatError) -> CallError {
    CallError::new(
        CallKind::Unavailable,
        "recording_unreadable",
        format!("camera {}: part {} on volume {}: {error}", place.camera, place.id.name(), place.volume),
    )
}

impl Archive {
    #[must_use]
    pub fn new(volumes: Vec<Arc<Volume>>, masters: Masters, leases: Arc<Leases>) -> Self {
        Self { volumes, masters, leases, recorded: None, cache: Mutex::default() }
    }

    /// The same, beside what records.
    #[must_use]
    pub fn beside(self, recorded: Arc<dyn Recorded>) -> Self {
        Self { recorded: Some(recorded), ..self }
    }

    pub(super) fn events(&self, part: &Part) -> Vec<[i64; 2]> {
        let Some(recorded) = &self.recorded else { return Vec::new() };
        recorded.events(&part.place.camera, part.place.id.stream, part.from_us(), part.to_us())
    }

    pub(super) fn open_gaps(&self, camera: &str) -> Vec<(u8, Gap)> {
        self.recorded.as_ref().map(|recorded| recorded.open_gaps(camera)).unwrap_or_default()
    }

    /// Cameras that have a folder on any volume.
    #[must_use]
    pub fn cameras(&self) -> BTreeSet<String> {
        let folders = self.volumes.iter().filter_map(|volume| volume.disk.list(&volume.cameras()).ok()).flatten();
        folders.filter(|entry| entry.directory && vms_format::names::is_camera(&entry.name)).map(|e| e.name).collect()
    }

    /// Days of a camera, oldest first.
    #[must_use]
    pub fn days(&self, camera: &str) -> BTreeSet<Day> {
        if !vms_format::names::is_camera(camera) {
            return BTreeSet::new();
        }
        let folders = self.volumes.iter().filter_map(|volume| volume.disk.list(&volume.camera(camera)).ok()).flatten();
        folders.filter(|entry| entry.directory).filter_map(|entry| Day::parse(&entry.name)).collect()
    }

    /// What an error on a part means: where its volume is away, that.
    #[must_use]
    pub fn told(&self, place: &PartPlace, error: CallError) -> CallError {
        let volume = self.volumes.iter().find(|volume| volume.name == place.volume);
        match volume.and_then(|volume| volume.trouble()) {
            Some(reason) if error.code == "recording_unreadable" => failed(&place.camera, &place.volume, &reason),
            _ => error,
        }
    }

    /// Nothing is found; where a volume is away, that may be why.
    pub fn nothing(&self, camera: &str, at_us: i64) -> CallError {
        let away = self.volumes.iter().find_map(|volume| Some((&volume.name, volume.trouble()?)));
        away.map_or_else(|| nothing(camera, at_us), |(volume, reason)| failed(camera, volume, &reason))
    }

    /// The parts of one day, by hour and number.
    #[must_use]
    pub fn parts_of(&self, camera: &str, day: Day, stream: u8) -> Vec<PartPlace> {
        let mut parts = Vec::new();
        for volume in &self.volumes {
            let folder = volume.camera(camera);
            let Ok(entries) = volume.disk.list(&folder.join(day.to_string())) else { continue };
            for entry in entries {
                let name = Name::parse(&format!("{camera}/{day}/{}", entry.name));
                let Some(Name { kind: kind @ (FileKind::Video | FileKind::Sealed), part: Some(id), .. }) = name else {
                    continue;
                };
                if id.stream == stream {
                    parts.push(PartPlace {
                        id,
                        camera: camera.to_owned(),
                        volume: volume.name.clone(),
                        video: folder.join(id.path(kind)),
                        index: folder.join(id.path(FileKind::Index)),
                        encrypted: kind == FileKind::Sealed,
                    });
                }
            }
        }
        parts.sort_by_key(|part| part.id);
        parts
    }

    /// Where a camera's ledger may be, with the disk of each.
    pub fn ledgers(&self, camera: &str) -> impl Iterator<Item = (PathBuf, Arc<dyn crate::io::Disk>)> {
        let path = |volume: &Arc<Volume>| (volume.camera(camera).join(vms_format::names::LEDGER), volume.disk.clone());
        self.volumes.iter().map(path).collect::<Vec<_>>().into_iter()
    }

    /// A part's index; one that has not changed comes from memory. A part that
    /// was thinned has an index of the same size, but another video.
    pub fn part(&self, place: &PartPlace) -> Result<Arc<Part>, CallError> {
        let disk = self.disk_of(place);
        let size_of = |path| disk.open(path).and_then(|file| file.size()).unwrap_or(0);
        let (video_bytes, size) = (size_of(&place.video), size_of(&place.index));
        {
            let mut cache = self.cache.lock();
            cache.turn += 1;
            let turn = cache.turn;
            if let Some((used, part)) = cache.parts.get_mut(&place.index)
                && (part.index_bytes, part.video_bytes) == (size, video_bytes)
                && part.place == *place
            {
                *used = turn;
                return Ok(part.clone());
            }
        }
        let loaded = Part::load(&*disk, place.clone()).map_err(|error| self.told(place, unreadable(place, &error)))?;
        let part = Arc::new(Part { video_bytes, ..loaded });
        self.cache.lock().keep(&part);
        Ok(part)
    }

    /// The records of a part's fragments, with their proofs.
    pub fn records(&self, place: &PartPlace) -> Result<Vec<vms_format::Stored>, CallError> {
        super::part::records(&*self.disk_of(place), place).map_err(|error| self.told(place, unreadable(place, &error)))
    }

    /// Opens a part's video; it is not removed for a while.
    pub fn open(&self, part: &Part) -> Result<PartFile, CallError> {
        self.leases.mark(&part.place.video);
        PartFile::open(&*self.disk_of(&part.place), &part.place, &self.masters)
            .map_err(|error| self.told(&part.place, unreadable(&part.place, &error)))
    }

    /// True where a part lies in a bucket.
    #[must_use]
    pub fn is_remote(&self, place: &PartPlace) -> bool {
        self.volumes.iter().any(|volume| volume.name == place.volume && volume.is_remote())
    }

    fn disk_of(&self, place: &PartPlace) -> Arc<dyn crate::io::Disk> {
        let named = self.volumes.iter().find(|volume| volume.name == place.volume);
        named.unwrap_or(&self.volumes[0]).disk.clone()
    }

    /// The part and fragment at an instant, or the first after it. Parts that
    /// cannot be read are passed over, as others may have what is asked for;
    /// but one whose volume is away is not taken for a time without video.
    pub fn at_or_after(&self, camera: &str, stream: u8, at_us: i64) -> Result<(Arc<Part>, usize), CallError> {
        // A part of the hour before may reach into this one.
        let first = Day::of_hour(hour_of(at_us).saturating_sub(1));
        let mut best: Option<(i64, i64, Arc<Part>, usize)> = None;
        let mut away: Option<CallError> = None;
        for day in self.days(camera).range(first..) {
            if best.as_ref().is_some_and(|(from_us, ..)| *from_us < day.since_1970() * DAY_US) {
                break;
            }
            for place in self.parts_of(camera, *day, stream) {
                let late = vms_format::time::hour_start_us(place.id.hour);
                if late + 2 * vms_format::time::HOUR_US < at_us {
                    continue;
                }
                if best.as_ref().is_some_and(|(from_us, ..)| *from_us < late) {
                    break;
                }
                let part = match self.part(&place) {
                    Ok(part) => part,
                    Err(error) => {
                        away = away.or((error.code == "volume_failed").then_some(error));
                        continue;
                    }
                };
                let Some(found) = part.at_or_after(at_us) else { continue };
                // Where two parts have the instant, the one that begins later goes on from there.
                let begins_us = part.fragments[found].utc_us;
                let from_us = begins_us.max(at_us);
                let nearer = |(best_us, best_begins_us, ..): &(i64, i64, _, _)| {
                    (from_us, Reverse(begins_us)) < (*best_us, Reverse(*best_begins_us))
                };
                if best.as_ref().is_none_or(nearer) {
                    best = Some((from_us, begins_us, part, found));
                }
            }
        }
        match (best, away) {
            (Some((from_us, _, part, found)), away) if from_us == at_us || away.is_none() => Ok((part, found)),
            (_, Some(away)) => Err(away),
            _ => Err(self.nothing(camera, at_us)),
        }
    }

    /// The last fragment that began before an instant.
    #[must_use]
    pub fn before(&self, camera: &str, stream: u8, at_us: i64) -> Option<(Arc<Part>, usize)> {
        let last = Day::of_hour(hour_of(at_us));
        for day in self.days(camera).range(..=last).rev() {
            let mut best: Option<(Arc<Part>, usize)> = None;
            for place in self.parts_of(camera, *day, stream).iter().rev() {
                let hour_us = vms_format::time::hour_start_us(place.id.hour);
                if hour_us >= at_us {
                    continue;
                }
                if best
                    .as_ref()
                    .is_some_and(|(part, n)| part.fragments[*n].utc_us >= hour_us + vms_format::time::HOUR_US)
                {
                    break;
                }
                let Ok(part) = self.part(place) else { continue };
                let count = part.fragments.partition_point(|fragment| fragment.utc_us < at_us);
                let newer = |(old, n): &(Arc<Part>, usize)| old.fragments[*n].utc_us < part.fragments[count - 1].utc_us;
                if count > 0 && best.as_ref().is_none_or(newer) {
                    best = Some((part, count - 1));
                }
            }
            if best.is_some() {
                return best;
            }
        }
        None
    }
}

impl Cache {
    fn keep(&mut self, part: &Arc<Part>) {
        self.fragments += part.fragments.len();
        if let Some((_, old)) = self.parts.insert(part.place.index.clone(), (self.turn, part.clone())) {
            self.fragments -= old.fragments.len();
        }
        while self.fragments > MOST_CACHED && self.parts.len() > 1 {
            let oldest = self.parts.iter().min_by_key(|(_, (used, _))| *used).map(|(path, _)| path.clone());
            let Some((_, gone)) = oldest.and_then(|path| self.parts.remove(&path)) else { return };
            self.fragments -= gone.fragments.len();
        }
    }
}
