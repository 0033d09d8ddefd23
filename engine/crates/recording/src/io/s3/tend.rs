//! The thread that watches over a bucket: opens it as a volume, notices when
//! it is away and when it is back, and lists it anew now and then.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::S3Disk;
use crate::worker::Worker;
use crate::write::volume::{Volume, VolumeState};
use crate::write::writer::Writer;

/// How often a store that works is looked at, and one that does not.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const AGAIN_EVERY: Duration = Duration::from_secs(5);
/// How long a stop waits for a request that is on its way.
const STOP_LIMIT: Duration = Duration::from_secs(1);
const LIST_EVERY: Duration = Duration::from_secs(6 * 3600);

pub struct Tender {
    disk: S3Disk,
    volume: Arc<Volume>,
    thread: Mutex<Option<Worker>>,
}

impl Tender {
    pub fn start(disk: S3Disk, writer: Writer, owner: String) -> io::Result<Self> {
        let (own, volume) = (disk.clone(), writer.volume.clone());
        let run = move || {
            let mut listed = None;
            loop {
                look(&own, &writer, &owner, &mut listed);
                let pause = if writer.volume.is_there() { LOOK_EVERY } else { AGAIN_EVERY };
                if own.0.client.wait(Instant::now() + pause) {
                    return;
                }
            }
        };
        let thread = Worker::start("volume-s3", run)?;
        Ok(Self { disk, volume, thread: Mutex::new(Some(thread)) })
    }

    #[must_use]
    pub fn volume(&self) -> &Arc<Volume> {
        &self.volume
    }

    pub fn stop(&self) {
        self.disk.0.client.trouble.stop();
        if let Some(thread) = self.thread.lock().take() {
            thread.end(STOP_LIMIT);
        }
    }
}

/// One look; `listed` is when all that lies there was listed last.
pub fn look(disk: &S3Disk, writer: &Writer, owner: &str, listed: &mut Option<Instant>) {
    if !writer.volume.is_there() {
        // Somebody may have put the right ones there.
        disk.0.client.forget_keys();
    }
    if listed.is_none_or(|at| at.elapsed() >= LIST_EVERY) {
        if let Err(error) = disk.list_anew() {
            return writer.report(VolumeState::Failed, Some(error.to_string()));
        }
        *listed = Some(Instant::now());
    }
    writer.look(owner, disk.known_volume().as_deref());
    if let Some(id) = writer.volume.id() {
        disk.0.listing.learn_volume(&id);
    }
}
