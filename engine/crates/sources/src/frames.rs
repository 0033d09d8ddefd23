//! From packets of one track to frames with their time.

use std::time::Duration;

use vms_media::{AccessUnit, Depacketiser, DropReason, Frame, RtpPacket, Timing, Track};

use crate::clock::StreamClock;

/// Depacketiser and clock of one track.
pub struct TrackFrames {
    track: Track,
    depacketiser: Depacketiser,
    pub clock: StreamClock,
    units: Vec<AccessUnit>,
    drops: Vec<DropReason>,
}

impl TrackFrames {
    /// `None` for a codec that `describe` would not have chosen.
    pub fn new(track: Track, round_trip: Duration) -> Option<Self> {
        let depacketiser = Depacketiser::new(&track.codec, track.clock_rate, track.channels, &track.fmtp).ok()?;
        let clock = StreamClock::new(track.clock_rate, round_trip);
        Some(Self { track, depacketiser, clock, units: Vec::new(), drops: Vec::new() })
    }

    /// Takes a packet; gives each whole frame to `out` and each loss to `lost`.
    /// `arrival` reads the clock, which only a packet that ends a frame needs.
    pub fn push(
        &mut self,
        packet: RtpPacket<'_>,
        arrival: impl Fn() -> Timing,
        mut out: impl FnMut(Frame),
        mut lost: impl FnMut(DropReason),
    ) {
        self.depacketiser.push(packet, &mut self.units, &mut self.drops);
        for unit in self.units.drain(..) {
            let timing = self.clock.time_of(unit.timestamp, arrival());
            out(Frame {
                track: self.track.id,
                kind: self.track.kind,
                codec: self.track.codec.clone(),
                epoch: 0,
                number: 0,
                key: unit.key,
                discontinuity: unit.discontinuity,
                dts: unit.dts,
                pts: unit.timestamp,
                timing,
                data: unit.data,
            });
        }
        self.drops.drain(..).for_each(&mut lost);
    }
}
