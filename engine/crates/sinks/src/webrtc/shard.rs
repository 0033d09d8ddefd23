//! A shard: one thread, its viewers and publishers, one event loop.
//!
//! Order of a turn: live frames first, then what browsers sent, then bursts,
//! timers, and handshakes within their budget of time; so that people who join
//! do not stall people who watch.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use str0m::net::Protocol;
use vms_hub::StreamKey;

use super::answer::Way;
use super::groups::Groups;
use super::limits::BurstBudget;
use super::link::{Context, Flow, Remote};
use super::metrics::Counters;
use super::peer::{Ending, Peer};
use super::router::{Announcement, Announcements};
use super::signal::{Signal, readable, wait};
use super::socket::{SendBatch, SharedSocket};
use super::stun::stun_ufrag;
use super::tcp::Wire;

/// Time a turn gives to handshakes; one step takes up to 2 ms.
const HANDSHAKE_BUDGET: Duration = Duration::from_millis(1);
const BURST_TICK: Duration = Duration::from_millis(1);
const TIMER_TICK: Duration = Duration::from_millis(20);
/// A session that has not connected by then is given up.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Datagrams that may wait for a shard that is behind.
const MAX_WAITING: usize = 8192;
const MAX_HANDSHAKES_WAITING: usize = 8192;

/// How a datagram came, and its answer leaves.
#[derive(Clone, Debug)]
pub enum Via {
    Udp {
        socket: usize,
        /// The machine's address that it was sent to.
        local: IpAddr,
    },
    Tcp(Arc<Wire>),
}

/// One datagram on its way to a shard.
#[derive(Debug)]
pub struct Datagram {
    pub via: Via,
    pub source: SocketAddr,
    pub bytes: Box<[u8]>,
}

impl Datagram {
    #[must_use]
    pub fn remote(&self) -> Remote {
        let protocol = if matches!(self.via, Via::Udp { .. }) { Protocol::Udp } else { Protocol::Tcp };
        Remote { protocol, address: self.source }
    }
}

pub enum Command {
    Join(Peer),
    End(u128, Ending),
    /// Sends a viewer nothing, or goes on.
    Pause(u128, bool),
    EndStream(StreamKey),
    Stop,
}

/// How other threads reach a shard.
pub struct Mailbox {
    signal: Signal,
    mail: Mutex<Mail>,
    pub sessions: AtomicUsize,
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
        Ok(Self { signal: Signal::new()?, mail: Mutex::default(), sessions: AtomicUsize::new(0) })
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

    /// A stream of a group of viewers has a new frame.
    pub fn ready(&self, group: usize) {
        self.mail.lock().ready.push(group);
        self.signal.raise();
    }

    fn take(&self) -> Mail {
        self.signal.take();
        std::mem::take(&mut *self.mail.lock())
    }
}

/// Where a session is, and the peer's ICE user fragment.
pub struct Entry {
    pub shard: usize,
    pub way: Way,
    pub ufrag: String,
    pub etag: String,
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
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    by_ufrag: HashMap<String, usize>,
    by_address: HashMap<Remote, usize>,
    groups: Groups,
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
            groups: Groups::new(mailbox.clone()),
            mailbox,
            out: SendBatch::new(shared.sockets.clone(), shared.counters.sent.clone()),
            shared,
            peers: Vec::new(),
            free: Vec::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
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
        self.end_all(Ending::Stopped, |_| true);
        self.out.flush();
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

    /// Runs a step of one peer and acts on what comes of it.
    fn with(&mut self, slot: usize, step: impl FnOnce(&mut Peer, &mut Context<'_>, &mut Vec<Remote>) -> Flow) {
        let Some(peer) = self.peers.get_mut(slot).and_then(Option::as_mut) else {
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
        let flow = step(peer, &mut context, &mut addresses);
        let moved = match peer {
            Peer::Viewer(viewer) => viewer.take_moved(),
            Peer::Publisher(_) | Peer::Talker(_) => false,
        };
        for remote in addresses {
            self.by_address.insert(remote, slot);
            if remote.protocol == Protocol::Udp {
                self.shared.announcements.add(Announcement::Mine(remote.address, self.index));
            }
        }
        if moved {
            self.regroup(slot);
        }
        match flow {
            Flow::Wait => {}
            Flow::Bursting => self.burst_on(slot),
            Flow::Connected => self.connected(slot),
            Flow::Close => self.end(slot, Ending::Left),
        }
    }

    fn burst_on(&mut self, slot: usize) {
        if !self.bursting.contains(&slot) {
            self.bursting.push(slot);
        }
    }

    fn frames(&mut self, group: usize) {
        let viewers = self.groups.take(group);
        for &slot in &viewers {
            self.with(slot, |peer, context, _| peer.pump(context));
        }
        let peers = &self.peers;
        self.groups.put_back(group, viewers, |slot, key| match &peers[slot] {
            Some(Peer::Viewer(viewer)) => viewer.is_woken_by(key),
            _ => false,
        });
    }

    fn bursts(&mut self) {
        for slot in std::mem::take(&mut self.bursting) {
            self.with(slot, |peer, context, _| peer.pump(context));
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Join(peer) => self.add(peer),
            Command::End(id, ending) => self.end_all(ending, |peer| peer.link().id == id),
            Command::Pause(id, paused) => {
                let known = |peer: &Option<Peer>| peer.as_ref().is_some_and(|peer| peer.link().id == id);
                if let Some(slot) = self.peers.iter().position(known) {
                    self.with(slot, |peer, context, _| peer.pause(paused, context));
                }
            }
            Command::EndStream(key) => self.end_all(Ending::Removed, |peer| peer.is_of(&key)),
            Command::Stop => self.stopping = true,
        }
    }

    fn end_all(&mut self, ending: Ending, wanted: impl Fn(&Peer) -> bool) {
        for slot in 0..self.peers.len() {
            if self.peers[slot].as_ref().is_some_and(&wanted) {
                self.end(slot, ending);
            }
        }
    }

    fn add(&mut self, peer: Peer) {
        let id = peer.link().id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.peers.push(None);
            self.peers.len() - 1
        });
        self.by_ufrag.insert(peer.link().ufrag.clone(), slot);
        self.peers[slot] = Some(peer);
        if !self.shared.registry.lock().contains_key(&id) {
            // It was ended on its way here, when there was nobody to end yet.
            return self.end(slot, Ending::Revoked);
        }
        self.with(slot, |peer, context, _| peer.tick(context));
    }

    fn datagram(&mut self, datagram: Datagram) {
        if let Some(ufrag) = stun_ufrag(&datagram.bytes) {
            let slot = std::str::from_utf8(ufrag).ok().and_then(|ufrag| self.by_ufrag.get(ufrag)).copied();
            if let Some(slot) = slot {
                self.receive(slot, &datagram);
            }
            return;
        }
        let Some(&slot) = self.by_address.get(&datagram.remote()) else {
            return;
        };
        let handshaking = self.peers[slot].as_ref().is_some_and(|peer| peer.link().half_open());
        if !handshaking {
            self.receive(slot, &datagram);
        } else if self.handshakes.len() < MAX_HANDSHAKES_WAITING {
            self.handshakes.push_back(datagram);
        } else {
            self.shared.counters.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn receive(&mut self, slot: usize, datagram: &Datagram) {
        self.with(slot, |peer, context, addresses| peer.receive(datagram, context, |address| addresses.push(address)));
    }

    /// Handshakes cost 2 ms of arithmetic each; live frames come in between.
    fn handshakes(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < HANDSHAKE_BUDGET {
            let Some(datagram) = self.handshakes.pop_front() else {
                return;
            };
            if let Some(&slot) = self.by_address.get(&datagram.remote()) {
                self.receive(slot, &datagram);
            }
        }
    }

    fn connected(&mut self, slot: usize) {
        let Some(peer) = &self.peers[slot] else { return };
        peer.count(&self.shared.counters).fetch_add(1, Ordering::Relaxed);
        let Peer::Viewer(viewer) = peer else { return };
        let key = viewer.stream.key().clone();
        let wake = self.groups.enter(slot, &key);
        self.with(slot, |peer, context, _| {
            if let Peer::Viewer(viewer) = peer {
                viewer.join(wake, context);
            }
            peer.pump(context)
        });
    }

    /// Puts a viewer into the groups of the streams that have to wake it, and
    /// out of the others.
    fn regroup(&mut self, slot: usize) {
        let Some(Some(Peer::Viewer(viewer))) = self.peers.get_mut(slot) else { return };
        self.groups.leave(slot, |key| viewer.is_woken_by(key));
        let Some(key) = viewer.turns_to().filter(|_| viewer.wants_wake()) else { return };
        let wake = self.groups.enter(slot, key);
        viewer.wait_by(wake);
    }

    fn timers(&mut self) {
        let now = Instant::now();
        if now < self.next_timers {
            return;
        }
        self.next_timers = now + TIMER_TICK;
        self.groups.forget_empty();
        for slot in 0..self.peers.len() {
            let Some(link) = self.peers[slot].as_ref().map(Peer::link) else {
                continue;
            };
            let silent = now.saturating_duration_since(link.last_heard) > self.shared.vanish_after;
            let late = link.half_open() && now.saturating_duration_since(link.created) > CONNECT_WITHIN;
            if silent || late {
                self.shared.counters.vanished.fetch_add(1, Ordering::Relaxed);
                self.end(slot, Ending::Silent);
            } else if link.next_timeout <= now {
                self.with(slot, |peer, context, _| peer.tick(context));
            }
        }
    }

    fn end(&mut self, slot: usize, ending: Ending) {
        let Some(mut peer) = self.peers[slot].take() else {
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
        peer.close(ending, &mut context);
        let link = peer.link();
        for remote in link.addresses() {
            if self.by_address.get(&remote) == Some(&slot) {
                self.by_address.remove(&remote);
                if remote.protocol == Protocol::Udp {
                    self.shared.announcements.add(Announcement::Gone(remote.address, self.index));
                }
            }
        }
        self.by_ufrag.remove(&link.ufrag);
        self.bursting.retain(|other| *other != slot);
        if matches!(peer, Peer::Viewer(_)) {
            self.groups.leave(slot, |_| false);
        }
        if !link.half_open() {
            peer.count(&self.shared.counters).fetch_sub(1, Ordering::Relaxed);
        }
        self.shared.registry.lock().remove(&link.id);
        self.mailbox.sessions.fetch_sub(1, Ordering::Relaxed);
        self.free.push(slot);
    }
}
