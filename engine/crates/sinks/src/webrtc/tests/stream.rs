//! A synthetic camera in a hub.

use bytes::Bytes;
use vms_hub::{Hub, HubConfig, Publisher, StreamKey};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

pub const TICKS: i64 = 3600;
/// Bytes of the synthetic slices: a key frame takes several packets.
pub const KEY_BYTES: usize = 5000;
pub const DELTA_BYTES: usize = 2000;

pub struct Camera {
    pub hub: Hub,
    pub key: StreamKey,
    publisher: Publisher,
    codec: Codec,
    next: i64,
}

pub fn video_track(codec: Codec) -> Track {
    Track { id: 0, kind: TrackKind::Video, codec, clock_rate: 90_000, channels: 0, fmtp: String::new() }
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
        Self { hub, key, publisher, codec, next: 0 }
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
        let pts = 90_000 + number * TICKS;
        let (first, second, len) = match (&self.codec, key) {
            (Codec::H265, true) => (19 << 1, 1, KEY_BYTES),
            (Codec::H265, false) => (1 << 1, 1, DELTA_BYTES),
            (_, true) => (0x65, 0x88, KEY_BYTES),
            (_, false) => (0x41, 0x9a, DELTA_BYTES),
        };
        let mut data = (len as u32).to_be_bytes().to_vec();
        data.extend([first, second]);
        data.resize(4 + len, number as u8 | 1);
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
