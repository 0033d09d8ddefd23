//! From payloads of MPEG-TS to items with their time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vms_media::{AccessUnit, Timing, Track, TrackKind, TsDemuxer, TsItem};

use crate::clock::{ServerClock, StreamClock};
use crate::feed::{Item, TimedTrack};

/// Sound that has not been heard so long after the first picture is left out.
const SOUND_PATIENCE: Duration = Duration::from_millis(500);
/// Units that are kept until the tracks are known.
const MOST_HELD: usize = 256;

pub struct Intake {
    demuxer: TsDemuxer,
    clock: Arc<ServerClock>,
    timed: Vec<TimedTrack>,
    tracks: Vec<Track>,
    /// From before the tracks were known.
    held: VecDeque<(u8, AccessUnit, Timing)>,
    queue: VecDeque<Item>,
    first_picture: Option<Instant>,
    found: Vec<TsItem>,
}

impl Intake {
    #[must_use]
    pub fn new(clock: Arc<ServerClock>) -> Self {
        Self {
            demuxer: TsDemuxer::default(),
            clock,
            timed: Vec::new(),
            tracks: Vec::new(),
            held: VecDeque::new(),
            queue: VecDeque::new(),
            first_picture: None,
            found: Vec::new(),
        }
    }

    pub fn push(&mut self, payload: &[u8], now: Instant) {
        let mut found = std::mem::take(&mut self.found);
        self.demuxer.push(payload, &mut found);
        for item in found.drain(..) {
            match item {
                TsItem::Unit { track, unit } => self.unit(track, unit, now),
                TsItem::Lost(reason) => self.queue.push_back(Item::Lost(reason)),
            }
        }
        self.found = found;
    }

    fn unit(&mut self, track: u8, unit: AccessUnit, now: Instant) {
        let arrival = self.clock.utc_at(now);
        if self.is_ready() {
            return self.frame(track, unit, arrival);
        }
        self.held.push_back((track, unit, arrival));
        if self.held.len() > MOST_HELD {
            self.held.pop_front();
        }
        let tracks = self.demuxer.tracks();
        if tracks.first().is_none_or(|track| track.kind != TrackKind::Video) {
            return;
        }
        let since = *self.first_picture.get_or_insert(now);
        if self.demuxer.is_known() || now.saturating_duration_since(since) >= SOUND_PATIENCE {
            self.begin(tracks);
        }
    }

    fn begin(&mut self, tracks: Vec<Track>) {
        let timed = |track: &Track| TimedTrack {
            track: track.clone(),
            clock: StreamClock::new(track.clock_rate, Duration::ZERO),
        };
        self.timed = tracks.iter().map(timed).collect();
        self.tracks = tracks;
        for (track, unit, arrival) in std::mem::take(&mut self.held) {
            self.frame(track, unit, arrival);
        }
    }

    fn frame(&mut self, track: u8, unit: AccessUnit, arrival: Timing) {
        if let Some(timed) = self.timed.iter_mut().find(|timed| timed.track.id == track) {
            self.queue.push_back(Item::Frame(timed.frame(unit, arrival)));
        }
    }

    /// Whether the tracks are known.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.timed.is_empty()
    }

    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The next frame or loss.
    pub fn pop(&mut self) -> Option<Item> {
        self.queue.pop_front()
    }

    pub fn reset_clocks(&mut self) {
        self.timed.iter_mut().for_each(|timed| timed.clock.reset());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vms_media::{Codec, TsMuxer};

    const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44];

    fn picture(key: bool) -> Vec<u8> {
        let nals: &[&[u8]] =
            if key { &[SPS, &[0x68, 0xce, 0x3c, 0x80, 1], &[0x65, 0x88, 1]] } else { &[&[0x41, 0x9a, 1]] };
        let put = |nal: &&[u8]| [&(nal.len() as u32).to_be_bytes()[..], nal].concat();
        nals.iter().flat_map(put).collect()
    }

    fn track(id: u8, codec: Codec, kind: TrackKind, clock_rate: u32) -> Track {
        Track { id, kind, codec, clock_rate, channels: id * 2, fmtp: String::new() }
    }

    /// Sound that comes, and sound that is announced and never does.
    #[test]
    fn sound_is_waited_for_a_while() {
        let tracks = [track(0, Codec::H264, TrackKind::Video, 90_000), track(1, Codec::Aac, TrackKind::Audio, 48_000)];
        for sound_comes in [true, false] {
            let mut muxer = TsMuxer::new(&tracks, true).expect("there is video");
            let mut intake = Intake::new(Arc::default());
            let start = Instant::now();
            let mut ready_at = None;
            for n in 0..20_u64 {
                let (mut stream, time) = (Vec::new(), (n * 3_600) as i64);
                muxer.write(0, n == 0, time, time, &picture(n == 0), &mut stream);
                if sound_comes && n >= 2 {
                    muxer.write(1, true, time, time, &[1; 50], &mut stream);
                }
                intake.push(&stream, start + Duration::from_millis(n * 40));
                if intake.is_ready() {
                    ready_at.get_or_insert(n);
                }
            }
            let frames = std::iter::from_fn(|| intake.pop()).filter(|item| matches!(item, Item::Frame(_))).count();
            let expected = if sound_comes { (Some(2), 2, 20 + 18) } else { (Some(13), 1, 20) };
            assert_eq!((ready_at, intake.tracks().len(), frames), expected, "sound: {sound_comes}");
        }
    }
}
