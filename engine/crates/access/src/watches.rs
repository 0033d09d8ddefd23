//! Sessions of live HLS: many requests with one address.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use vms_hub::StreamKey;

use crate::access::{Doors, Now};
use crate::address::{Address, Kind};
use crate::denied::Denied;
use crate::holder::seat_stream;
use crate::places::Seat;

/// Who did not ask for so long is gone: a player asks each few seconds.
const LEASE: Duration = Duration::from_secs(30);
/// A session lasts no longer than this by one address.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// A running session. Its signature was verified when it began.
pub struct Watch {
    address: Address,
    since: Instant,
    last: Instant,
}

/// By the text of their addresses.
pub type Watches = HashMap<String, Watch>;

impl Watch {
    fn runs(&self, now: Now) -> bool {
        now.at.duration_since(self.last) < LEASE && now.at.duration_since(self.since) < LONGEST
    }
}

impl Doors {
    /// Begins a session or goes on with it; whether with sound.
    pub fn watch(&mut self, key: &StreamKey, text: &str, now: Now) -> Result<bool, Denied> {
        let running = self.watches.get(text).filter(|watch| watch.runs(now));
        let Some(watch) = running else { return self.begin_watch(key, text, now) };
        watch.address.opens(key, Kind::Hls)?;
        self.stand(&watch.address)?;
        let audio = watch.address.audio();
        if let Some(watch) = self.watches.get_mut(text) {
            watch.last = now.at;
        }
        Ok(audio)
    }

    fn begin_watch(&mut self, key: &StreamKey, text: &str, now: Now) -> Result<bool, Denied> {
        let address = self.keys.verify(text)?;
        address.opens(key, Kind::Hls)?;
        self.hold_good(&address, now)?;
        self.sweep_watches(now);
        let limits = self.limits_of(&address.city, address.most);
        self.places.take(&seat(&address), limits)?;
        let audio = address.audio();
        self.watches.insert(text.to_owned(), Watch { address, since: now.at, last: now.at });
        Ok(audio)
    }

    /// Ends those that are hit and gives their places back; how many.
    pub fn end_watches(&mut self, hit: impl Fn(&Address) -> bool) -> usize {
        self.retain_watches(|watch| !hit(&watch.address))
    }

    /// Forgets those whose player is gone.
    pub fn sweep_watches(&mut self, now: Now) {
        self.retain_watches(|watch| watch.runs(now));
    }

    fn retain_watches(&mut self, stays: impl Fn(&Watch) -> bool) -> usize {
        let before = self.watches.len();
        let places = &mut self.places;
        self.watches.retain(|_, watch| {
            let stays = stays(watch);
            if !stays {
                places.give_back(&seat(&watch.address));
            }
            stays
        });
        before - self.watches.len()
    }
}

fn seat(address: &Address) -> Seat {
    Seat {
        stream: seat_stream(&address.camera, address.stream),
        viewer: address.viewer.clone(),
        city: address.city.clone(),
    }
}
