//! Which shard a datagram belongs to, and the thread that reads the sockets.
//!
//! A viewer's first datagrams are STUN requests, whose user name begins with
//! the ICE user fragment this side made: its first two digits are the shard.
//! Once a shard has accepted an address it announces it here, and everything
//! else from that address follows.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::metrics::Counters;
use super::shard::{Datagram, Mailbox, Via};
use super::signal::{Signal, readable, wait};
use super::socket::{ReceiveBatch, SharedSocket};
use super::stun::{shard_of, stun_ufrag};

/// A shard's word about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    Mine(SocketAddr, usize),
    Gone(SocketAddr, usize),
}

/// Announcements on their way to the receiving thread.
#[derive(Debug, Default)]
pub struct Announcements {
    waiting: Mutex<Vec<Announcement>>,
    any: AtomicBool,
}

impl Announcements {
    /// Takes effect before the next datagram is routed.
    pub fn add(&self, announcement: Announcement) {
        self.waiting.lock().push(announcement);
        self.any.store(true, Ordering::Release);
    }

    fn take(&self) -> Vec<Announcement> {
        if self.any.swap(false, Ordering::AcqRel) { std::mem::take(&mut *self.waiting.lock()) } else { Vec::new() }
    }
}

/// The table of addresses; only the receiving thread has it.
#[derive(Debug, Default)]
pub struct Table {
    shards: HashMap<SocketAddr, usize>,
}

impl Table {
    pub fn apply(&mut self, announcement: Announcement) {
        match announcement {
            Announcement::Mine(address, shard) => {
                self.shards.insert(address, shard);
            }
            Announcement::Gone(address, shard) => {
                if self.shards.get(&address) == Some(&shard) {
                    self.shards.remove(&address);
                }
            }
        }
    }

    /// The shard of a datagram; `None` for what nobody waits for.
    #[must_use]
    pub fn route(&self, source: SocketAddr, packet: &[u8]) -> Option<usize> {
        match stun_ufrag(packet) {
            Some(ufrag) => shard_of(ufrag),
            None => self.shards.get(&source).copied(),
        }
    }
}

/// Reads the sockets and hands datagrams to the shards until told to stop.
pub struct Receiver {
    pub sockets: Arc<[SharedSocket]>,
    pub shards: Arc<[Arc<Mailbox>]>,
    pub announcements: Arc<Announcements>,
    pub counters: Arc<Counters>,
    pub stop: Arc<AtomicBool>,
    pub signal: Arc<Signal>,
}

impl Receiver {
    pub fn run(self) {
        let mut table = Table::default();
        let mut batch = ReceiveBatch::default();
        let mut sorted: Vec<Vec<Datagram>> = self.shards.iter().map(|_| Vec::new()).collect();
        let mut fds: Vec<libc::pollfd> = self.sockets.iter().map(|s| readable(s.fd())).collect();
        fds.push(readable(self.signal.fd()));
        while !self.stop.load(Ordering::Acquire) {
            if let Err(error) = wait(&mut fds, Duration::from_secs(1)) {
                tracing::error!(%error, "WebRTC receiver cannot poll");
                return;
            }
            for (index, socket) in self.sockets.iter().enumerate() {
                if fds[index].revents != 0 {
                    self.read(index, socket, &mut batch, &mut table, &mut sorted);
                }
            }
        }
    }

    fn read(
        &self,
        index: usize,
        socket: &SharedSocket,
        batch: &mut ReceiveBatch,
        table: &mut Table,
        sorted: &mut [Vec<Datagram>],
    ) {
        let result = batch.receive(socket, |source, destination, bytes| {
            for announcement in self.announcements.take() {
                table.apply(announcement);
            }
            let shard = table.route(source, bytes).and_then(|shard| sorted.get_mut(shard));
            if let Some(waiting) = shard {
                let via = Via::Udp { socket: index, local: destination.ip() };
                waiting.push(Datagram { via, source, bytes: bytes.into() });
            }
        });
        if let Err(error) = result {
            tracing::warn!(%error, address = %socket.local(), "WebRTC socket cannot be read");
        }
        for (shard, datagrams) in self.shards.iter().zip(sorted) {
            let lost = shard.deliver(datagrams);
            if lost > 0 {
                self.counters.overflow.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }
}
