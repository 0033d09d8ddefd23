//! The thread that runs all recorders, and the one that opens their logs.
//!
//! Recorders look at their queues some times a second instead of being woken
//! by each frame: fifty cameras send over a thousand frames a second, and a
//! fragment takes half a second anyway.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use vms_format::{Body, Entry, Owner};
use vms_hub::{Hub, Next, Reader, ReaderKind, StreamKey, Wake};

use crate::config::CameraWish;

use super::lanes::Lanes;
use super::ledger::Ledger;
use super::part::WriteError;
use super::recorder::{Around, Recorder};
use super::recover::open_stream;
use super::source_view::SourceView;
use super::stream::Context;
use super::volume::Volume;
use super::writer::StreamHandle;

/// With fragments of under half a second, kill -9 takes no more than that.
const TICK: Duration = Duration::from_millis(40);
/// What the hub may hold for one recorder.
const QUEUE_BYTES: usize = 32 << 20;
/// A log that could not be opened is tried again so often.
const AGAIN: Duration = Duration::from_secs(5);

/// The recorder looks by itself.
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

enum Command {
    Wish(Vec<CameraWish>),
    Opened(StreamKey, Arc<StreamHandle>, Option<usize>),
    Trigger(StreamKey, i64, Sender<i64>),
    Stop,
}

/// Ledgers and logs of all cameras that were opened.
#[derive(Default)]
pub struct Logs {
    ledgers: Mutex<HashMap<String, Arc<Ledger>>>,
    streams: Mutex<HashMap<StreamKey, Arc<StreamHandle>>>,
    views: Mutex<HashMap<StreamKey, Arc<Mutex<SourceView>>>>,
    /// A log that two opened at once would use its numbers twice.
    opening: Mutex<()>,
}

impl Logs {
    /// A camera's ledger, opened or begun.
    pub fn ledger(&self, context: &Context, owner: &Owner) -> io::Result<Arc<Ledger>> {
        let mut ledgers = self.ledgers.lock();
        if let Some(ledger) = ledgers.get(&owner.camera) {
            return Ok(ledger.clone());
        }
        let home = home_of(&context.volumes, &owner.camera)
            .ok_or_else(|| io::Error::other("no volume can be written at the moment"))?;
        let ledger = Arc::new(Ledger::open(owner, &context.volumes, &home, &context.ledger_copies)?);
        announce_key(context, &ledger)?;
        ledgers.insert(owner.camera.clone(), ledger.clone());
        Ok(ledger)
    }

    /// A camera's ledger where it is open.
    #[must_use]
    pub fn open_ledger(&self, camera: &str) -> Option<Arc<Ledger>> {
        self.ledgers.lock().get(camera).cloned()
    }

    /// The logs that are open.
    #[must_use]
    pub fn streams(&self) -> Vec<Arc<StreamHandle>> {
        self.streams.lock().values().cloned().collect()
    }

    #[must_use]
    pub fn stream(&self, key: &StreamKey) -> Option<Arc<StreamHandle>> {
        self.streams.lock().get(key).cloned()
    }

    /// What a stream's source says of itself.
    pub fn view(&self, key: &StreamKey) -> Arc<Mutex<SourceView>> {
        self.views.lock().entry(key.clone()).or_default().clone()
    }

    /// The key in use, in every ledger that is open.
    pub fn announce_keys(&self, context: &Context) -> io::Result<()> {
        let ledgers: Vec<_> = self.ledgers.lock().values().cloned().collect();
        ledgers.iter().try_for_each(|ledger| announce_key(context, ledger))
    }

    /// A stream's log, opened as a start does where it is not.
    pub fn open(&self, context: &Context, owner: &Owner, key: &StreamKey) -> Result<Arc<StreamHandle>, WriteError> {
        let _one_at_a_time = self.opening.lock();
        if let Some(open) = self.stream(key) {
            return Ok(open);
        }
        let ledger = self.ledger(context, owner)?;
        let handle = Arc::new(StreamHandle::new(open_stream(context, &ledger, key)?));
        self.streams.lock().insert(key.clone(), handle.clone());
        Ok(handle)
    }
}

/// Where the camera was before, or the working volume with the most room.
fn home_of(volumes: &[Arc<Volume>], camera: &str) -> Option<Arc<Volume>> {
    let there = || volumes.iter().filter(|volume| volume.is_there());
    let known =
        there().find(|volume| volume.disk.list(&volume.camera(camera)).is_ok_and(|entries| !entries.is_empty()));
    known.or_else(|| there().max_by_key(|volume| volume.room())).cloned()
}

/// Writes the KEY records that the ledger lacks.
fn announce_key(context: &Context, ledger: &Ledger) -> io::Result<()> {
    let known = |entry: &Entry| match &entry.body {
        Body::Key(key) => Some(key.key_id),
        Body::Seal(seal) => Some(seal.key_id),
        _ => None,
    };
    let tail = ledger.tail(|entries| entries.iter().any(|entry| known(entry).is_some()))?;
    let announced = tail.entries.iter().rev().find_map(known);
    for key in context.keys.to_announce(announced, ledger.owner())? {
        ledger.append((context.now_us)(), vms_format::names::WHOLE_CAMERA, Body::Key(key))?;
    }
    Ok(())
}

/// All recorders, from the outside.
pub struct Recorders {
    commands: Arc<Commands>,
    pub logs: Arc<Logs>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Commands {
    waiting: Mutex<Vec<Command>>,
    news: Condvar,
}

impl Commands {
    fn send(&self, command: Command) {
        self.waiting.lock().push(command);
        self.news.notify_one();
    }

    fn take(&self, limit: Duration) -> Vec<Command> {
        let mut waiting = self.waiting.lock();
        self.news.wait_while_for(&mut waiting, |waiting| waiting.is_empty(), limit);
        std::mem::take(&mut *waiting)
    }
}

impl Recorders {
    pub fn start(context: Arc<Context>, lanes: Arc<Lanes>, hub: Hub) -> io::Result<Self> {
        let (commands, logs) = (Arc::new(Commands::default()), Arc::new(Logs::default()));
        let (open, to_open) = channel();
        let opener = {
            let (context, logs, commands) = (context.clone(), logs.clone(), commands.clone());
            let opener = move || open_logs(&context, &logs, &to_open, &commands);
            std::thread::Builder::new().name("recordings-open".into()).spawn(opener)?
        };
        let set = Set { context, lanes, hub, logs: logs.clone(), open, entries: HashMap::new() };
        let runner = {
            let commands = commands.clone();
            std::thread::Builder::new().name("recorders".into()).spawn(move || set.run(&commands))?
        };
        // The opener ends when the recorders let go of its channel.
        Ok(Self { commands, logs, threads: Mutex::new(vec![runner, opener]) })
    }

    pub fn apply(&self, wishes: Vec<CameraWish>) {
        self.commands.send(Command::Wish(wishes));
    }

    /// Until when it is recorded; `None` where the stream is not.
    #[must_use]
    pub fn trigger(&self, key: &StreamKey, until_us: i64) -> Option<i64> {
        let (answer, answered) = channel();
        self.commands.send(Command::Trigger(key.clone(), until_us, answer));
        answered.recv_timeout(AGAIN).ok()
    }

    /// Hands over all that is held; the writers still have to write it.
    pub fn stop(&self) {
        self.commands.send(Command::Stop);
        for thread in self.threads.lock().drain(..) {
            // A panic has been reported by its own hook.
            let _ = thread.join();
        }
    }
}

struct Slot {
    recorder: Recorder,
    reader: Option<Reader>,
}

struct Set {
    context: Arc<Context>,
    lanes: Arc<Lanes>,
    hub: Hub,
    logs: Arc<Logs>,
    open: Sender<(Owner, StreamKey)>,
    entries: HashMap<StreamKey, Slot>,
}

impl Set {
    fn run(mut self, commands: &Commands) {
        let mut next = Instant::now();
        loop {
            let pause = next.saturating_duration_since(Instant::now());
            let lanes = self.lanes.clone();
            let context = self.context.clone();
            for command in commands.take(pause) {
                let around = around(&context, &lanes);
                match command {
                    Command::Wish(wishes) => self.apply(&wishes, &around),
                    Command::Opened(key, handle, lane) => match self.entries.get_mut(&key) {
                        Some(slot) => slot.recorder.opened(handle, lane, &around),
                        // It was taken back meanwhile; nothing of it is open.
                        None => tracing::debug!(%key, "opened for nobody"),
                    },
                    Command::Trigger(key, until_us, answer) => {
                        if let Some(slot) = self.entries.get_mut(&key) {
                            // Who asked may have given up.
                            let _ = answer.send(slot.recorder.trigger(until_us));
                        }
                    }
                    Command::Stop => return self.stop(&around),
                }
            }
            if Instant::now() >= next {
                next = Instant::now() + TICK;
                self.tick(&around(&context, &lanes));
            }
        }
    }

    fn apply(&mut self, wishes: &[CameraWish], around: &Around<'_>) {
        let mut wanted = HashMap::new();
        for camera in wishes {
            for (stream, record) in &camera.record {
                let key = StreamKey::new(&camera.id, *stream);
                wanted.insert(key, (Owner::new(&camera.city, &camera.id), record, camera.enabled));
            }
        }
        let gone: Vec<StreamKey> = self.entries.keys().filter(|key| !wanted.contains_key(key)).cloned().collect();
        for key in gone {
            if let Some(mut slot) = self.entries.remove(&key) {
                slot.take_frames(around);
                slot.recorder.stop(around);
            }
        }
        for (key, (owner, record, enabled)) in wanted {
            let slot = self.entries.entry(key.clone()).or_insert_with(|| {
                // The other end lives as long as this thread.
                let _ = self.open.send((owner, key.clone()));
                let view = self.logs.view(&key);
                let recorder = Recorder::new(key.clone(), record.clone(), enabled, view, around);
                Slot { recorder, reader: None }
            });
            slot.recorder.set_wish(record.clone(), enabled, around);
            slot.listen(&key, &self.hub);
        }
    }

    fn tick(&mut self, around: &Around<'_>) {
        for (key, slot) in &mut self.entries {
            // A stream that left the hub and came back is another one.
            slot.listen(key, &self.hub);
            slot.take_frames(around);
            slot.recorder.tick(around);
        }
    }

    fn stop(mut self, around: &Around<'_>) {
        for slot in self.entries.values_mut() {
            slot.take_frames(around);
            slot.recorder.stop(around);
        }
    }
}

impl Slot {
    fn listen(&mut self, key: &StreamKey, hub: &Hub) {
        if !self.recorder.listens() {
            self.reader = None;
            return;
        }
        let Some(stream) = hub.stream(key) else { return };
        if self.reader.as_ref().is_none_or(|reader| !Arc::ptr_eq(reader.stream(), &stream)) {
            self.reader = Some(stream.subscribe(ReaderKind::Recorder { max_bytes: QUEUE_BYTES }, Arc::new(NoWake)));
        }
    }

    fn take_frames(&mut self, around: &Around<'_>) {
        let Some(reader) = &mut self.reader else { return };
        let stream = reader.stream().clone();
        while let Next::Frame(delivery) = reader.next() {
            self.recorder.frame(&delivery.frame, delivery.skipped, &|| stream.tracks(), around);
        }
    }
}

fn around<'a>(context: &'a Context, lanes: &'a Lanes) -> Around<'a> {
    Around { lanes, now: Instant::now(), now_us: (context.now_us)(), listener: &context.listener }
}

/// Opens logs one after another, so that a start reads each disk in order; one
/// that fails is tried again for as long as it is wanted.
fn open_logs(context: &Context, logs: &Logs, to_open: &Receiver<(Owner, StreamKey)>, commands: &Commands) {
    let mut failed: Vec<(Owner, StreamKey)> = Vec::new();
    loop {
        let next = match to_open.recv_timeout(AGAIN) {
            Ok(next) => vec![next],
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => std::mem::take(&mut failed),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        };
        for (owner, key) in next {
            match logs.open(context, &owner, &key) {
                Ok(handle) => {
                    let home = home_of(&context.volumes, &owner.camera);
                    let lane =
                        home.and_then(|home| context.volumes.iter().position(|volume| Arc::ptr_eq(volume, &home)));
                    commands.send(Command::Opened(key, handle, lane));
                }
                Err(error) => {
                    tracing::error!(stream = %key, %error, "a recording cannot be opened; it is tried again");
                    failed.push((owner, key));
                }
            }
        }
    }
}
