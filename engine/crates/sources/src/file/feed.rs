//! What files give, at its time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Sleep;
use vms_media::{AccessUnit, DropReason, Track};

use super::reel::{Read, Reel, Step};
use super::shelf::Shelf;
use super::timeline::Timeline;
use crate::clock::{ServerClock, StreamClock};
use crate::feed::{Feed, Item, TimedTrack};
use crate::open::{Lessons, Means};
use crate::reason::Reason;

/// It is read on where less than this waits.
const LEAST_UNITS: usize = 32;
const LEAST_BYTES: usize = 4 << 20;
/// So late a machine that stood still goes on where it was.
const MOST_LATE: Duration = Duration::from_secs(1);

/// Opens the file, or the first one of the folder, that an address names.
pub async fn open(address: &str, means: &Means) -> Result<FileFeed, Reason> {
    let name = address.strip_prefix("file:").unwrap_or(address).to_owned();
    let (media_dir, place) = (means.media_dir.clone(), means.lessons.lock().file);
    let opening = move || {
        let mut reel = Reel::new(Shelf::new(media_dir.as_deref(), &name)?, place);
        let read = reel.read();
        Ok::<_, Reason>((reel, read))
    };
    let (reel, read) = tokio::task::spawn_blocking(opening).await.map_err(|error| gone(&error))??;
    let mut feed = FileFeed {
        clock: means.clock.clone(),
        lessons: means.lessons.clone(),
        reading: Reading::Idle(Box::new(reel)),
        queue: VecDeque::new(),
        bytes: 0,
        timeline: Timeline::default(),
        known: Vec::new(),
        tracks: Vec::new(),
        timed: Vec::new(),
        changed: false,
        began: Instant::now(),
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        failed: None,
    };
    feed.take(read);
    match (feed.queue.is_empty(), feed.failed.take()) {
        (true, Some(reason)) => Err(reason),
        (_, failed) => Ok(FileFeed { failed, ..feed }),
    }
}

fn gone(error: &tokio::task::JoinError) -> Reason {
    Reason::FileBroken { detail: error.to_string() }
}

enum Reading {
    Idle(Box<Reel>),
    Busy(JoinHandle<(Box<Reel>, Read)>),
    Over,
}

enum Waiting {
    /// What follows has these tracks.
    Tracks(Vec<Track>),
    Unit {
        place: usize,
        unit: AccessUnit,
        due: Duration,
    },
    Lost(DropReason),
}

pub struct FileFeed {
    clock: Arc<ServerClock>,
    lessons: Arc<Mutex<Lessons>>,
    reading: Reading,
    queue: VecDeque<Waiting>,
    /// Of what waits.
    bytes: usize,
    timeline: Timeline,
    /// The tracks of what was read last.
    known: Vec<Track>,
    /// The tracks of what was given last, with their clocks.
    tracks: Vec<Track>,
    timed: Vec<TimedTrack>,
    /// The next picture has other parameter sets than the one before.
    changed: bool,
    /// Where the timeline begins.
    began: Instant,
    timer: Pin<Box<Sleep>>,
    /// Told once what came before was given.
    failed: Option<Reason>,
}

impl FileFeed {
    /// Gives what was read its place in time.
    fn take(&mut self, read: Read) {
        for step in read.steps {
            match step {
                Step::Begins { tracks, first, is_still } => {
                    self.timeline.are_stills(is_still);
                    self.timeline.begin(first, tracks.len(), !are_alike(&self.known, &tracks));
                    self.queue.push_back(Waiting::Tracks(tracks.clone()));
                    self.known = tracks;
                }
                Step::Unit { track, mut unit } => {
                    let Some(place) = self.known.iter().position(|own| own.id == track) else { continue };
                    let rate = self.known[place].clock_rate;
                    if let Some(due) = self.timeline.place(place, rate, &mut unit) {
                        self.bytes += unit.data.len();
                        let due = Duration::from_micros(due.max(0).unsigned_abs());
                        self.queue.push_back(Waiting::Unit { place, unit, due });
                    }
                }
                Step::Lost(reason) => self.queue.push_back(Waiting::Lost(reason)),
            }
        }
        if let Some(failed) = read.failed {
            // The next session begins behind it.
            self.lessons.lock().file = failed.place + 1;
            tracing::warn!(reason = failed.reason.code(), detail = failed.reason.value().map(|(_, text)| text), "file");
            self.failed = Some(failed.reason);
            self.reading = Reading::Over;
        }
    }

    /// Reads on where little waits.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match std::mem::replace(&mut self.reading, Reading::Over) {
                Reading::Idle(mut reel) if self.queue.len() < LEAST_UNITS && self.bytes < LEAST_BYTES => {
                    self.reading = Reading::Busy(tokio::task::spawn_blocking(move || {
                        let read = reel.read();
                        (reel, read)
                    }));
                }
                Reading::Busy(mut reading) => match Pin::new(&mut reading).poll(cx) {
                    Poll::Pending => {
                        self.reading = Reading::Busy(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((reel, read))) => {
                        self.reading = Reading::Idle(reel);
                        self.take(read);
                        return Poll::Ready(());
                    }
                    Poll::Ready(Err(error)) => self.failed = Some(gone(&error)),
                },
                rests => {
                    self.reading = rests;
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Ready when what is first in the queue is due.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Waiting::Unit { due, .. }) = self.queue.front() else { return Poll::Ready(()) };
        let (at, now) = (self.began + *due, Instant::now());
        if now.saturating_duration_since(at) > MOST_LATE {
            self.began += now - at;
        }
        if at <= now {
            return Poll::Ready(());
        }
        self.timer.as_mut().reset(at.into());
        self.timer.as_mut().poll(cx)
    }

    /// Takes the tracks of a file that begins; true where they are others.
    fn begin(&mut self, tracks: Vec<Track>) -> bool {
        let alike = are_alike(&self.tracks, &tracks);
        if alike {
            self.changed |= self.tracks.iter().zip(&tracks).any(|(before, now)| before.fmtp != now.fmtp);
            return false;
        }
        let is_first = self.tracks.is_empty();
        let numbered = |(track, id): (Track, u8)| Track { id, ..track };
        self.tracks = tracks.into_iter().zip(0..).map(numbered).collect();
        let timed = |track: &Track| TimedTrack {
            track: track.clone(),
            clock: StreamClock::new(track.clock_rate, Duration::ZERO),
        };
        self.timed = self.tracks.iter().map(timed).collect();
        !is_first
    }

    fn give(&mut self, waiting: Waiting) -> Option<Item> {
        match waiting {
            Waiting::Tracks(tracks) => self.begin(tracks).then_some(Item::Tracks),
            Waiting::Lost(reason) => Some(Item::Lost(reason)),
            Waiting::Unit { place, mut unit, .. } => {
                self.bytes -= unit.data.len();
                unit.discontinuity |= place == 0 && std::mem::take(&mut self.changed);
                let arrival = self.clock.now();
                self.timed.get_mut(place).map(|timed| Item::Frame(timed.frame(unit, arrival)))
            }
        }
    }
}

/// Whether players of one can go on with the other: parameter sets of video
/// may change, they come in band.
fn are_alike(before: &[Track], now: &[Track]) -> bool {
    let is_video = |track: &Track| track.codec.is_video();
    before.len() == now.len()
        && before.iter().zip(now).all(|(before, now)| {
            (&before.codec, before.clock_rate, before.channels) == (&now.codec, now.clock_rate, now.channels)
                && (is_video(now) || before.fmtp == now.fmtp)
        })
}

impl Feed for FileFeed {
    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        loop {
            let read = self.poll_read(cx);
            if self.queue.is_empty() {
                if let Some(reason) = &self.failed {
                    return Poll::Ready(Err(reason.clone()));
                }
                ready!(read);
                continue;
            }
            ready!(self.poll_due(cx));
            if let Some(item) = self.queue.pop_front().and_then(|waiting| self.give(waiting)) {
                return Poll::Ready(Ok(item));
            }
        }
    }

    fn reset_clocks(&mut self) {
        self.timed.iter_mut().for_each(|timed| timed.clock.reset());
    }
}
