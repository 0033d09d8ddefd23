//! Recording as one thing: volumes, recorders and what is asked of them.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use serde::Serialize;
use vms_format::ledger::Gap;
use vms_hub::{Hub, StreamKey};
use vms_sources::StateChange;

use crate::config::{CameraWish, RecordingConfig};
use crate::event::{Event, Listener};
use crate::io::s3::Tender;
use crate::io::{Disk, S3Disk};
use crate::keep::{Keeper, Keeping, triggers};
use crate::read::{Leases, Recorded, stream_number};
use crate::write::keys::Keys;
use crate::write::known::KnownVolumes;
use crate::write::lanes::{Lane, Lanes};
use crate::write::recorders::{Logs, Recorders};
use crate::write::stream::Context;
use crate::write::volume::{OpenError, Volume, owner};
use crate::write::writer::{StreamHandle, Writer, WriterThreads};

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
    pub context: Arc<Context>,
    lanes: Arc<Lanes>,
    writers: Vec<WriterThreads>,
    tenders: Vec<Tender>,
    recorders: Recorders,
    keeper: Keeper,
    wishes: Mutex<Vec<CameraWish>>,
}

/// A volume as `volumes` tells it.
#[derive(Clone, Debug, Serialize)]
pub struct VolumeReport {
    pub name: String,
    pub path: String,
    /// Empty until the volume could be opened.
    pub id: String,
    pub state: &'static str,
    pub reason: Option<String>,
    /// That recordings take.
    pub bytes: u64,
    /// Absent: nobody set a limit to a bucket.
    pub free: Option<u64>,
    pub commit_ms: f64,
    pub queue_bytes: u64,
    /// Bytes a second that are written.
    pub rate: f64,
    /// Since the process began.
    pub bytes_written: u64,
    pub commits: u64,
    pub dropped_groups: u64,
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
        let (buckets, remote) = buckets(&config)?;
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
        let keys = Keys::open(&config.keys, (means.now_us)())
            .map_err(|error| StartError::Failed(format!("{}: {error}", config.keys.display())))?;
        let waker: Arc<OnceLock<Weak<Keeping>>> = Arc::default();
        let context = Arc::new(Context {
            everywhere: volumes.iter().chain(&remote).cloned().collect(),
            tiers: config.tiers.clone(),
            volumes,
            keys,
            ledger_copies: config.ledger_copies.clone(),
            encrypt: config.encrypt.as_ref().map(|encrypt| encrypt.key.clone()),
            software: concat!("vms-enterprise ", env!("CARGO_PKG_VERSION")).to_owned(),
            now_us: means.now_us.clone(),
            listener: waking(means.listener.clone(), waker.clone()),
        });
        let writers = start_writers(&context, &config, &owner, &known)?;
        let tenders = start_tenders(&context, buckets, remote, &owner)?;
        let lane =
            |threads: &WriterThreads| Lane { volume: threads.writer.volume.clone(), queue: threads.queue.clone() };
        let lanes = Arc::new(Lanes(writers.iter().map(lane).collect()));
        let recorders = Recorders::start(context.clone(), lanes.clone(), means.hub.clone())
            .map_err(|error| StartError::Failed(format!("no threads: {error}")))?;
        let keeping = Arc::new(Keeping::new(context.clone(), recorders.logs.clone(), Arc::default()));
        // It was empty, for nobody else has it.
        let _ = waker.set(Arc::downgrade(&keeping));
        let keeper = Keeper::start(keeping).map_err(|error| StartError::Failed(format!("no threads: {error}")))?;
        Ok(Self { means, config, context, lanes, writers, tenders, recorders, keeper, wishes: Mutex::default() })
    }

    /// Replaces what is wished as a whole.
    pub fn apply(&self, wishes: Vec<CameraWish>) {
        self.wishes.lock().clone_from(&wishes);
        self.keeper.keeping.apply(&wishes);
        self.recorders.apply(wishes);
    }

    /// What is wished now.
    #[must_use]
    pub fn wishes(&self) -> Vec<CameraWish> {
        self.wishes.lock().clone()
    }

    /// A source changed: its reason becomes that of the gap.
    pub fn source_changed(&self, change: &StateChange) {
        self.recorders.logs.view(&change.key).lock().take(change);
    }

    /// The camera's clock is so far ahead of ours.
    pub fn camera_offset(&self, key: &StreamKey, offset_ms: i64) {
        self.recorders.logs.view(key).lock().camera_offset_ms = Some(offset_ms);
    }

    /// The ledgers and open parts, for who reads and who keeps.
    #[must_use]
    pub fn logs(&self) -> &Logs {
        &self.recorders.logs
    }

    #[must_use]
    pub fn everywhere(&self) -> &[Arc<Volume>] {
        &self.context.everywhere
    }

    /// All volumes, as calls and metrics tell them.
    #[must_use]
    pub fn reports(&self) -> Vec<VolumeReport> {
        let recorded = self.lanes.0.iter().map(|lane| report(&lane.volume, lane.queue.bytes()));
        recorded.chain(self.tenders.iter().map(|tender| report(tender.volume(), 0))).collect()
    }

    /// GAP records written since the start, by stream.
    #[must_use]
    pub fn gaps(&self) -> Vec<(StreamKey, u64)> {
        let streams = self.logs().streams();
        streams.iter().map(|stream| (stream.key.clone(), stream.gaps.load(Ordering::Relaxed))).collect()
    }

    /// What readers mark, so that it is not removed behind them.
    #[must_use]
    pub fn leases(&self) -> Arc<Leases> {
        self.keeper.keeping.leases.clone()
    }

    pub(crate) fn keeping(&self) -> &Arc<Keeping> {
        &self.keeper.keeping
    }

    /// Where nothing else says what event recording was for.
    pub(crate) fn remember_trigger(&self, key: &StreamKey, from_us: i64, until_us: i64) {
        let from_us = if from_us == 0 { (self.means.now_us)() } else { from_us };
        let wishes = self.wishes();
        let wish = wishes.iter().find(|wish| *wish.id == *key.camera);
        let pre_s = wish.and_then(|wish| wish.record.get(&key.stream)).map_or(0, |record| record.pre_s);
        let from_us = from_us - i64::from(pre_s) * 1_000_000;
        let number = stream_number(key.stream);
        let folder = &self.config.ledger_copies;
        if let Err(error) = triggers::add(&*self.means.disk, folder, &key.camera, number, from_us, until_us) {
            tracing::error!(stream = %key, %error, "a trigger was not remembered");
        }
    }

    /// What time lines need beyond the files.
    #[must_use]
    pub fn beyond_files(self: &Arc<Self>) -> Arc<dyn Recorded> {
        let triggers = triggers::Triggers::new(self.means.disk.clone(), self.config.ledger_copies.clone());
        Arc::new(BeyondFiles { recording: Arc::downgrade(self), triggers })
    }

    pub(crate) fn recorders(&self) -> &Recorders {
        &self.recorders
    }

    /// Ends all parts in order.
    pub fn stop(&self) {
        self.tenders.iter().for_each(Tender::stop);
        self.keeper.stop();
        self.recorders.stop();
        self.writers.iter().for_each(WriterThreads::stop);
    }
}

struct BeyondFiles {
    recording: Weak<Recording>,
    triggers: triggers::Triggers,
}

impl Recorded for BeyondFiles {
    fn events(&self, camera: &str, stream: u8, from_us: i64, to_us: i64) -> Vec<[i64; 2]> {
        self.triggers.of(camera).within(stream, from_us, to_us)
    }

    fn open_gaps(&self, camera: &str) -> Vec<(u8, Gap)> {
        let Some(recording) = self.recording.upgrade() else { return Vec::new() };
        let now_us = (recording.means.now_us)();
        let of_stream = |stream: &Arc<StreamHandle>| {
            let hint = recording.logs().view(&stream.key).lock().open_gap.clone()?;
            Some((stream_number(stream.key.stream), stream.open_gap(&hint, now_us)?))
        };
        let streams = recording.logs().streams();
        streams.iter().filter(|stream| *stream.key.camera == *camera).filter_map(of_stream).collect()
    }
}

/// Tells the keeper at once of a volume that is full, and of one that is back.
fn waking(listener: Listener, keeping: Arc<OnceLock<Weak<Keeping>>>) -> Listener {
    Arc::new(move |event| {
        if let (Event::Volume { state: state @ ("full" | "ok"), .. }, Some(keeping)) =
            (&event, keeping.get().and_then(Weak::upgrade))
        {
            if *state == "ok" { keeping.recount() } else { keeping.wake() }
        }
        listener(event);
    })
}

type Buckets = (Vec<S3Disk>, Vec<Arc<Volume>>);

/// The buckets as volumes that nobody opened yet: a start does not wait for
/// them.
fn buckets(config: &RecordingConfig) -> Result<Buckets, StartError> {
    let mut buckets = Buckets::default();
    for s3 in &config.s3 {
        let folder = config.s3_cache.as_deref().unwrap_or(&config.ledger_copies).join(&s3.name);
        let disk = S3Disk::open(s3.clone(), &folder).map_err(StartError::Failed)?;
        buckets.1.push(Arc::new(Volume::closed(&s3.volume(), Arc::new(disk.clone()))));
        buckets.0.push(disk);
    }
    Ok(buckets)
}

fn start_tenders(
    context: &Arc<Context>,
    buckets: Vec<S3Disk>,
    volumes: Vec<Arc<Volume>>,
    owner: &str,
) -> Result<Vec<Tender>, StartError> {
    let start = |(disk, volume)| {
        Tender::start(disk, Writer { volume, context: context.clone() }, owner.to_owned())
            .map_err(|error| StartError::Failed(format!("no threads: {error}")))
    };
    buckets.into_iter().zip(volumes).map(start).collect()
}

fn start_writers(
    context: &Arc<Context>,
    config: &RecordingConfig,
    owner: &str,
    known: &KnownVolumes,
) -> Result<Vec<WriterThreads>, StartError> {
    let start = |volume: &Arc<Volume>| {
        let writer = Writer { volume: volume.clone(), context: context.clone() };
        let id = volume.id().or_else(|| known.id(&volume.name).map(str::to_owned));
        WriterThreads::start(writer, config.queue_bytes, owner.to_owned(), id)
            .map_err(|error| StartError::Failed(format!("no threads: {error}")))
    };
    context.volumes.iter().map(start).collect()
}

fn report(volume: &Volume, queue_bytes: u64) -> VolumeReport {
    let health = volume.health();
    VolumeReport {
        name: volume.name.clone(),
        path: volume.root.display().to_string(),
        id: volume.id().unwrap_or_default(),
        state: health.state.as_str(),
        reason: health.reason,
        bytes: volume.figures.recorded.load(Ordering::Relaxed),
        free: volume.free(),
        commit_ms: volume.figures.commit_us.load(Ordering::Relaxed) as f64 / 1e3,
        queue_bytes,
        rate: volume.figures.rate.load(Ordering::Relaxed) as f64,
        bytes_written: volume.figures.bytes_written.load(Ordering::Relaxed),
        commits: volume.figures.commits.load(Ordering::Relaxed),
        dropped_groups: volume.figures.dropped_groups.load(Ordering::Relaxed),
    }
}
