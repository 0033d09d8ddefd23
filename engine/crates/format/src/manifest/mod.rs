//! The manifest of an export: what it was made from, with all that proves it.

mod check;
mod json;

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

pub use check::verify_export;

use crate::fragment::SampleHead;
use crate::ledger::{Entry, Gap};
use crate::merkle::{self, Tree};
use crate::names::Owner;
use crate::seal::{Seal, SealingKey};
use crate::verify::hex;
use crate::{FormatError, Hash, Stored};

pub const FORMAT: &str = "vms manifest 1";
pub const ORIGINAL: &str = "original";
pub const DERIVED: &str = "derived";
/// Its name beside the files, and attached in Matroska.
pub const FILE_NAME: &str = "manifest.json";

/// Track, decode time less the first, presentation less decode, flags, length.
pub type SampleRow = (u8, u32, i32, u8, u32);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFragment {
    /// Base64 of `core ‖ chain`.
    pub record: String,
    /// Absent where leaves of its seal are not there any more.
    #[serde(flatten)]
    pub proof: Option<Proof>,
    pub groups: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Vec<SampleRow>>,
}

/// Where a leaf is, and what leads from it to its seal's root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub seal: u32,
    pub leaf: u64,
    pub proof: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Base64 of `type ‖ number … body ‖ chain`.
    pub record: String,
    #[serde(flatten)]
    pub proof: Option<Proof>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestGap {
    pub from_us: i64,
    pub to_us: i64,
    pub reason: u16,
    pub values: String,
}

/// The JSON of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub city: String,
    pub camera: String,
    pub stream: u8,
    pub from_us: i64,
    pub to_us: i64,
    pub exported_us: i64,
    pub by: String,
    pub why: String,
    /// [`ORIGINAL`] or [`DERIVED`].
    pub kind: String,
    pub file: String,
    /// Of the file, in hexadecimal; empty where the manifest is inside
    /// Matroska.
    pub sha256: String,
    pub key_id: String,
    pub public_key: String,
    pub fragments: Vec<ManifestFragment>,
    pub seals: Vec<String>,
    pub ledger: Vec<ManifestEntry>,
    pub keys: Vec<String>,
    pub gaps: Vec<ManifestGap>,
    pub signature: String,
}

/// What people say of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub from_us: i64,
    pub to_us: i64,
    pub exported_us: i64,
    pub by: String,
    pub why: String,
    pub file: String,
    pub derived: bool,
}

/// Gathers what a manifest holds: a seal, or several, then what they prove.
#[derive(Debug)]
pub struct Maker {
    manifest: Manifest,
    owner: Owner,
    trees: Vec<Tree>,
    /// Which seal a leaf is under, and where.
    places: HashMap<Hash, (usize, usize)>,
}

impl Maker {
    #[must_use]
    pub fn new(owner: &Owner, stream: u8, about: About) -> Self {
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            city: owner.city.clone(),
            camera: owner.camera.clone(),
            stream,
            from_us: about.from_us,
            to_us: about.to_us,
            exported_us: about.exported_us,
            by: about.by,
            why: about.why,
            kind: if about.derived { DERIVED } else { ORIGINAL }.to_owned(),
            file: about.file,
            sha256: String::new(),
            key_id: String::new(),
            public_key: String::new(),
            fragments: Vec::new(),
            seals: Vec::new(),
            ledger: Vec::new(),
            keys: Vec::new(),
            gaps: Vec::new(),
            signature: String::new(),
        };
        Self { manifest, owner: owner.clone(), trees: Vec::new(), places: HashMap::new() }
    }

    /// A seal with the hashes of all its leaves, in their order.
    pub fn seal(&mut self, seal: &Seal, leaves: Vec<Hash>) -> Result<(), FormatError> {
        let tree = Tree::new(leaves);
        if tree.root() != seal.root {
            return Err(FormatError::Missing { what: "a leaf of the seal" });
        }
        let mut signed = seal.signed_bytes(&self.owner, self.manifest.stream);
        signed.extend(seal.signature);
        self.manifest.seals.push(STANDARD.encode(signed));
        let seal = self.trees.len();
        for (at, leaf) in tree.leaves().iter().enumerate() {
            self.places.entry(*leaf).or_insert((seal, at));
        }
        self.trees.push(tree);
        Ok(())
    }

    /// The leaves of the seals so far prove nothing more: what they take is
    /// given back.
    pub fn forget_leaves(&mut self) {
        self.places.clear();
        self.trees.iter_mut().for_each(|tree| *tree = Tree::new(Vec::new()));
    }

    /// A fragment of the export; `samples` where the container rounds times.
    /// One that is under no seal that was given has no proof but its chain.
    pub fn fragment(&mut self, stored: &Stored, groups: u8, samples: Option<&[SampleHead]>) {
        let mut record = stored.core.encode();
        record.extend(stored.chain);
        let row = |head: &SampleHead| (head.track, head.since_first, head.composition, u8::from(head.key), head.len);
        self.manifest.fragments.push(ManifestFragment {
            record: STANDARD.encode(record),
            proof: self.prove(&merkle::leaf(&stored.leaf())),
            groups,
            samples: samples.map(|samples| samples.iter().map(row).collect()),
        });
    }

    /// A CONFIG or GAP of the stream, or a REMOVED. False where it is under no
    /// seal that was given: then it is left out.
    pub fn entry(&mut self, entry: &Entry) -> bool {
        let proof = self.prove(&merkle::leaf(&entry.leaf)).filter(|_| entry.body.is_sealed());
        let fits = proof.is_some() || !entry.body.is_sealed();
        self.manifest.ledger.extend(fits.then(|| ManifestEntry { record: encoded(entry), proof }));
        fits
    }

    pub fn key(&mut self, entry: &Entry) {
        self.manifest.keys.push(encoded(entry));
    }

    pub fn gap(&mut self, gap: &Gap) {
        let Gap { from_us, to_us, reason, .. } = *gap;
        self.manifest.gaps.push(ManifestGap { from_us, to_us, reason, values: gap.values.clone() });
    }

    fn prove(&self, leaf: &Hash) -> Option<Proof> {
        let &(seal, index) = self.places.get(leaf)?;
        let path = self.trees.get(seal)?.proof(index)?;
        let proof = path.iter().map(|hash| STANDARD.encode(hash)).collect();
        Some(Proof { seal: seal as u32, leaf: index as u64, proof })
    }

    /// Signs, as [`Manifest::signed`].
    pub fn sign(self, key: &SealingKey, sha256: Option<Hash>) -> Result<Manifest, FormatError> {
        self.manifest.signed(key, sha256)
    }
}

impl Manifest {
    /// Signs; `sha256` is that of the file, or of what is before the manifest
    /// in it; none where that is inside Matroska.
    pub fn signed(mut self, key: &SealingKey, sha256: Option<Hash>) -> Result<Self, FormatError> {
        self.sha256 = sha256.map_or_else(String::new, |hash| hex(&hash));
        self.key_id = hex(&key.id());
        self.public_key = STANDARD.encode(key.public());
        let value = serde_json::to_value(&self).map_err(|_| FormatError::Text { what: "a manifest" })?;
        self.signature = STANDARD.encode(key.sign(&json::signed_bytes(&value)?));
        Ok(self)
    }

    /// As it is written into a file.
    pub fn to_json(&self) -> Result<Vec<u8>, FormatError> {
        serde_json::to_vec(self).map_err(|_| FormatError::Text { what: "a manifest" })
    }
}

fn encoded(entry: &Entry) -> String {
    STANDARD.encode([entry.leaf.as_slice(), &entry.chain].concat())
}

pub(crate) fn decoded(text: &str, what: &'static str) -> Result<Vec<u8>, FormatError> {
    STANDARD.decode(text).map_err(|_| FormatError::Text { what })
}
