//! Cuts a stream's frames into parts and segments. Knows no IO and no clock.

use std::sync::Arc;

use bytes::Bytes;
use vms_format::mp4::{init, moof};
use vms_format::{Fragment, Fragmenter, Step, TrackConfig};
use vms_media::{Codec, Frame, Track};

use super::part::Part;
use super::playlist::{First, Promise, Window};

/// Parts are about so long, in whole frames.
const PART_US: i64 = 250_000;
/// A camera's times tremble: parts may be longer than their frames should make
/// them by 1 in 12, and still none is shorter than 85 % of the longest (4.4.4.9).
const TREMBLE: i64 = 12;
/// A key frame that comes sooner begins no segment; 2 s less what times tremble.
const FEWEST_US: i64 = 1_900_000;
/// A segment ends without a key frame so long after it began.
const MOST_US: i64 = 6_000_000;
/// By so much a segment may be longer than the target, which is what its length
/// rounds to (4.4.4.1); less than half a second, for times that tremble.
const ROUNDS_US: i64 = 400_000;
/// Longer silences break the run of times.
const PAUSE_US: i64 = 1_000_000;
/// So many frames tell how fast they come; so long is waited for them.
const MEASURED: usize = 7;
const MEASURED_US: i64 = 1_000_000;

/// The cutting of one stream, as one kind of viewer may have it.
#[derive(Debug)]
pub struct Packager {
    /// Whether the viewers may hear.
    audio: bool,
    pub window: Window,
    epoch: Option<u64>,
    tracks: Vec<TrackConfig>,
    run: Option<Run>,
    /// Frames that are held until it is known how fast they come.
    unmeasured: Vec<Frame>,
    frame_us: Option<i64>,
    /// The next segment does not go on from the last.
    broken: bool,
    fragments: u64,
}

/// Frames whose times go on from one another.
#[derive(Debug)]
struct Run {
    fragmenter: Fragmenter,
    init: u64,
    /// The camera's number of the track that sets the pace.
    clock: u8,
    clock_rate: u32,
    has_video: bool,
    last_dts: i64,
    /// Decode time of the first frame of the segment that grows.
    segment_dts: i64,
}

impl Packager {
    #[must_use]
    pub fn new(audio: bool, first: First) -> Self {
        Self {
            audio,
            window: Window::new(first),
            epoch: None,
            tracks: Vec::new(),
            run: None,
            unmeasured: Vec::new(),
            frame_us: None,
            broken: false,
            fragments: 0,
        }
    }

    /// Takes a frame; `tracks` gives those that the stream has now. Whether
    /// something new can be had.
    pub fn push(&mut self, frame: &Frame, tracks: impl FnOnce() -> Arc<[Track]>) -> bool {
        let before = self.window.next();
        if self.is_new(frame) {
            self.end_run();
            self.epoch = Some(frame.epoch);
            self.tracks = playable(&tracks(), self.audio);
            self.unmeasured.clear();
        }
        let Some(track) = self.tracks.iter_mut().find(|track| track.source == frame.track) else { return false };
        let before_sets = track.sets.clone();
        track.learn(frame);
        // Sets that only come in turn are those that were there in the end.
        if track.sets != before_sets {
            self.end_run();
        }
        if self.frame_us.is_some() {
            self.cut(frame);
        } else {
            self.measure(frame);
        }
        before != self.window.next()
    }

    fn is_new(&self, frame: &Frame) -> bool {
        let track = self.tracks.iter().find(|track| track.source == frame.track);
        self.epoch != Some(frame.epoch) || track.is_some_and(|track| track.codec != frame.codec)
    }

    /// The track that sets the pace: video, else the first.
    fn clock(&self) -> Option<&TrackConfig> {
        self.tracks.iter().find(|track| track.is_video()).or(self.tracks.first())
    }

    fn measure(&mut self, frame: &Frame) {
        let Some(clock) = self.clock() else { return };
        let (source, rate, is_video) = (clock.source, clock.clock_rate, clock.is_video());
        if self.unmeasured.is_empty() && !(frame.track == source && (frame.key || !is_video)) {
            return;
        }
        self.unmeasured.push(frame.clone());
        let times: Vec<i64> = self.unmeasured.iter().filter(|held| held.track == source).map(|held| held.dts).collect();
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return };
        if times.len() < MEASURED && (times.len() < 2 || micros(last - first, rate) < MEASURED_US) {
            return;
        }
        let mut steps: Vec<i64> = times.windows(2).map(|pair| micros(pair[1] - pair[0], rate)).collect();
        steps.sort_unstable();
        self.frame_us = Some(steps[steps.len() / 2].clamp(1_000, MOST_US));
        for frame in std::mem::take(&mut self.unmeasured) {
            self.cut(&frame);
        }
    }

    /// The longest that a part gets: a whole number of frames.
    fn part_us(&self) -> i64 {
        let frame_us = self.frame_us.unwrap_or(PART_US);
        let frames = ((PART_US + frame_us / 2) / frame_us).max(1);
        let longest = frames * frame_us;
        // Whole milliseconds look better and lose nothing.
        (longest + longest / TREMBLE) / 1_000 * 1_000 + 1_000
    }

    fn cut(&mut self, frame: &Frame) {
        if self.run.as_ref().is_some_and(|run| run.pauses(frame, self.frame_us.unwrap_or(0))) {
            self.end_run();
        }
        if self.run.is_none() && !self.begin_run(frame) {
            return;
        }
        let (fewest, most) = self.bounds();
        let part_us = self.part_us();
        let Some(run) = &mut self.run else { return };
        let paces = frame.track == run.clock;
        let since = micros(frame.dts.saturating_sub(run.segment_dts), run.clock_rate);
        let begins = paces && (frame.key || !run.has_video) && since >= fewest;
        run.fragmenter.set_closes_at_keys(begins);
        match run.fragmenter.push(frame) {
            Step::Closed(fragment) => {
                let ends = begins || (paces && since + part_us > most);
                if ends {
                    run.segment_dts = frame.dts;
                }
                self.publish(&fragment, ends);
            }
            Step::Jumped => {
                self.end_run();
                // In a new run it cannot jump.
                if self.begin_run(frame)
                    && let Some(run) = &mut self.run
                {
                    run.fragmenter.push(frame);
                }
            }
            Step::Held | Step::Passed => {}
        }
        if let Some(run) = &mut self.run
            && paces
        {
            run.last_dts = frame.dts;
        }
    }

    /// How long a segment is at least, and at most.
    fn bounds(&self) -> (i64, i64) {
        let most = self.window.promise().map_or(MOST_US, |promise| promise.target_s * 1_000_000 + ROUNDS_US);
        (FEWEST_US, most)
    }

    /// Only a key frame, or sound where there is no video, begins a run.
    fn begin_run(&mut self, frame: &Frame) -> bool {
        let Some(clock) = self.clock() else { return false };
        if frame.track != clock.source || (clock.is_video() && !frame.key) {
            return false;
        }
        let (clock, clock_rate, has_video) = (clock.source, clock.clock_rate, clock.is_video());
        let init = self.window.next_number();
        self.window.add_init(init, Bytes::from(init::live(&self.tracks)));
        self.run = Some(Run {
            fragmenter: Fragmenter::with_length(&self.tracks, self.part_us()),
            init,
            clock,
            clock_rate,
            has_video,
            last_dts: frame.dts,
            segment_dts: frame.dts,
        });
        true
    }

    /// Ends what was begun; what follows begins anew.
    fn end_run(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        let rest = run.fragmenter.flush();
        self.run = Some(run);
        match rest {
            Some(fragment) => self.publish(&fragment, true),
            None => self.window.complete(),
        }
        self.run = None;
        self.broken = true;
    }

    fn publish(&mut self, fragment: &Fragment, ends: bool) {
        let Some(run) = &self.run else { return };
        if self.window.open().is_none() {
            self.window.begin(fragment.utc_us, run.init, std::mem::take(&mut self.broken));
        }
        self.fragments += 1;
        self.window.push(Part {
            duration_us: fragment.duration_us.into(),
            independent: fragment.has_key() || !run.has_video,
            data: Bytes::from(moof::segment(self.fragments, &fragment.samples)),
        });
        if ends {
            self.promise();
            self.window.complete();
        }
    }

    /// The first segment that ends tells how long they are.
    fn promise(&mut self) {
        if self.window.promise().is_some() {
            return;
        }
        let length = self.window.open().map_or(0, super::part::Segment::duration_us);
        let part_us = self.part_us();
        // One as long, with its last part whole, still ends with its key frame.
        let longest_us = length + part_us - ROUNDS_US;
        let target_s = ((longest_us + 999_999) / 1_000_000).max(2);
        self.window.make_promise(Promise { target_s, part_us });
    }
}

impl Run {
    /// Whether so long was nothing that players had better be told.
    fn pauses(&self, frame: &Frame, frame_us: i64) -> bool {
        let step = micros(frame.dts.saturating_sub(self.last_dts), self.clock_rate);
        frame.track == self.clock && step > PAUSE_US.max(frame_us * 3)
    }
}

/// Whether players of HLS take a codec.
pub fn is_playable(codec: &Codec) -> bool {
    matches!(codec, Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp9 | Codec::Aac | Codec::Opus)
}

/// The tracks that players take, or those of them who may not hear.
fn playable(tracks: &[Track], audio: bool) -> Vec<TrackConfig> {
    let taken = tracks.iter().filter(|track| is_playable(&track.codec) && (audio || track.codec.is_video()));
    let taken: Vec<Track> = taken.cloned().collect();
    TrackConfig::of_stream(&taken)
}

fn micros(ticks: i64, rate: u32) -> i64 {
    (i128::from(ticks) * 1_000_000 / i128::from(rate.max(1))).clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
