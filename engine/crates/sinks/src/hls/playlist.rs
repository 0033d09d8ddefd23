//! The window of a live stream and its playlist (draft-pantos-hls-rfc8216bis).
//! Knows no IO and no clock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use bytes::Bytes;
use vms_format::time::iso;

use super::ask::Reload;
use super::part::{Part, Segment};

/// A client may skip what is older than so many target durations (4.4.3.8: at
/// least 6).
const SKIP_AFTER: i64 = 6;
/// So many target durations are listed.
const LISTED: i64 = 8;
/// Parts are listed of the last so many target durations (6.2.2: at least 3).
const PARTS_LISTED: i64 = 3;
/// A player stays so many parts behind the end (4.4.3.8: at least 2, better 3).
const PART_HOLD_BACK: i64 = 3;
const HOLD_BACK: i64 = 3;
/// Of one stream: over it the oldest go, whatever was promised.
const MOST_BYTES: usize = 48 << 20;
/// But so many segments stay.
const FEWEST: usize = 3;

/// What the playlist of a stream promises; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// No segment is longer, rounded.
    pub target_s: i64,
    /// No part is longer.
    pub part_us: i64,
}

/// Whether what a player waits for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    Yes,
    NotYet,
    /// So far ahead that nobody can know of it.
    Never,
}

/// What a packaging counts from: neither ever goes back for a stream (6.2.2).
#[derive(Clone, Copy, Debug)]
pub struct First {
    /// Of its first segment, greater than any that the stream had before.
    pub number: u64,
    /// Discontinuities before it, at least as many as there were. hls.js 1.7
    /// stands still where this is as large as a time of day.
    pub discontinuities: u64,
}

/// The segments of a stream, the newest of which grows.
#[derive(Debug)]
pub struct Window {
    promise: Option<Promise>,
    listed: VecDeque<Segment>,
    /// No more listed, but playlists that did are still in use (6.2.2).
    retired: VecDeque<Segment>,
    inits: BTreeMap<u64, Bytes>,
    next_number: u64,
    /// Discontinuities that are no more listed.
    discontinuities: u64,
    bytes: usize,
    /// Playlists without anything behind their addresses: all of it, a delta.
    rendered: [Option<Bytes>; 2],
}

impl Window {
    #[must_use]
    pub fn new(first: First) -> Self {
        Self {
            promise: None,
            listed: VecDeque::new(),
            retired: VecDeque::new(),
            inits: BTreeMap::new(),
            next_number: first.number,
            discontinuities: first.discontinuities,
            bytes: 0,
            rendered: [None, None],
        }
    }

    #[must_use]
    pub fn promise(&self) -> Option<Promise> {
        self.promise
    }

    pub fn make_promise(&mut self, promise: Promise) {
        self.promise = Some(promise);
    }

    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The segment that grows.
    #[must_use]
    pub fn open(&self) -> Option<&Segment> {
        self.listed.back().filter(|segment| !segment.complete)
    }

    pub fn add_init(&mut self, number: u64, init: Bytes) {
        self.inits.insert(number, init);
    }

    /// Begins a segment; its first part follows at once.
    pub fn begin(&mut self, utc_us: i64, init: u64, discontinuity: bool) {
        let number = self.next_number;
        self.next_number += 1;
        // The first of all goes on from nothing.
        let discontinuity = discontinuity && !self.listed.is_empty();
        self.listed.push_back(Segment { number, utc_us, init, discontinuity, parts: Vec::new(), complete: false });
    }

    /// Adds a part to the segment that grows.
    pub fn push(&mut self, part: Part) {
        self.bytes += part.data.len();
        if let Some(open) = self.listed.back_mut() {
            open.parts.push(part);
        }
        self.trim();
        self.rendered = [None, None];
    }

    /// Ends the segment that grows.
    pub fn complete(&mut self) {
        if let Some(open) = self.listed.back_mut() {
            open.complete = true;
        }
        self.rendered = [None, None];
    }

    fn trim(&mut self) {
        let keep_us = self.promise.map_or(i64::MAX, |promise| promise.target_s * LISTED * 1_000_000);
        let mut length_us: i64 = self.listed.iter().map(Segment::duration_us).sum();
        while let Some(oldest) = self.listed.front()
            && self.listed.len() > FEWEST
            && (length_us - oldest.duration_us() >= keep_us || self.bytes > MOST_BYTES)
        {
            length_us -= oldest.duration_us();
            // The tag leaves with its segment (6.2.2).
            self.discontinuities += u64::from(oldest.discontinuity);
            self.retired.extend(self.listed.pop_front());
        }
        let mut retired_us: i64 = self.retired.iter().map(Segment::duration_us).sum();
        while let Some(oldest) = self.retired.front()
            && (retired_us - oldest.duration_us() >= keep_us || self.bytes > MOST_BYTES)
        {
            retired_us -= oldest.duration_us();
            self.bytes -= oldest.bytes();
            self.retired.pop_front();
        }
        let oldest = self.retired.front().or(self.listed.front()).map(|segment| segment.init);
        let newest = self.inits.keys().next_back().copied();
        self.inits.retain(|number, _| oldest.is_none_or(|oldest| *number >= oldest) || Some(*number) == newest);
    }

    /// The part that comes next: of which segment, and which of it.
    #[must_use]
    pub fn next(&self) -> (u64, u32) {
        self.open().map_or((self.next_number, 0), |open| (open.number, open.parts.len() as u32))
    }

    /// Whether the playlist holds what a directive names (6.2.5.2).
    #[must_use]
    pub fn reached(&self, (segment, part): (u64, Option<u32>)) -> Reached {
        let next = self.next();
        if segment > next.0 + 1 {
            return Reached::Never;
        }
        let there = match part {
            None => segment < next.0,
            Some(part) if (segment, part) >= next => false,
            // A part after the last of its segment means the first of the following.
            Some(part) => {
                self.segment(segment).is_none_or(|found| (part as usize) < found.parts.len()) || {
                    (segment + 1, 0) < next
                }
            }
        };
        if there { Reached::Yes } else { Reached::NotYet }
    }

    fn segment(&self, number: u64) -> Option<&Segment> {
        let within = |segments: &'_ VecDeque<Segment>| -> Option<usize> {
            let first = segments.front()?.number;
            usize::try_from(number.checked_sub(first)?).ok().filter(|at| *at < segments.len())
        };
        match within(&self.listed) {
            Some(at) => self.listed.get(at),
            None => within(&self.retired).and_then(|at| self.retired.get(at)),
        }
    }

    #[must_use]
    pub fn init(&self, number: u64) -> Option<Bytes> {
        self.inits.get(&number).cloned()
    }

    /// A whole segment.
    #[must_use]
    pub fn whole(&self, number: u64) -> Option<Vec<Bytes>> {
        self.segment(number).filter(|segment| segment.complete).map(Segment::data)
    }

    #[must_use]
    pub fn part(&self, number: u64, part: u32) -> Option<Bytes> {
        self.segment(number)?.parts.get(part as usize).map(|part| part.data.clone())
    }

    /// The playlist, once the stream is known well enough. `query` goes behind
    /// every address in it.
    pub fn playlist(&mut self, reload: Reload, query: &str) -> Option<Bytes> {
        let promise = self.promise?;
        if !query.is_empty() {
            return Some(self.render(promise, reload.skip, query).into());
        }
        let kept = usize::from(reload.skip);
        if self.rendered[kept].is_none() {
            self.rendered[kept] = Some(self.render(promise, reload.skip, "").into());
        }
        self.rendered[kept].clone()
    }

    fn render(&self, promise: Promise, skip: bool, query: &str) -> String {
        let Promise { target_s, part_us } = promise;
        let behind = if query.is_empty() { String::new() } else { format!("?{query}") };
        let mut out = String::with_capacity(4096);
        let hold_back = seconds(part_us * PART_HOLD_BACK);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target_s}\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={},HOLD-BACK={},PART-HOLD-BACK={hold_back}\n\
             #EXT-X-PART-INF:PART-TARGET={}\n#EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-DISCONTINUITY-SEQUENCE:{}\n",
            target_s * SKIP_AFTER,
            target_s * HOLD_BACK,
            seconds(part_us),
            self.listed.front().map_or(self.next_number, |segment| segment.number),
            self.discontinuities,
        );
        let skipped = if skip { self.skippable(target_s) } else { 0 };
        let mut init = None;
        if skipped > 0 {
            let _ = writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}");
            init = self.listed.get(skipped - 1).map(|segment| segment.init);
        }
        let mut after_us: i64 = self.listed.iter().skip(skipped).map(Segment::duration_us).sum();
        for segment in self.listed.iter().skip(skipped) {
            if segment.discontinuity {
                out.push_str("#EXT-X-DISCONTINUITY\n");
            }
            if init != Some(segment.init) {
                init = Some(segment.init);
                let _ = writeln!(out, "#EXT-X-MAP:URI=\"init-{}.mp4{behind}\"", segment.init);
            }
            let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", iso(segment.utc_us));
            after_us -= segment.duration_us();
            if after_us <= target_s * PARTS_LISTED * 1_000_000 {
                list_parts(&mut out, segment, &behind);
            }
            if segment.complete {
                let length = seconds(segment.duration_us());
                let _ = writeln!(out, "#EXTINF:{length},\n{}.m4s{behind}", segment.number);
            }
        }
        let (number, part) = self.next();
        let _ = writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{number}.{part}.m4s{behind}\"");
        out
    }

    /// How many of the first segments a delta update leaves out.
    fn skippable(&self, target_s: i64) -> usize {
        let mut from_end_us: i64 = self.listed.iter().map(Segment::duration_us).sum();
        self.listed
            .iter()
            .take_while(|segment| {
                from_end_us -= segment.duration_us();
                from_end_us > target_s * SKIP_AFTER * 1_000_000
            })
            .count()
    }
}

fn list_parts(out: &mut String, segment: &Segment, behind: &str) {
    for (index, part) in segment.parts.iter().enumerate() {
        let length = seconds(part.duration_us);
        let key = if part.independent { ",INDEPENDENT=YES" } else { "" };
        let _ = writeln!(out, "#EXT-X-PART:DURATION={length},URI=\"{}.{index}.m4s{behind}\"{key}", segment.number);
    }
}

/// With microseconds: a sum of parts is that of their segment.
fn seconds(us: i64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
