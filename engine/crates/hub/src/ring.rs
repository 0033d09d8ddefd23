//! The ring of one stream: the last group of pictures and a little before it.
//!
//! Pure: frames and times come in, positions come out. A position counts every
//! frame ever pushed, so a reader's cursor stays valid after eviction and can
//! tell how much it missed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use vms_media::TrackKind;

use crate::frame::HubFrame;

/// How long frames before the newest key frame stay for readers in flight.
const SLACK_US: i64 = 1_000_000;

/// Limits of one ring.
#[derive(Clone, Copy, Debug)]
pub struct RingLimits {
    pub bytes: usize,
    pub time: Duration,
}

#[derive(Debug)]
pub struct Ring {
    limits: RingLimits,
    frames: VecDeque<Arc<HubFrame>>,
    /// Position of `frames[0]`.
    base: u64,
    /// Positions of the video key frames still held, oldest first.
    keys: VecDeque<u64>,
    bytes: usize,
}

/// The newest group of pictures in the ring, if its key frame is still held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub key: u64,
    pub video_frames: u32,
    pub bytes: usize,
    pub span_us: i64,
    /// RTP time of the newest video frame.
    pub newest_rtp_time: i64,
    /// A picture in it is shown before one sent earlier (B-frames).
    pub reordered: bool,
}

impl Ring {
    #[must_use]
    pub fn new(limits: RingLimits) -> Self {
        Self { limits, frames: VecDeque::new(), base: 0, keys: VecDeque::new(), bytes: 0 }
    }

    /// Position that the next frame will get.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.base + self.frames.len() as u64
    }

    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    #[must_use]
    pub fn newest_key(&self) -> Option<u64> {
        self.keys.back().copied()
    }

    #[must_use]
    pub fn get(&self, position: u64) -> Option<&Arc<HubFrame>> {
        let index = position.checked_sub(self.base)?;
        self.frames.get(usize::try_from(index).ok()?)
    }

    pub fn push(&mut self, frame: Arc<HubFrame>) {
        if frame.key && frame.kind == TrackKind::Video {
            self.keys.push_back(self.head());
        }
        self.bytes += frame.data.len();
        let now = frame.timing.utc_us;
        self.frames.push_back(frame);
        self.trim(now);
    }

    /// Drops what no rule keeps. The newest frame always stays, so a frame
    /// larger than the ring is held alone until the next one comes.
    fn trim(&mut self, now_us: i64) {
        let oldest = now_us - i64::try_from(self.limits.time.as_micros()).unwrap_or(i64::MAX);
        while self.frames.len() > 1 {
            let front = &self.frames[0];
            let before_group = self.newest_key().is_some_and(|key| self.base < key);
            let stale = before_group && front.timing.utc_us < now_us - SLACK_US;
            let too_old = front.timing.utc_us < oldest;
            if !(stale || too_old || self.bytes > self.limits.bytes) {
                break;
            }
            self.pop_front();
        }
    }

    /// Frees all but the newest frames of `keep_us`, when the process is over
    /// its budget; returns how many bytes went.
    pub fn shed(&mut self, keep_us: i64) -> usize {
        let before = self.bytes;
        let Some(newest) = self.frames.back().map(|frame| frame.timing.utc_us) else {
            return 0;
        };
        while self.frames.len() > 1 && self.frames[0].timing.utc_us < newest - keep_us {
            self.pop_front();
        }
        before - self.bytes
    }

    pub fn clear(&mut self) {
        self.base = self.head();
        self.frames.clear();
        self.keys.clear();
        self.bytes = 0;
    }

    fn pop_front(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.bytes -= frame.data.len();
            if self.keys.front() == Some(&self.base) {
                self.keys.pop_front();
            }
            self.base += 1;
        }
    }

    /// The newest group, for a viewer who joins in its middle.
    #[must_use]
    pub fn group(&self) -> Option<Group> {
        let key = self.newest_key()?;
        let first = self.get(key)?;
        let mut group =
            Group { key, video_frames: 0, bytes: 0, span_us: 0, newest_rtp_time: first.rtp_time, reordered: false };
        for position in key..self.head() {
            let Some(frame) = self.get(position) else { break };
            if frame.kind != TrackKind::Video {
                continue;
            }
            group.video_frames += 1;
            group.bytes += frame.data.len();
            group.span_us = frame.timing.utc_us - first.timing.utc_us;
            group.reordered |= frame.rtp_time < group.newest_rtp_time;
            group.newest_rtp_time = group.newest_rtp_time.max(frame.rtp_time);
        }
        Some(group)
    }
}
