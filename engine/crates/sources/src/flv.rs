//! Frames of FLV, for RTMP and for cameras over HTTP.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use vms_media::{AccessUnit, FlvDemuxer, FlvError, FlvItem, FlvKind, Timing, Track, TrackKind};

use crate::clock::{ServerClock, StreamClock};
use crate::feed::{Feed, Item, TimedTrack};
use crate::reason::Reason;

/// How long a stream's audio is waited for once its video is there: FLV says
/// nowhere what will come, and a stream's tracks are told once.
const AUDIO_WAIT_US: i64 = 300_000;
/// Units that wait meanwhile; more means that video never comes.
const MAX_EARLY: usize = 256;

impl From<FlvError> for Reason {
    fn from(error: FlvError) -> Self {
        match error {
            FlvError::UnknownVideo(codec) => Self::UnknownCodec { codec },
            FlvError::NotFlv => Self::Protocol { detail: "it sends no FLV".into() },
        }
    }
}

/// Demuxer, and clocks of the tracks.
pub struct FlvFrames {
    clock: Arc<ServerClock>,
    demuxer: FlvDemuxer,
    items: Vec<FlvItem>,
    /// What came before the tracks were settled.
    early: VecDeque<(TrackKind, AccessUnit, Timing)>,
    timed: Vec<TimedTrack>,
    tracks: Vec<Track>,
    queue: VecDeque<Item>,
}

impl FlvFrames {
    fn new(clock: Arc<ServerClock>) -> Self {
        Self {
            clock,
            demuxer: FlvDemuxer::default(),
            items: Vec::new(),
            early: VecDeque::new(),
            timed: Vec::new(),
            tracks: Vec::new(),
            queue: VecDeque::new(),
        }
    }

    /// Takes the body of a tag or of an RTMP message.
    pub fn push(&mut self, kind: FlvKind, ms: u32, body: &[u8]) -> Result<(), Reason> {
        let arrival = self.clock.now();
        self.push_at(kind, ms, body, arrival)
    }

    fn push_at(&mut self, kind: FlvKind, ms: u32, body: &[u8], arrival: Timing) -> Result<(), Reason> {
        let mut items = std::mem::take(&mut self.items);
        self.demuxer.push(kind, ms, body, &mut items)?;
        for item in items.drain(..) {
            match item {
                FlvItem::Unit(kind, unit) if self.tracks.is_empty() => self.wait(kind, unit, arrival),
                FlvItem::Unit(kind, unit) => self.take(kind, unit, arrival),
                FlvItem::Lost(reason) => self.queue.push_back(Item::Lost(reason)),
                // Another codec is another stream; audio that comes late stays out.
                FlvItem::Found(TrackKind::Video) if !self.tracks.is_empty() => {
                    return Err(Reason::Protocol { detail: "its video became another".into() });
                }
                FlvItem::Found(_) => {}
            }
        }
        self.items = items;
        Ok(())
    }

    fn wait(&mut self, kind: TrackKind, unit: AccessUnit, arrival: Timing) {
        if self.early.len() >= MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back((kind, unit, arrival));
        let has = |wanted: TrackKind| self.early.iter().find(|(kind, ..)| *kind == wanted);
        let Some((_, _, since)) = has(TrackKind::Video) else { return };
        let is_over = arrival.utc_us - since.utc_us >= AUDIO_WAIT_US;
        let tracks = self.demuxer.tracks();
        if tracks.len() > 1 || is_over || self.early.len() >= MAX_EARLY {
            self.settle(tracks);
        }
    }

    fn settle(&mut self, tracks: Vec<Track>) {
        let timed = |track: &Track| {
            let clock = StreamClock::new(track.clock_rate, Duration::ZERO);
            TimedTrack { track: track.clone(), clock }
        };
        self.timed = tracks.iter().map(timed).collect();
        self.tracks = tracks;
        for (kind, unit, arrival) in std::mem::take(&mut self.early) {
            self.take(kind, unit, arrival);
        }
    }

    fn take(&mut self, kind: TrackKind, unit: AccessUnit, arrival: Timing) {
        if let Some(track) = self.timed.iter_mut().find(|timed| timed.track.kind == kind) {
            self.queue.push_back(Item::Frame(track.frame(unit, arrival)));
        }
    }
}

/// A connection that brings FLV.
pub trait Bringer: Send {
    /// Gives what came to `frames`; the reason why no more comes.
    fn poll(&mut self, cx: &mut Context<'_>, frames: &mut FlvFrames) -> Poll<Result<(), Reason>>;
}

/// The feed of such a connection.
pub struct FlvFeed<B> {
    bringer: B,
    frames: FlvFrames,
    /// Why no more comes, told once what came before was taken.
    ended: Option<Reason>,
}

impl<B: Bringer> FlvFeed<B> {
    pub fn new(bringer: B, clock: Arc<ServerClock>) -> Self {
        Self { bringer, frames: FlvFrames::new(clock), ended: None }
    }
}

impl<B: Bringer> Feed for FlvFeed<B> {
    /// Empty until they are settled, which is before the first frame.
    fn tracks(&self) -> &[Track] {
        &self.frames.tracks
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        loop {
            if let Some(item) = self.frames.queue.pop_front() {
                return Poll::Ready(Ok(item));
            }
            if let Some(reason) = &self.ended {
                return Poll::Ready(Err(reason.clone()));
            }
            if let Err(reason) = ready!(self.bringer.poll(cx, &mut self.frames)) {
                self.ended = Some(reason);
            }
        }
    }

    fn reset_clocks(&mut self) {
        self.frames.timed.iter_mut().for_each(|track| track.clock.reset());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVC: &[u8] = &[0x17, 0, 0, 0, 0, 1, 0x42, 0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0, 0x1e, 1, 0, 2, 0x68, 2];
    const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 3, 0x65, 0x88, 1];
    const AAC: &[u8] = &[0xaf, 0, 0x11, 0x90];
    const SOUND: &[u8] = &[0xaf, 1, 9, 9];

    fn at(frames: &mut FlvFrames, ms: u32, kind: FlvKind, body: &[u8]) -> usize {
        let arrival = Timing { utc_us: i64::from(ms) * 1000, error_us: None };
        frames.push_at(kind, ms, body, arrival).expect("it is sound");
        frames.queue.len()
    }

    #[test]
    fn tracks_are_settled_once_both_are_there() {
        let mut frames = FlvFrames::new(Arc::default());
        at(&mut frames, 0, FlvKind::Video, AVC);
        assert_eq!(at(&mut frames, 0, FlvKind::Video, KEY), 0);
        at(&mut frames, 10, FlvKind::Audio, AAC);
        assert_eq!(at(&mut frames, 20, FlvKind::Audio, SOUND), 2, "what waited comes first");
        let kinds: Vec<_> = frames.tracks.iter().map(|track| (track.id, track.kind)).collect();
        assert_eq!(kinds, [(0, TrackKind::Video), (1, TrackKind::Audio)]);
    }

    #[test]
    fn video_alone_does_not_wait_for_ever_and_late_audio_stays_out() {
        let mut frames = FlvFrames::new(Arc::default());
        at(&mut frames, 0, FlvKind::Video, AVC);
        assert_eq!(at(&mut frames, 0, FlvKind::Video, KEY), 0);
        assert_eq!(at(&mut frames, 200, FlvKind::Video, KEY), 0);
        assert_eq!(at(&mut frames, 320, FlvKind::Video, KEY), 3);
        at(&mut frames, 330, FlvKind::Audio, AAC);
        assert_eq!(at(&mut frames, 340, FlvKind::Audio, SOUND), 3);
        assert_eq!(frames.tracks.len(), 1);
    }

    #[test]
    fn audio_alone_is_no_stream() {
        let mut frames = FlvFrames::new(Arc::default());
        at(&mut frames, 0, FlvKind::Audio, AAC);
        for ms in (0..60_000).step_by(21) {
            assert_eq!(at(&mut frames, ms, FlvKind::Audio, SOUND), 0);
        }
        assert_eq!(frames.early.len(), MAX_EARLY);
    }
}
