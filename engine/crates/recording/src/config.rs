//! What recording is told: its configuration at start, and what is wished of
//! each camera. Unknown keys are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusty_s3::{Bucket, UrlStyle};
use serde::{Deserialize, Deserializer, Serialize};
use vms_hub::StreamName;

/// A part is kept in memory before a trigger for at most so long.
const MAX_PRE_S: u32 = 60;
const MAX_POST_S: u32 = 3_600;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingConfig {
    pub volumes: Vec<VolumeConfig>,
    /// Buckets that parts are moved to; nothing is recorded to them.
    #[serde(default)]
    pub s3: Vec<S3Config>,
    /// Local folder of what is remembered of these.
    #[serde(default)]
    pub s3_cache: Option<PathBuf>,
    /// Where parts go that grow old, of cameras whose rules say nothing.
    #[serde(default)]
    pub tiers: Vec<Tier>,
    /// Folder of `seal.key` and of the master keys.
    pub keys: PathBuf,
    /// Folder of the second copy of each ledger; best on another disk.
    pub ledger_copies: PathBuf,
    #[serde(default)]
    pub encrypt: Option<EncryptConfig>,
    /// The name of this machine, for people.
    #[serde(default)]
    pub node: String,
    /// What may wait for one volume's writer.
    #[serde(default = "default_queue")]
    pub queue_bytes: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct VolumeConfig {
    pub name: String,
    pub path: PathBuf,
    /// Stays free for indexes, ledgers and everybody else.
    #[serde(default = "default_reserve")]
    pub reserve_bytes: u64,
    /// Most that recordings may take here; absent: all but the reserve.
    #[serde(default)]
    pub max_bytes: Option<u64>,
}

/// A bucket of an S3 store. The keys are in files, so that they are in no
/// configuration that is printed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    pub name: String,
    /// `https://HOST[:PORT]`
    pub endpoint: String,
    pub bucket: String,
    /// Before the name of each object.
    #[serde(default)]
    pub prefix: String,
    #[serde(default = "default_region")]
    pub region: String,
    pub access_key_file: PathBuf,
    pub secret_key_file: PathBuf,
    /// PEM; absent: the authorities that the system trusts.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The bucket is part of the host's name, not of the path.
    #[serde(default)]
    pub virtual_hosted: bool,
    /// Most that recordings may take there; absent: no limit.
    #[serde(default)]
    pub max_bytes: Option<u64>,
}

impl S3Config {
    pub(crate) fn bucket(&self) -> Result<Bucket, String> {
        let said = |error: &dyn std::fmt::Display| format!("recording: S3 volume {}: endpoint: {error}", self.name);
        let endpoint = url::Url::parse(&self.endpoint).map_err(|error| said(&error))?;
        let style = if self.virtual_hosted { UrlStyle::VirtualHost } else { UrlStyle::Path };
        Bucket::new(endpoint, style, self.bucket.clone(), self.region.clone()).map_err(|error| said(&error))
    }

    /// The prefix, ending with a slash where there is one.
    pub(crate) fn folder(&self) -> String {
        let plain = self.prefix.trim_matches('/');
        if plain.is_empty() { String::new() } else { format!("{plain}/") }
    }

    /// Where its files lie, as paths: `s3://BUCKET/PREFIX`.
    pub(crate) fn root(&self) -> PathBuf {
        PathBuf::from(format!("s3://{}/{}", self.bucket, self.folder()).trim_end_matches('/'))
    }

    pub(crate) fn volume(&self) -> VolumeConfig {
        VolumeConfig { name: self.name.clone(), path: self.root(), reserve_bytes: 0, max_bytes: self.max_bytes }
    }
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct EncryptConfig {
    /// Name of the master key: `master-NAME.key`.
    pub key: String,
}

fn default_queue() -> u64 {
    256 << 20
}

fn default_reserve() -> u64 {
    2 << 30
}

impl RecordingConfig {
    /// What is wrong with it, for people.
    pub fn check(&self) -> Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        for name in self.volumes.iter().map(|volume| &volume.name).chain(self.s3.iter().map(|s3| &s3.name)) {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if !name.chars().all(plain) {
                return Err(format!("recording: volume {name:?}: a name is of letters, digits, _, - and ."));
            }
            if name.is_empty() || !seen.insert(name) {
                return Err(format!("recording: volume {name:?} has no name of its own"));
            }
        }
        if let Some(tier) = self.tiers.iter().find(|tier| !seen.contains(&tier.volume)) {
            return Err(format!("recording: tiers: there is no volume {:?}", tier.volume));
        }
        for s3 in &self.s3 {
            s3.bucket()?;
            if self.s3_cache.is_none() {
                return Err(format!("recording: S3 volume {}: s3_cache is not set", s3.name));
            }
        }
        for volume in &self.volumes {
            if !volume.path.is_absolute() {
                return Err(format!("recording: volume {}: {:?} is no absolute path", volume.name, volume.path));
            }
        }
        if self.volumes.is_empty() {
            return Err("recording: there is no volume".to_owned());
        }
        Ok(())
    }
}

/// When a stream is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Continuous,
    /// Around triggers.
    Event,
    #[default]
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamRecord {
    pub mode: Mode,
    #[serde(default = "default_audio")]
    pub audio: bool,
    #[serde(default = "default_pre")]
    pub pre_s: u32,
    #[serde(default = "default_post")]
    pub post_s: u32,
    /// Somebody said so, not a rule.
    #[serde(default)]
    pub by_hand: bool,
}

fn default_audio() -> bool {
    true
}

fn default_pre() -> u32 {
    5
}

fn default_post() -> u32 {
    10
}

/// What goes from a recording that has grown old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ThinTo {
    /// What no trigger touched goes.
    Events,
    /// Key frames stay.
    Keys,
    /// A key frame a minute stays.
    Stills,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Thin {
    pub after_days: u32,
    pub to: ThinTo,
}

/// Where recordings go that have grown old.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    pub after_hours: u32,
    pub volume: String,
}

/// How long a camera's recordings are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    pub min_days: u32,
    pub max_days: Option<u32>,
    pub max_bytes: Option<u64>,
    pub thin: Vec<Thin>,
    /// Steps; none: those of the configuration.
    #[serde(deserialize_with = "tiers")]
    pub tier: Vec<Tier>,
}

impl Keep {
    /// The steps in their order of age.
    #[must_use]
    pub fn tiers(&self) -> Vec<&Tier> {
        let mut tiers: Vec<&Tier> = self.tier.iter().collect();
        tiers.sort_by_key(|tier| tier.after_hours);
        tiers
    }
}

/// One step may stand without a list around it.
fn tiers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tier>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        None(()),
        One(Tier),
        Many(Vec<Tier>),
    }
    Ok(match Told::deserialize(deserializer)? {
        Told::None(()) => Vec::new(),
        Told::One(tier) => vec![tier],
        Told::Many(tiers) => tiers,
    })
}

/// A camera as recording sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraWish {
    pub id: String,
    pub city: String,
    /// Switched on by its operator.
    pub enabled: bool,
    /// A stream that is absent is not recorded and leaves no gaps.
    pub record: BTreeMap<StreamName, StreamRecord>,
    pub keep: Keep,
}

impl CameraWish {
    /// What is wrong with it, for people.
    pub fn check(&self) -> Result<(), String> {
        for (stream, record) in &self.record {
            if record.pre_s > MAX_PRE_S || record.post_s > MAX_POST_S {
                return Err(format!(
                    "camera {}: {}: pre_s is at most {MAX_PRE_S} and post_s at most {MAX_POST_S}",
                    self.id,
                    stream.as_str()
                ));
            }
        }
        if self.keep.max_days.is_some_and(|most| most < self.keep.min_days) {
            return Err(format!("camera {}: keep: max_days is less than min_days", self.id));
        }
        Ok(())
    }
}
