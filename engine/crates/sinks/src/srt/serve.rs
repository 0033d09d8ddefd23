//! The thread that moves datagrams: one loop for all sessions.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use vms_access::Ticket;
use vms_hub::{ReaderKind, StreamKey, Wake};
use vms_sources::{Reason, ServerClock};
use vms_srt::{Connection, End, Identity, Incoming, Listener, Packet, Reject, Request, Stats};

use super::SrtMetrics;
use super::gate::{Gate, reject_of_publisher};
use super::publisher::{Published, Publisher};
use super::stream_id::{StreamId, Wanted};
use super::viewer::{Pumped, Viewer};
use crate::webrtc::socket::{ReceiveBatch, SendBatch, SendCounters, SharedSocket};

/// Sessions beyond this are refused.
const MOST_SESSIONS: usize = 4096;
/// Batches that are read before sessions are looked after.
const MOST_BATCHES: usize = 8;
/// Without a deadline the loop looks around all the same.
const IDLE: Duration = Duration::from_secs(1);

/// Word from other threads.
pub enum Call {
    /// Something waits for this session.
    Frames(u32),
    Revoked(u32),
    Ended(StreamKey),
}

#[derive(Default)]
pub struct Calls {
    waiting: Mutex<Vec<Call>>,
    notify: Notify,
}

impl Calls {
    pub fn add(&self, call: Call) {
        self.waiting.lock().push(call);
        self.notify.notify_one();
    }
}

struct Waker {
    socket: u32,
    calls: Arc<Calls>,
}

impl Wake for Waker {
    fn wake(&self) {
        self.calls.add(Call::Frames(self.socket));
    }
}

enum Role {
    Viewer(Box<Viewer>),
    Publisher(Box<Publisher>),
}

struct Session {
    connection: Connection,
    peer: SocketAddr,
    /// Our address that the peer wrote to.
    local: IpAddr,
    /// The peer's socket: a conclusion that comes again is known by it.
    theirs: u32,
    key: StreamKey,
    role: Role,
    due: Option<Instant>,
    counted: Stats,
    _ticket: Ticket,
}

/// Keeps the socket open as long as it is waited for.
struct Readable(Arc<[SharedSocket]>);

impl AsRawFd for Readable {
    fn as_raw_fd(&self) -> RawFd {
        self.0[0].fd()
    }
}

pub struct Server {
    sockets: Arc<[SharedSocket]>,
    gate: Gate,
    clock: Arc<ServerClock>,
    metrics: Arc<SrtMetrics>,
    calls: Arc<Calls>,
    listener: Listener,
    sessions: HashMap<u32, Session>,
    /// By peer and its socket.
    callers: HashMap<(SocketAddr, u32), u32>,
    timers: BTreeSet<(Instant, u32)>,
    touched: Vec<u32>,
    batch: SendBatch,
    packet: Vec<u8>,
}

impl Server {
    pub fn new(
        socket: SharedSocket,
        gate: Gate,
        clock: Arc<ServerClock>,
        metrics: Arc<SrtMetrics>,
        calls: Arc<Calls>,
    ) -> Self {
        let sockets: Arc<[SharedSocket]> = Arc::new([socket]);
        Self {
            batch: SendBatch::new(sockets.clone(), Arc::new(SendCounters::default())),
            sockets,
            gate,
            clock,
            metrics,
            calls,
            listener: Listener::new(Instant::now()),
            sessions: HashMap::new(),
            callers: HashMap::new(),
            timers: BTreeSet::new(),
            touched: Vec::new(),
            packet: Vec::new(),
        }
    }

    pub async fn run(mut self, cancel: CancellationToken) -> io::Result<()> {
        let readable = Readable(self.sockets.clone());
        // SAFETY: the socket is owned by what is registered, and never replaced.
        let readable = unsafe { AsyncFd::register_with_interest(readable, Interest::READABLE) }?;
        let mut buffers = ReceiveBatch::default();
        let calls = self.calls.clone();
        loop {
            let due = self.timers.first().map_or_else(|| Instant::now() + IDLE, |(at, _)| *at);
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                ready = readable.readable() => {
                    let mut ready = ready?;
                    if !self.receive(&mut buffers) {
                        ready.clear_ready();
                    }
                }
                () = calls.notify.notified() => {}
                () = tokio::time::sleep_until(due.into()) => {}
            }
            self.take_calls();
            self.look_after();
        }
        self.say_goodbye();
        Ok(())
    }

    /// Reads what waits; false when nothing is left.
    fn receive(&mut self, buffers: &mut ReceiveBatch) -> bool {
        let sockets = self.sockets.clone();
        for _ in 0..MOST_BATCHES {
            let now = Instant::now();
            match buffers.receive(&sockets[0], |from, to, datagram| self.datagram(from, to, datagram, now)) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => {
                    // A peer that is gone says so here; its session falls silent.
                    tracing::debug!(%error, "the SRT socket reports an error");
                    return true;
                }
            }
        }
        true
    }

    fn datagram(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8], now: Instant) {
        match Packet::destination(datagram) {
            None => {}
            Some(0) => self.stranger(from, to, datagram, now),
            Some(socket) => {
                if let Some(session) = self.sessions.get_mut(&socket).filter(|session| session.peer == from) {
                    session.connection.input(datagram, now);
                    self.touched.push(socket);
                }
            }
        }
    }

    fn stranger(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8], now: Instant) {
        match self.listener.input(from, datagram, now) {
            Incoming::Ignored => {}
            Incoming::Reply(reply) => {
                self.metrics.turned_away.store(self.listener.turned_away(), Ordering::Relaxed);
                self.batch.push(0, to.ip(), from, &reply);
            }
            Incoming::Request(request) => {
                if let Some(socket) = self.callers.get(&(from, request.socket())).copied() {
                    if let Some(session) = self.sessions.get_mut(&socket) {
                        session.connection.input(datagram, now);
                        self.touched.push(socket);
                    }
                } else if let Err(reject) = self.enter(from, to, &request, now) {
                    tracing::info!(reason = %reject, "a caller of SRT was refused");
                    self.metrics.refused.fetch_add(1, Ordering::Relaxed);
                    self.batch.push(0, to.ip(), from, &request.refuse(reject));
                }
            }
        }
    }

    fn enter(&mut self, from: SocketAddr, to: SocketAddr, request: &Request, now: Instant) -> Result<(), Reject> {
        if self.sessions.len() >= MOST_SESSIONS {
            return Err(Reject::Resource);
        }
        let id = StreamId::parse(request.stream_id()).ok_or(Reject::BadRequest)?;
        let socket = loop {
            let socket = Identity::random().socket;
            if !self.sessions.contains_key(&socket) {
                break socket;
            }
        };
        let entered = self.gate.enter(request, &id, socket, now)?;
        let role = match id.wanted {
            Wanted::Read => {
                let stream = self.gate.hub.stream(&id.key).ok_or(Reject::NotFound)?;
                let waker = Waker { socket, calls: self.calls.clone() };
                let reader = stream.subscribe(ReaderKind::Live { burst: true }, Arc::new(waker));
                self.metrics.readers.fetch_add(1, Ordering::Relaxed);
                Role::Viewer(Box::new(Viewer::new(reader, entered.ticket.audio())))
            }
            Wanted::Publish => {
                let (arrivals, clock) = (self.gate.arrivals.clone(), self.clock.clone());
                arrivals.would_take(&id.key).map_err(reject_of_publisher)?;
                self.metrics.publishers.fetch_add(1, Ordering::Relaxed);
                Role::Publisher(Box::new(Publisher::new(id.key.clone(), arrivals, clock, now)))
            }
        };
        let calls = self.calls.clone();
        entered.ticket.bind("", move |_| calls.add(Call::Revoked(socket)));
        let session = Session {
            connection: entered.connection,
            peer: from,
            local: to.ip(),
            theirs: request.socket(),
            key: id.key,
            role,
            due: None,
            counted: Stats::default(),
            _ticket: entered.ticket,
        };
        self.callers.insert((from, session.theirs), socket);
        self.sessions.insert(socket, session);
        self.touched.push(socket);
        Ok(())
    }

    fn take_calls(&mut self) {
        let waiting = std::mem::take(&mut *self.calls.waiting.lock());
        for call in waiting {
            match call {
                Call::Frames(socket) => self.touched.push(socket),
                Call::Revoked(socket) => {
                    if let Some(session) = self.sessions.get_mut(&socket) {
                        session.connection.close();
                        self.touched.push(socket);
                    }
                }
                Call::Ended(key) => {
                    for (socket, session) in self.sessions.iter_mut().filter(|(_, session)| session.key == key) {
                        session.connection.close();
                        self.touched.push(*socket);
                    }
                }
            }
        }
    }

    /// Looks after all sessions that something happened to.
    fn look_after(&mut self) {
        let now = Instant::now();
        while let Some((at, socket)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, socket));
            self.touched.push(socket);
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for socket in touched.drain(..) {
            self.session(socket, now);
        }
        self.touched = touched;
        self.batch.flush();
    }

    fn session(&mut self, socket: u32, now: Instant) {
        let Some(session) = self.sessions.get_mut(&socket) else { return };
        if let Some(due) = session.due.take() {
            self.timers.remove(&(due, socket));
        }
        if session.connection.is_open() {
            session.pump(&self.metrics, now);
        }
        while session.connection.poll_output(&mut self.packet, now) {
            self.batch.push(0, session.local, session.peer, &self.packet);
            self.packet.clear();
        }
        session.count(&self.metrics);
        match session.connection.end() {
            Some(end) => self.ended(socket, end),
            None => {
                if let Some(due) = session.connection.deadline() {
                    session.due = Some(due);
                    self.timers.insert((due, socket));
                }
            }
        }
    }

    fn ended(&mut self, socket: u32, end: End) {
        let Some(session) = self.sessions.remove(&socket) else { return };
        self.callers.remove(&(session.peer, session.theirs));
        tracing::debug!(?end, stream = %session.key, "an SRT session ended");
        match session.role {
            Role::Viewer(_) => {
                self.metrics.readers.fetch_sub(1, Ordering::Relaxed);
            }
            Role::Publisher(publisher) => {
                self.metrics.publishers.fetch_sub(1, Ordering::Relaxed);
                publisher.end(if end == End::Idle { Reason::Timeout } else { Reason::CameraClosed });
            }
        }
    }

    fn say_goodbye(&mut self) {
        let sockets: Vec<u32> = self.sessions.keys().copied().collect();
        for socket in sockets {
            if let Some(session) = self.sessions.get_mut(&socket) {
                session.connection.close();
            }
            self.session(socket, Instant::now());
        }
        self.batch.flush();
    }
}

impl Session {
    fn pump(&mut self, metrics: &SrtMetrics, now: Instant) {
        let goes = match &mut self.role {
            Role::Viewer(viewer) => match viewer.pump(&mut self.connection, now) {
                Pumped::Goes => true,
                Pumped::Ended => false,
                Pumped::NotCarried => {
                    tracing::info!(stream = %self.key, "the stream's video cannot be carried by SRT: it is no H.264 or H.265");
                    false
                }
                Pumped::TooSlow => {
                    tracing::info!(stream = %self.key, "a viewer by SRT takes too little and is let go");
                    metrics.too_slow.fetch_add(1, Ordering::Relaxed);
                    false
                }
            },
            Role::Publisher(publisher) => match publisher.pump(&mut self.connection, now) {
                Published::Goes => true,
                Published::NotWanted => false,
                Published::NoVideo => {
                    tracing::info!(stream = %self.key, "a publisher by SRT sends no H.264 or H.265 in MPEG-TS");
                    false
                }
            },
        };
        if !goes {
            self.connection.close();
        }
    }

    /// Adds what is new to the listener's figures.
    fn count(&mut self, metrics: &SrtMetrics) {
        let (now, before) = (self.connection.stats(), self.counted);
        let add = |counter: &std::sync::atomic::AtomicU64, now: u64, before: u64| {
            counter.fetch_add(now - before, Ordering::Relaxed);
        };
        add(&metrics.sent_bytes, now.sent_bytes, before.sent_bytes);
        add(&metrics.received_bytes, now.received_bytes, before.received_bytes);
        add(&metrics.resent_packets, now.resent_packets, before.resent_packets);
        add(
            &metrics.dropped_packets,
            now.dropped_packets + now.dropped_to_send,
            before.dropped_packets + before.dropped_to_send,
        );
        self.counted = now;
    }
}
