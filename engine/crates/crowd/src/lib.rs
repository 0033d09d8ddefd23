//! Callers of whom only the address is known: how many of them may be there at
//! once, so that one of them never takes the places of all.
//!
//! Invariants: nothing is kept of a caller that holds no place; a place that is
//! dropped is free at once.
//!
//! What is absent: IO, clocks, and everything of this product.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Which addresses are one caller. Whoever has an address of IPv6 has all
/// others of its /64 too (RFC 4291, 2.5.4); one of IPv4 is the same within IPv6.
#[must_use]
pub fn origin_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
        address => address,
    }
}

/// How many may be there at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    pub in_all: usize,
    pub of_one: usize,
}

/// Those who are there. A clone counts the same ones.
#[derive(Clone, Debug)]
pub struct Crowd {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    most: Most,
    there: Mutex<There>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct There {
    in_all: usize,
    /// Of those alone who hold a place.
    of_one: HashMap<IpAddr, usize>,
}

/// A caller's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    inner: Arc<Inner>,
    origin: IpAddr,
}

impl Crowd {
    #[must_use]
    pub fn new(most: Most) -> Self {
        Self { inner: Arc::new(Inner { most, there: Mutex::default(), refused: AtomicU64::default() }) }
    }

    /// Takes a place; `None`, which is counted, where the caller has all of its
    /// own or there is none left.
    #[must_use]
    pub fn enter(&self, from: IpAddr) -> Option<Place> {
        let origin = origin_of(from);
        let place = self.inner.take(origin).then(|| Place { inner: self.inner.clone(), origin });
        if place.is_none() {
            self.inner.refused.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    /// How many are there.
    #[must_use]
    pub fn there(&self) -> usize {
        self.inner.there.lock().in_all
    }

    /// How many ever found no place.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn take(&self, origin: IpAddr) -> bool {
        let mut there = self.there.lock();
        let own = there.of_one.get(&origin).copied().unwrap_or(0);
        let room = own < self.most.of_one && there.in_all < self.most.in_all;
        if room {
            there.in_all += 1;
            there.of_one.insert(origin, own + 1);
        }
        room
    }

    fn give_back(&self, origin: IpAddr) {
        let mut there = self.there.lock();
        there.in_all = there.in_all.saturating_sub(1);
        if let Some(own) = there.of_one.get_mut(&origin) {
            *own -= 1;
            if *own == 0 {
                there.of_one.remove(&origin);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.give_back(self.origin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_never_takes_every_place() {
        let crowd = Crowd::new(Most { in_all: 5, of_one: 3 });
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        let mut held: Vec<Place> = (0..3).map(|_| crowd.enter(one).expect("room")).collect();
        assert!(crowd.enter(one).is_none(), "it has all of its own");
        let others = [crowd.enter(other).expect("others still come in"), crowd.enter(other).expect("room")];
        assert!(crowd.enter(address("10.0.0.3")).is_none(), "all are taken");
        assert_eq!((crowd.there(), crowd.refused()), (5, 2));
        held.pop();
        held.push(crowd.enter(one).expect("a place that is free is given again"));
        drop((held, others));
        assert_eq!(crowd.there(), 0);
        assert!(crowd.inner.there.lock().of_one.is_empty(), "nobody is remembered");
    }

    #[test]
    fn who_found_no_place_is_not_remembered() {
        let crowd = Crowd::new(Most { in_all: 1, of_one: 1 });
        let _held = crowd.enter(address("10.0.0.1")).expect("room");
        for last in 2..=250 {
            assert!(crowd.enter(IpAddr::from([10, 0, 0, last])).is_none());
        }
        assert_eq!(crowd.inner.there.lock().of_one.len(), 1);
    }

    #[test]
    fn places_are_shared_by_clones() {
        let crowd = Crowd::new(Most { in_all: 2, of_one: 1 });
        let clone = crowd.clone();
        let _held = crowd.enter(address("10.0.0.1")).expect("room");
        assert!(clone.enter(address("10.0.0.1")).is_none());
        assert_eq!((clone.there(), crowd.refused()), (1, 1));
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller_and_an_address_of_ipv4_is_one_however_it_is_written() {
        let table = [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.2", false),
            ("10.0.0.1", "10.0.0.2", false),
        ];
        for (one, other, same) in table {
            assert_eq!(origin_of(address(one)) == origin_of(address(other)), same, "{one} and {other}");
        }
    }
}
