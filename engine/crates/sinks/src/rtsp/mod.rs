//! The RTSP server: any stream of the hub over TCP interleaved, one write a
//! frame a reader (RFC 2326).
//!
//! `session` answers requests without IO, `describe` writes the session
//! description, `gate` asks who may, `connection` is the thin shell around a
//! socket, `report` writes sender reports.

mod connection;
mod describe;
mod gate;
mod report;
mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vms_access::Access;
use vms_hub::Hub;

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
    /// Binds and serves on the current runtime.
    pub fn start(bind: SocketAddr, hub: Hub, access: Access) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(bind)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let (metrics, cancel) = (Arc::new(RtspMetrics::default()), CancellationToken::new());
        tokio::spawn(accept(listener, hub, access, metrics.clone(), cancel.clone()));
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

async fn accept(listener: TcpListener, hub: Hub, access: Access, metrics: Arc<RtspMetrics>, cancel: CancellationToken) {
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
        let (hub, metrics, cancel) = (hub.clone(), metrics.clone(), cancel.clone());
        let gate = gate::Gate::new(access.clone());
        tokio::spawn(async move {
            metrics.connections.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                ended = connection::serve(socket, hub, gate, metrics.clone()) => {
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
