//! Decode times, made from presentation times.
//!
//! RTP carries the time a picture is shown at, in the order of decoding. With
//! pictures shown up to N places later than decoded, the decode time of the
//! n-th picture is the (n-N)-th smallest presentation time: never after the
//! picture's own, and rising.

use smallvec::SmallVec;

/// More places than any codec allows.
const MAX_DEPTH: usize = 16;

#[derive(Debug)]
pub struct DecodeClock {
    /// What the stream says of itself, and what was seen: N above.
    declared: usize,
    learnt: usize,
    /// Pictures were seen out of order and the order came back.
    confirmed: bool,
    /// The latest presentation times not yet given out, sorted.
    waiting: SmallVec<[i64; MAX_DEPTH + 1]>,
    /// The latest presentation time given out as a decode time.
    given: Option<i64>,
    last: Option<i64>,
    newest: Option<i64>,
    /// Pictures in a row that were shown before the newest.
    behind: usize,
    /// A step further than this is the camera's clock, not reordering.
    jump: i64,
}

impl DecodeClock {
    pub fn new(clock_rate: u32) -> Self {
        Self {
            declared: 0,
            learnt: 0,
            confirmed: false,
            waiting: SmallVec::new(),
            given: None,
            last: None,
            newest: None,
            behind: 0,
            jump: i64::from(clock_rate.max(1)) * 2,
        }
    }

    /// The stream declares how far it reorders.
    pub fn declare(&mut self, depth: u32) {
        self.declared = (depth as usize).min(MAX_DEPTH);
    }

    pub fn reorders(&self) -> bool {
        self.declared > 0 || self.confirmed
    }

    /// The decode time of the next picture.
    pub fn next(&mut self, pts: i64) -> i64 {
        self.follow(pts);
        let depth = self.declared.max(self.learnt);
        let at = self.waiting.partition_point(|&t| t <= pts);
        self.waiting.insert(at, pts);
        let dts = if self.waiting.len() > depth {
            let first = self.waiting.remove(0);
            self.given = Some(first);
            first
        } else {
            // Not enough pictures yet: count up towards the first one.
            let missing = depth + 1 - self.waiting.len();
            self.waiting[0].saturating_sub(missing as i64)
        };
        let dts = match self.last {
            Some(last) if dts <= last => last.saturating_add(1),
            _ => dts,
        };
        self.last = Some(dts);
        dts
    }

    /// Learns from a presentation time whether and how far pictures are
    /// reordered, and starts afresh when it was the camera's clock that moved.
    fn follow(&mut self, pts: i64) {
        let Some(newest) = self.newest else {
            self.newest = Some(pts);
            return;
        };
        if pts.saturating_sub(newest).saturating_abs() > self.jump {
            return self.restart(pts);
        }
        if pts >= newest {
            self.confirmed |= self.behind > 0;
            self.behind = 0;
            self.newest = Some(pts);
            return;
        }
        self.behind += 1;
        if self.behind > MAX_DEPTH {
            // No codec holds back so many: a small step of the clock.
            return self.restart(pts);
        }
        if self.given.is_some_and(|given| pts < given) {
            self.learnt = (self.declared.max(self.learnt) + 1).min(MAX_DEPTH);
            self.given = None;
        }
    }

    fn restart(&mut self, pts: i64) {
        self.waiting.clear();
        self.given = None;
        self.last = None;
        self.behind = 0;
        self.newest = Some(pts);
        if !self.confirmed {
            self.learnt = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(clock: &mut DecodeClock, times: &[i64]) -> Vec<i64> {
        times.iter().map(|&t| clock.next(t)).collect()
    }

    #[test]
    fn without_reordering_decode_is_presentation() {
        let mut clock = DecodeClock::new(90_000);
        assert_eq!(run(&mut clock, &[0, 3600, 7200, 10_800]), [0, 3600, 7200, 10_800]);
        assert!(!clock.reorders());
    }

    #[test]
    fn declared_reordering_never_shows_before_decoding() {
        let mut clock = DecodeClock::new(90_000);
        clock.declare(2);
        let times = [0, 16, 8, 4, 12, 32, 24, 20, 28];
        let decode = run(&mut clock, &times);
        assert!(decode.windows(2).all(|w| w[0] < w[1]), "{decode:?}");
        assert!(decode.iter().zip(times).all(|(d, p)| *d <= p), "{decode:?}");
    }

    #[test]
    fn undeclared_reordering_is_learnt() {
        let mut clock = DecodeClock::new(90_000);
        let mut times = Vec::new();
        for group in 0..4 {
            let base = group * 30_000;
            times.extend([base + 9000, base + 3000, base + 6000]);
        }
        let decode = run(&mut clock, &times);
        assert!(clock.reorders());
        assert!(decode.windows(2).all(|w| w[0] < w[1]), "{decode:?}");
        let late = decode[6..].iter().zip(&times[6..]);
        assert!(late.clone().all(|(d, p)| d <= p), "{decode:?}");
    }

    #[test]
    fn a_small_step_back_is_not_taken_for_reordering() {
        let mut clock = DecodeClock::new(90_000);
        let mut times: Vec<i64> = (0..10).map(|n| 100_000 + n * 3600).collect();
        times.extend((0..60).map(|n| 50_000 + n * 3600));
        let decode = run(&mut clock, &times);
        assert!(!clock.reorders());
        assert_eq!(decode[69], times[69]);
    }

    #[test]
    fn a_clock_jump_starts_afresh() {
        let mut clock = DecodeClock::new(90_000);
        assert_eq!(run(&mut clock, &[9_000_000, 9_003_600, 0, 3600]), [9_000_000, 9_003_600, 0, 3600]);
        assert!(!clock.reorders());
        assert_eq!(clock.next(i64::MAX), i64::MAX);
        assert_eq!(clock.next(i64::MIN), i64::MIN);
    }
}
