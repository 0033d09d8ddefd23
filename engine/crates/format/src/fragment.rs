//! The FRAGMENT record: what a fragment is (its core), where it lies, and the
//! hashes and the chain that prove it.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::FormatError;
use crate::record::{Record, kind, of_kind};
use crate::sha256;
use crate::wire::{Put, Reader};

pub type Hash = [u8; 32];

/// The hash of a group without samples.
pub const EMPTY_GROUP: Hash = [0; 32];

pub const FLAG_KEY: u16 = 1;
pub const FLAG_LOST: u16 = 2;
pub const FLAG_NO_VIDEO: u16 = 4;

pub const ERROR_UNKNOWN: u32 = u32::MAX;
pub const OFFSET_UNKNOWN: i32 = i32::MIN;

/// The groups of samples that can be removed one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Key,
    Video,
    Audio,
}

impl Group {
    pub const ALL: [Self; 3] = [Self::Key, Self::Video, Self::Audio];

    /// Its bit in REMOVED and in a manifest.
    #[must_use]
    pub fn bit(self) -> u8 {
        match self {
            Self::Key => 1,
            Self::Video => 2,
            Self::Audio => 4,
        }
    }

    #[must_use]
    pub fn of(is_video: bool, key: bool) -> Self {
        match (is_video, key) {
            (true, true) => Self::Key,
            (true, false) => Self::Video,
            (false, _) => Self::Audio,
        }
    }
}

/// One sample of a fragment. Decode times are those of the part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Of the file: 1 is the video, where there is one.
    pub track: u8,
    pub key: bool,
    pub dts: i64,
    pub pts: i64,
    pub duration: u32,
    pub data: Bytes,
}

impl Sample {
    /// As it is hashed in a fragment whose first decode time of the track is
    /// `first_dts`.
    #[must_use]
    pub fn head(&self, first_dts: i64) -> SampleHead {
        SampleHead {
            track: self.track,
            since_first: self.dts.wrapping_sub(first_dts) as u32,
            composition: self.pts.wrapping_sub(self.dts) as i32,
            key: self.key,
            len: self.data.len() as u32,
        }
    }
}

/// What the fragmenter hands on: half a second of samples, track by track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    pub utc_us: i64,
    pub error_us: u32,
    pub duration_us: u32,
    /// [`FLAG_KEY`], [`FLAG_LOST`], [`FLAG_NO_VIDEO`].
    pub flags: u16,
    pub samples: Vec<Sample>,
}

impl Fragment {
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.samples.iter().map(|sample| sample.data.len() as u64).sum()
    }

    #[must_use]
    pub fn has_key(&self) -> bool {
        self.flags & FLAG_KEY != 0
    }
}

/// A track in a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackStart {
    pub id: u8,
    pub samples: u32,
    /// In the track's timescale.
    pub first_dts: i64,
}

/// What a fragment is, wherever it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    pub sequence: u64,
    pub epoch: u32,
    pub utc_us: i64,
    pub error_us: u32,
    pub duration_us: u32,
    pub camera_offset_ms: i32,
    pub flags: u16,
    pub key_sequence: u64,
    pub tracks: Vec<TrackStart>,
    /// Group hashes, in the order of [`Group::ALL`].
    pub groups: [Hash; 3],
}

impl Core {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        out.put_u64(self.sequence);
        out.put_u32(self.epoch);
        out.put_i64(self.utc_us);
        out.put_u32(self.error_us);
        out.put_u32(self.duration_us);
        out.put_i32(self.camera_offset_ms);
        out.put_u16(self.flags);
        out.put_u64(self.key_sequence);
        out.put_u8(self.tracks.len() as u8);
        for track in &self.tracks {
            out.put_u8(track.id);
            out.put_u32(track.samples);
            out.put_i64(track.first_dts);
        }
        self.groups.iter().for_each(|hash| out.put(hash));
        out
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let mut core = Self {
            sequence: reader.u64()?,
            epoch: reader.u32()?,
            utc_us: reader.i64()?,
            error_us: reader.u32()?,
            duration_us: reader.u32()?,
            camera_offset_ms: reader.i32()?,
            flags: reader.u16()?,
            key_sequence: reader.u64()?,
            tracks: Vec::new(),
            groups: [EMPTY_GROUP; 3],
        };
        for _ in 0..reader.u8()? {
            core.tracks.push(TrackStart { id: reader.u8()?, samples: reader.u32()?, first_dts: reader.i64()? });
        }
        for hash in &mut core.groups {
            *hash = reader.hash()?;
        }
        Ok(core)
    }

    #[must_use]
    pub fn end_us(&self) -> i64 {
        self.utc_us.saturating_add(self.duration_us.into())
    }

    #[must_use]
    pub fn has_key(&self) -> bool {
        self.flags & FLAG_KEY != 0
    }

    /// Bits of the groups that had samples when it was recorded.
    #[must_use]
    pub fn recorded_groups(&self) -> u8 {
        let there = Group::ALL.iter().zip(&self.groups).filter(|(_, hash)| **hash != EMPTY_GROUP);
        there.map(|(group, _)| group.bit()).sum()
    }
}

/// Where a fragment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub part: u16,
    pub offset: u64,
    pub size: u32,
}

/// A whole FRAGMENT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub core: Core,
    pub chain: Hash,
    pub place: Place,
}

impl Stored {
    #[must_use]
    pub fn record(&self, flags: u16) -> Record {
        let mut payload = self.core.encode();
        payload.put(&self.chain);
        payload.put_u16(self.place.part);
        payload.put_u64(self.place.offset);
        payload.put_u32(self.place.size);
        Record::new(kind::FRAGMENT, flags, payload)
    }

    pub fn parse(record: &Record) -> Result<Self, FormatError> {
        let mut reader = of_kind(record, kind::FRAGMENT, "FRAGMENT")?;
        let core = Core::read(&mut reader)?;
        let chain = reader.hash()?;
        let place = Place { part: reader.u16()?, offset: reader.u64()?, size: reader.u32()? };
        Ok(Self { core, chain, place })
    }

    /// The leaf of the Merkle tree: `type ‖ core ‖ chain`.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let mut leaf = vec![kind::FRAGMENT];
        leaf.extend(self.core.encode());
        leaf.extend(self.chain);
        leaf
    }
}

/// The chain that the first fragment of a stream follows.
#[must_use]
pub fn first_chain(camera: &str, stream: u8) -> Hash {
    sha256(&[b"vms chain 1", &[0], camera.as_bytes(), &[0], &[stream]])
}

#[must_use]
pub fn next_chain(before: &Hash, core: &Core) -> Hash {
    sha256(&[before, &core.encode()])
}

/// One sample as it is hashed, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleHead {
    pub track: u8,
    /// Decode time less the track's first one in this fragment.
    pub since_first: u32,
    pub composition: i32,
    pub key: bool,
    pub len: u32,
}

/// Group hashes in the making. Samples come in the order of the tracks' ids,
/// within a track in the order of decoding; bytes come in any pieces.
pub struct GroupHasher {
    video_track: Option<u8>,
    groups: [Option<Sha256>; 3],
    current: usize,
}

impl GroupHasher {
    #[must_use]
    pub fn new(video_track: Option<u8>) -> Self {
        Self { video_track, groups: [None, None, None], current: 0 }
    }

    /// Begins a sample; its bytes follow.
    pub fn sample(&mut self, head: &SampleHead) {
        self.current = Group::of(Some(head.track) == self.video_track, head.key) as usize;
        let mut fixed = [0; 14];
        fixed[0] = head.track;
        fixed[1..5].copy_from_slice(&head.since_first.to_be_bytes());
        fixed[5..9].copy_from_slice(&head.composition.to_be_bytes());
        fixed[9] = u8::from(head.key);
        fixed[10..].copy_from_slice(&head.len.to_be_bytes());
        self.groups[self.current].get_or_insert_default().update(fixed);
    }

    pub fn bytes(&mut self, data: &[u8]) {
        if let Some(hasher) = &mut self.groups[self.current] {
            hasher.update(data);
        }
    }

    #[must_use]
    pub fn finish(self) -> [Hash; 3] {
        self.groups.map(|hasher| hasher.map_or(EMPTY_GROUP, |hasher| hasher.finalize().into()))
    }
}

/// The tracks of a fragment's samples, which stand track by track.
#[must_use]
pub fn tracks_of(samples: &[Sample]) -> Vec<TrackStart> {
    let mut tracks: Vec<TrackStart> = Vec::new();
    for sample in samples {
        match tracks.last_mut() {
            Some(track) if track.id == sample.track => track.samples += 1,
            _ => tracks.push(TrackStart { id: sample.track, samples: 1, first_dts: sample.dts }),
        }
    }
    tracks
}

/// The tracks and group hashes of a fragment's samples.
#[must_use]
pub fn prove(samples: &[Sample], video_track: Option<u8>) -> (Vec<TrackStart>, [Hash; 3]) {
    let tracks = tracks_of(samples);
    let mut hasher = GroupHasher::new(video_track);
    let mut rest = samples;
    for track in &tracks {
        let (own, others) = rest.split_at(track.samples as usize);
        rest = others;
        for sample in own {
            hasher.sample(&sample.head(track.first_dts));
            hasher.bytes(&sample.data);
        }
    }
    (tracks, hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Stored {
        let core = Core {
            sequence: 9,
            epoch: 2,
            utc_us: -5,
            error_us: ERROR_UNKNOWN,
            duration_us: 480_000,
            camera_offset_ms: OFFSET_UNKNOWN,
            flags: FLAG_KEY | FLAG_LOST,
            key_sequence: 9,
            tracks: vec![
                TrackStart { id: 1, samples: 12, first_dts: 0 },
                TrackStart { id: 2, samples: 3, first_dts: 7 },
            ],
            groups: [[1; 32], EMPTY_GROUP, [3; 32]],
        };
        Stored { core, chain: [4; 32], place: Place { part: 1, offset: 1 << 33, size: 77 } }
    }

    #[test]
    fn a_record_comes_back_and_what_follows_is_passed_over() {
        let stored = stored();
        let mut record = stored.record(0);
        assert_eq!(Stored::parse(&record), Ok(stored.clone()));
        record.payload.extend([1, 2, 3]);
        assert_eq!(Stored::parse(&record), Ok(stored.clone()));
        record.payload.truncate(60);
        assert_eq!(Stored::parse(&record), Err(FormatError::Short { what: "FRAGMENT" }));
        assert_eq!(stored.core.recorded_groups(), 5);
    }

    #[test]
    fn the_chain_depends_on_camera_stream_and_every_core() {
        let first = first_chain("gate", 0);
        assert_ne!(first, first_chain("gate", 1));
        assert_ne!(first, first_chain("gat", 0));
        let mut core = stored().core;
        let chain = next_chain(&first, &core);
        core.flags ^= FLAG_LOST;
        assert_ne!(chain, next_chain(&first, &core));
    }

    #[test]
    fn a_group_hash_is_that_of_its_samples_alone() {
        let sample = |track, key, dts, data: &'static [u8]| Sample {
            track,
            key,
            dts,
            pts: dts + 2,
            duration: 1,
            data: Bytes::from_static(data),
        };
        let all = [sample(1, true, 100, b"ab"), sample(1, false, 103, b"c"), sample(2, true, 50, b"d")];
        let (tracks, hashes) = prove(&all, Some(1));
        assert_eq!(
            tracks.iter().map(|t| (t.id, t.samples, t.first_dts)).collect::<Vec<_>>(),
            [(1, 2, 100), (2, 1, 50)]
        );
        let expected = |bytes: &[u8]| sha256(&[bytes]);
        assert_eq!(hashes[0], expected(b"\x01\0\0\0\0\0\0\0\x02\x01\0\0\0\x02ab"));
        assert_eq!(hashes[1], expected(b"\x01\0\0\0\x03\0\0\0\x02\0\0\0\0\x01c"));
        assert_eq!(hashes[2], expected(b"\x02\0\0\0\0\0\0\0\x02\x01\0\0\0\x01d"));
        assert_eq!(prove(&all[2..], None).1[..2], [EMPTY_GROUP; 2]);
    }
}
