//! Decode times as their sender tells them, made to rise.

/// A step back this far is the sender's clock, which was set back; who records
/// begins anew there. A shorter one is a mistake. In ticks of 90 kHz.
const MOST_BACK: u64 = 90_000;

#[derive(Debug, Default)]
pub struct Rising {
    last: Option<i64>,
}

impl Rising {
    /// The decode time to go by, for the one that is told.
    pub fn next(&mut self, told: i64) -> i64 {
        let dts = match self.last {
            Some(last) if told <= last && last.abs_diff(told) <= MOST_BACK => last.saturating_add(1),
            _ => told,
        };
        self.last = Some(dts);
        dts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rise_unless_the_clock_was_set_back() {
        let mut rising = Rising::default();
        let mut given = |told: &[i64]| told.iter().map(|told| rising.next(*told)).collect::<Vec<_>>();
        assert_eq!(given(&[10, 10, 5, 90]), [10, 11, 12, 90]);
        assert_eq!(given(&[180_000, 90_000, 90_000, 93_600, 0]), [180_000, 180_001, 90_000, 93_600, 0]);
        assert_eq!(given(&[i64::MAX, i64::MAX, i64::MIN]), [i64::MAX, i64::MAX, i64::MIN]);
    }
}
