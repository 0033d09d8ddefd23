//! One stream: its ring, its readers' wakers, its figures; and the publisher
//! that feeds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use vms_media::{Codec, Frame, ParameterSets, Track, TrackKind, VideoInfo, packet_count};

use crate::Wake;
use crate::frame::HubFrame;
use crate::key::StreamKey;
use crate::order::Order;
use crate::queue::Queue;
use crate::reader::ReaderKind;
use crate::ring::{Ring, RingLimits};

/// Width of the window that frame and bit rates are measured over.
const RATE_WINDOW: Duration = Duration::from_secs(2);
/// What a stream keeps when the process is over its budget.
const SHED_KEEP_US: i64 = 250_000;

/// Bytes held by all rings of the process.
#[derive(Debug)]
pub struct Budget {
    pub limit: usize,
    pub used: AtomicUsize,
}

#[derive(Debug)]
pub struct Stream {
    pub(crate) key: StreamKey,
    pub(crate) state: Mutex<State>,
    budget: Arc<Budget>,
    pub(crate) drops: AtomicU64,
    key_requests: AtomicU64,
    /// Whether anybody reads it.
    watched: watch::Sender<bool>,
    /// It is opened for its readers alone.
    on_demand: AtomicBool,
    /// The hub has forgotten it.
    removed: AtomicBool,
}

pub(crate) struct State {
    pub ring: Ring,
    pub tracks: Arc<[Track]>,
    /// 0 before the first publisher.
    pub epoch: u64,
    pub published: bool,
    /// Counts changes of the track list, so readers notice one.
    pub tracks_version: u64,
    next_publisher: u64,
    publisher: u64,
    track_runs: Vec<TrackRun>,
    parameter_sets: ParameterSets,
    video_info: Option<VideoInfo>,
    order: Order,
    rates: Rates,
    wakers: Arc<[(u64, Arc<dyn Wake>)]>,
    pub queues: Vec<Arc<Queue>>,
    next_reader: u64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("epoch", &self.epoch).field("ring", &self.ring).finish_non_exhaustive()
    }
}

/// The one run of RTP packets of a track, continuous over reconnects.
#[derive(Clone, Debug)]
struct TrackRun {
    next_seq: u64,
    next_frame: u64,
    ssrc: u32,
    /// Added to a frame's presentation time.
    offset: i64,
    last: Option<(i64, i64)>,
    rebase: bool,
}

impl TrackRun {
    fn new(index: usize) -> Self {
        // Hasher keys are random a process, which is all an SSRC needs.
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_usize(index);
        Self { next_seq: 1, next_frame: 0, ssrc: hasher.finish() as u32, offset: 0, last: None, rebase: false }
    }

    /// RTP time of a frame: after a new publisher it goes on where the last
    /// one ended, by the wall-clock time that has passed.
    fn rtp_time(&mut self, frame: &Frame, clock_rate: u32) -> i64 {
        if self.rebase {
            self.rebase = false;
            if let Some((rtp, utc_us)) = self.last {
                let gap = (frame.timing.utc_us - utc_us).clamp(1, 3_600_000_000);
                self.offset = rtp + (gap * i64::from(clock_rate) / 1_000_000).max(1) - frame.pts;
            }
        }
        let rtp = frame.pts + self.offset;
        self.last = Some((rtp, frame.timing.utc_us));
        rtp
    }
}

/// Frame and bit rate over a sliding window of two halves.
#[derive(Debug, Default)]
struct Rates {
    since: Option<Instant>,
    frames: u32,
    bytes: u64,
    last: Option<(f32, u64)>,
    at: Option<Instant>,
}

impl Rates {
    fn add(&mut self, now: Instant, bytes: usize, video: bool) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age >= RATE_WINDOW {
            self.last =
                Some((self.frames as f32 / age.as_secs_f32(), (self.bytes as f64 * 8.0 / age.as_secs_f64()) as u64));
            (self.since, self.frames, self.bytes) = (Some(now), 0, 0);
        }
        self.frames += u32::from(video);
        self.bytes += bytes as u64;
        self.at = Some(now);
    }

    fn read(&self, now: Instant) -> (f32, u64) {
        match (self.last, self.at) {
            (Some(rates), Some(at)) if now.saturating_duration_since(at) < RATE_WINDOW * 2 => rates,
            _ => (0.0, 0),
        }
    }
}

/// What a stream's pictures are, as far as it matters to who may take them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoSeen {
    pub codec: Codec,
    /// They are shown in another order than they are sent in: it is declared,
    /// or was seen.
    pub reorders: bool,
    /// Somebody publishes them now.
    pub live: bool,
}

/// The figures of a stream at one moment.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct StreamStatus {
    pub codec: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Measured, not declared.
    pub fps: f32,
    /// Bits a second of the frames themselves.
    pub bitrate: u64,
    pub readers: usize,
    /// Frames that readers missed because they were too slow.
    pub drops: u64,
    pub ring_bytes: usize,
    pub epoch: u64,
}

impl Stream {
    pub(crate) fn new(key: StreamKey, limits: RingLimits, budget: Arc<Budget>) -> Self {
        Self {
            key,
            budget,
            drops: AtomicU64::new(0),
            key_requests: AtomicU64::new(0),
            watched: watch::Sender::new(false),
            on_demand: AtomicBool::new(false),
            removed: AtomicBool::new(false),
            state: Mutex::new(State {
                ring: Ring::new(limits),
                tracks: Arc::new([]),
                epoch: 0,
                published: false,
                tracks_version: 0,
                next_publisher: 1,
                publisher: 0,
                track_runs: Vec::new(),
                parameter_sets: ParameterSets::default(),
                video_info: None,
                order: Order::default(),
                rates: Rates::default(),
                wakers: Arc::new([]),
                queues: Vec::new(),
                next_reader: 1,
            }),
        }
    }

    #[must_use]
    pub fn key(&self) -> &StreamKey {
        &self.key
    }

    #[must_use]
    pub fn tracks(&self) -> Arc<[Track]> {
        self.state.lock().tracks.clone()
    }

    #[must_use]
    pub fn video_info(&self) -> Option<VideoInfo> {
        self.state.lock().video_info.clone()
    }

    /// `None` where there are no pictures, or none yet.
    #[must_use]
    pub fn video(&self) -> Option<VideoSeen> {
        let state = self.state.lock();
        let track = state.tracks.iter().find(|track| track.kind == TrackKind::Video)?;
        Some(VideoSeen { codec: track.codec.clone(), reorders: state.reorders(), live: state.published })
    }

    #[must_use]
    pub fn parameter_sets(&self) -> ParameterSets {
        self.state.lock().parameter_sets.clone()
    }

    /// Sequence number, RTP time and SSRC that describe where a track's run
    /// stands, for RTP-Info and sender reports.
    #[must_use]
    pub fn run_of(&self, track_index: usize) -> Option<(u64, i64, u32)> {
        let state = self.state.lock();
        let run = state.track_runs.get(track_index)?;
        Some((run.next_seq, run.last.map_or(0, |(rtp, _)| rtp), run.ssrc))
    }

    #[must_use]
    pub fn status(&self) -> StreamStatus {
        let state = self.state.lock();
        let (fps, bitrate) = state.rates.read(Instant::now());
        StreamStatus {
            codec: state.tracks.iter().find(|t| t.kind == TrackKind::Video).map(|t| t.codec.name().to_owned()),
            width: state.video_info.as_ref().map(|i| i.width),
            height: state.video_info.as_ref().map(|i| i.height),
            fps,
            bitrate,
            readers: state.wakers.len(),
            drops: self.drops.load(Ordering::Relaxed),
            ring_bytes: state.ring.bytes(),
            epoch: state.epoch,
        }
    }

    /// How often readers asked for a key frame.
    #[must_use]
    pub fn key_requests(&self) -> u64 {
        self.key_requests.load(Ordering::Relaxed)
    }

    pub(crate) fn request_key(&self) {
        self.key_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether anybody reads it, from now on.
    #[must_use]
    pub fn watched(&self) -> watch::Receiver<bool> {
        self.watched.subscribe()
    }

    /// Called with the state held, so that two changes are told in their order.
    pub(crate) fn tell_watched(&self, state: &State) {
        let watched = !state.wakers.is_empty();
        self.watched.send_if_modified(|before| std::mem::replace(before, watched) != watched);
    }

    /// It is opened only while somebody reads it.
    pub fn set_on_demand(&self, on_demand: bool) {
        self.on_demand.store(on_demand, Ordering::Relaxed);
    }

    /// Returns once what it sends is known, or after `limit`. Whoever waits is
    /// a reader, for whom a stream on demand is opened.
    pub async fn wait_described(self: &Arc<Self>, limit: Duration) {
        let wake = Arc::new(Notify::new());
        let _reader = self.subscribe(ReaderKind::Live { burst: false }, wake.clone());
        let known = async {
            // Parameter sets make the description complete.
            while self.video_info().is_none() {
                wake.notified().await;
            }
        };
        // Who waits in vain sees that there are no tracks.
        let _ = tokio::time::timeout(limit, known).await;
    }

    /// The same for a stream that has never been opened because nobody read it;
    /// at once for every other.
    pub async fn wait_opened(self: &Arc<Self>, limit: Duration) {
        if self.on_demand.load(Ordering::Relaxed) {
            self.wait_described(limit).await;
        }
    }

    pub(crate) fn unsubscribe(&self, id: u64, queue: Option<&Arc<Queue>>) {
        let mut state = self.state.lock();
        state.wakers = state.wakers.iter().filter(|(other, _)| *other != id).cloned().collect();
        self.tell_watched(&state);
        if let Some(queue) = queue {
            state.queues.retain(|other| !Arc::ptr_eq(other, queue));
        }
    }

    /// A new publisher takes the stream over; an older one is shut out.
    pub(crate) fn take_over(self: &Arc<Self>, tracks: Vec<Track>) -> Publisher {
        let mut state = self.state.lock();
        let id = state.next_publisher;
        state.next_publisher += 1;
        state.publisher = id;
        state.epoch += 1;
        state.published = true;
        self.budget.used.fetch_sub(state.ring.bytes(), Ordering::Relaxed);
        state.ring.clear();
        state.set_tracks(tracks);
        for run in &mut state.track_runs {
            run.rebase = true;
        }
        let wakers = state.wakers.clone();
        drop(state);
        wake_all(&wakers);
        Publisher { stream: self.clone(), id, next_number: 0 }
    }

    fn push(&self, publisher: u64, next_number: &mut u64, mut frame: Frame, now: Instant) -> bool {
        let mut state = self.state.lock();
        if state.publisher != publisher {
            return false;
        }
        let Some(index) = state.tracks.iter().position(|t| t.id == frame.track) else {
            return true;
        };
        frame.epoch = state.epoch;
        frame.number = *next_number;
        *next_number += 1;
        if frame.key && frame.kind == TrackKind::Video {
            state.learn_parameters(&frame);
        }
        state.rates.add(now, frame.data.len(), frame.kind == TrackKind::Video);
        let frame = Arc::new(state.numbered(frame, index));
        for queue in &state.queues {
            self.drops.fetch_add(queue.push(&frame), Ordering::Relaxed);
        }
        self.hold(&mut state, frame);
        let wakers = state.wakers.clone();
        drop(state);
        wake_all(&wakers);
        true
    }

    /// Puts a frame into the ring and keeps the process within its budget.
    fn hold(&self, state: &mut State, frame: Arc<HubFrame>) {
        let before = state.ring.bytes();
        state.ring.push(frame);
        let after = state.ring.bytes();
        if after >= before {
            self.budget.used.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.budget.used.fetch_sub(before - after, Ordering::Relaxed);
        }
        if self.budget.used.load(Ordering::Relaxed) > self.budget.limit {
            let freed = state.ring.shed(SHED_KEEP_US);
            self.budget.used.fetch_sub(freed, Ordering::Relaxed);
        }
    }

    /// No more of it comes, as each reader is told once it has taken what waits
    /// in its own queue.
    pub(crate) fn remove(&self) {
        let state = self.state.lock();
        self.removed.store(true, Ordering::Release);
        let wakers = state.wakers.clone();
        drop(state);
        wake_all(&wakers);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }

    fn release(&self, publisher: u64) {
        let mut state = self.state.lock();
        if state.publisher != publisher {
            return;
        }
        state.publisher = 0;
        state.published = false;
        self.budget.used.fetch_sub(state.ring.bytes(), Ordering::Relaxed);
        state.ring.clear();
        let wakers = state.wakers.clone();
        drop(state);
        wake_all(&wakers);
    }
}

impl State {
    /// Pictures are shown in another order than they are sent in: it is
    /// declared, or was seen.
    pub fn reorders(&self) -> bool {
        self.video_info.as_ref().is_some_and(|info| info.reorder_frames) || self.order.changes()
    }

    /// Answers the number that [`Stream::unsubscribe`] takes.
    pub fn add_reader(&mut self, wake: Arc<dyn Wake>) -> u64 {
        let id = self.next_reader;
        self.next_reader += 1;
        self.wakers = self.wakers.iter().cloned().chain([(id, wake)]).collect();
        id
    }

    /// Gives the reader of that number another waker.
    pub fn rewake(&mut self, id: u64, wake: &Arc<dyn Wake>) {
        let chosen = |(other, old): &(u64, Arc<dyn Wake>)| (*other, if *other == id { wake } else { old }.clone());
        self.wakers = self.wakers.iter().map(chosen).collect();
    }

    fn set_tracks(&mut self, tracks: Vec<Track>) {
        if self.tracks.as_ref() != tracks.as_slice() {
            let codecs_changed = !self.tracks.iter().map(|t| &t.codec).eq(tracks.iter().map(|t| &t.codec));
            self.tracks = tracks.into();
            if codecs_changed {
                self.tracks_version += 1;
            }
        }
        while self.track_runs.len() < self.tracks.len() {
            self.track_runs.push(TrackRun::new(self.track_runs.len()));
        }
        let video = self.tracks.iter().find(|t| t.kind == TrackKind::Video);
        if let Some(track) = video {
            let sets = ParameterSets::from_fmtp(&track.codec, &track.fmtp);
            if sets.complete(&track.codec) {
                self.video_info = sets.info(&track.codec);
                self.parameter_sets = sets;
            }
        }
    }

    /// In-band parameter sets win over what the camera said in its description.
    fn learn_parameters(&mut self, frame: &Frame) {
        let codec: &Codec = &frame.codec;
        let changed = self.parameter_sets.learn(codec, &frame.data);
        if !(changed && self.parameter_sets.complete(codec)) && self.video_info.is_some() {
            return;
        }
        if changed {
            self.order = Order::default();
        }
        self.video_info = self.parameter_sets.info(codec);
        let fmtp = self.parameter_sets.fmtp(codec);
        let tracks: Vec<Track> = self
            .tracks
            .iter()
            .cloned()
            .map(|track| if track.id == frame.track { Track { fmtp: fmtp.clone(), ..track } } else { track })
            .collect();
        self.tracks = tracks.into();
    }

    fn numbered(&mut self, frame: Frame, index: usize) -> HubFrame {
        let clock_rate = self.tracks[index].clock_rate;
        let packets = packet_count(&frame.codec, &frame.data);
        if frame.kind == TrackKind::Video {
            self.order.next(frame.pts, clock_rate);
        }
        let run = &mut self.track_runs[index];
        let rtp_time = run.rtp_time(&frame, clock_rate);
        let seq = run.next_seq;
        run.next_seq += u64::from(packets);
        let count = run.next_frame;
        run.next_frame += 1;
        HubFrame::new(frame, index as u8, seq, packets, rtp_time, run.ssrc).counted(count)
    }
}

fn wake_all(wakers: &[(u64, Arc<dyn Wake>)]) {
    for (_, wake) in wakers {
        wake.wake();
    }
}

/// Feeds one stream. Dropping it ends the publication: the ring is emptied and
/// readers wait for the next publisher.
#[derive(Debug)]
pub struct Publisher {
    stream: Arc<Stream>,
    id: u64,
    next_number: u64,
}

impl Publisher {
    /// Publishes a frame; its epoch and number are set here. False when a newer
    /// publisher has taken the stream over.
    pub fn push(&mut self, frame: Frame) -> bool {
        self.push_at(frame, Instant::now())
    }

    pub fn push_at(&mut self, frame: Frame, now: Instant) -> bool {
        self.stream.push(self.id, &mut self.next_number, frame, now)
    }

    pub fn set_tracks(&mut self, tracks: Vec<Track>) {
        let mut state = self.stream.state.lock();
        if state.publisher == self.id {
            state.set_tracks(tracks);
        }
    }

    /// A new epoch of the same publisher, after a step of the server's clock.
    pub fn new_epoch(&mut self) {
        let mut state = self.stream.state.lock();
        if state.publisher == self.id {
            state.epoch += 1;
            self.next_number = 0;
            for run in &mut state.track_runs {
                run.rebase = false;
            }
        }
    }

    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Whether every pulled reader has room; a file source waits while not.
    #[must_use]
    pub fn pulled_has_room(&self) -> bool {
        self.stream.state.lock().queues.iter().all(|queue| queue.has_room())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stream.release(self.id);
    }
}
