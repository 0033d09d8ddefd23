//! What a track of a container holds, from what the container says of it.

use super::{FileItem, VIDEO_RATE, video_track};
use crate::contained::Video;
use crate::depacketise::{AccessUnit, DropReason};
use crate::sound::Sound;
use crate::{Codec, Track};

pub enum Stream {
    Video(Box<Video>),
    Sound(Sound),
}

impl Stream {
    /// Video with its decoder's configuration: that of ISO/IEC 14496-15 for
    /// H.264 and H.265, av1C for AV1. `None` where it cannot be read.
    pub fn configured(codec: &Codec, config: &[u8]) -> Option<Self> {
        let mut video = Video::new(codec);
        video.configure(config).then(|| Self::Video(Box::new(video)))
    }

    /// Video whose pictures say all, or all but this head.
    pub fn with_head(codec: &Codec, head: &[u8]) -> Self {
        let mut video = Video::new(codec);
        if !head.is_empty() {
            video.learn(head);
        }
        Self::Video(Box::new(video))
    }

    pub fn is_video(&self) -> bool {
        matches!(self, Self::Video(_))
    }

    /// Ticks a second of its times.
    pub fn rate(&self) -> u32 {
        match self {
            Self::Video(_) => VIDEO_RATE,
            Self::Sound(sound) => sound.rate,
        }
    }

    pub fn track(&self, id: u8) -> Track {
        match self {
            Self::Video(video) => video_track(id, video.codec(), video.sets()),
            Self::Sound(sound) => sound.track(id),
        }
    }

    /// G.711 comes sample by sample: bytes of each, 0 for other codecs.
    pub fn sample_bytes(&self) -> usize {
        match self {
            Self::Sound(sound) if matches!(sound.codec, Codec::Pcma | Codec::Pcmu) => sound.channels.into(),
            _ => 0,
        }
    }

    /// How far its pictures declare to be out of order.
    pub fn reorders(&self) -> u32 {
        match self {
            Self::Video(video) => video.reorders(),
            Self::Sound(_) => 0,
        }
    }

    /// A picture is passed over unread.
    pub fn too_large(&mut self) -> FileItem {
        if let Self::Video(video) = self {
            video.lost();
        }
        FileItem::Lost(DropReason::TooLarge)
    }

    pub fn unit(&mut self, data: &[u8], pts: i64, dts: i64) -> Result<AccessUnit, DropReason> {
        match self {
            Self::Sound(sound) => Ok(sound.unit(pts, data)),
            Self::Video(video) => video.unit(data, pts, dts),
        }
    }
}
