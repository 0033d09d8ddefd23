//! What another node says of its frames: when they were taken, and which of
//! them are missing. No IO and no clock.

use std::collections::VecDeque;
use std::time::Duration;

use vms_media::{Frame, Stamp};

use crate::feed::Item;

/// Frames whose packets are still on their way; a track has one, or two.
const MOST_WAITING: usize = 64;
/// Where UTC and the media's own time part by more, the node's clock stepped,
/// as `clock` has it.
const STEP_US: i64 = 250_000;

/// The stamps of one track.
#[derive(Debug)]
pub struct Relayed {
    clock_rate: u32,
    /// Of video, which alone tells that a new run began: a stream has one.
    tells_runs: bool,
    /// What this hop adds to the bound: half its round trip, which is how late
    /// we may hear of a step of the node's clock.
    hop_us: u32,
    waiting: VecDeque<(i64, Stamp)>,
    /// RTP time and stamp of the last frame that began.
    last: Option<(i64, Stamp)>,
    /// Frames that never came, and what else is to be told before the next.
    missing: u32,
    new_run: bool,
    stepped: bool,
}

impl Relayed {
    #[must_use]
    pub fn new(clock_rate: u32, tells_runs: bool) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            tells_runs,
            hop_us: 0,
            waiting: VecDeque::new(),
            last: None,
            missing: 0,
            new_run: false,
            stepped: false,
        }
    }

    pub fn set_round_trip(&mut self, round_trip: Duration) {
        // Nothing comes in no time.
        self.hop_us = u32::try_from(round_trip.as_micros() / 2).unwrap_or(u32::MAX).max(1);
    }

    /// A frame begins at this RTP time.
    pub fn begin(&mut self, timestamp: i64, stamp: Stamp) {
        if let Some((before, last)) = self.last.replace((timestamp, stamp)) {
            self.missing = self.missing.saturating_add(stamp.number.wrapping_sub(last.number).wrapping_sub(1));
            if self.tells_runs && stamp.epoch != last.epoch {
                let media_us = i128::from(timestamp - before) * 1_000_000 / i128::from(self.clock_rate);
                let passed_us = i128::from(stamp.timing.utc_us) - i128::from(last.timing.utc_us);
                self.new_run = true;
                self.stepped = (passed_us - media_us).abs() > i128::from(STEP_US);
            }
        }
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((timestamp, stamp));
    }

    /// Gives a whole frame the time that its node gave it; what is to be told
    /// before it.
    pub fn finish(&mut self, frame: &mut Frame) -> Option<Item> {
        let at = self.waiting.iter().position(|(timestamp, _)| *timestamp == frame.pts)?;
        // Those before it never became whole.
        let (_, stamp) = self.waiting.drain(..=at).next_back()?;
        frame.timing = stamp.timing;
        frame.timing.error_us = stamp.timing.error_us.map(|bound| bound.saturating_add(self.hop_us));
        frame.discontinuity |= stamp.discontinuity;
        let missing = std::mem::take(&mut self.missing);
        let (new_run, stepped) = (std::mem::take(&mut self.new_run), std::mem::take(&mut self.stepped));
        (missing > 0 || new_run).then_some(Item::Upstream { missing, stepped })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use vms_media::{Codec, Timing, TrackKind};

    use super::*;

    fn stamp(number: u32, epoch: u32, utc_us: i64) -> Stamp {
        Stamp { timing: Timing { utc_us, error_us: Some(1_000) }, epoch, number, discontinuity: false }
    }

    fn frame(pts: i64) -> Frame {
        Frame {
            track: 0,
            kind: TrackKind::Video,
            codec: Codec::H264,
            epoch: 0,
            number: 0,
            key: false,
            discontinuity: false,
            dts: pts,
            pts,
            timing: Timing { utc_us: -1, error_us: Some(9) },
            data: Bytes::new(),
        }
    }

    /// Number, epoch and UTC of frames 40 ms apart; what is told before each.
    fn told(frames: &[(u32, u32, i64)]) -> Vec<Option<(u32, bool)>> {
        let mut relayed = Relayed::new(90_000, true);
        let mut pts = 0;
        let each = frames.iter().map(|(number, epoch, utc_us)| {
            pts += 3_600;
            relayed.begin(pts, stamp(*number, *epoch, *utc_us));
            match relayed.finish(&mut frame(pts)) {
                Some(Item::Upstream { missing, stepped }) => Some((missing, stepped)),
                Some(other) => panic!("{other:?}"),
                None => None,
            }
        });
        each.collect()
    }

    #[test]
    fn a_frame_keeps_its_time_and_the_bound_grows_by_the_hop() {
        let mut relayed = Relayed::new(90_000, true);
        relayed.set_round_trip(Duration::from_millis(3));
        relayed.begin(7, Stamp { discontinuity: true, ..stamp(1, 1, 5_000_000) });
        let mut whole = frame(7);
        assert!(relayed.finish(&mut whole).is_none());
        assert_eq!(whole.timing, Timing { utc_us: 5_000_000, error_us: Some(2_500) });
        assert!(whole.discontinuity);
        let unknown = Stamp { timing: Timing { utc_us: 1, error_us: None }, ..stamp(2, 1, 0) };
        relayed.begin(8, unknown);
        let mut whole = frame(8);
        relayed.finish(&mut whole);
        assert_eq!(whole.timing.error_us, None, "what is not known does not become known on the way");
        let mut other = frame(9);
        assert!(relayed.finish(&mut other).is_none());
        assert_eq!(other.timing.utc_us, -1, "without a stamp a frame keeps our time");
    }

    #[test]
    fn numbers_that_are_missing_are_told_before_the_next_frame() {
        let us = |frames: i64| frames * 40_000;
        let in_order = told(&[(7, 1, us(0)), (8, 1, us(1)), (9, 1, us(2))]);
        assert_eq!(in_order, [None, None, None]);
        let lost = told(&[(7, 1, us(0)), (12, 1, us(1)), (13, 1, us(2))]);
        assert_eq!(lost, [None, Some((4, false)), None]);
        let turn = told(&[(u32::MAX, 1, us(0)), (0, 1, us(1))]);
        assert_eq!(turn, [None, None]);
    }

    #[test]
    fn a_new_run_is_told_and_a_step_of_the_nodes_clock_too() {
        let us = |frames: i64| frames * 40_000;
        assert_eq!(told(&[(7, 1, us(0)), (8, 2, us(1))]), [None, Some((0, false))]);
        assert_eq!(told(&[(7, 1, us(0)), (8, 2, us(1) - 7_200_000_000)]), [None, Some((0, true))]);
    }

    #[test]
    fn what_never_became_whole_is_not_waited_for() {
        let mut relayed = Relayed::new(90_000, true);
        for number in 0..200 {
            relayed.begin(i64::from(number), stamp(number, 1, i64::from(number)));
        }
        assert_eq!(relayed.waiting.len(), MOST_WAITING);
        let mut last = frame(199);
        relayed.finish(&mut last);
        assert_eq!((last.timing.utc_us, relayed.waiting.len()), (199, 0));
    }
}
