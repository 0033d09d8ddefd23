//! What a viewer's path bears, judged from what he tells about once a second,
//! and which of a camera's two streams that speaks for: pure.
//!
//! Down it goes quickly, for a picture that stands still helps nobody. How much
//! more than the small picture a path bears is not seen from the small one: up
//! is an attempt, made after a good while, and each that failed doubles the
//! while until the next.

use std::time::{Duration, Instant};

use vms_hub::StreamName;

/// Lost on the way, of a report's packets: beyond it resending no longer hides
/// what is missing from the eye.
const BAD_LOSS: f64 = 0.10;
/// Packets sent again, in proportion to those sent for the first time. More than
/// of the lost ones: a path that only changes their order is asked for some too.
const BAD_RESENDS: f64 = 0.20;
/// Of a few packets any share is large: fewer lost ones are no loss.
const FEWEST: f64 = 3.0;
/// A round trip that is so much longer than the path's own waits in a queue.
const BAD_QUEUE: Duration = Duration::from_millis(200);
/// Bad reports on end that make a bad path: two of loss, as one may be a
/// moment's; three of a queue, as one key frame makes a short one.
const BAD_REPORTS: u32 = 2;
const BAD_QUEUES: u32 = 3;
/// Lost over the whole while before an attempt, at most.
const GOOD_LOSS: f64 = 0.03;
/// The longest while before an attempt: a path that never bears the large
/// picture costs its viewer a few bad seconds six times an hour.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The large picture was borne if it was for so long: the next attempt comes soon.
const BORNE_AFTER: Duration = Duration::from_secs(120);
/// A pause between two reports that ends what they have in common.
const LONGEST_GAP: Duration = Duration::from_secs(5);
/// The part of a longer round trip by which the path's own grows a report: a
/// path that has become longer for good is taken for that after a minute.
const LEARNS: f64 = 1.0 / 64.0;

/// The times that are the camera's and the viewer's, not the path's.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// What is told so soon after a change is of what was before, or of the
    /// packets that came with it all at once.
    pub settle: Duration,
    /// How long a path is good before the first attempt to go up.
    pub first_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { settle: Duration::from_secs(3), first_wait: Duration::from_secs(15) }
    }
}

/// What is known of the time since the last report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Packets sent for the first time, and those sent again.
    pub sent: u64,
    pub resent: u64,
    /// The share that the viewer missed; resending it does not change it.
    pub loss: f64,
    /// From a sender report to the viewer and back, without his own delay.
    pub round_trip: Option<Duration>,
    /// Frames that this machine was too slow to send him.
    pub overtaken: bool,
}

/// Why a viewer gets the other stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Loss,
    Resends,
    RoundTrip,
    Overtaken,
    Recovered,
}

impl Why {
    pub const ALL: [Self; 5] = [Self::Loss, Self::Resends, Self::RoundTrip, Self::Overtaken, Self::Recovered];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Resends => "resends",
            Self::RoundTrip => "round_trip",
            Self::Overtaken => "overtaken",
            Self::Recovered => "recovered",
        }
    }

    /// Where it leads to.
    #[must_use]
    pub fn leads_to(self) -> StreamName {
        if self == Self::Recovered { StreamName::Main } else { StreamName::Sub }
    }
}

/// One viewer's path.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    patience: Patience,
    on: StreamName,
    /// Since when that is sent.
    since: Instant,
    /// What was told before is of no matter.
    settled: Instant,
    last: Instant,
    bad: u32,
    queued: u32,
    good: Option<Good>,
    /// The main stream is sent by an attempt, not from the start.
    attempt: bool,
    /// Attempts on end that failed.
    failures: u32,
    /// Seconds of its round trip while nothing waits on it.
    own: Option<f64>,
}

/// A while without a bad report.
#[derive(Clone, Copy, Debug)]
struct Good {
    since: Instant,
    sent: f64,
    lost: f64,
}

impl Path {
    /// Of one who begins with the main stream.
    #[must_use]
    pub fn new(patience: Patience, now: Instant) -> Self {
        Self {
            patience,
            on: StreamName::Main,
            since: now,
            settled: now + patience.settle,
            last: now,
            bad: 0,
            queued: 0,
            good: None,
            attempt: false,
            failures: 0,
            own: None,
        }
    }

    /// Takes a report; why the other stream should be sent from now on, if so.
    pub fn judge(&mut self, report: &Report, now: Instant) -> Option<Why> {
        let gap = now.duration_since(self.last);
        self.last = now;
        if gap > LONGEST_GAP {
            self.forget();
        }
        let queued = self.is_queued(report.round_trip);
        if now < self.settled {
            return None;
        }
        let why = bad(report);
        self.bad = if why.is_some() { self.bad + 1 } else { 0 };
        self.queued = if queued { self.queued + 1 } else { 0 };
        match self.on {
            StreamName::Main if self.bad >= BAD_REPORTS => why,
            StreamName::Main => (self.queued >= BAD_QUEUES).then_some(Why::RoundTrip),
            StreamName::Sub => self.rise(report, now),
        }
    }

    fn rise(&mut self, report: &Report, now: Instant) -> Option<Why> {
        if self.bad > 0 || self.queued > 0 {
            self.good = None;
            return None;
        }
        let (sent, wait) = (report.sent as f64, self.wait());
        let good = self.good.get_or_insert(Good { since: now, sent: 0.0, lost: 0.0 });
        good.sent += sent;
        good.lost += sent * report.loss;
        if now.duration_since(good.since) < wait {
            return None;
        }
        if good.lost > good.sent * GOOD_LOSS {
            self.good = None;
            return None;
        }
        Some(Why::Recovered)
    }

    /// Whether a round trip waits in a queue; learns the path's own from it.
    fn is_queued(&mut self, round_trip: Option<Duration>) -> bool {
        let Some(told) = round_trip.map(|time| time.as_secs_f64()) else { return false };
        let own = self.own.map_or(told, |own| told.min(own + (told - own) * LEARNS));
        self.own = Some(own);
        told > own + BAD_QUEUE.as_secs_f64()
    }

    /// How long it has to be good before the next attempt.
    fn wait(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures);
        self.patience.first_wait.saturating_mul(doubled).min(LONGEST_WAIT)
    }

    /// The other stream is sent from now on.
    pub fn turned(&mut self, on: StreamName, now: Instant) {
        if on == StreamName::Sub {
            let borne = !self.attempt || now.duration_since(self.since) >= BORNE_AFTER;
            self.failures = if borne { 0 } else { self.failures + 1 };
        }
        self.attempt = on == StreamName::Main;
        self.on = on;
        self.since = now;
        self.settle(now);
    }

    /// The other stream could not be sent: for a while nothing changes that.
    pub fn stayed(&mut self, now: Instant) {
        self.failures += 1;
        self.forget();
        self.settled = now + self.patience.first_wait;
    }

    /// What was told so far is of pictures that are no longer sent.
    pub fn settle(&mut self, now: Instant) {
        self.settled = now + self.patience.settle;
        self.forget();
    }

    fn forget(&mut self) {
        (self.bad, self.queued, self.good) = (0, 0, None);
    }
}

/// What is bad about a report.
fn bad(report: &Report) -> Option<Why> {
    let sent = report.sent as f64;
    let (lost, resent) = (sent * report.loss, report.resent as f64);
    let most = |share: f64| (sent * share).max(FEWEST);
    if report.overtaken {
        Some(Why::Overtaken)
    } else if lost >= most(BAD_LOSS) {
        Some(Why::Loss)
    } else {
        (resent >= most(BAD_RESENDS)).then_some(Why::Resends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets a second of the two streams.
    const MAIN: u64 = 400;
    const SUB: u64 = 40;

    struct Viewer {
        path: Path,
        now: Instant,
        on: StreamName,
        /// Second and reason of each change.
        turns: Vec<(u64, Why)>,
        second: u64,
    }

    fn ms(time: u64) -> Option<Duration> {
        Some(Duration::from_millis(time))
    }

    impl Viewer {
        fn new() -> Self {
            let now = Instant::now();
            let path = Path::new(Patience::default(), now);
            Self { path, now, on: StreamName::Main, turns: Vec::new(), second: 0 }
        }

        /// One report a second, as `told` says of what is sent then.
        fn tell(&mut self, seconds: u64, mut told: impl FnMut(u64, StreamName) -> Report) {
            for _ in 0..seconds {
                self.second += 1;
                self.now += Duration::from_secs(1);
                let sent = if self.on == StreamName::Main { MAIN } else { SUB };
                let report = Report { sent, ..told(self.second, self.on) };
                if let Some(why) = self.path.judge(&report, self.now) {
                    self.on = why.leads_to();
                    self.path.turned(self.on, self.now);
                    self.turns.push((self.second, why));
                }
            }
        }
    }

    fn good() -> Report {
        Report { round_trip: ms(40), ..Report::default() }
    }

    fn lossy(loss: f64) -> Report {
        Report { loss, ..good() }
    }

    #[test]
    fn two_reports_of_loss_lead_down_and_a_good_while_up_again() {
        let mut viewer = Viewer::new();
        viewer.tell(20, |_, _| good());
        viewer.tell(5, |_, on| if on == StreamName::Main { lossy(0.15) } else { good() });
        assert_eq!(viewer.turns, [(22, Why::Loss)], "at the second report");
        viewer.tell(40, |_, _| good());
        // Three seconds settle, then fifteen from the first good one on.
        assert_eq!(viewer.turns[1..], [(40, Why::Recovered)]);
        viewer.tell(600, |_, _| good());
        assert_eq!(viewer.turns.len(), 2, "and it stays there");
    }

    #[test]
    fn one_bad_moment_leads_nowhere() {
        let mut viewer = Viewer::new();
        viewer.tell(300, |second, _| if second % 2 == 0 { lossy(0.5) } else { good() });
        assert_eq!(viewer.turns, []);
    }

    #[test]
    fn a_little_loss_is_resent_and_leads_nowhere() {
        let mut viewer = Viewer::new();
        viewer.tell(300, |_, _| Report { resent: MAIN / 20, ..lossy(0.05) });
        assert_eq!(viewer.turns, []);
    }

    #[test]
    fn what_is_told_of_the_join_itself_counts_for_nothing() {
        let mut viewer = Viewer::new();
        viewer.tell(2, |_, _| lossy(0.6));
        viewer.tell(60, |_, _| good());
        assert_eq!(viewer.turns, []);
    }

    #[test]
    fn many_resends_lead_down_though_hardly_anything_is_lost() {
        let mut viewer = Viewer::new();
        viewer.tell(5, |_, _| good());
        viewer.tell(2, |_, _| Report { resent: MAIN / 4, ..lossy(0.01) });
        assert_eq!(viewer.turns, [(7, Why::Resends)]);
    }

    #[test]
    fn jitter_alone_leads_nowhere() {
        let mut viewer = Viewer::new();
        // Every third report comes with a round trip that a moment's queue made longer.
        viewer.tell(600, |second, _| Report { round_trip: ms(if second % 3 == 0 { 400 } else { 40 }), ..good() });
        assert_eq!(viewer.turns, []);
        // So does a path that is long by itself.
        let mut viewer = Viewer::new();
        viewer.tell(600, |second, _| Report { round_trip: ms(600 + second % 7 * 20), ..good() });
        assert_eq!(viewer.turns, []);
    }

    #[test]
    fn a_round_trip_that_grows_leads_down_before_anything_is_lost() {
        let mut viewer = Viewer::new();
        viewer.tell(10, |_, _| good());
        viewer.tell(10, |second, on| {
            let queue = if on == StreamName::Main { (second - 10) * 100 } else { 0 };
            Report { round_trip: ms(40 + queue), ..good() }
        });
        // 240, 340, 440 and 540 ms: the first is not yet beyond it.
        assert_eq!(viewer.turns, [(15, Why::RoundTrip)]);
    }

    #[test]
    fn a_path_that_became_longer_for_good_is_taken_for_that() {
        let mut viewer = Viewer::new();
        viewer.tell(10, |_, _| good());
        viewer.tell(300, |_, _| Report { round_trip: ms(340), ..good() });
        let whys: Vec<Why> = viewer.turns.iter().map(|(_, why)| *why).collect();
        assert_eq!(whys, [Why::RoundTrip, Why::Recovered], "{:?}", viewer.turns);
    }

    #[test]
    fn frames_that_this_machine_missed_lead_down_too() {
        let mut viewer = Viewer::new();
        viewer.tell(5, |_, _| good());
        viewer.tell(2, |_, _| Report { overtaken: true, ..good() });
        assert_eq!(viewer.turns, [(7, Why::Overtaken)]);
    }

    #[test]
    fn a_path_that_never_bears_the_large_picture_is_asked_seldom() {
        let mut viewer = Viewer::new();
        viewer.tell(3600, |_, on| if on == StreamName::Main { lossy(0.3) } else { good() });
        let ups: Vec<u64> =
            viewer.turns.iter().filter(|(_, why)| *why == Why::Recovered).map(|(second, _)| *second).collect();
        let between: Vec<u64> = ups.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(between.windows(2).all(|two| two[1] >= two[0]), "{between:?}");
        assert!(viewer.turns.len() <= 22, "{} changes in an hour: {:?}", viewer.turns.len(), viewer.turns);
        assert!(ups.len() >= 5, "and yet it is asked: {ups:?}");
    }

    #[test]
    fn a_flapping_path_changes_little_too() {
        let mut viewer = Viewer::new();
        // Whatever is sent: half a minute good, ten seconds bad.
        viewer.tell(3600, |second, _| if second % 40 < 30 { good() } else { lossy(0.4) });
        assert!((2..=24).contains(&viewer.turns.len()), "{} changes in an hour", viewer.turns.len());
    }

    #[test]
    fn what_was_borne_for_long_is_tried_again_soon() {
        let mut viewer = Viewer::new();
        for round in 0..3 {
            viewer.tell(200, |_, _| good());
            viewer.tell(2, |_, _| lossy(0.3));
            assert_eq!(viewer.turns.len(), 2 * round + 1, "{:?}", viewer.turns);
            let down = viewer.second;
            viewer.tell(30, |_, _| good());
            assert_eq!(viewer.turns.last(), Some(&(down + 18, Why::Recovered)), "{:?}", viewer.turns);
        }
    }

    #[test]
    fn scattered_losses_of_a_small_stream_do_not_keep_it_down() {
        let mut viewer = Viewer::new();
        viewer.tell(5, |_, _| good());
        viewer.tell(2, |_, _| lossy(0.2));
        // One packet of forty every other second: 1.3 %.
        viewer.tell(30, |second, _| if second % 2 == 0 { lossy(1.0 / 40.0) } else { good() });
        assert_eq!(viewer.turns.len(), 2, "{:?}", viewer.turns);
        // One a second and more is too many.
        let mut viewer = Viewer::new();
        viewer.tell(5, |_, _| good());
        viewer.tell(2, |_, _| lossy(0.2));
        viewer.tell(300, |_, _| lossy(1.6 / 40.0));
        assert_eq!(viewer.turns.len(), 1, "{:?}", viewer.turns);
    }

    #[test]
    fn a_change_that_cannot_be_is_not_asked_for_each_second() {
        let mut path = Path::new(Patience::default(), Instant::now());
        let mut now = path.since;
        let mut asked = 0;
        for _ in 0..120 {
            now += Duration::from_secs(1);
            if path.judge(&Report { sent: MAIN, ..lossy(0.3) }, now).is_some() {
                asked += 1;
                path.stayed(now);
            }
        }
        assert!((2..=8).contains(&asked), "{asked}");
    }

    #[test]
    fn a_pause_ends_what_was_told_before() {
        let mut viewer = Viewer::new();
        viewer.tell(10, |_, _| good());
        viewer.tell(1, |_, _| lossy(0.4));
        viewer.now += Duration::from_secs(60);
        viewer.tell(1, |_, _| lossy(0.4));
        assert_eq!(viewer.turns, []);
        viewer.tell(1, |_, _| lossy(0.4));
        assert_eq!(viewer.turns.len(), 1);
    }
}
