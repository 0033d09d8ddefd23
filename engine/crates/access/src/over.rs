//! Talks that are over: whoever began one may ask for a while why it ended.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::address::{Address, Kind};
use crate::holder::{Holder, opened};
use crate::places::Seat;

const KEPT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Over {
    /// By their names.
    talks: HashMap<String, (Seat, Instant)>,
}

impl Over {
    /// Remembers a session that has ended, if it was a talk.
    pub fn keep(&mut self, holder: Holder, now: Instant) {
        if holder.kind == Kind::Talk && !holder.label.is_empty() {
            self.talks.insert(holder.label, (holder.seat, now));
        }
    }

    pub fn owns(&self, label: &str, address: &Address, now: Instant) -> bool {
        let found = self.talks.get(label).filter(|(_, since)| now.saturating_duration_since(*since) < KEPT);
        found.is_some_and(|(seat, _)| opened(address, seat, Kind::Talk))
    }

    pub fn sweep(&mut self, now: Instant) {
        self.talks.retain(|_, (_, since)| now.saturating_duration_since(*since) < KEPT);
    }
}
