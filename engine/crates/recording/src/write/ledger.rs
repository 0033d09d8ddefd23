//! One camera's ledger on disk: a file on the volume where the camera is
//! recorded, and a second copy elsewhere. Records are few and small.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use vms_format::ledger::entries;
use vms_format::names::LEDGER;
use vms_format::record::{Header, MAGIC, Record, Scan, scan};
use vms_format::{Body, Entry, LedgerWriter, Owner};

use crate::io::{Disk, DiskFile};

use super::commit::Round;
use super::volume::Volume;

/// How much of a ledger's end is read first; doubled until it is enough.
const TAIL: u64 = 64 << 10;
/// The magic and any HEADER fit into it.
const HEAD: usize = 1024;

/// Which round of which volume makes a record durable; none where it stands in
/// the second copy alone.
pub type Durable = Option<(Arc<Volume>, Round)>;

pub struct Ledger {
    owner: Owner,
    copy_path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    writer: LedgerWriter,
    home: Option<(Arc<Volume>, LedgerFile)>,
    copy: Option<LedgerFile>,
}

struct LedgerFile {
    file: Arc<dyn DiskFile>,
    size: u64,
}

/// The end of a ledger, as far as it was wanted.
pub struct Tail {
    pub entries: Vec<Entry>,
    /// True where `entries` begins with the first one.
    pub whole: bool,
}

impl Ledger {
    /// Opens the longest of the camera's ledgers, or begins one. Copies that
    /// fall short or are damaged are replaced from it.
    pub fn open(owner: &Owner, volumes: &[Arc<Volume>], home: &Arc<Volume>, copies: &Path) -> io::Result<Self> {
        let disk = &*home.disk;
        let copy_path = copies.join(format!("{}.vms-idx", owner.camera));
        let at_home = home.camera(&owner.camera).join(LEDGER);
        let mut best: Option<(Found, PathBuf)> = None;
        let others = volumes.iter().filter(|volume| volume.id().is_some());
        let places = others.map(|volume| volume.camera(&owner.camera).join(LEDGER)).chain([copy_path.clone()]);
        for path in places {
            match Found::read(disk, &path, owner) {
                Ok(found) => {
                    if best.as_ref().is_none_or(|(other, _)| found.number() > other.number()) {
                        best = Some((found, path));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::error!(path = %path.display(), %error, "a ledger is damaged; its copy is taken"),
            }
        }
        disk.create_folders(&home.camera(&owner.camera))?;
        let (writer, source) = match &best {
            Some((found, path)) => (LedgerWriter::after(owner.clone(), found.last.as_ref()), Some((found.size, path))),
            None => (LedgerWriter::new(owner.clone()), None),
        };
        let place = |path: &Path| place(disk, path, source, &writer);
        let home_file = place(&at_home)?;
        let copy = place(&copy_path)
            .inspect_err(|error| tracing::error!(path = %copy_path.display(), %error, "no second copy of a ledger"))
            .ok();
        home.commits.touch(&home_file.file);
        home.commits.touch_folder(&home.camera(&owner.camera));
        home.commits.touch_folder(&home.cameras());
        if let Some(copy) = &copy {
            home.commits.touch(&copy.file);
            home.commits.touch_folder(copies);
        }
        let inner = Inner { writer, home: Some((home.clone(), home_file)), copy };
        Ok(Self { owner: owner.clone(), copy_path, inner: Mutex::new(inner) })
    }

    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Appends a record; says which round of the home volume makes it durable.
    pub fn append(&self, utc_us: i64, stream: u8, body: Body) -> io::Result<(Entry, Durable)> {
        let mut inner = self.inner.lock();
        let mut writer = inner.writer.clone();
        let (bytes, entry) = writer.append(utc_us, stream, body);
        let mut result = Ok(None);
        if let Some((volume, file)) = &mut inner.home {
            let volume = volume.clone();
            match volume.busy(|| file.append(&bytes)) {
                Ok(()) => result = Ok(Some((volume.clone(), volume.commits.touch(&file.file)))),
                Err(error) => result = Err(error),
            }
        }
        let mut copied = false;
        if let Some(copy) = &mut inner.copy {
            match copy.append(&bytes) {
                Ok(()) => copied = true,
                Err(error) => {
                    tracing::error!(path = %self.copy_path.display(), %error, "the second copy of a ledger is not written");
                    inner.copy = None;
                }
            }
        }
        if let (true, Some(copy), Some((volume, _))) = (copied, &inner.copy, &inner.home) {
            volume.commits.touch(&copy.file);
        }
        if result.is_ok() || copied {
            inner.writer = writer;
        }
        match result {
            Ok(round) => Ok((entry, round)),
            // One of the two has it: the camera finds it there when it moves.
            Err(error) if copied => {
                tracing::error!(camera = self.owner.camera, %error, "a ledger is written to its second copy alone");
                inner.home = None;
                Ok((entry, None))
            }
            Err(error) => Err(error),
        }
    }

    /// Nothing is appended while this works.
    pub fn while_still<T>(&self, work: impl FnOnce() -> T) -> T {
        let _still = self.inner.lock();
        work()
    }

    /// Makes `volume` the home, after a move; what it lacks is brought there.
    pub fn move_to(&self, volume: &Arc<Volume>) -> io::Result<()> {
        let mut inner = self.inner.lock();
        if inner.home.as_ref().is_some_and(|(home, _)| Arc::ptr_eq(home, volume)) {
            return Ok(());
        }
        let disk = &*volume.disk;
        let folder = volume.camera(&self.owner.camera);
        disk.create_folders(&folder)?;
        let source = match (&inner.copy, &inner.home) {
            (Some(copy), _) => (copy.size, self.copy_path.clone()),
            (None, Some((home, file))) => (file.size, home.camera(&self.owner.camera).join(LEDGER)),
            (None, None) => return Err(io::Error::other("neither ledger nor copy can be read")),
        };
        let file = place(disk, &folder.join(LEDGER), Some((source.0, &source.1)), &inner.writer)?;
        volume.commits.touch(&file.file);
        volume.commits.touch_folder(&folder);
        inner.home = Some((volume.clone(), file));
        Ok(())
    }

    /// The last entries, back to where `enough` says so.
    pub fn tail(&self, enough: impl Fn(&[Entry]) -> bool) -> io::Result<Tail> {
        let inner = self.inner.lock();
        let file = match (&inner.home, &inner.copy) {
            (Some((_, file)), _) | (None, Some(file)) => file,
            (None, None) => return Err(io::Error::other("neither ledger nor copy can be read")),
        };
        let mut want = TAIL;
        loop {
            let (scan, whole) = read_tail(&*file.file, file.size, want)?;
            let entries: Vec<Entry> = entries(&scan.records).0.into_iter().map(|(_, entry)| entry).collect();
            if whole || enough(&entries) {
                return Ok(Tail { entries, whole });
            }
            want *= 4;
        }
    }
}

impl LedgerFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_at(self.size, &[IoSlice::new(bytes)]) {
            // Half a record would be there for ever.
            if let Err(error) = self.file.set_len(self.size) {
                tracing::error!(%error, "a torn record stays at the end of a ledger");
            }
            return Err(error);
        }
        self.size += bytes.len() as u64;
        Ok(())
    }
}

/// A ledger that was found: how long its whole part is, and its last entry.
struct Found {
    size: u64,
    last: Option<Entry>,
}

impl Found {
    fn read(disk: &dyn Disk, path: &Path, owner: &Owner) -> io::Result<Self> {
        let file = disk.open(path)?;
        let mut head = [0; HEAD];
        let read = file.read_at(0, &mut head)?;
        let header = head[..read].strip_prefix(MAGIC).and_then(Record::decode);
        let head_end = header.as_ref().map_or(0, |(_, len)| (MAGIC.len() + len) as u64);
        let header = header.and_then(|(record, _)| Header::parse(&record).ok());
        if header.is_none_or(|header| header.part.is_some() || header.owner != *owner) {
            return Err(io::Error::other("it does not begin as this camera's ledger"));
        }
        let len = file.size()?;
        let mut want = TAIL;
        loop {
            let (scan, whole) = read_tail(&*file, len, want)?;
            let start = len - want.min(len);
            match last_linked(&scan, start == 0) {
                None if !whole => want *= 4,
                Some((end, entry)) => return Ok(Self { size: start + end, last: Some(entry) }),
                // Only the HEADER is whole.
                None => return Ok(Self { size: head_end, last: None }),
            }
        }
    }

    fn number(&self) -> u64 {
        self.last.as_ref().map_or(0, |entry| entry.number)
    }
}

/// The last entry of the unbroken chain from the window's first one on, and
/// where its record ends. What a crash tore, and what follows it, was never
/// durable: no record is acknowledged before the ones before it are.
fn last_linked(scan: &Scan, from_start: bool) -> Option<(u64, Entry)> {
    // The window begins anywhere in a record.
    let tolerated = usize::from(!from_start && scan.torn.first().is_some_and(|torn| torn.start == 0));
    let torn = scan.torn.get(tolerated).map_or(u64::MAX, |torn| torn.start);
    let mut last: Option<(u64, Entry)> = None;
    for (at, record) in scan.records.iter().take_while(|(at, _)| *at < torn) {
        let Ok(entry) = Entry::parse(record) else { continue };
        let linked = last.as_ref().is_none_or(|(_, before)| {
            entry.number == before.number + 1 && entry.chain == entry.chain_after(&before.chain)
        });
        if !linked {
            break;
        }
        last = Some((at + record.encode().len() as u64, entry));
    }
    last
}

/// The records in the last `want` bytes, offsets counted from there; true
/// where that is the whole file.
fn read_tail(file: &dyn DiskFile, len: u64, want: u64) -> io::Result<(Scan, bool)> {
    let want = want.min(len);
    let mut bytes = vec![0; usize::try_from(want).map_err(io::Error::other)?];
    let read = file.read_at(len - want, &mut bytes)?;
    bytes.truncate(read);
    Ok((scan(&bytes).map_err(io::Error::other)?, want == len))
}

/// A file that holds what `source` does up to its size: itself cut there, or
/// a copy of it, or a new one with its head.
fn place(
    disk: &dyn Disk,
    path: &Path,
    source: Option<(u64, &PathBuf)>,
    writer: &LedgerWriter,
) -> io::Result<LedgerFile> {
    let Some((size, from)) = source else {
        let head = writer.head();
        disk.replace(path, &head)?;
        return Ok(LedgerFile { file: disk.open(path)?, size: head.len() as u64 });
    };
    if path != from {
        let there = match Found::read(disk, path, writer.owner()) {
            Ok(found) if found.size == size => Some(found.last),
            _ => None,
        };
        let theirs = Found::read(disk, from, writer.owner())?;
        if there != Some(theirs.last) {
            keep_aside(disk, path, writer.owner());
            let mut bytes = disk.read(from)?;
            bytes.truncate(usize::try_from(size).map_err(io::Error::other)?);
            disk.replace(path, &bytes)?;
        }
    }
    let file = disk.open(path)?;
    if file.size()? > size {
        file.set_len(size)?;
    }
    Ok(LedgerFile { file, size })
}

/// A ledger that is no beginning of the better one is told, not deleted: its
/// name says what it is.
fn keep_aside(disk: &dyn Disk, path: &Path, owner: &Owner) {
    let damaged = match Found::read(disk, path, owner) {
        Ok(_) => return,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => error,
    };
    let aside = path.with_extension(format!("vms-idx.damaged-{:08x}", rand::random::<u32>()));
    let moved = disk.rename(path, &aside);
    tracing::error!(path = %path.display(), %damaged, ?moved, "a damaged ledger was put aside");
}
