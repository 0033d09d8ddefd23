//! Recordings taken away: files that play anywhere, with a manifest that
//! proves them.
//!
//! Data flow: a call makes a [`plan`] from the indexes and queues a job; one
//! worker thread copies fragments ([`file`], by [`output`] into `.part` files
//! that are renamed when they are whole) and proves them ([`proof`]: seals and
//! records of the ledger, an interim seal for what is not sealed yet).
//!
//! A time-lapse ([`lapse`]) takes key frames alone and shows them faster; its
//! manifest is `derived`.
//!
//! Invariants: nothing is decoded; what a recording does not hold is told as a
//! gap; a file with its last name is whole and durable.

mod file;
mod lapse;
mod output;
mod plan;
mod proof;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use vms_hub::StreamName;

use crate::calls::{Answer, CallError, CallKind, request};
use crate::io::Disk;
use crate::read::Archive;
use crate::service::Recording;
use crate::write::recorders::Logs;
use crate::write::stream::Context;

use plan::Plan;

/// Stays free where exports go.
const RESERVE_BYTES: u64 = 1 << 30;
/// Key frames come about so often.
const LEAST_LAPSE_US: i64 = 1_000_000;
/// Ended jobs that are remembered.
const MOST_ENDED: usize = 256;
/// A job that is cancelled ends within a fragment.
const CANCEL_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    Mp4,
    Mkv,
}

/// What of one camera is taken away.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportPart {
    pub camera: String,
    pub streams: Vec<StreamName>,
    pub from_us: i64,
    pub to_us: i64,
    /// What its files are called, without ending; absent: camera and UTC.
    #[serde(default)]
    pub name: Option<String>,
    /// A time-lapse: the key frame of each so long a time, 25 a second. Absent:
    /// all of it, as it was.
    #[serde(default)]
    pub every_us: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    pub id: String,
    pub parts: Vec<ExportPart>,
    pub container: Container,
    pub audio: bool,
    pub by: String,
    pub why: String,
    /// Of this export alone.
    pub folder: PathBuf,
    /// Belongs to the archive that is made of the folder, not to files here.
    #[serde(default)]
    pub password: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportId {
    id: String,
}

#[derive(Serialize)]
struct Started<'a> {
    id: &'a str,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Or waiting for its turn.
    #[default]
    Running,
    Done,
    Failed,
    Cancelled,
}

/// A time without recording, as in the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapReport {
    pub camera: String,
    pub stream: &'static str,
    pub from_us: i64,
    pub to_us: i64,
    pub reason: String,
    pub values: BTreeMap<String, serde_json::Value>,
}

/// One video file; its manifest is `NAME.manifest.json` beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportFile {
    pub name: String,
    pub manifest: String,
    pub camera: String,
    pub stream: &'static str,
    pub bytes: u64,
    pub sha256: String,
    pub from_us: i64,
    pub to_us: i64,
    pub gaps: Vec<GapReport>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub code: String,
    pub values: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    pub state: State,
    pub done_bytes: u64,
    pub total_bytes: u64,
    pub files: Vec<ExportFile>,
    pub error: Option<Fault>,
}

/// What exports are made with.
#[derive(Clone)]
pub struct Means {
    pub archive: Arc<Archive>,
    pub context: Arc<Context>,
    pub logs: Arc<Logs>,
    pub disk: Arc<dyn Disk>,
    pub reserve_bytes: u64,
}

struct Job {
    request: ExportRequest,
    plan: Plan,
    done: AtomicU64,
    cancelled: AtomicBool,
    /// All but the bytes that are done.
    told: Mutex<Status>,
}

impl Job {
    fn status(&self) -> Status {
        let mut status = self.told.lock().clone();
        status.done_bytes = self.done.load(Ordering::Relaxed);
        status
    }

    fn is_running(&self) -> bool {
        self.told.lock().state == State::Running
    }

    /// Bytes that it still takes.
    fn left(&self) -> u64 {
        self.plan.needed().saturating_sub(self.done.load(Ordering::Relaxed))
    }
}

#[derive(Default)]
struct Jobs {
    known: HashMap<String, Arc<Job>>,
    waiting: VecDeque<Arc<Job>>,
    ended: VecDeque<String>,
    stopping: bool,
}

struct Shared {
    means: Means,
    jobs: Mutex<Jobs>,
    /// A job waits, or ended, or all end.
    news: Condvar,
}

/// All exports: the queue and the thread that works it off.
pub struct Exports {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

fn unknown(id: &str) -> CallError {
    CallError::new(CallKind::NotFound, "export_unknown", format!("there is no export {id:?}"))
}

fn invalid(message: impl Into<String>) -> CallError {
    CallError::new(CallKind::Invalid, "invalid", message)
}

impl Exports {
    pub fn start(recording: &Recording, archive: Arc<Archive>) -> io::Result<Self> {
        Self::with(Means {
            archive,
            context: recording.context.clone(),
            logs: recording.recorders().logs.clone(),
            disk: recording.means.disk.clone(),
            reserve_bytes: RESERVE_BYTES,
        })
    }

    pub fn with(means: Means) -> io::Result<Self> {
        let shared = Arc::new(Shared { means, jobs: Mutex::default(), news: Condvar::new() });
        let worker = {
            let shared = shared.clone();
            std::thread::Builder::new().name("exports".into()).spawn(move || shared.work())?
        };
        Ok(Self { shared, worker: Mutex::new(Some(worker)) })
    }

    /// Answers the calls about exports; `None` for a call of others.
    pub fn call(&self, call: &str, json: &[u8]) -> Option<Result<Answer, CallError>> {
        match call {
            "export_start" => Some(request(call, json).and_then(|asked| self.begin(asked))),
            "export_status" => Some(self.with_job(call, json, |job| Ok(job.status()))),
            "export_cancel" => Some(self.with_job(call, json, |job| self.cancel(job))),
            _ => None,
        }
    }

    fn with_job(
        &self,
        call: &str,
        json: &[u8],
        with: impl FnOnce(&Arc<Job>) -> Result<Status, CallError>,
    ) -> Result<Answer, CallError> {
        let asked: ExportId = request(call, json)?;
        let job = self.shared.jobs.lock().known.get(&asked.id).cloned().ok_or_else(|| unknown(&asked.id))?;
        Answer::of(&with(&job)?)
    }

    /// Queues a job. One that ended is made anew under its id; one that runs is
    /// refused.
    fn begin(&self, request: ExportRequest) -> Result<Answer, CallError> {
        check(&request)?;
        let running = || {
            let message = format!("the export {:?} is being made", request.id);
            CallError::new(CallKind::Conflict, "export_running", message)
        };
        let is_running = |jobs: &Jobs| jobs.known.get(&request.id).is_some_and(|job| job.is_running());
        if is_running(&self.shared.jobs.lock()) {
            return Err(running());
        }
        let means = &self.shared.means;
        let plan = Plan::make(&means.archive, &request, (means.context.now_us)())?;
        self.has_room(&request, &plan)?;
        let told = Status { total_bytes: plan.bytes(), ..Status::default() };
        let mut jobs = self.shared.jobs.lock();
        if is_running(&jobs) {
            return Err(running());
        }
        let answer = Answer::of(&Started { id: &request.id });
        let id = request.id.clone();
        let (done, cancelled) = (AtomicU64::new(0), AtomicBool::new(false));
        let job = Arc::new(Job { request, plan, done, cancelled, told: Mutex::new(told) });
        jobs.ended.retain(|ended| *ended != id);
        jobs.known.insert(id, job.clone());
        jobs.waiting.push_back(job);
        self.shared.news.notify_all();
        answer
    }

    /// What this and all jobs that are not done take, and the reserve.
    fn has_room(&self, request: &ExportRequest, plan: &Plan) -> Result<(), CallError> {
        let means = &self.shared.means;
        let folder = &request.folder;
        let space = means.disk.create_folders(folder).and_then(|()| means.disk.space(folder)).map_err(|error| {
            CallError::new(CallKind::Unavailable, "export_disk", format!("{}: {error}", folder.display()))
        })?;
        let others: u64 = {
            let jobs = self.shared.jobs.lock();
            jobs.known.values().filter(|job| job.is_running()).map(|job| job.left()).sum()
        };
        let needed = plan.needed().saturating_add(others).saturating_add(means.reserve_bytes);
        if needed <= space.free {
            return Ok(());
        }
        let message = format!("{}: {needed} bytes are needed and {} are free", folder.display(), space.free);
        Err(CallError::new(CallKind::Unavailable, "disk_full", message))
    }

    /// Waits until nothing of it is written any more.
    fn cancel(&self, job: &Arc<Job>) -> Result<Status, CallError> {
        job.cancelled.store(true, Ordering::Release);
        let mut jobs = self.shared.jobs.lock();
        if let Some(at) = jobs.waiting.iter().position(|waiting| Arc::ptr_eq(waiting, job)) {
            jobs.waiting.remove(at);
            job.told.lock().state = State::Cancelled;
            jobs.end(&job.request.id);
        }
        let ended = self.shared.news.wait_while_for(&mut jobs, |_| job.is_running(), CANCEL_LIMIT);
        if ended.timed_out() {
            let message = format!("the disk of the export {:?} hangs", job.request.id);
            return Err(CallError::new(CallKind::Unavailable, "export_disk", message));
        }
        Ok(job.status())
    }

    /// Ends the thread; a job that is being made is cancelled.
    pub fn stop(&self) {
        {
            let mut jobs = self.shared.jobs.lock();
            jobs.stopping = true;
            jobs.known.values().for_each(|job| job.cancelled.store(true, Ordering::Release));
            self.shared.news.notify_all();
        }
        if let Some(worker) = self.worker.lock().take() {
            // A panic has been reported by its own hook.
            let _ = worker.join();
        }
    }
}

impl Drop for Exports {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Jobs {
    fn end(&mut self, id: &str) {
        self.ended.push_back(id.to_owned());
        if self.ended.len() > MOST_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            let (state, error) = worker::run(&self.means, &job);
            let mut jobs = self.jobs.lock();
            {
                let mut told = job.told.lock();
                (told.state, told.error) = (state, error);
                if state != State::Done {
                    told.files.clear();
                }
            }
            jobs.end(&job.request.id);
            self.news.notify_all();
        }
    }

    /// Waits for a job; `None` when all end.
    fn next(&self) -> Option<Arc<Job>> {
        let mut jobs = self.jobs.lock();
        loop {
            if jobs.stopping {
                return None;
            }
            if let Some(job) = jobs.waiting.pop_front() {
                return Some(job);
            }
            self.news.wait(&mut jobs);
        }
    }
}

fn check(request: &ExportRequest) -> Result<(), CallError> {
    if request.id.is_empty() || request.id.len() > 128 {
        return Err(invalid("an export has an id of at most 128 bytes"));
    }
    if !request.folder.is_absolute() {
        return Err(invalid(format!("{}: no absolute path", request.folder.display())));
    }
    if request.password.is_some() {
        return Err(invalid("a password belongs to the archive of the files, which is not made here"));
    }
    if request.parts.is_empty() {
        return Err(invalid("an export has parts"));
    }
    for part in &request.parts {
        if part.every_us.is_some() && request.container != Container::Mp4 {
            return Err(invalid("a time-lapse is an MP4"));
        }
        if part.every_us.is_some_and(|every_us| every_us < LEAST_LAPSE_US) {
            return Err(invalid(format!("camera {}: a time-lapse takes a picture a second at most", part.camera)));
        }
        if !vms_format::names::is_camera(&part.camera) || part.streams.is_empty() || part.from_us >= part.to_us {
            return Err(invalid(format!("camera {}: a part has streams, and ends after it begins", part.camera)));
        }
    }
    Ok(())
}
