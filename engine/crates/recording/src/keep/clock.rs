//! Whether the clock may be believed: what is deleted by its age is gone for
//! ever, and a clock that jumped makes everything old.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A step of more than this is confirmed by somebody.
const STEP_US: i64 = 300_000_000;
/// A machine may have been off for so long before it is asked about.
const OFF_US: i64 = 30 * 24 * 3_600_000_000;

/// A step that nobody confirmed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The last time that was not in doubt.
    pub since_us: i64,
    pub step_us: i64,
}

/// Holds the clock of the system against one that never steps.
#[derive(Clone, Debug)]
pub struct ClockWatch {
    last: Option<(i64, Instant)>,
    /// With when it began, as far as this process knows.
    doubt: Option<(Doubt, Instant)>,
}

impl ClockWatch {
    /// `seen_us` is what the process before saw last.
    #[must_use]
    pub fn new(seen_us: Option<i64>, doubt: Option<Doubt>, now_us: i64, at: Instant) -> Self {
        let step = |seen: i64| now_us - seen;
        let found = seen_us.filter(|seen| step(*seen) < -STEP_US || step(*seen) > OFF_US);
        let doubt = doubt.or(found.map(|seen| Doubt { since_us: seen, step_us: step(seen) }));
        Self { last: Some((now_us, at)), doubt: doubt.map(|doubt| (doubt, at)) }
    }

    /// True where a step was found just now.
    pub fn look(&mut self, now_us: i64, at: Instant) -> bool {
        let Some((last_us, last)) = self.last.replace((now_us, at)) else { return false };
        let expected = last_us + micros(at.duration_since(last));
        let step_us = now_us - expected;
        let stepped = step_us.abs() > STEP_US;
        if stepped {
            match &mut self.doubt {
                Some((doubt, _)) => doubt.step_us += step_us,
                None => self.doubt = Some((Doubt { since_us: expected, step_us }, at)),
            }
        }
        stepped
    }

    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        self.doubt.map(|(doubt, _)| doubt)
    }

    /// The time as it would be without the step.
    #[must_use]
    pub fn trusted_us(&self, now_us: i64, at: Instant) -> i64 {
        self.doubt.map_or(now_us, |(doubt, since)| doubt.since_us + micros(at.duration_since(since)))
    }

    /// Somebody looked at the clock: it is right.
    pub fn confirm(&mut self) -> bool {
        self.doubt.take().is_some()
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn a_step_of_over_five_minutes_is_doubted_until_it_is_confirmed() {
        let begun = Instant::now();
        let at = |minutes: u64| begun + Duration::from_secs(60 * minutes);
        let mut watch = ClockWatch::new(None, None, 0, begun);
        assert!(!watch.look(MINUTE, at(1)) && !watch.look(6 * MINUTE, at(2)), "four minutes are drift");
        assert!(watch.look(100 * MINUTE, at(3)));
        let doubt = watch.doubt().expect("a doubt");
        assert_eq!((doubt.since_us, doubt.step_us), (7 * MINUTE, 93 * MINUTE));
        assert!(!watch.look(102 * MINUTE, at(5)));
        assert_eq!(watch.trusted_us(102 * MINUTE, at(5)), 9 * MINUTE);
        assert!(watch.confirm() && !watch.confirm() && watch.doubt().is_none());
        assert_eq!(watch.trusted_us(102 * MINUTE, at(5)), 102 * MINUTE);
        assert!(watch.look(MINUTE, at(6)), "back is a step too");
    }

    #[test]
    fn a_start_doubts_a_clock_behind_what_was_seen_or_far_ahead() {
        let begun = Instant::now();
        let doubts = |seen, now| ClockWatch::new(Some(seen), None, now, begun).doubt().is_some();
        assert!(doubts(10 * MINUTE, 4 * MINUTE) && !doubts(10 * MINUTE, 6 * MINUTE));
        assert!(!doubts(0, OFF_US) && doubts(0, OFF_US + 1));
        let before = Doubt { since_us: 1, step_us: 2 };
        assert_eq!(
            ClockWatch::new(Some(0), Some(before), 1, begun).doubt(),
            Some(before),
            "a restart confirms nothing"
        );
    }
}
