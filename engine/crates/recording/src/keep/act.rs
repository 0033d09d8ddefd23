//! Removing, thinning and copying one part. What is removed is proved first:
//! a signed record is durable before the first byte goes, and what a kill
//! leaves half done is finished at the next start.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vms_format::crypt::PartKey;
use vms_format::fragment::Group;
use vms_format::ledger::Reason;
use vms_format::names::FileKind;
use vms_format::part::PartWriter;
use vms_format::record::{Close, kind, scan};
use vms_format::recover::{HashFrom, Whole, recover};
use vms_format::seal::Removed;
use vms_format::verify::file_hash;
use vms_format::{FormatError, Hash, Source, Stored, merkle, thinned};

use crate::io::{Disk, DiskFile};
use crate::read::part::{FileSource, Frag, PartFile};
use crate::write::part::sums;
use crate::write::stream::Context;
use crate::write::volume::Volume;

use super::moves::Copied;
use super::plan::Level;
use super::stock::Files;
use super::triggers::Spans;

const MINUTE_US: i64 = 60_000_000;
/// Copied at once.
const PIECE: u64 = 1 << 20;
/// The files of a part, but for its video.
const BESIDE: [FileKind; 3] = [FileKind::Checksum, FileKind::Index, FileKind::Thumb];

/// Why a part stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Format(#[from] FormatError),
    /// It must stay after all.
    #[error("{0}")]
    Stays(&'static str),
    #[error("{0}")]
    CannotTell(String),
}

/// All fragments of a part, from its index, else from its video.
pub fn fragments(files: &Files) -> Result<Vec<Stored>, ActError> {
    let disk = &*files.volume.disk;
    if files.sizes.contains_key(&FileKind::Index) {
        let found = scan(&disk.read(&files.path(FileKind::Index))?).map_err(FormatError::from)?;
        let records = found.records.iter().filter(|(_, record)| record.kind == kind::FRAGMENT);
        let stored: Vec<Stored> = records.filter_map(|(_, record)| Stored::parse(record).ok()).collect();
        if !stored.is_empty() {
            return Ok(stored);
        }
    }
    let Some(video) = files.video() else {
        return Err(ActError::CannotTell("neither its index nor its video is there".to_owned()));
    };
    let source = FileSource::open(disk, &files.path(video))?;
    let found = recover(&source, None, HashFrom(u64::MAX))?;
    let plain = found.fragments.into_iter().map(|whole| match whole {
        Whole::Plain(stored) => Ok(stored),
        Whole::Encrypted { .. } => Err(FormatError::Sealed { what: "an encrypted part without its index" }),
    });
    let stored: Vec<Stored> = plain.collect::<Result<_, _>>()?;
    if stored.is_empty() { Err(ActError::CannotTell("it holds no fragment".to_owned())) } else { Ok(stored) }
}

/// A REMOVED, not signed yet.
pub fn removed(stored: &[&Stored], groups: u8, reason: Reason, bytes: u64, why: &str) -> Removed {
    let cores = || stored.iter().map(|stored| &stored.core);
    let leaves: Vec<Hash> = stored.iter().map(|stored| merkle::leaf(&stored.leaf())).collect();
    Removed {
        first_sequence: cores().map(|core| core.sequence).min().unwrap_or(0),
        last_sequence: cores().map(|core| core.sequence).max().unwrap_or(0),
        groups,
        reason: reason.code(),
        count: u32::try_from(stored.len()).unwrap_or(u32::MAX),
        bytes,
        from_us: cores().map(|core| core.utc_us).min().unwrap_or(0),
        to_us: cores().map(vms_format::Core::end_us).max().unwrap_or(0),
        by: "vms".to_owned(),
        why: why.to_owned(),
        root: merkle::root(&leaves),
        key_id: [0; 32],
        signature: [0; 64],
    }
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Takes a part's files away. The video goes last: as long as it is there the
/// part is found, and the removal is finished.
pub fn unlink(files: &Files) -> io::Result<()> {
    let disk = &*files.volume.disk;
    let beside = BESIDE.into_iter().filter(|kind| files.sizes.contains_key(kind));
    for kind in beside.chain(files.video()) {
        remove_if_there(disk, &files.path(kind))?;
    }
    files.volume.removed(files.bytes());
    disk.sync_folder(&files.day())?;
    // A day with anything left stays.
    let _ = disk.remove_folder(&files.day());
    Ok(())
}

/// A file that is written from its beginning, and hashed.
struct NewFile {
    file: Arc<dyn DiskFile>,
    size: u64,
    hash: Sha256,
}

impl NewFile {
    fn create(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        remove_if_there(disk, path)?;
        Ok(Self { file: disk.create(path)?, size: 0, hash: Sha256::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(self.size, &[IoSlice::new(bytes)])?;
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
        Ok(())
    }

    fn finish(self) -> io::Result<Hash> {
        self.file.sync()?;
        Ok(self.hash.finalize().into())
    }
}

/// What thinning a part leaves and takes: its new files lie beside the old.
pub struct Thinned {
    /// Records of what goes; none: nothing does.
    pub removed: Vec<Removed>,
    files: Files,
    kinds: Vec<FileKind>,
}

/// Which groups of a fragment go.
fn without(level: Level, stored: &Stored, spans: &Spans, still_us: &mut Option<i64>) -> u8 {
    let core = &stored.core;
    match level {
        Level::Whole => 0,
        Level::Events if spans.touch(core.utc_us, core.end_us()) => 0,
        Level::Events => 7,
        Level::Keys => 6,
        Level::Stills => {
            let minute = core.utc_us.div_euclid(MINUTE_US);
            if core.has_key() && *still_us != Some(minute) {
                *still_us = Some(minute);
                6
            } else {
                7
            }
        }
    }
}

/// A fragment of which something goes.
struct Loss {
    stored: Stored,
    groups: u8,
    bytes: u64,
}

/// Writes a part anew without what `level` takes, beside the old one.
pub fn thin(files: &Files, level: Level, spans: &Spans, context: &Context, why: &str) -> Result<Thinned, ActError> {
    let Some(kind) = files.video() else { return Err(ActError::Stays("its video is not there")) };
    let masters = crate::read::part::masters_in(context.keys.folder().to_owned());
    let disk = &*files.volume.disk;
    let old = PartFile::open(disk, &files.place(), &masters)?;
    let owner_city = city_of(files)?;
    let owner = vms_format::Owner::new(&owner_city, &files.camera);
    let key = new_key(&old, &files.camera, context)?;
    let mut writer = PartWriter::anew(&owner, files.id, &old.init_segment()?, old.video_track(), key);
    let mut video = NewFile::create(disk, &files.new_path(kind))?;
    let mut index = NewFile::create(disk, &files.new_path(FileKind::Index))?;
    video.write(&writer.init())?;
    index.write(&writer.index_head())?;
    let (mut losses, mut still_us) = (Vec::new(), None);
    for stored in fragments(files)? {
        let (_, samples) = old.fragment(&Frag::of(&stored))?;
        let groups = without(level, &stored, spans, &mut still_us);
        let left = thinned(&samples, old.video_track(), groups);
        let size = |samples: &[vms_format::Sample]| samples.iter().map(|s| s.data.len() as u64).sum::<u64>();
        if left.len() < samples.len() {
            losses.push(Loss { stored: stored.clone(), groups, bytes: size(&samples) - size(&left) });
        }
        let written = writer.again(stored.core, stored.chain, &left)?;
        written.slices().try_for_each(|slice| video.write(slice))?;
        index.write(&written.record)?;
    }
    let video_hash = video.finish()?;
    index.write(&writer.close(video_hash))?;
    let text = sums(&files.path(kind), video_hash, &files.path(FileKind::Index), index.finish()?);
    let mut checksum = NewFile::create(disk, &files.new_path(FileKind::Checksum))?;
    checksum.write(text.as_bytes())?;
    checksum.finish()?;
    disk.sync_folder(&files.day())?;
    let kinds = vec![FileKind::Index, FileKind::Checksum, kind];
    Ok(Thinned { removed: records(level, &losses, why), files: files.clone(), kinds })
}

fn city_of(files: &Files) -> Result<String, ActError> {
    let part = crate::read::part::Part::load(&*files.volume.disk, files.place())?;
    Ok(part.city)
}

/// A new data key under the same master key: a nonce must not serve twice.
fn new_key(old: &PartFile, camera: &str, context: &Context) -> Result<Option<PartKey>, ActError> {
    let Some(name) = old.master_name()? else { return Ok(None) };
    let master = context.keys.master(&name)?;
    Ok(Some(PartKey::wrap(camera, &name, &master, rand::random(), rand::random())?))
}

/// What no trigger touched is named run by run, so that nothing else between
/// counts as removed.
fn records(level: Level, losses: &[Loss], why: &str) -> Vec<Removed> {
    let make = |losses: &[&Loss], groups: u8| {
        let stored: Vec<&Stored> = losses.iter().map(|loss| &loss.stored).collect();
        let bytes = losses.iter().map(|loss| loss.bytes).sum();
        (!stored.is_empty()).then(|| removed(&stored, groups, Reason::Thinning, bytes, why))
    };
    let all: Vec<&Loss> = losses.iter().collect();
    if level == Level::Events {
        let run = |a: &&Loss, b: &&Loss| a.stored.core.sequence + 1 == b.stored.core.sequence;
        return all.chunk_by(run).filter_map(|run| make(run, 7)).collect();
    }
    let keys: Vec<&Loss> = losses.iter().filter(|loss| loss.groups & Group::Key.bit() != 0).collect();
    let keys = if level == Level::Stills { make(&keys, Group::Key.bit()) } else { None };
    make(&all, Group::Video.bit() | Group::Audio.bit()).into_iter().chain(keys).collect()
}

impl Thinned {
    /// Puts the new files in the old ones' places, the video last: until then
    /// a start knows that it has to go on.
    pub fn replace(self) -> io::Result<u64> {
        finish_replacing(&self.files, &self.kinds)?;
        let size = |kind: &FileKind| self.files.volume.disk.open(&self.files.path(*kind))?.size();
        let new: u64 = self.kinds.iter().map(size).sum::<io::Result<u64>>()?;
        let old: u64 = self.kinds.iter().filter_map(|kind| self.files.sizes.get(kind)).sum();
        let freed = old.saturating_sub(new);
        self.files.volume.removed(freed);
        Ok(freed)
    }

    pub fn discard(&self) -> io::Result<()> {
        discard(&self.files, &self.kinds)
    }
}

fn finish_replacing(files: &Files, kinds: &[FileKind]) -> io::Result<()> {
    let disk = &*files.volume.disk;
    for kind in kinds {
        disk.rename(&files.new_path(*kind), &files.path(*kind))?;
    }
    disk.sync_folder(&files.day())
}

fn discard(files: &Files, kinds: &[FileKind]) -> io::Result<()> {
    kinds.iter().try_for_each(|kind| remove_if_there(&*files.volume.disk, &files.new_path(*kind)))
}

/// Goes on where a kill ended a replacement. The index is the first to take
/// its place: where it speaks of the new video the rest follows, else nothing
/// has been replaced yet.
pub fn go_on(files: &Files) -> Result<(), ActError> {
    let Some(video) = files.unfinished.iter().copied().find(|kind| is_video(*kind)) else {
        return Ok(discard(files, &files.unfinished)?);
    };
    let begun = closes(files, &files.new_path(video)).unwrap_or(false);
    tracing::warn!(camera = files.camera, part = files.id.name(), begun, "a part was being written anew");
    if begun {
        let mut kinds = files.unfinished.clone();
        kinds.sort_by_key(|kind| is_video(*kind));
        Ok(finish_replacing(files, &kinds)?)
    } else {
        Ok(discard(files, &files.unfinished)?)
    }
}

/// True where the index in place ends with the CLOSE of that video.
fn closes(files: &Files, video: &Path) -> Result<bool, ActError> {
    let disk = &*files.volume.disk;
    let found = scan(&disk.read(&files.path(FileKind::Index))?).map_err(FormatError::from)?;
    let close = found.records.iter().rfind(|(_, record)| record.kind == kind::CLOSE);
    let Some((_, record)) = close else { return Ok(false) };
    let (close, source) = (Close::parse(record)?, FileSource::open(disk, video)?);
    Ok(close.size == source.len() && close.sha256 == file_hash(&source).map_err(FormatError::from)?)
}

/// Removes what a move left twice, once it is proved to be the same.
pub fn remove_double(files: &Files, other: &Files) -> Result<bool, ActError> {
    let (Some(own), Some(theirs)) = (files.video(), other.video()) else {
        // Without its video it is only the beginning of a copy.
        unlink(files)?;
        return Ok(true);
    };
    let same = own == theirs && hash_of(files, own)? == hash_of(other, theirs)?;
    if same {
        unlink(files)?;
    }
    Ok(same)
}

fn is_video(kind: FileKind) -> bool {
    matches!(kind, FileKind::Video | FileKind::Sealed)
}

/// Copies a part to another volume and proves the copy, unless `stopping`.
/// What lies there already and is the same is not copied again.
pub fn copy_to(files: &Files, volume: &Arc<Volume>, stopping: &dyn Fn() -> bool) -> Result<Copied, ActError> {
    let there = Files { volume: volume.clone(), ..files.clone() };
    let Some(video) = files.video() else { return Err(ActError::Stays("its video is not there")) };
    volume.disk.create_folders(&there.day())?;
    let mut copied = Copied::new();
    // The video makes the part visible there: it comes last.
    for kind in BESIDE.into_iter().filter(|kind| files.sizes.contains_key(kind)).chain([video]) {
        if volume.disk.open(&there.path(kind)).is_ok() {
            let hash = hash_of(files, kind)?;
            if hash == hash_of(&there, kind)? {
                copied.push((kind, hash));
                continue;
            }
            if is_video(kind) {
                let what = format!("another part of its name lies on {}", volume.name);
                return Err(ActError::CannotTell(what));
            }
            remove_if_there(&*volume.disk, &there.path(kind))?;
        }
        copied.push((kind, copy(files, &there, kind, stopping)?));
    }
    volume.disk.sync_folder(&there.day())?;
    volume.disk.sync_folder(&volume.camera(&files.camera))?;
    volume.figures.recorded.fetch_add(files.bytes(), std::sync::atomic::Ordering::Relaxed);
    Ok(copied)
}

/// Copies a file and reads the copy back.
fn copy(from: &Files, to: &Files, kind: FileKind, stopping: &dyn Fn() -> bool) -> Result<Hash, ActError> {
    let disk = &*to.volume.disk;
    let made = if disk.puts_whole() { to.path(kind) } else { to.new_path(kind) };
    let source = from.volume.disk.open(&from.path(kind))?;
    let mut new = NewFile::create(disk, &made)?;
    let mut buffer = vec![0; PIECE as usize];
    loop {
        if stopping() {
            return Err(ActError::Stays("the process ends"));
        }
        let read = source.read_at(new.size, &mut buffer)?;
        if read == 0 {
            break;
        }
        new.write(&buffer[..read])?;
    }
    let hash = new.finish()?;
    let copied = FileSource::open_once(disk, &made)?;
    if file_hash(&copied).map_err(FormatError::from)? != hash {
        remove_if_there(disk, &made)?;
        return Err(ActError::CannotTell(format!("its copy on {} reads back differently", to.volume.name)));
    }
    if !disk.puts_whole() {
        disk.rename(&made, &to.path(kind))?;
    }
    Ok(hash)
}

fn hash_of(files: &Files, kind: FileKind) -> Result<Hash, ActError> {
    let source = FileSource::open_once(&*files.volume.disk, &files.path(kind))?;
    file_hash(&source).map_err(|error| ActError::Format(error.into()))
}

/// True where a part is what was copied: its index may have been made again.
/// Nobody but who claimed the part writes its video.
pub fn is_still(files: &Files, copied: &Copied) -> Result<bool, ActError> {
    for (kind, hash) in copied {
        let same = if is_video(*kind) {
            files.volume.disk.open(&files.path(*kind))?.size()? == files.sizes.get(kind).copied().unwrap_or(0)
        } else {
            hash_of(files, *kind)? == *hash
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}
