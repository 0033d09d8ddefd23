//! Sound that is made beside the pictures: without a hole, as a player that waits
//! for sound shows no picture either. Knows no IO.

use bytes::Bytes;
use vms_media::{Codec, Frame, Timing, TrackKind};

use crate::transcode::{OPUS_RATE, OPUS_STEP};

/// The number of the track, which no camera uses.
pub const TRACK: u8 = u8::MAX;
/// Sound that comes so long after its picture is given up: silence stands there.
const LATE_US: i64 = 1_000_000;
/// 20 ms of silence in stereo: a packet of CELT, full band, whose frame says that
/// it is silent (RFC 6716, 3.1 and 4.3).
const SILENCE: &[u8] = &[0xfc, 0xff, 0xfe];

/// Puts made sound behind one another, with silence where none comes.
#[derive(Debug, Default)]
pub struct Filler {
    epoch: u64,
    /// The time of the last packet, in ticks of Opus since 1970.
    last: Option<i64>,
    picture_us: i64,
}

impl Filler {
    /// The silence that has to stand before a picture.
    pub fn until(&mut self, picture: &Frame) -> Vec<Frame> {
        if picture.kind != TrackKind::Video {
            return Vec::new();
        }
        let utc_us = picture.timing.utc_us;
        let paused = utc_us.saturating_sub(self.picture_us) > LATE_US;
        if self.epoch != picture.epoch || utc_us < self.picture_us {
            self.last = None;
        }
        (self.epoch, self.picture_us) = (picture.epoch, utc_us);
        let due = ticks(utc_us - LATE_US);
        match self.last {
            None => self.last = Some(ticks(utc_us) - OPUS_STEP),
            // What players are told of anyway is not filled.
            Some(last) if paused => self.last = Some(last.max(due)),
            Some(_) => {}
        }
        self.fill(due)
    }

    /// A packet that was made, behind the silence before it; nothing where it
    /// comes too late.
    pub fn take(&mut self, made: &Frame) -> Vec<Frame> {
        let Some(last) = self.last.filter(|last| made.dts - last >= OPUS_STEP) else { return Vec::new() };
        // Sound that was made of what a camera sent before its first picture, or far ahead of it, is no hole.
        let is_hole = made.dts - last <= ticks(2 * LATE_US);
        let mut frames = if is_hole { self.fill(made.dts - OPUS_STEP) } else { Vec::new() };
        self.last = Some(made.dts);
        frames.push(Frame { track: TRACK, epoch: self.epoch, ..made.clone() });
        frames
    }

    /// Silence up to a time.
    fn fill(&mut self, until: i64) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(last) = self.last.filter(|last| last + OPUS_STEP <= until) {
            self.last = Some(last + OPUS_STEP);
            frames.push(silence(self.epoch, last + OPUS_STEP));
        }
        frames
    }
}

fn silence(epoch: u64, at: i64) -> Frame {
    Frame {
        track: TRACK,
        kind: TrackKind::Audio,
        codec: Codec::Opus,
        epoch,
        number: 0,
        key: true,
        discontinuity: false,
        dts: at,
        pts: at,
        timing: Timing { utc_us: (i128::from(at) * 1_000_000 / i128::from(OPUS_RATE)) as i64, error_us: None },
        data: Bytes::from_static(SILENCE),
    }
}

fn ticks(us: i64) -> i64 {
    (i128::from(us) * i128::from(OPUS_RATE) / 1_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN_US: i64 = 1_700_000_000_000_000;

    fn picture(ms: i64) -> Frame {
        let at = ms * 90;
        let timing = Timing { utc_us: BEGIN_US + ms * 1_000, error_us: None };
        Frame { track: 0, kind: TrackKind::Video, codec: Codec::H264, dts: at, pts: at, timing, ..silence(1, 0) }
    }

    fn made(ms: i64) -> Frame {
        Frame { track: 0, data: Bytes::from_static(b"sound"), ..silence(9, ticks(BEGIN_US + ms * 1_000)) }
    }

    /// When each packet is, in ms, and whether it is silent.
    fn told(frames: &[Frame]) -> Vec<(i64, bool)> {
        assert!(frames.iter().all(|frame| (frame.track, frame.epoch) == (TRACK, 1)));
        let ms = |frame: &Frame| (frame.timing.utc_us - BEGIN_US) / 1_000;
        frames.iter().map(|frame| (ms(frame), frame.data == SILENCE)).collect()
    }

    #[test]
    fn until_sound_comes_there_is_silence_a_second_behind_the_picture() {
        let mut filler = Filler::default();
        assert!(filler.take(&made(0)).is_empty(), "there is no picture yet");
        for ms in (0..=1_000).step_by(40) {
            assert_eq!(told(&filler.until(&picture(ms))).len(), usize::from(ms == 1_000), "{ms}");
        }
        assert_eq!(told(&filler.until(&picture(1_040))), [(20, true), (40, true)]);
        let frames = told(&filler.take(&made(120)));
        assert_eq!(frames, [(60, true), (80, true), (100, true), (120, false)], "up to the first that is made");
        assert!(filler.take(&made(130)).is_empty(), "two at once");
        assert_eq!(told(&filler.take(&made(140))), [(140, false)]);
        for ms in (1_080..=1_160).step_by(40) {
            assert_eq!(told(&filler.until(&picture(ms))).len(), usize::from(ms == 1_160), "{ms}");
        }
    }

    #[test]
    fn sound_that_comes_too_late_is_left_out_and_a_pause_is_not_filled() {
        let mut filler = Filler::default();
        filler.until(&picture(0));
        filler.until(&picture(1_000));
        assert_eq!(filler.until(&picture(2_000)).len(), 50);
        assert!(filler.take(&made(900)).is_empty(), "silence stands there");
        assert!(filler.until(&picture(9_000)).is_empty(), "players are told of the pause");
        assert!(filler.take(&made(7_900)).is_empty());
        assert_eq!(told(&filler.take(&made(8_020))), [(8_020, false)]);
    }
}
