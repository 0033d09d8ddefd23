//! The SRT listener: one UDP socket on which any stream of the hub is read,
//! and cameras that wait for publishers get them.
//!
//! `push` calls others, to bring them a stream.
//!
//! `stream_id` reads what a caller asks for, `gate` decides who may, `viewer`
//! and `publisher` are the two kinds of session, `serve` is the thread that
//! moves datagrams; the protocol itself is `vms-srt`.
//!
//! Invariants: nothing is kept of a caller before it has shown that it owns
//! its address; conclusions are judged at a bounded rate, and no caller takes
//! all of it; a slow viewer loses its own packets and then its session, and
//! nobody waits for it.

mod gate;
mod publisher;
mod push;
mod serve;
mod stream_id;
#[cfg(test)]
mod tests;
mod viewer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use vms_access::Access;
use vms_hub::{Hub, StreamKey};
use vms_sources::{Arrivals, ServerClock};

use crate::webrtc::socket::SharedSocket;
use gate::Gate;
use serve::{Call, Calls, Server};

pub use push::{Push, PushMeans, PushStatus};

/// What the listener is started with.
#[derive(Clone)]
pub struct SrtConfig {
    pub bind: SocketAddr,
    /// Lost packets are waited for so long, or longer where the caller wants it.
    pub latency: Duration,
}

/// What the listener works with.
#[derive(Clone)]
pub struct SrtMeans {
    pub hub: Hub,
    pub access: Access,
    pub arrivals: Arrivals,
    pub clock: Arc<ServerClock>,
}

#[derive(Debug, Default)]
pub struct SrtMetrics {
    pub readers: AtomicUsize,
    pub publishers: AtomicUsize,
    pub refused: AtomicU64,
    /// Callers that were not looked at, as there were too many.
    pub turned_away: AtomicU64,
    pub too_slow: AtomicU64,
    pub sent_bytes: AtomicU64,
    pub received_bytes: AtomicU64,
    pub resent_packets: AtomicU64,
    /// By viewers and by us, because they came or would have come too late.
    pub dropped_packets: AtomicU64,
}

/// A running SRT listener.
pub struct SrtServer {
    address: SocketAddr,
    metrics: Arc<SrtMetrics>,
    calls: Arc<Calls>,
    cancel: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SrtServer {
    /// Binds, and serves on a thread of its own.
    ///
    /// # Errors
    /// When the address cannot be bound, or no thread can be had.
    pub fn start(config: &SrtConfig, means: SrtMeans) -> io::Result<Self> {
        let socket = SharedSocket::bind(config.bind)?;
        let address = socket.local();
        let (metrics, calls) = (Arc::new(SrtMetrics::default()), Arc::new(Calls::default()));
        let cancel = CancellationToken::new();
        let SrtMeans { hub, access, arrivals, clock } = means;
        let gate = Gate { access, hub, arrivals, latency: config.latency };
        let server = Server::new(socket, gate, clock, metrics.clone(), calls.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = cancel.clone();
        let thread = std::thread::Builder::new().name("srt".into()).spawn(move || {
            if let Err(error) = runtime.block_on(server.run(stop)) {
                tracing::error!(%error, "the SRT listener ended");
            }
        })?;
        Ok(Self { address, metrics, calls, cancel, thread: Mutex::new(Some(thread)) })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn metrics(&self) -> &SrtMetrics {
        &self.metrics
    }

    /// Ends the viewers of a stream that is no more.
    pub fn end_stream(&self, key: &StreamKey) {
        self.calls.add(Call::Ended(key.clone()));
    }

    /// Says goodbye to all.
    pub fn stop(&self) {
        self.cancel.cancel();
        if let Some(thread) = self.thread.lock().take() {
            // A panic has been reported by its own hook.
            let _ = thread.join();
        }
    }
}

impl Drop for SrtServer {
    fn drop(&mut self) {
        self.stop();
    }
}
