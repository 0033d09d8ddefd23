//! One who sends pictures in: payloads become frames for the source that
//! waits for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vms_hub::StreamKey;
use vms_media::DropReason;
use vms_sources::{Arrivals, Giver, Intake, Item, Reason, ServerClock, give};
use vms_srt::Connection;

/// Who has shown no video for so long shows none.
const VIDEO_WITHIN: Duration = Duration::from_secs(10);

pub struct Publisher {
    key: StreamKey,
    arrivals: Arrivals,
    intake: Intake,
    giver: Option<Giver>,
    /// The source stood still, and lost something that it was not told of yet.
    missed: bool,
    since: Instant,
}

/// What became of what a publisher sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Goes,
    /// Its stream is no longer there for it, or another took it.
    NotWanted,
    NoVideo,
}

impl Publisher {
    #[must_use]
    pub fn new(key: StreamKey, arrivals: Arrivals, clock: Arc<ServerClock>, now: Instant) -> Self {
        Self { key, arrivals, intake: Intake::new(clock), giver: None, missed: false, since: now }
    }

    /// Hands on what has come.
    pub fn pump(&mut self, connection: &mut Connection, now: Instant) -> Published {
        if self.giver.as_ref().is_some_and(Giver::take_reset) {
            self.intake.reset_clocks();
        }
        while let Some(payload) = connection.take(now) {
            self.intake.push(&payload, now);
        }
        if !self.intake.is_ready() {
            let is_late = now.saturating_duration_since(self.since) >= VIDEO_WITHIN;
            return if is_late { Published::NoVideo } else { Published::Goes };
        }
        if self.giver.is_none() {
            let (giver, given) = give(self.intake.tracks().to_vec());
            if let Err(not_taken) = self.arrivals.offer(&self.key, Box::new(given)) {
                tracing::info!(stream = %self.key, reason = %not_taken, "a publisher of SRT was not taken");
                return Published::NotWanted;
            }
            self.giver = Some(giver);
        }
        let Some(giver) = &self.giver else { return Published::Goes };
        while let Some(item) = self.intake.pop() {
            self.missed = self.missed && !giver.give(Item::Lost(DropReason::TooManyPackets));
            self.missed |= !giver.give(item);
        }
        if giver.is_wanted() { Published::Goes } else { Published::NotWanted }
    }

    /// Says why nothing more comes.
    pub fn end(self, reason: Reason) {
        if let Some(giver) = self.giver {
            giver.end(reason);
        }
    }
}
