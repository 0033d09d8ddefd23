//! Recorded video that is played: many requests with one address.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use vms_hub::StreamKey;

use crate::access::{Doors, Now};
use crate::address::{Address, Kind};
use crate::denied::Denied;

/// Who plays recorded video goes on without a fresh address as long as he asks
/// again within this time: players that only know one address stay in.
const LEASE: Duration = Duration::from_secs(120);
/// But not for longer than this.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// A running playback.
pub struct Play {
    pub address: Address,
    since: Instant,
    last: Instant,
}

/// By the nonce of their addresses.
pub type Plays = HashMap<String, Play>;

impl Doors {
    /// Whether recorded video of a period may be read, by an address that opens
    /// one playback.
    pub fn play(
        &mut self,
        key: &StreamKey,
        address: Option<&str>,
        period: (i64, i64),
        now: Now,
    ) -> Result<Address, Denied> {
        let address = self.keys.verify(address.ok_or(Denied::Missing)?)?;
        address.opens(key, Kind::Playback)?;
        if period.0 < address.from_us || (address.until_us != 0 && period.1 > address.until_us) {
            return Err(Denied::Foreign("time"));
        }
        self.stand(&address)?;
        let running = self
            .plays
            .get(&address.nonce)
            .filter(|play| now.at.duration_since(play.last) < LEASE && now.at.duration_since(play.since) < LONGEST);
        if running.is_none() {
            address.in_time(now.utc_s)?;
        }
        let known = self.plays.entry(address.nonce.clone());
        known.and_modify(|play| play.last = now.at).or_insert_with(|| Play {
            address: address.clone(),
            since: now.at,
            last: now.at,
        });
        Ok(address)
    }

    pub fn sweep_plays(&mut self, now: Now) {
        self.plays.retain(|_, play| now.at.duration_since(play.last) < LEASE);
    }
}
