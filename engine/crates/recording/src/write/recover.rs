//! A stream as a stop or a crash left it: what is whole is found, torn tails
//! are cut, what lay unsealed is sealed, and the time that is missing becomes
//! a GAP. Only the ends of files are read, but for the indexes of the hour
//! that was open.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vms_format::crypt::{DataKey, PartKey};
use vms_format::ledger::{Config, Gap, Reason};
use vms_format::mp4::walk;
use vms_format::names::FileKind;
use vms_format::part::StreamState;
use vms_format::record::{Close, Header, Scan, kind, scan};
use vms_format::recover::{HashFrom, Recovered, Whole, free_head, recover_from};
use vms_format::seal::{AFTER_CRASH, INTERIM, Seal, Unsealed};
use vms_format::time::hour_of;
use vms_format::{Body, Entry, FormatError, PartId, Source, SourceError, Stored};
use vms_hub::{StreamKey, StreamName};

use crate::io::{Disk, DiskFile};

use super::find::{PartFiles, find_part, parts_from};
use super::ledger::Ledger;
use super::part::{WriteError, sums};
use super::stream::{Context, GAP_FROM_US, Resumed, StreamLog};
use super::volume::Volume;

/// Fragments at the end of a part whose samples are hashed again: more than
/// any disk keeps back without being asked.
const PROVED_AT_END: usize = 64;
/// Fragments that may wait for a commit: seven seconds.
const NOT_DURABLE: usize = 16;
/// Up to this size an index without a whole HEADER may be younger than any commit.
const LONGEST_HEAD: u64 = 16 << 10;

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

/// A part as a crash left it.
struct Found {
    id: PartId,
    files: PartFiles,
    video: FileSource,
    index: Option<Index>,
    /// All of them that are whole and stay.
    fragments: Vec<Stored>,
    /// How many of those the index has and nobody doubts.
    settled: usize,
    /// What the end of the video holds; absent for a part that was closed.
    recovered: Option<Recovered>,
    /// Fragments at the end go.
    cut: bool,
}

impl Found {
    /// `None` where the video cannot be read at all.
    fn look(context: &Context, ledger: &Ledger, id: PartId, files: PartFiles) -> Result<Option<Self>, WriteError> {
        let video = FileSource::new(files.volume.disk.open(&files.video)?)?;
        let index = read_index(ledger, id, &files);
        let known = index.as_ref().map(|index| index.fragments.clone()).unwrap_or_default();
        let whole_file = known.last().is_some_and(|stored| end_of(stored) == video.len());
        if whole_file && index.as_ref().is_some_and(|index| index.closed.is_some() && !index.torn) {
            let settled = known.len();
            return Ok(Some(Self { id, files, video, index, fragments: known, settled, recovered: None, cut: false }));
        }
        // What lies before the last few fragments was durable long ago.
        let settled = known.len().saturating_sub(PROVED_AT_END);
        let from = known[..settled].last().map(end_of);
        let key = part_key(context, ledger, &video, files.encrypted);
        let recovered = match recover_from(&video, key.as_ref(), HashFrom::START, from) {
            Ok(recovered) => recovered,
            Err(FormatError::Source(error)) => return Err(io::Error::other(error).into()),
            Err(error) if known.len() > NOT_DURABLE => {
                tracing::error!(part = id.name(), camera = ledger.owner().camera, %error, "the head of a part is damaged");
                let settled = known.len();
                return Ok(Some(Self {
                    id,
                    files,
                    video,
                    index,
                    fragments: known,
                    settled,
                    recovered: None,
                    cut: false,
                }));
            }
            Err(error) => {
                tracing::warn!(part = id.name(), camera = ledger.owner().camera, %error, "a part did not become one");
                let found =
                    Self { id, files, video, index, fragments: Vec::new(), settled: 0, recovered: None, cut: true };
                return Ok(Some(found));
            }
        };
        let whole = recovered.fragments.iter().filter_map(|whole| match whole {
            Whole::Plain(stored) => Some(stored.clone()),
            Whole::Encrypted { sequence, .. } => {
                known[settled..].iter().find(|known| known.core.sequence == *sequence).cloned()
            }
        });
        let fragments = known[..settled].iter().cloned().chain(whole).collect();
        Ok(Some(Self { id, files, video, index, fragments, settled, recovered: Some(recovered), cut: false }))
    }

    /// Takes out what is torn or goes, and brings the index to the same state.
    fn mend(&self) -> io::Result<()> {
        let Some(last) = self.fragments.last() else {
            self.remove();
            return Ok(());
        };
        if self.recovered.is_none() && !self.cut {
            return self.mend_sums();
        }
        remove(&*self.files.volume.disk, &self.sums());
        let len = self.video.len();
        let end = end_of(last);
        let torn = self.recovered.as_ref().map(|found| found.torn.as_slice()).unwrap_or_default();
        for torn in torn.iter().filter(|torn| torn.end <= end) {
            if let Some(head) = free_head(torn) {
                self.video.file.write_at(torn.start, &[IoSlice::new(&head)])?;
            }
        }
        if len > end {
            tracing::warn!(part = self.id.name(), bytes = len - end, "what a crash tore was cut off");
            self.video.file.set_len(end)?;
        }
        if len > end || !torn.is_empty() {
            self.video.file.sync()?;
        }
        let whole = &self.fragments[self.settled.min(self.fragments.len())..];
        match &self.index {
            Some(index) if index.torn || index.fragments != self.fragments => {
                mend_index(&self.files, index, self.settled, whole)
            }
            Some(_) => Ok(()),
            None => match &self.recovered {
                Some(found) => rebuild_index(&self.files, found, self.fragments.len()),
                None => Ok(()),
            },
        }
    }

    /// It holds nothing: no whole fragment of it stays.
    fn remove(&self) {
        tracing::warn!(part = self.id.name(), "a part without a durable fragment goes");
        let disk = &*self.files.volume.disk;
        remove(disk, &self.files.video);
        remove(disk, &self.sums());
        if self.index.is_some() || never_began(disk, &self.files.index) {
            remove(disk, &self.files.index);
        }
    }

    fn sums(&self) -> PathBuf {
        self.files.video.with_extension("sha256")
    }

    /// The checksums of a part that was closed may have been torn alone.
    fn mend_sums(&self) -> io::Result<()> {
        let Some(closed) = self.index.as_ref().and_then(|index| index.closed) else { return Ok(()) };
        let disk = &*self.files.volume.disk;
        let index_sum = vms_format::sha256(&[&disk.read(&self.files.index)?]);
        let wanted = sums(&self.files.video, closed.sha256, &self.files.index, index_sum);
        match disk.read(&self.sums()) {
            Ok(there) if there == wanted.as_bytes() => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => disk.replace(&self.sums(), wanted.as_bytes()),
        }
    }
}

/// The name of a video may be lost in a power cut and that of its index kept.
fn remove_lone_index(ledger: &Ledger, volume: &Arc<Volume>, id: PartId, sealed: u64) {
    let folder = volume.camera(&ledger.owner().camera);
    let path = |kind| folder.join(id.path(kind));
    let (video, index) = (path(FileKind::Video), path(FileKind::Index));
    let files = PartFiles { volume: volume.clone(), video, index, encrypted: false };
    // Not even its HEADER is whole, or all of it is younger than any seal.
    let young = || {
        read_index(ledger, id, &files).is_some_and(|index| {
            index.fragments.len() <= NOT_DURABLE && index.fragments.iter().all(|stored| stored.core.sequence > sealed)
        })
    };
    if volume.disk.open(&files.index).is_err() || never_began(&*volume.disk, &files.index) || young() {
        remove(&*volume.disk, &files.index);
        remove(&*volume.disk, &path(FileKind::Checksum));
    }
}

/// A power cut tore an index before its HEADER was durable: it is nobody's.
fn never_began(disk: &dyn Disk, path: &Path) -> bool {
    let is_short = disk.open(path).and_then(|file| file.size()).is_ok_and(|size| size < LONGEST_HEAD);
    let has_header = |bytes: Vec<u8>| {
        let records = scan(&bytes).map(|scan| scan.records).unwrap_or_default();
        records.iter().any(|(_, record)| Header::parse(record).is_ok())
    };
    is_short && disk.read(path).is_ok_and(|bytes| !has_header(bytes))
}

/// Removes what holds nothing; it may be gone already.
fn remove(disk: &dyn Disk, path: &Path) {
    if let Err(error) = disk.remove(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::error!(path = %path.display(), %error, "a file that holds nothing stays");
    }
    // It must not come back with the next power cut.
    if let Some(Err(error)) = path.parent().map(|folder| disk.sync_folder(folder)) {
        tracing::warn!(path = %path.display(), %error, "a folder is not durable");
    }
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
    closed: Option<Close>,
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
    if !ours && never_began(&*files.volume.disk, &files.index) {
        tracing::warn!(path = %files.index.display(), "a power cut tore the head of an index");
        return None;
    }
    if !magic || !ours {
        tracing::error!(path = %files.index.display(), "a file that is not this part's index lies in its place");
        return None;
    }
    let end = records.last().map_or(0, |(at, record)| at + record.encode().len() as u64);
    let mut index = Index { fragments: Vec::new(), offsets: Vec::new(), end, closed: None, torn: !torn.is_empty() };
    for (at, record) in &records {
        match record.kind {
            kind::FRAGMENT => {
                if let Ok(stored) = Stored::parse(record) {
                    index.fragments.push(stored);
                    index.offsets.push(*at);
                }
            }
            kind::CLOSE => index.closed = Close::parse(record).ok(),
            _ => {}
        }
    }
    Some(index)
}

/// The index's end is written again: each whole fragment of the video has its
/// record, and nothing else has one.
fn mend_index(files: &PartFiles, index: &Index, settled: usize, whole: &[Stored]) -> io::Result<()> {
    let file = files.volume.disk.open(&files.index)?;
    // A CLOSE at the end goes too: the part was not ended in order.
    let at = index.offsets.get(settled).copied().unwrap_or(index.end);
    let bytes: Vec<u8> = whole.iter().flat_map(|stored| stored.record(0).encode()).collect();
    file.set_len(at)?;
    file.write_at(at, &[IoSlice::new(&bytes)])?;
    file.sync()
}

/// An index that was lost, or torn before it began, is made again, and says
/// so. One that is another's is left where it is.
fn rebuild_index(files: &PartFiles, found: &Recovered, stay: usize) -> io::Result<()> {
    let disk = &*files.volume.disk;
    if disk.open(&files.index).is_ok() && !never_began(disk, &files.index) {
        return Ok(());
    }
    let mut found = found.clone();
    found.fragments.truncate(stay);
    let bytes = vms_format::recover::rebuilt_index(&found).map_err(io::Error::other)?;
    disk.replace(&files.index, &bytes)
}
