//! One ring a stream, a cursor a reader: the heart of the packet path.
//!
//! Data flow: a source pushes frames through a [`Publisher`]; sinks hold a
//! [`Reader`] each and are woken by [`Wake`]. Frames are shared by reference
//! and cut into RTP packets once.
//!
//! Invariants: a slow reader never slows the publisher or another reader; a
//! position in a ring is never used twice; a stream's RTP packets are one run
//! of numbers over all reconnects.

#![forbid(unsafe_code)]

mod frame;
mod join;
mod key;
mod order;
mod queue;
mod reader;
mod ring;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use vms_media::Track;

pub use frame::HubFrame;
pub use join::{Join, MAX_BURST_BYTES, MAX_BURST_US, WaitReason, plan};
pub use key::{StreamKey, StreamName, Variant, View, is_camera_id};
pub use reader::{BurstTag, CloseReason, Delivery, Next, Reader, ReaderKind, ReaderStats, TOO_SLOW_AFTER};
pub use ring::{Group, Ring, RingLimits};
pub use stream::{Publisher, Stream, StreamStatus, VideoSeen};

/// How a reader is told that something waits for it. Called on the
/// publisher's thread: it must not block.
pub trait Wake: Send + Sync {
    fn wake(&self);
}

impl Wake for tokio::sync::Notify {
    fn wake(&self) {
        self.notify_one();
    }
}

#[derive(Clone, Copy, Debug)]
pub struct HubConfig {
    pub ring_bytes: usize,
    pub ring_time: Duration,
    /// All rings of the process together.
    pub process_bytes: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self { ring_bytes: 8 << 20, ring_time: Duration::from_secs(10), process_bytes: 2 << 30 }
    }
}

/// All streams of the process, by key.
#[derive(Clone, Debug)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limits: RingLimits,
    budget: Arc<stream::Budget>,
    streams: RwLock<HashMap<StreamKey, Arc<Stream>>>,
}

impl Hub {
    #[must_use]
    pub fn new(config: HubConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                limits: RingLimits { bytes: config.ring_bytes, time: config.ring_time },
                budget: Arc::new(stream::Budget { limit: config.process_bytes, used: AtomicUsize::new(0) }),
                streams: RwLock::new(HashMap::new()),
            }),
        }
    }

    /// The stream of a key, made if it does not exist: a configured stream
    /// exists before its camera has answered, so that viewers can wait on it.
    pub fn ensure(&self, key: &StreamKey) -> Arc<Stream> {
        let mut streams = self.inner.streams.write();
        streams
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Stream::new(key.clone(), self.inner.limits, self.inner.budget.clone())))
            .clone()
    }

    #[must_use]
    pub fn stream(&self, key: &StreamKey) -> Option<Arc<Stream>> {
        self.inner.streams.read().get(key).cloned()
    }

    /// Forgets a stream, and tells its readers that it is no more.
    pub fn remove(&self, key: &StreamKey) {
        let removed = self.inner.streams.write().remove(key);
        if let Some(stream) = removed {
            stream.remove();
        }
    }

    /// Starts a new epoch of a stream under a new publisher.
    pub fn publish(&self, key: &StreamKey, tracks: Vec<Track>) -> Publisher {
        self.ensure(key).take_over(tracks)
    }

    /// Bytes that all rings hold together.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.inner.budget.used.load(Ordering::Relaxed)
    }
}
