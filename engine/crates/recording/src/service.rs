//! Recording as one thing: volumes, recorders and what is asked of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use serde::Serialize;
use vms_hub::Hub;
use vms_sources::StateChange;

use crate::calls::{Answer, CallError, CallKind};
use crate::config::{CameraWish, RecordingConfig};
use crate::event::Listener;
use crate::io::Disk;
use crate::write::known::KnownVolumes;
use crate::write::volume::{OpenError, Volume, owner};

/// The server's UTC in microseconds.
pub type UtcClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What recording works with.
#[derive(Clone)]
pub struct Means {
    pub disk: Arc<dyn Disk>,
    pub hub: Hub,
    pub now_us: UtcClock,
    pub listener: Listener,
}

/// Why recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Another process owns a volume.
    #[error("{0}; stop it, or give this one another folder")]
    Owned(String),
    #[error("{0}")]
    Failed(String),
}

pub struct Recording {
    pub means: Means,
    pub config: RecordingConfig,
    pub volumes: Vec<Arc<Volume>>,
    wishes: Mutex<Vec<CameraWish>>,
}

/// A volume as `volumes` tells it.
#[derive(Clone, Debug, Serialize)]
pub struct VolumeReport {
    pub name: String,
    pub path: String,
    pub id: Option<String>,
    pub state: &'static str,
    pub reason: Option<String>,
    /// That recordings take.
    pub bytes: u64,
    pub free: u64,
    pub commit_ms: f64,
    pub queue_bytes: u64,
}

#[derive(Serialize)]
struct VolumesAnswer {
    volumes: Vec<VolumeReport>,
}

impl Recording {
    pub fn start(config: RecordingConfig, means: Means) -> Result<Self, StartError> {
        config.check().map_err(StartError::Invalid)?;
        let data = config.keys.parent().unwrap_or(Path::new("/"));
        let owner = owner(data);
        means
            .disk
            .create_folders(&config.ledger_copies)
            .map_err(|error| StartError::Failed(format!("{}: {error}", config.ledger_copies.display())))?;
        let mut known = KnownVolumes::load(&*means.disk, &config.ledger_copies);
        let mut volumes = Vec::new();
        for volume in &config.volumes {
            match Volume::open(volume, means.disk.clone(), &owner, known.id(&volume.name)) {
                Ok(volume) => volumes.push(Arc::new(volume)),
                Err(error @ OpenError::Owned { .. }) => return Err(StartError::Owned(error.to_string())),
                Err(OpenError::Failed(reason)) => return Err(StartError::Failed(reason)),
            }
        }
        for volume in &volumes {
            if let Some(id) = volume.id() {
                known.learn(&volume.name, &id);
            }
        }
        known.save(&*means.disk);
        Ok(Self { means, config, volumes, wishes: Mutex::default() })
    }

    /// Replaces what is wished as a whole.
    pub fn apply(&self, wishes: Vec<CameraWish>) {
        *self.wishes.lock() = wishes;
    }

    /// A source changed: its reason becomes that of the gap.
    pub fn source_changed(&self, change: &StateChange) {
        tracing::trace!(key = %change.key, "source changed");
    }

    /// Answers a call about recordings; it may read and write disks.
    pub fn call(&self, call: &str, _json: &[u8]) -> Result<Answer, CallError> {
        match call {
            "volumes" => Answer::of(&VolumesAnswer { volumes: self.volumes() }),
            _ => Err(CallError::new(CallKind::Invalid, "invalid", format!("there is no call {call:?}"))),
        }
    }

    #[must_use]
    pub fn volumes(&self) -> Vec<VolumeReport> {
        self.volumes.iter().map(|volume| report(volume)).collect()
    }

    /// Ends all parts in order.
    pub fn stop(&self) {
        self.wishes.lock().clear();
    }
}

fn report(volume: &Volume) -> VolumeReport {
    let health = volume.health();
    VolumeReport {
        name: volume.name.clone(),
        path: volume.root.display().to_string(),
        id: volume.id(),
        state: health.state.as_str(),
        reason: health.reason,
        bytes: volume.figures.recorded.load(Ordering::Relaxed),
        free: volume.figures.free.load(Ordering::Relaxed),
        commit_ms: volume.figures.commit_us.load(Ordering::Relaxed) as f64 / 1e3,
        queue_bytes: 0,
    }
}
