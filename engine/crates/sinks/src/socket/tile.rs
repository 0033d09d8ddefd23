//! One stream on a media socket: what of it is sent next.

use std::sync::Arc;

use bytes::Bytes;
use vms_access::Ticket;
use vms_format::TrackConfig;
use vms_hub::{CloseReason, Delivery, Next, Reader, ReaderKind, Stream, WaitReason, Wake};
use vms_media::{Codec, Track};

use crate::transcode::Listener;

use super::wire::{self, BREAK, CATCH_UP, CONFIG, FRAME, KEY, Word};

/// Who is so far behind goes on with the newest key frame.
const LATE_US: i64 = 1_000_000;

/// What is sent next.
pub enum Out {
    Word(String),
    /// Its stream is no more: the tile is over.
    Removed,
    /// Head, and what follows it.
    Media([u8; wire::HEAD_BYTES], Bytes),
}

pub struct Tile {
    id: u16,
    stream: Arc<Stream>,
    wake: Arc<dyn Wake>,
    /// None while it is paused.
    reader: Option<Reader>,
    /// Its name with those who let it in.
    pub label: String,
    _ticket: Ticket,
    /// Keeps its pictures being transcoded.
    pictures: Option<Listener>,
    track: Option<TrackConfig>,
    /// As it was told last.
    config: String,
    breaks: bool,
    /// A key frame was asked for.
    asked: bool,
}

/// The newest codes of the hub's reasons, as the page knows them.
fn reason(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::NoPublisher => "no_publisher",
        WaitReason::NoGroup => "no_group",
        WaitReason::GroupTooLong => "group_too_long",
        WaitReason::GroupTooLarge => "group_too_large",
        WaitReason::Overtaken => "overtaken",
    }
}

pub fn word(word: &Word<'_>) -> String {
    // Plain fields: it cannot fail.
    serde_json::to_string(word).unwrap_or_default()
}

impl Tile {
    pub fn new(id: u16, stream: Arc<Stream>, wake: Arc<dyn Wake>, label: String, ticket: Ticket) -> Self {
        let mut tile = Self {
            id,
            stream,
            wake,
            reader: None,
            label,
            _ticket: ticket,
            pictures: None,
            track: None,
            config: String::new(),
            breaks: true,
            asked: false,
        };
        tile.resume();
        tile
    }

    /// Its pictures are transcoded as long as it holds that.
    pub fn watching(self, pictures: Option<Listener>) -> Self {
        Self { pictures, ..self }
    }

    pub fn pause(&mut self) {
        self.reader = None;
        self.rest(true);
    }

    /// Nothing is converted for those alone who have paused it.
    fn rest(&mut self, paused: bool) {
        if let Some(pictures) = &mut self.pictures {
            pictures.rest(paused);
        }
    }

    pub fn resume(&mut self) {
        self.rest(false);
        if self.reader.is_none() {
            self.reader = Some(self.stream.subscribe(ReaderKind::Live { burst: true }, self.wake.clone()));
            self.track = None;
            self.breaks = true;
        }
    }

    /// Puts what comes next behind `out`; false when there is nothing now.
    pub fn next(&mut self, now_us: i64, out: &mut Vec<Out>) -> bool {
        loop {
            let Some(reader) = &mut self.reader else { return false };
            match reader.next() {
                Next::Frame(delivery) if delivery.frame.codec.is_video() => {
                    if self.is_late(&delivery, now_us) {
                        continue;
                    }
                    self.send(&delivery, out);
                    return true;
                }
                Next::Frame(_) => {}
                Next::TracksChanged(_) => self.track = None,
                Next::Waiting(why) => {
                    out.push(Out::Word(word(&Word::Waiting { id: self.id, reason: reason(why) })));
                    return true;
                }
                // Overtaken for long: it begins as if it had just come.
                Next::Closed(CloseReason::TooSlow) => {
                    self.pause();
                    self.resume();
                }
                Next::Closed(CloseReason::Removed) => {
                    out.push(Out::Removed);
                    return true;
                }
                Next::Pending => return false,
            }
        }
    }

    /// Leaves out what the client is too slow for.
    fn is_late(&mut self, delivery: &Delivery, now_us: i64) -> bool {
        let late = delivery.burst.is_none() && now_us - delivery.frame.timing.utc_us > LATE_US;
        if !late || self.asked {
            self.asked &= !delivery.frame.key;
            return false;
        }
        let jumped = self.reader.as_mut().is_some_and(Reader::jump_to_key);
        // Without one ahead the camera was asked for one, which is enough once.
        self.asked = !jumped;
        self.breaks |= jumped;
        jumped
    }

    fn send(&mut self, delivery: &Delivery, out: &mut Vec<Out>) {
        let frame = &delivery.frame;
        self.breaks |= delivery.skipped > 0 || frame.discontinuity;
        if frame.key {
            self.tell_config(delivery, out);
        }
        if self.track.is_none() {
            return;
        }
        let newest = |tag: vms_hub::BurstTag| tag.index + 1 >= tag.of;
        let catches_up = delivery.burst.is_some_and(|tag| !newest(tag));
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let breaks = frame.key && std::mem::take(&mut self.breaks);
        let flags = flag(frame.key, KEY) | flag(breaks, BREAK) | flag(catches_up, CATCH_UP);
        let rate = i64::from(self.track.as_ref().map_or(1, |track| track.clock_rate));
        let shown_us = (i128::from(frame.rtp_time) * 1_000_000 / i128::from(rate)) as i64;
        let head = wire::head(FRAME, flags, self.id, shown_us, frame.timing.utc_us);
        out.push(Out::Media(head, frame.data.clone()));
    }

    /// Tells how the decoder is set up, where that is new.
    fn tell_config(&mut self, delivery: &Delivery, out: &mut Vec<Out>) {
        let frame = &delivery.frame;
        if self.track.as_ref().is_none_or(|track| track.codec != frame.codec) {
            self.track = video_of(&self.stream.tracks(), &frame.codec);
            self.config.clear();
        }
        let Some(track) = &mut self.track else { return };
        track.learn(frame);
        let config = wire::config_of(track).and_then(|config| serde_json::to_string(&config).ok());
        let Some(config) = config.filter(|config| *config != self.config) else { return };
        self.breaks = true;
        let head = wire::head(CONFIG, 0, self.id, 0, frame.timing.utc_us);
        out.push(Out::Media(head, Bytes::from(config.clone())));
        self.config = config;
    }
}

fn video_of(tracks: &[Track], codec: &Codec) -> Option<TrackConfig> {
    let tracks: Vec<Track> = tracks.iter().filter(|track| track.codec == *codec).cloned().collect();
    TrackConfig::of_stream(&tracks).into_iter().find(TrackConfig::is_video)
}
