//! The peer's clock seen from here (draft, section 4.5).
//!
//! A packet's timestamp plus the smallest (arrival - timestamp) of the last 10
//! to 20 s is when it would have come by the quickest way. Taking the smallest
//! instead of the handshake's keeps a handshake that was slow from making all
//! later packets late, and follows drift.

use std::time::{Duration, Instant};

const HALF_WINDOW_US: i64 = 10_000_000;

#[derive(Clone, Copy, Debug)]
struct Half {
    since_us: i64,
    least_us: i64,
}

#[derive(Debug)]
pub struct TimeBase {
    start: Instant,
    /// The newest timestamp, unwrapped.
    newest: Option<i64>,
    current: Option<Half>,
    previous: Option<Half>,
}

impl TimeBase {
    pub fn new(start: Instant) -> Self {
        Self { start, newest: None, current: None, previous: None }
    }

    pub fn start(&self) -> Instant {
        self.start
    }

    /// The timestamp on a scale that does not wrap after 71 minutes.
    pub fn unwrap(&mut self, timestamp: u32) -> i64 {
        let unwrapped = match self.newest {
            None => i64::from(timestamp),
            Some(newest) => newest + i64::from(timestamp.wrapping_sub(newest as u32) as i32),
        };
        self.newest = Some(self.newest.map_or(unwrapped, |newest| newest.max(unwrapped)));
        unwrapped
    }

    /// Learns from a packet that left its sender at `unwrapped`.
    pub fn learn(&mut self, unwrapped: i64, arrival: Instant) {
        let arrival_us = self.micros(arrival);
        let difference = arrival_us - unwrapped;
        match &mut self.current {
            Some(half) if arrival_us - half.since_us < HALF_WINDOW_US => half.least_us = half.least_us.min(difference),
            _ => {
                self.previous = self.current;
                self.current = Some(Half { since_us: arrival_us, least_us: difference });
            }
        }
    }

    /// When a packet of this time comes by the quickest way.
    pub fn arrival_of(&self, unwrapped: i64) -> Instant {
        let least = match (self.current, self.previous) {
            (Some(now), Some(before)) => now.least_us.min(before.least_us),
            (Some(now), None) => now.least_us,
            (None, _) => 0,
        };
        let us = u64::try_from(unwrapped.saturating_add(least)).unwrap_or(0);
        self.start + Duration::from_micros(us)
    }

    fn micros(&self, at: Instant) -> i64 {
        i64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_quickest_packet_sets_the_time() {
        let start = Instant::now();
        let mut base = TimeBase::new(start);
        for (sent_us, arrival_ms) in [(0, 500), (10_000, 20), (20_000, 90)] {
            let sent = base.unwrap(sent_us);
            base.learn(sent, start + ms(arrival_ms));
        }
        assert_eq!(base.arrival_of(20_000), start + ms(30));
    }

    #[test]
    fn timestamps_wrap() {
        let mut base = TimeBase::new(Instant::now());
        assert_eq!(base.unwrap(u32::MAX - 9), i64::from(u32::MAX) - 9);
        assert_eq!(base.unwrap(10), i64::from(u32::MAX) + 11);
        assert_eq!(base.unwrap(u32::MAX), i64::from(u32::MAX), "an older one");
    }

    #[test]
    fn drift_is_followed_both_ways() {
        let start = Instant::now();
        let mut base = TimeBase::new(start);
        // The peer's clock runs 100 ppm slow for a minute: it falls behind by 6 ms.
        for second in 0..60_u64 {
            let sent = base.unwrap((second * 999_900) as u32);
            base.learn(sent, start + Duration::from_secs(second));
        }
        let expected = start + Duration::from_secs(59);
        let error = expected.saturating_duration_since(base.arrival_of(59 * 999_900));
        assert!(error <= ms(2), "{error:?} early");
    }
}
