//! What is being read, so that nothing is removed behind a player.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A player asks for its next seconds more often than that.
const LEASE: Duration = Duration::from_secs(60);

/// Videos that were read a short while ago.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<PathBuf, Instant>>);

impl Leases {
    pub fn mark(&self, video: &Path) {
        let now = Instant::now();
        let mut read = self.0.lock();
        read.retain(|_, at| now.duration_since(*at) < LEASE);
        read.insert(video.to_owned(), now);
    }

    #[must_use]
    pub fn is_read(&self, video: &Path) -> bool {
        self.0.lock().get(video).is_some_and(|at| at.elapsed() < LEASE)
    }
}
