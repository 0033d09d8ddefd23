//! What is signed: seals, removals, keys. Ed25519, with the camera's name in
//! front, so that no signature serves for another.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::ledger::Entry;
use crate::names::Owner;
use crate::wire::{Put, Reader};
use crate::{FormatError, Hash, Stored, merkle, sha256};

/// A seal's kind: of what was recorded in order.
pub const FINAL: u8 = 1;
/// For an export inside the hour; the next seal covers the same again.
pub const INTERIM: u8 = 2;
/// Of what lay unsealed after a crash.
pub const AFTER_CRASH: u8 = 3;

/// `H(public key)`: the fingerprint by which people pin a key.
#[must_use]
pub fn key_id(public: &[u8; 32]) -> Hash {
    sha256(&[public])
}

/// A key that signs.
#[derive(Clone)]
pub struct SealingKey(SigningKey);

impl SealingKey {
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    #[must_use]
    pub fn id(&self) -> Hash {
        key_id(&self.public())
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// True where `signature` is that of `message` by `public`.
#[must_use]
pub fn is_signed(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

fn signed_prefix(title: &str, owner: &Owner) -> Vec<u8> {
    let mut out = title.as_bytes().to_vec();
    for text in [&owner.city, &owner.camera] {
        out.put_u8(0);
        out.put(text.as_bytes());
    }
    out.put_u8(0);
    out
}

/// The body of a SEAL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    pub number: u64,
    pub hour: u32,
    pub hours: u32,
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub fragments: u32,
    pub leaves: u32,
    pub root: Hash,
    pub chain: Hash,
    pub before: Hash,
    pub kind: u8,
    pub key_id: Hash,
    pub signature: [u8; 64],
}

impl Seal {
    fn write_signed(&self, out: &mut Vec<u8>) {
        out.put_u64(self.number);
        out.put_u32(self.hour);
        out.put_u32(self.hours);
        out.put_u64(self.first_sequence);
        out.put_u64(self.last_sequence);
        out.put_u32(self.fragments);
        out.put_u32(self.leaves);
        out.put(&self.root);
        out.put(&self.chain);
        out.put(&self.before);
        out.put_u8(self.kind);
        out.put(&self.key_id);
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.write_signed(out);
        out.put(&self.signature);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            number: reader.u64()?,
            hour: reader.u32()?,
            hours: reader.u32()?,
            first_sequence: reader.u64()?,
            last_sequence: reader.u64()?,
            fragments: reader.u32()?,
            leaves: reader.u32()?,
            root: reader.hash()?,
            chain: reader.hash()?,
            before: reader.hash()?,
            kind: reader.u8()?,
            key_id: reader.hash()?,
            signature: reader.array()?,
        })
    }

    #[must_use]
    pub fn signed_bytes(&self, owner: &Owner, stream: u8) -> Vec<u8> {
        let mut out = signed_prefix("vms seal 1", owner);
        out.put_u8(stream);
        self.write_signed(&mut out);
        out
    }

    /// Reads signed bytes and the signature behind them, as a manifest has
    /// them; with the stream. They must be of `owner`.
    pub fn from_signed(data: &[u8], owner: &Owner) -> Result<(u8, Self), FormatError> {
        let prefix = signed_prefix("vms seal 1", owner);
        let rest =
            data.strip_prefix(prefix.as_slice()).ok_or(FormatError::Missing { what: "the camera's name in a seal" })?;
        let mut reader = Reader::new(rest, "seal");
        let stream = reader.u8()?;
        let seal = Self::read(&mut reader)?;
        match reader.rest().len() {
            0 => Ok((stream, seal)),
            more => Err(FormatError::Large { what: "seal", bytes: more as u64 }),
        }
    }

    #[must_use]
    pub fn is_signed_by(&self, public: &[u8; 32], owner: &Owner, stream: u8) -> bool {
        key_id(public) == self.key_id && is_signed(public, &self.signed_bytes(owner, stream), &self.signature)
    }

    /// `H` of the signed bytes and the signature: what the next seal names.
    #[must_use]
    pub fn hash(&self, owner: &Owner, stream: u8) -> Hash {
        sha256(&[&self.signed_bytes(owner, stream), &self.signature])
    }
}

/// The body of a REMOVED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub groups: u8,
    pub reason: u16,
    pub count: u32,
    pub bytes: u64,
    pub from_us: i64,
    pub to_us: i64,
    pub by: String,
    pub why: String,
    /// Merkle root over the FRAGMENT leaves removed.
    pub root: Hash,
    pub key_id: Hash,
    pub signature: [u8; 64],
}

impl Removed {
    fn write_signed(&self, out: &mut Vec<u8>) {
        out.put_u64(self.first_sequence);
        out.put_u64(self.last_sequence);
        out.put_u8(self.groups);
        out.put_u16(self.reason);
        out.put_u32(self.count);
        out.put_u64(self.bytes);
        out.put_i64(self.from_us);
        out.put_i64(self.to_us);
        out.put_short(&self.by);
        out.put_long(&self.why);
        out.put(&self.root);
        out.put(&self.key_id);
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.write_signed(out);
        out.put(&self.signature);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            first_sequence: reader.u64()?,
            last_sequence: reader.u64()?,
            groups: reader.u8()?,
            reason: reader.u16()?,
            count: reader.u32()?,
            bytes: reader.u64()?,
            from_us: reader.i64()?,
            to_us: reader.i64()?,
            by: reader.short_text()?,
            why: reader.long_text()?,
            root: reader.hash()?,
            key_id: reader.hash()?,
            signature: reader.array()?,
        })
    }

    fn signed_bytes(&self, owner: &Owner, stream: u8) -> Vec<u8> {
        let mut out = signed_prefix("vms removed 1", owner);
        out.put_u8(stream);
        self.write_signed(&mut out);
        out
    }

    /// Signs; key id and signature are set.
    #[must_use]
    pub fn signed(mut self, key: &SealingKey, owner: &Owner, stream: u8) -> Self {
        self.key_id = key.id();
        self.signature = key.sign(&self.signed_bytes(owner, stream));
        self
    }

    #[must_use]
    pub fn is_signed_by(&self, public: &[u8; 32], owner: &Owner, stream: u8) -> bool {
        key_id(public) == self.key_id && is_signed(public, &self.signed_bytes(owner, stream), &self.signature)
    }

    #[must_use]
    pub fn covers(&self, sequence: u64) -> bool {
        (self.first_sequence..=self.last_sequence).contains(&sequence)
    }
}

/// The body of a KEY: a key comes into use, signed by the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub key_id: Hash,
    pub public: [u8; 32],
    pub signer_id: Hash,
    pub signature: [u8; 64],
}

impl Key {
    /// A key that `signer` vouches for; the first one vouches for itself.
    #[must_use]
    pub fn signed(public: [u8; 32], signer: &SealingKey, owner: &Owner) -> Self {
        let mut key = Self { key_id: key_id(&public), public, signer_id: signer.id(), signature: [0; 64] };
        key.signature = signer.sign(&key.signed_bytes(owner));
        key
    }

    fn write_signed(&self, out: &mut Vec<u8>) {
        out.put(&self.key_id);
        out.put(&self.public);
        out.put(&self.signer_id);
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.write_signed(out);
        out.put(&self.signature);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            key_id: reader.hash()?,
            public: reader.array()?,
            signer_id: reader.hash()?,
            signature: reader.array()?,
        })
    }

    fn signed_bytes(&self, owner: &Owner) -> Vec<u8> {
        let mut out = signed_prefix("vms key 1", owner);
        self.write_signed(&mut out);
        out
    }

    #[must_use]
    pub fn is_signed_by(&self, signer: &[u8; 32], owner: &Owner) -> bool {
        key_id(signer) == self.signer_id
            && key_id(&self.public) == self.key_id
            && is_signed(signer, &self.signed_bytes(owner), &self.signature)
    }
}

/// What lies unsealed of one stream, and what its next seal follows.
#[derive(Clone, Debug)]
pub struct Unsealed {
    owner: Owner,
    stream: u8,
    number: u64,
    before: Hash,
    chain: Hash,
    ledger: Vec<Hash>,
    fragments: Vec<Hash>,
    first_sequence: u64,
    last_sequence: u64,
}

impl Unsealed {
    /// Behind the stream's last seal that is not interim; `chain` is that of
    /// its last fragment, or the first one's.
    #[must_use]
    pub fn after(owner: &Owner, stream: u8, last: Option<&Seal>, chain: Hash) -> Self {
        Self {
            owner: owner.clone(),
            stream,
            number: last.map_or(0, |seal| seal.number),
            before: last.map_or([0; 32], |seal| seal.hash(owner, stream)),
            chain,
            ledger: Vec::new(),
            fragments: Vec::new(),
            first_sequence: 0,
            last_sequence: 0,
        }
    }

    /// Takes a record of the stream that seals cover; others are left out.
    pub fn add_entry(&mut self, entry: &Entry) {
        if entry.stream == self.stream && entry.body.is_sealed() {
            self.ledger.push(merkle::leaf(&entry.leaf));
        }
    }

    pub fn add_fragment(&mut self, stored: &Stored) {
        if self.fragments.is_empty() {
            self.first_sequence = stored.core.sequence;
        }
        self.last_sequence = stored.core.sequence;
        self.chain = stored.chain;
        self.fragments.push(merkle::leaf(&stored.leaf()));
    }

    #[must_use]
    pub fn fragments(&self) -> usize {
        self.fragments.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty() && self.ledger.is_empty()
    }

    /// The leaf hashes in the order of the tree.
    #[must_use]
    pub fn leaves(&self) -> Vec<Hash> {
        self.ledger.iter().chain(&self.fragments).copied().collect()
    }

    /// Seals what is held. A final one empties it, an interim one does not.
    pub fn seal(&mut self, key: &SealingKey, kind: u8, hour: u32, hours: u32) -> Seal {
        let leaves = self.leaves();
        let mut seal = Seal {
            number: self.number + 1,
            hour,
            hours,
            first_sequence: self.first_sequence,
            last_sequence: self.last_sequence,
            fragments: self.fragments.len() as u32,
            leaves: leaves.len() as u32,
            root: merkle::root(&leaves),
            chain: self.chain,
            before: self.before,
            kind,
            key_id: key.id(),
            signature: [0; 64],
        };
        seal.signature = key.sign(&seal.signed_bytes(&self.owner, self.stream));
        if kind != INTERIM {
            *self = Self::after(&self.owner, self.stream, Some(&seal), self.chain);
        }
        seal
    }
}
