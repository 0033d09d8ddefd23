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

/// A session that the camera ends sooner than this, though it was kept alive,
/// was not kept alive well enough.
const YOUNG: Duration = Duration::from_secs(90);
/// A camera that closes so soon after a question closes because of it.
const OFFENDED: Duration = Duration::from_secs(2);

/// What sessions with a camera have taught, for its next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    /// It answers GET_PARAMETER with an error, with silence or by hanging up.
    refuses_get_parameter: bool,
    /// It is asked at least this often.
    longest: Duration,
}

impl Default for Habit {
    fn default() -> Self {
        Self { refuses_get_parameter: false, longest: LONGEST }
    }
}

/// OPTIONS first, which tells whether the camera knows GET_PARAMETER; not all
/// that know it let OPTIONS keep a session alive. Twice within the time-out,
/// so that both are asked in time.
#[derive(Debug)]
pub struct Keepalive {
    timeout: Duration,
    due: Option<Instant>,
    offered: bool,
    habit: Habit,
    /// GET_PARAMETER was asked and not answered yet.
    waits: bool,
    started: Option<Instant>,
    asked: Option<(Method, Instant)>,
}

impl Keepalive {
    pub fn new(habit: Habit) -> Self {
        Self { timeout: DEFAULT_TIMEOUT, due: None, offered: false, habit, waits: false, started: None, asked: None }
    }

    /// Nothing more is asked.
    pub fn stop(&mut self) {
        self.due = None;
    }

    /// What the next session is to know, if the camera has ended this one.
    pub fn lesson(&self, now: Instant) -> Habit {
        let mut habit = self.habit;
        let Some(started) = self.started else { return habit };
        let played = now.saturating_duration_since(started);
        let offended = |(method, at): (Method, Instant)| {
            method == Method::GetParameter && now.saturating_duration_since(at) < OFFENDED
        };
        if self.asked.is_some_and(offended) {
            habit.refuses_get_parameter = true;
        } else if played < YOUNG {
            habit.longest = played.mul_f64(0.4).clamp(SHORTEST, habit.longest);
        }
        habit
    }

    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    pub fn start(&mut self, now: Instant) {
        self.started = Some(now);
        self.due = Some(now + self.interval());
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn interval(&self) -> Duration {
        self.timeout.mul_f64(0.4).clamp(SHORTEST, self.habit.longest)
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
        self.habit.refuses_get_parameter |= self.waits;
        self.waits = self.offered && !self.habit.refuses_get_parameter;
        let method = if self.waits { Method::GetParameter } else { Method::Options };
        self.asked = Some((method, now));
        Some(method)
    }

    pub fn answered(&mut self, status: u16) {
        self.habit.refuses_get_parameter |= self.waits && status >= 400;
        self.waits = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn playing(timeout_s: u32, now: Instant) -> Keepalive {
        playing_with(Habit::default(), timeout_s, now)
    }

    fn playing_with(habit: Habit, timeout_s: u32, now: Instant) -> Keepalive {
        let mut keepalive = Keepalive::new(habit);
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
    fn a_camera_that_ends_young_sessions_is_asked_more_often_next_time() {
        let now = Instant::now();
        let mut keepalive = playing(60, now);
        assert_eq!(keepalive.deadline(), Some(now + SECOND * 20));
        let habit = keepalive.lesson(now + SECOND * 10);
        keepalive = playing_with(habit, 60, now);
        assert_eq!(keepalive.deadline(), Some(now + SECOND * 4), "it lives 10 s");
        assert_eq!(keepalive.lesson(now + SECOND * 600), habit, "that was enough");
        assert_eq!(keepalive.lesson(now + SECOND * 80), habit, "and is not forgotten");
        let hectic = keepalive.lesson(now);
        assert_eq!(playing_with(hectic, 60, now).deadline(), Some(now + SECOND), "never more often");
        assert_eq!(Keepalive::new(Habit::default()).lesson(now), Habit::default(), "it never played");
    }

    #[test]
    fn a_camera_that_hangs_up_on_get_parameter_is_not_asked_so_again() {
        let now = Instant::now();
        let mut keepalive = playing(10, now);
        keepalive.learn("GET_PARAMETER");
        let asked = now + SECOND * 4;
        assert_eq!(keepalive.take_due(asked), Some(Method::GetParameter));
        keepalive = playing_with(keepalive.lesson(asked + SECOND), 10, now);
        keepalive.learn("GET_PARAMETER");
        assert_eq!(keepalive.deadline(), Some(asked), "no more often");
        assert_eq!(keepalive.take_due(asked), Some(Method::Options));
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
