//! What players are given: parts, and the segments that they make up.

use bytes::Bytes;

/// Some frames as `moof` and `mdat`.
#[derive(Clone, Debug)]
pub struct Part {
    pub duration_us: i64,
    /// It begins with a key frame.
    pub independent: bool,
    pub data: Bytes,
}

/// Parts that follow one another.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its Media Sequence Number.
    pub number: u64,
    /// When its first frame was taken.
    pub utc_us: i64,
    /// The number of its initialisation section.
    pub init: u64,
    /// Its times do not go on from those before, or its tracks are others.
    pub discontinuity: bool,
    pub parts: Vec<Part>,
    /// No part follows.
    pub complete: bool,
}

impl Segment {
    #[must_use]
    pub fn duration_us(&self) -> i64 {
        self.parts.iter().map(|part| part.duration_us).sum()
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.data.len()).sum()
    }

    /// Its bytes, without a copy.
    #[must_use]
    pub fn data(&self) -> Vec<Bytes> {
        self.parts.iter().map(|part| part.data.clone()).collect()
    }
}
