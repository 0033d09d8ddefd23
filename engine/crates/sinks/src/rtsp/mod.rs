//! The RTSP server: any stream of the hub over TCP interleaved, one write a
//! frame a reader, inside of TLS too, or by UDP (RFC 2326).
//!
//! `session` answers requests without IO, `describe` writes the session
//! description, `gate` asks who may, `connection` is the thin shell around a
//! socket, `wire` the socket or TLS in it, `udp` the ports of media, `replay`
//! the words of recordings, `report` writes sender reports.

mod connection;
mod describe;
mod gate;
mod replay;
mod report;
mod session;
mod udp;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vms_access::Access;
use vms_crowd::{Crowd, Most};
use vms_hub::Hub;
use vms_sources::Handshake;

pub use replay::{Begin, Moment, NoPlayback, Playback, Recordings};

/// Connections beyond this are closed at once.
const MAX_CONNECTIONS: usize = 10_000;
/// Of those, connections that play nothing yet; more are closed at once. One
/// address may be another node, which calls for all of its cameras after a start.
const MOST_IDLE: Most = Most { in_all: 8192, of_one: 1024 };

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
    idle: Crowd,
    recordings: Arc<OnceLock<Arc<dyn Recordings>>>,
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
        let recordings = Arc::new(OnceLock::new());
        let doors = Doors { hub, access, handshake, recordings: recordings.clone(), metrics: metrics.clone() };
        let idle = Crowd::new(MOST_IDLE);
        tokio::spawn(accept(listener, doors, idle.clone(), cancel.clone()));
        Ok(Self { address, metrics, idle, recordings, cancel })
    }

    /// From now on recordings are played too; the disks are ready later than the
    /// port.
    pub fn play_recordings(&self, recordings: Arc<dyn Recordings>) {
        self.recordings.get_or_init(|| recordings);
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn metrics(&self) -> &RtspMetrics {
        &self.metrics
    }

    /// Connections that were closed at once, as there were too many.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.idle.refused() + self.metrics.refused.load(Ordering::Relaxed)
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
#[derive(Clone)]
pub(crate) struct Doors {
    hub: Hub,
    access: Access,
    handshake: Option<Handshake>,
    recordings: Arc<OnceLock<Arc<dyn Recordings>>>,
    metrics: Arc<RtspMetrics>,
}

async fn accept(listener: TcpListener, doors: Doors, idle: Crowd, cancel: CancellationToken) {
    let metrics = &doors.metrics;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
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
        let Some(place) = idle.enter(peer.ip()) else { continue };
        let (doors, metrics, cancel) = (doors.clone(), metrics.clone(), cancel.clone());
        tokio::spawn(async move {
            metrics.connections.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                ended = connection::serve(socket, place, doors) => {
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
