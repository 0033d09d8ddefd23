//! A part as a stop or a crash left it: which fragments are whole, and how its
//! files are brought to what stays. Only the ends of files are read, but for
//! the indexes of the hour that was open.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vms_format::crypt::{DataKey, PartKey};
use vms_format::mp4::walk;
use vms_format::names::FileKind;
use vms_format::record::{Close, Header, Scan, kind, scan};
use vms_format::recover::{HashFrom, Recovered, Whole, free_head, recover_from};
use vms_format::{FormatError, PartId, Source, SourceError, Stored};

use crate::io::{Disk, DiskFile};

use super::find::PartFiles;
use super::ledger::Ledger;
use super::part::{WriteError, sums};
use super::stream::Context;
use super::volume::Volume;

/// Fragments at the end of a part whose samples are hashed again: more than
/// any disk keeps back without being asked.
const PROVED_AT_END: usize = 64;
/// Fragments that may wait for a commit: seven seconds.
pub const NOT_DURABLE: usize = 16;
/// Up to this size an index without a whole HEADER may be younger than any commit.
const LONGEST_HEAD: u64 = 16 << 10;

/// A file of a disk as the format reads it.
struct FileSource {
    file: Arc<dyn DiskFile>,
    len: u64,
}

impl FileSource {
    fn new(file: Arc<dyn DiskFile>) -> io::Result<Self> {
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

/// A part as a crash left it.
pub struct Found {
    id: PartId,
    files: PartFiles,
    video: FileSource,
    index: Option<Index>,
    /// All of them that are whole and stay.
    pub fragments: Vec<Stored>,
    /// How many of those the index has and nobody doubts.
    settled: usize,
    /// What the end of the video holds; absent for a part that was closed.
    recovered: Option<Recovered>,
    /// Fragments at the end go.
    pub cut: bool,
}

impl Found {
    /// `None` where the video cannot be read at all.
    pub fn look(context: &Context, ledger: &Ledger, id: PartId, files: PartFiles) -> Result<Option<Self>, WriteError> {
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
    pub fn mend(&self) -> io::Result<()> {
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
    pub fn remove(&self) {
        tracing::warn!(part = self.id.name(), "a part without a durable fragment goes");
        let disk = &*self.files.volume.disk;
        remove(disk, &self.files.video);
        remove(disk, &self.sums());
        if self.index.is_some() || never_began_at(disk, &self.files.index) {
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
pub fn remove_lone_index(ledger: &Ledger, volume: &Arc<Volume>, id: PartId, sealed: u64) {
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
    if volume.disk.open(&files.index).is_err() || never_began_at(&*volume.disk, &files.index) || young() {
        remove(&*volume.disk, &files.index);
        remove(&*volume.disk, &path(FileKind::Checksum));
    }
}

/// A power cut tore an index before its HEADER was durable: it is nobody's.
fn never_began(index: &dyn Source) -> bool {
    let records = scan(index).map(|scan| scan.records).unwrap_or_default();
    index.len() < LONGEST_HEAD && !records.iter().any(|(_, record)| Header::parse(record).is_ok())
}

fn never_began_at(disk: &dyn Disk, index: &Path) -> bool {
    disk.read(index).is_ok_and(|bytes| never_began(&bytes))
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
    if !ours && never_began(&bytes) {
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
    if disk.open(&files.index).is_ok() && !never_began_at(disk, &files.index) {
        return Ok(());
    }
    let mut found = found.clone();
    found.fragments.truncate(stay);
    let bytes = vms_format::recover::rebuilt_index(&found).map_err(io::Error::other)?;
    disk.replace(&files.index, &bytes)
}
