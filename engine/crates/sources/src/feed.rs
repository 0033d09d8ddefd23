//! What a source reads, whatever the protocol.

use std::task::{Context, Poll};

use vms_media::{AccessUnit, DropReason, Frame, Timing, Track};

use crate::clock::StreamClock;
use crate::reason::Reason;

/// What a feed gives to its source.
#[derive(Debug)]
pub enum Item {
    Frame(Frame),
    Lost(DropReason),
    /// Of another node's: so many frames before the next one never came, or a
    /// new run of its stream begins.
    Upstream {
        missing: u32,
        /// Its clock stepped.
        stepped: bool,
    },
    /// The camera's clock is so many milliseconds ahead of ours.
    CameraOffset(i64),
    /// What follows comes from this one of two addresses, whose tracks are the
    /// feed's from now on; a frame of video is next.
    Address {
        backup: bool,
    },
    /// The feed's tracks are others from now on; a frame follows.
    Tracks,
}

/// One session with a camera or a publisher, from its first frame to its end.
/// Dropping it ends it, and tells the other side where the protocol can.
pub trait Feed: Send {
    /// Its tracks, video first; frames name them by their places.
    fn tracks(&self) -> &[Track];

    /// The next frame, loss or report; the reason why the session ended.
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>>;

    /// A step of the server's clock makes all that was learnt of it wrong.
    fn reset_clocks(&mut self);

    /// Whether the camera goes on sending into connections that are gone, so
    /// that it must be left alone for a while.
    fn keeps_dead_sessions(&self) -> bool {
        false
    }
}

/// A track whose access units come with times of their own; makes frames.
#[derive(Debug)]
pub struct TimedTrack {
    pub track: Track,
    pub clock: StreamClock,
}

impl TimedTrack {
    #[must_use]
    pub fn frame(&mut self, unit: AccessUnit, arrival: Timing) -> Frame {
        let timing = self.clock.time_of(unit.timestamp, arrival);
        Frame {
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
        }
    }
}
