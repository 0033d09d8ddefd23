//! A stream as a stop or a crash left it: what is whole is found, torn tails
//! are cut, what lay unsealed is sealed, and the time that is missing becomes
//! a GAP. `found` looks after its parts.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use vms_format::ledger::{Config, Gap, Reason};
use vms_format::part::StreamState;
use vms_format::seal::{AFTER_CRASH, INTERIM, Seal, Unsealed};
use vms_format::time::hour_of;
use vms_format::{Body, Entry, PartId};
use vms_hub::{StreamKey, StreamName};

use super::find::{find_part, parts_from};
use super::found::{Found, NOT_DURABLE, remove_lone_index};
use super::ledger::Ledger;
use super::part::WriteError;
use super::stream::{Context, GAP_FROM_US, Resumed, StreamLog};

/// The number of a stream in the format.
#[must_use]
pub fn number_of(stream: StreamName) -> u8 {
    match stream {
        StreamName::Main => vms_format::names::MAIN,
        StreamName::Sub => vms_format::names::SUB,
    }
}

/// What the end of a ledger says of one stream.
struct Before {
    seal: Option<Seal>,
    /// The last fragment that any seal covers.
    sealed: u64,
    /// Fragments before which a GAP says that something is missing.
    explained: BTreeSet<u64>,
    /// The part that was open when that seal was written, and all since.
    configs: Vec<Config>,
    since: Vec<Entry>,
    reserved: u64,
    gap_end_us: Option<i64>,
    /// When the stream was first heard of, as far back as was read.
    first_us: Option<i64>,
}

impl Before {
    fn read(ledger: &Ledger, stream: u8) -> io::Result<Self> {
        let enough = |entries: &[Entry]| {
            let sealed = last_seal(entries, stream);
            let config = sealed.is_some_and(|at| entries[..at].iter().any(|entry| is_config(entry, stream)));
            config
                && last_fragment(entries, stream).is_some()
                && entries.iter().any(|entry| entry.stream == stream && matches!(entry.body, Body::Reserve { .. }))
        };
        let entries = ledger.tail(enough)?.entries;
        let at = last_seal(&entries, stream);
        let seal = at.and_then(|at| match &entries[at].body {
            Body::Seal(seal) => Some(seal.clone()),
            _ => None,
        });
        let since = at.map_or(0, |at| at + 1);
        let before = entries[..since].iter().rev().find(|entry| is_config(entry, stream));
        let of_stream = |entry: &&Entry| entry.stream == stream;
        let configs = before.into_iter().chain(entries[since..].iter().filter(of_stream));
        let configs = configs.filter_map(|entry| match &entry.body {
            Body::Config(config) => Some(config.clone()),
            _ => None,
        });
        let reserved = entries.iter().rev().filter(of_stream).find_map(|entry| match entry.body {
            Body::Reserve { up_to } => Some(up_to),
            _ => None,
        });
        let mut gap_end_us = entries.iter().filter(of_stream).filter_map(|entry| match &entry.body {
            Body::Gap(gap) => Some(gap.to_us),
            _ => None,
        });
        let explained = entries.iter().filter(of_stream).filter_map(|entry| match &entry.body {
            Body::Gap(gap) => Some(gap.before_sequence),
            _ => None,
        });
        Ok(Self {
            seal,
            sealed: last_fragment(&entries, stream).unwrap_or(0),
            explained: explained.collect(),
            configs: configs.collect(),
            since: entries[since..].iter().filter(of_stream).cloned().collect(),
            reserved: reserved.unwrap_or(0),
            gap_end_us: gap_end_us.next_back(),
            first_us: entries.iter().find(of_stream).map(|entry| entry.utc_us),
        })
    }

    /// The parts in which unsealed fragments can lie, oldest first.
    fn parts(&self, stream: u8) -> impl Iterator<Item = PartId> {
        self.configs.iter().map(move |config| PartId { hour: config.hour, part: config.part, stream })
    }

    /// The stream as its last seal left it.
    fn resumed(&self, ledger: &Ledger, number: u8, covered_us: i64) -> Resumed {
        let first = vms_format::fragment::first_chain(&ledger.owner().camera, number);
        let chain = self.seal.as_ref().map_or(first, |seal| seal.chain);
        let mut unsealed = Unsealed::after(ledger.owner(), number, self.seal.as_ref(), chain);
        self.since.iter().for_each(|entry| unsealed.add_entry(entry));
        Resumed {
            state: StreamState { next_sequence: self.reserved + 1, chain, key_sequence: 0 },
            epoch: self.configs.last().map_or(0, |config| config.epoch),
            unsealed,
            reserved: self.reserved,
            covered_us,
            last_part: self.parts(number).last(),
        }
    }

    /// Whether a GAP says already that what lies before `sequence` is missing.
    fn names(&self, sequence: u64) -> bool {
        self.explained.contains(&sequence)
    }
}

/// Fragments that the disk lost between others which it kept.
struct Hole {
    from_us: i64,
    to_us: i64,
    before: u64,
}

impl Hole {
    fn gap(&self) -> Gap {
        Gap {
            from_us: self.from_us.min(self.to_us),
            to_us: self.to_us,
            before_sequence: self.before,
            frames: 0,
            reason: Reason::PowerOrCrash.code(),
            values: String::new(),
        }
    }
}

fn is_config(entry: &Entry, stream: u8) -> bool {
    entry.stream == stream && matches!(entry.body, Body::Config(_))
}

/// The last fragment that a seal covers; empty hours have none.
fn last_fragment(entries: &[Entry], stream: u8) -> Option<u64> {
    entries.iter().rev().filter(|entry| entry.stream == stream).find_map(|entry| match &entry.body {
        Body::Seal(seal) if seal.kind != INTERIM && seal.fragments > 0 => Some(seal.last_sequence),
        _ => None,
    })
}

fn last_seal(entries: &[Entry], stream: u8) -> Option<usize> {
    entries
        .iter()
        .rposition(|entry| entry.stream == stream && matches!(&entry.body, Body::Seal(seal) if seal.kind != INTERIM))
}

/// Opens a stream's log, as a start does.
pub fn open_stream(context: &Context, ledger: &Arc<Ledger>, key: &StreamKey) -> Result<StreamLog, WriteError> {
    let number = number_of(key.stream);
    let camera = &ledger.owner().camera;
    let before = Before::read(ledger, number)?;
    let sealed = before.sealed;
    let mut parts = Vec::new();
    for id in before.parts(number) {
        if let Some(files) = find_part(&context.volumes, camera, id) {
            parts.extend(Found::look(context, ledger, id, files)?);
        }
    }
    let kept = keep(&before, sealed, &mut parts);
    for part in &parts {
        part.mend()?;
    }
    let now_us = (context.now_us)();
    let last = parts.iter().rev().find_map(|part| part.fragments.last());
    let end_us = last.map(|stored| stored.core.end_us()).max(before.gap_end_us).or(before.first_us);
    let mut log =
        StreamLog::new(key.clone(), number, ledger.clone(), before.resumed(ledger, number, end_us.unwrap_or(now_us)));
    for hole in &kept.holes {
        log.record(context, Body::Gap(hole.gap()))?;
    }
    log.hour = before.configs.last().map_or(log.hour, |config| config.hour);
    let fresh = parts.iter().flat_map(|part| &part.fragments).filter(|stored| stored.core.sequence > sealed);
    let mut last_sequence = sealed;
    for stored in fresh {
        let hour = hour_of(stored.core.utc_us);
        if hour != log.hour && log.unsealed.fragments() > 0 {
            log.seal_as(context, AFTER_CRASH, 1)?;
        }
        log.hour = hour;
        log.unsealed.add_fragment(stored);
        log.state.chain = stored.chain;
        log.state.key_sequence = stored.core.key_sequence;
        last_sequence = stored.core.sequence;
    }
    log.state.next_sequence = log.state.next_sequence.max(last_sequence + 1);
    remove_unannounced(context, ledger, &before, number, last_sequence);
    let in_order = before.reserved == last_sequence && log.unsealed.is_empty();
    if !log.unsealed.is_empty() {
        log.seal_as(context, AFTER_CRASH, 1)?;
    }
    log.hour = hour_of(now_us);
    explain(context, &mut log, in_order, end_us, now_us)?;
    // A stream that never was is heard of from now on.
    log.reserve_ahead(context)?;
    Ok(log)
}

/// After a start the wait for the first key frame is told however short it
/// was. Where that GAP did not reach the disk but the part did, it is told
/// again: from the length of a frame on, for parts of one run follow closely.
const BEFORE_PART_US: i64 = 40_000;

/// What of the unsealed fragments stays.
struct Kept {
    holes: Vec<Hole>,
}

/// A power cut may tear one fragment and keep the next, which hangs on it in
/// the chain. All from the torn one on was not durable yet, so it goes; what
/// lies further back than anything that waits for a commit is damage of
/// another kind, and stays as it is.
fn keep(before: &Before, sealed: u64, parts: &mut [Found]) -> Kept {
    let mut kept = Kept { holes: Vec::new() };
    let mut previous: Option<(u64, i64)> = None;
    let total: usize = parts.iter().map(|part| part.fragments.len()).sum();
    let mut seen = 0;
    let mut cut = false;
    for part in parts.iter_mut() {
        let mut stays = 0;
        for stored in &part.fragments {
            let core = &stored.core;
            let last = previous.map_or(sealed, |(sequence, _)| sequence);
            let hole = core.sequence > last + 1 && core.sequence > sealed && !before.names(core.sequence);
            cut |= hole && (previous.is_some() || sealed > 0) && total - seen <= NOT_DURABLE;
            if cut {
                break;
            }
            if let Some((_, end_us)) = previous
                && core.sequence > sealed
                && core.utc_us > end_us + if stays == 0 { BEFORE_PART_US } else { GAP_FROM_US }
                && !before.names(core.sequence)
            {
                kept.holes.push(Hole { from_us: end_us, to_us: core.utc_us, before: core.sequence });
            }
            previous = Some((core.sequence, core.end_us()));
            seen += 1;
            stays += 1;
        }
        part.cut |= stays < part.fragments.len();
        part.fragments.truncate(stays);
    }
    kept
}

/// A part whose CONFIG did not reach the disk was not durable either.
fn remove_unannounced(context: &Context, ledger: &Ledger, before: &Before, number: u8, last_sequence: u64) {
    let camera = &ledger.owner().camera;
    let Some(last) = before.configs.last() else { return };
    let last = PartId { hour: last.hour, part: last.part, stream: number };
    let known: Vec<PartId> = before.parts(number).collect();
    for volume in context.volumes.iter().filter(|volume| volume.is_there()) {
        for id in parts_from(volume, camera, last) {
            let Some(files) = find_part(&context.volumes, camera, id) else {
                remove_lone_index(ledger, volume, id, before.sealed);
                continue;
            };
            if known.contains(&id) {
                continue;
            }
            match Found::look(context, ledger, id, files) {
                // Parts of earlier hours and runs have lower numbers.
                Ok(Some(found))
                    if found.fragments.first().is_some_and(|stored| stored.core.sequence <= last_sequence) => {}
                Ok(Some(found)) if found.fragments.len() <= NOT_DURABLE => found.remove(),
                Ok(_) => {
                    tracing::error!(part = id.name(), camera, "a part that the ledger does not know is left alone")
                }
                Err(error) => tracing::error!(part = id.name(), camera, %error, "a part cannot be read"),
            }
        }
    }
}

/// The time since the stream was recorded last, and the numbers that a crash
/// left unused.
fn explain(context: &Context, log: &mut StreamLog, in_order: bool, end_us: Option<i64>, now_us: i64) -> io::Result<()> {
    let Some(end_us) = end_us else {
        log.covered_us = now_us;
        return Ok(());
    };
    let reason = if in_order { Reason::Maintenance } else { Reason::PowerOrCrash };
    if !in_order || now_us - end_us > GAP_FROM_US {
        let gap = Gap {
            from_us: end_us,
            to_us: now_us.max(end_us),
            before_sequence: log.state.next_sequence,
            frames: 0,
            reason: reason.code(),
            values: String::new(),
        };
        log.record(context, Body::Gap(gap))?;
    }
    log.covered_us = now_us.max(end_us);
    log.started = Some(reason);
    Ok(())
}
