//! What verifying says.

use serde::Serialize;

use crate::Hash;

/// What is the matter with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it was recorded, by a seal.
    Intact,
    /// As it was recorded; its index was made again from the video.
    Rebuilt,
    /// By a signed record.
    Removed,
    /// Younger than the last seal, or what proves it is not there.
    Unsealed,
    /// Encrypted, and no key was given: its record is genuine, its video was
    /// not looked at.
    Unread,
    Missing,
    Changed,
    /// A REMOVED over a span under a HOLD in force.
    AgainstHold,
}

impl State {
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Intact | Self::Rebuilt | Self::Removed)
    }
}

/// Why something is in its state; its code in JSON is its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    None,
    FileMissing,
    FileTorn,
    HeaderOther,
    NotInIndex,
    RecordsMissing,
    LedgerChain,
    KeyUnknown,
    SignatureWrong,
    SealsMissing,
    SealBeforeOther,
    ChainBroken,
    ChainUnknown,
    SealEndOther,
    RootOther,
    NoSeal,
    NotExplained,
    BoxesOther,
    RecordOther,
    SamplesOther,
    TagWrong,
    NoKey,
    FileHashOther,
    CountOther,
    SumsOther,
    RemovedBy,
    TimesOther,
    ProofWrong,
    LeftOut,
    BlocksOther,
    Derived,
}

/// One state of something, where and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub state: State,
    pub why: Why,
    /// Below `cameras`.
    pub file: String,
    /// Sequences; 0 where no fragment is meant.
    pub first: u64,
    pub last: u64,
    pub from_us: i64,
    pub to_us: i64,
    /// Bits of [`crate::fragment::Group`].
    pub groups: u8,
    /// Bytes, numbers of records, or the words of who removed it.
    pub detail: String,
}

/// Whether the keys lead to one that the caller trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    Pinned,
    Unknown,
}

/// All findings about one camera, or one export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub city: String,
    pub camera: String,
    pub signer: Signer,
    /// Fingerprints of the keys that signed, in hexadecimal.
    pub keys: Vec<String>,
    /// All is as it was recorded, or was removed by a signed record.
    pub genuine: bool,
    /// Fragments that were looked at.
    pub fragments: u64,
    pub findings: Vec<Finding>,
    /// Files that the format does not know: left alone.
    pub strangers: Vec<String>,
}

impl Report {
    pub(crate) fn new(camera: &str, pinned: Option<Hash>) -> Self {
        Self {
            city: String::new(),
            camera: camera.to_owned(),
            signer: if pinned.is_some() { Signer::Pinned } else { Signer::Unknown },
            keys: Vec::new(),
            genuine: false,
            fragments: 0,
            findings: Vec::new(),
            strangers: Vec::new(),
        }
    }

    pub(crate) fn say(&mut self, state: State, why: Why, file: &str, from_us: i64, to_us: i64, detail: String) {
        let file = file.to_owned();
        self.findings.push(Finding { state, why, file, first: 0, last: 0, from_us, to_us, groups: 7, detail });
    }

    /// True where something is wrong with a file.
    pub(crate) fn blames(&self, file: &str) -> bool {
        self.findings.iter().any(|finding| finding.file == file && !finding.state.is_good())
    }

    /// Makes one of neighbours that say the same, and the sum of all.
    pub(crate) fn finish(&mut self) {
        let mut merged: Vec<Finding> = Vec::new();
        for next in self.findings.drain(..) {
            match merged.last_mut() {
                Some(last) if last.goes_on_with(&next) => {
                    (last.last, last.to_us) = (next.last, last.to_us.max(next.to_us));
                }
                _ => merged.push(next),
            }
        }
        self.findings = merged;
        self.genuine = self.findings.iter().all(|finding| finding.state.is_good());
    }

    /// What is not good.
    pub fn bad(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.state.is_good())
    }
}

impl Finding {
    fn goes_on_with(&self, next: &Self) -> bool {
        self.last > 0
            && next.first == self.last + 1
            && (self.state, self.why, self.groups) == (next.state, next.why, next.groups)
            && (&self.file, &self.detail) == (&next.file, &next.detail)
    }
}

pub(crate) fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}
