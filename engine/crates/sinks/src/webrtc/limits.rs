//! Budgets: how many sessions may be half open, how many viewers may catch up
//! at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Sessions that were answered and have not connected, by address.
#[derive(Clone, Debug)]
pub struct HalfOpen {
    inner: Arc<HalfOpenInner>,
}

#[derive(Debug)]
struct HalfOpenInner {
    total: Arc<AtomicUsize>,
    by_ip: Mutex<HashMap<IpAddr, usize>>,
    max: usize,
    max_per_ip: usize,
}

/// Held by a half-open session; dropping it gives the place back.
#[derive(Debug)]
pub struct HalfOpenPermit {
    inner: Arc<HalfOpenInner>,
    ip: IpAddr,
}

impl HalfOpen {
    #[must_use]
    pub fn new(max: usize, max_per_ip: usize) -> Self {
        let inner = HalfOpenInner { total: Arc::default(), by_ip: Mutex::default(), max, max_per_ip };
        Self { inner: Arc::new(inner) }
    }

    #[must_use]
    pub fn total(&self) -> Arc<AtomicUsize> {
        self.inner.total.clone()
    }

    /// A place for a session of `ip`, or `None` when it or the machine has
    /// too many that never connected.
    #[must_use]
    pub fn permit(&self, ip: IpAddr) -> Option<HalfOpenPermit> {
        let mut by_ip = self.inner.by_ip.lock();
        let total = self.inner.total.load(Ordering::Relaxed);
        let of_ip = by_ip.get(&ip).copied().unwrap_or(0);
        if total >= self.inner.max || of_ip >= self.inner.max_per_ip {
            return None;
        }
        by_ip.insert(ip, of_ip + 1);
        self.inner.total.store(total + 1, Ordering::Relaxed);
        Some(HalfOpenPermit { inner: self.inner.clone(), ip })
    }
}

impl Drop for HalfOpenPermit {
    fn drop(&mut self) {
        let mut by_ip = self.inner.by_ip.lock();
        self.inner.total.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = by_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                by_ip.remove(&self.ip);
            }
        }
    }
}

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
