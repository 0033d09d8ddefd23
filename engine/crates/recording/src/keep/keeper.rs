//! The thread that keeps and makes room: looks each minute, and at once when
//! a volume is full.
//!
//! What it decides by lies on the disks: folders and ledgers. The rules come
//! with the desired state and are remembered, so that a start without anybody
//! to ask goes on by the last ones; without any rules nothing goes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use vms_format::ledger::Reason;
use vms_format::time::{Day, hour_of};
use vms_format::{Body, Entry, Owner, PartId};
use vms_hub::{StreamKey, StreamName};

use crate::config::{CameraWish, Keep};
use crate::event::Event;
use crate::read::{Leases, stream_name};
use crate::worker::Worker;
use crate::write::recorders::Logs;
use crate::write::stream::{Context, code_of};
use crate::write::volume::{Volume, VolumeState};

use super::act::{self, ActError};
use super::book::{self, Book, BookError, Books};
use super::check::Checks;
use super::clock::{ClockWatch, Doubt};
use super::moves::{Moves, double};
use super::plan::{Action, Cause, Item, Level, Plan, Room, View, What};
use super::stock::{Files, Stock, StockKey};
use super::triggers::Spans;

const LOOK_EVERY: Duration = Duration::from_secs(60);
/// All folders are listed so often; between, those of the last day.
const COUNT_EVERY: Duration = Duration::from_secs(3600);
/// How long a stop waits for what a thread is doing.
const STOP_LIMIT: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);
/// How long a record may take to become durable.
const DURABLE_LIMIT: Duration = Duration::from_secs(30);
/// Most that is kept free for what comes next.
const MOST_AHEAD: u64 = 1 << 30;
/// Parts of this many hours are left alone until their stream is opened.
const UNOPENED_HOURS: u32 = 24;

/// What is remembered over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    seen_us: Option<i64>,
    doubt: Option<Doubt>,
    /// Of all cameras that ever had rules: a floor outlives its camera.
    keeps: Option<BTreeMap<String, Keep>>,
}

pub struct Keeping {
    pub context: Arc<Context>,
    pub logs: Arc<Logs>,
    pub leases: Arc<Leases>,
    books: Books,
    /// Changed by the keeper's threads, the mover's with `listing` held.
    stock: Mutex<Stock>,
    /// Held while folders are listed.
    pub listing: Mutex<()>,
    pub moves: Moves,
    memory: Mutex<Memory>,
    /// Streams that are to be recorded, by camera.
    recorded: Mutex<BTreeMap<String, BTreeSet<StreamName>>>,
    signal: Mutex<Signal>,
    news: Condvar,
    /// Held by whoever removes, and by whoever places a hold: a hold that was
    /// answered is seen by the next removal.
    pub changing: Mutex<()>,
    pub checks: Checks,
}

struct Memory {
    counted: Option<Instant>,
    clock: ClockWatch,
    saved: Saved,
    /// What went by age alone, by volume.
    spent: HashMap<String, VecDeque<(Instant, u64)>>,
    /// Where thinning found nothing to take.
    settled: HashMap<(String, PartId), Level>,
    /// Cameras of which was told that their ledger cannot be read.
    told: BTreeSet<String>,
}

#[derive(Default)]
struct Signal {
    look: bool,
    stop: bool,
}

impl Keeping {
    pub fn new(context: Arc<Context>, logs: Arc<Logs>, leases: Arc<Leases>) -> Self {
        let saved = load(&context);
        let clock = ClockWatch::new(saved.seen_us, saved.doubt, (context.now_us)(), Instant::now());
        let memory = Memory {
            counted: None,
            clock,
            saved,
            spent: HashMap::new(),
            settled: HashMap::new(),
            told: BTreeSet::new(),
        };
        Self {
            context,
            logs,
            leases,
            books: Books::default(),
            stock: Mutex::default(),
            listing: Mutex::default(),
            moves: Moves::default(),
            memory: Mutex::new(memory),
            recorded: Mutex::default(),
            signal: Mutex::default(),
            news: Condvar::new(),
            changing: Mutex::default(),
            checks: Checks::default(),
        }
    }

    /// Looks soon.
    pub fn wake(&self) {
        self.signal.lock().look = true;
        self.news.notify_all();
    }

    pub fn apply(&self, wishes: &[CameraWish]) {
        *self.recorded.lock() = wishes.iter().map(|w| (w.id.clone(), w.record.keys().copied().collect())).collect();
        let rules = wishes.iter().map(|wish| (wish.id.clone(), wish.keep.clone()));
        self.memory.lock().saved.keeps.get_or_insert_default().extend(rules);
        self.wake();
    }

    /// The rules in force.
    pub fn keeps(&self) -> BTreeMap<String, Keep> {
        self.memory.lock().saved.keeps.clone().unwrap_or_default()
    }

    pub fn stock(&self) -> Stock {
        self.stock.lock().clone()
    }

    pub fn doubt(&self) -> Option<Doubt> {
        self.memory.lock().clock.doubt()
    }

    /// The clock is right; true where that was in doubt.
    pub fn confirm_clock(&self) -> bool {
        let confirmed = self.memory.lock().clock.confirm();
        self.save();
        self.wake();
        confirmed
    }

    /// True once it is time to stop.
    fn wait(&self) -> bool {
        let mut signal = self.signal.lock();
        self.news.wait_while_for(&mut signal, |signal| !signal.look && !signal.stop, LOOK_EVERY);
        signal.look = false;
        signal.stop
    }

    /// What woke it was heard.
    pub fn heard(&self) {
        self.signal.lock().look = false;
    }

    pub fn is_wanted(&self) -> bool {
        let signal = self.signal.lock();
        signal.look || signal.stop
    }

    /// Waits; true where it is time to stop.
    pub fn pause(&self, time: Duration) -> bool {
        let mut signal = self.signal.lock();
        self.news.wait_while_for(&mut signal, |signal| !signal.stop, time);
        signal.stop
    }

    pub fn is_stopping(&self) -> bool {
        self.signal.lock().stop
    }

    fn stop(&self) {
        self.signal.lock().stop = true;
        self.news.notify_all();
        self.moves.stop();
    }

    /// Looks at all folders again, soon: a volume is back.
    pub fn recount(&self) {
        self.memory.lock().counted = None;
        self.wake();
    }

    /// A part as it was found last.
    pub fn found(&self, key: &StockKey) -> Option<Files> {
        self.stock.lock().0.get(key).cloned()
    }

    /// A thread changes it, or makes a copy.
    fn is_copied(&self, files: &Files) -> bool {
        self.moves.is_claimed(&files.camera, files.id)
    }

    /// Looks at all, and does what is due, moves included: without threads.
    #[cfg(test)]
    pub fn look(&self, at: Instant) {
        self.keep(at);
        while self.move_next() {}
    }

    /// Looks at all, and does what is due but for moves. Ends early where it is
    /// woken: room cannot wait for thinning.
    pub fn keep(&self, at: Instant) {
        self.count(at);
        if self.memory.lock().saved.keeps.is_none() {
            return;
        }
        let plan = self.view(&BTreeMap::new(), at).plan();
        self.tell_held(&plan);
        self.moves.clear();
        for action in &plan.actions {
            if self.is_wanted() {
                break;
            }
            self.carry_out(action, at);
        }
        self.save();
    }

    /// Lists the folders, and finishes what a kill left half done.
    pub fn count(&self, at: Instant) {
        let now_us = (self.context.now_us)();
        let (whole, stepped) = {
            let mut memory = self.memory.lock();
            let whole = memory.counted.is_none_or(|counted| at.duration_since(counted) >= COUNT_EVERY);
            memory.counted = if whole { Some(at) } else { memory.counted };
            (whole, memory.clock.look(now_us, at))
        };
        if stepped {
            self.tell_clock(self.doubt());
        }
        let since = (!whole).then(|| Day::of_hour(hour_of(now_us).saturating_sub(24)));
        // Listing takes its time; who asks meanwhile gets what was known.
        let _listing = self.listing.lock();
        let mut stock = self.stock();
        stock.look(&self.context.everywhere, since);
        if whole && self.tidy(&stock) {
            stock.look(&self.context.everywhere, None);
        }
        *self.stock.lock() = stock;
    }

    /// True where anything was changed.
    fn tidy(&self, stock: &Stock) -> bool {
        let keeps = self.with_tiers(self.keeps());
        let mut changed = false;
        for files in stock.0.values().filter(|files| !self.is_open(files)) {
            let Some(_claim) = self.moves.claim(&files.camera, files.id) else { continue };
            let _changing = self.changing.lock();
            let done = if !files.unfinished.is_empty() {
                act::go_on(files).map(|()| true)
            } else if let Some(other) = double(stock, &keeps, files) {
                act::remove_double(files, other)
            } else {
                continue;
            };
            match done {
                Ok(done) => changed |= done,
                Err(error) => {
                    tracing::error!(camera = files.camera, part = files.id.name(), %error, "a part was not put in order");
                }
            }
        }
        changed
    }

    /// Being written, or about to be looked through by a recorder that starts.
    pub fn is_open(&self, files: &Files) -> bool {
        let key = StreamKey::new(&files.camera, stream_name(files.id.stream));
        match self.logs.stream(&key) {
            Some(stream) => stream.log.lock().open_part().is_some_and(|(id, _)| id == files.id),
            None => {
                let recorded = self.recorded.lock();
                let wished = recorded.get(&files.camera).is_some_and(|streams| streams.contains(&key.stream));
                wished && files.id.hour.saturating_add(UNOPENED_HOURS) > hour_of((self.context.now_us)())
            }
        }
    }

    /// A camera's ledger; nothing is appended while it is read.
    pub fn book(&self, camera: &str, fresh: bool) -> Result<Arc<Book>, BookError> {
        let places = book::places(&self.context.volumes, &self.context.ledger_copies, camera);
        let read = || if fresh { book::read(camera, &places).map(Arc::new) } else { self.books.get(camera, &places) };
        match self.logs.open_ledger(camera) {
            Some(ledger) => ledger.while_still(read),
            None => read(),
        }
    }

    /// All that a plan depends on; with other rules laid over those in force.
    pub fn view(&self, others: &BTreeMap<String, Keep>, at: Instant) -> View {
        let (stock, now_us) = (self.stock(), (self.context.now_us)());
        let mut view = {
            let memory = self.memory.lock();
            let mut keeps = memory.saved.keeps.clone().unwrap_or_default();
            keeps.extend(others.iter().map(|(camera, keep)| (camera.clone(), keep.clone())));
            let keeps = self.with_tiers(keeps);
            let age_rules = memory.clock.doubt().is_none();
            View { now_us: memory.clock.trusted_us(now_us, at), age_rules, keeps, ..View::default() }
        };
        let cameras: BTreeSet<&String> = stock.0.keys().map(|(camera, ..)| camera).collect();
        let mut books = HashMap::new();
        for camera in cameras {
            match self.book(camera, false) {
                Ok(book) => {
                    self.memory.lock().told.remove(camera);
                    view.holds.insert(camera.clone(), book.held());
                    books.insert(camera.clone(), book);
                }
                Err(error) => {
                    if self.memory.lock().told.insert(camera.clone()) {
                        self.tell_unreadable(camera, &error);
                    }
                }
            }
        }
        let item = |files: &Files| self.item(files, books.get(&files.camera).map(|book| &**book));
        view.items = stock.0.values().map(item).collect();
        let memory = self.memory.lock();
        let rooms = self.context.everywhere.iter().map(|v| (v.name.clone(), room(v, memory.spent.get(&v.name), at)));
        view.volumes = rooms.collect();
        view
    }

    fn item(&self, files: &Files, book: Option<&Book>) -> Item {
        let read = self.leases.is_read(&files.place().video);
        let settled = self.memory.lock().settled.get(&(files.camera.clone(), files.id)).copied().unwrap_or_default();
        Item {
            camera: files.camera.clone(),
            id: files.id,
            volume: files.volume.name.clone(),
            from_us: files.start_us(),
            to_us: files.end_us(),
            bytes: files.bytes(),
            // Without its video it is a matter for people.
            busy: read
                || files.video().is_none()
                || !files.volume.is_there()
                || self.is_open(files)
                || self.is_copied(files),
            level: book.map_or(Level::Whole, |book| book.level(files.id)).max(settled),
            removed: book.is_some_and(|book| book.is_removed(files.id)),
        }
    }

    fn carry_out(&self, action: &Action, at: Instant) {
        let item = &action.item;
        let key = (item.camera.clone(), item.id, item.volume.clone());
        let Some(files) = self.found(&key) else { return };
        if let What::Move(volume) = &action.what {
            return self.moves.add(key, volume.clone());
        }
        let Some(claim) = self.moves.claim(&key.0, key.1) else { return };
        let done = match &action.what {
            What::Thin(level) => self.thin(&files, *level),
            What::Delete | What::Move(_) => self.delete(&files, action.cause).map(|()| item.bytes),
        };
        drop(claim);
        let part = item.id.name();
        match done {
            Ok(bytes) => {
                tracing::info!(camera = item.camera, part, cause = action.cause.as_str(), bytes, "a part went");
                self.done(action, bytes, at);
            }
            Err(ActError::Stays(why)) => tracing::debug!(camera = item.camera, part, why, "a part stays"),
            Err(error) => {
                tracing::error!(camera = item.camera, part, cause = action.cause.as_str(), %error, "a part stays");
            }
        }
    }

    /// Remembers what was done.
    fn done(&self, action: &Action, bytes: u64, at: Instant) {
        let item = &action.item;
        let key = (item.camera.clone(), item.id, item.volume.clone());
        let mut memory = self.memory.lock();
        if action.cause.is_age() {
            memory.spent.entry(item.volume.clone()).or_default().push_back((at, bytes));
        }
        let mut stock = self.stock.lock();
        match &action.what {
            What::Delete => drop(stock.0.remove(&key)),
            What::Thin(level) => {
                memory.settled.insert((item.camera.clone(), item.id), *level);
                if let Some(files) = stock.0.get_mut(&key) {
                    recount(files);
                }
            }
            // Its thread remembers it.
            What::Move(_) => {}
        }
    }

    /// Remembers that a part lies on another volume now.
    pub fn moved(&self, key: &StockKey, files: &Files, volume: &Arc<Volume>) {
        let mut stock = self.stock.lock();
        stock.0.remove(key);
        let moved = Files { volume: volume.clone(), ..files.clone() };
        stock.0.insert((key.0.clone(), key.1, volume.name.clone()), moved);
    }

    pub fn volume(&self, name: &str) -> Option<&Arc<Volume>> {
        self.context.everywhere.iter().find(|volume| volume.name == name)
    }

    /// May it go after all? Asked with `changing` held, of the ledger on disk.
    fn check(&self, files: &Files) -> Result<Arc<Book>, ActError> {
        if self.is_open(files) {
            return Err(ActError::Stays("it is being written"));
        }
        if self.leases.is_read(&files.place().video) {
            return Err(ActError::Stays("it is being played"));
        }
        let book = self.book(&files.camera, true).map_err(|error| ActError::CannotTell(error.to_string()))?;
        let touches = |held: &super::plan::Held| held.touches(files.id.stream, files.start_us(), files.end_us());
        if book.held().iter().any(touches) && !book.is_removed(files.id) {
            return Err(ActError::Stays("it is held"));
        }
        Ok(book)
    }

    fn delete(&self, files: &Files, cause: Cause) -> Result<(), ActError> {
        let _changing = self.changing.lock();
        let book = match cause {
            Cause::Finish => self.book(&files.camera, true).map_err(|e| ActError::CannotTell(e.to_string()))?,
            _ => self.check(files)?,
        };
        let reason = if cause == Cause::Room { Reason::DiskFull } else { Reason::Retention };
        if !book.is_removed(files.id) {
            if cause == Cause::Finish {
                return Err(ActError::Stays("no ledger says that it was removed"));
            }
            let stored = act::fragments(files)?;
            let all: Vec<_> = stored.iter().collect();
            let removed = act::removed(&all, 7, reason, files.bytes(), cause.as_str());
            self.record_removed(&book.owner, files.id.stream, removed)?;
        }
        act::unlink(files)?;
        self.tell_removed(files, reason);
        Ok(())
    }

    fn record_removed(&self, owner: &Owner, stream: u8, removed: vms_format::seal::Removed) -> Result<(), ActError> {
        let signed = removed.signed(&self.context.keys.current(), owner, stream);
        self.append(owner, stream, Body::Removed(signed))?;
        Ok(())
    }

    /// Appends to a camera's ledger; durable when it returns.
    pub fn append(&self, owner: &Owner, stream: u8, body: Body) -> io::Result<Entry> {
        let ledger = self.logs.ledger(&self.context, owner)?;
        let (entry, durable) = ledger.append((self.context.now_us)(), stream, body)?;
        match durable {
            Some((volume, round)) if volume.commits.wait(round, DURABLE_LIMIT, &*volume.disk) => Ok(entry),
            Some(_) => Err(io::Error::other("the record did not become durable")),
            None => Err(io::Error::other("the ledger is written to its second copy alone")),
        }
    }

    fn thin(&self, files: &Files, level: Level) -> Result<u64, ActError> {
        let spans = if level == Level::Events { self.triggers(files)? } else { Spans::default() };
        let why = match level {
            Level::Whole | Level::Events => "thinned to events",
            Level::Keys => "thinned to key frames",
            Level::Stills => "thinned to stills",
        };
        let thinned = act::thin(files, level, &spans, &self.context, why)?;
        let _changing = self.changing.lock();
        let book = match self.check(files) {
            Ok(book) => book,
            Err(error) => {
                thinned.discard()?;
                return Err(error);
            }
        };
        if thinned.removed.is_empty() {
            thinned.discard()?;
            return Ok(0);
        }
        for removed in thinned.removed.clone() {
            self.record_removed(&book.owner, files.id.stream, removed)?;
        }
        let freed = thinned.replace()?;
        self.tell_removed(files, Reason::Thinning);
        Ok(freed)
    }

    fn triggers(&self, files: &Files) -> Result<Spans, ActError> {
        let context = &self.context;
        let spans = Spans::read(&*files.volume.disk, &context.ledger_copies, &files.camera);
        let spans = spans.map_err(|error| ActError::CannotTell(format!("what was triggered is not known: {error}")))?;
        Ok(spans.of(files.id.stream, 0, 0))
    }

    fn tell_removed(&self, files: &Files, reason: Reason) {
        self.tell(files, code_of(reason));
    }

    pub fn tell(&self, files: &Files, reason: &'static str) {
        (self.context.listener)(Event::Removed {
            key: StreamKey::new(&files.camera, stream_name(files.id.stream)),
            utc_us: (self.context.now_us)(),
            from_us: files.start_us(),
            to_us: files.end_us(),
            reason,
        });
    }

    fn tell_held(&self, plan: &Plan) {
        for volume in &self.context.everywhere {
            let held = plan.held.contains(&volume.name);
            if held == volume.is_held() {
                continue;
            }
            volume.set_held(held);
            let reason =
                "it has no room, and all that could go is held, under a floor, or of a ledger that cannot be read";
            self.tell_volume(volume, held.then(|| reason.to_owned()));
        }
    }

    fn tell_volume(&self, volume: &Volume, reason: Option<String>) {
        let state = volume.health().state.as_str();
        tracing::warn!(volume = volume.name, state, reason, "a volume is looked after");
        (self.context.listener)(Event::Volume {
            utc_us: (self.context.now_us)(),
            volume: volume.name.clone(),
            state,
            reason,
        });
    }

    fn tell_unreadable(&self, camera: &str, error: &BookError) {
        tracing::error!(camera, %error, "nothing of this camera is deleted");
        if let Some(volume) = self.context.volumes.first() {
            self.tell_volume(volume, Some(format!("nothing of camera {camera} is deleted: {error}")));
        }
    }

    fn tell_clock(&self, doubt: Option<Doubt>) {
        let (Some(doubt), Some(volume)) = (doubt, self.context.volumes.first()) else { return };
        let seconds = doubt.step_us / 1_000_000;
        self.tell_volume(
            volume,
            Some(format!("the clock stepped by {seconds} s: nothing goes by age until it is confirmed")),
        );
    }

    fn save(&self) {
        let saved = {
            let mut memory = self.memory.lock();
            let now_us = memory.clock.trusted_us((self.context.now_us)(), Instant::now());
            memory.saved.seen_us = Some(now_us);
            memory.saved.doubt = memory.clock.doubt();
            memory.saved.clone()
        };
        let Some(volume) = self.context.volumes.first() else { return };
        let written = serde_json::to_vec(&saved).map_err(io::Error::from);
        let path = saved_path(&self.context);
        if let Err(error) = written.and_then(|bytes| volume.disk.replace(&path, &bytes)) {
            tracing::error!(path = %path.display(), %error, "what the keeper knows cannot be written");
        }
    }
}

fn saved_path(context: &Context) -> PathBuf {
    context.ledger_copies.join("keeper.json")
}

/// What cannot be read counts as not known, and is told.
fn load(context: &Context) -> Saved {
    let Some(volume) = context.volumes.first() else { return Saved::default() };
    match volume.disk.read(&saved_path(context)).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)) {
        Ok(saved) => saved,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(%error, "what the keeper knew cannot be read");
            }
            Saved::default()
        }
    }
}

fn recount(files: &mut Files) {
    let kinds: Vec<_> = files.sizes.keys().copied().collect();
    for kind in kinds {
        let size = files.volume.disk.open(&files.path(kind)).and_then(|file| file.size());
        match size {
            Ok(size) => files.sizes.insert(kind, size),
            Err(_) => files.sizes.remove(&kind),
        };
    }
}

/// A volume's size as recordings may use it.
pub fn limit(volume: &Volume) -> u64 {
    let total = volume.look().map_or(0, |space| space.total);
    volume.max_bytes().unwrap_or(total).min(total)
}

fn room(volume: &Volume, spent: Option<&VecDeque<(Instant, u64)>>, at: Instant) -> Room {
    let limit = limit(volume);
    let last_hour = spent.into_iter().flatten().filter(|(when, _)| at.saturating_duration_since(*when) < HOUR);
    let (count, bytes) = last_hour.fold((0, 0_u64), |(count, sum), (_, bytes)| (count + 1, sum + bytes));
    Room {
        room: volume.room(),
        // More than a volume that is full needs to be written to again.
        wanted: (limit / 50).min(MOST_AHEAD),
        by_age: (limit / 20).saturating_sub(bytes),
        first_by_age: count == 0,
        closed: !matches!(volume.health().state, VolumeState::Ok | VolumeState::Slow),
    }
}

/// The keeper's threads.
pub struct Keeper {
    pub keeping: Arc<Keeping>,
    threads: Mutex<Vec<Worker>>,
}

impl Keeper {
    pub fn start(keeping: Arc<Keeping>) -> io::Result<Self> {
        let (own, mover) = (keeping.clone(), keeping.clone());
        let run = move || {
            own.keep(Instant::now());
            while !own.wait() {
                own.keep(Instant::now());
            }
        };
        let moves = move || {
            while !mover.moves.wait() {
                mover.move_next();
            }
        };
        let threads = vec![Worker::start("keeper", run)?, Worker::start("mover", moves)?];
        Ok(Self { keeping, threads: Mutex::new(threads) })
    }

    pub fn stop(&self) {
        self.keeping.stop();
        self.threads.lock().drain(..).for_each(|thread| thread.end(STOP_LIMIT));
    }
}
