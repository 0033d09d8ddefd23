//! From packets of one track to frames with their time.

use std::time::Duration;

use vms_media::{AccessUnit, Depacketiser, DropReason, RtpPacket, Stamp, Timing, Track, TrackKind};

use crate::clock::StreamClock;
use crate::feed::{Item, TimedTrack};
use crate::relayed::Relayed;

/// Depacketiser and clock of one track.
pub struct TrackFrames {
    pub timed: TimedTrack,
    depacketiser: Depacketiser,
    /// Another node's stamps, once one came.
    relayed: Option<Relayed>,
    round_trip: Duration,
    units: Vec<AccessUnit>,
    drops: Vec<DropReason>,
}

impl TrackFrames {
    /// `None` for a codec that `describe` would not have chosen.
    pub fn new(track: Track) -> Option<Self> {
        let depacketiser = Depacketiser::new(&track.codec, track.clock_rate, track.channels, &track.fmtp).ok()?;
        // The way to the camera is known only once it plays.
        let clock = StreamClock::new(track.clock_rate, Duration::ZERO);
        Some(Self {
            timed: TimedTrack { track, clock },
            depacketiser,
            relayed: None,
            round_trip: Duration::ZERO,
            units: Vec::new(),
            drops: Vec::new(),
        })
    }

    /// How long the camera, or the node, took to answer.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
        self.timed.clock.set_round_trip(round_trip);
        if let Some(relayed) = &mut self.relayed {
            relayed.set_round_trip(round_trip);
        }
    }

    /// What a node says of the frame that begins at this RTP time.
    pub fn stamp(&mut self, timestamp: i64, stamp: Stamp) {
        let track = &self.timed.track;
        let relayed = self.relayed.get_or_insert_with(|| {
            let mut relayed = Relayed::new(track.clock_rate, track.kind == TrackKind::Video);
            relayed.set_round_trip(self.round_trip);
            relayed
        });
        relayed.begin(timestamp, stamp);
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
            let mut frame = self.timed.frame(unit, arrival());
            if let Some(told) = self.relayed.as_mut().and_then(|relayed| relayed.finish(&mut frame)) {
                out(told);
            }
            out(Item::Frame(frame));
        }
        self.drops.drain(..).map(Item::Lost).for_each(out);
    }
}
