//! A bucket of tokens that fills with time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use vms_crowd::origin_of;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Bucket {
    /// Tokens a second.
    rate: u64,
    most: u64,
    tokens: u64,
    filled: Instant,
}

impl Bucket {
    pub fn new(rate: u64, most: u64, now: Instant) -> Self {
        Self { rate: rate.max(1), most, tokens: most, filled: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        let tokens = passed.as_micros() * u128::from(self.rate) / 1_000_000;
        if tokens == 0 {
            return;
        }
        self.tokens = self.most.min(self.tokens.saturating_add(u64::try_from(tokens).unwrap_or(u64::MAX)));
        self.filled = now;
    }

    /// Takes `count`, if they are there.
    pub fn take(&mut self, count: u64, now: Instant) -> bool {
        self.fill(now);
        let there = self.tokens >= count;
        if there {
            self.tokens -= count;
        }
        there
    }

    /// Takes one, if `rest` are left then.
    fn take_leaving(&mut self, rest: u64, now: Instant) -> bool {
        self.fill(now);
        self.tokens > rest && self.take(1, now)
    }

    /// When `count` will be there.
    pub fn ready(&self, count: u64) -> Instant {
        let missing = count.saturating_sub(self.tokens);
        self.filled + Duration::from_micros((missing * 1_000_000).div_ceil(self.rate))
    }
}

/// Turns that callers share. Who had its share of a second leaves half of all
/// turns to those who had less: one caller never takes all, and many callers
/// behind one address wait for nobody while nobody else calls.
#[derive(Clone, Debug)]
pub struct Turns {
    all: Bucket,
    kept: u64,
    share: u64,
    /// Turns of this second, of those alone who had one.
    had: HashMap<IpAddr, u64>,
    begun: Instant,
}

impl Turns {
    /// `rate` a second of all, `share` of one.
    pub fn new(rate: u64, share: u64, now: Instant) -> Self {
        Self { all: Bucket::new(rate, rate, now), kept: rate / 2, share, had: HashMap::new(), begun: now }
    }

    pub fn take(&mut self, from: IpAddr, now: Instant) -> bool {
        if now.saturating_duration_since(self.begun) >= SECOND {
            self.had.clear();
            self.begun = now;
        }
        let origin = origin_of(from);
        let had = self.had.get(&origin).copied().unwrap_or(0);
        let taken = self.all.take_leaving(if had < self.share { 0 } else { self.kept }, now);
        if taken {
            self.had.insert(origin, had + 1);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn turns_of(turns: &mut Turns, from: IpAddr, now: Instant) -> usize {
        (0..1_000).filter(|_| turns.take(from, now)).count()
    }

    #[test]
    fn who_takes_many_leaves_half_to_those_who_take_few() {
        let now = Instant::now();
        let mut turns = Turns::new(200, 20, now);
        assert_eq!(turns_of(&mut turns, address(1), now), 100);
        assert_eq!(turns_of(&mut turns, address(1), now), 0);
        for last in 2..7 {
            assert_eq!(turns_of(&mut turns, address(last), now), 20, "of {last}");
        }
        assert_eq!(turns_of(&mut turns, address(7), now), 0, "all are taken");
    }

    #[test]
    fn who_calls_alone_has_every_turn_that_comes() {
        let begun = Instant::now();
        let mut turns = Turns::new(200, 20, begun);
        assert_eq!(turns_of(&mut turns, address(1), begun), 100);
        let each_ms = (1..=1_000).map(|ms| begun + Duration::from_millis(ms));
        let taken = each_ms.filter(|now| turns.take(address(1), *now)).count();
        assert_eq!(taken, 200);
    }

    #[test]
    fn nobody_is_remembered_for_longer_than_a_second() {
        let now = Instant::now();
        let mut turns = Turns::new(200, 20, now);
        for last in 0..=255 {
            turns.take(address(last), now);
        }
        assert_eq!(turns.had.len(), 200, "those who had a turn");
        assert!(turns.take(address(1), now + SECOND));
        assert_eq!(turns.had.len(), 1);
    }

    #[test]
    fn tokens_come_with_time_up_to_the_brim() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1_000, 10, now);
        assert!(bucket.take(10, now) && !bucket.take(1, now));
        assert_eq!(bucket.ready(5), now + Duration::from_millis(5));
        assert!(!bucket.take(5, now + Duration::from_millis(4)));
        assert!(bucket.take(5, now + Duration::from_millis(5)));
        assert!(!bucket.take(11, now + Duration::from_secs(60)));
        assert!(bucket.take(10, now + Duration::from_secs(60)));
    }
}
