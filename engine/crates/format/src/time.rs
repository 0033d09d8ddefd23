//! UTC days and hours, without a clock.

/// Microseconds of an hour.
pub const HOUR_US: i64 = 3_600_000_000;

/// The hour of an instant: `floor(utc_us / 3_600_000_000)`. Instants before
/// 1970, and those that no 32-bit hour holds, count as the nearest one.
#[must_use]
pub fn hour_of(utc_us: i64) -> u32 {
    u32::try_from(utc_us.div_euclid(HOUR_US).max(0)).unwrap_or(u32::MAX)
}

/// The first microsecond of an hour.
#[must_use]
pub fn hour_start_us(hour: u32) -> i64 {
    i64::from(hour) * HOUR_US
}

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    pub year: i32,
    pub month: u8,
    pub day: u8,
}

impl Day {
    /// The day of an hour since 1970.
    #[must_use]
    pub fn of_hour(hour: u32) -> Self {
        Self::of_days(i64::from(hour / 24))
    }

    // Counts in years that begin in March, so that the leap day comes last;
    // eras have 400 years of 146097 days.
    fn of_days(days: i64) -> Self {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year: year as i32, month: month as u8, day: day as u8 }
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn since_1970(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month = i64::from(self.month);
        let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// Reads `YYYY-MM-DD`; `None` for a day that is not in the calendar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |from: usize, to: usize| {
            let digits = text.get(from..to)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i32>().ok())?
        };
        let day = Self { year: number(0, 4)?, month: number(5, 7)? as u8, day: number(8, 10)? as u8 };
        let real = (1..=12).contains(&day.month) && day.day >= 1 && Self::of_days(day.since_1970()) == day;
        (real && day.since_1970() >= 0).then_some(day)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// ISO 8601 with milliseconds, in UTC.
#[must_use]
pub fn iso(utc_us: i64) -> String {
    let day = Day::of_hour(hour_of(utc_us));
    let of_day = utc_us.rem_euclid(24 * HOUR_US) / 1000;
    let (ms, s, m, h) = (of_day % 1000, of_day / 1000 % 60, of_day / 60_000 % 60, of_day / 3_600_000);
    format!("{day}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_back_through_their_names() {
        for days in (0..200_000).step_by(13) {
            let day = Day::of_days(days);
            assert_eq!(day.since_1970(), days);
            if day.year < 10_000 {
                assert_eq!(Day::parse(&day.to_string()), Some(day));
            }
        }
        assert_eq!(Day::of_days(0).to_string(), "1970-01-01");
        assert_eq!(Day::of_days(11_016).to_string(), "2000-02-29");
        assert_eq!(Day::of_hour(hour_of(1_795_257_000_000_000)).to_string(), "2026-11-21");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for bad in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "1969-12-31", "+026-01-01", "2026-01-32", ""]
        {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_hour_is_a_floor() {
        assert_eq!(hour_of(HOUR_US - 1), 0);
        assert_eq!(hour_of(HOUR_US), 1);
        assert_eq!(hour_of(-1), 0);
        assert_eq!(hour_start_us(hour_of(5 * HOUR_US + 7)), 5 * HOUR_US);
    }
}
