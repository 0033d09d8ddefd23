//! A shard: one thread, its viewers, one event loop.
//!
//! Order of a turn: live frames first, then what browsers sent, then bursts,
//! timers, and handshakes within their budget of time; so that people who join
//! do not stall people who watch.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vms_hub::{StreamKey, Wake};

use super::limits::BurstBudget;
use super::metrics::Counters;
use super::router::{Announcement, Announcements};
use super::signal::{Signal, readable, wait};
use super::socket::{SendBatch, SharedSocket};
use super::stun::stun_ufrag;
use super::viewer::{Context, Flow, Viewer};

/// Time a turn gives to handshakes; one step takes up to 2 ms.
const HANDSHAKE_BUDGET: Duration = Duration::from_millis(1);
const BURST_TICK: Duration = Duration::from_millis(1);
const TIMER_TICK: Duration = Duration::from_millis(20);
/// A session that has not connected by then is given up.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Datagrams that may wait for a shard that is behind.
const MAX_WAITING: usize = 8192;
const MAX_HANDSHAKES_WAITING: usize = 8192;

/// One datagram on its way to a shard.
#[derive(Debug)]
pub struct Datagram {
    pub socket: usize,
    /// The machine's address that it was sent to.
    pub local: IpAddr,
    pub source: SocketAddr,
    pub bytes: Box<[u8]>,
}

pub enum Command {
    Join(Box<Viewer>),
    End(u128),
    EndStream(StreamKey),
    Stop,
}

/// How other threads reach a shard.
pub struct Mailbox {
    signal: Signal,
    mail: Mutex<Mail>,
    pub viewers: AtomicUsize,
}

#[derive(Default)]
struct Mail {
    datagrams: Vec<Datagram>,
    commands: Vec<Command>,
    /// Groups of viewers whose stream has a new frame.
    ready: Vec<usize>,
}

impl Mailbox {
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { signal: Signal::new()?, mail: Mutex::default(), viewers: AtomicUsize::new(0) })
    }

    /// Hands datagrams over; returns how many had no room.
    pub fn deliver(&self, datagrams: &mut Vec<Datagram>) -> u64 {
        if datagrams.is_empty() {
            return 0;
        }
        let mut mail = self.mail.lock();
        let room = MAX_WAITING.saturating_sub(mail.datagrams.len());
        let lost = datagrams.len().saturating_sub(room);
        mail.datagrams.extend(datagrams.drain(..).take(room));
        drop(mail);
        self.signal.raise();
        lost as u64
    }

    pub fn command(&self, command: Command) {
        self.mail.lock().commands.push(command);
        self.signal.raise();
    }

    fn ready(&self, group: usize) {
        self.mail.lock().ready.push(group);
        self.signal.raise();
    }

    fn take(&self) -> Mail {
        self.signal.take();
        std::mem::take(&mut *self.mail.lock())
    }
}

/// Wakes a shard for all its viewers of one stream at once: the publisher
/// calls it for each viewer, and all calls but the first cost one load.
struct GroupWake {
    mailbox: Arc<Mailbox>,
    group: usize,
    raised: AtomicBool,
}

impl Wake for GroupWake {
    fn wake(&self) {
        if !self.raised.load(Ordering::Acquire) && !self.raised.swap(true, Ordering::AcqRel) {
            self.mailbox.ready(self.group);
        }
    }
}

/// The viewers of one stream on this shard.
struct Group {
    wake: Arc<GroupWake>,
    viewers: Vec<usize>,
}

/// Where a session is, and the browser's ICE user fragment.
pub struct Entry {
    pub shard: usize,
    pub ufrag: String,
}

/// What a shard shares with its siblings.
#[derive(Clone)]
pub struct Shared {
    pub sockets: Arc<[SharedSocket]>,
    pub counters: Arc<Counters>,
    pub announcements: Arc<Announcements>,
    pub budget: BurstBudget,
    pub registry: Arc<Mutex<HashMap<u128, Entry>>>,
    pub burst_bits: u64,
    pub vanish_after: Duration,
}

pub struct Shard {
    index: usize,
    mailbox: Arc<Mailbox>,
    shared: Shared,
    out: SendBatch,
    viewers: Vec<Option<Box<Viewer>>>,
    free: Vec<usize>,
    by_ufrag: HashMap<String, usize>,
    by_address: HashMap<SocketAddr, usize>,
    groups: Vec<Group>,
    group_of: HashMap<StreamKey, usize>,
    bursting: Vec<usize>,
    handshakes: VecDeque<Datagram>,
    next_timers: Instant,
    stopping: bool,
}

impl Shard {
    #[must_use]
    pub fn new(index: usize, mailbox: Arc<Mailbox>, shared: Shared) -> Self {
        Self {
            index,
            mailbox,
            out: SendBatch::new(shared.sockets.clone(), shared.counters.sent.clone()),
            shared,
            viewers: Vec::new(),
            free: Vec::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            groups: Vec::new(),
            group_of: HashMap::new(),
            bursting: Vec::new(),
            handshakes: VecDeque::new(),
            next_timers: Instant::now(),
            stopping: false,
        }
    }

    pub fn run(mut self) {
        let mut fds = [readable(self.mailbox.signal.fd())];
        while !self.stopping {
            let timeout = self.timeout(Instant::now());
            if let Err(error) = wait(&mut fds, timeout) {
                tracing::error!(%error, "WebRTC shard cannot poll");
                break;
            }
            self.turn();
        }
        self.end_all();
    }

    fn timeout(&self, now: Instant) -> Duration {
        if !self.handshakes.is_empty() {
            Duration::ZERO
        } else if !self.bursting.is_empty() {
            BURST_TICK
        } else if self.by_ufrag.is_empty() {
            Duration::from_secs(60)
        } else {
            self.next_timers.saturating_duration_since(now)
        }
    }

    fn turn(&mut self) {
        let mail = self.mailbox.take();
        for group in mail.ready {
            self.frames(group);
        }
        self.out.flush();
        for command in mail.commands {
            self.command(command);
        }
        for datagram in mail.datagrams {
            self.datagram(datagram);
        }
        self.bursts();
        self.timers();
        self.out.flush();
        self.handshakes();
        self.out.flush();
    }

    /// Runs a step of one viewer and acts on what comes of it.
    fn with(&mut self, slot: usize, step: impl FnOnce(&mut Viewer, &mut Context<'_>, &mut Vec<SocketAddr>) -> Flow) {
        let Some(viewer) = self.viewers.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let mut context = Context {
            now: Instant::now(),
            out: &mut self.out,
            sockets: &self.shared.sockets,
            counters: &self.shared.counters,
            budget: &self.shared.budget,
            burst_bits: self.shared.burst_bits,
        };
        let mut addresses = Vec::new();
        let flow = step(viewer, &mut context, &mut addresses);
        for address in addresses {
            self.by_address.insert(address, slot);
            self.shared.announcements.add(Announcement::Mine(address, self.index));
        }
        match flow {
            Flow::Wait => {}
            Flow::Bursting => self.burst_on(slot),
            Flow::Connected => self.connected(slot),
            Flow::Close => self.end(slot),
        }
    }

    fn burst_on(&mut self, slot: usize) {
        if !self.bursting.contains(&slot) {
            self.bursting.push(slot);
        }
    }

    fn frames(&mut self, group: usize) {
        self.groups[group].wake.raised.store(false, Ordering::Release);
        let viewers = std::mem::take(&mut self.groups[group].viewers);
        let mut gone = false;
        for &slot in &viewers {
            self.with(slot, |viewer, context, _| viewer.pump(context));
            gone |= self.viewers[slot].is_none();
        }
        // Viewers that ended in the loop looked for themselves in vain.
        let kept =
            if gone { viewers.into_iter().filter(|slot| self.viewers[*slot].is_some()).collect() } else { viewers };
        let joined = std::mem::replace(&mut self.groups[group].viewers, kept);
        self.groups[group].viewers.extend(joined);
    }

    fn bursts(&mut self) {
        for slot in std::mem::take(&mut self.bursting) {
            self.with(slot, |viewer, context, _| viewer.pump(context));
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Join(viewer) => self.add(viewer),
            Command::End(id) => {
                let slot = self.viewers.iter().flatten().find(|v| v.id == id).map(|v| v.ufrag.clone());
                if let Some(slot) = slot.and_then(|ufrag| self.by_ufrag.get(&ufrag).copied()) {
                    self.end(slot);
                }
            }
            Command::EndStream(key) => {
                let slots: Vec<usize> = self.slots(|viewer| *viewer.stream.key() == key);
                for slot in slots {
                    self.end(slot);
                }
            }
            Command::Stop => self.stopping = true,
        }
    }

    fn slots(&self, wanted: impl Fn(&Viewer) -> bool) -> Vec<usize> {
        self.viewers
            .iter()
            .enumerate()
            .filter(|(_, viewer)| viewer.as_ref().is_some_and(|v| wanted(v)))
            .map(|(slot, _)| slot)
            .collect()
    }

    fn add(&mut self, viewer: Box<Viewer>) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.viewers.push(None);
            self.viewers.len() - 1
        });
        self.by_ufrag.insert(viewer.ufrag.clone(), slot);
        self.viewers[slot] = Some(viewer);
        self.with(slot, |viewer, context, _| viewer.tick(context));
    }

    fn datagram(&mut self, datagram: Datagram) {
        if let Some(ufrag) = stun_ufrag(&datagram.bytes) {
            let slot = std::str::from_utf8(ufrag).ok().and_then(|ufrag| self.by_ufrag.get(ufrag)).copied();
            if let Some(slot) = slot {
                self.receive(slot, &datagram);
            }
            return;
        }
        let Some(&slot) = self.by_address.get(&datagram.source) else {
            return;
        };
        let handshaking = self.viewers[slot].as_ref().is_some_and(|viewer| viewer.half_open());
        if !handshaking {
            self.receive(slot, &datagram);
        } else if self.handshakes.len() < MAX_HANDSHAKES_WAITING {
            self.handshakes.push_back(datagram);
        } else {
            self.shared.counters.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn receive(&mut self, slot: usize, datagram: &Datagram) {
        self.with(slot, |viewer, context, addresses| {
            viewer.receive(datagram, context, |address| addresses.push(address))
        });
    }

    /// Handshakes cost 2 ms of arithmetic each; live frames come in between.
    fn handshakes(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < HANDSHAKE_BUDGET {
            let Some(datagram) = self.handshakes.pop_front() else {
                return;
            };
            if let Some(&slot) = self.by_address.get(&datagram.source) {
                self.receive(slot, &datagram);
            }
        }
    }

    fn connected(&mut self, slot: usize) {
        let Some(key) = self.viewers[slot].as_ref().map(|viewer| viewer.stream.key().clone()) else {
            return;
        };
        let next = self.groups.len();
        let group = *self.group_of.entry(key).or_insert(next);
        if group == next {
            let wake = GroupWake { mailbox: self.mailbox.clone(), group, raised: AtomicBool::new(false) };
            self.groups.push(Group { wake: Arc::new(wake), viewers: Vec::new() });
        }
        self.groups[group].viewers.push(slot);
        self.shared.counters.viewers.fetch_add(1, Ordering::Relaxed);
        let wake = self.groups[group].wake.clone();
        self.with(slot, |viewer, context, _| {
            viewer.join(wake, context);
            viewer.pump(context)
        });
    }

    fn timers(&mut self) {
        let now = Instant::now();
        if now < self.next_timers {
            return;
        }
        self.next_timers = now + TIMER_TICK;
        for slot in 0..self.viewers.len() {
            let Some(viewer) = &self.viewers[slot] else {
                continue;
            };
            let silent = now.saturating_duration_since(viewer.last_heard) > self.shared.vanish_after;
            let late = viewer.half_open() && now.saturating_duration_since(viewer.created) > CONNECT_WITHIN;
            if silent || late {
                self.shared.counters.vanished.fetch_add(1, Ordering::Relaxed);
                self.end(slot);
            } else if viewer.next_timeout <= now {
                self.with(slot, |viewer, context, _| viewer.tick(context));
            }
        }
    }

    fn end(&mut self, slot: usize) {
        let Some(mut viewer) = self.viewers[slot].take() else {
            return;
        };
        let mut context = Context {
            now: Instant::now(),
            out: &mut self.out,
            sockets: &self.shared.sockets,
            counters: &self.shared.counters,
            budget: &self.shared.budget,
            burst_bits: self.shared.burst_bits,
        };
        viewer.close(&mut context);
        for address in viewer.addresses() {
            if self.by_address.get(&address) == Some(&slot) {
                self.by_address.remove(&address);
                self.shared.announcements.add(Announcement::Gone(address, self.index));
            }
        }
        self.by_ufrag.remove(&viewer.ufrag);
        self.bursting.retain(|other| *other != slot);
        if let Some(group) = self.group_of.get(viewer.stream.key()) {
            self.groups[*group].viewers.retain(|other| *other != slot);
        }
        if !viewer.half_open() {
            self.shared.counters.viewers.fetch_sub(1, Ordering::Relaxed);
        }
        self.shared.registry.lock().remove(&viewer.id);
        self.mailbox.viewers.fetch_sub(1, Ordering::Relaxed);
        self.free.push(slot);
    }

    fn end_all(&mut self) {
        for slot in 0..self.viewers.len() {
            self.end(slot);
        }
        self.out.flush();
    }
}
