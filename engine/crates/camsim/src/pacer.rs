//! The camera clocks: each playing stream ticks at its own rate and phase.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep_until};

use crate::fault::Faults;
use crate::scene::Scene;
use crate::session::{Session, Tick};

/// How often what waits is tried again.
const PUMP_EVERY: Duration = Duration::from_millis(1);
/// Later than this, frames are left out instead of sent in a burst.
const TOO_LATE: Duration = Duration::from_secs(1);
/// The part of a frame by which neighbours differ: the golden ratio spreads
/// any number of cameras evenly.
const PHASE_STEP: f64 = 0.618_034;
/// Seconds by which neighbours' scenes differ, so that key frames spread too.
const SCENE_STEP: f64 = 0.28;

/// One camera's main or sub stream.
struct Stream {
    camera: usize,
    scene: Arc<Scene>,
    sessions: RefCell<Vec<Rc<Session>>>,
    /// The frame that comes next.
    next: Cell<u64>,
    scheduled: Cell<bool>,
}

impl Stream {
    /// When a frame is due after the farm's start.
    fn due(&self, number: u64) -> Duration {
        let phase = (self.camera as f64 * PHASE_STEP).fract();
        Duration::from_secs_f64((number as f64 + phase) / self.scene.fps)
    }

    fn frame_at(&self, since_start: Duration) -> u64 {
        (since_start.as_secs_f64() * self.scene.fps) as u64 + 1
    }

    fn scene_offset(&self) -> u64 {
        (self.camera as f64 * SCENE_STEP * self.scene.fps) as u64
    }
}

/// All streams of the farm; stream `2 * camera + sub`.
pub struct Pacer {
    streams: Vec<Stream>,
    faults: Arc<Faults>,
    start: Instant,
    heap: RefCell<BinaryHeap<Reverse<(Instant, usize)>>>,
    wake: Notify,
}

impl Pacer {
    pub fn new(cameras: usize, main: &Arc<Scene>, sub: &Arc<Scene>, faults: Arc<Faults>) -> Self {
        let stream = |index: usize| Stream {
            camera: index / 2,
            scene: Arc::clone(if index.is_multiple_of(2) { main } else { sub }),
            sessions: RefCell::default(),
            next: Cell::default(),
            scheduled: Cell::default(),
        };
        Self {
            streams: (0..cameras * 2).map(stream).collect(),
            faults,
            start: Instant::now(),
            heap: RefCell::default(),
            wake: Notify::new(),
        }
    }

    pub fn scene(&self, index: usize) -> &Arc<Scene> {
        &self.streams[index].scene
    }

    /// Begins to play to a client.
    pub fn add(&self, index: usize, session: Rc<Session>) {
        let now = Instant::now();
        session.start(now);
        let stream = &self.streams[index];
        let mut sessions = stream.sessions.borrow_mut();
        if !sessions.iter().any(|held| Rc::ptr_eq(held, &session)) {
            sessions.push(session);
        }
        if !stream.scheduled.replace(true) {
            stream.next.set(stream.frame_at(now - self.start));
            let due = self.start + stream.due(stream.next.get());
            self.heap.borrow_mut().push(Reverse((due, index)));
            self.wake.notify_one();
        }
    }

    pub fn remove(&self, index: usize, session: &Rc<Session>) {
        let mut sessions = self.streams[index].sessions.borrow_mut();
        sessions.retain(|held| !Rc::ptr_eq(held, session));
    }

    /// Ticks for ever.
    pub async fn run(&self) {
        let mut scratch = Vec::new();
        let mut waiting: Vec<Rc<Session>> = Vec::new();
        loop {
            self.sleep(!waiting.is_empty()).await;
            let now = Instant::now();
            waiting.retain(|session| !session.connection.closed.is_cancelled() && session.pump(now));
            while let Some(index) = self.pop_due(now) {
                self.tick(index, now, &mut scratch, &mut waiting);
            }
        }
    }

    async fn sleep(&self, pumping: bool) {
        let next = self.heap.borrow().peek().map(|Reverse((due, _))| *due);
        let pump = pumping.then(|| Instant::now() + PUMP_EVERY);
        let woken = self.wake.notified();
        match next.into_iter().chain(pump).min() {
            None => woken.await,
            Some(due) => {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = woken => {}
                }
            }
        }
    }

    fn pop_due(&self, now: Instant) -> Option<usize> {
        let mut heap = self.heap.borrow_mut();
        let Reverse((due, _)) = heap.peek()?;
        if *due > now {
            return None;
        }
        heap.pop().map(|Reverse((_, index))| index)
    }

    fn tick(&self, index: usize, now: Instant, scratch: &mut Vec<u8>, waiting: &mut Vec<Rc<Session>>) {
        let stream = &self.streams[index];
        let mut sessions = stream.sessions.borrow_mut();
        sessions.retain(|session| !session.connection.closed.is_cancelled());
        if sessions.is_empty() {
            stream.scheduled.set(false);
            return;
        }
        let number = stream.next.get();
        let utc_us = utc_now();
        let sei = stream.scene.sei(utc_us);
        let fault = self.faults.get(index);
        let tick = Tick {
            scene: &stream.scene,
            frame: stream.scene.frame(number + stream.scene_offset()),
            number,
            sei: &sei,
            utc_us,
            now,
        };
        for session in sessions.iter() {
            let left = session.tick(&tick, fault.clone(), scratch);
            if left && !waiting.iter().any(|held| Rc::ptr_eq(held, session)) {
                waiting.push(Rc::clone(session));
            }
        }
        self.schedule_next(stream, index, now);
    }

    fn schedule_next(&self, stream: &Stream, index: usize, now: Instant) {
        let mut next = stream.next.get() + 1;
        if now.saturating_duration_since(self.start + stream.due(next)) > TOO_LATE {
            next = stream.frame_at(now - self.start);
        }
        stream.next.set(next);
        let due = self.start + stream.due(next);
        self.heap.borrow_mut().push(Reverse((due, index)));
    }
}

/// The machine's UTC in microseconds.
fn utc_now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}
