//! One stream of one camera: runs its sessions for ever and tells its state.

use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vms_hub::{Hub, Publisher, StreamKey};
use vms_media::{DropReason, TrackKind};

use crate::arrivals::{Arrivals, Expected};
use crate::clock::ServerClock;
use crate::dial::Dialer;
use crate::feed::{Feed, Item};
use crate::open::{Means, Way, open};
use crate::pair::{Addresses, Pair};
use crate::reason::Reason;
use crate::state::{Action, BackOff, Input, Machine, State};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    #[default]
    Tcp,
    Udp,
}

#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From dialling to the answer to PLAY.
    pub open: Duration,
    /// Without video for so long, a stream is down.
    pub no_video: Duration,
}

#[derive(Clone, PartialEq, Eq)]
pub struct SourceConfig {
    pub key: StreamKey,
    /// May hold a password: never logged.
    pub address: String,
    /// Plays while the first gives no video; like it, never logged.
    pub backup: Option<String>,
    pub transport: Transport,
    /// Opened for viewers alone, and left some time after the last of them.
    pub on_demand: bool,
}

impl std::fmt::Debug for SourceConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceConfig").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A change of state, for the journal.
#[derive(Clone, Debug)]
pub struct StateChange {
    pub key: StreamKey,
    pub utc_us: i64,
    pub state: State,
    pub reason: Option<Reason>,
    /// The second address plays.
    pub backup: bool,
}

#[derive(Clone, Debug)]
pub struct SourceStatus {
    pub state: State,
    pub reason: Option<Reason>,
    pub since_utc_us: i64,
    /// Sessions begun after the first.
    pub reconnects: u64,
    pub clock_offset_ms: Option<i64>,
    /// Frames that never became whole.
    pub lost_frames: u64,
    /// The second address plays.
    pub backup: bool,
}

type Listener = Arc<dyn Fn(StateChange) + Send + Sync>;

/// What all sources share.
#[derive(Clone)]
pub struct Shared {
    pub hub: Hub,
    pub clock: Arc<ServerClock>,
    /// Opens all sockets towards cameras.
    pub dialer: Dialer,
    /// Brings publishers to the streams that wait for them.
    pub arrivals: Arrivals,
    pub timeouts: Timeouts,
    pub back_off: BackOff,
    /// How long a stream on demand stays open without viewers.
    pub linger: Duration,
    /// Where the files of `file:` lie; unset: they are refused.
    pub media_dir: Option<PathBuf>,
    pub listener: Listener,
}

/// A running source. Dropping it ends its session with TEARDOWN.
pub struct Source {
    config: SourceConfig,
    status: Arc<Mutex<SourceStatus>>,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Source {
    /// Starts the source on the current runtime.
    #[must_use]
    pub fn start(config: SourceConfig, shared: Shared) -> Self {
        let status = Arc::new(Mutex::new(SourceStatus {
            state: State::Connecting,
            reason: None,
            since_utc_us: shared.clock.now().utc_us,
            reconnects: 0,
            clock_offset_ms: None,
            lost_frames: 0,
            backup: false,
        }));
        let cancel = CancellationToken::new();
        let goodbyes = TaskTracker::new();
        let means = Means {
            clock: shared.clock.clone(),
            dialer: shared.dialer.clone(),
            goodbyes,
            catches_up: config.on_demand,
            lessons: Arc::default(),
            media_dir: shared.media_dir.clone(),
        };
        let expected = match Way::of(&config.address) {
            Way::Opened => None,
            Way::Published(second) => Some(shared.arrivals.expect(&config.key, second)),
        };
        let stream = shared.hub.ensure(&config.key);
        // Who calls us is not called: such a stream waits at any time, and no
        // attempt of it is broken off for want of viewers.
        let on_demand = config.on_demand && expected.is_none();
        stream.set_on_demand(on_demand);
        let demand = Demand { watched: on_demand.then(|| stream.watched()), linger: shared.linger };
        let runner = Runner {
            expected,
            machine: Machine::new(shared.timeouts.no_video, shared.back_off, Instant::now()),
            config: config.clone(),
            shared,
            means,
            status: status.clone(),
            moved: false,
        };
        let task = tokio::spawn(runner.run(demand, cancel.clone()));
        Self { config, status, cancel, task }
    }

    #[must_use]
    pub fn config(&self) -> &SourceConfig {
        &self.config
    }

    #[must_use]
    pub fn status(&self) -> SourceStatus {
        self.status.lock().clone()
    }

    /// Ends the session and waits until the camera was told.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        // A panic of the task has been reported by its own hook.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

struct Runner {
    /// Of a stream that waits for publishers.
    expected: Option<Expected>,
    machine: Machine,
    config: SourceConfig,
    shared: Shared,
    means: Means,
    status: Arc<Mutex<SourceStatus>>,
    /// Another address, or other tracks, play from the next picture on.
    moved: bool,
}

impl Runner {
    async fn run(mut self, mut demand: Demand, cancel: CancellationToken) {
        self.tell();
        loop {
            if !demand.is_there() {
                self.step(Input::Unwatched);
                tokio::select! {
                    () = demand.comes() => {}
                    () = cancel.cancelled() => break,
                }
            }
            let attempt = async {
                let wait = self.attempt().await;
                tokio::time::sleep(wait).await;
            };
            tokio::select! {
                () = attempt => self.status.lock().reconnects += 1,
                // The session is dropped, and so ended.
                () = demand.lapses() => {}
                () = cancel.cancelled() => break,
            }
        }
        // Each goodbye is bounded, because a dead camera will never answer.
        self.means.goodbyes.close();
        self.means.goodbyes.wait().await;
    }

    /// One session, from dialling to its end; returns how long to wait.
    async fn attempt(&mut self) -> Duration {
        let mut expected = self.expected.take();
        let wait = match &mut expected {
            Some(expected) => self.attempt_published(expected).await,
            None => self.attempt_opened().await,
        };
        self.expected = expected;
        wait
    }

    async fn attempt_opened(&mut self) -> Duration {
        self.step(Input::Dial);
        let reason = match self.open().await {
            Ok(feed) => {
                self.machine.keeps_dead_sessions = feed.keeps_dead_sessions();
                match self.play(feed).await {
                    Ended::Wait(wait) => return wait,
                    Ended::Because(reason) => reason,
                }
            }
            Err(reason) => reason,
        };
        match self.step(Input::Failed(reason)) {
            Action::Wait(wait) => wait,
            Action::None => self.shared.back_off.min,
        }
    }

    async fn open(&self) -> Result<Box<dyn Feed>, Reason> {
        let SourceConfig { address, backup, transport, .. } = &self.config;
        let limit = self.shared.timeouts.open;
        let Some(backup) = backup else { return open(address, *transport, &self.means, limit).await };
        let addresses = Addresses {
            first: address.clone(),
            second: backup.clone(),
            transport: *transport,
            limit,
            no_video: self.shared.timeouts.no_video,
            back_off: self.shared.back_off,
        };
        Ok(Box::new(Pair::open(addresses, &self.means).await?))
    }

    /// Waits for publishers and plays each; whoever calls again is taken at once.
    async fn attempt_published(&mut self, expected: &mut Expected) -> Duration {
        self.step(Input::Wait);
        let mut feed = expected.next().await;
        loop {
            self.step(Input::Dial);
            let played = tokio::select! {
                ended = self.play(feed) => Err(ended),
                next = expected.next() => Ok(next),
            };
            match played {
                Ok(next) => feed = next,
                Err(ended) => {
                    expected.left();
                    if let Ended::Because(reason) = ended {
                        self.step(Input::Failed(reason));
                    }
                    return Duration::ZERO;
                }
            }
        }
    }

    async fn play(&mut self, mut session: Box<dyn Feed>) -> Ended {
        // The stream is taken over at its first video frame, so that readers
        // keep what they have while a camera answers but shows nothing.
        let mut publisher: Option<Publisher> = None;
        let mut steps = self.shared.clock.check(Instant::now());
        let mut ticks = tokio::time::interval(self.shared.timeouts.no_video / 5);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = ticks.tick() => {
                    if let Action::Wait(wait) = self.step(Input::Tick) {
                        return Ended::Wait(wait);
                    }
                    let now = self.shared.clock.check(Instant::now());
                    if now != std::mem::replace(&mut steps, now) {
                        self.clock_stepped(&mut *session, publisher.as_mut());
                    }
                }
                item = poll_fn(|cx| session.poll_item(cx)) => match item {
                    Ok(item) => if !self.take(item, &*session, &mut publisher) {
                        return Ended::Because(Reason::Protocol { detail: "another source took the stream over".into() });
                    },
                    Err(reason) => return Ended::Because(reason),
                }
            }
        }
    }

    /// False when a newer publisher has taken the stream over.
    fn take(&mut self, item: Item, session: &dyn Feed, publisher: &mut Option<Publisher>) -> bool {
        match item {
            Item::Frame(frame) => {
                if frame.kind == TrackKind::Video {
                    self.step(Input::Video);
                    // Taken over while the last publisher holds it, so that readers stay.
                    if publisher.is_none() || std::mem::take(&mut self.moved) {
                        *publisher = Some(self.shared.hub.publish(&self.config.key, session.tracks().to_vec()));
                    }
                }
                publisher.as_mut().is_none_or(|publisher| publisher.push(frame))
            }
            Item::Lost(drop) => {
                // Before the first key frame nothing can be shown: no loss.
                if drop != DropReason::NoKeyYet {
                    self.status.lock().lost_frames += 1;
                }
                true
            }
            Item::Upstream { missing, stepped } => {
                if let Some(publisher) = publisher {
                    publisher.new_epoch();
                    self.note(if stepped { Reason::ClockStep } else { Reason::Upstream { frames: missing } });
                }
                true
            }
            Item::CameraOffset(offset) => {
                self.status.lock().clock_offset_ms = Some(offset);
                true
            }
            Item::Tracks => {
                self.moved = true;
                true
            }
            Item::Address { backup } => {
                self.moved = true;
                let before = std::mem::replace(&mut self.status.lock().backup, backup);
                // The first picture tells it otherwise.
                if before != backup && self.machine.state() == State::Live {
                    self.tell();
                }
                true
            }
        }
    }

    fn clock_stepped(&mut self, session: &mut dyn Feed, publisher: Option<&mut Publisher>) {
        session.reset_clocks();
        if let Some(publisher) = publisher {
            publisher.new_epoch();
        }
        self.note(Reason::ClockStep);
    }

    /// Tells of something that changes no state.
    fn note(&self, reason: Reason) {
        let change = StateChange {
            key: self.config.key.clone(),
            utc_us: self.shared.clock.now().utc_us,
            state: self.machine.state(),
            reason: Some(reason),
            backup: self.status.lock().backup,
        };
        (self.shared.listener)(change);
    }

    fn step(&mut self, input: Input) -> Action {
        let before = (self.machine.state(), self.machine.reason().cloned());
        let action = self.machine.handle(input, Instant::now(), rand::random());
        if before.0 != self.machine.state() || before.1.as_ref() != self.machine.reason() {
            self.tell();
        }
        action
    }

    fn tell(&self) {
        let utc_us = self.shared.clock.now().utc_us;
        let (state, reason) = (self.machine.state(), self.machine.reason().cloned());
        let backup = {
            let mut status = self.status.lock();
            if status.state != state {
                status.since_utc_us = utc_us;
            }
            (status.state, status.reason) = (state, reason.clone());
            status.backup &= matches!(state, State::Live | State::Stalled);
            status.backup
        };
        (self.shared.listener)(StateChange { key: self.config.key.clone(), utc_us, state, reason, backup });
    }
}

/// Whether a stream is to be open.
struct Demand {
    /// Absent where it is whoever views it.
    watched: Option<watch::Receiver<bool>>,
    linger: Duration,
}

impl Demand {
    fn is_there(&self) -> bool {
        self.watched.as_ref().is_none_or(|watched| *watched.borrow())
    }

    async fn becomes(&mut self, wanted: bool) {
        let Some(watched) = &mut self.watched else { return std::future::pending().await };
        if watched.wait_for(|watched| *watched == wanted).await.is_err() {
            // The hub has forgotten the stream, and will end us.
            std::future::pending::<()>().await;
        }
    }

    async fn comes(&mut self) {
        self.becomes(true).await;
    }

    /// Returns once nobody has viewed it for a while.
    async fn lapses(&mut self) {
        loop {
            self.becomes(false).await;
            let linger = self.linger;
            if tokio::time::timeout(linger, self.becomes(true)).await.is_err() {
                return;
            }
        }
    }
}

enum Ended {
    /// The machine has decided already.
    Wait(Duration),
    Because(Reason),
}
