//! A caller and a listener with a network between them that loses, delays and
//! reorders, by a seed: the same seed gives the same run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{Connection, Identity, Incoming, Listener, Reject, Seq, Settings};

#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Of 1.
    pub loss: f64,
    /// Of 1: comes twice.
    pub doubles: f64,
    pub delay: Duration,
    /// Added at random, so that packets overtake each other.
    pub jitter: Duration,
}

impl Way {
    pub fn good() -> Self {
        Self { loss: 0.0, doubles: 0.0, delay: Duration::from_millis(5), jitter: Duration::ZERO }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Caller,
    Listener,
}

/// What a payload was sent with, and when it came out.
#[derive(Clone, Copy, Debug)]
pub struct Delivered {
    pub number: u32,
    pub sent: Instant,
    pub at: Instant,
}

/// When it comes, in which order it left, to whom, and the datagram.
type UnderWay = (Instant, u64, Side, Vec<u8>);

pub struct Net {
    pub start: Instant,
    pub now: Instant,
    pub way: Way,
    random: StdRng,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    count: u64,
    pub caller: Connection,
    pub listener: Listener,
    accepts: Settings,
    /// Who the listener lets in under which stream id.
    pub accepted: Option<Connection>,
    pub refused: Option<Reject>,
    pub delivered: Vec<Delivered>,
    sent: u32,
}

const CALLER: &str = "192.0.2.1:4000";

impl Net {
    pub fn new(seed: u64, way: Way, calls: Settings, accepts: Settings) -> Self {
        let now = Instant::now();
        let identity = Identity { socket: 11, first: Seq::new(0x7fff_ffff - 500) };
        Self {
            start: now,
            now,
            way,
            random: StdRng::seed_from_u64(seed),
            under_way: BinaryHeap::new(),
            count: 0,
            caller: Connection::call(calls, identity, now),
            listener: Listener::new(now),
            accepts,
            accepted: None,
            refused: None,
            delivered: Vec::new(),
            sent: 0,
        }
    }

    fn put(&mut self, to: Side, datagram: Vec<u8>) {
        let copies = 1 + u32::from(self.random.random_bool(self.way.doubles));
        for _ in 0..copies {
            if self.random.random_bool(self.way.loss) {
                continue;
            }
            let jitter = self.random.random_range(0.0..=1.0);
            let at = self.now + self.way.delay + self.way.jitter.mul_f64(jitter);
            self.count += 1;
            self.under_way.push(Reverse((at, self.count, to, datagram.clone())));
        }
    }

    /// Lets all go that wants to go now.
    fn settle(&mut self) {
        let mut out = Vec::new();
        while self.caller.poll_output(&mut out, self.now) {
            self.put(Side::Listener, std::mem::take(&mut out));
        }
        while let Some(true) = self.accepted.as_mut().map(|side| side.poll_output(&mut out, self.now)) {
            self.put(Side::Caller, std::mem::take(&mut out));
        }
        let now = self.now;
        let start = self.start;
        let taking = self.accepted.as_mut();
        if let Some(side) = taking {
            while let Some(payload) = side.take(now) {
                let word =
                    |at: usize| u32::from_be_bytes([payload[at], payload[at + 1], payload[at + 2], payload[at + 3]]);
                let sent = start + Duration::from_micros(u64::from(word(4)));
                assert!(payload[8..].iter().all(|byte| *byte == payload[3]), "what came is what was sent");
                self.delivered.push(Delivered { number: word(0), sent, at: now });
            }
        }
    }

    fn arrive(&mut self, to: Side, datagram: &[u8]) {
        if to == Side::Caller {
            return self.caller.input(datagram, self.now);
        }
        let from: SocketAddr = CALLER.parse().expect("an address");
        match (crate::Packet::destination(datagram), &mut self.accepted) {
            (Some(0), _) => {}
            (_, Some(accepted)) => return accepted.input(datagram, self.now),
            _ => return,
        }
        match self.listener.input(from, datagram, self.now) {
            Incoming::Ignored => {}
            Incoming::Reply(reply) => self.put(Side::Caller, reply),
            Incoming::Request(request) => {
                match (&mut self.accepted, request.accept(self.accepts.clone(), 22, self.now)) {
                    (Some(accepted), _) => accepted.input(datagram, self.now),
                    (None, Ok(connection)) => self.accepted = Some(connection),
                    (None, Err(reject)) => {
                        self.refused = Some(reject);
                        self.put(Side::Caller, request.refuse(reject));
                    }
                }
            }
        }
    }

    /// Lets time pass, event by event.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let packet = self.under_way.peek().map(|Reverse((at, ..))| *at);
            let accepted = self.accepted.as_ref().and_then(Connection::deadline);
            let next = [packet, self.caller.deadline(), accepted].into_iter().flatten().min();
            // A deadline that is past is met by the next look, never at once again.
            let next = next.map_or(end, |at| at.max(self.now + Duration::from_micros(50)));
            if next >= end {
                self.now = end;
                return self.settle();
            }
            self.now = next;
            while self.under_way.peek().is_some_and(|Reverse((at, ..))| *at <= self.now) {
                if let Some(Reverse((_, _, to, datagram))) = self.under_way.pop() {
                    self.arrive(to, &datagram);
                }
            }
        }
    }

    /// The caller sends `count` payloads, `pause` apart.
    pub fn stream(&mut self, count: u32, pause: Duration) {
        for _ in 0..count {
            let mut payload = vec![self.sent as u8; 1316];
            payload[..4].copy_from_slice(&self.sent.to_be_bytes());
            let us = self.now.duration_since(self.start).as_micros() as u32;
            payload[4..8].copy_from_slice(&us.to_be_bytes());
            assert!(self.caller.send(&payload, self.now), "there is room");
            self.sent += 1;
            self.pass(pause);
        }
    }
}
