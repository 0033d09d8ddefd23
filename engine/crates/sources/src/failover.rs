//! Which of a stream's two addresses plays: events and times in, decisions
//! out. No IO and no clock.
//!
//! The first is always wanted. The second is opened when the first is lost: its
//! session failed, or it gives no video. Whoever has a key frame then plays. The
//! first is taken back once it has given video for a while without a break.

use std::time::{Duration, Instant};

use crate::state::{BackOff, DEAD_SESSION_EXPIRY};

/// An address that plays and gives no video for so long is lost.
const LOSS: Duration = Duration::from_secs(1);
/// Slow cameras are given so many of their own pauses instead.
const PAUSES: u32 = 3;
/// An address that is being opened may take so long for its first picture.
pub const START: Duration = Duration::from_millis(1500);
/// The first address is taken back after so much unbroken video.
const STABLE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    First,
    Second,
}

impl Lane {
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];
}

#[derive(Debug)]
struct Road {
    loss: Duration,
    /// Since when it is being opened or open.
    begun: Option<Instant>,
    /// It may be opened from then on.
    due: Instant,
    failures: u32,
    last_video: Option<Instant>,
    /// Since when its video has had no break.
    steady: Option<Instant>,
    /// Between two frames, smoothed.
    pause: Duration,
    keeps_dead_sessions: bool,
}

impl Road {
    fn new(loss: Duration, now: Instant) -> Self {
        Self {
            loss,
            begun: None,
            due: now,
            failures: 0,
            last_video: None,
            steady: None,
            pause: Duration::ZERO,
            keeps_dead_sessions: false,
        }
    }

    fn patience(&self) -> Duration {
        self.loss.max(self.pause * PAUSES)
    }

    fn is_lost(&self, now: Instant) -> bool {
        match (self.begun, self.last_video) {
            (None, _) => self.failures > 0,
            (Some(begun), None) => now.saturating_duration_since(begun) >= START,
            (Some(_), Some(last)) => now.saturating_duration_since(last) >= self.patience(),
        }
    }

    fn video(&mut self, now: Instant) {
        self.failures = 0;
        if let Some(last) = self.last_video.replace(now) {
            let pause = now.saturating_duration_since(last);
            if pause >= self.patience() {
                self.steady = None;
            }
            // A single long pause is no habit.
            self.pause = (self.pause * 7 + pause.min(LOSS * 4)) / 8;
        }
        self.steady.get_or_insert(now);
    }

    fn closed(&mut self) {
        (self.begun, self.last_video, self.steady) = (None, None, None);
    }
}

#[derive(Debug)]
pub struct Failover {
    back_off: BackOff,
    first: Road,
    second: Road,
    plays: Option<Lane>,
    /// The first is lost, and has not come back.
    needs_second: bool,
}

impl Failover {
    /// `no_video`: after which the stream as a whole is down; the second address
    /// must have had its chance by then.
    pub fn new(back_off: BackOff, no_video: Duration, now: Instant) -> Self {
        let loss = LOSS.min(no_video / 2);
        let (first, second) = (Road::new(loss, now), Road::new(loss, now));
        Self { back_off, first, second, plays: None, needs_second: false }
    }

    fn road(&mut self, lane: Lane) -> &mut Road {
        match lane {
            Lane::First => &mut self.first,
            Lane::Second => &mut self.second,
        }
    }

    /// Whose frames are shown.
    pub fn plays(&self) -> Option<Lane> {
        self.plays
    }

    /// Whether an address that is closed is to be opened now.
    pub fn wants(&mut self, lane: Lane, now: Instant) -> bool {
        self.needs_second |= self.first.is_lost(now);
        let needed = lane == Lane::First || self.needs_second;
        let road = self.road(lane);
        needed && road.begun.is_none() && road.due <= now
    }

    /// Whether the second address, which is open, is of no use any more.
    pub fn is_idle(&self) -> bool {
        !self.needs_second && self.second.begun.is_some()
    }

    /// An address is being opened.
    pub fn begun(&mut self, lane: Lane, now: Instant) {
        self.road(lane).begun = Some(now);
    }

    pub fn opened(&mut self, lane: Lane, keeps_dead_sessions: bool) {
        self.road(lane).keeps_dead_sessions = keeps_dead_sessions;
    }

    /// An address was closed by us.
    pub fn closed(&mut self, lane: Lane) {
        self.road(lane).closed();
    }

    /// An address failed. False when none is left: neither plays, and neither
    /// is being opened.
    pub fn failed(&mut self, lane: Lane, now: Instant, dice: f64) -> bool {
        let back_off = self.back_off;
        let road = self.road(lane);
        road.closed();
        road.failures = road.failures.saturating_add(1);
        let wait = back_off.delay(road.failures, dice);
        road.due = now + if road.keeps_dead_sessions { wait.max(DEAD_SESSION_EXPIRY) } else { wait };
        if self.plays == Some(lane) {
            self.plays = None;
        }
        self.needs_second |= lane == Lane::First;
        let is_left = |road: &Road| road.begun.is_some() || road.failures == 0;
        is_left(&self.first) || is_left(&self.second)
    }

    /// A frame of video came; true when it is to be shown.
    pub fn video(&mut self, lane: Lane, key: bool, now: Instant) -> bool {
        // Before it counts, as it may end a silence.
        let first_was_lost = self.first.is_lost(now);
        self.road(lane).video(now);
        let takes = key
            && match (self.plays, lane) {
                (None, _) => true,
                (Some(Lane::First), Lane::Second) => first_was_lost,
                (Some(Lane::Second), Lane::First) => {
                    let steady = self.first.steady.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
                    steady >= STABLE || self.second.is_lost(now)
                }
                _ => false,
            };
        if takes {
            self.plays = Some(lane);
        }
        if self.plays == Some(Lane::First) && lane == Lane::First {
            self.needs_second = false;
        }
        self.plays == Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK_OFF: BackOff = BackOff { min: Duration::from_secs(1), max: Duration::from_secs(30) };

    /// Both addresses, at times in milliseconds.
    struct Play {
        start: Instant,
        failover: Failover,
    }

    impl Play {
        fn new() -> Self {
            let start = Instant::now();
            let mut play = Self { start, failover: Failover::new(BACK_OFF, Duration::from_secs(5), start) };
            assert!(play.opens(Lane::First, 0) && !play.opens(Lane::Second, 0), "the first, alone");
            play
        }

        /// One whose first address plays until `to`.
        fn playing(to: u64) -> Self {
            let mut play = Self::new();
            assert_eq!(play.video(Lane::First, 0, to), Some(Lane::First));
            play
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// Opens an address if it is wanted.
        fn opens(&mut self, lane: Lane, ms: u64) -> bool {
            let now = self.at(ms);
            let wants = self.failover.wants(lane, now);
            if wants {
                self.failover.begun(lane, now);
            }
            wants
        }

        /// Video at 25 frames a second, every one a key frame; who plays then.
        fn video(&mut self, lane: Lane, from: u64, to: u64) -> Option<Lane> {
            for ms in (from..=to).step_by(40) {
                self.failover.video(lane, true, self.at(ms));
            }
            self.failover.plays()
        }

        fn fails(&mut self, lane: Lane, ms: u64) -> bool {
            self.failover.failed(lane, self.at(ms), 0.0)
        }
    }

    #[test]
    fn a_first_address_that_plays_needs_no_second() {
        let mut play = Play::playing(20_000);
        assert!(!play.opens(Lane::Second, 20_900));
        assert!(!play.failover.is_idle());
    }

    #[test]
    fn the_second_is_opened_when_the_first_is_lost_in_whatever_way() {
        let mut silent = Play::playing(5_000);
        assert!(!silent.opens(Lane::Second, 5_990) && silent.opens(Lane::Second, 6_000), "no video for a second");
        let mut failed = Play::playing(5_000);
        assert!(failed.fails(Lane::First, 5_010), "the second is left");
        assert!(failed.opens(Lane::Second, 5_010), "at once");
        let mut never = Play::new();
        assert!(!never.opens(Lane::Second, 1_490) && never.opens(Lane::Second, 1_500), "nothing came at all");
        let mut refused = Play::new();
        assert!(refused.fails(Lane::First, 20) && refused.opens(Lane::Second, 20));
    }

    #[test]
    fn the_second_plays_from_its_first_key_frame_while_the_first_is_silent() {
        let mut play = Play::playing(5_000);
        assert!(play.opens(Lane::Second, 6_000));
        let (p, s) = (play.at(6_200), play.at(6_240));
        assert!(!play.failover.video(Lane::Second, false, p), "not in the middle of a group");
        assert!(play.failover.video(Lane::Second, true, s));
        assert_eq!(play.failover.plays(), Some(Lane::Second));
    }

    #[test]
    fn a_first_address_that_goes_on_by_itself_keeps_its_place() {
        let mut play = Play::playing(5_000);
        assert!(play.opens(Lane::Second, 6_000));
        assert_eq!(play.video(Lane::First, 6_100, 6_500), Some(Lane::First));
        assert!(play.failover.is_idle(), "the second is closed again");
        play.failover.closed(Lane::Second);
        assert!(!play.opens(Lane::Second, 6_600));
    }

    #[test]
    fn the_first_is_tried_beside_the_second_and_taken_back_when_it_is_steady() {
        let mut play = Play::playing(5_000);
        play.fails(Lane::First, 5_000);
        assert!(play.opens(Lane::Second, 5_000));
        assert_eq!(play.video(Lane::Second, 5_200, 5_400), Some(Lane::Second));
        assert!(!play.opens(Lane::First, 5_900) && play.opens(Lane::First, 6_000), "after a pause");
        for from in (6_100..16_000).step_by(1_000) {
            play.video(Lane::Second, from, from + 960);
            assert_eq!(play.video(Lane::First, from, from + 960), Some(Lane::Second), "not yet at {from}");
        }
        assert_eq!(play.video(Lane::First, 16_100, 16_140), Some(Lane::First));
        assert!(play.failover.is_idle(), "and the second is let go");
    }

    #[test]
    fn a_first_address_that_stumbles_begins_to_count_anew() {
        let mut play = Play::playing(5_000);
        play.fails(Lane::First, 5_000);
        play.opens(Lane::Second, 5_000);
        play.video(Lane::Second, 5_200, 5_400);
        play.opens(Lane::First, 6_000);
        play.video(Lane::First, 6_000, 14_000);
        play.video(Lane::Second, 5_440, 30_000);
        assert_eq!(play.video(Lane::First, 15_500, 25_400), Some(Lane::Second));
        assert_eq!(play.video(Lane::First, 25_440, 25_520), Some(Lane::First));
    }

    #[test]
    fn a_second_address_that_is_lost_gives_the_first_its_place_at_once() {
        let mut play = Play::playing(5_000);
        play.fails(Lane::First, 5_000);
        play.opens(Lane::Second, 5_000);
        play.video(Lane::Second, 5_200, 8_000);
        play.opens(Lane::First, 6_000);
        play.video(Lane::First, 6_000, 8_000);
        assert_eq!(play.video(Lane::First, 8_040, 8_900), Some(Lane::Second));
        assert_eq!(play.video(Lane::First, 8_940, 9_040), Some(Lane::First));
        assert!(!play.fails(Lane::Second, 9_100) || play.failover.plays() == Some(Lane::First));
    }

    #[test]
    fn where_both_fail_none_is_left() {
        let mut play = Play::new();
        assert!(play.fails(Lane::First, 20));
        assert!(play.opens(Lane::Second, 20));
        assert!(!play.fails(Lane::Second, 40), "the machine is told");
        let mut play = Play::playing(5_000);
        play.fails(Lane::First, 5_000);
        play.opens(Lane::Second, 5_000);
        play.video(Lane::Second, 5_200, 8_000);
        play.opens(Lane::First, 6_000);
        assert!(play.fails(Lane::Second, 8_000), "the first is being opened");
        assert!(!play.fails(Lane::First, 8_100));
    }

    #[test]
    fn a_slow_camera_is_not_taken_for_a_lost_one() {
        let mut play = Play::new();
        for second in (0..60).step_by(2) {
            let now = play.at(second * 1_000);
            play.failover.video(Lane::First, true, now);
        }
        assert!(!play.opens(Lane::Second, 62_500), "a frame each two seconds");
        assert!(play.opens(Lane::Second, 66_000));
    }

    #[test]
    fn a_camera_that_keeps_dead_sessions_is_left_alone_for_65_seconds() {
        let mut play = Play::playing(5_000);
        play.failover.opened(Lane::First, true);
        play.fails(Lane::First, 5_000);
        assert!(!play.opens(Lane::First, 69_000) && play.opens(Lane::First, 70_000));
    }
}
