//! When and how a session is kept alive.

use std::time::{Duration, Instant};

/// How long a session lives without a word where the camera does not say
/// (RFC 2326, section 12.37).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Routers on the way forget sooner than some cameras do.
const LONGEST: Duration = Duration::from_secs(20);
const SHORTEST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Options,
    GetParameter,
}

/// OPTIONS first, which tells whether the camera knows GET_PARAMETER; not all
/// that know it let OPTIONS keep a session alive. Twice within the time-out,
/// so that both are asked in time.
#[derive(Debug)]
pub struct Keepalive {
    timeout: Duration,
    due: Option<Instant>,
    offered: bool,
    refused: bool,
    /// GET_PARAMETER was asked and not answered yet.
    waits: bool,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { timeout: DEFAULT_TIMEOUT, due: None, offered: false, refused: false, waits: false }
    }
}

impl Keepalive {
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    pub fn start(&mut self, now: Instant) {
        self.due = Some(now + self.interval());
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn interval(&self) -> Duration {
        self.timeout.mul_f64(0.4).clamp(SHORTEST, LONGEST)
    }

    /// Reads the Public header of any answer.
    pub fn learn(&mut self, public: &str) {
        self.offered = public.split(',').any(|method| method.trim().eq_ignore_ascii_case("GET_PARAMETER"));
    }

    /// What to ask, if it is time.
    pub fn take_due(&mut self, now: Instant) -> Option<Method> {
        self.due.filter(|due| *due <= now)?;
        self.due = Some(now + self.interval());
        // A camera that does not answer does not know it.
        self.refused |= self.waits;
        self.waits = self.offered && !self.refused;
        Some(if self.waits { Method::GetParameter } else { Method::Options })
    }

    pub fn answered(&mut self, status: u16) {
        self.refused |= self.waits && status >= 400;
        self.waits = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn playing(timeout_s: u32, now: Instant) -> Keepalive {
        let mut keepalive = Keepalive::default();
        keepalive.set_timeout(SECOND * timeout_s);
        keepalive.start(now);
        keepalive
    }

    #[test]
    fn a_session_is_kept_alive_twice_within_its_time() {
        let now = Instant::now();
        for (timeout, interval) in [(60, 20.0), (30, 12.0), (10, 4.0), (5, 2.0), (1, 1.0), (3600, 20.0)] {
            let mut keepalive = playing(timeout, now);
            let due = keepalive.deadline().expect("it plays");
            assert_eq!((due - now).as_secs_f32(), interval, "{timeout}");
            assert_eq!(keepalive.take_due(due - SECOND / 10), None);
            assert_eq!(keepalive.take_due(due), Some(Method::Options));
        }
    }

    #[test]
    fn get_parameter_is_asked_where_it_is_offered_and_answered() {
        let now = Instant::now();
        let mut keepalive = playing(10, now);
        let ask = |keepalive: &mut Keepalive, n: u32| keepalive.take_due(now + SECOND * 5 * n);
        assert_eq!(ask(&mut keepalive, 1), Some(Method::Options));
        keepalive.learn("OPTIONS, DESCRIBE, get_parameter");
        keepalive.answered(200);
        assert_eq!(ask(&mut keepalive, 2), Some(Method::GetParameter));
        keepalive.answered(200);
        assert_eq!(ask(&mut keepalive, 3), Some(Method::GetParameter));
        keepalive.answered(551);
        assert_eq!(ask(&mut keepalive, 4), Some(Method::Options), "refused");
        keepalive.learn("GET_PARAMETER");
        assert_eq!(ask(&mut keepalive, 5), Some(Method::Options), "it lied before");
    }

    #[test]
    fn a_camera_that_never_answers_is_asked_by_options() {
        let now = Instant::now();
        let mut keepalive = playing(10, now);
        keepalive.learn("GET_PARAMETER");
        assert_eq!(keepalive.take_due(now + SECOND * 5), Some(Method::GetParameter));
        assert_eq!(keepalive.take_due(now + SECOND * 10), Some(Method::Options));
        assert_eq!(keepalive.take_due(now + SECOND * 15), Some(Method::Options));
    }
}
