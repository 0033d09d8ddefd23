//! A budget: how many viewers may catch up at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits a second that all joining viewers of the machine may take together.
#[derive(Clone, Debug)]
pub struct BurstBudget {
    limit: u64,
    used: Arc<AtomicU64>,
}

/// A viewer's share while it catches up.
#[derive(Debug)]
pub struct BurstShare {
    bits: u64,
    used: Arc<AtomicU64>,
}

impl BurstBudget {
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, used: Arc::default() }
    }

    /// `None` when the machine is busy catching others up; the viewer then
    /// waits for the next key frame.
    #[must_use]
    pub fn share(&self, bits: u64) -> Option<BurstShare> {
        let used = self.used.fetch_add(bits, Ordering::AcqRel);
        let share = BurstShare { bits, used: self.used.clone() };
        // The first one is always let through, however fast its stream.
        (used == 0 || used + bits <= self.limit).then_some(share)
    }
}

impl Drop for BurstShare {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bits, Ordering::AcqRel);
    }
}
