//! What viewers do not take of a camera, made into what they take by workers:
//! sound into Opus, pictures into H.264 without B-frames. One worker for each of
//! the two a stream, while somebody wants it.
//!
//! Data flow: a viewer takes a [`Listener`]; the workers' steward hears that a
//! worker is wanted (`serve`) and starts it, it gets the camera's frames and
//! gives its own back (`wire`); those are published as a stream of their own in
//! the hub, under the camera's key with [`Variant::Transcoded`]. Beside
//! transcoded pictures the camera's own sound is published, untouched.
//!
//! Invariants: at most one worker of a kind a stream; none where nobody wants
//! one; what a worker of sound does costs the sound alone.

mod picture;
mod serve;
mod sound;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use vms_hub::{Hub, Stream, StreamKey, Variant};
use vms_media::{Frame, Track, TrackKind};

pub use picture::can_be_transcoded as picture_can_be_transcoded;
pub use serve::{advise, work};
pub use sound::{RATE as OPUS_RATE, STEP as OPUS_STEP, can_be_transcoded as sound_can_be_transcoded, opus_track};

/// A worker goes on for so long after the last viewer left: who changes
/// between two views comes back at once.
pub const LINGER: Duration = Duration::from_secs(5);
/// Workers of sound together: a hundredth of a core and 33 MB each.
const MOST_OF_SOUND: usize = 64;
/// A worker that was asked for has come by then.
const COME_WITHIN: Duration = Duration::from_secs(15);
/// Between a failure and the next try: doubled with each, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// One that worked for so long had no fault of the stream's.
const GOOD_AFTER: Duration = Duration::from_secs(60);
/// Frames of sound that wait for the picture they belong to: ten seconds.
const MOST_HELD: usize = 500;

/// What is made of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Opus.
    Sound,
    /// H.264 without B-frames, with the camera's sound beside it.
    Picture,
}

impl Kind {
    /// The word of stewards and workers for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Picture => "picture",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Sound, Self::Picture].into_iter().find(|kind| kind.as_str() == word)
    }

    /// Where in the hub it is published.
    #[must_use]
    pub fn derived(self, key: &StreamKey) -> StreamKey {
        let track = match self {
            Self::Sound => TrackKind::Audio,
            Self::Picture => TrackKind::Video,
        };
        StreamKey { variant: Variant::Transcoded(track), ..key.clone() }
    }

    /// The tracks of what is published, where the camera sends these.
    fn tracks(self, camera: &[Track]) -> Vec<Track> {
        match self {
            Self::Sound => vec![sound::opus_track()],
            Self::Picture => picture::tracks(camera),
        }
    }

    /// Whether this is what a worker of the kind works on.
    fn takes(self, track: &Track) -> bool {
        match self {
            Self::Sound => sound::can_be_transcoded(track),
            Self::Picture => picture::can_be_transcoded(track),
        }
    }

    /// Code of a failure that is the camera's.
    fn undecodable(self) -> &'static str {
        match self {
            Self::Sound => "sound_undecodable",
            Self::Picture => "picture_undecodable",
        }
    }
}

/// Why a worker's work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nobody wants it any more.
    Quiet,
    /// The camera's stream is no more.
    Removed,
    /// Something failed; a code, as metrics name it, and words for people.
    Failed(&'static str, String),
}

/// Why nothing is transcoded for a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// There is no such stream, nobody who would work, or it is switched off.
    Nobody,
    /// As many streams as are allowed have a worker.
    Full { most: usize },
}

/// What a worker costs, as it says itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Of one core.
    pub cpu_permille: u32,
    pub memory_bytes: u64,
}

/// What is transcoded of one stream, for whoever watches over the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub key: StreamKey,
    pub kind: Kind,
    pub listeners: usize,
    pub works: bool,
    pub failures: u64,
    /// Code of the last failure, while no worker works since.
    pub reason: Option<&'static str>,
    /// From the time of a camera's frame to what was made of it, of the last one.
    pub delay_ms: Option<i64>,
    pub cost: Option<Cost>,
}

/// All that is transcoded in the process.
#[derive(Clone, Debug)]
pub struct Transcodes {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    most_pictures: usize,
    state: Mutex<State>,
    /// Told to the stewards when a worker is wanted.
    wanted: Notify,
}

type Name = (StreamKey, Kind);

#[derive(Debug, Default)]
struct State {
    stewards: usize,
    jobs: HashMap<Name, Job>,
}

#[derive(Debug)]
struct Job {
    /// Of what is made.
    stream: Arc<Stream>,
    listeners: usize,
    /// Of those, who want nothing just now.
    resting: usize,
    /// When the last listener left or rested; or, before the first, when it was made.
    quiet_since: Instant,
    works_since: Option<Instant>,
    /// A steward was asked for a worker.
    asked: Option<Instant>,
    not_before: Instant,
    /// Without a good run in between.
    failed_in_a_row: u32,
    failures: u64,
    reason: Option<&'static str>,
    delay_ms: Option<i64>,
    cost: Option<Cost>,
    /// Told to the worker's connection when listeners come or go.
    changed: Arc<Notify>,
}

impl Job {
    fn new(stream: Arc<Stream>, now: Instant) -> Self {
        Self {
            stream,
            listeners: 0,
            resting: 0,
            quiet_since: now,
            works_since: None,
            asked: None,
            not_before: now,
            failed_in_a_row: 0,
            failures: 0,
            reason: None,
            delay_ms: None,
            cost: None,
            changed: Arc::default(),
        }
    }

    /// Somebody wants what is made.
    fn is_wanted(&self) -> bool {
        self.listeners > self.resting
    }

    /// It has its place among the workers; listeners that rest keep it.
    fn is_busy(&self) -> bool {
        self.listeners > 0 || self.works_since.is_some()
    }

    fn failed(&mut self, (key, kind): &Name, code: &'static str, words: &str, now: Instant) {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failed_in_a_row.min(16));
        self.not_before = now + pause.min(LONGEST_PAUSE);
        self.failed_in_a_row += 1;
        self.failures += 1;
        self.reason = Some(code);
        self.asked = None;
        let kind = kind.as_str();
        tracing::warn!(stream = %key, kind, code, words, "it cannot be transcoded, and is tried again");
    }
}

impl State {
    /// Whether a stream has a worker or may have one.
    fn room(&self, name: &Name, most: usize) -> Result<(), NoRoom> {
        if self.stewards == 0 || most == 0 {
            return Err(NoRoom::Nobody);
        }
        if self.jobs.get(name).is_some_and(Job::is_busy) {
            return Ok(());
        }
        let busy = self.jobs.iter().filter(|((_, kind), job)| *kind == name.1 && job.is_busy()).count();
        if busy < most { Ok(()) } else { Err(NoRoom::Full { most }) }
    }

    /// The job that makes this stream; one that was forgotten may have a
    /// successor of its name.
    fn job_of(&mut self, name: &Name, stream: &Arc<Stream>) -> Option<&mut Job> {
        self.jobs.get_mut(name).filter(|job| Arc::ptr_eq(&job.stream, stream))
    }
}

impl Transcodes {
    /// Of pictures so many streams are transcoded at most.
    #[must_use]
    pub fn new(hub: Hub, most_pictures: usize) -> Self {
        Self { inner: Arc::new(Inner { hub, most_pictures, state: Mutex::default(), wanted: Notify::new() }) }
    }

    /// Whether [`Self::listen`] would give a place.
    ///
    /// # Errors
    /// Why it would not.
    pub fn room(&self, key: &StreamKey, kind: Kind) -> Result<(), NoRoom> {
        self.inner.state.lock().room(&(key.clone(), kind), self.inner.most(kind))
    }

    /// A place at what is made of a stream.
    ///
    /// # Errors
    /// Why there is none.
    pub fn listen(&self, key: &StreamKey, kind: Kind) -> Result<Listener, NoRoom> {
        let camera = self.inner.hub.stream(key).ok_or(NoRoom::Nobody)?;
        let name = (key.clone(), kind);
        let mut state = self.inner.state.lock();
        state.room(&name, self.inner.most(kind))?;
        let job = state.jobs.entry(name.clone()).or_insert_with(|| {
            // Its tracks are known before its first frame, so that viewers can agree on them.
            let first = self.inner.hub.publish(&kind.derived(key), kind.tracks(&camera.tracks()));
            Job::new(first.stream().clone(), Instant::now())
        });
        job.listeners += 1;
        job.changed.notify_one();
        let stream = job.stream.clone();
        drop(state);
        self.inner.wanted.notify_one();
        Ok(Listener { inner: self.inner.clone(), name, stream, resting: false })
    }

    /// Forgets what is made of a stream that is no more, and why it failed. Where
    /// a worker works, its end does that: it reads that stream.
    pub fn end_stream(&self, key: &StreamKey) {
        let mut state = self.inner.state.lock();
        let idle = |((of, _), job): &(&Name, &Job)| of == key && job.works_since.is_none();
        let over: Vec<Name> = state.jobs.iter().filter(idle).map(|(name, _)| name.clone()).collect();
        for name in over {
            self.inner.forget(&mut state, &name);
        }
    }

    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        let state = self.inner.state.lock();
        let report = |((key, kind), job): (&Name, &Job)| Report {
            key: key.clone(),
            kind: *kind,
            listeners: job.listeners,
            works: job.works_since.is_some(),
            failures: job.failures,
            reason: job.reason,
            delay_ms: job.delay_ms.filter(|_| job.works_since.is_some()),
            cost: job.cost.filter(|_| job.works_since.is_some()),
        };
        let mut reports: Vec<Report> = state.jobs.iter().map(report).collect();
        reports.sort_by_key(|report| (report.key.to_string(), report.kind));
        reports
    }

    /// What wants a worker now, marked as asked for; and when it has to be
    /// looked again at the latest.
    fn ask(&self, now: Instant) -> (Vec<Name>, Instant) {
        let mut state = self.inner.state.lock();
        let mut next = now + LONGEST_PAUSE;
        let mut asked = Vec::new();
        for (name, job) in &mut state.jobs {
            if !job.is_wanted() || job.works_since.is_some() {
                continue;
            }
            if let Some(at) = job.asked {
                if now < at + COME_WITHIN {
                    next = next.min(at + COME_WITHIN);
                    continue;
                }
                job.failed(name, "not_started", "no worker came", now);
            }
            if job.not_before > now {
                next = next.min(job.not_before);
                continue;
            }
            job.asked = Some(now);
            next = next.min(now + COME_WITHIN);
            asked.push(name.clone());
        }
        (asked, next)
    }

    /// A steward came or went: who is asked for anew.
    fn stewards(&self, more: bool) {
        let mut state = self.inner.state.lock();
        if more {
            state.stewards += 1;
        } else {
            state.stewards -= 1;
        }
        for job in state.jobs.values_mut() {
            job.asked = None;
        }
        drop(state);
        self.inner.wanted.notify_one();
    }

    /// Takes a worker in; `None` where none is wanted or one works already.
    fn begin(&self, name: &Name, now: Instant) -> Option<Work> {
        let mut state = self.inner.state.lock();
        let job = state.jobs.get_mut(name).filter(|job| job.is_wanted() && job.works_since.is_none())?;
        job.works_since = Some(now);
        job.asked = None;
        job.reason = None;
        job.cost = None;
        tracing::info!(stream = %name.0, kind = name.1.as_str(), "it is transcoded");
        Some(Work {
            transcodes: self.clone(),
            name: name.clone(),
            stream: job.stream.clone(),
            changed: job.changed.clone(),
            held: Mutex::default(),
            given: Mutex::default(),
        })
    }

    fn end(&self, name: &Name, end: &End, now: Instant) {
        let mut state = self.inner.state.lock();
        let Some(job) = state.jobs.get_mut(name) else { return };
        let since = job.works_since.take();
        job.delay_ms = None;
        match end {
            End::Removed => return self.inner.forget(&mut state, name),
            End::Quiet => {
                tracing::info!(stream = %name.0, kind = name.1.as_str(), "nobody wants it: it is transcoded no more");
            }
            End::Failed(code, words) => {
                if since.is_some_and(|since| now.duration_since(since) >= GOOD_AFTER) {
                    job.failed_in_a_row = 0;
                }
                job.failed(name, code, words, now);
            }
        }
        if job.listeners == 0 && job.failures == 0 {
            self.inner.forget(&mut state, name);
        }
        drop(state);
        self.inner.wanted.notify_one();
    }
}

impl Inner {
    fn most(&self, kind: Kind) -> usize {
        match kind {
            Kind::Sound => MOST_OF_SOUND,
            Kind::Picture => self.most_pictures,
        }
    }

    fn forget(&self, state: &mut State, name: &Name) {
        state.jobs.remove(name);
        self.hub.remove(&name.1.derived(&name.0));
    }
}

/// Keeps a stream being transcoded.
#[derive(Debug)]
pub struct Listener {
    inner: Arc<Inner>,
    name: Name,
    stream: Arc<Stream>,
    resting: bool,
}

impl Listener {
    /// Where it comes.
    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Wants nothing for now, or does again. Its place stays its own; what is
    /// made for nobody else is made no more, soon after.
    pub fn rest(&mut self, resting: bool) {
        if std::mem::replace(&mut self.resting, resting) == resting {
            return;
        }
        let mut state = self.inner.state.lock();
        let Some(job) = state.job_of(&self.name, &self.stream) else { return };
        if resting {
            job.resting += 1;
            job.quiet_since = Instant::now();
        } else {
            job.resting -= 1;
        }
        job.changed.notify_one();
        if !job.is_wanted() && job.works_since.is_none() {
            job.asked = None;
        }
        drop(state);
        self.inner.wanted.notify_one();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.inner.state.lock();
        let Some(job) = state.job_of(&self.name, &self.stream) else { return };
        job.listeners -= 1;
        job.resting -= usize::from(self.resting);
        job.quiet_since = Instant::now();
        job.changed.notify_one();
        if job.listeners == 0 && job.works_since.is_none() {
            job.asked = None;
            if job.failures == 0 {
                self.inner.forget(&mut state, &self.name);
            }
        }
    }
}

/// A worker's place at a stream.
struct Work {
    transcodes: Transcodes,
    name: Name,
    /// Of what is made.
    stream: Arc<Stream>,
    changed: Arc<Notify>,
    /// Sound that is published beside the picture of its time.
    held: Mutex<VecDeque<Frame>>,
    /// The newest time of what the worker was given, by epoch.
    given: Mutex<HashMap<u64, i64>>,
}

impl Work {
    fn kind(&self) -> Kind {
        self.name.1
    }

    /// When it is over if nobody comes; `None` while somebody listens.
    fn quiet_at(&self) -> Option<Instant> {
        let state = self.transcodes.inner.state.lock();
        let job = state.jobs.get(&self.name)?;
        (!job.is_wanted()).then(|| job.quiet_since + LINGER)
    }

    fn note(&self, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.transcodes.inner.state.lock().jobs.get_mut(&self.name) {
            change(job);
        }
    }

    /// Notes what the worker is given; returns the newest time of the epoch.
    fn gives(&self, epoch: u64, utc_us: i64) -> i64 {
        let mut given = self.given.lock();
        let newest = given.entry(epoch).or_insert(utc_us);
        *newest = utc_us.max(*newest);
        *newest
    }

    /// The newest time that the worker was given of an epoch that it works on now.
    fn given(&self, epoch: u64) -> Option<i64> {
        let mut given = self.given.lock();
        given.retain(|known, _| *known >= epoch);
        given.get(&epoch).copied()
    }

    /// Keeps sound until the picture of its time is made.
    fn hold(&self, frame: Frame) {
        let mut held = self.held.lock();
        if held.len() == MOST_HELD {
            held.pop_front();
        }
        held.push_back(frame);
    }

    /// The sound up to a time.
    fn held_until(&self, utc_us: i64) -> Vec<Frame> {
        let mut held = self.held.lock();
        let count = held.iter().take_while(|frame| frame.timing.utc_us <= utc_us).count();
        held.drain(..count).collect()
    }

    fn end(self, end: &End) {
        self.transcodes.end(&self.name, end, Instant::now());
    }
}
