//! An export is verified with nothing but itself and its manifest.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{DERIVED, FILE_NAME, Manifest, ManifestFragment, Proof, decoded, json};
use crate::fragment::{EMPTY_GROUP, Group, SampleHead, next_chain};
use crate::ledger::{Body, Entry};
use crate::matroska;
use crate::mp4::walk::SampleAt;
use crate::mp4::{uuid, walk};
use crate::names::Owner;
use crate::seal::{Removed, Seal, is_signed, key_id};
use crate::source::{self, Source};
use crate::verify::{Finding, Report, State, Why, file_hash_to, hex, trusted};
use crate::wire::Reader;
use crate::{Core, FormatError, Hash, merkle};

/// A day of half seconds with their proofs.
const MOST_MANIFEST: u64 = 512 * 1024 * 1024;

/// Verifies one exported file; the manifest beside it, or the one in it. An
/// error says that there is no manifest that could be read.
pub fn verify_export(file: &dyn Source, beside: Option<&[u8]>, pinned: Option<Hash>) -> Result<Report, FormatError> {
    let mut magic = [0; 4];
    if file.len() >= 4 {
        file.read_at(0, &mut magic)?;
    }
    let matroska = if magic == matroska::MAGIC { Some(matroska::read(file)?) } else { None };
    let (inside, bare_len) = match (beside, &matroska) {
        (Some(_), _) => (Vec::new(), Some(file.len())),
        (None, Some(contents)) => (attached(file, contents)?, None),
        (None, None) => last_box(file)?,
    };
    let raw: Value =
        serde_json::from_slice(beside.unwrap_or(&inside)).map_err(|_| FormatError::Text { what: "the manifest" })?;
    let manifest: Manifest =
        serde_json::from_value(raw.clone()).map_err(|_| FormatError::Missing { what: "a field of the manifest" })?;
    let mut export = Export::new(&manifest, pinned)?;
    export.check_signature(&raw)?;
    if let Some(len) = bare_len.filter(|_| !manifest.sha256.is_empty())
        && hex(&file_hash_to(file, len)?) != manifest.sha256
    {
        export.say(State::Changed, Why::FileHashOther, String::new());
    }
    export.check_proofs()?;
    if manifest.kind == DERIVED {
        export.derived();
    } else {
        let found = match &matroska {
            Some(contents) => export.of_blocks(contents),
            None => moofs(file)?,
        };
        export.check_samples(file, &found)?;
    }
    export.report.finish();
    Ok(export.report)
}

fn attached(file: &dyn Source, contents: &matroska::Contents) -> Result<Vec<u8>, FormatError> {
    let found = contents.attached.iter().find(|(name, _)| name == FILE_NAME);
    let (_, range) = found.ok_or(FormatError::Missing { what: "the manifest" })?;
    source::read(file, range.start, range.end - range.start, MOST_MANIFEST, "the manifest")
}

/// The manifest in the last box of an MP4, and the length of what is before.
fn last_box(file: &dyn Source) -> Result<(Vec<u8>, Option<u64>), FormatError> {
    let (mut at, end) = (0, file.len());
    while let Some(found) = walk::box_at(file, at, end)? {
        if found.range.end == end && found.is_uuid(&uuid::MANIFEST) {
            let json = source::read(file, found.contents, end - found.contents, MOST_MANIFEST, "the manifest")?;
            return Ok((json, Some(at)));
        }
        at = found.range.end;
    }
    Err(FormatError::Missing { what: "the manifest" })
}

/// The samples of each `moof`.
fn moofs(file: &dyn Source) -> Result<Vec<Vec<SampleAt>>, FormatError> {
    const MOST_MOOF: u64 = 16 * 1024 * 1024;
    let mut found = Vec::new();
    let (mut at, end) = (0, file.len());
    while let Some(next) = walk::box_at(file, at, end)? {
        if &next.name == b"moof" {
            let moof = source::read(file, next.contents, next.range.end - next.contents, MOST_MOOF, "moof")?;
            found.push(walk::parse_moof(&moof, at)?);
        }
        at = next.range.end;
    }
    Ok(found)
}

struct Named<'a> {
    core: Core,
    chain: Hash,
    of: &'a ManifestFragment,
    proved: bool,
}

struct Export<'a> {
    manifest: &'a Manifest,
    owner: Owner,
    keys: BTreeMap<Hash, [u8; 32]>,
    seals: Vec<Option<Seal>>,
    removed: Vec<Removed>,
    fragments: Vec<Named<'a>>,
    report: Report,
}

impl<'a> Export<'a> {
    fn new(manifest: &'a Manifest, pinned: Option<Hash>) -> Result<Self, FormatError> {
        let owner = Owner::new(&manifest.city, &manifest.camera);
        let mut keys = Vec::new();
        for text in &manifest.keys {
            if let Body::Key(key) = read_entry(text)?.body {
                keys.push(key);
            }
        }
        let keys = trusted(keys.iter(), &owner, pinned);
        let mut report = Report::new(&manifest.camera, pinned);
        report.city.clone_from(&manifest.city);
        report.keys = keys.keys().map(|id| hex(id)).collect();
        report.fragments = manifest.fragments.len() as u64;
        Ok(Self { manifest, owner, keys, seals: Vec::new(), removed: Vec::new(), fragments: Vec::new(), report })
    }

    fn say(&mut self, state: State, why: Why, detail: String) {
        let (file, from_us, to_us) = (&self.manifest.file, self.manifest.from_us, self.manifest.to_us);
        self.report.say(state, why, file, from_us, to_us, detail);
    }

    fn of_fragment(&mut self, core: &Core, state: State, why: Why, groups: u8, detail: String) {
        let (first, last) = (core.sequence, core.sequence);
        let (file, from_us, to_us) = (self.manifest.file.clone(), core.utc_us, core.end_us());
        self.report.findings.push(Finding { state, why, file, first, last, from_us, to_us, groups, detail });
    }

    fn check_signature(&mut self, raw: &Value) -> Result<(), FormatError> {
        const KEY: &str = "the manifest's key";
        let public: Option<[u8; 32]> = decoded(&self.manifest.public_key, KEY)?.try_into().ok();
        let signature: Option<[u8; 64]> =
            decoded(&self.manifest.signature, "the manifest's signature")?.try_into().ok();
        let (Some(public), Some(signature)) = (public, signature) else {
            return Err(FormatError::Short { what: KEY });
        };
        let id = key_id(&public);
        if hex(&id) != self.manifest.key_id || !self.keys.contains_key(&id) {
            self.say(State::Changed, Why::KeyUnknown, self.manifest.key_id.clone());
        } else if !is_signed(&public, &json::signed_bytes(raw)?, &signature) {
            self.say(State::Changed, Why::SignatureWrong, String::new());
        }
        Ok(())
    }

    fn check_proofs(&mut self) -> Result<(), FormatError> {
        let manifest = self.manifest;
        for text in &manifest.seals {
            let (stream, seal) = Seal::from_signed(&decoded(text, "a seal")?, &self.owner)?;
            let signed = self.keys.get(&seal.key_id).is_some_and(|key| seal.is_signed_by(key, &self.owner, stream));
            let counts = signed && stream == manifest.stream;
            if !counts {
                self.say(State::Changed, Why::SignatureWrong, seal.number.to_string());
            }
            self.seals.push(counts.then_some(seal));
        }
        for each in &manifest.ledger {
            self.check_entry(&read_entry(&each.record)?, each.proof.as_ref())?;
        }
        for each in &manifest.fragments {
            let raw = decoded(&each.record, "a fragment")?;
            let mut reader = Reader::new(&raw, "a fragment");
            let (core, chain) = (Core::read(&mut reader)?, reader.hash()?);
            let leaf = [&[crate::record::kind::FRAGMENT], raw.as_slice()].concat();
            let proved = match &each.proof {
                Some(proof) => self.proves(proof, &leaf)?,
                None => true,
            };
            self.fragments.push(Named { core, chain, of: each, proved });
        }
        // Pictures of a derived file are taken here and there.
        if manifest.kind != DERIVED {
            self.check_order();
        }
        Ok(())
    }

    fn check_entry(&mut self, entry: &Entry, proof: Option<&Proof>) -> Result<(), FormatError> {
        let proved = match &entry.body {
            Body::Removed(removed) => {
                let key = self.keys.get(&removed.key_id);
                let signed = entry.stream == self.manifest.stream
                    && key.is_some_and(|key| removed.is_signed_by(key, &self.owner, entry.stream));
                self.removed.extend(signed.then(|| removed.clone()));
                signed
            }
            _ => match proof {
                Some(proof) => self.proves(proof, &entry.leaf)?,
                None => false,
            },
        };
        if !proved {
            self.say(State::Changed, Why::ProofWrong, entry.number.to_string());
        }
        Ok(())
    }

    /// True where a leaf is under the root of its seal.
    fn proves(&self, proof: &Proof, leaf: &[u8]) -> Result<bool, FormatError> {
        let Some(Some(seal)) = self.seals.get(proof.seal as usize) else { return Ok(false) };
        let mut path = Vec::new();
        for text in &proof.proof {
            let hash = decoded(text, "a proof")?.try_into().map_err(|_| FormatError::Short { what: "a proof" })?;
            path.push(hash);
        }
        Ok(merkle::root_from(&merkle::leaf(leaf), proof.leaf, seal.leaves.into(), &path) == Some(seal.root))
    }

    fn removal(&self, first: u64, last: u64, groups: u8) -> Option<String> {
        let covers =
            |removed: &&Removed| removed.covers(first) && removed.covers(last) && removed.groups & groups == groups;
        self.removed.iter().find(covers).map(|removed| removed.why.clone())
    }

    /// Each fragment follows the one before, or it is said why not.
    fn check_order(&mut self) {
        let mut holes = Vec::new();
        for pair in self.fragments.windows(2) {
            let (before, each) = (&pair[0], &pair[1]);
            if next_chain(&before.chain, &each.core) != each.chain {
                let (first, last) = (before.core.sequence.saturating_add(1), each.core.sequence.saturating_sub(1));
                holes.push((first, last, before.core.end_us(), each.core.utc_us));
            }
        }
        for (first, last, from_us, to_us) in holes {
            let (state, why, detail) = match self.removal(first, last, 7) {
                Some(why) => (State::Removed, Why::RemovedBy, why),
                None => (State::Missing, Why::ChainBroken, String::new()),
            };
            let file = self.manifest.file.clone();
            self.report.findings.push(Finding { state, why, file, first, last, from_us, to_us, groups: 7, detail });
        }
    }

    fn derived(&mut self) {
        for named in std::mem::take(&mut self.fragments) {
            let (state, why) = match (&named.of.proof, named.proved) {
                (None, _) => (State::Unsealed, Why::NoSeal),
                (Some(_), true) => (State::Intact, Why::Derived),
                (Some(_), false) => (State::Changed, Why::ProofWrong),
            };
            self.of_fragment(&named.core, state, why, named.of.groups, String::new());
        }
    }

    /// Gives the blocks of each track to the fragments, with the times of the
    /// manifest. A block of another length leaves its sample without bytes.
    fn of_blocks(&mut self, contents: &matroska::Contents) -> Vec<Vec<SampleAt>> {
        let mut tracks: BTreeMap<u64, std::collections::VecDeque<&matroska::Block>> = BTreeMap::new();
        for block in &contents.blocks {
            tracks.entry(block.track).or_default().push_back(block);
        }
        let mut found = Vec::new();
        for named in &self.fragments {
            let rows = named.of.samples.iter().flatten();
            let samples = rows.map(|&(track, since_first, composition, flags, len)| {
                let block = tracks.get_mut(&u64::from(track)).and_then(std::collections::VecDeque::pop_front);
                let block = block.filter(|block| block.data.end - block.data.start == u64::from(len));
                let head =
                    SampleHead { track, since_first, composition, key: flags == 1, len: block.map_or(0, |_| len) };
                SampleAt { head, dts: 0, duration: 0, offset: block.map_or(0, |block| block.data.start) }
            });
            found.push(samples.collect());
        }
        if tracks.values().any(|left| !left.is_empty()) {
            self.say(State::Changed, Why::BlocksOther, String::new());
        }
        found
    }

    fn check_samples(&mut self, file: &dyn Source, found: &[Vec<SampleAt>]) -> Result<(), FormatError> {
        if found.len() != self.fragments.len() {
            self.say(State::Changed, Why::CountOther, found.len().to_string());
        }
        let fragments = std::mem::take(&mut self.fragments);
        let mut found = found.iter();
        for named in &fragments {
            let empty = Vec::new();
            self.check_fragment(file, named, found.next().unwrap_or(&empty))?;
        }
        Ok(())
    }

    fn check_fragment(
        &mut self,
        file: &dyn Source,
        named: &Named<'_>,
        samples: &[SampleAt],
    ) -> Result<(), FormatError> {
        let (core, left) = (&named.core, named.of.groups);
        if !named.proved {
            self.of_fragment(core, State::Changed, Why::ProofWrong, left, String::new());
            return Ok(());
        }
        let video = (core.flags & crate::fragment::FLAG_NO_VIDEO == 0).then_some(1);
        let Ok(hashes) = walk::group_hashes(file, samples, video) else {
            self.of_fragment(core, State::Changed, Why::BoxesOther, left, String::new());
            return Ok(());
        };
        // A group that is said not to be there must not be there.
        let same = Group::ALL
            .into_iter()
            .zip(hashes)
            .zip(core.groups)
            .all(|((group, own), recorded)| own == if left & group.bit() == 0 { EMPTY_GROUP } else { recorded });
        if !same {
            self.of_fragment(core, State::Changed, Why::SamplesOther, left, String::new());
            return Ok(());
        }
        let (state, why) = match named.of.proof {
            Some(_) => (State::Intact, Why::None),
            None => (State::Unsealed, Why::NoSeal),
        };
        self.of_fragment(core, state, why, left, String::new());
        for group in Group::ALL.into_iter().filter(|group| core.recorded_groups() & !left & group.bit() != 0) {
            let (state, why, detail) = match self.removal(core.sequence, core.sequence, group.bit()) {
                Some(why) => (State::Removed, Why::RemovedBy, why),
                None => (State::Missing, Why::LeftOut, String::new()),
            };
            self.of_fragment(core, state, why, group.bit(), detail);
        }
        Ok(())
    }
}

fn read_entry(text: &str) -> Result<Entry, FormatError> {
    let raw = decoded(text, "a ledger record")?;
    let split = raw.len().checked_sub(32).ok_or(FormatError::Short { what: "a ledger record" })?;
    let (leaf, chain) = raw.split_at(split);
    let mut hash = [0; 32];
    hash.copy_from_slice(chain);
    Entry::from_leaf(leaf.to_vec(), hash)
}
