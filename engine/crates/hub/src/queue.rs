//! The byte-bounded queue of a recorder or of a pulled reader, who must not
//! lose frames to the ring's eviction.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use vms_media::TrackKind;

use crate::frame::HubFrame;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Whole groups of pictures go (a recorder behind a slow disk).
    DropGroups,
    /// The publisher waits for room (playback).
    Pause,
}

#[derive(Debug)]
pub struct Queue {
    max_bytes: usize,
    overflow: Overflow,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    frames: VecDeque<Arc<HubFrame>>,
    bytes: usize,
    /// Set after an overflow until the next key frame fits.
    skipping: bool,
    /// Frames left out since the last one taken in.
    skipped: u32,
    skipped_before: VecDeque<u32>,
}

impl Queue {
    #[must_use]
    pub fn new(max_bytes: usize, overflow: Overflow) -> Self {
        Self { max_bytes, overflow, inner: Mutex::new(Inner::default()) }
    }

    #[must_use]
    pub fn has_room(&self) -> bool {
        self.overflow == Overflow::DropGroups || self.inner.lock().bytes < self.max_bytes
    }

    /// Takes a frame in; returns how many frames were dropped for it (0 or 1).
    pub fn push(&self, frame: &Arc<HubFrame>) -> u64 {
        let mut inner = self.inner.lock();
        if self.overflow == Overflow::DropGroups {
            let fits = inner.bytes + frame.data.len() <= self.max_bytes;
            let starts_group = frame.key && frame.kind == TrackKind::Video;
            inner.skipping = !fits || (inner.skipping && !starts_group);
            if inner.skipping {
                inner.skipped += 1;
                return 1;
            }
        }
        inner.bytes += frame.data.len();
        let skipped = std::mem::take(&mut inner.skipped);
        inner.skipped_before.push_back(skipped);
        inner.frames.push_back(frame.clone());
        0
    }

    /// The oldest frame and how many were dropped before it.
    pub fn pop(&self) -> Option<(Arc<HubFrame>, u32)> {
        let mut inner = self.inner.lock();
        let frame = inner.frames.pop_front()?;
        let skipped = inner.skipped_before.pop_front().unwrap_or(0);
        inner.bytes -= frame.data.len();
        Some((frame, skipped))
    }
}
