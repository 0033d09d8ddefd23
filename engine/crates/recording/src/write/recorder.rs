//! One stream's recorder: which frames are kept, where a part begins, and what
//! is told of the time without frames. It touches no disk: jobs go to lanes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vms_format::ledger::Reason;
use vms_format::time::{HOUR_US, hour_of, hour_start_us};
use vms_format::track::Learned;
use vms_format::{Fragment, Fragmenter, Step, TrackConfig};
use vms_hub::{HubFrame, StreamKey};
use vms_media::{Frame, Track, TrackKind};

use crate::config::{Mode, StreamRecord};
use crate::event::{Event, Listener};

use super::lanes::Lanes;
use super::source_view::SourceView;
use super::stream::{Begin, ClockStep, Hint, code_of};
use super::writer::{Job, StreamHandle};

/// With the time until a recorder looks and a writer has written, no frame is
/// in memory alone for over half a second.
const FRAGMENT_US: i64 = 440_000;
/// Samples that wait for another to close their fragment go to disk after so
/// long: a crash must not take more than half a second.
const HELD_AT_MOST: Duration = Duration::from_millis(440);
/// So long without a fragment a gap is open.
const IDLE: Duration = Duration::from_secs(2);
/// Fragments of a new hour may come so late.
const HOUR_GRACE_US: i64 = 5_000_000;
/// A new hour's part waits so long for a key frame, then it begins without one.
const KEY_WAIT_US: i64 = 60_000_000;
/// What waits for the stream's log to be opened, or for a move.
const MOST_WAITING: u64 = 64 << 20;
/// Frames kept before a trigger.
const MOST_BEFORE: usize = 64 << 20;

/// What a recorder works with.
pub struct Around<'a> {
    pub lanes: &'a Lanes,
    pub now: Instant,
    pub now_us: i64,
    pub listener: &'a Listener,
}

pub struct Recorder {
    key: StreamKey,
    wish: StreamRecord,
    enabled: bool,
    handle: Option<Arc<StreamHandle>>,
    pub view: Arc<Mutex<SourceView>>,
    lane: Option<usize>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: u64,
    cutting: Option<Cutting>,
    /// Fragments are left out until one begins with a key frame.
    skipping: bool,
    lost: Option<Hint>,
    open_gap: Option<Hint>,
    epoch: Option<u64>,
    last_frame: Option<(Instant, i64)>,
    /// When a frame came, or the start.
    last_seen: Instant,
    /// When a writer took a fragment, or the start.
    last_taken: Instant,
    hour: u32,
    clock: Option<ClockStep>,
    /// Why there is no part to put pictures into, until a key frame comes.
    waits: Option<Reason>,
    /// Event mode: what came before a trigger, and how long it lasts.
    before: VecDeque<Arc<HubFrame>>,
    before_bytes: usize,
    active_until_us: i64,
}

struct Cutting {
    described: Arc<[Track]>,
    tracks: Vec<TrackConfig>,
    fragmenter: Fragmenter,
    hour: u32,
    /// Taken by the first fragment.
    is_new: bool,
}

struct Waiting {
    fragment: Fragment,
    begin: Option<Box<Begin>>,
    hint: Option<Hint>,
}

impl Recorder {
    #[must_use]
    pub fn new(
        key: StreamKey,
        wish: StreamRecord,
        enabled: bool,
        view: Arc<Mutex<SourceView>>,
        around: &Around<'_>,
    ) -> Self {
        Self {
            key,
            wish,
            enabled,
            handle: None,
            view,
            lane: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            cutting: None,
            skipping: false,
            lost: None,
            open_gap: None,
            epoch: None,
            last_frame: None,
            last_seen: around.now,
            last_taken: around.now,
            hour: hour_of(around.now_us),
            clock: None,
            waits: None,
            before: VecDeque::new(),
            before_bytes: 0,
            active_until_us: i64::MIN,
        }
    }

    /// The stream's log is open; `lane` is where it was before.
    pub fn opened(&mut self, handle: Arc<StreamHandle>, lane: Option<usize>, around: &Around<'_>) {
        self.handle = Some(handle);
        self.lane = lane;
        self.pump(around);
    }

    #[must_use]
    pub fn handle(&self) -> Option<&Arc<StreamHandle>> {
        self.handle.as_ref()
    }

    /// Whether it wants the stream's frames.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.enabled && self.wish.mode != Mode::Off
    }

    pub fn set_wish(&mut self, wish: StreamRecord, enabled: bool, around: &Around<'_>) {
        if (&self.wish, self.enabled) == (&wish, enabled) {
            return;
        }
        self.end_part(around);
        (self.wish, self.enabled) = (wish, enabled);
        self.before.clear();
        self.before_bytes = 0;
    }

    /// Something happened: recorded until `until_us` and `post_s` more.
    /// Returns until when.
    pub fn trigger(&mut self, until_us: i64) -> i64 {
        let until_us = until_us.saturating_add(i64::from(self.wish.post_s) * 1_000_000);
        self.active_until_us = self.active_until_us.max(until_us);
        self.active_until_us
    }

    /// One frame of the hub; `skipped` were lost before it by us.
    pub fn frame(
        &mut self,
        frame: &Arc<HubFrame>,
        skipped: u32,
        tracks: &dyn Fn() -> Arc<[Track]>,
        around: &Around<'_>,
    ) {
        if skipped > 0 {
            self.lose(Reason::DiskSlow, skipped);
        }
        if self.wish.mode == Mode::Event && around.now_us > self.active_until_us {
            if self.cutting.is_some() {
                self.end_part(around);
            }
            self.keep_before(frame);
            return;
        }
        for earlier in std::mem::take(&mut self.before) {
            self.record(&earlier, tracks, around);
        }
        self.before_bytes = 0;
        self.record(frame, tracks, around);
    }

    /// Keeps `pre_s` from a key frame on.
    fn keep_before(&mut self, frame: &Arc<HubFrame>) {
        self.before_bytes += frame.data.len();
        self.before.push_back(frame.clone());
        let oldest_us = frame.timing.utc_us - i64::from(self.wish.pre_s) * 1_000_000;
        loop {
            let mut keys = self
                .before
                .iter()
                .enumerate()
                .filter(|(_, frame)| is_video_key(frame))
                .map(|(at, frame)| (at, frame.timing.utc_us));
            let second = keys.by_ref().find(|(at, _)| *at > 0);
            let enough = second.is_some_and(|(_, utc_us)| utc_us <= oldest_us);
            if !(enough || self.before_bytes > MOST_BEFORE) {
                return;
            }
            let until = second.map_or(self.before.len(), |(at, _)| at);
            self.before_bytes -= self.before.drain(..until).map(|frame| frame.data.len()).sum::<usize>();
        }
    }

    fn record(&mut self, frame: &Arc<HubFrame>, tracks: &dyn Fn() -> Arc<[Track]>, around: &Around<'_>) {
        self.last_seen = around.now;
        self.meet_epoch(frame, tracks, around);
        self.look_at_part(frame, around);
        if self.cutting.is_none() && !self.begin_cutting(frame, tracks, around) {
            if let Some(reason) = self.waits.filter(|_| frame.kind == TrackKind::Video) {
                self.lose(reason, 1);
            }
            return;
        }
        self.waits = None;
        self.last_frame = Some((around.now, frame.timing.utc_us));
        self.learn(frame, tracks, around);
        let placed = continuous(frame);
        let Some(cutting) = &mut self.cutting else { return };
        match cutting.fragmenter.push(&placed) {
            Step::Held | Step::Passed => {}
            Step::Closed(fragment) => self.emit(fragment, around),
            Step::Jumped => {
                self.end_cutting(around);
                self.waits = Some(Reason::Network);
                if !self.begin_cutting(frame, tracks, around) {
                    self.lose(Reason::Network, u32::from(frame.kind == TrackKind::Video));
                } else if let Some(cutting) = &mut self.cutting {
                    // The first sample of a part is held, never closed by itself.
                    cutting.fragmenter.push(&placed);
                }
            }
        }
    }

    /// A new epoch is a reconnect, a step of the server's clock, or frames that
    /// another node has lost.
    fn meet_epoch(&mut self, frame: &Arc<HubFrame>, tracks: &dyn Fn() -> Arc<[Track]>, around: &Around<'_>) {
        if self.epoch.replace(frame.epoch).is_none_or(|before| before == frame.epoch) {
            return;
        }
        if self.view.lock().take_step() {
            self.end_cutting(around);
            if let Some((at, utc_us)) = self.last_frame {
                let passed = i64::try_from(around.now.saturating_duration_since(at).as_micros()).unwrap_or(i64::MAX);
                let before_us = utc_us.saturating_add(passed);
                self.clock =
                    Some(ClockStep { before_us, after_us: frame.timing.utc_us, error_us: frame.timing.error_us });
            }
            return;
        }
        let upstream = self.view.lock().take_upstream();
        if let Some(frames) = upstream {
            // What is missing lies behind what came before it.
            if let Some(fragment) = self.cutting.as_mut().and_then(|cutting| cutting.fragmenter.flush()) {
                self.emit(fragment, around);
            }
            self.lose(Reason::Upstream, frames);
        }
        let described = tracks();
        let same = self.cutting.as_ref().is_none_or(|cutting| codecs(&cutting.described).eq(codecs(&described)));
        if !same {
            self.end_cutting(around);
        }
    }

    /// Ends the part where its hour or its volume did.
    fn look_at_part(&mut self, frame: &Arc<HubFrame>, around: &Around<'_>) {
        let Some(cutting) = &self.cutting else { return };
        let has_video = cutting.tracks.iter().any(TrackConfig::is_video);
        let may_begin = !has_video || is_video_key(frame);
        let hour = hour_of(frame.timing.utc_us);
        if hour == cutting.hour {
            return;
        }
        if may_begin {
            self.end_cutting(around);
        } else if frame.timing.utc_us >= hour_start_us(hour).saturating_add(KEY_WAIT_US) {
            let (described, tracks) = (cutting.described.clone(), cutting.tracks.clone());
            self.end_cutting(around);
            let fragmenter = Fragmenter::going_on(&tracks, FRAGMENT_US);
            self.cutting = Some(Cutting { described, tracks, fragmenter, hour, is_new: true });
        }
    }

    fn begin_cutting(&mut self, frame: &Arc<HubFrame>, tracks: &dyn Fn() -> Arc<[Track]>, around: &Around<'_>) -> bool {
        if self.cutting.is_some() {
            return true;
        }
        let described = tracks();
        let mut recorded = TrackConfig::of_stream(&described);
        recorded.retain(|track| self.wish.audio || track.is_video());
        let has_video = recorded.iter().any(TrackConfig::is_video);
        if recorded.is_empty() || (has_video && !is_video_key(frame)) {
            return false;
        }
        let fragmenter = Fragmenter::with_length(&recorded, FRAGMENT_US);
        let hour = hour_of(frame.timing.utc_us);
        self.cutting = Some(Cutting { described, tracks: recorded, fragmenter, hour, is_new: true });
        // Seen before the first push: its sets are the part's.
        self.learn(frame, tracks, around);
        self.cutting.is_some()
    }

    fn learn(&mut self, frame: &Arc<HubFrame>, tracks: &dyn Fn() -> Arc<[Track]>, around: &Around<'_>) {
        let Some(cutting) = &mut self.cutting else { return };
        let Some(track) = cutting.tracks.iter_mut().find(|track| track.source == frame.track) else { return };
        if !cutting.is_new && is_video_key(frame) {
            // A part's own tracks stay as its CONFIG said them.
            let mut seen = track.clone();
            if seen.learn(frame) == Learned::Size {
                self.end_cutting(around);
                self.begin_cutting(frame, tracks, around);
            }
        } else if cutting.is_new {
            track.learn(frame);
        }
    }

    fn end_cutting(&mut self, around: &Around<'_>) {
        if let Some(fragment) = self.cutting.as_mut().and_then(|cutting| cutting.fragmenter.flush()) {
            self.emit(fragment, around);
        }
        self.cutting = None;
    }

    /// Ends the part on disk too: nothing follows for now.
    fn end_part(&mut self, around: &Around<'_>) {
        self.end_cutting(around);
        self.pump(around);
        if let (Some(stream), Some(lane)) = (&self.handle, self.lane) {
            self.hand_over(Job::EndPart { stream: stream.clone() }, lane, around);
        }
    }

    fn lose(&mut self, reason: Reason, frames: u32) {
        match &mut self.lost {
            Some(lost) => lost.frames = lost.frames.saturating_add(frames),
            None => self.lost = Some(Hint { frames, always: true, ..Hint::of(reason) }),
        }
    }

    fn emit(&mut self, fragment: Fragment, around: &Around<'_>) {
        self.hour = hour_of(fragment.utc_us);
        let Some(cutting) = &mut self.cutting else { return };
        let begin = std::mem::take(&mut cutting.is_new).then(|| {
            let origin_us = cutting.fragmenter.origin_us().unwrap_or(fragment.utc_us);
            Box::new(Begin { tracks: cutting.tracks.clone(), origin_us, clock: self.clock.take() })
        });
        if self.waiting_bytes > MOST_WAITING {
            return self.drop_group(&fragment, begin.as_deref(), around);
        }
        if std::mem::replace(&mut self.skipping, false) && !fragment.has_key() {
            self.skipping = true;
            return self.lose(Reason::DiskSlow, count(&fragment));
        }
        let failed = self.view.lock().take_failure();
        let hint = self.lost.take().or(self.open_gap.take()).or(failed);
        self.waiting_bytes += fragment.bytes();
        self.waiting.push_back(Waiting { fragment, begin, hint });
        self.pump(around);
    }

    /// Leaves out what no writer takes, up to the next key frame.
    fn drop_group(&mut self, fragment: &Fragment, begin: Option<&Begin>, around: &Around<'_>) {
        let reason = match self.lane {
            Some(_) => Reason::DiskSlow,
            None => around.lanes.reason(),
        };
        self.lose(reason, count(fragment));
        if let Some(lane) = self.lane {
            around.lanes.0[lane].volume.figures.dropped_groups.fetch_add(u64::from(!self.skipping), Ordering::Relaxed);
        }
        self.skipping = true;
        if let Some(begin) = begin {
            // Its part has not begun: the next one that is taken begins it.
            self.clock = self.clock.or(begin.clock);
            self.cutting = None;
            self.waits = Some(reason);
        }
    }

    /// Hands over what waits, as far as it may go.
    fn pump(&mut self, around: &Around<'_>) {
        let Some(stream) = self.handle.clone() else { return };
        if stream.broken.swap(false, Ordering::AcqRel) {
            if let Some(fragment) = self.cutting.as_mut().and_then(|cutting| cutting.fragmenter.flush()) {
                self.lose(around.lanes.reason(), count(&fragment));
            }
            self.cutting = None;
            self.waits = Some(around.lanes.reason());
            let waiting = std::mem::take(&mut self.waiting);
            self.waiting_bytes = 0;
            for waiting in waiting {
                self.lose(around.lanes.reason(), count(&waiting.fragment));
            }
            return;
        }
        while let Some(next) = self.waiting.front() {
            if next.begin.is_some() {
                let lane = around.lanes.choose(self.lane);
                if lane != self.lane && stream.queued.load(Ordering::Acquire) > 0 {
                    // What the other volume still has to write comes first.
                    return;
                }
                self.lane = lane;
            }
            let Some(Waiting { fragment, begin, hint }) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= fragment.bytes();
            let Some(lane) = self.lane else {
                self.lost = self.lost.take().or(hint);
                self.drop_group(&fragment, begin.as_deref(), around);
                continue;
            };
            let camera_offset_ms = {
                let mut view = self.view.lock();
                view.open_gap = None;
                view.camera_offset_ms
            };
            let camera_offset_ms = camera_offset_ms.and_then(|ms| i32::try_from(ms).ok()).unwrap_or(i32::MIN);
            let job = Job::Fragment { stream: stream.clone(), fragment, camera_offset_ms, begin, hint };
            if let Some(Job::Fragment { fragment, begin, hint, .. }) = self.hand_over(job, lane, around) {
                self.lost = self.lost.take().or(hint);
                self.drop_group(&fragment, begin.as_deref(), around);
            } else {
                self.last_taken = around.now;
            }
        }
    }

    /// Gives the job back where the lane has no room.
    fn hand_over(&self, job: Job, lane: usize, around: &Around<'_>) -> Option<Job> {
        let stream = self.handle.as_ref()?;
        stream.queued.fetch_add(1, Ordering::AcqRel);
        let bytes = job.bytes();
        let back = around.lanes.0[lane].queue.push(job, bytes).err();
        if back.is_some() {
            stream.queued.fetch_sub(1, Ordering::AcqRel);
        }
        back
    }

    /// Time passes; called some times a second.
    pub fn tick(&mut self, around: &Around<'_>) {
        self.pump(around);
        let waits_long =
            self.last_frame.is_some_and(|(at, _)| around.now.saturating_duration_since(at) >= HELD_AT_MOST);
        if waits_long && let Some(fragment) = self.cutting.as_mut().and_then(|cutting| cutting.fragmenter.flush()) {
            self.emit(fragment, around);
        }
        // A part that has not begun on disk yet chooses its volume when it does.
        let has_begun = self.cutting.as_ref().is_some_and(|cutting| !cutting.is_new);
        if has_begun && self.lane.is_some_and(|lane| !around.lanes.goes_on(lane)) {
            self.end_part(around);
            self.waits = Some(around.lanes.reason());
        }
        self.look_at_gap(around);
        self.look_at_hour(around);
    }

    fn reason_now(&self, around: &Around<'_>) -> Hint {
        match (self.enabled, self.wish.mode) {
            (false, _) => Hint::of(Reason::CameraOff),
            (true, Mode::Off) if self.wish.by_hand => Hint::of(Reason::Operator),
            (true, Mode::Off) => Hint::of(Reason::Schedule),
            (true, Mode::Event) if around.now_us > self.active_until_us => Hint::of(Reason::Schedule),
            (true, _) if self.lane.is_none() && self.handle.is_some() && around.lanes.choose(None).is_none() => {
                Hint::of(around.lanes.reason())
            }
            (true, _) => self.view.lock().hint(),
        }
    }

    /// A gap that is open has one reason at a time.
    fn look_at_gap(&mut self, around: &Around<'_>) {
        // What waits for a writer will be written, or is dropped and told then.
        let silent = around.now.saturating_duration_since(self.last_taken);
        if silent < IDLE || !self.waiting.is_empty() {
            return;
        }
        let now = self.reason_now(around);
        let has_room = around.lanes.choose(None).is_some();
        match &mut self.open_gap {
            None => {
                (around.listener)(Event::Gap {
                    key: self.key.clone(),
                    utc_us: around.now_us,
                    from_us: around.now_us - i64::try_from(silent.as_micros()).unwrap_or(0),
                    to_us: None,
                    reason: code_of(now.reason),
                });
                self.view.lock().open_gap = Some(now.clone());
                self.open_gap = Some(now);
            }
            // Pictures are back and go to disk from the next key frame on: its reason stays.
            Some(_) if around.now.saturating_duration_since(self.last_seen) < IDLE && has_room => {}
            Some(open) if open.reason != now.reason => {
                self.view.lock().open_gap = Some(now.clone());
                let hint = std::mem::replace(open, now);
                if let (Some(stream), Some(lane)) = (self.handle.clone(), around.lanes.any(self.lane)) {
                    self.hand_over(Job::NothingUntil { stream, until_us: around.now_us, hint }, lane, around);
                }
            }
            Some(_) => {}
        }
    }

    /// Seals an hour that ended without a fragment of the next.
    fn look_at_hour(&mut self, around: &Around<'_>) {
        let ended_us = hour_start_us(self.hour).saturating_add(HOUR_US);
        if around.now_us < ended_us.saturating_add(HOUR_GRACE_US) {
            return;
        }
        let (Some(stream), Some(lane)) = (self.handle.clone(), around.lanes.any(self.lane)) else { return };
        let hint = self.open_gap.clone().unwrap_or_else(|| self.reason_now(around));
        self.hand_over(Job::HourEnded { stream, now_us: around.now_us, hint }, lane, around);
        self.hour = hour_of(around.now_us);
    }

    /// Hands over all that is held, then the order to stop.
    pub fn stop(&mut self, around: &Around<'_>) {
        self.end_cutting(around);
        self.pump(around);
        if let (Some(stream), Some(lane)) = (self.handle.clone(), around.lanes.any(self.lane)) {
            let hint = self.open_gap.take().unwrap_or_else(|| self.reason_now(around));
            self.hand_over(Job::Stop { stream, now_us: around.now_us, hint }, lane, around);
        }
    }
}

fn count(fragment: &Fragment) -> u32 {
    u32::try_from(fragment.samples.len()).unwrap_or(u32::MAX)
}

fn is_video_key(frame: &HubFrame) -> bool {
    frame.kind == TrackKind::Video && frame.key
}

fn codecs(tracks: &[Track]) -> impl Iterator<Item = (u8, &vms_media::Codec, u32, u8)> {
    tracks.iter().map(|track| (track.id, &track.codec, track.clock_rate, track.channels))
}

/// The frame with times that go on over reconnects, as the hub's RTP time does.
fn continuous(frame: &HubFrame) -> Frame {
    let shift = frame.rtp_time - frame.pts;
    Frame { dts: frame.dts.saturating_add(shift), pts: frame.rtp_time, ..Frame::clone(frame) }
}
