//! The bytes of a part: what is appended to its video file and to its index.

use bytes::Bytes;

use crate::crypt::PartKey;
use crate::fragment::{Core, Fragment, Place, Stored, first_chain, next_chain, prove};
use crate::mp4::{init, moof, uuid, uuid_box};
use crate::names::{Owner, PartId};
use crate::record::{Close, Header, MAGIC};
use crate::track::TrackConfig;
use crate::{FormatError, Hash, Sample};

/// What goes on from part to part of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    pub next_sequence: u64,
    /// Of the last fragment written.
    pub chain: Hash,
    /// The last fragment that begins with a key frame; 0 for none.
    pub key_sequence: u64,
}

impl StreamState {
    /// Of a stream that was never recorded.
    #[must_use]
    pub fn new(camera: &str, stream: u8) -> Self {
        Self { next_sequence: 1, chain: first_chain(camera, stream), key_sequence: 0 }
    }
}

/// One fragment, ready to be written: `head`, then `samples`, behind one
/// another at `stored.place.offset`.
#[derive(Clone, Debug)]
pub struct Written {
    pub head: Bytes,
    pub samples: Vec<Bytes>,
    /// For the index.
    pub record: Bytes,
    pub stored: Stored,
}

impl Written {
    /// All bytes for the video file, in their order.
    pub fn slices(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.head).chain(&self.samples)
    }
}

/// Builds one part: knows where its next fragment goes.
#[derive(Debug)]
pub struct PartWriter {
    part: PartId,
    epoch: u32,
    video_track: Option<u8>,
    init: Bytes,
    index_head: Bytes,
    key: Option<PartKey>,
    offset: u64,
    count: u32,
}

impl PartWriter {
    #[must_use]
    pub fn new(owner: &Owner, part: PartId, epoch: u32, tracks: &[TrackConfig], key: Option<PartKey>) -> Self {
        let header = Header { owner: owner.clone(), part: Some(part) }.record(0).encode();
        let video_track = tracks.iter().find(|track| track.is_video()).map(|track| track.id);
        Self { epoch, ..Self::anew(owner, part, &init::init(tracks, &header), video_track, key) }
    }

    /// A part that is made from another one by [`Self::again`]: `boxes` are
    /// its `ftyp` and `moov`. An encrypted one takes a new `key`.
    #[must_use]
    pub fn anew(owner: &Owner, part: PartId, boxes: &[u8], video_track: Option<u8>, key: Option<PartKey>) -> Self {
        let header = Header { owner: owner.clone(), part: Some(part) }.record(0).encode();
        let mut init = boxes.to_vec();
        let mut index_head = MAGIC.to_vec();
        index_head.extend(&header);
        if let Some(key) = &key {
            let record = key.record().encode();
            init.extend(uuid_box(&uuid::DATAKEY, &record));
            index_head.extend(&record);
        }
        let offset = init.len() as u64;
        let (init, index_head) = (init.into(), index_head.into());
        Self { part, epoch: 0, video_track, init, index_head, key, offset, count: 0 }
    }

    /// What the video file begins with.
    #[must_use]
    pub fn init(&self) -> Bytes {
        self.init.clone()
    }

    /// What the index begins with.
    #[must_use]
    pub fn index_head(&self) -> Bytes {
        self.index_head.clone()
    }

    #[must_use]
    pub fn part(&self) -> PartId {
        self.part
    }

    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Bytes of the video file so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.offset
    }

    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The next fragment; takes its number from `stream` and moves that on.
    pub fn fragment(
        &mut self,
        fragment: Fragment,
        camera_offset_ms: i32,
        stream: &mut StreamState,
    ) -> Result<Written, FormatError> {
        let sequence = stream.next_sequence;
        let (tracks, groups) = prove(&fragment.samples, self.video_track);
        let core = Core {
            sequence,
            epoch: self.epoch,
            utc_us: fragment.utc_us,
            error_us: fragment.error_us,
            duration_us: fragment.duration_us,
            camera_offset_ms,
            flags: fragment.flags,
            key_sequence: if fragment.has_key() { sequence } else { stream.key_sequence },
            tracks,
            groups,
        };
        let chain = next_chain(&stream.chain, &core);
        let place = Place { part: self.part.part, offset: self.offset, size: 0 };
        let stored = Stored { core, chain, place };
        let written = self.lay_out(stored, &fragment.samples)?;
        stream.next_sequence += 1;
        stream.chain = chain;
        stream.key_sequence = written.stored.core.key_sequence;
        self.offset += u64::from(written.stored.place.size);
        self.count += 1;
        Ok(written)
    }

    /// A fragment of another part as it stands in this one (thinned, moved,
    /// encrypted): the same core and chain at a new place. `samples` are those
    /// that stay, with the durations they had; without any, `moof` and `mdat`
    /// go too.
    pub fn again(&mut self, core: Core, chain: Hash, samples: &[Sample]) -> Result<Written, FormatError> {
        let place = Place { part: self.part.part, offset: self.offset, size: 0 };
        let written = self.lay_out(Stored { core, chain, place }, samples)?;
        self.offset += u64::from(written.stored.place.size);
        self.count += 1;
        Ok(written)
    }

    fn lay_out(&self, mut stored: Stored, samples: &[Sample]) -> Result<Written, FormatError> {
        let around = if self.key.is_some() { crate::crypt::AROUND_FRAGMENT } else { 0 };
        let data: u64 = samples.iter().map(|sample| sample.data.len() as u64).sum();
        // The record has the same length whatever size stands in it.
        let size = moof::head(&stored, 0, samples).len() as u64 + data + around;
        stored.place.size = u32::try_from(size).map_err(|_| FormatError::Large { what: "fragment", bytes: size })?;
        let head = moof::head(&stored, 0, samples);
        let record = stored.record(0).encode();
        let samples: Vec<Bytes> = samples.iter().map(|sample| sample.data.clone()).collect();
        let (head, samples) = match &self.key {
            None => (head.into(), samples),
            Some(key) => (key.seal_fragment(&stored.core, head, &samples)?, Vec::new()),
        };
        Ok(Written { head, samples, record: record.into(), stored })
    }

    /// The record that ends the index in order; `sha256` is that of the whole
    /// video file.
    #[must_use]
    pub fn close(&self, sha256: Hash) -> Bytes {
        Close { count: self.count, size: self.offset, sha256 }.record().encode().into()
    }
}
