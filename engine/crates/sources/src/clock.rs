//! Time of frames: the server's UTC on a monotonic anchor, and the windowed
//! minimum that turns RTP time into it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vms_media::Timing;

use crate::os_clock;

/// A step of the system's clock beyond this starts a new epoch.
const STEP_US: i64 = 250_000;
/// How often the system's clock is compared with the anchor.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Half the width of the window of the minimum.
const HALF_WINDOW: Duration = Duration::from_secs(10);
/// Drift between two crystals that the bound allows for, over the window.
const DRIFT_PPM: u64 = 100;

/// One look at the clocks.
#[derive(Clone, Copy, Debug)]
pub struct ClockReading {
    pub system_utc_us: i64,
    pub monotonic: Instant,
    pub error_us: Option<u32>,
}

impl ClockReading {
    fn of_system() -> Self {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self {
            system_utc_us: i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX),
            monotonic: Instant::now(),
            error_us: os_clock::error_bound_us(),
        }
    }
}

type Read = Box<dyn Fn() -> ClockReading + Send + Sync>;

/// The server's UTC: the system's clock at an anchor, carried on by the
/// monotonic clock, so that a step is seen instead of silently taken over.
pub struct ServerClock {
    read: Read,
    anchor: Mutex<Anchor>,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    utc_us: i64,
    monotonic: Instant,
    error_us: Option<u32>,
    checked: Instant,
    steps: u64,
}

impl Default for ServerClock {
    fn default() -> Self {
        Self::new(Box::new(ClockReading::of_system))
    }
}

impl ServerClock {
    #[must_use]
    pub fn new(read: Read) -> Self {
        let now = read();
        let anchor = Anchor {
            utc_us: now.system_utc_us,
            monotonic: now.monotonic,
            error_us: now.error_us,
            checked: now.monotonic,
            steps: 0,
        };
        Self { read, anchor: Mutex::new(anchor) }
    }

    /// UTC of a monotonic instant.
    #[must_use]
    pub fn utc_at(&self, at: Instant) -> Timing {
        let anchor = *self.anchor.lock();
        let elapsed = match at.checked_duration_since(anchor.monotonic) {
            Some(after) => micros(after),
            None => -micros(anchor.monotonic.duration_since(at)),
        };
        Timing { utc_us: anchor.utc_us + elapsed, error_us: anchor.error_us }
    }

    #[must_use]
    pub fn now(&self) -> Timing {
        self.utc_at(Instant::now())
    }

    /// Compares with the system's clock, at most once a second; returns how
    /// many steps (or losses of synchronisation) there have been so far.
    pub fn check(&self, now: Instant) -> u64 {
        let mut anchor = self.anchor.lock();
        if now.saturating_duration_since(anchor.checked) < CHECK_EVERY {
            return anchor.steps;
        }
        anchor.checked = now;
        let reading = (self.read)();
        let expected = anchor.utc_us + micros(reading.monotonic.saturating_duration_since(anchor.monotonic));
        let stepped = (reading.system_utc_us - expected).abs() > STEP_US;
        let lost_sync = anchor.error_us.is_some() && reading.error_us.is_none();
        anchor.error_us = reading.error_us;
        if stepped || lost_sync {
            anchor.steps += 1;
            anchor.utc_us = reading.system_utc_us;
            anchor.monotonic = reading.monotonic;
        }
        anchor.steps
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Turns one track's RTP times into UTC: RTP time plus the smallest
/// (arrival - RTP time) of the last 10 to 20 s. The quickest packet says best
/// when it was sent; nothing is subtracted for the way.
#[derive(Debug)]
pub struct StreamClock {
    clock_rate: u32,
    current: Option<Half>,
    previous: Option<Half>,
    half_round_trip_us: u32,
}

#[derive(Clone, Copy, Debug)]
struct Half {
    since_us: i64,
    min_us: i64,
}

impl StreamClock {
    #[must_use]
    pub fn new(clock_rate: u32, round_trip: Duration) -> Self {
        let mut clock = Self { clock_rate: clock_rate.max(1), current: None, previous: None, half_round_trip_us: 0 };
        clock.set_round_trip(round_trip);
        clock
    }

    /// Half of it is how late a packet may be that came the quickest way.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.half_round_trip_us = u32::try_from(round_trip.as_micros() / 2).unwrap_or(u32::MAX);
    }

    /// Forgets the past, after a step of the server's clock or of the camera's.
    pub fn reset(&mut self) {
        (self.current, self.previous) = (None, None);
    }

    fn rtp_us(&self, rtp: i64) -> i64 {
        (i128::from(rtp) * 1_000_000 / i128::from(self.clock_rate)) as i64
    }

    /// Time of a frame with RTP time `rtp` whose last packet came at `arrival`.
    pub fn time_of(&mut self, rtp: i64, arrival: Timing) -> Timing {
        let difference = arrival.utc_us - self.rtp_us(rtp);
        // A difference far off the window is the camera's clock stepping.
        if self.offset().is_some_and(|offset| (difference - offset).abs() > 10_000_000) {
            self.reset();
        }
        let window_us = micros(HALF_WINDOW);
        match &mut self.current {
            Some(half) if arrival.utc_us - half.since_us < window_us => half.min_us = half.min_us.min(difference),
            _ => {
                self.previous = self.current;
                self.current = Some(Half { since_us: arrival.utc_us, min_us: difference });
            }
        }
        Timing {
            utc_us: self.rtp_us(rtp) + self.offset().unwrap_or(difference),
            error_us: arrival.error_us.map(|bound| bound.saturating_add(self.own_error_us())),
        }
    }

    fn own_error_us(&self) -> u32 {
        let drift = 2 * micros(HALF_WINDOW).unsigned_abs() * DRIFT_PPM / 1_000_000;
        self.half_round_trip_us.saturating_add(u32::try_from(drift).unwrap_or(u32::MAX))
    }

    fn offset(&self) -> Option<i64> {
        match (self.current, self.previous) {
            (Some(now), Some(before)) => Some(now.min_us.min(before.min_us)),
            (Some(now), None) => Some(now.min_us),
            (None, _) => None,
        }
    }

    /// By how much the camera's own clock is ahead of the server's, from a
    /// sender report that maps `rtp` to the camera's UTC.
    #[must_use]
    pub fn camera_offset_ms(&self, rtp: i64, camera_utc_us: i64) -> Option<i64> {
        Some((camera_utc_us - (self.rtp_us(rtp) + self.offset()?)) / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    fn at(utc_us: i64) -> Timing {
        Timing { utc_us, error_us: Some(100) }
    }

    #[test]
    fn jitter_of_the_network_does_not_reach_the_times() {
        let mut clock = StreamClock::new(90_000, Duration::from_millis(4));
        let delays = [5_000, 0, 30_000, 2_000, 90_000, 0];
        let mut times = Vec::new();
        for (i, delay) in delays.iter().enumerate() {
            let sent = 1_000_000 + i as i64 * 40_000;
            times.push(clock.time_of(i as i64 * 3_600, at(sent + delay)).utc_us);
        }
        assert_eq!(times[1..], [1_040_000, 1_080_000, 1_120_000, 1_160_000, 1_200_000]);
    }

    #[test]
    fn the_bound_adds_the_way_and_the_drift() {
        let mut clock = StreamClock::new(90_000, Duration::from_millis(4));
        assert_eq!(clock.time_of(0, at(0)).error_us, Some(100 + 2_000 + 2_000));
        let unknown = Timing { utc_us: 0, error_us: None };
        assert_eq!(clock.time_of(0, unknown).error_us, None);
    }

    #[test]
    fn slow_drift_is_followed() {
        let mut clock = StreamClock::new(90_000, Duration::ZERO);
        let mut last = 0;
        for i in 0..4_000_i64 {
            // The camera's crystal is 50 ppm slow: arrivals come later and later.
            let arrival = i * 40_002;
            last = clock.time_of(i * 3_600, at(arrival)).utc_us - arrival;
        }
        assert!((-1_100..=0).contains(&last), "{last} us off after 160 s");
    }

    #[test]
    fn a_jump_of_the_cameras_clock_is_not_a_jump_of_time() {
        let mut clock = StreamClock::new(90_000, Duration::ZERO);
        assert_eq!(clock.time_of(0, at(1_000_000)).utc_us, 1_000_000);
        assert_eq!(clock.time_of(90_000 * 3_600, at(1_040_000)).utc_us, 1_040_000);
    }

    #[test]
    fn the_cameras_offset_is_told_by_its_sender_reports() {
        let mut clock = StreamClock::new(90_000, Duration::ZERO);
        assert_eq!(clock.camera_offset_ms(0, 5), None);
        clock.time_of(0, at(1_000_000));
        assert_eq!(clock.camera_offset_ms(90_000, 2_000_000 + 1_500_000), Some(1_500));
    }

    #[test]
    fn a_step_of_the_servers_clock_is_seen_once() {
        let start = Instant::now();
        let shift = Arc::new(AtomicI64::new(0));
        let elapsed = Arc::new(AtomicI64::new(0));
        let (s, e) = (shift.clone(), elapsed.clone());
        let clock = ServerClock::new(Box::new(move || {
            let passed = e.load(Ordering::Relaxed);
            ClockReading {
                system_utc_us: 1_000_000 + passed + s.load(Ordering::Relaxed),
                monotonic: start + Duration::from_micros(passed.unsigned_abs()),
                error_us: Some(10),
            }
        }));
        let go = |us: i64| {
            elapsed.fetch_add(us, Ordering::Relaxed);
            clock.check(start + Duration::from_micros(elapsed.load(Ordering::Relaxed).unsigned_abs()))
        };
        assert_eq!(go(1_000_000), 0);
        shift.store(200_000, Ordering::Relaxed);
        assert_eq!(go(1_000_000), 0, "a quarter of a second is tolerated");
        shift.store(-7_200_000_000, Ordering::Relaxed);
        assert_eq!(go(1_000), 0, "not looked at yet");
        assert_eq!(go(1_000_000), 1, "two hours back");
        assert_eq!(go(1_000_000), 1);
        assert_eq!(
            clock.utc_at(start + Duration::from_micros(4_001_000)).utc_us,
            1_000_000 + 4_001_000 - 7_200_000_000
        );
    }
}
