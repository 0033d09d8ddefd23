//! Sound that browsers do not take, made into Opus by workers: one a stream,
//! while somebody listens.
//!
//! Data flow: a viewer takes a [`Listener`]; the workers' steward hears that a
//! stream is wanted (`serve`) and starts a worker, which gets the camera's
//! frames and gives Opus back (`wire`); that is published as a stream of its
//! own in the hub, under the camera's key with [`Variant::Transcoded`].
//!
//! Invariants: at most one worker a stream; none where nobody listens; what a
//! worker does costs the sound alone.

mod serve;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use vms_hub::{Hub, Stream, StreamKey, Variant};
use vms_media::{Codec, Track, TrackKind};

pub use serve::{advise, work};

/// A worker goes on for so long after the last listener left: who changes
/// between two views comes back at once.
pub const LINGER: Duration = Duration::from_secs(5);
/// Workers of one process together: a hundredth of a core and 33 MB each.
const MOST_WORKERS: usize = 64;
/// A worker that was asked for has come by then.
const COME_WITHIN: Duration = Duration::from_secs(15);
/// Between a failure and the next try: doubled with each, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// One that worked for so long had no fault of the stream's.
const GOOD_AFTER: Duration = Duration::from_secs(60);

/// Why a worker's work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nobody listens any more.
    Quiet,
    /// Something failed; a code, as metrics name it, and words for people.
    Failed(&'static str, String),
}

/// The sound of one stream, for whoever watches over the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundReport {
    pub key: StreamKey,
    pub listeners: usize,
    pub works: bool,
    pub failures: u64,
    /// Code of the last failure, while no worker works since.
    pub reason: Option<&'static str>,
    /// From the time of the camera's sound to its Opus, of the last packet.
    pub delay_ms: Option<i64>,
}

/// All transcoded sound of the process.
#[derive(Clone, Debug)]
pub struct Sounds {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    state: Mutex<State>,
    /// Told to the stewards when a worker is wanted.
    wanted: Notify,
}

#[derive(Debug, Default)]
struct State {
    stewards: usize,
    streams: HashMap<StreamKey, Sound>,
}

#[derive(Debug)]
struct Sound {
    /// Of the derived stream.
    stream: Arc<Stream>,
    listeners: usize,
    /// When the last listener left; or, before the first, when it was made.
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
    /// Told to the worker's connection when listeners come or go.
    changed: Arc<Notify>,
}

/// Whether a track's sound can be made into Opus.
#[must_use]
pub fn can_be_transcoded(track: &Track) -> bool {
    let known = matches!(track.codec, Codec::Aac | Codec::Pcma | Codec::Pcmu);
    track.kind == TrackKind::Audio && known && track.clock_rate > 0
}

/// The one track of a derived stream (RFC 7587: always two channels).
#[must_use]
pub fn opus_track() -> Track {
    Track {
        id: 0,
        kind: TrackKind::Audio,
        codec: Codec::Opus,
        clock_rate: 48_000,
        channels: 2,
        fmtp: "sprop-stereo=1".to_owned(),
    }
}

fn derived(key: &StreamKey) -> StreamKey {
    StreamKey { variant: Variant::Transcoded, ..key.clone() }
}

impl Sounds {
    #[must_use]
    pub fn new(hub: Hub) -> Self {
        Self { inner: Arc::new(Inner { hub, state: Mutex::default(), wanted: Notify::new() }) }
    }

    /// A place at a stream's transcoded sound; `None` where nobody transcodes
    /// or as many streams as are allowed have a worker.
    #[must_use]
    pub fn listen(&self, key: &StreamKey) -> Option<Listener> {
        let mut state = self.inner.state.lock();
        let busy = state.streams.values().filter(|sound| sound.listeners > 0 || sound.works_since.is_some()).count();
        let known = state.streams.get(key).is_some_and(|sound| sound.listeners > 0 || sound.works_since.is_some());
        if state.stewards == 0 || (!known && busy >= MOST_WORKERS) {
            return None;
        }
        let now = Instant::now();
        let sound = state.streams.entry(key.clone()).or_insert_with(|| Sound {
            stream: self.inner.hub.ensure(&derived(key)),
            listeners: 0,
            quiet_since: now,
            works_since: None,
            asked: None,
            not_before: now,
            failed_in_a_row: 0,
            failures: 0,
            reason: None,
            delay_ms: None,
            changed: Arc::default(),
        });
        sound.listeners += 1;
        sound.changed.notify_one();
        let stream = sound.stream.clone();
        drop(state);
        self.inner.wanted.notify_one();
        Some(Listener { inner: self.inner.clone(), key: key.clone(), stream })
    }

    #[must_use]
    pub fn reports(&self) -> Vec<SoundReport> {
        let state = self.inner.state.lock();
        let report = |(key, sound): (&StreamKey, &Sound)| SoundReport {
            key: key.clone(),
            listeners: sound.listeners,
            works: sound.works_since.is_some(),
            failures: sound.failures,
            reason: sound.reason,
            delay_ms: sound.delay_ms.filter(|_| sound.works_since.is_some()),
        };
        let mut reports: Vec<SoundReport> = state.streams.iter().map(report).collect();
        reports.sort_by_key(|report| report.key.to_string());
        reports
    }

    /// Streams that want a worker now, marked as asked for; and when it has to
    /// be looked again at the latest.
    fn ask(&self, now: Instant) -> (Vec<StreamKey>, Instant) {
        let mut state = self.inner.state.lock();
        let mut next = now + LONGEST_PAUSE;
        let mut asked = Vec::new();
        for (key, sound) in &mut state.streams {
            if sound.listeners == 0 || sound.works_since.is_some() {
                continue;
            }
            if let Some(at) = sound.asked {
                if now < at + COME_WITHIN {
                    next = next.min(at + COME_WITHIN);
                    continue;
                }
                sound.failed(key, "not_started", "no worker came", now);
            }
            if sound.not_before > now {
                next = next.min(sound.not_before);
                continue;
            }
            sound.asked = Some(now);
            next = next.min(now + COME_WITHIN);
            asked.push(key.clone());
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
        for sound in state.streams.values_mut() {
            sound.asked = None;
        }
        drop(state);
        self.inner.wanted.notify_one();
    }

    /// Takes a worker in; `None` where none is wanted or one works already.
    fn begin(&self, key: &StreamKey, now: Instant) -> Option<Work> {
        let mut state = self.inner.state.lock();
        let sound = state.streams.get_mut(key).filter(|sound| sound.listeners > 0 && sound.works_since.is_none())?;
        sound.works_since = Some(now);
        sound.asked = None;
        sound.reason = None;
        tracing::info!(stream = %key, "sound is transcoded");
        Some(Work { sounds: self.clone(), key: key.clone(), changed: sound.changed.clone() })
    }

    fn end(&self, key: &StreamKey, end: &End, now: Instant) {
        let mut state = self.inner.state.lock();
        let Some(sound) = state.streams.get_mut(key) else { return };
        let since = sound.works_since.take();
        sound.delay_ms = None;
        match end {
            End::Quiet => tracing::info!(stream = %key, "nobody listens: sound is transcoded no more"),
            End::Failed(code, words) => {
                if since.is_some_and(|since| now.duration_since(since) >= GOOD_AFTER) {
                    sound.failed_in_a_row = 0;
                }
                sound.failed(key, code, words, now);
            }
        }
        if sound.listeners == 0 && sound.failures == 0 {
            state.streams.remove(key);
            self.inner.hub.remove(&derived(key));
        }
        drop(state);
        self.inner.wanted.notify_one();
    }
}

impl Sound {
    fn failed(&mut self, key: &StreamKey, code: &'static str, words: &str, now: Instant) {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failed_in_a_row.min(16));
        self.not_before = now + pause.min(LONGEST_PAUSE);
        self.failed_in_a_row += 1;
        self.failures += 1;
        self.reason = Some(code);
        self.asked = None;
        tracing::warn!(stream = %key, code, words, "sound cannot be transcoded; it is tried again, the picture goes on");
    }
}

/// Keeps a stream's sound being transcoded.
#[derive(Debug)]
pub struct Listener {
    inner: Arc<Inner>,
    key: StreamKey,
    stream: Arc<Stream>,
}

impl Listener {
    /// Where the Opus comes.
    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.inner.state.lock();
        let Some(sound) = state.streams.get_mut(&self.key) else { return };
        sound.listeners -= 1;
        sound.quiet_since = Instant::now();
        sound.changed.notify_one();
        if sound.listeners == 0 && sound.works_since.is_none() {
            sound.asked = None;
            if sound.failures == 0 {
                state.streams.remove(&self.key);
                self.inner.hub.remove(&derived(&self.key));
            }
        }
    }
}

/// A worker's place at a stream.
struct Work {
    sounds: Sounds,
    key: StreamKey,
    changed: Arc<Notify>,
}

impl Work {
    /// When it is over if nobody comes; `None` while somebody listens.
    fn quiet_at(&self) -> Option<Instant> {
        let state = self.sounds.inner.state.lock();
        let sound = state.streams.get(&self.key)?;
        (sound.listeners == 0).then(|| sound.quiet_since + LINGER)
    }

    fn delay(&self, ms: i64) {
        if let Some(sound) = self.sounds.inner.state.lock().streams.get_mut(&self.key) {
            sound.delay_ms = Some(ms);
        }
    }

    fn end(self, end: &End) {
        self.sounds.end(&self.key, end, Instant::now());
    }
}
