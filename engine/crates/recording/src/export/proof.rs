//! What proves an export: seals with the leaves under them, records of the
//! ledger, and the gaps that they explain.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use vms_format::ledger::{Gap, Reason};
use vms_format::manifest::Maker;
use vms_format::seal::{INTERIM, Seal};
use vms_format::time::Day;
use vms_format::{Body, Entry, Hash, Owner, Stored, merkle};
use vms_hub::StreamKey;

use super::Means;
use super::file::Exported;
use super::plan::{Piece, Wanted};
use super::worker::Stop;
use crate::read::part::PartPlace;
use crate::read::{Archive, stream_name};
use crate::write::stream::GAP_FROM_US;

/// A seal of the ledger, with the records of the ledger under it.
struct Sealed {
    seal: Seal,
    numbers: Vec<u64>,
    leaves: Vec<Hash>,
}

impl Sealed {
    fn covers(&self, sequence: u64) -> bool {
        self.seal.fragments > 0 && (self.seal.first_sequence..=self.seal.last_sequence).contains(&sequence)
    }
}

/// The ledger of one stream, as far as exports need it.
pub struct Evidence {
    pub owner: Owner,
    stream: u8,
    /// CONFIG, GAP, CLOCK and REMOVED.
    entries: Vec<Entry>,
    keys: Vec<Entry>,
    seals: Vec<Sealed>,
    /// Leaves of fragments by sequence, of the parts that the last seal needed.
    read: HashMap<PathBuf, Vec<(u64, Hash)>>,
}

impl Evidence {
    /// Reads the ledger; what is not sealed yet gets an interim seal.
    pub fn gather(means: &Means, wanted: &Wanted) -> Result<Self, Stop> {
        let owner = Owner::new(&wanted.city, &wanted.camera);
        let failed = |error: std::io::Error| Stop::failed("volume_failed", format!("no ledger: {error}"));
        // Opening a ledger has it announce the key that signs.
        let ledger = means.logs.ledger(&means.context, &owner).map_err(failed)?;
        let read = || Ok(Self::of(&owner, wanted.stream, ledger.tail(|_| false).map_err(failed)?.entries));
        let found = read()?;
        let last = wanted.pieces.last().and_then(|piece| piece.fragments().last()).map_or(0, |last| last.sequence);
        if found.seals.iter().any(|sealed| sealed.seal.last_sequence >= last) {
            return Ok(found);
        }
        let key = StreamKey::new(&wanted.camera, stream_name(wanted.stream));
        let log = means.logs.open(&means.context, &owner, &key);
        let log = log.map_err(|error| Stop::failed("volume_failed", format!("{key} cannot be sealed: {error}")))?;
        log.log.lock().interim_seal(&means.context).map_err(failed)?;
        read()
    }

    fn of(owner: &Owner, stream: u8, all: Vec<Entry>) -> Self {
        let (mut entries, mut keys, mut seals) = (Vec::new(), Vec::new(), Vec::new());
        let (mut numbers, mut leaves) = (Vec::new(), Vec::new());
        for entry in all {
            match &entry.body {
                Body::Key(_) => keys.push(entry),
                _ if entry.stream != stream => {}
                Body::Seal(seal) => {
                    let seal = seal.clone();
                    let (numbers, leaves) = if seal.kind == INTERIM {
                        (numbers.clone(), leaves.clone())
                    } else {
                        (std::mem::take(&mut numbers), std::mem::take(&mut leaves))
                    };
                    seals.push(Sealed { seal, numbers, leaves });
                }
                Body::Removed(_) => entries.push(entry),
                body if body.is_sealed() => {
                    numbers.push(entry.number);
                    leaves.push(merkle::leaf(&entry.leaf));
                    entries.push(entry);
                }
                _ => {}
            }
        }
        Self { owner: owner.clone(), stream, entries, keys, seals, read: HashMap::new() }
    }

    /// A final seal where there is one: an interim one is for what has none.
    fn under(&self, covers: impl Fn(&Sealed) -> bool) -> Option<usize> {
        let last = self.seals.iter().position(|sealed| sealed.seal.kind != INTERIM && covers(sealed));
        last.or_else(|| self.seals.iter().rposition(covers))
    }

    /// Fills a manifest with what was exported of a period. One seal's leaves
    /// are in memory at a time: a month of them is some hundred MB.
    pub fn prove(
        &mut self,
        archive: &Archive,
        wanted: &Wanted,
        maker: &mut Maker,
        exported: &[Exported],
        period: (i64, i64),
    ) {
        self.keys.iter().for_each(|key| maker.key(key));
        let mut waiting: BTreeMap<Option<usize>, Vec<Entry>> = BTreeMap::new();
        for entry in self.that_matter(exported, period) {
            let at = self.under(|sealed| sealed.numbers.contains(&entry.number));
            waiting.entry(at).or_default().push(entry.clone());
        }
        let mut open = None;
        for each in exported {
            let at = self.under(|sealed| sealed.covers(each.stored.core.sequence));
            if at.is_some() && at != open {
                self.open(archive, wanted, maker, at, waiting.remove(&at).unwrap_or_default());
                open = at;
            }
            maker.fragment(&each.stored, each.groups, each.samples.as_deref());
        }
        for (at, entries) in waiting {
            self.open(archive, wanted, maker, at, entries);
        }
    }

    /// Has a manifest name a seal, and the records of the ledger under it.
    fn open(&mut self, archive: &Archive, wanted: &Wanted, maker: &mut Maker, at: Option<usize>, entries: Vec<Entry>) {
        maker.forget_leaves();
        if let Some(at) = at {
            let leaves = self.leaves_of(archive, wanted, at);
            if let Err(error) = maker.seal(&self.seals[at].seal, leaves) {
                // Its video is exported all the same: the verifier says "unsealed".
                let number = self.seals[at].seal.number;
                tracing::warn!(camera = wanted.camera, seal = number, %error, "a seal of an export cannot be used");
            }
        }
        for entry in &entries {
            if !maker.entry(entry) {
                tracing::warn!(camera = wanted.camera, number = entry.number, "a ledger record is not proved");
            }
        }
    }

    /// CONFIG of the fragments, GAP of the period, and REMOVED around.
    fn that_matter(&self, exported: &[Exported], (from_us, to_us): (i64, i64)) -> impl Iterator<Item = &Entry> {
        let epochs: BTreeSet<u32> = exported.iter().map(|each| each.stored.core.epoch).collect();
        let sequence = |stored: Option<&Exported>| stored.map_or(0, |each| each.stored.core.sequence);
        let (first, last) = (sequence(exported.first()), sequence(exported.last()));
        self.entries.iter().filter(move |entry| match &entry.body {
            Body::Config(config) => epochs.contains(&config.epoch),
            Body::Gap(gap) => gap.to_us > from_us && gap.from_us < to_us,
            Body::Removed(removed) => removed.last_sequence >= first && removed.first_sequence <= last,
            _ => false,
        })
    }

    /// The leaves under a seal, as far as indexes still have them.
    fn leaves_of(&mut self, archive: &Archive, wanted: &Wanted, at: usize) -> Vec<Hash> {
        let mut leaves = self.seals[at].leaves.clone();
        let seal = &self.seals[at].seal;
        if seal.fragments == 0 {
            return leaves;
        }
        let sealed = seal.first_sequence..=seal.last_sequence;
        let places = self.parts_under(archive, wanted, seal.hour, &sealed);
        self.read.retain(|index, _| places.iter().any(|place| place.index == *index));
        places.iter().for_each(|place| self.read_part(archive, place));
        let all = self.read.values().flatten().filter(|(sequence, _)| sealed.contains(sequence));
        let in_order: BTreeMap<u64, Hash> = all.copied().collect();
        leaves.extend(in_order.into_values());
        leaves
    }

    /// Parts that may hold fragments of a seal.
    fn parts_under(
        &self,
        archive: &Archive,
        wanted: &Wanted,
        hour: u32,
        sealed: &RangeInclusive<u64>,
    ) -> Vec<PartPlace> {
        let mut places = Vec::new();
        // A part of the hour before may reach into this one.
        for hour in [hour.saturating_sub(1), hour] {
            let of_day = archive.parts_of(&wanted.camera, Day::of_hour(hour), self.stream);
            places.extend(of_day.into_iter().filter(|place| place.id.hour == hour));
        }
        let touches = |piece: &&Piece| match piece.fragments() {
            [first, .., last] => first.sequence <= *sealed.end() && last.sequence >= *sealed.start(),
            [only] => sealed.contains(&only.sequence),
            [] => false,
        };
        places.extend(wanted.pieces.iter().filter(touches).map(|piece| piece.part.place.clone()));
        places
    }

    fn read_part(&mut self, archive: &Archive, place: &PartPlace) {
        // One that is written grows: what was sealed of it was there before.
        if self.read.contains_key(&place.index) {
            return;
        }
        let leaf = |stored: &Stored| (stored.core.sequence, merkle::leaf(&stored.leaf()));
        match archive.records(place) {
            Ok(records) => {
                self.read.insert(place.index.clone(), records.iter().map(leaf).collect());
            }
            Err(error) => tracing::warn!(code = error.code, detail = error.message, "a part proves nothing"),
        }
    }

    /// What is not there of a period: the GAP records, and what no record
    /// explains. `spans` are what is there, in the order of time; `unread` are
    /// beginnings of what the disk did not give.
    pub fn gaps(&self, spans: &[(i64, i64)], unread: &[i64], (from_us, to_us): (i64, i64)) -> Vec<Gap> {
        let in_period = |gap: &&Gap| gap.to_us > from_us && gap.from_us < to_us;
        let told = self.entries.iter().filter_map(|entry| match &entry.body {
            Body::Gap(gap) => Some(gap),
            _ => None,
        });
        let mut gaps: Vec<Gap> = told.filter(in_period).cloned().collect();
        let mut at = from_us;
        let ends = spans.iter().copied().chain([(to_us, to_us)]);
        for (begins, ends) in ends {
            let explained = gaps.iter().any(|gap| gap.to_us > at && gap.from_us < begins);
            if begins - at >= GAP_FROM_US && !explained {
                gaps.push(self.not_told(at, begins, unread));
            }
            at = at.max(ends);
        }
        gaps.sort_by_key(|gap| gap.from_us);
        gaps
    }

    fn not_told(&self, from_us: i64, to_us: i64, unread: &[i64]) -> Gap {
        let removed = self.entries.iter().find_map(|entry| match &entry.body {
            Body::Removed(removed) if removed.to_us > from_us && removed.from_us < to_us => Some(removed.reason),
            _ => None,
        });
        let disk = unread.iter().any(|begins| (from_us..to_us).contains(begins));
        let (reason, values) = match (removed, disk) {
            (Some(reason), _) => (reason, ""),
            (None, true) => (Reason::DiskFailed.code(), ""),
            (None, false) => (Reason::NoVideo.code(), r#"{"unexplained":true}"#),
        };
        Gap { from_us, to_us, before_sequence: 0, frames: 0, reason, values: values.to_owned() }
    }
}

/// The spans of fragments, those that follow each other made one.
pub fn spans(exported: &[Exported]) -> Vec<(i64, i64)> {
    joined(exported.iter().map(|each| (each.stored.core.utc_us, each.stored.core.end_us())).collect())
}

/// Times, those that follow each other made one.
pub fn joined(mut all: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    all.sort_unstable();
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for (from_us, to_us) in all {
        match spans.last_mut() {
            Some(last) if from_us - last.1 < GAP_FROM_US => last.1 = last.1.max(to_us),
            _ => spans.push((from_us, to_us)),
        }
    }
    spans
}
