//! Where a playback is, and what is shown when: pure, on a clock that the
//! caller reads, in microseconds.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use vms_media::Track;

use crate::calls::{CallError, CallKind};
use crate::read::part::{Frag, Part};

/// Faster than this, and backwards, key frames alone are shown.
const FASTEST_WHOLE: f64 = 4.0;
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.125..=16.0;
/// Fragments farther apart than this have a gap between them, or a step of the
/// clock; it is jumped.
const GAP_US: i64 = 1_000_000;
/// Who is later than this goes on from now on instead of catching up.
const LATE_US: i64 = 1_000_000;
/// What is being recorded comes in halves of a second: how often it is looked
/// for, and how long until it is known that there is no more.
const LOOK_US: i64 = 250_000;
const DRY_US: i64 = 5_000_000;
/// Fragments without a picture that are passed over at once.
const MOST_EMPTY: usize = 32;
const VIDEO_HZ: i64 = 90_000;

/// Where fragments come from.
pub trait Shelf {
    /// The part and fragment at an instant, or the first after it.
    fn at_or_after(&mut self, at_us: i64) -> Result<(Arc<Part>, usize), CallError>;
    /// The last fragment that begins before an instant.
    fn before(&mut self, at_us: i64) -> Option<(Arc<Part>, usize)>;
    /// The part as it is now: one that is being written grows.
    fn again(&mut self, part: &Arc<Part>) -> Result<Arc<Part>, CallError>;
    fn read(&mut self, part: &Arc<Part>, fragment: &Frag) -> Result<Vec<Picture>, CallError>;
    fn tracks(&mut self, part: &Arc<Part>) -> Result<Vec<Track>, CallError>;
}

/// A recorded frame, of picture or sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Of [`Shelf::tracks`].
    pub track: u8,
    pub video: bool,
    pub key: bool,
    /// When it was taken, in the order of decoding.
    pub utc_us: i64,
    /// How much later it is shown than that.
    pub later_us: i64,
    /// Of its track it is the last one of something.
    pub last: Option<Last>,
    pub data: Bytes,
}

/// What ends with a frame, as far as it is known when that is read: nobody
/// knows it of what is still being recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// A gap follows.
    OfSection,
    /// Nothing follows that is played.
    OfAll,
}

/// What holds for as long as a playback lasts.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What the right covers; an end of 0 is none.
    pub bounds: (i64, i64),
    /// Frames come in their time; else whenever somebody asks for more.
    pub paced: bool,
    /// UTC of the clock's zero.
    pub zero_us: i64,
}

/// A frame on its way to the viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Out {
    pub picture: Picture,
    /// On the viewer's time line, in microseconds of the clock.
    pub dts_us: i64,
    /// The same in ticks of video; a burst has them one tick apart.
    pub dts: i64,
    pub pts: i64,
}

/// Why nothing more is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Nothing was recorded after, or before.
    NoMore,
    /// The right to play covers no more.
    NotAllowed,
    Unreadable,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Show(Vec<Out>),
    /// Nothing until then, or until something is ordered.
    Wait(Option<i64>),
}

pub struct Head<S> {
    shelf: S,
    terms: Terms,
    speed: f64,
    paused: bool,
    /// The fragment that is read next.
    place: Option<(Arc<Part>, usize)>,
    waiting: VecDeque<Picture>,
    /// An instant of the clock and the recorded one that belongs to it.
    anchor: (i64, i64),
    /// Where the last fragment ended; backwards, where it began.
    edge_us: Option<i64>,
    at_us: i64,
    last_tick: i64,
    /// Of the newest frame, on the viewer's time line.
    last_us: i64,
    dry_since: Option<i64>,
    /// Of the part that is played.
    tracks: Vec<Track>,
    gap: Option<(i64, i64)>,
    ended: Option<Ended>,
}

impl<S: Shelf> Head<S> {
    pub fn new(shelf: S, terms: Terms, speed: f64) -> Self {
        Self {
            shelf,
            terms,
            speed,
            paused: false,
            place: None,
            waiting: VecDeque::new(),
            anchor: (0, 0),
            edge_us: None,
            at_us: 0,
            last_tick: 0,
            last_us: i64::MIN,
            dry_since: None,
            tracks: Vec::new(),
            gap: None,
            ended: None,
        }
    }

    /// The instant of the newest picture.
    pub fn at_us(&self) -> i64 {
        self.at_us
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }

    pub fn paused(&self) -> bool {
        self.paused
    }

    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// The last gap that was jumped.
    pub fn gap(&self) -> Option<(i64, i64)> {
        self.gap
    }

    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    #[cfg(test)]
    pub fn shelf_mut(&mut self) -> &mut S {
        &mut self.shelf
    }

    fn keys_only(&self) -> bool {
        self.speed < 0.0 || self.speed > FASTEST_WHOLE
    }

    /// Goes on from the present picture: after a pause, or with a viewer there.
    pub fn resume(&mut self, now: i64) {
        self.paused = false;
        self.anchor = (self.line(now), self.at_us);
    }

    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Where the viewer's time line is: without a pace it runs ahead of the clock.
    fn line(&self, now: i64) -> i64 {
        if self.terms.paced { now } else { now.max(self.last_us) }
    }

    /// Another speed from now on.
    pub fn go(&mut self, speed: f64, now: i64) -> Result<Vec<Out>, CallError> {
        let before = (self.keys_only(), self.speed < 0.0);
        self.speed = speed;
        self.anchor = (self.line(now), self.at_us);
        if before == (self.keys_only(), speed < 0.0) { Ok(Vec::new()) } else { self.seek(self.at_us, now) }
    }

    /// Goes to an instant, or the first after it that was recorded. Answers
    /// what leads to its picture, to be shown at once: the group's frames up to
    /// it, a tick apart; without a pace its key frame alone.
    pub fn seek(&mut self, at_us: i64, now: i64) -> Result<Vec<Out>, CallError> {
        let (part, found) = self.shelf.at_or_after(at_us)?;
        let at_us = at_us.max(part.fragments[found].utc_us);
        if self.terms.bounds.1 != 0 && at_us >= self.terms.bounds.1 {
            let words = "nothing was recorded there that the right to play covers";
            return Err(CallError::new(CallKind::NotFound, "no_recording", words));
        }
        let group = part.group(found);
        let (mut run, mut rest) = if self.keys_only() {
            (self.key_of(&part, group.start)?, Vec::new())
        } else {
            let at_once_us = if self.terms.paced { at_us } else { i64::MIN };
            self.up_to(&part, group.start..found + 1, at_once_us)?
        };
        run.retain(|picture| picture.video);
        rest.retain(|picture| !self.is_after(picture.utc_us));
        self.tracks = self.shelf.tracks(&part)?;
        self.ended = None;
        self.dry_since = None;
        self.edge_us = Some(part.fragments[found].end_us);
        let next = if self.keys_only() { group.end } else { found + 1 };
        self.place = Some((part.clone(), next));
        if self.speed < 0.0 {
            self.edge_us = Some(part.fragments[group.start].utc_us);
            self.place = self.earlier(&part, group.start);
            self.ended = self.place.is_none().then_some(Ended::NoMore);
        }
        if let Some(last) = self.what_ends(now) {
            mark(run.iter_mut().chain(&mut rest), last);
        }
        self.waiting = rest.into();
        if let Some(last) = run.last() {
            self.at_us = last.utc_us;
        }
        self.anchor = (self.line(now), self.at_us);
        Ok(self.burst(run, now))
    }

    fn burst(&mut self, run: Vec<Picture>, now: i64) -> Vec<Out> {
        let count = run.len() as i64;
        let dts_us = self.line(now);
        let end = ticks(dts_us).max(self.last_tick + count);
        (self.last_tick, self.last_us) = (end, dts_us);
        let begin = end - count + 1;
        let out = |(picture, tick)| Out { picture, dts_us, dts: tick, pts: tick };
        run.into_iter().zip(begin..).map(out).collect()
    }

    /// Frames of some fragments: those up to an instant, and those after it.
    fn up_to(
        &mut self,
        part: &Arc<Part>,
        range: Range<usize>,
        at_us: i64,
    ) -> Result<(Vec<Picture>, Vec<Picture>), CallError> {
        let (mut run, mut rest) = (Vec::new(), Vec::new());
        for index in range {
            for picture in self.shelf.read(part, &part.fragments[index])? {
                let first = picture.video && run.is_empty();
                if first || picture.utc_us <= at_us { run.push(picture) } else { rest.push(picture) }
            }
        }
        Ok((run, rest))
    }

    fn key_of(&mut self, part: &Arc<Part>, index: usize) -> Result<Vec<Picture>, CallError> {
        let mut found = self.shelf.read(part, &part.fragments[index])?;
        found.retain(|picture| picture.video && picture.key);
        found.truncate(1);
        Ok(found)
    }

    /// Where the group before one begins.
    fn earlier(&mut self, part: &Arc<Part>, start: usize) -> Option<(Arc<Part>, usize)> {
        if start > 0 {
            return Some((part.clone(), part.group(start - 1).start));
        }
        let (part, found) = self.shelf.before(part.fragments[start].utc_us)?;
        let start = part.group(found).start;
        Some((part, start))
    }

    fn due(&self, utc_us: i64) -> i64 {
        let (clock, utc) = self.anchor;
        clock + self.apart(utc_us - utc)
    }

    /// How far apart on the viewer's time line what is recorded so far apart
    /// is. Without a pace that is as it was taken, backwards too.
    fn apart(&self, us: i64) -> i64 {
        let speed = if self.terms.paced { self.speed } else { self.speed.signum() };
        (us as f64 / speed) as i64
    }

    fn is_after(&self, utc_us: i64) -> bool {
        self.terms.bounds.1 != 0 && utc_us >= self.terms.bounds.1
    }

    /// What is to be done now.
    pub fn step(&mut self, now: i64) -> Result<Step, CallError> {
        if self.paused || self.ended.is_some() {
            return Ok(Step::Wait(None));
        }
        let mut shown = Vec::new();
        for _ in 0..MOST_EMPTY {
            while let Some(picture) = self.waiting.front() {
                let mut due = self.due(picture.utc_us);
                if self.terms.paced && due > now {
                    return Ok(if shown.is_empty() { Step::Wait(Some(due)) } else { Step::Show(shown) });
                }
                if self.terms.paced && due < now - LATE_US {
                    self.anchor = (now, picture.utc_us);
                    due = now;
                }
                let Some(picture) = self.waiting.pop_front() else { break };
                shown.extend(self.timed(picture, due));
            }
            if !shown.is_empty() {
                return Ok(Step::Show(shown));
            }
            if let Some(wait) = self.fill(now)? {
                return Ok(wait);
            }
        }
        Ok(Step::Wait(Some(now)))
    }

    fn timed(&mut self, picture: Picture, due: i64) -> Option<Out> {
        if !picture.video {
            // Sound at another speed is none.
            let plain = (self.speed - 1.0).abs() < f64::EPSILON;
            let tick = ticks(due);
            return plain.then_some(Out { picture, dts_us: due, dts: tick, pts: tick });
        }
        let dts = ticks(due).max(self.last_tick + 1);
        let later = if self.keys_only() { 0 } else { ticks(self.apart(picture.later_us)) };
        (self.last_tick, self.last_us) = (dts, due);
        self.at_us = picture.utc_us;
        Some(Out { picture, dts_us: due, dts, pts: dts + later })
    }

    /// Reads the next fragment; answers what to do where there is none.
    fn fill(&mut self, now: i64) -> Result<Option<Step>, CallError> {
        let Some((part, index)) = self.place.take() else { return Ok(self.end(Ended::NoMore)) };
        let Some((part, index)) = self.onward(&part, index)? else {
            let since = *self.dry_since.get_or_insert(now);
            let over = now - since >= DRY_US || self.is_settled(&part, now);
            self.place = Some((part, index));
            return Ok(if over { self.end(Ended::NoMore) } else { Some(Step::Wait(Some(now + LOOK_US))) });
        };
        self.dry_since = None;
        self.tracks = self.shelf.tracks(&part)?;
        let (from_us, to_us) = self.span(&part, index);
        if self.is_out(from_us, to_us) {
            return Ok(self.end(Ended::NotAllowed));
        }
        self.cross(from_us, to_us);
        let group = part.group(index);
        let mut pictures = if self.keys_only() {
            self.key_of(&part, index)?
        } else {
            self.shelf.read(&part, &part.fragments[index])?
        };
        pictures.retain(|picture| !self.is_after(picture.utc_us));
        if self.speed > 0.0 {
            self.edge_us = Some(to_us);
            self.place = Some((part, if self.keys_only() { group.end } else { index + 1 }));
        } else {
            self.edge_us = Some(from_us);
            self.place = self.earlier(&part, group.start);
        }
        if let Some(last) = self.what_ends(now) {
            mark(pictures.iter_mut(), last);
        }
        self.waiting.extend(pictures);
        Ok(None)
    }

    /// When what is read of a fragment begins and ends.
    fn span(&self, part: &Part, index: usize) -> (i64, i64) {
        let last = if self.keys_only() { part.group(index).end - 1 } else { index };
        (part.fragments[index].utc_us, part.fragments[last].end_us)
    }

    /// Whether the right covers nothing of it.
    fn is_out(&self, from_us: i64, to_us: i64) -> bool {
        to_us <= self.terms.bounds.0 || self.is_after(from_us)
    }

    /// Nothing that is still being written could follow that part by now.
    fn is_settled(&self, part: &Part, now: i64) -> bool {
        self.terms.zero_us + now >= part.to_us() + DRY_US
    }

    /// What ends with the fragment that was read last.
    fn what_ends(&mut self, now: i64) -> Option<Last> {
        let Some((part, index)) = self.place.clone() else { return Some(Last::OfAll) };
        let (part, index) = match self.onward(&part, index) {
            Ok(Some(found)) => self.place.insert(found).clone(),
            Ok(None) => return self.is_settled(&part, now).then_some(Last::OfAll),
            // Told when that is to be shown.
            Err(_) => return None,
        };
        let (from_us, to_us) = self.span(&part, index);
        if self.is_out(from_us, to_us) {
            return Some(Last::OfAll);
        }
        self.gap_to(from_us, to_us).map(|_| Last::OfSection)
    }

    fn end(&mut self, why: Ended) -> Option<Step> {
        self.ended = Some(why);
        Some(Step::Wait(None))
    }

    /// The fragment that is read next: forward in this part or in the next.
    fn onward(&mut self, part: &Arc<Part>, index: usize) -> Result<Option<(Arc<Part>, usize)>, CallError> {
        if index < part.fragments.len() {
            return Ok(Some((part.clone(), index)));
        }
        let again = self.shelf.again(part)?;
        if index < again.fragments.len() {
            return Ok(Some((again, index)));
        }
        let found = match self.shelf.at_or_after(part.to_us()) {
            Ok(found) => found,
            Err(error) if error.code == "no_recording" => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(found).filter(|(other, _)| other.place != part.place))
    }

    /// Jumps what was not recorded between two fragments.
    fn cross(&mut self, from_us: i64, to_us: i64) {
        let Some((edge_us, near)) = self.gap_to(from_us, to_us) else { return };
        if self.terms.paced {
            self.anchor = (self.due(edge_us), near);
        }
        self.gap = Some((edge_us.min(near), edge_us.max(near)));
    }

    /// Where the last fragment ended and that one begins, if there is a gap
    /// between them.
    fn gap_to(&self, from_us: i64, to_us: i64) -> Option<(i64, i64)> {
        let edge_us = self.edge_us?;
        let near = if self.speed > 0.0 { from_us } else { to_us };
        ((near - edge_us).abs() > GAP_US).then_some((edge_us, near))
    }

    /// Reading failed: it is over until somebody seeks.
    pub fn give_up(&mut self) {
        self.ended = Some(Ended::Unreadable);
    }
}

/// Marks the last of each track.
fn mark<'a>(pictures: impl DoubleEndedIterator<Item = &'a mut Picture>, last: Last) {
    let mut tracks = Vec::new();
    for picture in pictures.rev() {
        if !tracks.contains(&picture.track) {
            tracks.push(picture.track);
            picture.last = Some(last);
        }
    }
}

fn ticks(us: i64) -> i64 {
    us * (VIDEO_HZ / 1_000) / 1_000
}
