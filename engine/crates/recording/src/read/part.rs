//! One part as a reader sees it: its index, and fragments read on demand.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vms_format::crypt::{AROUND_FRAGMENT, DataKey, PartKey};
use vms_format::mp4::walk;
use vms_format::record::{Close, Record, kind, scan};
use vms_format::recover::{HashFrom, Whole, recover};
use vms_format::{FormatError, PartId, Sample, Source, SourceError, Stored};

use crate::io::{Disk, DiskFile};

/// What a fragment's `prft` and `uuid` box take around the payload of its
/// record: 32, 24 and 12 bytes.
const EMPTY_AROUND: u64 = 68;
/// An init segment is cut off behind its `moov`; none is larger.
const MOST_INIT: u64 = 1 << 20;

/// A file as the format reads it.
pub struct FileSource {
    file: Arc<dyn DiskFile>,
    len: u64,
}

impl FileSource {
    pub fn open(disk: &dyn Disk, path: &std::path::Path) -> std::io::Result<Self> {
        Self::of(disk.open(path)?)
    }

    /// One that is read once, as a whole.
    pub fn open_once(disk: &dyn Disk, path: &std::path::Path) -> std::io::Result<Self> {
        Self::of(disk.open_once(path)?)
    }

    fn of(file: Arc<dyn DiskFile>) -> std::io::Result<Self> {
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
            Ok(read) => Err(SourceError(format!("only {read} of {} bytes at {offset} are there", buffer.len()))),
            Err(error) => Err(SourceError(error.to_string())),
        }
    }
}

/// What an index says of a fragment, without its proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frag {
    pub sequence: u64,
    pub utc_us: i64,
    pub end_us: i64,
    pub error_us: u32,
    pub camera_offset_ms: i32,
    pub key: bool,
    pub offset: u64,
    pub size: u32,
}

impl Frag {
    #[must_use]
    pub fn of(stored: &Stored) -> Self {
        let core = &stored.core;
        Self {
            sequence: core.sequence,
            utc_us: core.utc_us,
            end_us: core.end_us(),
            error_us: core.error_us,
            camera_offset_ms: core.camera_offset_ms,
            key: core.has_key(),
            offset: stored.place.offset,
            size: stored.place.size,
        }
    }
}

/// Where a part lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartPlace {
    pub id: PartId,
    pub camera: String,
    pub volume: String,
    pub video: PathBuf,
    pub index: PathBuf,
    pub encrypted: bool,
}

/// A part's index, in memory.
#[derive(Clone, Debug)]
pub struct Part {
    pub place: PartPlace,
    pub city: String,
    /// In the order of sequence and time.
    pub fragments: Vec<Frag>,
    pub closed: bool,
    /// Made from the video, by whoever lost the index or by this reader.
    pub rebuilt: bool,
    /// Bytes of the index when it was read: one that grew is read again.
    pub index_bytes: u64,
    /// Bytes of the video just before that.
    pub video_bytes: u64,
}

/// Gives a master key by its name.
pub type Masters = Arc<dyn Fn(&str) -> Option<[u8; 32]> + Send + Sync>;

/// The master keys of a folder: `master-NAME.key`, 32 bytes.
#[must_use]
pub fn masters_in(folder: PathBuf) -> Masters {
    Arc::new(move |name| {
        // The name comes from a file: it must not lead anywhere else.
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        plain.then(|| std::fs::read(folder.join(format!("master-{name}.key"))).ok())??.try_into().ok()
    })
}

impl Part {
    /// Reads a part's index; without one, its video.
    pub fn load(disk: &dyn Disk, place: PartPlace) -> Result<Self, FormatError> {
        let from_index = FileSource::open(disk, &place.index)
            .map_err(|error| SourceError(error.to_string()).into())
            .and_then(|source| Self::from_index(&source, place.clone()));
        match from_index {
            Ok(part) if !part.fragments.is_empty() => Ok(part.in_step()),
            _ => Self::from_video(disk, place).map(Self::in_step),
        }
    }

    /// Ends each fragment where the next one begins: the smoothed clock lets one
    /// begin some microseconds before the end that the one before it told, and
    /// an instant must lead to one fragment only.
    fn in_step(mut self) -> Self {
        for n in 1..self.fragments.len() {
            let (before, begins_us) = (self.fragments[n - 1], self.fragments[n].utc_us);
            self.fragments[n - 1].end_us = before.end_us.min(begins_us.max(before.utc_us));
        }
        self
    }

    fn from_index(source: &dyn Source, place: PartPlace) -> Result<Self, FormatError> {
        let found = scan(source)?;
        let mut part = Self::empty(place, source.len());
        for (_, record) in &found.records {
            part.rebuilt |= record.is_rebuilt();
            match record.kind {
                kind::HEADER => part.own(record)?,
                kind::FRAGMENT => {
                    let stored = Stored::parse(record)?;
                    let head = record.payload.len() as u64 + EMPTY_AROUND;
                    let head = head + if part.place.encrypted { AROUND_FRAGMENT } else { 0 };
                    // One of which nothing is left has nothing to play.
                    if u64::from(stored.place.size) > head {
                        part.fragments.push(Frag::of(&stored));
                    }
                }
                kind::CLOSE => part.closed = Close::parse(record).is_ok(),
                _ => {}
            }
        }
        Ok(part)
    }

    /// An index of another camera or hour proves nothing here.
    fn own(&mut self, header: &Record) -> Result<(), FormatError> {
        let header = vms_format::record::Header::parse(header)?;
        let place = &self.place;
        if header.owner.camera != place.camera || header.part != Some(place.id) {
            return Err(FormatError::Missing { what: "this part's own index" });
        }
        self.city = header.owner.city;
        Ok(())
    }

    fn from_video(disk: &dyn Disk, place: PartPlace) -> Result<Self, FormatError> {
        let source = FileSource::open(disk, &place.video).map_err(|error| SourceError(error.to_string()))?;
        let found = recover(&source, None, HashFrom(u64::MAX))?;
        let mut part = Self::empty(place, 0);
        if let Some(header) = &found.init.header {
            part.own(header)?;
        }
        part.rebuilt = true;
        part.closed = true;
        part.fragments = found
            .fragments
            .iter()
            .filter_map(|whole| match whole {
                Whole::Plain(stored) => Some(Frag::of(stored)),
                Whole::Encrypted { .. } => None,
            })
            .collect();
        Ok(part)
    }

    fn empty(place: PartPlace, index_bytes: u64) -> Self {
        let fragments = Vec::new();
        Self { place, city: String::new(), fragments, closed: false, rebuilt: false, index_bytes, video_bytes: 0 }
    }

    #[must_use]
    pub fn from_us(&self) -> i64 {
        self.fragments.first().map_or(0, |first| first.utc_us)
    }

    #[must_use]
    pub fn to_us(&self) -> i64 {
        self.fragments.last().map_or(0, |last| last.end_us)
    }

    /// The fragment at an instant, or the first one after it.
    #[must_use]
    pub fn at_or_after(&self, at_us: i64) -> Option<usize> {
        let found = self.fragments.partition_point(|fragment| fragment.end_us <= at_us);
        (found < self.fragments.len()).then_some(found)
    }

    /// The group of pictures that a fragment belongs to.
    #[must_use]
    pub fn group(&self, of: usize) -> std::ops::Range<usize> {
        // A part may begin in the middle of one, without its key frame.
        let start = (0..=of).rev().find(|&n| self.fragments[n].key).unwrap_or(0);
        let after = (of + 1..self.fragments.len()).find(|&n| self.fragments[n].key);
        start..after.unwrap_or(self.fragments.len())
    }
}

/// A part's video, open for reading.
pub struct PartFile {
    source: FileSource,
    init: walk::Init,
    key: Option<PartKey>,
    moov_end: u64,
}

impl PartFile {
    pub fn open(disk: &dyn Disk, place: &PartPlace, masters: &Masters) -> Result<Self, FormatError> {
        let source = FileSource::open(disk, &place.video).map_err(|error| SourceError(error.to_string()))?;
        let init = walk::read_init(&source)?;
        let key = match &init.data_key {
            Some(record) => {
                let wrapped = DataKey::parse(record)?;
                let master =
                    masters(&wrapped.name).ok_or(FormatError::Missing { what: "the master key of this part" })?;
                Some(PartKey::unwrap(&place.camera, wrapped, &master)?)
            }
            None => None,
        };
        let mut moov_end = 0;
        while let Some(found) = walk::box_at(&source, moov_end, init.end)?.filter(|found| found.uuid.is_none()) {
            moov_end = found.range.end;
        }
        Ok(Self { source, init, key, moov_end })
    }

    /// `ftyp` and `moov`.
    pub fn init_segment(&self) -> Result<Vec<u8>, FormatError> {
        vms_format::source::read(&self.source, 0, self.moov_end, MOST_INIT, "moov")
    }

    /// Equal for parts that one init segment plays.
    pub fn init_id(&self) -> Result<String, FormatError> {
        let bytes = self.init_segment()?;
        let mut hasher = Sha256::new();
        let moov = walk::find(&bytes, &[b"moov"]).unwrap_or_default();
        for (_, track) in walk::children(moov).filter(|(name, _)| name == b"trak") {
            hasher.update(track);
        }
        Ok(hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    #[must_use]
    pub fn tracks(&self) -> &[walk::InitTrack] {
        &self.init.tracks
    }

    #[must_use]
    pub fn video_track(&self) -> Option<u8> {
        self.init.video_track()
    }

    /// The key of an encrypted part.
    #[must_use]
    pub fn into_key(self) -> Option<PartKey> {
        self.key
    }

    /// The name of the master key of an encrypted part.
    pub fn master_name(&self) -> Result<Option<String>, FormatError> {
        self.init.data_key.as_ref().map(|record| Ok(DataKey::parse(record)?.name)).transpose()
    }

    /// The boxes of a fragment, decrypted where they must be.
    pub fn boxes(&self, fragment: &Frag) -> Result<Vec<u8>, FormatError> {
        const MOST: u64 = 256 << 20;
        let bytes = vms_format::source::read(&self.source, fragment.offset, fragment.size.into(), MOST, "a fragment")?;
        let Some(key) = &self.key else { return Ok(bytes) };
        let found = walk::box_at(&bytes, 0, bytes.len() as u64)?;
        let contents = found.ok_or(FormatError::Missing { what: "an encrypted fragment" })?.contents;
        key.open_fragment(&bytes[contents as usize..])
    }

    /// A fragment with its samples.
    pub fn fragment(&self, fragment: &Frag) -> Result<(Stored, Vec<Sample>), FormatError> {
        let plain = self.boxes(fragment)?;
        let found = walk::fragment_at(&plain, 0, plain.len() as u64)?;
        let samples = found.read_samples(&plain)?;
        if found.stored.core.sequence == fragment.sequence {
            Ok((found.stored, samples))
        } else {
            Err(FormatError::Value { what: "a fragment's sequence", value: found.stored.core.sequence })
        }
    }
}

/// The records of a part's fragments, with their proofs.
pub fn records(disk: &dyn Disk, place: &PartPlace) -> Result<Vec<Stored>, FormatError> {
    let open = |path| FileSource::open(disk, path).map_err(|error| FormatError::Source(SourceError(error.to_string())));
    let listed = open(&place.index).and_then(|source| {
        let found = scan(&source)?;
        let fragments = found.records.iter().filter(|(_, record)| record.kind == kind::FRAGMENT);
        fragments.map(|(_, record)| Stored::parse(record)).collect::<Result<Vec<_>, _>>()
    });
    match listed {
        Ok(listed) if !listed.is_empty() => Ok(listed),
        _ => {
            let found = recover(&open(&place.video)?, None, HashFrom(u64::MAX))?;
            let plain = |whole: &Whole| match whole {
                Whole::Plain(stored) => Some(stored.clone()),
                Whole::Encrypted { .. } => None,
            };
            Ok(found.fragments.iter().filter_map(plain).collect())
        }
    }
}
