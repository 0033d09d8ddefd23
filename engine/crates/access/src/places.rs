//! How many streams are open, by stream, viewer, city and in all.

use std::collections::HashMap;
use std::hash::Hash;

use crate::denied::Denied;
use crate::rules::Limits;

/// Whose place a session takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub stream: String,
    pub viewer: String,
    pub city: String,
}

#[derive(Debug, Default)]
pub struct Places {
    streams: HashMap<String, u32>,
    viewers: HashMap<String, u32>,
    cities: HashMap<String, u32>,
    all: u32,
}

impl Places {
    /// Takes a place, or says which limit is reached.
    pub fn take(&mut self, seat: &Seat, limits: Limits) -> Result<(), Denied> {
        let of = |counts: &HashMap<String, u32>, name: &str| counts.get(name).copied().unwrap_or(0);
        for (name, limit, used) in [
            ("the stream", limits.stream, of(&self.streams, &seat.stream)),
            ("the viewer", limits.viewer, of(&self.viewers, &seat.viewer)),
            ("the city", limits.city, of(&self.cities, &seat.city)),
            ("the machine", limits.machine, self.all),
        ] {
            if limit != 0 && used >= limit {
                return Err(Denied::Limit { of: name, limit });
            }
        }
        *self.streams.entry(seat.stream.clone()).or_default() += 1;
        *self.viewers.entry(seat.viewer.clone()).or_default() += 1;
        *self.cities.entry(seat.city.clone()).or_default() += 1;
        self.all += 1;
        Ok(())
    }

    pub fn give_back(&mut self, seat: &Seat) {
        lower(&mut self.streams, &seat.stream);
        lower(&mut self.viewers, &seat.viewer);
        lower(&mut self.cities, &seat.city);
        self.all = self.all.saturating_sub(1);
    }
}

fn lower<K: Hash + Eq + Clone>(counts: &mut HashMap<K, u32>, name: &K) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(stream: &str, viewer: &str, city: &str) -> Seat {
        Seat { stream: stream.into(), viewer: viewer.into(), city: city.into() }
    }

    #[test]
    fn each_limit_is_told_by_name_and_places_come_back() {
        let limits = Limits { stream: 1, viewer: 2, city: 3, machine: 4 };
        let mut places = Places::default();
        let limit_of = |result: Result<(), Denied>| match result {
            Err(Denied::Limit { of, limit }) => Some((of, limit)),
            _ => None,
        };
        places.take(&seat("a", "ana", "sp"), limits).expect("room");
        assert_eq!(limit_of(places.take(&seat("a", "bia", "sp"), limits)), Some(("the stream", 1)));
        places.take(&seat("b", "ana", "sp"), limits).expect("room");
        assert_eq!(limit_of(places.take(&seat("c", "ana", "sp"), limits)), Some(("the viewer", 2)));
        places.take(&seat("c", "bia", "sp"), limits).expect("room");
        assert_eq!(limit_of(places.take(&seat("d", "caio", "sp"), limits)), Some(("the city", 3)));
        places.take(&seat("d", "caio", "rj"), limits).expect("room");
        assert_eq!(limit_of(places.take(&seat("e", "davi", "mg"), limits)), Some(("the machine", 4)));
        places.give_back(&seat("a", "ana", "sp"));
        places.take(&seat("a", "ana", "sp"), limits).expect("the place came back");
        for seat in [seat("a", "ana", "sp"), seat("b", "ana", "sp"), seat("c", "bia", "sp"), seat("d", "caio", "rj")] {
            places.give_back(&seat);
        }
        assert!(places.streams.is_empty() && places.viewers.is_empty() && places.cities.is_empty());
        assert_eq!(places.all, 0);
    }
}
