//! What every session has, whichever way its media go: its WebRTC state, the
//! addresses of its peer, its place in the limits.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Event, Input, Output, Rtc};
use vms_access::Ticket;
use vms_crowd::Place;

use super::limits::BurstBudget;
use super::metrics::Counters;
use super::session::nominal;
use super::shard::{Datagram, Via};
use super::socket::{SendBatch, SharedSocket};

/// Addresses remembered of one peer; browsers use one to four.
const MAX_ADDRESSES: usize = 16;

/// What a session needs from its surroundings.
pub struct Context<'a> {
    pub now: Instant,
    pub out: &'a mut SendBatch,
    pub sockets: &'a [SharedSocket],
    pub counters: &'a Counters,
    pub budget: &'a BurstBudget,
    pub burst_bits: u64,
}

/// What has become of a session after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing to do until something happens.
    Wait,
    /// The burst goes on at the next tick.
    Bursting,
    /// The handshake is complete.
    Connected,
    /// End it.
    Close,
}

/// A peer's address, by one of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    pub protocol: Protocol,
    pub address: SocketAddr,
}

/// A packet's way: the peer's address and where it wrote to.
#[derive(Clone, Debug)]
struct Path {
    remote: Remote,
    via: Via,
}

/// The session cannot go on.
pub struct Failed;

pub struct Link {
    pub id: u128,
    pub ufrag: String,
    pub rtc: Rtc,
    /// Among those who have not connected.
    half_open: Option<Place>,
    /// The session's right to be; given back when it is over.
    pub ticket: Ticket,
    paths: Vec<Path>,
    /// Once connected, the library is called no more often than this without
    /// need.
    idle: Duration,
    ticked: Instant,
    pub created: Instant,
    pub last_heard: Instant,
    pub next_timeout: Instant,
}

impl Link {
    #[must_use]
    pub fn new(
        id: u128,
        ufrag: String,
        rtc: Rtc,
        half_open: Place,
        ticket: Ticket,
        idle: Duration,
        now: Instant,
    ) -> Self {
        Self {
            id,
            ufrag,
            rtc,
            half_open: Some(half_open),
            ticket,
            paths: Vec::new(),
            idle,
            ticked: now,
            created: now,
            last_heard: now,
            next_timeout: now,
        }
    }

    #[must_use]
    pub fn half_open(&self) -> bool {
        self.half_open.is_some()
    }

    pub fn addresses(&self) -> impl Iterator<Item = Remote> + '_ {
        self.paths.iter().map(|path| path.remote)
    }

    /// Takes a datagram; `new_address` is told of an address not seen before.
    /// `None` where it is not this session's; else whether the session lives.
    pub fn receive(
        &mut self,
        datagram: &Datagram,
        context: &Context<'_>,
        new_address: impl FnOnce(Remote),
    ) -> Option<bool> {
        let remote = datagram.remote();
        let local = match &datagram.via {
            Via::Udp { socket, .. } => nominal(context.sockets[*socket].local()),
            Via::Tcp(wire) => wire.local,
        };
        // Anyone can send anything to this port: what is not WebRTC is dropped.
        let receive = Receive::new(remote.protocol, remote.address, local, &datagram.bytes).ok()?;
        let input = Input::Receive(context.now, receive);
        if !self.rtc.accepts(&input) {
            return None;
        }
        self.last_heard = context.now;
        if self.remember(datagram) {
            new_address(remote);
        }
        Some(self.input(input))
    }

    /// Whether a tick is due that packets which keep coming have put off: each
    /// moves the library's next timeout.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.ticked) >= self.idle
    }

    /// The library's own timers; false where the session has failed.
    pub fn tick(&mut self, now: Instant) -> bool {
        self.ticked = now;
        self.input(Input::Timeout(now))
    }

    fn input(&mut self, input: Input<'_>) -> bool {
        let handled = self.rtc.handle_input(input);
        if let Err(error) = &handled {
            tracing::debug!(%error, session = %format_args!("{:032x}", self.id), "WebRTC session failed");
        }
        handled.is_ok()
    }

    /// True when the address is new and is kept.
    fn remember(&mut self, datagram: &Datagram) -> bool {
        let remote = datagram.remote();
        let known = self.paths.iter().any(|path| path.remote == remote);
        if known || self.paths.len() == MAX_ADDRESSES {
            return false;
        }
        if let Via::Tcp(wire) = &datagram.via {
            wire.take();
        }
        self.paths.push(Path { remote, via: datagram.via.clone() });
        true
    }

    /// Sends what the library has ready, up to its next event; `None` when all
    /// that was ready has been sent.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Result<Option<Event>, Failed> {
        while self.rtc.is_alive() {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    self.send(transmit, context);
                }
                Ok(Output::Timeout(at)) => {
                    // Having sent, the library asks to be called at once; the
                    // next packet does that.
                    let idle = context.now + self.idle;
                    self.next_timeout = if self.half_open() { at } else { at.max(idle) };
                    return Ok(None);
                }
                Ok(Output::Event(event)) => {
                    if matches!(event, Event::Connected) {
                        self.half_open = None;
                    }
                    return Ok(Some(event));
                }
                Err(error) => {
                    tracing::debug!(%error, "WebRTC session failed");
                    return Err(Failed);
                }
            }
        }
        Err(Failed)
    }

    fn send(&self, transmit: Transmit, context: &mut Context<'_>) {
        let remote = Remote { protocol: transmit.proto, address: transmit.destination };
        let Some(path) = self.paths.iter().find(|path| path.remote == remote) else { return };
        match &path.via {
            Via::Udp { socket, local } => context.out.push(*socket, *local, remote.address, &transmit.contents),
            Via::Tcp(wire) => {
                if !wire.send(transmit.contents.into()) {
                    context.counters.sent.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Says goodbye, as far as the peer can still hear it.
    pub fn close(&mut self, context: &mut Context<'_>) {
        if self.rtc.close().is_ok() {
            while matches!(self.poll(context), Ok(Some(_))) {}
        }
        for path in &self.paths {
            if let Via::Tcp(wire) = &path.via {
                wire.close();
            }
        }
    }
}
