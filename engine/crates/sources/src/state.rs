//! The state machine of every source: times and events in, decisions out.
//! No IO and no clock: `now` is a parameter.

use std::time::{Duration, Instant};

use crate::reason::Reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Connecting,
    Live,
    /// Connected, but no video for a while.
    Stalled,
    BackingOff,
    /// Nobody views it, and it is opened for viewers alone.
    Idle,
    /// Switched off by its operator.
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A connection attempt begins.
    Dial,
    /// The stream waits for its publisher.
    Wait,
    /// The last viewer of a stream on demand has left.
    Unwatched,
    Video,
    /// The session ended or never began.
    Failed(Reason),
    /// Time passes.
    Tick,
}

/// What the shell around the machine must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    None,
    /// Close the session and wait so long before the next `Dial`.
    Wait(Duration),
}

/// Reconnect delays: doubling between two bounds, jittered downwards by up to
/// half so that cameras behind one switch do not return in step.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    pub min: Duration,
    pub max: Duration,
}

impl BackOff {
    /// `dice` is a random number from 0 to 1.
    #[must_use]
    pub fn delay(&self, failures: u32, dice: f64) -> Duration {
        let doubled = self.min.saturating_mul(1u32 << failures.saturating_sub(1).min(16));
        let ceiling = doubled.min(self.max);
        ceiling.mul_f64(1.0 - dice.clamp(0.0, 1.0) / 2.0).max(self.min.min(ceiling))
    }
}

/// How long a camera whose server keeps dead TCP sessions alive (live555
/// before 2017.06.04) is left alone, so that they expire.
pub const DEAD_SESSION_EXPIRY: Duration = Duration::from_secs(65);

#[derive(Debug)]
pub struct Machine {
    state: State,
    reason: Option<Reason>,
    no_video: Duration,
    back_off: BackOff,
    /// Attempts since the stream was last live.
    failures: u32,
    last_video: Instant,
    pub keeps_dead_sessions: bool,
}

impl Machine {
    #[must_use]
    pub fn new(no_video: Duration, back_off: BackOff, now: Instant) -> Self {
        Self {
            state: State::Connecting,
            reason: None,
            no_video,
            back_off,
            failures: 0,
            last_video: now,
            keeps_dead_sessions: false,
        }
    }

    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    pub fn handle(&mut self, input: Input, now: Instant, dice: f64) -> Action {
        match input {
            Input::Dial => {
                self.last_video = now;
                self.state = State::Connecting;
                Action::None
            }
            Input::Wait => {
                self.state = State::Connecting;
                // Why the last one left was told as it failed.
                self.reason = Some(Reason::NoPublisher);
                Action::None
            }
            Input::Unwatched => {
                self.state = State::Idle;
                self.reason = Some(Reason::NoViewer);
                // Whoever comes next waits for no failures of before.
                self.failures = 0;
                Action::None
            }
            Input::Video => {
                self.last_video = now;
                self.failures = 0;
                self.state = State::Live;
                self.reason = None;
                Action::None
            }
            Input::Failed(reason) => self.fail(reason, dice),
            Input::Tick => self.tick(now, dice),
        }
    }

    fn tick(&mut self, now: Instant, dice: f64) -> Action {
        let silent = now.saturating_duration_since(self.last_video);
        match self.state {
            State::Connecting if silent >= self.no_video => self.fail(Reason::NoVideo, dice),
            State::Live if silent >= self.no_video => {
                self.state = State::Stalled;
                self.reason = Some(Reason::NoVideo);
                Action::None
            }
            // The camera had its chance to go on by itself.
            State::Stalled if silent >= self.no_video * 2 => self.fail(Reason::NoVideo, dice),
            _ => Action::None,
        }
    }

    fn fail(&mut self, reason: Reason, dice: f64) -> Action {
        self.state = State::BackingOff;
        self.reason = Some(reason);
        self.failures = self.failures.saturating_add(1);
        let delay = self.back_off.delay(self.failures, dice);
        Action::Wait(if self.keeps_dead_sessions { delay.max(DEAD_SESSION_EXPIRY) } else { delay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK_OFF: BackOff = BackOff { min: Duration::from_secs(1), max: Duration::from_secs(30) };
    const NO_VIDEO: Duration = Duration::from_secs(5);

    fn play(script: &[(u64, Input, State, Option<&str>)]) -> Vec<Action> {
        let start = Instant::now();
        let mut machine = Machine::new(NO_VIDEO, BACK_OFF, start);
        script
            .iter()
            .map(|(at, input, state, reason)| {
                let action = machine.handle(input.clone(), start + Duration::from_secs(*at), 0.0);
                assert_eq!(machine.state(), *state, "after {input:?} at {at} s");
                assert_eq!(machine.reason().map(Reason::code), *reason, "after {input:?} at {at} s");
                action
            })
            .collect()
    }

    #[test]
    fn a_stream_that_nobody_views_is_idle_whatever_it_did() {
        let actions = play(&[
            (0, Input::Unwatched, State::Idle, Some("no_viewer")),
            (1, Input::Dial, State::Connecting, Some("no_viewer")),
            (2, Input::Failed(Reason::Timeout), State::BackingOff, Some("timeout")),
            (3, Input::Dial, State::Connecting, Some("timeout")),
            (4, Input::Failed(Reason::Timeout), State::BackingOff, Some("timeout")),
            (5, Input::Unwatched, State::Idle, Some("no_viewer")),
            (99, Input::Tick, State::Idle, Some("no_viewer")),
            (100, Input::Dial, State::Connecting, Some("no_viewer")),
            (101, Input::Failed(Reason::Timeout), State::BackingOff, Some("timeout")),
        ]);
        assert_eq!(actions[4], Action::Wait(Duration::from_secs(2)));
        assert_eq!(actions[8], Action::Wait(Duration::from_secs(1)), "its failures are forgotten");
    }

    #[test]
    fn a_stream_without_video_is_down_and_comes_back() {
        let actions = play(&[
            (0, Input::Dial, State::Connecting, None),
            (1, Input::Video, State::Live, None),
            (5, Input::Tick, State::Live, None),
            (6, Input::Tick, State::Stalled, Some("no_video")),
            (7, Input::Video, State::Live, None),
            (12, Input::Tick, State::Stalled, Some("no_video")),
            (17, Input::Tick, State::BackingOff, Some("no_video")),
            (18, Input::Dial, State::Connecting, Some("no_video")),
            (19, Input::Video, State::Live, None),
        ]);
        assert_eq!(actions[6], Action::Wait(Duration::from_secs(1)));
    }

    #[test]
    fn a_stream_tells_why_its_publisher_left_and_then_that_it_waits_for_the_next() {
        play(&[
            (0, Input::Wait, State::Connecting, Some("no_publisher")),
            (90, Input::Dial, State::Connecting, Some("no_publisher")),
            (91, Input::Video, State::Live, None),
            (95, Input::Failed(Reason::CameraClosed), State::BackingOff, Some("camera_closed")),
            (95, Input::Wait, State::Connecting, Some("no_publisher")),
            (99, Input::Dial, State::Connecting, Some("no_publisher")),
            (99, Input::Video, State::Live, None),
        ]);
    }

    #[test]
    fn audio_alone_never_counts_as_live() {
        play(&[
            (0, Input::Dial, State::Connecting, None),
            (4, Input::Tick, State::Connecting, None),
            (5, Input::Tick, State::BackingOff, Some("no_video")),
        ]);
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_resets_once_live() {
        let refused = || Input::Failed(Reason::ConnectionRefused);
        let mut script: Vec<_> =
            (0..8).map(|at| (at, refused(), State::BackingOff, Some("connection_refused"))).collect();
        script.push((9, Input::Video, State::Live, None));
        script.push((10, refused(), State::BackingOff, Some("connection_refused")));
        let waits: Vec<u64> = play(&script)
            .iter()
            .filter_map(|action| if let Action::Wait(wait) = action { Some(wait.as_secs()) } else { None })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30, 1]);
    }

    #[test]
    fn a_camera_back_after_an_hour_is_live_at_its_next_call() {
        let start = Instant::now();
        let mut machine = Machine::new(NO_VIDEO, BACK_OFF, start);
        let (mut now, mut longest) = (start, Duration::ZERO);
        while now < start + Duration::from_secs(3600) {
            machine.handle(Input::Dial, now, 0.5);
            if let Action::Wait(wait) = machine.handle(Input::Failed(Reason::NoRoute), now, 0.5) {
                now += wait;
                longest = longest.max(wait);
            }
        }
        assert!(longest <= BACK_OFF.max, "it is never left alone for longer: {longest:?}");
        machine.handle(Input::Dial, now, 0.5);
        machine.handle(Input::Video, now, 0.5);
        assert_eq!((machine.state(), machine.reason()), (State::Live, None));
    }

    #[test]
    fn jitter_stays_between_half_and_whole() {
        for failures in 1..12 {
            for dice in [0.0, 0.3, 1.0] {
                let delay = BACK_OFF.delay(failures, dice);
                assert!(delay >= BACK_OFF.min && delay <= BACK_OFF.max, "{failures} {dice} {delay:?}");
            }
        }
    }

    #[test]
    fn a_camera_that_keeps_dead_sessions_is_left_alone_for_65_seconds() {
        let now = Instant::now();
        let mut machine = Machine::new(NO_VIDEO, BACK_OFF, now);
        machine.keeps_dead_sessions = true;
        let action = machine.handle(Input::Failed(Reason::CameraClosed), now, 0.0);
        assert_eq!(action, Action::Wait(Duration::from_secs(65)));
    }
}
