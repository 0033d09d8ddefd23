//! The farm's thread and the handle on it.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::config::{FarmConfig, FarmError};
use crate::fault::{Fault, Faults};
use crate::pacer::Pacer;
use crate::scene::Scene;
use crate::server::{Server, bind_udp};
use crate::talk::{Ears, Heard};

/// What clients have done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FarmStats {
    /// Connections ever taken.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    pub plays: u64,
    pub teardowns: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub connections: AtomicU64,
    pub open: AtomicU64,
    pub plays: AtomicU64,
    pub teardowns: AtomicU64,
}

/// A running farm; it stops when dropped.
#[derive(Debug)]
pub struct Farm {
    address: SocketAddr,
    faults: Arc<Faults>,
    ears: Arc<Ears>,
    counters: Arc<Counters>,
    stop: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A command: `{"camera": 3, "fault": {"kind": "stall"}}`. No camera means
/// all, no fault means healthy again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    #[serde(default)]
    camera: usize,
    #[serde(default)]
    fault: Option<Fault>,
}

impl Farm {
    /// Loads the scenes, binds, and serves from a thread of its own.
    pub fn start(config: FarmConfig) -> Result<Self, FarmError> {
        config.check()?;
        let main = Arc::new(Scene::load(&config.main, config.main_fps)?);
        let sub = if config.sub == config.main {
            Arc::clone(&main)
        } else {
            Arc::new(Scene::load(&config.sub, config.sub_fps)?)
        };
        let wanted = SocketAddr::new(config.bind, config.port);
        let (listener, udp) =
            listen(wanted).map_err(|source| FarmError::Listen { address: wanted.to_string(), source })?;
        let address = listener.local_addr().map_err(FarmError::Thread)?;
        let faults = Faults::new(config.cameras);
        let ears = Ears::new(config.cameras);
        let counters = Arc::<Counters>::default();
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(FarmError::Thread)?;
        let parts = (Arc::clone(&faults), Arc::clone(&ears), Arc::clone(&counters), stop.clone());
        let serve = move || {
            let (faults, ears, counters, stop) = parts;
            let local = LocalSet::new();
            runtime.block_on(local.run_until(async move {
                let pacer = Rc::new(Pacer::new(config.cameras, &main, &sub, Arc::clone(&faults)));
                let server = Server::new(config, pacer, (faults, ears), counters, stop);
                if let Err(error) = server.run(listener, udp).await {
                    tracing::error!(%error, "camera farm ended");
                }
            }));
        };
        let thread = std::thread::Builder::new().name("camsim".to_owned()).spawn(serve).map_err(FarmError::Thread)?;
        Ok(Self { address, faults, ears, counters, stop, thread: Mutex::new(Some(thread)) })
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The address of a camera's main or sub-stream; cameras count from 1.
    #[must_use]
    pub fn url(&self, camera: usize, sub: bool) -> String {
        let tail = if sub { "/sub" } else { "" };
        format!("rtsp://{}/cam{camera}{tail}", self.address)
    }

    /// Carries out a command given as JSON:
    /// `{"camera": 3, "fault": {"kind": "drop", "percent": 5}}`.
    pub fn fault(&self, command: &str) -> Result<(), FarmError> {
        let command: Command = serde_json::from_str(command).map_err(|error| FarmError::BadFault(error.to_string()))?;
        self.set_fault(command.camera, command.fault)
    }

    /// Sets or takes back the fault of a camera (from 1), or of all with 0.
    pub fn set_fault(&self, camera: usize, fault: Option<Fault>) -> Result<(), FarmError> {
        self.faults.set(self.faults.streams_of(camera)?, fault);
        Ok(())
    }

    /// What a camera (from 1) has heard by its back channel.
    #[must_use]
    pub fn heard(&self, camera: usize) -> Heard {
        camera.checked_sub(1).and_then(|camera| self.ears.of(camera)).unwrap_or_default()
    }

    #[must_use]
    pub fn stats(&self) -> FarmStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FarmStats {
            connections: read(&self.counters.connections),
            open: read(&self.counters.open),
            plays: read(&self.counters.plays),
            teardowns: read(&self.counters.teardowns),
        }
    }

    /// Closes every connection and waits for the thread; may be called twice.
    pub fn stop(&self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the camera farm's thread panicked");
        }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.stop();
    }
}

type Udp = (std::net::UdpSocket, std::net::UdpSocket);

fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, Udp)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok((listener, bind_udp(address.ip())?))
}
