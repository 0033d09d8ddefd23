//! Recorded video played into a stream of its own, as if it were live.
//!
//! Data flow: [`Player::open`] finds the first picture and publishes it;
//! a thread a playback reads fragments from the archive (`shelf`), decides when
//! each frame is due (`head`) and pushes it into the hub, where any sink reads
//! it. It ends when its last reader has gone, or none came.
//!
//! Invariants: a playback waits for no other; none outlives its readers; what
//! it reads is leased, so that it is not removed behind it.

mod head;
mod moments;
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use vms_hub::{Hub, Publisher, StreamKey};
use vms_media::{Frame, Timing, Track, TrackKind};

use crate::calls::{CallError, CallKind};
use crate::read::{Archive, stream_number};

pub use head::{Ended, Last};
use head::{Head, Out, SPEEDS, Step};
pub use moments::Moment;
use moments::Moments;
use shelf::Recorded;
pub(crate) use shelf::codec_of;

/// A thread each.
const MOST_PLAYS: usize = 64;
/// A viewer that was answered is there by then.
const COME_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked whether somebody still watches.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same while the first viewer is on his way.
const COMING_EVERY: Duration = Duration::from_millis(10);

/// What a playback is to do from now on; what is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steer {
    pub at_us: Option<i64>,
    pub speed: Option<f64>,
    pub paused: Option<bool>,
    /// What follows it bears this in its [`Moment`]s.
    #[serde(skip)]
    pub mark: Option<u8>,
}

/// What may be played, and how it comes.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub audio: bool,
    /// From, to; an end of 0 is none.
    pub bounds: (i64, i64),
    /// In its time; else as fast as pulled readers take it.
    pub paced: bool,
}

/// How a playback is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PlayState {
    /// The instant of the newest picture.
    pub at_us: i64,
    pub speed: f64,
    pub paused: bool,
    /// Nothing more comes until somebody seeks.
    pub ended: bool,
    pub reason: Option<Ended>,
    /// The last time without recordings that was jumped: from, to.
    pub gap: Option<(i64, i64)>,
}

/// Plays what was recorded.
pub struct Player {
    archive: Arc<Archive>,
    hub: Hub,
    plays: Arc<AtomicUsize>,
    numbers: AtomicU64,
}

/// A running playback.
pub struct Play {
    key: StreamKey,
    bounds: (i64, i64),
    moments: Arc<Moments>,
    desk: Mutex<Desk>,
    changed: Condvar,
}

struct Desk {
    orders: Vec<Steer>,
    state: PlayState,
    stop: bool,
    over: bool,
}

fn bad(message: String) -> CallError {
    CallError::new(CallKind::Invalid, "invalid", message)
}

impl Steer {
    fn check(&self, bounds: (i64, i64)) -> Result<(), CallError> {
        if let Some(speed) = self.speed
            && !SPEEDS.contains(&speed.abs())
        {
            return Err(bad(format!("speed {speed}: it is 0.125 to 16, or -16 to -0.125")));
        }
        if let Some(at_us) = self.at_us
            && (at_us < bounds.0 || (bounds.1 != 0 && at_us >= bounds.1))
        {
            return Err(CallError::new(CallKind::Invalid, "not_allowed", "the right to play does not cover that time"));
        }
        Ok(())
    }
}

impl Player {
    #[must_use]
    pub fn new(archive: Arc<Archive>, hub: Hub) -> Self {
        Self { archive, hub, plays: Arc::default(), numbers: AtomicU64::new(1) }
    }

    /// Begins to play at an instant, or the first after it that was recorded.
    ///
    /// # Errors
    /// When nothing was recorded there, it cannot be read, or too many play.
    pub fn open(&self, key: &StreamKey, begin: Steer, terms: Terms) -> Result<Arc<Play>, CallError> {
        let Terms { audio, bounds, paced } = terms;
        begin.check(bounds)?;
        let place = Place::take(&self.plays)?;
        let source = Recorded::new(self.archive.clone(), &key.camera, stream_number(key.stream), audio);
        let (begun, begun_us) = (Instant::now(), utc_now_us());
        let terms = head::Terms { bounds, paced, zero_us: begun_us };
        let mut head = Head::new(source, terms, begin.speed.unwrap_or(1.0));
        let first = head.seek(begin.at_us.unwrap_or(0), 0)?;
        // No camera has such a name, so nobody can ask for the stream.
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let own = StreamKey { camera: format!("{}@{number}", key.camera).into(), ..key.clone() };
        let publisher = self.hub.publish(&own, head.tracks().to_vec());
        let moments = Arc::new(Moments::default());
        let mut feed = Feed {
            publisher,
            tracks: head.tracks().to_vec(),
            head,
            begun,
            begun_us,
            moments: moments.clone(),
            jumped: true,
            mark: begin.mark.unwrap_or(0),
            gap: None,
        };
        feed.show(first);
        let desk = Desk { orders: Vec::new(), state: feed.state(), stop: false, over: false };
        let play = Arc::new(Play { key: own, bounds, moments, desk: Mutex::new(desk), changed: Condvar::new() });
        let (own, hub) = (play.clone(), self.hub.clone());
        let spawned = std::thread::Builder::new().name("play".to_owned()).spawn(move || {
            feed.run(&own, begin.paused.unwrap_or(false));
            drop(feed);
            hub.remove(&own.key);
            own.desk.lock().over = true;
            drop(place);
        });
        spawned.map_err(|error| CallError::new(CallKind::Unavailable, "unavailable", format!("no thread: {error}")))?;
        Ok(play)
    }

    /// How many play.
    #[must_use]
    pub fn plays(&self) -> usize {
        self.plays.load(Ordering::Acquire)
    }
}

/// One of the threads that may run.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(plays: &Arc<AtomicUsize>) -> Result<Self, CallError> {
        let place = Self(plays.clone());
        if plays.fetch_add(1, Ordering::AcqRel) < MOST_PLAYS {
            return Ok(place);
        }
        let words = format!("{MOST_PLAYS} recordings are being played to browsers already");
        Err(CallError::new(CallKind::Unavailable, "too_many", words))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Play {
    /// The stream that it plays into.
    #[must_use]
    pub fn key(&self) -> &StreamKey {
        &self.key
    }

    #[must_use]
    pub fn state(&self) -> PlayState {
        self.desk.lock().state
    }

    /// When a frame was recorded that it has shown, of those that a sink may
    /// still have to send.
    #[must_use]
    pub fn moment(&self, track: u8, dts: i64) -> Option<Moment> {
        self.moments.of(track, dts)
    }

    /// Nothing more comes, unless somebody seeks.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let desk = self.desk.lock();
        desk.over || (desk.state.ended && desk.orders.is_empty())
    }

    /// Its thread has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.desk.lock().over
    }

    /// # Errors
    /// When it is ordered what cannot be, or may not.
    pub fn steer(&self, steer: Steer) -> Result<(), CallError> {
        steer.check(self.bounds)?;
        self.desk.lock().orders.push(steer);
        self.changed.notify_one();
        Ok(())
    }

    /// A pulled reader has taken something: there may be room for more.
    pub fn taken(&self) {
        // Not between looking for room and waiting for it.
        drop(self.desk.lock());
        self.changed.notify_one();
    }

    pub fn stop(&self) {
        self.desk.lock().stop = true;
        self.changed.notify_one();
    }
}

/// What a playback's thread has.
struct Feed {
    head: Head<Recorded>,
    publisher: Publisher,
    tracks: Vec<Track>,
    /// Zero of the head's clock, on both scales.
    begun: Instant,
    begun_us: i64,
    moments: Arc<Moments>,
    /// What is shown next does not follow what was shown last.
    jumped: bool,
    /// Of the last order that has one.
    mark: u8,
    /// The last gap that was jumped.
    gap: Option<(i64, i64)>,
}

impl Feed {
    fn now(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn run(&mut self, play: &Play, paused: bool) {
        if !self.wait_for_a_viewer(play) {
            return;
        }
        self.head.resume(self.now());
        if paused {
            self.head.pause();
        }
        while self.is_watched() {
            let orders = {
                let mut desk = play.desk.lock();
                if desk.stop {
                    return;
                }
                // Whoever asks does not hear of the end that was before them.
                desk.state.ended &= desk.orders.is_empty();
                std::mem::take(&mut desk.orders)
            };
            for steer in orders {
                self.obey(steer);
            }
            let full = !self.publisher.pulled_has_room();
            let until = if full { None } else { self.step() };
            let mut desk = play.desk.lock();
            desk.state = self.state();
            let wait = until.map_or(LOOK_EVERY, |us| Duration::from_micros((us - self.now()).max(0) as u64));
            let room_now = full && self.publisher.pulled_has_room();
            if desk.orders.is_empty() && !desk.stop && !room_now && !wait.is_zero() {
                play.changed.wait_for(&mut desk, wait.min(LOOK_EVERY));
            }
        }
    }

    fn is_watched(&self) -> bool {
        self.publisher.stream().status().readers > 0
    }

    fn wait_for_a_viewer(&self, play: &Play) -> bool {
        let mut desk = play.desk.lock();
        while !desk.stop && self.begun.elapsed() < COME_WITHIN {
            if self.is_watched() {
                return true;
            }
            play.changed.wait_for(&mut desk, COMING_EVERY);
        }
        false
    }

    fn obey(&mut self, steer: Steer) {
        let now = self.now();
        self.mark = steer.mark.unwrap_or(self.mark);
        if let Some(speed) = steer.speed {
            let shown = self.head.go(speed, now);
            self.try_show(shown);
        }
        if let Some(at_us) = steer.at_us {
            self.jumped = true;
            let shown = self.head.seek(at_us, now);
            self.try_show(shown);
        }
        match steer.paused {
            Some(true) => self.head.pause(),
            Some(false) if self.head.paused() => self.head.resume(now),
            _ => {}
        }
    }

    fn try_show(&mut self, shown: Result<Vec<Out>, CallError>) {
        match shown {
            Ok(shown) => self.show(shown),
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &CallError) {
        tracing::warn!(stream = %self.publisher.stream().key(), code = error.code, words = error.message, "a playback cannot go on");
        self.head.give_up();
    }

    /// Does what is due; answers when to look again.
    fn step(&mut self) -> Option<i64> {
        match self.head.step(self.now()) {
            Ok(Step::Show(shown)) => {
                self.show(shown);
                Some(0)
            }
            Ok(Step::Wait(until)) => until,
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn show(&mut self, shown: Vec<Out>) {
        if self.head.tracks() != self.tracks {
            // Of another part: a viewer that cannot take them negotiates anew.
            self.tracks = self.head.tracks().to_vec();
            self.publisher.set_tracks(self.tracks.clone());
        }
        self.jumped |= std::mem::replace(&mut self.gap, self.head.gap()) != self.gap;
        for Out { picture, dts_us, dts, pts } in shown {
            let Some(track) = self.tracks.iter().find(|track| track.id == picture.track) else { continue };
            let (dts, pts) = if track.kind == TrackKind::Video {
                (dts, pts)
            } else {
                let time = dts_us * i64::from(track.clock_rate) / 1_000_000;
                (time, time)
            };
            // Backwards no picture follows the one before it in time.
            let jumped =
                track.kind == TrackKind::Video && (std::mem::take(&mut self.jumped) || self.head.speed() < 0.0);
            let (last, mark) = (picture.last, self.mark);
            self.moments.add(track.id, dts, Moment { utc_us: picture.utc_us, jumped, last, mark });
            // To whoever watches it happens now.
            let timing = Timing { utc_us: self.begun_us + dts_us, error_us: None };
            self.publisher.push(Frame {
                track: track.id,
                kind: track.kind,
                codec: track.codec.clone(),
                epoch: 0,
                number: 0,
                key: picture.key,
                discontinuity: false,
                dts,
                pts,
                timing,
                data: picture.data,
            });
        }
    }

    fn state(&self) -> PlayState {
        let reason = self.head.ended();
        PlayState {
            at_us: self.head.at_us(),
            speed: self.head.speed(),
            paused: self.head.paused(),
            ended: reason.is_some(),
            reason,
            gap: self.head.gap(),
        }
    }
}

fn utc_now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
