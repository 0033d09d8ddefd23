//! Cuts a stream's frames into fragments of at most half a second, and makes
//! decode times of cameras' times: from 0 on, growing, in the file's ticks.

use bytes::Bytes;
use vms_media::{Codec, Frame};

use crate::fragment::{ERROR_UNKNOWN, FLAG_KEY, FLAG_LOST, FLAG_NO_VIDEO, Fragment, Sample};
use crate::track::TrackConfig;

const FRAGMENT_US: i64 = 500_000;
/// Audio beside video closes a fragment only where the video stands still.
const BESIDE_VIDEO_US: i64 = 1_000_000;
/// A camera's time that jumps further cannot be a pause within one part.
const MOST_FORWARD_US: i64 = 10_000_000;
const MOST_BACK_US: i64 = 1_000_000;
/// Clocks of a camera's tracks drift apart; further than this is put right.
const MOST_SKEW_US: i64 = 250_000;

/// What came of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is held, for a fragment to come.
    Held,
    /// It closed a fragment, and is held itself.
    Closed(Fragment),
    /// It is not recorded: its track is not, or no key frame came before it.
    Passed,
    /// Its time does not go on from the one before: [`Fragmenter::flush`],
    /// then begin a new part with it.
    Jumped,
}

/// The state of one part's cutting.
#[derive(Debug)]
pub struct Fragmenter {
    tracks: Vec<TrackState>,
    /// Nothing is held before a key frame.
    waits_for_key: bool,
    /// The time of decode time 0, once a sample is held.
    origin_us: Option<i64>,
    held: Vec<Held>,
    most_us: i64,
    closes_at_keys: bool,
}

#[derive(Debug)]
struct TrackState {
    id: u8,
    source: u8,
    is_video: bool,
    codec: Codec,
    channels: u8,
    clock_rate: u32,
    timescale: u32,
    /// Decode time in the file less the camera's, in ticks of the file.
    shift: i64,
    last: Option<Last>,
    duration: u32,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    /// As the camera gave it, in ticks of the file.
    camera_dts: i64,
    /// In the file.
    dts: i64,
    utc_us: i64,
}

#[derive(Debug)]
struct Held {
    track: usize,
    key: bool,
    lost: bool,
    dts: i64,
    pts: i64,
    utc_us: i64,
    error_us: u32,
    data: Bytes,
}

impl Fragmenter {
    /// Fragments as long as the format allows.
    #[must_use]
    pub fn new(tracks: &[TrackConfig]) -> Self {
        Self::with_length(tracks, FRAGMENT_US)
    }

    /// Shorter ones, for who must have each on disk within the same time.
    #[must_use]
    pub fn with_length(tracks: &[TrackConfig], most_us: i64) -> Self {
        let states = tracks.iter().map(TrackState::new).collect();
        Self {
            tracks: states,
            waits_for_key: tracks.iter().any(TrackConfig::is_video),
            origin_us: None,
            held: Vec::new(),
            most_us: most_us.min(FRAGMENT_US),
            closes_at_keys: true,
        }
    }

    /// Whether the next key frame begins a fragment, as in recordings each does.
    pub fn set_closes_at_keys(&mut self, closes: bool) {
        self.closes_at_keys = closes;
    }

    /// For a part that goes on in the middle of a group of pictures: its first
    /// frames need those of the part before.
    #[must_use]
    pub fn going_on(tracks: &[TrackConfig], most_us: i64) -> Self {
        Self { waits_for_key: false, ..Self::with_length(tracks, most_us) }
    }

    /// The time of decode time 0; `None` before the first sample.
    #[must_use]
    pub fn origin_us(&self) -> Option<i64> {
        self.origin_us
    }

    /// Bytes of the samples that wait for their fragment.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.held.iter().map(|held| held.data.len() as u64).sum()
    }

    pub fn push(&mut self, frame: &Frame) -> Step {
        let Some(track) = self.tracks.iter().position(|track| track.source == frame.track) else {
            return Step::Passed;
        };
        // A sample's length is 32 bits; no frame gets near.
        if frame.data.is_empty() || u32::try_from(frame.data.len()).is_err() {
            return Step::Passed;
        }
        let begins = self.origin_us.is_none();
        if begins && self.waits_for_key && !(self.tracks[track].is_video && frame.key) {
            return Step::Passed;
        }
        let origin_us = self.origin_us.unwrap_or(frame.timing.utc_us);
        if self.tracks[track].jumps(frame.dts) {
            return Step::Jumped;
        }
        self.origin_us = Some(origin_us);
        let video = self.tracks.iter().find(|other| other.is_video && !self.tracks[track].is_video);
        let video_zero = video.and_then(TrackState::zero_us);
        let (dts, pts) = self.tracks[track].place(frame, origin_us, video_zero);
        let closed = self.closes(track, frame.key, dts).then(|| self.cut(Some((track, dts)))).flatten();
        self.held.push(Held {
            track,
            key: frame.key || !self.tracks[track].is_video,
            lost: frame.discontinuity,
            dts,
            pts,
            utc_us: frame.timing.utc_us,
            error_us: frame.timing.error_us.unwrap_or(ERROR_UNKNOWN),
            data: frame.data.clone(),
        });
        closed.map_or(Step::Held, Step::Closed)
    }

    /// Closes what is held: the camera is silent, or the part ends.
    pub fn flush(&mut self) -> Option<Fragment> {
        self.cut(None)
    }

    /// True where a sample of `track` at `dts` belongs to the next fragment.
    fn closes(&self, track: usize, key: bool, dts: i64) -> bool {
        let state = &self.tracks[track];
        if state.is_video && key && self.closes_at_keys {
            return !self.held.is_empty();
        }
        let Some(first) = self.held.iter().find(|held| held.track == track) else {
            return false;
        };
        let beside_video = !state.is_video && self.held.iter().any(|held| self.tracks[held.track].is_video);
        let most = if beside_video { BESIDE_VIDEO_US } else { self.most_us };
        let end = dts.saturating_add(state.duration.into());
        micros(end.saturating_sub(first.dts), state.timescale) > most
    }

    /// Makes a fragment of all that is held. `next` is the sample that closes
    /// it, by which the one before it gets its true duration.
    fn cut(&mut self, next: Option<(usize, i64)>) -> Option<Fragment> {
        let mut held = std::mem::take(&mut self.held);
        // Stable: within a track the order of decoding stays.
        held.sort_by_key(|sample| self.tracks[sample.track].id);
        let first = held.first()?;
        let clock = first.track;
        let (utc_us, error_us) = (first.utc_us, first.error_us);
        let no_video = if self.tracks[clock].is_video { 0 } else { FLAG_NO_VIDEO };
        let key = if self.tracks[clock].is_video && first.key { FLAG_KEY } else { 0 };
        let lost = if held.iter().any(|sample| sample.lost) { FLAG_LOST } else { 0 };
        let starts = first.dts;
        let samples = self.with_durations(held, next);
        let last = samples.iter().rfind(|sample| sample.track == self.tracks[clock].id)?;
        let length = micros(last.dts - starts + i64::from(last.duration), self.tracks[clock].timescale);
        let duration_us = u32::try_from(length).unwrap_or(u32::MAX);
        Some(Fragment { utc_us, error_us, duration_us, flags: key | lost | no_video, samples })
    }

    fn with_durations(&mut self, held: Vec<Held>, next: Option<(usize, i64)>) -> Vec<Sample> {
        let mut ends: Vec<Option<i64>> =
            (0..self.tracks.len()).map(|track| next.filter(|(of, _)| *of == track).map(|(_, dts)| dts)).collect();
        let mut samples = Vec::with_capacity(held.len());
        for sample in held.into_iter().rev() {
            let state = &mut self.tracks[sample.track];
            let known = ends[sample.track].replace(sample.dts).and_then(|end| u32::try_from(end - sample.dts).ok());
            let duration = known.unwrap_or_else(|| state.own_duration(sample.data.len()));
            let (track, key, dts, pts, data) = (state.id, sample.key, sample.dts, sample.pts, sample.data);
            samples.push(Sample { track, key, dts, pts, duration, data });
        }
        samples.reverse();
        samples
    }
}

impl TrackState {
    fn new(config: &TrackConfig) -> Self {
        Self {
            id: config.id,
            source: config.source,
            is_video: config.is_video(),
            codec: config.codec.clone(),
            channels: config.channels,
            clock_rate: config.clock_rate,
            timescale: config.timescale,
            shift: 0,
            last: None,
            duration: default_duration(config),
        }
    }

    fn ticks(&self, camera: i64) -> i64 {
        if self.clock_rate == self.timescale {
            return camera;
        }
        (i128::from(camera) * i128::from(self.timescale) / i128::from(self.clock_rate)) as i64
    }

    fn jumps(&self, camera_dts: i64) -> bool {
        self.last.is_some_and(|last| {
            let step = self.ticks(camera_dts).checked_sub(last.camera_dts);
            step.is_none_or(|step| !(-MOST_BACK_US..=MOST_FORWARD_US).contains(&micros(step, self.timescale)))
        })
    }

    /// The time of this track's decode time 0, by its last sample.
    fn zero_us(&self) -> Option<i64> {
        self.last.map(|last| last.utc_us - micros(last.dts, self.timescale))
    }

    /// Decode and presentation time in the file.
    fn place(&mut self, frame: &Frame, origin_us: i64, video_zero: Option<i64>) -> (i64, i64) {
        let camera_dts = self.ticks(frame.dts);
        let composition = self.ticks(frame.pts).saturating_sub(camera_dts).clamp(i32::MIN.into(), i32::MAX.into());
        match self.last {
            None => self.shift = ticks_of(frame.timing.utc_us - origin_us, self.timescale).saturating_sub(camera_dts),
            Some(_) => self.undo_skew(frame, camera_dts, video_zero),
        }
        let mut dts = camera_dts.saturating_add(self.shift).max(0);
        if let Some(last) = self.last {
            dts = dts.max(last.dts + 1);
            self.duration = u32::try_from(dts - last.dts).unwrap_or(self.duration);
        }
        self.last = Some(Last { camera_dts, dts, utc_us: frame.timing.utc_us });
        (dts, dts + composition)
    }

    /// Where the camera's audio clock has run away from its video clock, the
    /// audio is put where its wall clock says.
    fn undo_skew(&mut self, frame: &Frame, camera_dts: i64, video_zero: Option<i64>) {
        let Some(video_zero) = video_zero else { return };
        let wanted = frame.timing.utc_us - video_zero;
        let skew = wanted - micros(camera_dts.saturating_add(self.shift), self.timescale);
        if skew.abs() > MOST_SKEW_US && skew.abs() < MOST_FORWARD_US {
            self.shift = self.shift.saturating_add(ticks_of(skew, self.timescale));
        }
    }

    /// The duration of a sample whose next is not known.
    fn own_duration(&self, bytes: usize) -> u32 {
        match self.codec {
            Codec::Aac => 1024,
            Codec::Pcma | Codec::Pcmu => bytes as u32 / u32::from(self.channels.max(1)),
            _ => self.duration,
        }
    }
}

fn default_duration(config: &TrackConfig) -> u32 {
    match config.codec {
        Codec::Aac => 1024,
        // 20 ms, what every sender of them uses.
        Codec::Opus | Codec::Pcma | Codec::Pcmu => config.timescale / 50,
        // 25 frames a second.
        _ => config.timescale / 25,
    }
}

fn micros(ticks: i64, timescale: u32) -> i64 {
    (i128::from(ticks) * 1_000_000 / i128::from(timescale.max(1))).clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

fn ticks_of(us: i64, timescale: u32) -> i64 {
    (i128::from(us) * i128::from(timescale) / 1_000_000).clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
