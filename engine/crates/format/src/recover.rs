//! What is whole in a video file after a crash, and what is torn.

use std::ops::Range;

use crate::crypt::PartKey;
use crate::fragment::Hash;
use crate::mp4::walk::{self, BoxAt, Init};
use crate::mp4::{moof::PRFT_BYTES, uuid};
use crate::record::Record;
use crate::source::{Source, Window};
use crate::{FormatError, Stored};

/// The part's key, where the fragments are to be opened.
pub type Opener<'a> = Option<&'a PartKey>;

/// From where on samples are read and hashed. Before that a fragment is
/// whole if its boxes and its record's checksum are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashFrom(pub u64);

impl HashFrom {
    pub const START: Self = Self(0);

    /// The last `bytes` of a file: what a crash can have torn.
    #[must_use]
    pub fn tail(source: &dyn Source, bytes: u64) -> Self {
        Self(source.len().saturating_sub(bytes))
    }
}

/// One whole fragment of a video file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Its record, with the place where it lies, whatever the record says.
    Plain(Stored),
    /// Its contents were not opened: no key was given.
    Encrypted { epoch: u32, sequence: u64, range: Range<u64> },
}

impl Whole {
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        match self {
            Self::Plain(stored) => stored.place.offset..stored.place.offset + u64::from(stored.place.size),
            Self::Encrypted { range, .. } => range.clone(),
        }
    }

    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Plain(stored) => stored.core.sequence,
            Self::Encrypted { sequence, .. } => *sequence,
        }
    }
}

/// What a video file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub init: Init,
    pub fragments: Vec<Whole>,
    /// Bytes that belong to no whole fragment, in their order. One that
    /// reaches the end of the file is the torn tail.
    pub torn: Vec<Range<u64>>,
    /// `free` boxes: torn bytes of earlier crashes.
    pub free: Vec<Range<u64>>,
}

impl Recovered {
    /// Where the file is cut: the start of its torn tail.
    #[must_use]
    pub fn cut_at(&self, len: u64) -> Option<u64> {
        self.torn.last().filter(|torn| torn.end == len).map(|torn| torn.start)
    }

    /// Torn bytes before whole fragments: each becomes one `free` box.
    pub fn to_free(&self, len: u64) -> impl Iterator<Item = &Range<u64>> {
        self.torn.iter().filter(move |torn| torn.end != len)
    }
}

/// The head that turns torn bytes into one `free` box. `None` for a range
/// that is too short for one, or too long: whole fragments are never that far
/// apart.
#[must_use]
pub fn free_head(torn: &Range<u64>) -> Option<[u8; 8]> {
    let size = u32::try_from(torn.end - torn.start).ok().filter(|&size| size >= 8)?;
    let mut head = *b"\0\0\0\0free";
    head[..4].copy_from_slice(&size.to_be_bytes());
    Some(head)
}

/// Reads a video file whose end may be torn, or its middle. Fails where not
/// even `ftyp` and `moov` are whole: the file holds no part.
pub fn recover(source: &dyn Source, key: Opener<'_>, hash_from: HashFrom) -> Result<Recovered, FormatError> {
    recover_from(source, key, hash_from, None)
}

/// The same from `from` on, where a fragment begins or nothing does: what
/// lies before was found whole earlier, and is not read.
pub fn recover_from(
    source: &dyn Source,
    key: Opener<'_>,
    hash_from: HashFrom,
    from: Option<u64>,
) -> Result<Recovered, FormatError> {
    let init = walk::read_init(source)?;
    let reader = PartReader { source, encrypted: init.data_key.is_some(), video: init.video_track(), key };
    let end = source.len();
    let mut found = Recovered { init, fragments: Vec::new(), torn: Vec::new(), free: Vec::new() };
    let mut at = from.unwrap_or(found.init.end);
    while at < end {
        if let Some(free) = walk::box_at(source, at, end)?.filter(|found| &found.name == b"free") {
            at = free.range.end;
            found.free.push(free.range);
            continue;
        }
        match reader.whole_at(at, end, at >= hash_from.0)? {
            Some(fragment) => {
                at = fragment.range().end;
                found.fragments.push(fragment);
            }
            None => {
                let next = reader.next_whole(at + 1, end)?;
                found.torn.push(at..next);
                at = next;
            }
        }
    }
    Ok(found)
}

struct PartReader<'a> {
    source: &'a dyn Source,
    encrypted: bool,
    video: Option<u8>,
    key: Opener<'a>,
}

impl PartReader<'_> {
    /// The fragment at `at`, if it is whole. Only a source that fails is an
    /// error.
    fn whole_at(&self, at: u64, end: u64, hash: bool) -> Result<Option<Whole>, FormatError> {
        let found = if self.encrypted { self.encrypted_at(at, end, hash) } else { self.plain_at(at, end, hash) };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(FormatError::Source(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    fn plain_at(&self, at: u64, end: u64, hash: bool) -> Result<Whole, FormatError> {
        let found = walk::fragment_at(self.source, at, end)?;
        if hash {
            is_same(&walk::group_hashes(self.source, &found.samples, self.video)?, &found)?;
        }
        Ok(Whole::Plain(placed(found.stored, at..found.range.end)))
    }

    fn encrypted_at(&self, at: u64, end: u64, hash: bool) -> Result<Whole, FormatError> {
        let found = encrypted_box(self.source, at, end)?;
        let (epoch, sequence) = epoch_and_sequence(self.source, &found)?;
        let Some(key) = self.key.filter(|_| hash) else {
            return Ok(Whole::Encrypted { epoch, sequence, range: found.range });
        };
        let plain = open(self.source, &found, key)?;
        let inside = walk::fragment_at(&plain, 0, plain.len() as u64)?;
        is_same(&walk::group_hashes(&plain, &inside.samples, self.video)?, &inside)?;
        Ok(Whole::Plain(placed(inside.stored, found.range)))
    }

    /// Where the next whole fragment begins from `from` on, or the end.
    fn next_whole(&self, from: u64, end: u64) -> Result<u64, FormatError> {
        let mark = if self.encrypted { encrypted_mark() } else { PRFT_MARK.to_vec() };
        let ahead = if self.encrypted { 4 } else { 0 };
        let mut window = Window::new(self.source);
        let mut at = from;
        while let Some(found) = find(&mut window, &mark, at + ahead, end)? {
            let begins = found - ahead;
            if self.whole_at(begins, end, true)?.is_some() {
                return Ok(begins);
            }
            at = begins + 1;
        }
        Ok(end)
    }
}

/// Size, name, version and flags of every `prft` of the format.
const PRFT_MARK: [u8; 12] = [0, 0, 0, PRFT_BYTES as u8, b'p', b'r', b'f', b't', 1, 0, 0, 24];

fn encrypted_mark() -> Vec<u8> {
    [b"uuid", &uuid::ENCRYPTED[..]].concat()
}

/// The first place from `from` on where `mark` stands.
fn find(window: &mut Window<'_>, mark: &[u8], from: u64, end: u64) -> Result<Option<u64>, FormatError> {
    const STEP: u64 = 64 * 1024;
    let mut at = from;
    while at + mark.len() as u64 <= end {
        let piece = window.up_to(at, STEP)?;
        if let Some(found) = piece.windows(mark.len()).position(|bytes| bytes == mark) {
            return Ok(Some(at + found as u64));
        }
        at += (piece.len() as u64).saturating_sub(mark.len() as u64 - 1).max(1);
    }
    Ok(None)
}

fn is_same(hashes: &[Hash; 3], found: &walk::FragmentAt) -> Result<(), FormatError> {
    let recorded = found.stored.core.groups;
    // A group that was removed by policy is not torn.
    let torn = hashes.iter().zip(&recorded).any(|(own, recorded)| *own != [0; 32] && own != recorded);
    if torn { Err(FormatError::Missing { what: "a whole sample" }) } else { Ok(()) }
}

fn placed(mut stored: Stored, range: Range<u64>) -> Stored {
    stored.place.offset = range.start;
    stored.place.size = (range.end - range.start) as u32;
    stored
}

/// An encrypted fragment's box at `at`.
pub fn encrypted_box(source: &dyn Source, at: u64, end: u64) -> Result<BoxAt, FormatError> {
    walk::box_at(source, at, end)?
        .filter(|found| found.is_uuid(&uuid::ENCRYPTED) && u32::try_from(found.range.end - found.range.start).is_ok())
        .ok_or(FormatError::Missing { what: "an encrypted fragment" })
}

fn epoch_and_sequence(source: &dyn Source, found: &BoxAt) -> Result<(u32, u64), FormatError> {
    let head = crate::source::read(source, found.contents, 12, 12, "an encrypted fragment")?;
    let mut reader = crate::wire::Reader::new(&head, "an encrypted fragment");
    Ok((reader.u32()?, reader.u64()?))
}

/// The four boxes of an encrypted fragment.
pub fn open(source: &dyn Source, found: &BoxAt, key: &PartKey) -> Result<Vec<u8>, FormatError> {
    let len = found.range.end - found.contents;
    let contents = crate::source::read(source, found.contents, len, MOST_ENCRYPTED, "an encrypted fragment")?;
    key.open_fragment(&contents)
}

/// Half a second of any camera is less; a tag is only known at the end.
const MOST_ENCRYPTED: u64 = 256 * 1024 * 1024;

/// The records of an index made again from its video: HEADER, DATAKEY and the
/// FRAGMENTs, flagged as rebuilt.
pub fn rebuilt_index(found: &Recovered) -> Result<Vec<u8>, FormatError> {
    let again = |record: &Record| Record { flags: crate::record::REBUILT, ..record.clone() }.encode();
    let header = found.init.header.as_ref().ok_or(FormatError::Missing { what: "HEADER in moov" })?;
    let mut out = crate::record::MAGIC.to_vec();
    out.extend(again(header));
    out.extend(found.init.data_key.iter().flat_map(again));
    for fragment in &found.fragments {
        match fragment {
            Whole::Plain(stored) => out.extend(stored.record(crate::record::REBUILT).encode()),
            Whole::Encrypted { .. } => return Err(FormatError::Sealed { what: "an encrypted part" }),
        }
    }
    Ok(out)
}
