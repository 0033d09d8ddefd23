//! A stream as a stop or a crash left it: what is whole is found, torn tails
//! are cut, what lay unsealed is sealed, and the time that is missing becomes
//! a GAP. Only the ends of files are read, but for the indexes of the hour
//! that was open.

use std::io::{self, IoSlice};
use std::sync::Arc;

use vms_format::crypt::{DataKey, PartKey};
use vms_format::ledger::{Config, Gap, Reason};
use vms_format::mp4::walk;
use vms_format::part::StreamState;
use vms_format::record::{Header, REBUILT, Scan, kind, scan};
use vms_format::recover::{HashFrom, Recovered, Whole, free_head, recover_from};
use vms_format::seal::{AFTER_CRASH, INTERIM, Seal, Unsealed};
use vms_format::time::hour_of;
use vms_format::{Body, Entry, PartId, Source, SourceError, Stored};
use vms_hub::{StreamKey, StreamName};

use crate::io::DiskFile;

use super::find::{PartFiles, find_part};
use super::ledger::Ledger;
use super::part::WriteError;
use super::stream::{Context, GAP_FROM_US, Resumed, StreamLog};

/// Fragments at the end of a part whose samples are hashed again: more than
/// any disk keeps back without being asked.
const PROVED_AT_END: usize = 64;

/// The number of a stream in the format.
#[must_use]
pub fn number_of(stream: StreamName) -> u8 {
    match stream {
        StreamName::Main => vms_format::names::MAIN,
        StreamName::Sub => vms_format::names::SUB,
    }
}

/// A file of a disk as the format reads it.
pub struct FileSource {
    file: Arc<dyn DiskFile>,
    len: u64,
}

impl FileSource {
    pub fn new(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        let len = file.size()?;
        Ok(Self { file, len })
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        match self.file.read_at(offset, buffer) {
            Ok(read) if read == buffer.len() => Ok(()),
            Ok(_) => Err(SourceError("the file ends early".to_owned())),
            Err(error) => Err(SourceError(error.to_string())),
        }
    }
}

/// What the end of a ledger says of one stream.
struct Before {
    seal: Option<Seal>,
    /// The part that was open when that seal was written, and all since.
    configs: Vec<Config>,
    since: Vec<Entry>,
    reserved: u64,
    gap_end_us: Option<i64>,
}

impl Before {
    fn read(ledger: &Ledger, stream: u8) -> io::Result<Self> {
        let enough = |entries: &[Entry]| {
            let sealed = last_seal(entries, stream);
            let config = sealed.is_some_and(|at| entries[..at].iter().any(|entry| is_config(entry, stream)));
            config && entries.iter().any(|entry| entry.stream == stream && matches!(entry.body, Body::Reserve { .. }))
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
        Ok(Self {
            seal,
            configs: configs.collect(),
            since: entries[since..].iter().filter(of_stream).cloned().collect(),
            reserved: reserved.unwrap_or(0),
            gap_end_us: gap_end_us.next_back(),
        })
    }

    /// Whether a GAP says already that what lies before `sequence` is missing.
    fn names(&self, sequence: u64) -> bool {
        self.since.iter().any(|entry| matches!(&entry.body, Body::Gap(gap) if gap.before_sequence == sequence))
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
    let sealed = before.seal.as_ref().map_or(0, |seal| seal.last_sequence);
    let first_chain = vms_format::fragment::first_chain(camera, number);
    let chain = before.seal.as_ref().map_or(first_chain, |seal| seal.chain);
    let mut unsealed = Unsealed::after(ledger.owner(), number, before.seal.as_ref(), chain);
    before.since.iter().for_each(|entry| unsealed.add_entry(entry));
    let mut state = StreamState { next_sequence: before.reserved + 1, chain, key_sequence: 0 };
    let (mut end_us, mut hour, mut last_sequence) = (None, None, sealed);
    let mut holes = Vec::new();
    let last = before.configs.len().saturating_sub(1);
    for (at, config) in before.configs.iter().enumerate() {
        let id = PartId { hour: config.hour, part: config.part, stream: number };
        let Some(files) = find_part(&context.volumes, camera, id) else { continue };
        for stored in open_part(context, ledger, id, &files, at == last)? {
            let previous_end = end_us.unwrap_or(stored.core.utc_us);
            end_us = end_us.max(Some(stored.core.end_us()));
            if stored.core.sequence <= last_sequence {
                continue;
            }
            if last_sequence > 0 && stored.core.sequence > last_sequence + 1 && !before.names(stored.core.sequence) {
                holes.push(Hole { from_us: previous_end, to_us: stored.core.utc_us, before: stored.core.sequence });
            }
            last_sequence = stored.core.sequence;
            hour = Some(hour_of(stored.core.utc_us));
            state.chain = stored.chain;
            state.key_sequence = stored.core.key_sequence;
            unsealed.add_fragment(&stored);
        }
    }
    state.next_sequence = state.next_sequence.max(last_sequence + 1);
    let now_us = (context.now_us)();
    let end_us = end_us.max(before.gap_end_us);
    let last_part = before.configs.last().map(|config| PartId { hour: config.hour, part: config.part, stream: number });
    let resumed = Resumed {
        state,
        epoch: before.configs.last().map_or(0, |config| config.epoch),
        unsealed,
        reserved: before.reserved,
        covered_us: end_us.unwrap_or(now_us),
        last_part,
    };
    let in_order = before.reserved == last_sequence && resumed.unsealed.is_empty();
    let mut log = StreamLog::new(key.clone(), number, ledger.clone(), resumed);
    for hole in holes {
        log.record(context, Body::Gap(hole.gap()))?;
    }
    if !log.unsealed.is_empty() {
        log.hour = hour.or(before.configs.last().map(|config| config.hour)).unwrap_or(log.hour);
        log.seal_as(context, AFTER_CRASH, 1)?;
    }
    log.hour = hour_of(now_us);
    explain(context, &mut log, in_order, end_us, now_us)?;
    Ok(log)
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
    Ok(())
}

/// The fragments of a part, after what is torn was taken out of it.
fn open_part(
    context: &Context,
    ledger: &Ledger,
    id: PartId,
    files: &PartFiles,
    last: bool,
) -> Result<Vec<Stored>, WriteError> {
    let disk = &*files.volume.disk;
    let video = FileSource::new(disk.open(&files.video)?)?;
    let index = read_index(ledger, id, files);
    let closed = index.as_ref().is_some_and(|index| index.closed);
    let known = index.as_ref().map(|index| index.fragments.clone()).unwrap_or_default();
    if closed && known.last().is_some_and(|stored| end_of(stored) == video.len()) {
        return Ok(known);
    }
    // What lies before the last few fragments was durable long ago.
    let proved = known.len().saturating_sub(PROVED_AT_END);
    let (settled, doubtful) = known.split_at(proved);
    let from = settled.last().map(end_of);
    let key = part_key(context, ledger, &video, files.encrypted);
    let found = match recover_from(&video, key.as_ref(), HashFrom::START, from) {
        Ok(found) => found,
        Err(error) => {
            tracing::error!(part = id.name(), camera = ledger.owner().camera, %error, "a part holds nothing that can be read");
            return Ok(Vec::new());
        }
    };
    let whole: Vec<Stored> = found
        .fragments
        .iter()
        .filter_map(|whole| match whole {
            Whole::Plain(stored) => Some(stored.clone()),
            Whole::Encrypted { sequence, .. } => {
                doubtful.iter().find(|known| known.core.sequence == *sequence).cloned()
            }
        })
        .collect();
    mend_video(files, &found, &video)?;
    if last && settled.is_empty() && whole.is_empty() {
        // It never became a part: no whole fragment of it reached the disk.
        disk.remove(&files.video)?;
        if index.is_some() {
            disk.remove(&files.index)?;
        }
        return Ok(Vec::new());
    }
    let all: Vec<Stored> = settled.iter().chain(&whole).cloned().collect();
    match index {
        Some(index) if whole != doubtful || index.torn => mend_index(files, &index, settled.len(), &whole)?,
        Some(_) => {}
        None => rebuild_index(files, &found, from.is_none())?,
    }
    Ok(all)
}

fn end_of(stored: &Stored) -> u64 {
    stored.place.offset + u64::from(stored.place.size)
}

/// The key of an encrypted part; without it only the boxes are looked at.
fn part_key(context: &Context, ledger: &Ledger, video: &FileSource, encrypted: bool) -> Option<PartKey> {
    if !encrypted {
        return None;
    }
    let init = walk::read_init(video).ok()?;
    let wrapped = DataKey::parse(init.data_key.as_ref()?).ok()?;
    let master = context.keys.master(&wrapped.name).ok()?;
    PartKey::unwrap(&ledger.owner().camera, wrapped, &master).ok()
}

/// An index that belongs to its part.
struct Index {
    fragments: Vec<Stored>,
    /// Where each of them begins.
    offsets: Vec<u64>,
    /// Where the last whole record ends.
    end: u64,
    closed: bool,
    torn: bool,
}

/// `None` where there is none that belongs here; what is there is told and
/// left alone.
fn read_index(ledger: &Ledger, id: PartId, files: &PartFiles) -> Option<Index> {
    let bytes = match files.volume.disk.read(&files.index) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(path = %files.index.display(), %error, "an index cannot be read; it is made again");
            return None;
        }
    };
    let Scan { magic, records, torn } = scan(&bytes).ok()?;
    let header = records.first().and_then(|(_, record)| Header::parse(record).ok());
    let ours = header.is_some_and(|header| header.owner == *ledger.owner() && header.part == Some(id));
    if !magic || !ours {
        tracing::error!(path = %files.index.display(), "a file that is not this part's index lies in its place");
        return None;
    }
    let end = records.last().map_or(0, |(at, record)| at + record.encode().len() as u64);
    let mut index = Index { fragments: Vec::new(), offsets: Vec::new(), end, closed: false, torn: !torn.is_empty() };
    for (at, record) in &records {
        match record.kind {
            kind::FRAGMENT => {
                if let Ok(stored) = Stored::parse(record) {
                    index.fragments.push(stored);
                    index.offsets.push(*at);
                }
            }
            kind::CLOSE => index.closed = true,
            _ => {}
        }
    }
    Some(index)
}

/// Cuts a torn tail off, and makes torn bytes before whole fragments `free`.
fn mend_video(files: &PartFiles, found: &Recovered, video: &FileSource) -> io::Result<()> {
    if found.torn.is_empty() {
        return Ok(());
    }
    let len = video.len();
    for torn in found.to_free(len) {
        if let Some(head) = free_head(torn) {
            video.file.write_at(torn.start, &[IoSlice::new(&head)])?;
        }
    }
    if let Some(at) = found.cut_at(len) {
        video.file.set_len(at)?;
    }
    tracing::warn!(path = %files.video.display(), torn = ?found.torn, "what a crash tore was taken out");
    video.file.sync()
}

/// The index's end is written again: each whole fragment of the video has its
/// record, and nothing else has one.
fn mend_index(files: &PartFiles, index: &Index, settled: usize, whole: &[Stored]) -> io::Result<()> {
    let file = files.volume.disk.open(&files.index)?;
    let at = index.offsets.get(settled).copied().unwrap_or(index.end);
    let bytes: Vec<u8> = whole.iter().flat_map(|stored| stored.record(0).encode()).collect();
    file.set_len(at)?;
    file.write_at(at, &[IoSlice::new(&bytes)])?;
    file.sync()
}

/// An index that was lost is made again, and says so. One that is another's
/// is left where it is.
fn rebuild_index(files: &PartFiles, found: &Recovered, whole_file: bool) -> io::Result<()> {
    let disk = &*files.volume.disk;
    if !whole_file || disk.open(&files.index).is_ok() {
        return Ok(());
    }
    let bytes = vms_format::recover::rebuilt_index(found).map_err(io::Error::other)?;
    debug_assert!(found.init.header.as_ref().is_none_or(|header| header.flags & REBUILT == 0));
    disk.replace(&files.index, &bytes)
}
