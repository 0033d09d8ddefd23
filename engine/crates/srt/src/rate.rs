//! A bucket of tokens that fills with time.

use std::time::{Duration, Instant};

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

    /// When `count` will be there.
    pub fn ready(&self, count: u64) -> Instant {
        let missing = count.saturating_sub(self.tokens);
        self.filled + Duration::from_micros((missing * 1_000_000).div_ceil(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
