//! A reader's cursor in a stream, and what happens when it falls behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use vms_media::{Track, TrackKind};

use crate::Wake;
use crate::frame::HubFrame;
use crate::join::{self, Join, WaitReason};
use crate::queue::{Overflow, Queue};
use crate::stream::{State, Stream};

/// How long a live reader may stay overtaken before it is let go.
pub const TOO_SLOW_AFTER: Duration = Duration::from_secs(30);

/// The three kinds of reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderKind {
    /// Sees the newest picture; jumps when overtaken. `burst`: catches up from
    /// the cached group on joining.
    Live { burst: bool },
    /// Has a queue of its own; loses whole groups only when that overflows.
    Recorder { max_bytes: usize },
    /// Makes its publisher wait; never loses a frame.
    Pulled { max_bytes: usize },
}

/// Marks a frame of the cached group, sent to catch up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstTag {
    /// Counts the group's video frames from 0.
    pub index: u32,
    pub of: u32,
    /// RTP time of the group's newest frame: the burst ends at it.
    pub live_timestamp: i64,
}

impl BurstTag {
    /// RTP time of the frame when timestamps are one tick apart and end at the
    /// live one, so that a player without delay shows the newest at once.
    #[must_use]
    pub fn compressed_time(&self) -> i64 {
        self.live_timestamp - i64::from(self.of.saturating_sub(1).saturating_sub(self.index))
    }
}

#[derive(Clone, Debug)]
pub struct Delivery {
    pub frame: Arc<HubFrame>,
    pub burst: Option<BurstTag>,
    /// Frames of this reader lost just before this one.
    pub skipped: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Overtaken for 30 s on end.
    TooSlow,
    /// The stream is no more; nothing else comes.
    Removed,
}

#[derive(Clone, Debug)]
pub enum Next {
    Pending,
    Frame(Delivery),
    /// Said once whenever the reader begins to wait for a key frame.
    Waiting(WaitReason),
    TracksChanged(Arc<[Track]>),
    Closed(CloseReason),
}

/// Which video frames a live reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// Closed until the next key frame; true once the reader was told.
    NextKey(WaitReason, bool),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderStats {
    pub frames: u64,
    pub drops: u64,
}

#[derive(Debug)]
pub struct Reader {
    stream: Arc<Stream>,
    id: u64,
    queue: Option<Arc<Queue>>,
    cursor: u64,
    gate: Gate,
    burst: Option<Burst>,
    /// Audio before this position is not played to a live viewer.
    audio_from: u64,
    overtaken_since: Option<Instant>,
    tracks_version: u64,
    skipped: u32,
    stats: ReaderStats,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    end: u64,
    of: u32,
    next: u32,
    live_timestamp: i64,
    compress: bool,
}

impl Stream {
    pub fn subscribe(self: &Arc<Self>, kind: ReaderKind, wake: Arc<dyn Wake>) -> Reader {
        let mut state = self.state.lock();
        let id = state.add_reader(wake);
        self.tell_watched(&state);
        Reader::new(Arc::clone(self), id, kind, &mut state)
    }
}

impl Reader {
    fn new(stream: Arc<Stream>, id: u64, kind: ReaderKind, state: &mut State) -> Self {
        let mut reader = Self {
            stream,
            id,
            queue: None,
            cursor: state.ring.head(),
            gate: Gate::Open,
            burst: None,
            audio_from: state.ring.head(),
            overtaken_since: None,
            tracks_version: state.tracks_version,
            skipped: 0,
            stats: ReaderStats::default(),
        };
        match kind {
            ReaderKind::Live { burst } => reader.join(state, burst),
            ReaderKind::Recorder { max_bytes } => reader.attach_queue(state, max_bytes, Overflow::DropGroups),
            ReaderKind::Pulled { max_bytes } => reader.attach_queue(state, max_bytes, Overflow::Pause),
        }
        reader
    }

    fn join(&mut self, state: &State, burst_wanted: bool) {
        let group = state.ring.group();
        match join::plan(group, burst_wanted, state.published) {
            Join::Burst(group) => {
                self.cursor = group.key;
                self.burst = Some(Burst {
                    end: state.ring.head(),
                    of: group.video_frames,
                    next: 0,
                    live_timestamp: group.newest_rtp_time,
                    // A group that has just begun does not show it yet.
                    compress: !group.reordered && !state.reorders(),
                });
            }
            Join::NextKey(reason) => self.gate = Gate::NextKey(reason, false),
        }
    }

    /// It starts with the cached group: what a recorder writes before its order,
    /// what a pulled reader's file has shown already.
    fn attach_queue(&mut self, state: &mut State, max_bytes: usize, overflow: Overflow) {
        let queue = Arc::new(Queue::new(max_bytes, overflow));
        let first = state.ring.newest_key().unwrap_or_else(|| state.ring.head());
        for position in first..state.ring.head() {
            if let Some(frame) = state.ring.get(position) {
                queue.push(frame);
            }
        }
        state.queues.push(queue.clone());
        self.queue = Some(queue);
    }

    /// The next thing for this reader; never blocks. A reader is no iterator:
    /// `Pending` is not its end.
    #[expect(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Next {
        if let Some(queue) = &self.queue {
            return match queue.pop() {
                Some((frame, skipped)) => {
                    self.stats.frames += 1;
                    self.stats.drops += u64::from(skipped);
                    Next::Frame(Delivery { frame, burst: None, skipped })
                }
                None if self.stream.is_removed() => Next::Closed(CloseReason::Removed),
                None => Next::Pending,
            };
        }
        if self.stream.is_removed() {
            return Next::Closed(CloseReason::Removed);
        }
        let stream = self.stream.clone();
        let state = stream.state.lock();
        self.next_live(&state)
    }

    fn next_live(&mut self, state: &State) -> Next {
        if state.tracks_version != self.tracks_version {
            self.tracks_version = state.tracks_version;
            return Next::TracksChanged(state.tracks.clone());
        }
        if let Gate::NextKey(reason, told) = &mut self.gate
            && !*told
        {
            *told = true;
            return Next::Waiting(*reason);
        }
        if self.cursor < state.ring.base()
            && let Some(closed) = self.overtaken(state)
        {
            return closed;
        }
        while let Some(frame) = state.ring.get(self.cursor) {
            let position = self.cursor;
            self.cursor += 1;
            if let Some(delivery) = self.take(frame, position) {
                return Next::Frame(delivery);
            }
        }
        self.overtaken_since = None;
        match self.gate {
            Gate::NextKey(reason, false) => {
                self.gate = Gate::NextKey(reason, true);
                Next::Waiting(reason)
            }
            _ => Next::Pending,
        }
    }

    /// The ring has left this reader behind: jump to the newest key frame.
    /// Audio goes on from where the ring begins.
    fn overtaken(&mut self, state: &State) -> Option<Next> {
        let missed = state.ring.base() - self.cursor;
        self.cursor = state.ring.base();
        self.burst = None;
        if !state.published || state.ring.head() == state.ring.base() {
            // The publisher ended: nothing was missed by being slow.
            self.gate = Gate::NextKey(WaitReason::NoPublisher, false);
            return None;
        }
        let now = Instant::now();
        let since = *self.overtaken_since.get_or_insert(now);
        if now.duration_since(since) >= TOO_SLOW_AFTER {
            return Some(Next::Closed(CloseReason::TooSlow));
        }
        self.lose(missed);
        self.skip_to_key(state, WaitReason::Overtaken);
        None
    }

    fn skip_to_key(&mut self, state: &State, otherwise: WaitReason) {
        match state.ring.newest_key().filter(|&key| key >= self.cursor) {
            Some(key) => {
                self.lose(key - self.cursor);
                self.cursor = key;
                self.gate = Gate::Open;
            }
            None => self.gate = Gate::NextKey(otherwise, false),
        }
    }

    fn lose(&mut self, frames: u64) {
        self.skipped = self.skipped.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX));
        self.stats.drops += frames;
        self.stream.drops.fetch_add(frames, Ordering::Relaxed);
    }

    /// Whether the frame at `position` is for this reader.
    fn take(&mut self, frame: &Arc<HubFrame>, position: u64) -> Option<Delivery> {
        if frame.kind != TrackKind::Video {
            return (position >= self.audio_from).then(|| self.deliver(frame, None));
        }
        if let Gate::NextKey(..) = self.gate {
            if !frame.key {
                return None;
            }
            self.gate = Gate::Open;
        }
        let tag = self.burst_tag(position);
        Some(self.deliver(frame, tag))
    }

    fn burst_tag(&mut self, position: u64) -> Option<BurstTag> {
        let burst = self.burst.as_mut()?;
        if position >= burst.end {
            self.burst = None;
            return None;
        }
        let index = burst.next;
        burst.next += 1;
        burst.compress.then_some(BurstTag { index, of: burst.of, live_timestamp: burst.live_timestamp })
    }

    fn deliver(&mut self, frame: &Arc<HubFrame>, burst: Option<BurstTag>) -> Delivery {
        self.stats.frames += 1;
        let skipped = if frame.kind == TrackKind::Video { std::mem::take(&mut self.skipped) } else { 0 };
        Delivery { frame: frame.clone(), burst, skipped }
    }

    /// Answers a viewer's picture loss: true when the ring's newest key frame
    /// lies ahead and the reader went there, else the camera is asked for one.
    pub fn jump_to_key(&mut self) -> bool {
        let stream = self.stream.clone();
        let state = stream.state.lock();
        match state.ring.newest_key() {
            Some(key) if key >= self.cursor => {
                self.cursor = key;
                true
            }
            _ => {
                drop(state);
                self.request_key();
                false
            }
        }
    }

    /// Starts again at the cached group, as on joining: for a viewer that lost
    /// its picture in mid-group.
    pub fn rejoin(&mut self) {
        let stream = self.stream.clone();
        let state = stream.state.lock();
        let audio_from = self.cursor.max(self.audio_from);
        self.join(&state, true);
        self.audio_from = audio_from;
    }

    #[cfg(test)]
    pub(crate) fn overtake_since(&mut self, since: Instant) {
        self.overtaken_since = Some(since);
    }

    /// Asks the source for a key frame, where the camera can be asked.
    pub fn request_key(&self) {
        self.stream.request_key();
    }

    /// It is woken by this from now on.
    pub fn wake_by(&mut self, wake: Arc<dyn Wake>) {
        self.stream.state.lock().rewake(self.id, &wake);
    }

    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    #[must_use]
    pub fn stats(&self) -> ReaderStats {
        self.stats
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stream.unsubscribe(self.id, self.queue.as_ref());
    }
}
