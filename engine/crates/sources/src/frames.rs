//! From packets of one track to frames with their time.

use std::time::Duration;

use vms_media::{AccessUnit, Depacketiser, DropReason, RtpPacket, Timing, Track};

use crate::clock::StreamClock;
use crate::feed::{Item, TimedTrack};

/// Depacketiser and clock of one track.
pub struct TrackFrames {
    pub timed: TimedTrack,
    depacketiser: Depacketiser,
    units: Vec<AccessUnit>,
    drops: Vec<DropReason>,
}

impl TrackFrames {
    /// `None` for a codec that `describe` would not have chosen.
    pub fn new(track: Track) -> Option<Self> {
        let depacketiser = Depacketiser::new(&track.codec, track.clock_rate, track.channels, &track.fmtp).ok()?;
        // The way to the camera is known only once it plays.
        let clock = StreamClock::new(track.clock_rate, Duration::ZERO);
        Some(Self { timed: TimedTrack { track, clock }, depacketiser, units: Vec::new(), drops: Vec::new() })
    }

    /// Gives the track its place among those that the camera agreed to.
    pub fn numbered(&mut self, id: u8) -> Track {
        self.timed.track.id = id;
        self.timed.track.clone()
    }

    /// Takes a packet; gives each whole frame and each loss to `out`.
    /// `arrival` reads the clock, which only a packet that ends a frame needs.
    pub fn push(&mut self, packet: RtpPacket<'_>, arrival: impl Fn() -> Timing, mut out: impl FnMut(Item)) {
        self.depacketiser.push(packet, &mut self.units, &mut self.drops);
        for unit in self.units.drain(..) {
            out(Item::Frame(self.timed.frame(unit, arrival())));
        }
        self.drops.drain(..).map(Item::Lost).for_each(out);
    }
}
