//! A synthetic camera in a hub.

use bytes::Bytes;
use vms_hub::{Hub, HubConfig, Publisher, StreamKey, StreamName};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

pub const TICKS: i64 = 3600;
/// Bytes of the synthetic slices: a key frame takes several packets.
pub const KEY_BYTES: usize = 5000;
pub const DELTA_BYTES: usize = 2000;

/// Of a sub-stream: the slices' bytes, what they are filled with, and its first
/// time, which has nothing to do with that of the main stream.
const SUB_BYTES: usize = 700;
pub const SUB_FILL: u8 = 0x40;
const SUB_FROM: i64 = 77_000_000;

pub struct Camera {
    pub hub: Hub,
    pub key: StreamKey,
    publisher: Publisher,
    codec: Codec,
    next: i64,
    small: bool,
}

pub fn video_track(codec: Codec) -> Track {
    Track::video(codec)
}

impl Camera {
    pub fn new(codec: Codec) -> Self {
        Self::with_tracks(vec![video_track(codec)])
    }

    pub fn with_tracks(tracks: Vec<Track>) -> Self {
        let hub = Hub::new(HubConfig::default());
        let key = StreamKey::parse("cam1").expect("a key");
        let codec = tracks[0].codec.clone();
        let publisher = hub.publish(&key, tracks);
        Self { hub, key, publisher, codec, next: 0, small: false }
    }

    /// Its sub-stream: of the same times by its own count, its pictures a packet each.
    pub fn sub(&self, codec: Codec) -> Self {
        let key = StreamKey { stream: StreamName::Sub, ..self.key.clone() };
        let publisher = self.hub.publish(&key, vec![video_track(codec.clone())]);
        Self { hub: self.hub.clone(), key, publisher, codec, next: self.next, small: true }
    }

    /// Publishes the next picture.
    pub fn frame(&mut self, key: bool) {
        let number = self.next;
        self.next += 1;
        let frame = self.picture(number, key);
        assert!(self.publisher.push(frame));
    }

    /// A key frame and the pictures after it, `count` in all.
    pub fn group(&mut self, count: usize) {
        for index in 0..count {
            self.frame(index == 0);
        }
    }

    fn picture(&self, number: i64, key: bool) -> Frame {
        let pts = if self.small { SUB_FROM } else { 90_000 } + number * TICKS;
        let (first, second, len) = match (&self.codec, key) {
            (Codec::H265, true) => (19 << 1, 1, KEY_BYTES),
            (Codec::H265, false) => (1 << 1, 1, DELTA_BYTES),
            (_, true) => (0x65, 0x88, KEY_BYTES),
            (_, false) => (0x41, 0x9a, DELTA_BYTES),
        };
        let (len, fill) = if self.small { (SUB_BYTES, SUB_FILL) } else { (len, number as u8 | 1) };
        let mut data = (len as u32).to_be_bytes().to_vec();
        data.extend([first, second]);
        data.resize(4 + len, fill);
        self.make(0, TrackKind::Video, self.codec.clone(), pts, key, data.into())
    }

    pub fn sound(&mut self, pts: i64) {
        let frame = self.make(1, TrackKind::Audio, Codec::Pcma, pts, false, Bytes::from_static(&[7; 160]));
        assert!(self.publisher.push(frame));
    }

    fn make(&self, track: u8, kind: TrackKind, codec: Codec, pts: i64, key: bool, data: Bytes) -> Frame {
        Frame {
            track,
            kind,
            codec,
            epoch: 0,
            number: 0,
            key,
            discontinuity: false,
            dts: pts,
            pts,
            timing: Timing { utc_us: 1_700_000_000_000_000 + self.next * 40_000, error_us: None },
            data,
        }
    }

    pub fn set_tracks(&mut self, tracks: Vec<Track>) {
        self.publisher.set_tracks(tracks);
    }

    /// Packets of one picture on the wire.
    pub fn packets_of(&self, key: bool) -> usize {
        let frame = self.picture(0, key);
        vms_media::packetise(&self.codec, &frame.data).len()
    }
}
