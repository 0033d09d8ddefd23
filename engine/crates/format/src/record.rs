//! Records: length, type, version, flags, payload, checksum. Reading goes on
//! behind what is torn.

use std::ops::Range;

use crate::names::{Owner, PartId, WHOLE_CAMERA};
use crate::source::{Source, SourceError, Window};
use crate::wire::{Put, Reader};
use crate::{FormatError, Hash};

/// What an index and a ledger begin with.
pub const MAGIC: &[u8; 8] = b"VMSIDX1\n";
pub const VERSION: u8 = 1;
/// Flag of a record that was made again from the video.
pub const REBUILT: u16 = 1;

const SMALLEST: usize = 12;
const LARGEST: usize = 65_536;

/// The types of records.
pub mod kind {
    pub const HEADER: u8 = 1;
    pub const FRAGMENT: u8 = 2;
    pub const CLOSE: u8 = 3;
    pub const DATAKEY: u8 = 4;
    pub const CONFIG: u8 = 16;
    pub const GAP: u8 = 17;
    pub const CLOCK: u8 = 18;
    pub const SEAL: u8 = 19;
    pub const HOLD: u8 = 20;
    pub const REMOVED: u8 = 21;
    pub const KEY: u8 = 22;
    pub const RESERVE: u8 = 23;
}

/// One record, checked by its checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: u8,
    pub version: u8,
    pub flags: u16,
    pub payload: Vec<u8>,
}

impl Record {
    #[must_use]
    pub fn new(kind: u8, flags: u16, payload: Vec<u8>) -> Self {
        Self { kind, version: VERSION, flags, payload }
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.payload.len() <= LARGEST - SMALLEST, "no record is built longer than allowed");
        let mut out = Vec::with_capacity(SMALLEST + self.payload.len());
        out.put_u32((SMALLEST + self.payload.len()) as u32);
        out.put_u8(self.kind);
        out.put_u8(self.version);
        out.put_u16(self.flags);
        out.put(&self.payload);
        let sum = crc32c(&out);
        out.put_u32(sum);
        out
    }

    /// Reads the record at the front of `data`, which may go on behind it;
    /// with its length.
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<(Self, usize)> {
        let len = plausible(data)?;
        let (head, sum) = data.get(..len)?.split_at(len - 4);
        if crc32c(head).to_be_bytes() != sum {
            return None;
        }
        let flags = u16::from_be_bytes([head[6], head[7]]);
        Some((Self { kind: head[4], version: head[5], flags, payload: head[8..].to_vec() }, len))
    }

    #[must_use]
    pub fn is_rebuilt(&self) -> bool {
        self.flags & REBUILT != 0
    }
}

/// The length that stands at the front of `data`, where it can be one.
fn plausible(data: &[u8]) -> Option<usize> {
    let len = u32::from_be_bytes(data.get(..4)?.try_into().ok()?) as usize;
    (SMALLEST..=LARGEST).contains(&len).then_some(len)
}

/// What an index or a ledger holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// False where the file does not begin as it must.
    pub magic: bool,
    /// Records of this version in their order, with the offset of each.
    pub records: Vec<(u64, Record)>,
    /// Bytes that are no whole record with a right checksum.
    pub torn: Vec<Range<u64>>,
}

/// Bytes that are tried for a record behind one torn place. A file that was
/// made to waste time is given up after them.
const RESYNC_BUDGET: usize = 64 * 1024 * 1024;

/// Reads all records of an index or a ledger.
pub fn scan(source: &dyn Source) -> Result<Scan, SourceError> {
    let mut window = Window::new(source);
    let end = window.len();
    let magic = window.up_to(0, MAGIC.len() as u64)? == MAGIC;
    let mut found = Scan { magic, ..Scan::default() };
    let mut at = if magic { MAGIC.len() as u64 } else { 0 };
    let mut torn_from = (!magic && end > 0).then_some(0);
    let mut budget = RESYNC_BUDGET;
    while at < end {
        let (record, tried) = record_at(&mut window, at)?;
        if let Some((record, len)) = record {
            found.torn.extend(torn_from.take().map(|from| from..at));
            if record.version == VERSION {
                found.records.push((at, record));
            }
            at += len as u64;
            budget = RESYNC_BUDGET;
            continue;
        }
        torn_from.get_or_insert(at);
        match budget.checked_sub(tried + 1) {
            Some(left) => budget = left,
            None => break,
        }
        at += 1;
    }
    found.torn.extend(torn_from.map(|from| from..end));
    Ok(found)
}

/// The record at `at`, and how many bytes were summed to find out.
fn record_at(window: &mut Window<'_>, at: u64) -> Result<(Option<(Record, usize)>, usize), SourceError> {
    let Some(len) = plausible(window.up_to(at, 4)?) else {
        return Ok((None, 0));
    };
    Ok((Record::decode(window.up_to(at, len as u64)?), len))
}

/// What a file's first record says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub owner: Owner,
    /// `None` in a ledger.
    pub part: Option<PartId>,
}

impl Header {
    #[must_use]
    pub fn record(&self, flags: u16) -> Record {
        let mut payload = Vec::new();
        payload.put_u8(if self.part.is_some() { 1 } else { 2 });
        payload.put_short(&self.owner.city);
        payload.put_short(&self.owner.camera);
        let part = self.part.unwrap_or(PartId { hour: 0, part: 0, stream: WHOLE_CAMERA });
        payload.put_u8(part.stream);
        payload.put_u32(part.hour);
        payload.put_u16(part.part);
        Record::new(kind::HEADER, flags, payload)
    }

    pub fn parse(record: &Record) -> Result<Self, FormatError> {
        let mut reader = of_kind(record, kind::HEADER, "HEADER")?;
        let what = reader.u8()?;
        let owner = Owner { city: reader.short_text()?, camera: reader.short_text()? };
        let (stream, hour, part) = (reader.u8()?, reader.u32()?, reader.u16()?);
        let part = match what {
            1 => Some(PartId { hour, part, stream }),
            2 => None,
            other => return Err(FormatError::Value { what: "kind in HEADER", value: other.into() }),
        };
        Ok(Self { owner, part })
    }
}

/// The part was ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    pub count: u32,
    pub size: u64,
    pub sha256: Hash,
}

impl Close {
    #[must_use]
    pub fn record(&self) -> Record {
        let mut payload = Vec::new();
        payload.put_u32(self.count);
        payload.put_u64(self.size);
        payload.put(&self.sha256);
        Record::new(kind::CLOSE, 0, payload)
    }

    pub fn parse(record: &Record) -> Result<Self, FormatError> {
        let mut reader = of_kind(record, kind::CLOSE, "CLOSE")?;
        Ok(Self { count: reader.u32()?, size: reader.u64()?, sha256: reader.hash()? })
    }
}

pub(crate) fn of_kind<'a>(record: &'a Record, kind: u8, what: &'static str) -> Result<Reader<'a>, FormatError> {
    if record.kind != kind {
        return Err(FormatError::Value { what, value: record.kind.into() });
    }
    Ok(Reader::new(&record.payload, what))
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

static CRC_TABLE: [u32; 256] = crc_table();

/// CRC-32C (Castagnoli), as in RFC 3720.
#[must_use]
pub fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| crc >> 8 ^ CRC_TABLE[usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(records: &[Record]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        records.iter().for_each(|record| out.extend(record.encode()));
        out
    }

    fn some_records() -> Vec<Record> {
        (0..5u8).map(|n| Record::new(40 + n, 0, vec![n; usize::from(n) * 7])).collect()
    }

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn records_come_back_and_unknown_ones_too() {
        let records = some_records();
        let found = scan(&file(&records)).expect("reads");
        assert!(found.magic && found.torn.is_empty());
        assert_eq!(found.records.iter().map(|(_, record)| record.clone()).collect::<Vec<_>>(), records);
    }

    #[test]
    fn reading_goes_on_behind_any_changed_byte() {
        let records = some_records();
        let whole = file(&records);
        let starts: Vec<u64> = scan(&whole).expect("reads").records.iter().map(|(at, _)| *at).collect();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            let found = scan(&changed).expect("reads");
            let hit = starts.iter().rposition(|&start| start <= at as u64);
            let expected: Vec<u64> =
                starts.iter().enumerate().filter(|(n, _)| Some(*n) != hit).map(|(_, start)| *start).collect();
            assert_eq!(found.records.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected, "byte {at}");
            assert!(found.torn.iter().any(|range| range.contains(&(at as u64))), "byte {at}");
        }
    }

    #[test]
    fn a_file_that_wastes_time_is_given_up() {
        // Each fourth byte begins a plausible length of 65535.
        let hostile: Vec<u8> = [0u8, 0, 0xff, 0xff].repeat(100_000);
        let found = scan(&hostile).expect("reads");
        assert!(found.records.is_empty() && !found.magic);
        assert_eq!(found.torn.first(), Some(&(0..400_000)));
    }

    #[test]
    fn headers_and_closes_come_back() {
        let owner = Owner::new("são-luís", "gate");
        for part in [None, Some(PartId { hour: 7, part: 3, stream: 1 })] {
            let header = Header { owner: owner.clone(), part };
            assert_eq!(Header::parse(&header.record(0)), Ok(header));
        }
        let close = Close { count: 3, size: 1 << 40, sha256: [7; 32] };
        assert_eq!(Close::parse(&close.record()), Ok(close));
        assert!(Close::parse(&Header { owner, part: None }.record(0)).is_err());
    }
}
