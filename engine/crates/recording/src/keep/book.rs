//! What a camera's ledger on disk says of keeping: holds, what was removed,
//! where parts begin. Whoever removes asks here, and nowhere else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use vms_format::ledger::{Body, Hold, Reason, entries, first_chain};
use vms_format::names::LEDGER;
use vms_format::record::{Header, scan};
use vms_format::seal::{INTERIM, Removed};
use vms_format::{Entry, Owner, PartId};

use crate::io::Disk;
use crate::write::volume::Volume;

use super::plan::{Held, Level};

/// A ledger, read as a whole and found whole.
#[derive(Clone, Debug)]
pub struct Book {
    pub owner: Owner,
    /// Of the last record.
    pub number: u64,
    /// In force, by their names, with number and stream of the record.
    pub holds: BTreeMap<String, (u64, u8, Hold)>,
    /// Stream and hours of each seal.
    pub seals: Vec<(u8, u32)>,
    removed: Vec<(u8, Removed)>,
    /// Parts that a seal covers which is not replaced by another one.
    sealed: BTreeSet<PartId>,
    /// Where each part begins: its first sequence.
    configs: Vec<(PartId, u64)>,
}

/// Why a ledger tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    #[error("there is no ledger")]
    Absent,
    #[error("the ledger {0} cannot be read: {1}")]
    Damaged(String, String),
}

/// What is damaged, and the highest number seen in it.
struct Damage(String, u64);

impl Book {
    fn parse(camera: &str, bytes: Vec<u8>) -> Result<Self, Damage> {
        let found = scan(&bytes).map_err(|error| Damage(error.to_string(), u64::MAX))?;
        let (read, unreadable) = entries(&found.records);
        let highest = read.iter().map(|(_, entry)| entry.number).max().unwrap_or(0);
        let damage = |what: &str| Damage(what.to_owned(), highest);
        if !found.magic || !found.torn.is_empty() || !unreadable.is_empty() {
            return Err(damage("some of it is torn"));
        }
        let header = found.records.first().and_then(|(_, record)| Header::parse(record).ok());
        let Some(header) = header.filter(|header| header.part.is_none() && header.owner.camera == camera) else {
            return Err(damage("it does not begin as this camera's"));
        };
        let (mut chain, mut number) = (first_chain(&header.owner), 0);
        for (_, entry) in &read {
            if entry.number != number + 1 || entry.chain_after(&chain) != entry.chain {
                return Err(damage("its chain is broken"));
            }
            (chain, number) = (entry.chain, entry.number);
        }
        Ok(Self::of(header.owner, number, read.into_iter().map(|(_, entry)| entry)))
    }

    fn of(owner: Owner, number: u64, entries: impl Iterator<Item = Entry>) -> Self {
        let (holds, seals, removed, configs) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        let sealed = BTreeSet::new();
        let mut book = Self { owner, number, holds, seals, removed, sealed, configs };
        let mut unsealed: Vec<PartId> = Vec::new();
        for entry in entries {
            match entry.body {
                Body::Hold(hold) if hold.on => {
                    book.holds.insert(hold.hold.clone(), (entry.number, entry.stream, hold));
                }
                Body::Hold(hold) => drop(book.holds.remove(&hold.hold)),
                Body::Removed(removed) => book.removed.push((entry.stream, removed)),
                Body::Seal(seal) => {
                    book.seals.push((entry.stream, seal.hour));
                    if seal.kind != INTERIM {
                        let covers = |id: &mut PartId| id.stream == entry.stream && id.hour <= seal.hour;
                        book.sealed.extend(unsealed.extract_if(.., covers));
                    }
                }
                Body::Config(config) => {
                    let id = PartId { hour: config.hour, part: config.part, stream: entry.stream };
                    book.configs.push((id, config.first_sequence));
                    unsealed.push(id);
                }
                _ => {}
            }
        }
        book
    }

    /// The times that holds keep.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let held =
            |(_, stream, hold): &(u64, u8, Hold)| Held { stream: *stream, from_us: hold.from_us, to_us: hold.to_us };
        self.holds.values().map(held).collect()
    }

    /// The sequences that a part may hold, by the CONFIGs.
    fn sequences(&self, id: PartId) -> Option<(u64, u64)> {
        let at = self.configs.iter().rposition(|(own, _)| *own == id)?;
        let next = self.configs[at + 1..].iter().find(|(other, _)| other.stream == id.stream);
        Some((self.configs[at].1, next.map_or(u64::MAX, |(_, first)| first.saturating_sub(1))))
    }

    fn removals(&self, id: PartId) -> impl Iterator<Item = &Removed> {
        let range = self.sequences(id);
        let own = self.removed.iter().filter(move |(stream, _)| *stream == id.stream).map(|(_, removed)| removed);
        own.filter(move |removed| {
            range.is_some_and(|(first, last)| removed.first_sequence <= last && first <= removed.last_sequence)
        })
    }

    /// True where a part was removed whole, whatever of it is still there.
    #[must_use]
    pub fn is_removed(&self, id: PartId) -> bool {
        self.removals(id).any(|removed| removed.groups == 7 && removed.reason != Reason::Thinning.code())
    }

    /// True where all of a part is sealed: no start looks into it again.
    #[must_use]
    pub fn is_sealed(&self, id: PartId) -> bool {
        self.sealed.contains(&id)
    }

    /// How far a part was thinned. Each step leaves a record of its own kind.
    #[must_use]
    pub fn level(&self, id: PartId) -> Level {
        let thinned = self.removals(id).filter(|removed| removed.reason == Reason::Thinning.code());
        let level = |removed: &Removed| match removed.groups {
            7 => Level::Events,
            6 => Level::Keys,
            1 => Level::Stills,
            _ => Level::Whole,
        };
        thinned.map(level).max().unwrap_or_default()
    }
}

/// Files, each with its disk.
pub type Places = Vec<(PathBuf, Arc<dyn Disk>)>;

/// Where a camera's ledger may lie.
#[must_use]
pub fn places(volumes: &[Arc<Volume>], copies: &Path, camera: &str) -> Places {
    let there = volumes.iter().filter(|volume| volume.is_there());
    let own = there.map(|volume| (volume.camera(camera).join(LEDGER), volume.disk.clone()));
    let copy = volumes.first().map(|volume| (copies.join(format!("{camera}.vms-idx")), volume.disk.clone()));
    own.chain(copy).collect()
}

/// Reads the ledger that knows most. One that is damaged may know more than
/// the others: then none tells anything.
pub fn read(camera: &str, places: &Places) -> Result<Book, BookError> {
    let mut best: Option<Book> = None;
    let mut damaged: Option<(u64, BookError)> = None;
    for (path, disk) in places {
        let read = match disk.read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => Err(Damage(error.to_string(), u64::MAX)),
            Ok(bytes) => Book::parse(camera, bytes),
        };
        match read {
            Ok(book) if best.as_ref().is_none_or(|best| best.number < book.number) => best = Some(book),
            Ok(_) => {}
            Err(Damage(why, number)) => {
                if damaged.as_ref().is_none_or(|(other, _)| *other < number) {
                    damaged = Some((number, BookError::Damaged(path.display().to_string(), why)));
                }
            }
        }
    }
    match (best, damaged) {
        (Some(book), Some((number, error))) if number > book.number => Err(error),
        (Some(book), _) => Ok(book),
        (None, Some((_, error))) => Err(error),
        (None, None) => Err(BookError::Absent),
    }
}

/// Paths and sizes of a camera's ledgers, and what was read from them.
type Known = (Vec<(PathBuf, u64)>, Result<Arc<Book>, BookError>);

/// Ledgers in memory, read again when any copy has another size.
#[derive(Default)]
pub struct Books(Mutex<HashMap<String, Known>>);

impl Books {
    pub fn get(&self, camera: &str, places: &Places) -> Result<Arc<Book>, BookError> {
        let sizes: Vec<_> = places
            .iter()
            .filter_map(|(path, disk)| Some((path.clone(), disk.open(path).and_then(|file| file.size()).ok()?)))
            .collect();
        if let Some((known, book)) = self.0.lock().get(camera)
            && *known == sizes
        {
            return book.clone();
        }
        let book = read(camera, places).map(Arc::new);
        self.0.lock().insert(camera.to_owned(), (sizes, book.clone()));
        book
    }
}
