//! A volume's two threads: one hashes and writes what recorders hand over, the
//! other makes it durable twice a second and watches the disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vms_format::Fragment;
use vms_format::ledger::{Gap, Reason};
use vms_hub::StreamKey;

use crate::event::Event;

use super::part::WriteError;
use super::queue::{Queue, Taken};
use super::stream::{Begin, Context, Hint, StreamLog};
use super::volume::{SLOW_COMMIT, Volume, VolumeState};

/// A power cut costs this at most, and the time a commit takes.
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// How often a volume that failed is tried again, and one that works is
/// looked at whether it is still the same.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(1);

/// A stream's log as recorder and writer share it.
pub struct StreamHandle {
    pub key: StreamKey,
    /// GAP records written since the start.
    pub gaps: Arc<AtomicU64>,
    pub log: Mutex<StreamLog>,
    /// Its part ended by a failure: the recorder begins another.
    pub broken: AtomicBool,
    /// Jobs that wait in a queue or are being done.
    pub queued: AtomicU32,
}

impl StreamHandle {
    /// The gap that lasts, up to now.
    #[must_use]
    pub fn open_gap(&self, hint: &Hint, now_us: i64) -> Option<Gap> {
        let from_us = self.log.lock().covered_us();
        (from_us < now_us).then(|| Gap {
            from_us,
            to_us: now_us,
            before_sequence: 0,
            frames: 0,
            reason: hint.reason as u16,
            values: hint.values.clone(),
        })
    }

    #[must_use]
    pub fn new(log: StreamLog) -> Self {
        let (key, gaps) = (log.key.clone(), log.gaps.clone());
        Self { key, gaps, log: Mutex::new(log), broken: AtomicBool::new(false), queued: AtomicU32::new(0) }
    }
}

/// What a recorder hands to a writer.
pub enum Job {
    Fragment {
        stream: Arc<StreamHandle>,
        fragment: Fragment,
        camera_offset_ms: i32,
        begin: Option<Box<Begin>>,
        hint: Option<Hint>,
    },
    /// Nothing came up to then, and another reason begins.
    NothingUntil {
        stream: Arc<StreamHandle>,
        until_us: i64,
        hint: Hint,
    },
    HourEnded {
        stream: Arc<StreamHandle>,
        now_us: i64,
        hint: Hint,
    },
    EndPart {
        stream: Arc<StreamHandle>,
    },
    Stop {
        stream: Arc<StreamHandle>,
        now_us: i64,
        hint: Hint,
    },
}

impl Job {
    #[must_use]
    pub fn stream(&self) -> &Arc<StreamHandle> {
        match self {
            Self::Fragment { stream, .. }
            | Self::NothingUntil { stream, .. }
            | Self::HourEnded { stream, .. }
            | Self::EndPart { stream }
            | Self::Stop { stream, .. } => stream,
        }
    }

    /// What it holds in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Fragment { fragment, .. } => fragment.bytes(),
            _ => 0,
        }
    }
}

/// Why nothing is written to a volume in that state.
#[must_use]
pub fn reason_of(volume: &Volume, state: VolumeState) -> Reason {
    match state {
        VolumeState::Full if volume.is_held() => Reason::DiskFullHeld,
        VolumeState::Full => Reason::DiskFull,
        VolumeState::Slow | VolumeState::Ok => Reason::DiskSlow,
        VolumeState::Failed | VolumeState::ReadOnly => Reason::DiskFailed,
    }
}

/// Does jobs on one volume; without threads of its own.
pub struct Writer {
    pub volume: Arc<Volume>,
    pub context: Arc<Context>,
}

impl Writer {
    pub fn handle(&self, job: Job) {
        let stream = job.stream().clone();
        let result = match job {
            Job::Fragment { fragment, camera_offset_ms, begin, hint, .. } => {
                self.fragment(&stream, fragment, camera_offset_ms, begin.as_deref(), hint.as_ref());
                Ok(())
            }
            Job::NothingUntil { until_us, hint, .. } => stream.log.lock().nothing_until(&self.context, until_us, &hint),
            Job::HourEnded { now_us, hint, .. } => stream.log.lock().hour_ended(&self.context, now_us, &hint),
            Job::EndPart { .. } => {
                stream.log.lock().end_part(&self.context);
                Ok(())
            }
            Job::Stop { now_us, hint, .. } => stream.log.lock().stop(&self.context, now_us, &hint),
        };
        if let Err(error) = result {
            tracing::error!(stream = %stream.key, %error, "the ledger cannot be written");
            self.failed(&error);
        }
        stream.queued.fetch_sub(1, Ordering::AcqRel);
    }

    fn fragment(
        &self,
        stream: &Arc<StreamHandle>,
        fragment: Fragment,
        camera_offset_ms: i32,
        begin: Option<&Begin>,
        hint: Option<&Hint>,
    ) {
        let mut log = stream.log.lock();
        let usable = self.volume.is_there()
            && (begin.is_some() || log.open_part().is_some_and(|(_, on)| Arc::ptr_eq(&on, &self.volume)));
        if !usable {
            let state = self.volume.health().state;
            log.lose(reason_of(&self.volume, state), u32::try_from(fragment.samples.len()).unwrap_or(u32::MAX));
            stream.broken.store(true, Ordering::Release);
            return;
        }
        let result = log.fragment(&self.context, &self.volume, fragment, camera_offset_ms, begin, hint);
        let key = log.key.clone();
        drop(log);
        if let Err(error) = result {
            stream.broken.store(true, Ordering::Release);
            tracing::error!(stream = %key, volume = self.volume.name, %error, "a fragment was not written");
            if let WriteError::Io(error) = &error {
                self.failed(error);
            }
        }
    }

    fn failed(&self, error: &io::Error) {
        self.report(Volume::state_of(error), Some(error.to_string()));
    }

    /// Tells a change of state.
    pub fn report(&self, state: VolumeState, reason: Option<String>) {
        if self.volume.set_health(state, reason.clone()) {
            tracing::warn!(volume = self.volume.name, state = state.as_str(), reason, "a volume changed");
            (self.context.listener)(Event::Volume {
                utc_us: (self.context.now_us)(),
                volume: self.volume.name.clone(),
                state: state.as_str(),
                reason,
            });
        }
    }

    /// One group commit; then how the disk does.
    pub fn commit(&self) {
        let begun = Instant::now();
        let result = self.volume.commits.commit(&*self.volume.disk);
        let took = begun.elapsed();
        let figures = &self.volume.figures;
        if !matches!(result, Ok(0)) {
            figures.commit_us.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            figures.commits.fetch_add(1, Ordering::Relaxed);
        }
        match result {
            Err(error) => self.failed(&error),
            Ok(_) => self.judge(took),
        }
    }

    fn judge(&self, commit: Duration) {
        let state = self.volume.health().state;
        if matches!(state, VolumeState::Failed | VolumeState::ReadOnly) {
            return;
        }
        let space = match self.volume.look() {
            Ok(space) => space,
            Err(error) => return self.failed(&error),
        };
        if self.volume.is_full(space, state == VolumeState::Full) {
            let reason =
                if self.volume.is_held() { "all that lies there is held" } else { "nothing but the reserve is free" };
            self.report(VolumeState::Full, Some(reason.to_owned()));
        } else if commit > SLOW_COMMIT || self.volume.busy_for() > SLOW_COMMIT {
            let waited = commit.max(self.volume.busy_for());
            self.report(VolumeState::Slow, Some(format!("the disk took {:.1} s", waited.as_secs_f64())));
        } else {
            self.report(VolumeState::Ok, None);
        }
    }

    /// Looks whether the volume is still there, or there again.
    pub fn look(&self, owner: &str, known: Option<&str>) {
        let was = self.volume.health().state;
        match self.volume.try_open(owner, known) {
            Ok(()) if matches!(was, VolumeState::Failed | VolumeState::ReadOnly) => {
                let now = self.volume.health();
                // Told as a change, which opening alone does not do.
                self.volume.set_health(was, None);
                self.report(now.state, now.reason);
            }
            Ok(()) => {}
            Err(error) => self.report(VolumeState::Failed, Some(error.to_string())),
        }
    }
}

/// The threads of one volume.
pub struct WriterThreads {
    pub writer: Arc<Writer>,
    pub queue: Arc<Queue<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl WriterThreads {
    pub fn start(writer: Writer, queue_bytes: u64, owner: String, known: Option<String>) -> io::Result<Self> {
        let (writer, queue) = (Arc::new(writer), Arc::new(Queue::new(queue_bytes)));
        writer.volume.commits.set_threaded();
        let write = {
            let (writer, queue) = (writer.clone(), queue.clone());
            std::thread::Builder::new().name("volume-write".into()).spawn(move || write(&writer, &queue))?
        };
        let sync = {
            let writer = writer.clone();
            let sync = move || sync(&writer, &owner, known.as_deref());
            std::thread::Builder::new().name("volume-sync".into()).spawn(sync)?
        };
        Ok(Self { writer, queue, threads: Mutex::new(vec![write, sync]) })
    }

    /// Does what waits, makes it durable, ends both threads.
    pub fn stop(&self) {
        self.queue.close();
        let mut threads = self.threads.lock();
        for (at, thread) in threads.drain(..).enumerate() {
            // A panic has been reported by its own hook.
            let _ = thread.join();
            if at == 0 {
                self.writer.volume.commits.close();
            }
        }
    }
}

fn write(writer: &Writer, queue: &Queue<Job>) {
    loop {
        match queue.take(IDLE) {
            Taken::Job(job) => writer.handle(job),
            Taken::Nothing => {}
            Taken::End => return,
        }
    }
}

fn sync(writer: &Writer, owner: &str, known: Option<&str>) {
    let (mut looked, mut written) = (Instant::now(), 0);
    let mut pause = COMMIT_EVERY;
    while writer.volume.commits.next_round(pause) {
        let begun = Instant::now();
        writer.commit();
        let since = looked.elapsed();
        if since >= LOOK_EVERY {
            let figures = &writer.volume.figures;
            let bytes = figures.bytes_written.load(Ordering::Relaxed);
            let rate = (bytes - written) as f64 / since.as_secs_f64();
            figures.rate.store(rate as u64, Ordering::Relaxed);
            (looked, written) = (Instant::now(), bytes);
            writer.look(owner, known);
        }
        // Rounds begin every half second, however long they take.
        pause = COMMIT_EVERY.saturating_sub(begun.elapsed());
    }
    writer.commit();
}
