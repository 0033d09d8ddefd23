//! A volume: a folder on a disk, who owns it, how it is, what it costs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::config::VolumeConfig;
use crate::io::{Disk, Lock, Locked, Space};

use super::commit::Commits;

/// A commit that takes longer than this is told.
pub const SLOW_COMMIT: Duration = Duration::from_secs(2);
/// A write that takes longer than this counts as stuck.
pub const STUCK: Duration = Duration::from_secs(4);
/// A full volume is written to again only when so much more is free.
const ROOM_AGAIN: u64 = 64 << 20;
const FORMAT: u32 = 1;
/// The file that says which volume it is.
pub const IDENTITY: &str = "volume.json";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeState {
    Ok,
    /// Writes or commits take too long.
    Slow,
    /// Nothing but the reserve is free.
    Full,
    /// Cannot be written or is not there.
    Failed,
    ReadOnly,
}

impl VolumeState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Slow => "slow",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::ReadOnly => "read_only",
        }
    }
}

/// How a volume is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: VolumeState,
    /// For people.
    pub reason: Option<String>,
}

#[derive(Debug, Default)]
pub struct Figures {
    pub bytes_written: AtomicU64,
    /// Of the last commit, microseconds.
    pub commit_us: AtomicU64,
    pub commits: AtomicU64,
    pub free: AtomicU64,
    /// All that recordings take here, as far as it was counted.
    pub recorded: AtomicU64,
    pub dropped_groups: AtomicU64,
    /// Bytes a second, of the last seconds.
    pub rate: AtomicU64,
}

#[derive(Deserialize, Serialize)]
struct VolumeFile {
    format: u32,
    volume: String,
}

/// Why a volume cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the recordings of {path} belong to a running process: {owner}")]
    Owned { path: String, owner: String },
    #[error("{0}")]
    Failed(String),
}

pub struct Volume {
    pub name: String,
    pub root: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub figures: Figures,
    pub commits: Commits,
    config: VolumeConfig,
    health: Mutex<Health>,
    opened: Mutex<Option<Opened>>,
    /// What the deleter says of a full volume: all that lies there is held.
    held: Mutex<bool>,
    busy_since: Mutex<Option<Instant>>,
}

struct Opened {
    id: String,
    _lock: Lock,
}

impl Volume {
    /// Locks the folder and reads or makes `volume.json`. `known` is the id
    /// that a volume of this name had: without it there, the disk is away.
    ///
    /// A volume that cannot be opened is there as failed, and tried again;
    /// only one that another process owns is an error.
    pub fn open(
        config: &VolumeConfig,
        disk: Arc<dyn Disk>,
        owner: &str,
        known: Option<&str>,
    ) -> Result<Self, OpenError> {
        let volume = Self::closed(config, disk);
        match volume.try_open(owner, known) {
            Err(error @ OpenError::Owned { .. }) => Err(error),
            Err(OpenError::Failed(reason)) => {
                volume.set_health(VolumeState::Failed, Some(reason));
                Ok(volume)
            }
            Ok(()) => Ok(volume),
        }
    }

    /// One that is not opened yet.
    #[must_use]
    pub fn closed(config: &VolumeConfig, disk: Arc<dyn Disk>) -> Self {
        Self {
            name: config.name.clone(),
            root: config.path.clone(),
            disk,
            figures: Figures::default(),
            commits: Commits::default(),
            config: config.clone(),
            health: Mutex::new(Health { state: VolumeState::Failed, reason: None }),
            opened: Mutex::new(None),
            held: Mutex::new(false),
            busy_since: Mutex::new(None),
        }
    }

    /// Opens what is not open yet, or looks whether what is open is still there.
    pub fn try_open(&self, owner: &str, known: Option<&str>) -> Result<(), OpenError> {
        let failed = |what: &str, error: io::Error| OpenError::Failed(format!("{what}: {error}"));
        let mut opened = self.opened.lock();
        let held = opened.as_ref().map(|opened| opened.id.clone());
        let expected = held.as_deref().or(known);
        if expected.is_none() {
            self.disk.create_folders(&self.root).map_err(|error| failed("cannot be made", error))?;
        }
        let id = self.identity(expected).map_err(|error| failed("volume.json", error))?;
        if opened.is_none() {
            let lock = self.disk.lock(&self.root.join("volume.lock"), owner);
            match lock.map_err(|error| failed("volume.lock", error))? {
                Locked::Ours(lock) => *opened = Some(Opened { id, _lock: lock }),
                Locked::Theirs(owner) => {
                    return Err(OpenError::Owned {
                        path: self.root.display().to_string(),
                        owner: owner.trim().to_owned(),
                    });
                }
            }
        }
        let space = self.look().map_err(|error| failed("free space", error))?;
        self.disk.create_folders(&self.cameras()).map_err(|error| failed("cameras", error))?;
        self.set_health(if self.is_full(space, false) { VolumeState::Full } else { VolumeState::Ok }, None);
        Ok(())
    }

    fn identity(&self, expected: Option<&str>) -> io::Result<String> {
        let path = self.root.join(IDENTITY);
        let bytes = match self.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && expected.is_none() => {
                let file = VolumeFile { format: FORMAT, volume: hex(&rand::random::<[u8; 16]>()) };
                self.disk.replace(&path, &serde_json::to_vec(&file)?)?;
                return Ok(file.volume);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(io::Error::other("it is gone: the disk is not mounted, or empty"));
            }
            Err(error) => return Err(error),
        };
        let file: VolumeFile = serde_json::from_slice(&bytes)?;
        match expected {
            _ if file.format != FORMAT => Err(io::Error::other(format!("format {} is not known", file.format))),
            Some(expected) if expected != file.volume => Err(io::Error::other("this is another volume")),
            _ => Ok(file.volume),
        }
    }

    /// Absent until the volume could be opened once.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.opened.lock().as_ref().map(|opened| opened.id.clone())
    }

    #[must_use]
    pub fn cameras(&self) -> PathBuf {
        self.root.join("cameras")
    }

    #[must_use]
    pub fn camera(&self, camera: &str) -> PathBuf {
        self.cameras().join(camera)
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// True where it changed.
    pub fn set_health(&self, state: VolumeState, reason: Option<String>) -> bool {
        let mut health = self.health.lock();
        let changed = health.state != state;
        *health = Health { state, reason };
        changed
    }

    /// Whether new parts may go here.
    #[must_use]
    pub fn takes_parts(&self) -> bool {
        matches!(self.health.lock().state, VolumeState::Ok | VolumeState::Slow)
    }

    /// Whether files can be read and small records written.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self.health.lock().state, VolumeState::Ok | VolumeState::Slow | VolumeState::Full)
    }

    /// In an S3 store: nothing is recorded there, and no ledger lies there.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.disk.puts_whole()
    }

    /// Why nothing of it can be read at the moment.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let failed =
            || (!self.is_there()).then(|| self.health().reason.unwrap_or_else(|| "it is not there".to_owned()));
        self.disk.trouble().or_else(failed)
    }

    /// Bytes that may still be written: free over the reserve, and under the
    /// most that recordings may take.
    #[must_use]
    pub fn room(&self) -> u64 {
        let free = self.figures.free.load(Ordering::Relaxed).saturating_sub(self.config.reserve_bytes);
        let recorded = self.figures.recorded.load(Ordering::Relaxed);
        self.config.max_bytes.map_or(free, |most| free.min(most.saturating_sub(recorded)))
    }

    /// What is free; absent in a bucket that nobody set a limit to.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        match self.config.max_bytes {
            Some(_) if self.is_remote() => Some(self.room()),
            None if self.is_remote() => None,
            _ => Some(self.figures.free.load(Ordering::Relaxed)),
        }
    }

    #[must_use]
    pub fn reserve_bytes(&self) -> u64 {
        self.config.reserve_bytes
    }

    #[must_use]
    pub fn max_bytes(&self) -> Option<u64> {
        self.config.max_bytes
    }

    /// Reads the free space.
    pub fn look(&self) -> io::Result<Space> {
        let space = self.disk.space(&self.root)?;
        self.figures.free.store(space.free, Ordering::Relaxed);
        Ok(space)
    }

    /// Whether it is full; one that was has to have some room first.
    #[must_use]
    pub fn is_full(&self, space: Space, was_full: bool) -> bool {
        let margin = if was_full { self.room_again(space) } else { 0 };
        let recorded = self.figures.recorded.load(Ordering::Relaxed);
        space.free <= self.config.reserve_bytes.saturating_add(margin)
            || self.config.max_bytes.is_some_and(|most| recorded.saturating_add(margin) >= most)
    }

    /// What must be free before a volume that was full is written to again.
    #[must_use]
    pub fn room_again(&self, space: Space) -> u64 {
        ROOM_AGAIN.min(self.config.max_bytes.unwrap_or(space.total).min(space.total) / 100)
    }

    /// All that recordings take here was counted anew.
    pub fn counted(&self, bytes: u64) {
        self.figures.recorded.store(bytes, Ordering::Relaxed);
    }

    /// Files were removed: told by who removed them.
    pub fn removed(&self, bytes: u64) {
        let recorded = &self.figures.recorded;
        // The closure always answers, so this cannot fail.
        let _ = recorded.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(old.saturating_sub(bytes)));
    }

    /// Said by the deleter when nothing here may be removed, and taken back.
    pub fn set_held(&self, held: bool) {
        *self.held.lock() = held;
    }

    #[must_use]
    pub fn is_held(&self) -> bool {
        *self.held.lock()
    }

    /// Around whatever may hang on the disk.
    pub fn busy<T>(&self, work: impl FnOnce() -> T) -> T {
        *self.busy_since.lock() = Some(Instant::now());
        let result = work();
        *self.busy_since.lock() = None;
        result
    }

    /// Since when the writer has been waiting for the disk.
    #[must_use]
    pub fn busy_for(&self) -> Duration {
        self.busy_since.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// What a failure of a write says of the volume.
    #[must_use]
    pub fn state_of(error: &io::Error) -> VolumeState {
        match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => VolumeState::Full,
            Some(libc::EROFS) => VolumeState::ReadOnly,
            _ => VolumeState::Failed,
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Who writes here, for `volume.lock`.
#[must_use]
pub fn owner(data: &Path) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "this host".to_owned());
    format!("host {}, process {}, data {}\n", host.trim(), std::process::id(), data.display())
}
