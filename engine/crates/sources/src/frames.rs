//! From packets of one track to frames with their time.

use std::time::Duration;

use vms_media::{AccessUnit, Depacketiser, DropReason, Frame, RtpPacket, Timing, Track};

use crate::clock::StreamClock;

/// What a session gives to its source.
pub enum Item {
    Frame(Frame),
    Lost(DropReason),
    /// The camera's clock is so many milliseconds ahead of ours.
    CameraOffset(i64),
}

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
    pub fn new(track: Track) -> Option<Self> {
        let depacketiser = Depacketiser::new(&track.codec, track.clock_rate, track.channels, &track.fmtp).ok()?;
        // The way to the camera is known only once it plays.
        let clock = StreamClock::new(track.clock_rate, Duration::ZERO);
        Some(Self { track, depacketiser, clock, units: Vec::new(), drops: Vec::new() })
    }

    /// Gives the track its place among those that the camera agreed to.
    pub fn numbered(&mut self, id: u8) -> Track {
        self.track.id = id;
        self.track.clone()
    }

    /// Takes a packet; gives each whole frame and each loss to `out`.
    /// `arrival` reads the clock, which only a packet that ends a frame needs.
    pub fn push(&mut self, packet: RtpPacket<'_>, arrival: impl Fn() -> Timing, mut out: impl FnMut(Item)) {
        self.depacketiser.push(packet, &mut self.units, &mut self.drops);
        for unit in self.units.drain(..) {
            let timing = self.clock.time_of(unit.timestamp, arrival());
            out(Item::Frame(Frame {
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
            }));
        }
        self.drops.drain(..).map(Item::Lost).for_each(out);
    }
}
