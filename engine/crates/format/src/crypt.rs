//! Encrypted parts: a data key a part, wrapped by a master key; a fragment is
//! one box of AES-256-GCM.

use aes_gcm::aead::{Aead, AeadInPlace, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use bytes::Bytes;

use crate::FormatError;
use crate::fragment::Core;
use crate::mp4::uuid;
use crate::record::{Record, kind, of_kind};
use crate::wire::{Put, Reader};

/// What stands around the four boxes of a fragment: the head of the `uuid`
/// box, epoch, sequence, tag.
pub const AROUND_FRAGMENT: u64 = 24 + 12 + 16;

/// A DATAKEY record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// Of the master key.
    pub name: String,
    pub nonce: [u8; 12],
    pub wrapped: [u8; 48],
}

impl DataKey {
    #[must_use]
    pub fn record(&self) -> Record {
        let mut payload = Vec::new();
        payload.put_short(&self.name);
        payload.put(&self.nonce);
        payload.put(&self.wrapped);
        Record::new(kind::DATAKEY, 0, payload)
    }

    pub fn parse(record: &Record) -> Result<Self, FormatError> {
        let mut reader = of_kind(record, kind::DATAKEY, "DATAKEY")?;
        Ok(Self { name: reader.short_text()?, nonce: reader.array()?, wrapped: reader.array()? })
    }
}

/// The key of one part.
#[derive(Clone)]
pub struct PartKey {
    camera: String,
    key: [u8; 32],
    wrapped: DataKey,
}

// A key never gets into a log.
impl std::fmt::Debug for PartKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartKey").field("camera", &self.camera).field("master", &self.wrapped.name).finish()
    }
}

fn wrapping(camera: &str) -> Vec<u8> {
    [b"vms data key 1\0", camera.as_bytes()].concat()
}

impl PartKey {
    /// Wraps a new data key. `key` and `nonce` are random, and never used
    /// again.
    pub fn wrap(
        camera: &str,
        name: &str,
        master: &[u8; 32],
        key: [u8; 32],
        nonce: [u8; 12],
    ) -> Result<Self, FormatError> {
        let payload = Payload { msg: &key, aad: &wrapping(camera) };
        let wrapped = Aes256Gcm::new(master.into())
            .encrypt(Nonce::from_slice(&nonce), payload)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(FormatError::Sealed { what: "a data key" })?;
        Ok(Self { camera: camera.to_owned(), key, wrapped: DataKey { name: name.to_owned(), nonce, wrapped } })
    }

    /// Opens a part's key with the master key of that name.
    pub fn unwrap(camera: &str, wrapped: DataKey, master: &[u8; 32]) -> Result<Self, FormatError> {
        let payload = Payload { msg: &wrapped.wrapped, aad: &wrapping(camera) };
        let key = Aes256Gcm::new(master.into())
            .decrypt(Nonce::from_slice(&wrapped.nonce), payload)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(FormatError::Sealed { what: "a data key" })?;
        Ok(Self { camera: camera.to_owned(), key, wrapped })
    }

    /// The same data key under another master key: what a rotation writes.
    pub fn rewrap(&self, name: &str, master: &[u8; 32], nonce: [u8; 12]) -> Result<Self, FormatError> {
        Self::wrap(&self.camera, name, master, self.key, nonce)
    }

    #[must_use]
    pub fn record(&self) -> Record {
        self.wrapped.record()
    }

    fn associated(&self, epoch: u32, sequence: u64) -> Vec<u8> {
        let mut out = self.camera.as_bytes().to_vec();
        out.put_u8(0);
        out.put_u32(epoch);
        out.put_u64(sequence);
        out
    }

    /// The `uuid` box of a fragment whose four boxes are `head` and `samples`.
    pub fn seal_fragment(&self, core: &Core, head: Vec<u8>, samples: &[Bytes]) -> Result<Bytes, FormatError> {
        let plain = head.len() + samples.iter().map(Bytes::len).sum::<usize>();
        let size = plain as u64 + AROUND_FRAGMENT;
        let mut out = Vec::with_capacity(size as usize);
        out.put_u32(u32::try_from(size).map_err(|_| FormatError::Large { what: "fragment", bytes: size })?);
        out.put(b"uuid");
        out.put(&uuid::ENCRYPTED);
        out.put_u32(core.epoch);
        out.put_u64(core.sequence);
        let begins = out.len();
        out.put(&head);
        samples.iter().for_each(|sample| out.put(sample));
        let tag = Aes256Gcm::new(&self.key.into())
            .encrypt_in_place_detached(
                Nonce::from_slice(&nonce(core.sequence)),
                &self.associated(core.epoch, core.sequence),
                &mut out[begins..],
            )
            .map_err(|_| FormatError::Sealed { what: "a fragment" })?;
        out.put(&tag);
        Ok(out.into())
    }

    /// The four boxes of an encrypted fragment, from what stands in its
    /// `uuid` box behind the type.
    pub fn open_fragment(&self, contents: &[u8]) -> Result<Vec<u8>, FormatError> {
        let mut reader = Reader::new(contents, "encrypted fragment");
        let (epoch, sequence) = (reader.u32()?, reader.u64()?);
        let payload = Payload { msg: reader.rest(), aad: &self.associated(epoch, sequence) };
        Aes256Gcm::new(&self.key.into())
            .decrypt(Nonce::from_slice(&nonce(sequence)), payload)
            .map_err(|_| FormatError::Sealed { what: "a fragment" })
    }
}

fn nonce(sequence: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&sequence.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core() -> Core {
        Core {
            sequence: 3,
            epoch: 1,
            utc_us: 0,
            error_us: 0,
            duration_us: 0,
            camera_offset_ms: 0,
            flags: 0,
            key_sequence: 0,
            tracks: Vec::new(),
            groups: [[0; 32]; 3],
        }
    }

    #[test]
    fn a_fragment_opens_with_its_own_key_and_every_changed_bit_is_found() {
        let key = PartKey::wrap("gate", "m1", &[1; 32], [2; 32], [3; 12]).expect("wraps");
        let sealed = key.seal_fragment(&core(), b"head".to_vec(), &[Bytes::from_static(b"data")]).expect("seals");
        assert_eq!(sealed.len() as u64, 8 + AROUND_FRAGMENT);
        let wrapped = DataKey::parse(&key.record()).expect("a record");
        let again = PartKey::unwrap("gate", wrapped.clone(), &[1; 32]).expect("unwraps");
        assert_eq!(again.open_fragment(&sealed[24..]), Ok(b"headdata".to_vec()));
        for bit in 0..(sealed.len() - 24) * 8 {
            let mut changed = sealed[24..].to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(again.open_fragment(&changed).is_err(), "bit {bit}");
        }
        assert!(PartKey::unwrap("yard", wrapped.clone(), &[1; 32]).is_err());
        assert!(PartKey::unwrap("gate", wrapped, &[9; 32]).is_err());
    }

    #[test]
    fn a_rotation_keeps_the_fragments_and_the_size() {
        let key = PartKey::wrap("gate", "m1", &[1; 32], [2; 32], [3; 12]).expect("wraps");
        let rotated = key.rewrap("m2", &[5; 32], [6; 12]).expect("wraps");
        assert_eq!(rotated.record().encode().len(), key.record().encode().len());
        let sealed = key.seal_fragment(&core(), b"head".to_vec(), &[]).expect("seals");
        assert_eq!(rotated.open_fragment(&sealed[24..]), Ok(b"head".to_vec()));
        assert!(!format!("{rotated:?}").contains('2'.to_string().repeat(3).as_str()));
    }
}
