//! The ledger: what happened to a camera's recordings, in one chain.

use bytes::Bytes;

use crate::names::Owner;
use crate::record::{Header, MAGIC, Record, kind};
use crate::seal::{Key, Removed, Seal};
use crate::wire::{Put, Reader};
use crate::{FormatError, Hash, sha256};

/// Why something is not there, or was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u16)]
pub enum Reason {
    CameraOff = 1,
    Network = 2,
    WrongPassword = 3,
    NoVideo = 4,
    DiskSlow = 5,
    DiskFull = 6,
    DiskFullHeld = 7,
    PowerOrCrash = 8,
    Maintenance = 9,
    Schedule = 10,
    Operator = 11,
    Retention = 12,
    ErasedByLaw = 13,
    Clock = 14,
    Upstream = 15,
    Thinning = 16,
    DiskFailed = 17,
    NotSupported = 18,
}

impl Reason {
    pub const ALL: [Self; 18] = [
        Self::CameraOff,
        Self::Network,
        Self::WrongPassword,
        Self::NoVideo,
        Self::DiskSlow,
        Self::DiskFull,
        Self::DiskFullHeld,
        Self::PowerOrCrash,
        Self::Maintenance,
        Self::Schedule,
        Self::Operator,
        Self::Retention,
        Self::ErasedByLaw,
        Self::Clock,
        Self::Upstream,
        Self::Thinning,
        Self::DiskFailed,
        Self::NotSupported,
    ];

    #[must_use]
    pub fn code(self) -> u16 {
        self as u16
    }

    /// `None` for the code of a newer version.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigTrack {
    pub id: u8,
    /// The name of its sample entry.
    pub codec: String,
    pub timescale: u32,
    pub width: u16,
    pub height: u16,
    pub channels: u8,
}

/// A part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub epoch: u32,
    pub part: u16,
    pub hour: u32,
    pub first_sequence: u64,
    /// Of decode time 0.
    pub origin_us: i64,
    pub tracks: Vec<ConfigTrack>,
    pub encrypted: bool,
    pub software: String,
}

/// Nothing was recorded in a time, for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from_us: i64,
    pub to_us: i64,
    /// The next fragment's, 0 for none yet.
    pub before_sequence: u64,
    /// 0 for not known.
    pub frames: u32,
    /// A [`Reason`] code, or that of a newer version.
    pub reason: u16,
    /// A JSON object, or empty.
    pub values: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// 1 step, 2 sync lost, 3 sync back.
    pub reason: u8,
    pub before_us: i64,
    pub after_us: i64,
    pub error_us: u32,
    pub epoch: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub hold: String,
    pub on: bool,
    pub from_us: i64,
    pub to_us: i64,
    pub by: String,
    pub why: String,
}

/// What a ledger record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Config(Config),
    Gap(Gap),
    Clock(Clock),
    Seal(Seal),
    Hold(Hold),
    Removed(Removed),
    Key(Key),
    /// No sequence above it was used.
    Reserve {
        up_to: u64,
    },
    /// Of a newer version, with its type.
    Unknown(u8),
}

impl Body {
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Config(_) => kind::CONFIG,
            Self::Gap(_) => kind::GAP,
            Self::Clock(_) => kind::CLOCK,
            Self::Seal(_) => kind::SEAL,
            Self::Hold(_) => kind::HOLD,
            Self::Removed(_) => kind::REMOVED,
            Self::Key(_) => kind::KEY,
            Self::Reserve { .. } => kind::RESERVE,
            Self::Unknown(kind) => *kind,
        }
    }

    /// True for what a seal of its stream covers.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Config(_) | Self::Gap(_) | Self::Clock(_))
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Config(config) => config.write(out),
            Self::Gap(gap) => gap.write(out),
            Self::Clock(clock) => clock.write(out),
            Self::Seal(seal) => seal.write(out),
            Self::Hold(hold) => hold.write(out),
            Self::Removed(removed) => removed.write(out),
            Self::Key(key) => key.write(out),
            Self::Reserve { up_to } => out.put_u64(*up_to),
            Self::Unknown(_) => {}
        }
    }

    fn read(kind: u8, reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(match kind {
            kind::CONFIG => Self::Config(Config::read(reader)?),
            kind::GAP => Self::Gap(Gap::read(reader)?),
            kind::CLOCK => Self::Clock(Clock::read(reader)?),
            kind::SEAL => Self::Seal(Seal::read(reader)?),
            kind::HOLD => Self::Hold(Hold::read(reader)?),
            kind::REMOVED => Self::Removed(Removed::read(reader)?),
            kind::KEY => Self::Key(Key::read(reader)?),
            kind::RESERVE => Self::Reserve { up_to: reader.u64()? },
            other => Self::Unknown(other),
        })
    }
}

impl Config {
    fn write(&self, out: &mut Vec<u8>) {
        out.put_u32(self.epoch);
        out.put_u16(self.part);
        out.put_u32(self.hour);
        out.put_u64(self.first_sequence);
        out.put_i64(self.origin_us);
        out.put_u8(self.tracks.len() as u8);
        for track in &self.tracks {
            out.put_u8(track.id);
            out.put_short(&track.codec);
            out.put_u32(track.timescale);
            out.put_u16(track.width);
            out.put_u16(track.height);
            out.put_u8(track.channels);
        }
        out.put_u8(self.encrypted.into());
        out.put_short(&self.software);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let (epoch, part, hour) = (reader.u32()?, reader.u16()?, reader.u32()?);
        let (first_sequence, origin_us) = (reader.u64()?, reader.i64()?);
        let mut tracks = Vec::new();
        for _ in 0..reader.u8()? {
            tracks.push(ConfigTrack {
                id: reader.u8()?,
                codec: reader.short_text()?,
                timescale: reader.u32()?,
                width: reader.u16()?,
                height: reader.u16()?,
                channels: reader.u8()?,
            });
        }
        let encrypted = reader.u8()? != 0;
        Ok(Self { epoch, part, hour, first_sequence, origin_us, tracks, encrypted, software: reader.short_text()? })
    }
}

impl Gap {
    fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(self.from_us);
        out.put_i64(self.to_us);
        out.put_u64(self.before_sequence);
        out.put_u32(self.frames);
        out.put_u16(self.reason);
        out.put_long(&self.values);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            from_us: reader.i64()?,
            to_us: reader.i64()?,
            before_sequence: reader.u64()?,
            frames: reader.u32()?,
            reason: reader.u16()?,
            values: reader.long_text()?,
        })
    }
}

impl Clock {
    fn write(&self, out: &mut Vec<u8>) {
        out.put_u8(self.reason);
        out.put_i64(self.before_us);
        out.put_i64(self.after_us);
        out.put_u32(self.error_us);
        out.put_u32(self.epoch);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            reason: reader.u8()?,
            before_us: reader.i64()?,
            after_us: reader.i64()?,
            error_us: reader.u32()?,
            epoch: reader.u32()?,
        })
    }
}

impl Hold {
    fn write(&self, out: &mut Vec<u8>) {
        out.put_short(&self.hold);
        out.put_u8(self.on.into());
        out.put_i64(self.from_us);
        out.put_i64(self.to_us);
        out.put_short(&self.by);
        out.put_long(&self.why);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            hold: reader.short_text()?,
            on: reader.u8()? != 0,
            from_us: reader.i64()?,
            to_us: reader.i64()?,
            by: reader.short_text()?,
            why: reader.long_text()?,
        })
    }
}

/// One ledger record, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub number: u64,
    pub utc_us: i64,
    pub stream: u8,
    pub body: Body,
    pub chain: Hash,
    /// `type ‖ number … body`: what the chain and the seals are over.
    pub leaf: Vec<u8>,
}

impl Entry {
    /// Reads a record with the ledger's frame (types 16 to 24).
    pub fn parse(record: &Record) -> Result<Self, FormatError> {
        const WHAT: &str = "ledger record";
        if !(16..=24).contains(&record.kind) {
            return Err(FormatError::Value { what: WHAT, value: record.kind.into() });
        }
        let content = record.payload.len().checked_sub(32).ok_or(FormatError::Short { what: WHAT })?;
        let (content, chain) = record.payload.split_at(content);
        let mut leaf = vec![record.kind];
        leaf.extend_from_slice(content);
        Self::from_leaf(leaf, Reader::new(chain, WHAT).hash()?)
    }

    /// Reads `type ‖ number … body` and the chain behind it.
    pub fn from_leaf(leaf: Vec<u8>, chain: Hash) -> Result<Self, FormatError> {
        let mut reader = Reader::new(&leaf, "ledger record");
        let kind = reader.u8()?;
        let (number, utc_us, stream) = (reader.u64()?, reader.i64()?, reader.u8()?);
        let body = Body::read(kind, &mut reader)?;
        Ok(Self { number, utc_us, stream, body, chain, leaf })
    }

    /// The chain this record must carry behind `before`.
    #[must_use]
    pub fn chain_after(&self, before: &Hash) -> Hash {
        sha256(&[before, &self.leaf])
    }
}

/// The chain that the first record of a ledger follows.
#[must_use]
pub fn first_chain(owner: &Owner) -> Hash {
    sha256(&[b"vms ledger 1", &[0], owner.city.as_bytes(), &[0], owner.camera.as_bytes()])
}

/// Appends to one camera's ledger: holds its last number and chain.
#[derive(Clone, Debug)]
pub struct LedgerWriter {
    owner: Owner,
    number: u64,
    chain: Hash,
}

impl LedgerWriter {
    #[must_use]
    pub fn new(owner: Owner) -> Self {
        let chain = first_chain(&owner);
        Self { owner, number: 0, chain }
    }

    /// Goes on behind the last record of what was read.
    #[must_use]
    pub fn after(owner: Owner, last: Option<&Entry>) -> Self {
        match last {
            Some(entry) => Self { owner, number: entry.number, chain: entry.chain },
            None => Self::new(owner),
        }
    }

    /// What a new ledger file begins with.
    #[must_use]
    pub fn head(&self) -> Bytes {
        let mut out = MAGIC.to_vec();
        out.extend(Header { owner: self.owner.clone(), part: None }.record(0).encode());
        out.into()
    }

    /// The next record: its bytes for the file, and as it will be read.
    pub fn append(&mut self, utc_us: i64, stream: u8, body: Body) -> (Bytes, Entry) {
        self.number += 1;
        let kind = body.kind();
        let mut leaf = vec![kind];
        leaf.put_u64(self.number);
        leaf.put_i64(utc_us);
        leaf.put_u8(stream);
        body.write(&mut leaf);
        self.chain = sha256(&[&self.chain, &leaf]);
        let mut payload = leaf[1..].to_vec();
        payload.put(&self.chain);
        let bytes = Record::new(kind, 0, payload).encode().into();
        (bytes, Entry { number: self.number, utc_us, stream, body, chain: self.chain, leaf })
    }

    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

/// A ledger's records with the ledger's frame, in their order. What cannot
/// be read as one although its checksum is right is told by its offset.
#[must_use]
pub fn entries(records: &[(u64, Record)]) -> (Vec<(u64, Entry)>, Vec<u64>) {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for (at, record) in records.iter().filter(|(_, record)| (16..=24).contains(&record.kind)) {
        match Entry::parse(record) {
            Ok(entry) => found.push((*at, entry)),
            Err(_) => unreadable.push(*at),
        }
    }
    (found, unreadable)
}
