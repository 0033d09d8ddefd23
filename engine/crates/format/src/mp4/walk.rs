//! Reading a video file box by box, without ever holding more than a box
//! needs.

use std::ops::Range;

use super::{moof, uuid};
use crate::fragment::{GroupHasher, Hash, SampleHead};
use crate::record::Record;
use crate::source::{self, Source, SourceError};
use crate::wire::Reader;
use crate::{FormatError, Sample, Stored};

/// No `moov`, `moof` or record of a fragment is larger.
const MOST_HEAD: u64 = 16 * 1024 * 1024;

/// A box in a file: its place, and where its contents begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxAt {
    pub name: [u8; 4],
    /// Of a `uuid` box.
    pub uuid: Option<[u8; 16]>,
    pub range: Range<u64>,
    pub contents: u64,
}

impl BoxAt {
    #[must_use]
    pub fn is_uuid(&self, kind: &[u8; 16]) -> bool {
        self.uuid.as_ref() == Some(kind)
    }

    fn contents_of(&self, source: &dyn Source, what: &'static str) -> Result<Vec<u8>, FormatError> {
        source::read(source, self.contents, self.range.end - self.contents, MOST_HEAD, what)
    }
}

/// The box at `at`; `None` where none that lies wholly before `end` begins.
pub fn box_at(source: &dyn Source, at: u64, end: u64) -> Result<Option<BoxAt>, SourceError> {
    let left = end.saturating_sub(at);
    if left < 8 {
        return Ok(None);
    }
    let mut head = [0; 32];
    let known = left.min(32) as usize;
    source.read_at(at, &mut head[..known])?;
    Ok(parse_head(&head[..known], at, left))
}

fn parse_head(head: &[u8], at: u64, left: u64) -> Option<BoxAt> {
    let name: [u8; 4] = head[4..8].try_into().ok()?;
    let (size, mut len) = match u32::from_be_bytes(head[..4].try_into().ok()?) {
        1 => (u64::from_be_bytes(head.get(8..16)?.try_into().ok()?), 16),
        size => (u64::from(size), 8),
    };
    let mut uuid = None;
    if &name == b"uuid" {
        uuid = Some(head.get(len..len + 16)?.try_into().ok()?);
        len += 16;
    }
    let fits = (len as u64..=left).contains(&size);
    fits.then(|| BoxAt { name, uuid, range: at..at + size, contents: at + len as u64 })
}

/// The boxes inside `data`, by name, with their contents. What is cut short
/// ends the list.
pub fn children(data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let found = (rest.len() >= 8).then(|| parse_head(&rest[..rest.len().min(32)], 0, rest.len() as u64))??;
        let (own, after) = rest.split_at(found.range.end as usize);
        rest = after;
        // The type of a `uuid` box stays in front of its contents.
        let begins = found.contents as usize - if found.uuid.is_some() { 16 } else { 0 };
        Some((found.name, &own[begins..]))
    })
}

/// The contents of the first box along `path`.
#[must_use]
pub fn find<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, name| children(data).find(|(found, _)| found == *name).map(|(_, inside)| inside))
}

/// A track as `moov` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitTrack {
    pub id: u8,
    pub is_video: bool,
    pub timescale: u32,
    /// Of the sample entry, such as `avc3`.
    pub entry: [u8; 4],
    /// 0 for video.
    pub channels: u8,
    /// AAC: the AudioSpecificConfig, where it lies as this format writes it.
    pub audio_config: Vec<u8>,
}

/// What a video file begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    pub tracks: Vec<InitTrack>,
    /// The HEADER record of the part's index; `None` in a file of others.
    pub header: Option<Record>,
    /// The DATAKEY record of an encrypted part.
    pub data_key: Option<Record>,
    /// Where fragments begin.
    pub end: u64,
}

impl Init {
    #[must_use]
    pub fn video_track(&self) -> Option<u8> {
        self.tracks.iter().find(|track| track.is_video).map(|track| track.id)
    }

    #[must_use]
    pub fn timescale(&self, track: u8) -> Option<u32> {
        self.tracks.iter().find(|own| own.id == track).map(|own| own.timescale)
    }
}

/// Reads the beginning of a video file.
pub fn read_init(source: &dyn Source) -> Result<Init, FormatError> {
    const NO_MOOV: FormatError = FormatError::Missing { what: "moov" };
    let end = source.len();
    let first =
        box_at(source, 0, end)?.filter(|found| &found.name == b"ftyp").ok_or(FormatError::Missing { what: "ftyp" })?;
    let moov = box_at(source, first.range.end, end)?.filter(|found| &found.name == b"moov").ok_or(NO_MOOV)?;
    let mut init = parse_moov(&moov.contents_of(source, "moov")?, moov.range.end)?;
    if let Some(next) = box_at(source, init.end, end)?.filter(|next| next.is_uuid(&uuid::DATAKEY)) {
        let record = Record::decode(&next.contents_of(source, "DATAKEY")?);
        init.data_key = Some(record.ok_or(FormatError::Missing { what: "DATAKEY" })?.0);
        init.end = next.range.end;
    }
    Ok(init)
}

fn parse_moov(moov: &[u8], end: u64) -> Result<Init, FormatError> {
    let tracks: Result<Vec<InitTrack>, FormatError> =
        children(moov).filter(|(name, _)| name == b"trak").map(|(_, trak)| parse_track(trak)).collect();
    let header = find(moov, &[b"udta", b"uuid"])
        .and_then(|contents| contents.strip_prefix(&uuid::HEADER[..]))
        .and_then(Record::decode)
        .map(|(record, _)| record);
    Ok(Init { tracks: tracks?, header, data_key: None, end })
}

pub(crate) fn parse_track(trak: &[u8]) -> Result<InitTrack, FormatError> {
    let missing = |what| FormatError::Missing { what };
    let mut tkhd = Reader::new(find(trak, &[b"tkhd"]).ok_or(missing("tkhd"))?, "tkhd");
    let wide = tkhd.u8()? == 1;
    tkhd.take(if wide { 19 } else { 11 })?;
    let id = tkhd.u32()?;
    let id = u8::try_from(id).map_err(|_| FormatError::Value { what: "track id", value: id.into() })?;
    let mut mdhd = Reader::new(find(trak, &[b"mdia", b"mdhd"]).ok_or(missing("mdhd"))?, "mdhd");
    let wide = mdhd.u8()? == 1;
    mdhd.take(if wide { 19 } else { 11 })?;
    let timescale = mdhd.u32()?;
    let hdlr = find(trak, &[b"mdia", b"hdlr"]).ok_or(missing("hdlr"))?;
    let stsd = find(trak, &[b"mdia", b"minf", b"stbl", b"stsd"]).ok_or(missing("stsd"))?;
    let entry = stsd.get(12..16).and_then(|name| name.try_into().ok()).ok_or(missing("a sample entry"))?;
    let is_video = hdlr.get(8..12) == Some(b"vide");
    let (channels, audio_config) =
        if is_video { (0, Vec::new()) } else { parse_audio(stsd.get(8..).unwrap_or_default()) };
    Ok(InitTrack { id, is_video, timescale, entry, channels, audio_config })
}

/// The channels of an AudioSampleEntry (ISO/IEC 14496-12, 12.2.3), and what its
/// `esds` says of AAC.
fn parse_audio(entries: &[u8]) -> (u8, Vec<u8>) {
    // Its own fields, before the boxes inside it.
    const FIXED: usize = 28;
    let entry = children(entries).next().map_or(&[][..], |(_, entry)| entry);
    let channels = entry.get(17).copied().unwrap_or(1);
    let esds = entry.get(FIXED..).and_then(|boxes| find(boxes, &[b"esds"]));
    (channels, esds.and_then(audio_config).map(<[u8]>::to_vec).unwrap_or_default())
}

/// The AudioSpecificConfig in an `esds` as this format writes it: descriptors
/// with lengths of one byte (ISO/IEC 14496-1, 7.2.6.5).
pub(crate) fn audio_config(esds: &[u8]) -> Option<&[u8]> {
    // Version and flags; 03 with its length and 3 bytes; 04 with 13.
    match esds.get(4 + 5 + 15..)? {
        [5, len, rest @ ..] => rest.get(..usize::from(*len)),
        _ => None,
    }
}

/// One sample as `moof` describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleAt {
    pub head: SampleHead,
    pub dts: i64,
    pub duration: u32,
    /// In the file, or in what was decrypted.
    pub offset: u64,
}

impl SampleAt {
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.head.len)
    }
}

/// The samples of a `moof` at `moof_at`, in the order of its tracks.
pub fn parse_moof(moof: &[u8], moof_at: u64) -> Result<Vec<SampleAt>, FormatError> {
    let mut samples = Vec::new();
    for (_, traf) in children(moof).filter(|(name, _)| name == b"traf") {
        parse_traf(traf, moof_at, &mut samples)?;
    }
    Ok(samples)
}

fn parse_traf(traf: &[u8], moof_at: u64, samples: &mut Vec<SampleAt>) -> Result<(), FormatError> {
    let missing = |what| FormatError::Missing { what };
    let mut tfhd = Reader::new(find(traf, &[b"tfhd"]).ok_or(missing("tfhd"))?, "tfhd");
    expect("tfhd flags", tfhd.u32()?, 0x2_0000)?;
    let id = tfhd.u32()?;
    let track = u8::try_from(id).map_err(|_| FormatError::Value { what: "track id", value: id.into() })?;
    let mut tfdt = Reader::new(find(traf, &[b"tfdt"]).ok_or(missing("tfdt"))?, "tfdt");
    expect("tfdt version", tfdt.u32()?, 1 << 24)?;
    let first = tfdt.i64()?;
    let mut trun = Reader::new(find(traf, &[b"trun"]).ok_or(missing("trun"))?, "trun");
    expect("trun flags", trun.u32()?, 1 << 24 | 0xf01)?;
    let (count, data_at) = (trun.u32()?, trun.u32()?);
    let (mut dts, mut offset) = (first, moof_at + u64::from(data_at));
    for _ in 0..count {
        let (duration, len, flags, composition) = (trun.u32()?, trun.u32()?, trun.u32()?, trun.i32()?);
        let since_first = dts.wrapping_sub(first) as u32;
        let head = SampleHead { track, since_first, composition, key: flags == moof::FLAGS_KEY, len };
        samples.push(SampleAt { head, dts, duration, offset });
        dts = dts.checked_add(duration.into()).ok_or(FormatError::Value { what: "decode time", value: dts as u64 })?;
        offset += u64::from(len);
    }
    Ok(())
}

fn expect(what: &'static str, found: u32, wanted: u32) -> Result<(), FormatError> {
    if found == wanted { Ok(()) } else { Err(FormatError::Value { what, value: found.into() }) }
}

/// A fragment found in a file; its samples' bytes are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentAt {
    pub stored: Stored,
    /// Of its record.
    pub flags: u16,
    /// None where all were removed.
    pub samples: Vec<SampleAt>,
    pub range: Range<u64>,
}

/// The fragment whose `prft` begins at `at`: exactly the boxes that its
/// record and its samples make. An error says what is amiss.
pub fn fragment_at(source: &dyn Source, at: u64, end: u64) -> Result<FragmentAt, FormatError> {
    let mut next = at;
    let mut take = |name: &[u8; 4], what| {
        let found =
            box_at(source, next, end)?.filter(|found| &found.name == name).ok_or(FormatError::Missing { what })?;
        next = found.range.end;
        Ok::<_, FormatError>(found)
    };
    take(b"prft", "prft")?;
    let record = take(b"uuid", "FRAGMENT")?;
    if !record.is_uuid(&uuid::FRAGMENT) {
        return Err(FormatError::Missing { what: "FRAGMENT" });
    }
    let bytes = record.contents_of(source, "FRAGMENT")?;
    let decoded = Record::decode(&bytes).filter(|(_, len)| *len == bytes.len());
    let (decoded, _) = decoded.ok_or(FormatError::Missing { what: "FRAGMENT with a right checksum" })?;
    let stored = Stored::parse(&decoded)?;
    // Without samples the fragment ends here; its record says how long it is,
    // in an encrypted part with what stands around it.
    let size = u64::from(stored.place.size);
    let bare = [size, size.saturating_sub(crate::crypt::AROUND_FRAGMENT)].contains(&(record.range.end - at));
    let (samples, head_end, range_end) = if bare {
        (Vec::new(), record.range.end, record.range.end)
    } else {
        let moof = take(b"moof", "moof")?;
        let mdat = take(b"mdat", "mdat")?;
        let samples = parse_moof(&moof.contents_of(source, "moof")?, moof.range.start)?;
        // Samples lie in `mdat` one behind the other and fill it.
        let filled = samples.iter().try_fold(mdat.contents, |at, s| (s.offset == at).then(|| s.range().end));
        if filled != Some(mdat.range.end) {
            return Err(FormatError::Value { what: "sample sizes", value: mdat.range.end - mdat.contents });
        }
        (samples, mdat.contents, mdat.range.end)
    };
    let found = FragmentAt { stored, flags: decoded.flags, samples, range: at..range_end };
    let head = source::read(source, at, head_end - at, MOST_HEAD, "a fragment's head")?;
    is_as_made(&found, &decoded, &head)?;
    Ok(found)
}

/// Holds what stands before the samples against what the format makes of
/// them; of a newer version's record only its length can be known.
fn is_as_made(found: &FragmentAt, record: &Record, head: &[u8]) -> Result<(), FormatError> {
    let made = moof::head(&found.stored, found.flags, &found.bare_samples());
    let own = found.stored.record(found.flags).payload.len();
    let same = if record.payload.len() == own {
        made == head
    } else {
        let (prft, record_end) = (moof::PRFT_BYTES, moof::PRFT_BYTES + 24 + 12);
        made[..prft] == head[..prft] && made[record_end + own..] == head[record_end + record.payload.len()..]
    };
    if same { Ok(()) } else { Err(FormatError::Value { what: "a box before the samples", value: found.range.start }) }
}

impl FragmentAt {
    /// The samples, with zeros for bytes.
    fn bare_samples(&self) -> Vec<Sample> {
        let zeros = bytes::Bytes::from(vec![0; self.samples.iter().map(|s| s.head.len as usize).max().unwrap_or(0)]);
        let with_data = |sample: &SampleAt| sample.with(zeros.slice(..sample.head.len as usize));
        self.samples.iter().map(with_data).collect()
    }

    /// The samples with their bytes, which are read from `source`.
    pub fn read_samples(&self, source: &dyn Source) -> Result<Vec<Sample>, FormatError> {
        let read = |sample: &SampleAt| {
            let len = u64::from(sample.head.len);
            Ok(sample.with(source::read(source, sample.offset, len, MOST_SAMPLE, "a sample")?.into()))
        };
        self.samples.iter().map(read).collect()
    }
}

/// No frame of any camera gets near.
const MOST_SAMPLE: u64 = 256 * 1024 * 1024;

impl SampleAt {
    fn with(&self, data: bytes::Bytes) -> Sample {
        let pts = self.dts.saturating_add(self.head.composition.into());
        Sample { track: self.head.track, key: self.head.key, dts: self.dts, pts, duration: self.duration, data }
    }
}

/// The group hashes of a fragment's samples, read in small pieces.
pub fn group_hashes(source: &dyn Source, samples: &[SampleAt], video: Option<u8>) -> Result<[Hash; 3], FormatError> {
    const PIECE: u64 = 256 * 1024;
    let mut hasher = GroupHasher::new(video);
    let mut buffer = Vec::new();
    for sample in samples {
        hasher.sample(&sample.head);
        let mut at = sample.offset;
        while at < sample.range().end {
            let count = PIECE.min(sample.range().end - at);
            buffer.resize(count as usize, 0);
            source.read_at(at, &mut buffer)?;
            hasher.bytes(&buffer);
            at += count;
        }
    }
    Ok(hasher.finish())
}
