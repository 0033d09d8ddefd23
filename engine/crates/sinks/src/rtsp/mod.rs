//! The RTSP server: any stream of the hub over TCP interleaved, one write a
//! frame a reader, inside of TLS too, or by UDP (RFC 2326).
//!
//! `session` answers requests without IO, `describe` writes the session
//! description, `gate` asks who may, `connection` is the thin shell around a
//! socket, `wire` the socket or TLS in it, `udp` the ports of media, `report`
//! writes sender reports.

mod connection;
mod describe;
mod gate;
mod report;
mod session;
mod udp;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vms_access::Access;
use vms_hub::Hub;

pub use wire::{Handshake, Secured};

/// Connections beyond this are closed at once.
const MAX_CONNECTIONS: usize = 10_000;

#[derive(Debug, Default)]
pub struct RtspMetrics {
    pub connections: AtomicUsize,
    pub readers: AtomicUsize,
    pub bytes_sent: AtomicU64,
    pub refused: AtomicU64,
}

/// A running RTSP server.
pub struct RtspServer {
    address: SocketAddr,
    metrics: Arc<RtspMetrics>,
    cancel: CancellationToken,
}

impl RtspServer {
    /// Binds and serves on the current runtime, without TLS.
    pub fn start(bind: SocketAddr, hub: Hub, access: Access) -> io::Result<Self> {
        Self::start_with(bind, hub, access, None)
    }

    /// The same; who begins with TLS is served with it.
    pub fn start_with(bind: SocketAddr, hub: Hub, access: Access, handshake: Option<Handshake>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(bind)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let (metrics, cancel) = (Arc::new(RtspMetrics::default()), CancellationToken::new());
        let doors = Doors { hub, access, handshake, metrics: metrics.clone() };
        tokio::spawn(accept(listener, doors, cancel.clone()));
        Ok(Self { address, metrics, cancel })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn metrics(&self) -> &RtspMetrics {
        &self.metrics
    }

    pub fn stop(&self) {
        self.cancel.cancel();
    }
}

impl Drop for RtspServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What every connection is served with.
struct Doors {
    hub: Hub,
    access: Access,
    handshake: Option<Handshake>,
    metrics: Arc<RtspMetrics>,
}

async fn accept(listener: TcpListener, doors: Doors, cancel: CancellationToken) {
    let metrics = &doors.metrics;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                // Out of handles: those in use must close first.
                tracing::warn!(%error, "an RTSP connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        if metrics.connections.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            metrics.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let (hub, metrics, cancel) = (doors.hub.clone(), metrics.clone(), cancel.clone());
        let (gate, handshake) = (gate::Gate::new(doors.access.clone()), doors.handshake.clone());
        tokio::spawn(async move {
            metrics.connections.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                ended = connection::serve(socket, handshake, hub, gate, metrics.clone()) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "an RTSP connection ended");
                    }
                }
                () = cancel.cancelled() => {}
            }
            metrics.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
