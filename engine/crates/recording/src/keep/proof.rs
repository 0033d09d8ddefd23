//! Verifying what lies on the disks, and signing what is given away with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use vms_format::names::{FileKind, Name, is_camera};
use vms_format::time::hour_of;
use vms_format::verify::{Options, Report, Signer, State, Tree, Why, verify};
use vms_format::{Hash, Source, SourceError};
use vms_hub::{StreamKey, StreamName};

use crate::calls::{Answer, CallError, CallKind};
use crate::io::Disk;
use crate::read::part::masters_in;
use crate::read::stream_number;
use crate::service::Recording;
use crate::write::keys::Vouched;
use crate::write::volume::hex;

use super::book;
use super::holds::unknown;
use super::keeper::Keeping;

/// Findings of one answer.
const MOST_FINDINGS: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    camera: String,
    stream: StreamName,
    from_us: i64,
    to_us: i64,
    /// The key that is trusted: its fingerprint, in hexadecimal.
    #[serde(default)]
    pin: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub code: String,
    pub file: String,
    pub at_us: i64,
    pub detail: String,
}

#[derive(Serialize)]
struct VerifyReport {
    /// Nothing is missing or changed; what is not sealed yet is counted.
    intact: bool,
    signer_known: bool,
    fragments: u64,
    seals: usize,
    unsealed: u64,
    rebuilt: u64,
    removed: u64,
    keys: Vec<String>,
    findings: Vec<Finding>,
}

/// A file that is open only while it is read: a month has thousands.
struct Closed {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// When it was found: what is appended later is not looked at.
    len: u64,
}

impl Source for Closed {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let read = self.disk.open(&self.path).and_then(|file| file.read_at(offset, buffer));
        match read {
            Ok(read) if read == buffer.len() => Ok(()),
            Ok(_) => Err(SourceError(format!("{} ends early", self.path.display()))),
            Err(error) => Err(SourceError(format!("{}: {error}", self.path.display()))),
        }
    }
}

/// What is signed for the steering side, each with its own words in front, so that
/// no signature serves for anything else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Signable {
    /// The list of the files in the archive of a case.
    Case,
}

impl Signable {
    fn prefix(&self) -> &'static [u8] {
        match self {
            Self::Case => b"vms-enterprise case archive 1\0",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignRequest {
    kind: Signable,
    /// In hexadecimal.
    sha256: String,
}

#[derive(Serialize)]
struct Signed {
    /// Key id, in hexadecimal.
    key: String,
    /// Of the prefix and the 32 bytes: URL-safe base 64 without padding.
    signature: String,
    /// The last one signed.
    keys: Vec<Vouched>,
}

fn hash(what: &str, text: &str) -> Result<Hash, CallError> {
    let digits = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digits).collect();
    let hash = bytes.and_then(|bytes| bytes.try_into().ok());
    hash.ok_or_else(|| CallError::new(CallKind::Invalid, "invalid", format!("{what} is 64 hexadecimal digits")))
}

/// The master keys that are there, by their names.
fn masters(folder: &Path) -> BTreeMap<String, [u8; 32]> {
    let read = masters_in(folder.to_owned());
    let names = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        Some(name.strip_prefix("master-")?.strip_suffix(".key")?.to_owned())
    });
    names.filter_map(|name| read(&name).map(|key| (name, key))).collect()
}

impl Keeping {
    /// The files of a stream in a time, each as long as it is now.
    fn files(&self, asked: &VerifyRequest) -> BTreeMap<String, Closed> {
        let stream = stream_number(asked.stream);
        let hours = hour_of(asked.from_us).saturating_sub(1)..=hour_of(asked.to_us);
        let mut found = BTreeMap::new();
        let key = StreamKey::new(&asked.camera, asked.stream);
        let handle = self.logs.stream(&key);
        // Nothing of the part that is open grows while the sizes are taken.
        let _still = handle.as_ref().map(|handle| handle.log.lock());
        let mut stock = super::stock::Stock::default();
        stock.list_camera(&self.context.everywhere, &asked.camera);
        for files in stock.0.values() {
            if files.id.stream != stream || !hours.contains(&files.id.hour) {
                continue;
            }
            for kind in files.sizes.keys().filter(|kind| **kind != FileKind::Thumb) {
                let path = files.path(*kind);
                let len = files.volume.disk.open(&path).and_then(|file| file.size());
                let Ok(len) = len else { continue };
                let name = Name { camera: asked.camera.clone(), kind: *kind, part: Some(files.id) }.path();
                found.insert(name, Closed { disk: files.volume.disk.clone(), path, len });
            }
        }
        let places = book::places(&self.context.volumes, &self.context.ledger_copies, &asked.camera);
        let ledgers = places.into_iter().filter_map(|(path, disk)| {
            let len = disk.open(&path).and_then(|file| file.size()).ok()?;
            Some(Closed { disk, path, len })
        });
        // The one that knows most.
        if let Some(ledger) = ledgers.max_by_key(|ledger| ledger.len) {
            found.insert(Name { camera: asked.camera.clone(), kind: FileKind::Ledger, part: None }.path(), ledger);
        }
        found
    }

    fn verify(&self, asked: &VerifyRequest) -> Result<VerifyReport, CallError> {
        if !is_camera(&asked.camera) {
            return Err(unknown(&asked.camera));
        }
        let files = self.files(asked);
        if files.is_empty() {
            return Err(unknown(&asked.camera));
        }
        let tree: Tree<'_> = files.iter().map(|(name, file)| (name.clone(), file as &dyn Source)).collect();
        let options = Options {
            pinned: asked.pin.as_deref().map(|pin| hash("verify: pin", pin)).transpose()?,
            masters: masters(self.context.keys.folder()),
            hours: Some(hour_of(asked.from_us)..=hour_of(asked.to_us.saturating_sub(1).max(asked.from_us))),
            stream: Some(stream_number(asked.stream)),
        };
        let report = verify(&asked.camera, &tree, &options).map_err(|error| {
            CallError::new(CallKind::Unavailable, "recording_unreadable", format!("camera {}: {error}", asked.camera))
        })?;
        let hours = options.hours.as_ref();
        let sealed = self.book(&asked.camera, false).map_or(0, |book| {
            let own = |(stream, hour): &&(u8, u32)| {
                *stream == stream_number(asked.stream) && hours.is_some_and(|hours| hours.contains(hour))
            };
            book.seals.iter().filter(own).count()
        });
        Ok(told(&report, sealed))
    }
}

/// Younger than the last seal is nothing wrong.
fn is_young(finding: &vms_format::verify::Finding) -> bool {
    finding.state == State::Unsealed && finding.why == Why::NoSeal
}

fn word<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_value(value).ok();
    text.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
}

fn told(report: &Report, seals: usize) -> VerifyReport {
    let count = |state: State| -> u64 {
        let own = report.findings.iter().filter(|f| f.state == state && f.first > 0);
        own.map(|f| f.last - f.first + 1).sum()
    };
    let worth = report.findings.iter().filter(|f| !matches!(f.state, State::Intact | State::Rebuilt) && !is_young(f));
    let finding = |f: &vms_format::verify::Finding| Finding {
        code: word(&f.state),
        file: f.file.clone(),
        at_us: f.from_us,
        detail: format!("{} {}", word(&f.why), f.detail).trim().to_owned(),
    };
    VerifyReport {
        intact: report.bad().all(is_young),
        signer_known: report.signer == Signer::Pinned,
        fragments: report.fragments,
        seals,
        unsealed: count(State::Unsealed),
        rebuilt: count(State::Rebuilt),
        removed: count(State::Removed),
        findings: worth.take(MOST_FINDINGS).map(finding).collect(),
        keys: report.keys.clone(),
    }
}

impl Recording {
    pub fn sign(&self, asked: &SignRequest) -> Result<Answer, CallError> {
        let digest = hash("sign: sha256", &asked.sha256)?;
        let (key, keys) = self.context.keys.led().map_err(|error| {
            CallError::new(CallKind::Unavailable, "volume_failed", format!("the keys cannot be read: {error}"))
        })?;
        let signature = key.sign(&[asked.kind.prefix(), &digest].concat());
        Answer::of(&Signed { key: hex(&key.id()), signature: URL_SAFE_NO_PAD.encode(signature), keys })
    }

    pub fn verify(&self, asked: &VerifyRequest) -> Result<Answer, CallError> {
        Answer::of(&self.keeping().verify(asked)?)
    }
}
