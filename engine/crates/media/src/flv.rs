//! FLV, as RTMP and cameras over HTTP send it: tags in, access units out.
//!
//! Video: AVC (FLV 10.1), HEVC by the number 12 that many cameras use, and the
//! FourCC form of Enhanced RTMP, which has AV1, VP8 and VP9 too. Audio: AAC, G.711, and Opus by its FourCC.
//! Metadata is not believed: cameras leave out fields and write wrong ones.

use crate::contained::Video;
use crate::depacketise::{AccessUnit, DropReason};
use crate::sound::Sound;
use crate::{Codec, Track, TrackKind};

/// Ticks of a video track a millisecond.
const VIDEO_TICKS: i64 = 90;
/// `FLV`, version, flags, length of the header; then the size of no tag.
const FILE_HEADER: usize = 9 + 4;
const TAG_HEADER: usize = 11;
const TAG_SIZE: usize = 4;

/// What a tag or message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlvKind {
    Audio,
    Video,
    /// Metadata and what else there may be.
    Other,
}

impl FlvKind {
    /// The kind of a tag's or RTMP message's type.
    #[must_use]
    pub fn of(number: u8) -> Self {
        match number & 0x1f {
            8 => Self::Audio,
            9 => Self::Video,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlvItem {
    /// A codec is known from now on.
    Found(TrackKind),
    Unit(TrackKind, AccessUnit),
    Lost(DropReason),
}

/// What ends a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlvError {
    #[error("video in {0}")]
    UnknownVideo(String),
    #[error("no FLV")]
    NotFlv,
}

/// Makes access units of the bodies of tags.
#[derive(Debug, Default)]
pub struct FlvDemuxer {
    video: Option<Video>,
    audio: Option<Sound>,
    time: Unwrapped,
}

/// Milliseconds of 32 bits, counted on; signed, as they may go back a little.
#[derive(Debug, Default)]
struct Unwrapped {
    last: Option<i64>,
}

impl Unwrapped {
    fn at(&mut self, ms: u32) -> i64 {
        let last = self.last.unwrap_or(i64::from(ms));
        let step = ms.wrapping_sub(last as u32) as i32;
        let now = last + i64::from(step);
        self.last = Some(now);
        now
    }
}

impl FlvDemuxer {
    /// Takes the body of a tag or of an RTMP message.
    ///
    /// # Errors
    /// When nothing of the video can ever be used.
    pub fn push(&mut self, kind: FlvKind, ms: u32, body: &[u8], out: &mut Vec<FlvItem>) -> Result<(), FlvError> {
        let at_ms = self.time.at(ms);
        match kind {
            FlvKind::Video => self.video(at_ms, body, out),
            FlvKind::Audio => {
                self.audio(at_ms, body, out);
                Ok(())
            }
            FlvKind::Other => Ok(()),
        }
    }

    /// The tracks that are known so far, video first.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        let video = self.video.as_ref().map(|video| {
            let codec = video.codec().clone();
            let fmtp = video.sets().fmtp(&codec);
            Track { fmtp, ..Track::video(codec) }
        });
        let audio = self.audio.as_ref().map(|audio| audio.track(u8::from(video.is_some())));
        video.into_iter().chain(audio).collect()
    }

    /// Whether a codec of video is known.
    #[must_use]
    pub fn has_video(&self) -> bool {
        self.video.is_some()
    }

    fn video(&mut self, at_ms: i64, body: &[u8], out: &mut Vec<FlvItem>) -> Result<(), FlvError> {
        let Some(part) = VideoPart::parse(body)? else { return Ok(()) };
        match part.what {
            What::Config => self.configure(&part, out),
            What::Picture { composition_ms } => self.picture(&part, at_ms, composition_ms, out),
            What::Nothing => {}
        }
        Ok(())
    }

    /// The video of a codec, which may be another than before.
    fn video_of(&mut self, codec: &Codec, out: &mut Vec<FlvItem>) -> &mut Video {
        match &mut self.video {
            Some(video) if video.codec() == codec => {}
            other => {
                out.push(FlvItem::Found(TrackKind::Video));
                *other = Some(Video::new(codec));
            }
        }
        self.video.get_or_insert_with(|| Video::new(codec))
    }

    fn configure(&mut self, part: &VideoPart<'_>, out: &mut Vec<FlvItem>) {
        let mut fresh = Video::new(&part.codec);
        if fresh.configure(part.data) {
            self.video_of(&part.codec, out).configure(part.data);
        } else {
            out.push(FlvItem::Lost(DropReason::BadPacket("decoder configuration")));
        }
    }

    fn picture(&mut self, part: &VideoPart<'_>, at_ms: i64, composition_ms: i32, out: &mut Vec<FlvItem>) {
        // VP8 and VP9 may begin without a configuration.
        if matches!(part.codec, Codec::Vp8 | Codec::Vp9) {
            self.video_of(&part.codec, out);
        }
        let Some(video) = self.video.as_mut().filter(|video| *video.codec() == part.codec) else {
            return out.push(FlvItem::Lost(DropReason::NoKeyYet));
        };
        let (dts, pts) = (at_ms * VIDEO_TICKS, (at_ms + i64::from(composition_ms)) * VIDEO_TICKS);
        out.push(match video.unit(part.data, pts, dts) {
            Ok(unit) => FlvItem::Unit(TrackKind::Video, unit),
            Err(reason) => FlvItem::Lost(reason),
        });
    }

    fn audio(&mut self, at_ms: i64, body: &[u8], out: &mut Vec<FlvItem>) {
        let Some((&head, rest)) = body.split_first() else { return };
        match head >> 4 {
            // AAC: its configuration, then frames.
            10 => match rest.split_first() {
                Some((0, config)) => self.found(Sound::aac(config), out),
                Some((1, frame)) => self.sound(at_ms, &Codec::Aac, frame, out),
                _ => {}
            },
            number @ (7 | 8) => {
                let codec = if number == 7 { Codec::Pcma } else { Codec::Pcmu };
                if self.audio.is_none() {
                    self.found(Some(Sound::pcm(codec.clone(), 1 + (head & 1))), out);
                }
                self.sound(at_ms, &codec, rest, out);
            }
            9 => self.enhanced_audio(at_ms, head & 0x0f, rest, out),
            _ => {}
        }
    }

    fn enhanced_audio(&mut self, at_ms: i64, packet: u8, rest: &[u8], out: &mut Vec<FlvItem>) {
        let Some((four_cc, data)) = rest.split_first_chunk::<4>() else { return };
        match (four_cc, packet) {
            (b"mp4a", 0) => self.found(Sound::aac(data), out),
            (b"mp4a", 1) => self.sound(at_ms, &Codec::Aac, data, out),
            (b"Opus", 0) => self.found(Some(Sound::opus()), out),
            (b"Opus", 1) => {
                if self.audio.is_none() {
                    self.found(Some(Sound::opus()), out);
                }
                self.sound(at_ms, &Codec::Opus, data, out);
            }
            _ => {}
        }
    }

    fn found(&mut self, audio: Option<Sound>, out: &mut Vec<FlvItem>) {
        let Some(audio) = audio else {
            return out.push(FlvItem::Lost(DropReason::BadPacket("audio configuration")));
        };
        let same = self.audio.as_ref().is_some_and(|known| known.codec == audio.codec && known.fmtp == audio.fmtp);
        if !same {
            self.audio = Some(audio);
            out.push(FlvItem::Found(TrackKind::Audio));
        }
    }

    fn sound(&mut self, at_ms: i64, codec: &Codec, frame: &[u8], out: &mut Vec<FlvItem>) {
        let Some(audio) = self.audio.as_mut().filter(|audio| audio.codec == *codec && !frame.is_empty()) else {
            return;
        };
        let told = at_ms * i64::from(audio.rate) / 1000;
        out.push(FlvItem::Unit(TrackKind::Audio, audio.unit(told, frame)));
    }
}

enum What {
    Config,
    Picture { composition_ms: i32 },
    Nothing,
}

struct VideoPart<'a> {
    codec: Codec,
    what: What,
    data: &'a [u8],
}

impl<'a> VideoPart<'a> {
    fn parse(body: &'a [u8]) -> Result<Option<Self>, FlvError> {
        let Some((&head, rest)) = body.split_first() else { return Ok(None) };
        if head & 0x80 != 0 {
            return Self::enhanced(head & 0x0f, rest);
        }
        let codec = match head & 0x0f {
            7 => Codec::H264,
            12 => Codec::H265,
            number => return Err(FlvError::UnknownVideo(old_name(number))),
        };
        // A frame of type 5 carries a command and no picture.
        let Some((&[packet, ref composition @ ..], data)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let what = match packet {
            0 => What::Config,
            1 if head >> 4 != 5 => What::Picture { composition_ms: signed24(*composition) },
            _ => What::Nothing,
        };
        Ok(Some(Self { codec, what, data }))
    }

    /// The form with a FourCC (Enhanced RTMP v1).
    fn enhanced(packet: u8, rest: &'a [u8]) -> Result<Option<Self>, FlvError> {
        let Some((four_cc, data)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let codec = match four_cc {
            b"avc1" => Codec::H264,
            b"hvc1" => Codec::H265,
            b"av01" => Codec::Av1,
            b"vp08" => Codec::Vp8,
            b"vp09" => Codec::Vp9,
            other => return Err(FlvError::UnknownVideo(String::from_utf8_lossy(other).trim().to_uppercase())),
        };
        let (what, data) = match packet {
            0 => (What::Config, data),
            // A time of composition is that of H.264 and H.265 alone.
            1 if !codec.has_nals() => (What::Picture { composition_ms: 0 }, data),
            1 => match data.split_first_chunk::<3>() {
                Some((composition, data)) => (What::Picture { composition_ms: signed24(*composition) }, data),
                None => (What::Nothing, data),
            },
            3 => (What::Picture { composition_ms: 0 }, data),
            _ => (What::Nothing, data),
        };
        Ok(Some(Self { codec, what, data }))
    }
}

fn old_name(number: u8) -> String {
    match number {
        2 => "Sorenson H.263".to_owned(),
        3 | 6 => "Screen Video".to_owned(),
        4 | 5 => "VP6".to_owned(),
        number => format!("FLV codec {number}"),
    }
}

fn signed24([a, b, c]: [u8; 3]) -> i32 {
    i32::from_be_bytes([a, b, c, 0]) >> 8
}

/// One tag of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlvTag<'a> {
    pub kind: FlvKind,
    pub ms: u32,
    pub body: &'a [u8],
    /// How many bytes it takes, with what stands before it.
    pub used: usize,
}

/// Cuts a stream of FLV into tags, which are below 16 MB by their form.
#[derive(Debug, Default)]
pub struct FlvReader {
    begun: bool,
}

impl FlvReader {
    /// The first tag; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When this is no FLV.
    pub fn tag<'a>(&mut self, input: &'a [u8]) -> Result<Option<FlvTag<'a>>, FlvError> {
        let mut before = 0;
        if !self.begun {
            if input.len() < FILE_HEADER {
                let shown = input.len().min(3);
                return if input[..shown] == b"FLV"[..shown] { Ok(None) } else { Err(FlvError::NotFlv) };
            }
            if !input.starts_with(b"FLV") {
                return Err(FlvError::NotFlv);
            }
            before = FILE_HEADER;
        }
        let Some((head, rest)) = input[before..].split_first_chunk::<TAG_HEADER>() else { return Ok(None) };
        let size = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
        let Some(body) = rest.get(..size).filter(|_| rest.len() >= size + TAG_SIZE) else { return Ok(None) };
        self.begun = true;
        let ms = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
        Ok(Some(FlvTag { kind: FlvKind::of(head[0]), ms, body, used: before + TAG_HEADER + size + TAG_SIZE }))
    }
}

#[cfg(test)]
#[path = "flv_tests.rs"]
mod tests;
