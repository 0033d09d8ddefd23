//! What all viewers of a run share: when to measure, and their figures.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use vms_media::Codec;

use crate::watch::{Done, Watch};

/// Delays are taken once a viewer has caught up.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// UTC in microseconds.
#[must_use]
pub fn utc_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

/// One run: shared by its viewers.
#[derive(Debug, Default)]
pub struct Run {
    measuring: AtomicBool,
    ended: AtomicBool,
    pub connected: AtomicU64,
    pub closed: AtomicU64,
    failures: Mutex<Vec<String>>,
    results: Mutex<Vec<Figures>>,
}

/// What one viewer saw; bytes, frames and losses within the measured time.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub bytes: u64,
    pub frames: u64,
    pub lost: u64,
    pub first_key: Option<Duration>,
    pub delays_us: Vec<u32>,
    /// The longest time without a complete frame.
    pub longest_gap: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A viewer that panicked has left its figures as they were.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run {
    pub fn measure(&self, on: bool) {
        self.measuring.store(on, Ordering::Relaxed);
    }

    #[must_use]
    pub fn measuring(&self) -> bool {
        self.measuring.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub fn failed(&self, why: String) {
        lock(&self.failures).push(why);
    }

    pub fn finished(&self, figures: Figures) {
        lock(&self.results).push(figures);
    }

    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        lock(&self.failures).clone()
    }

    #[must_use]
    pub fn results(&self) -> Vec<Figures> {
        lock(&self.results).clone()
    }
}

/// Adds up what one viewer receives.
pub struct Tally<'a> {
    run: &'a Run,
    watch: Watch,
    figures: Figures,
    /// From when the first key frame is awaited.
    since: Instant,
    last_frame: Option<Instant>,
    counted_frames: u64,
    counted_lost: u64,
}

impl<'a> Tally<'a> {
    #[must_use]
    pub fn new(run: &'a Run, codec: Codec, since: Instant) -> Self {
        Self {
            run,
            watch: Watch::new(codec),
            figures: Figures::default(),
            since,
            last_frame: None,
            counted_frames: 0,
            counted_lost: 0,
        }
    }

    #[must_use]
    pub fn has_key(&self) -> bool {
        self.figures.first_key.is_some()
    }

    /// A packet with its payload; `len` are its bytes on the wire.
    pub fn packet(&mut self, seq: u16, marker: bool, payload: &[u8], len: usize, now: Instant) {
        let done = self.watch.packet(seq, marker, payload);
        self.count(len);
        if let Some(done) = done {
            self.frame(done, now);
        }
    }

    /// A packet known by its header alone.
    pub fn header(&mut self, seq: u16, marker: bool, len: usize, now: Instant) {
        self.watch.header(seq, marker);
        self.count(len);
        if marker {
            self.gap(now);
        }
    }

    fn count(&mut self, len: usize) {
        if self.run.measuring() {
            self.figures.bytes += len as u64;
            self.figures.frames += self.watch.frames - self.counted_frames;
            self.figures.lost += self.watch.lost.saturating_sub(self.counted_lost);
        }
        self.counted_frames = self.watch.frames;
        self.counted_lost = self.watch.lost;
    }

    fn gap(&mut self, now: Instant) {
        if self.run.measuring()
            && let Some(last) = self.last_frame
        {
            self.figures.longest_gap = self.figures.longest_gap.max(now.duration_since(last));
        }
        self.last_frame = Some(now);
    }

    fn frame(&mut self, done: Done, now: Instant) {
        self.gap(now);
        let joined = now.duration_since(self.since);
        if done.key && done.whole && self.figures.first_key.is_none() {
            self.figures.first_key = Some(joined);
        }
        let settled = self.figures.first_key.is_some_and(|key| joined > key + SETTLED_AFTER);
        if settled
            && self.run.measuring()
            && done.whole
            && let Some(written) = done.written_us
        {
            let delay = utc_us().saturating_sub(written).max(0);
            self.figures.delays_us.push(u32::try_from(delay).unwrap_or(u32::MAX));
        }
    }

    /// The viewer's figures at its end.
    pub fn finish(mut self) {
        if (self.run.measuring() || self.run.ended())
            && let Some(last) = self.last_frame
        {
            let silent = last.elapsed().saturating_sub(Duration::from_millis(500));
            self.figures.longest_gap = self.figures.longest_gap.max(silent);
        }
        self.run.finished(self.figures);
    }
}
