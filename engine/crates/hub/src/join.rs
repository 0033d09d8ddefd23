//! How a viewer joins a stream in the middle of a group of pictures: a pure
//! decision over what the ring holds.

use crate::ring::Group;

/// A longer group would take too long to send and to decode at once.
pub const MAX_BURST_US: i64 = 2_000_000;
pub const MAX_BURST_BYTES: usize = 2 << 20;

/// Why a reader sees nothing yet; shown on the viewer's tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// Nothing has been published, or not since the last break.
    NoPublisher,
    /// The group in progress is not held (too large, too old, or no budget).
    NoGroup,
    GroupTooLong,
    GroupTooLarge,
    /// The reader was overtaken and no key frame is held.
    Overtaken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Start at the group's key frame, catching up.
    Burst(Group),
    /// Start at the next key frame.
    NextKey(WaitReason),
}

#[must_use]
pub fn plan(group: Option<Group>, burst_wanted: bool, published: bool) -> Join {
    match group {
        None if published => Join::NextKey(WaitReason::NoGroup),
        None => Join::NextKey(WaitReason::NoPublisher),
        // A group of one frame is live itself: nothing to catch up.
        Some(group) if group.video_frames == 1 => Join::Burst(group),
        Some(_) if !burst_wanted => Join::NextKey(WaitReason::NoGroup),
        Some(group) if group.span_us > MAX_BURST_US => Join::NextKey(WaitReason::GroupTooLong),
        Some(group) if group.bytes > MAX_BURST_BYTES => Join::NextKey(WaitReason::GroupTooLarge),
        Some(group) => Join::Burst(group),
    }
}
