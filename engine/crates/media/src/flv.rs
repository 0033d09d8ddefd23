//! FLV, as RTMP and cameras over HTTP send it: tags in, access units out.
//!
//! Video: AVC (FLV 10.1), HEVC by the number 12 that many cameras use, and the
//! FourCC form of Enhanced RTMP v1. Audio: AAC, G.711, and Opus by its FourCC.
//! Metadata is not believed: cameras leave out fields and write wrong ones.

use bytes::Bytes;

use crate::depacketise::{AccessUnit, DropReason};
use crate::pictures::Pictures;
use crate::{Codec, Track, TrackKind, annexb};

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
    audio: Option<Audio>,
    time: Unwrapped,
}

#[derive(Debug)]
struct Video {
    pictures: Pictures,
    /// Bytes of a NAL unit's length.
    length_size: usize,
}

#[derive(Debug)]
struct Audio {
    codec: Codec,
    rate: u32,
    channels: u8,
    fmtp: String,
    /// Of the next frame, in samples: whole milliseconds are too coarse.
    next: Option<i64>,
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
            let codec = video.pictures.codec().clone();
            let fmtp = video.pictures.parameter_sets().fmtp(&codec);
            Track { id: 0, kind: TrackKind::Video, codec, clock_rate: 90_000, channels: 0, fmtp }
        });
        let audio = self.audio.as_ref().map(|audio| Track {
            id: u8::from(video.is_some()),
            kind: TrackKind::Audio,
            codec: audio.codec.clone(),
            clock_rate: audio.rate,
            channels: audio.channels,
            fmtp: audio.fmtp.clone(),
        });
        video.into_iter().chain(audio).collect()
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

    fn configure(&mut self, part: &VideoPart<'_>, out: &mut Vec<FlvItem>) {
        let read = match part.codec {
            Codec::H264 => avc_config(part.data),
            _ => hevc_config(part.data),
        };
        let Some((length_size, sets)) = read else {
            return out.push(FlvItem::Lost(DropReason::BadPacket("decoder configuration")));
        };
        let video = match &mut self.video {
            Some(video) if *video.pictures.codec() == part.codec => video,
            other => {
                out.push(FlvItem::Found(TrackKind::Video));
                other.insert(Video { pictures: Pictures::new(part.codec.clone()), length_size })
            }
        };
        video.length_size = length_size;
        sets.iter().for_each(|set| video.pictures.learn(set));
    }

    fn picture(&mut self, part: &VideoPart<'_>, at_ms: i64, composition_ms: i32, out: &mut Vec<FlvItem>) {
        let Some(video) = self.video.as_mut().filter(|video| *video.pictures.codec() == part.codec) else {
            return out.push(FlvItem::Lost(DropReason::NoKeyYet));
        };
        let (dts, pts) = (at_ms * VIDEO_TICKS, (at_ms + i64::from(composition_ms)) * VIDEO_TICKS);
        let nals = nals(part.data, video.length_size);
        out.push(match nals.and_then(|nals| video.pictures.unit(nals.into_iter(), pts, dts)) {
            Ok(unit) => FlvItem::Unit(TrackKind::Video, unit),
            Err(reason) => {
                if reason != DropReason::NoKeyYet {
                    video.pictures.lost();
                }
                FlvItem::Lost(reason)
            }
        });
    }

    fn audio(&mut self, at_ms: i64, body: &[u8], out: &mut Vec<FlvItem>) {
        let Some((&head, rest)) = body.split_first() else { return };
        match head >> 4 {
            // AAC: its configuration, then frames.
            10 => match rest.split_first() {
                Some((0, config)) => self.found(Audio::aac(config), out),
                Some((1, frame)) => self.sound(at_ms, &Codec::Aac, frame, out),
                _ => {}
            },
            number @ (7 | 8) => {
                let codec = if number == 7 { Codec::Pcma } else { Codec::Pcmu };
                if self.audio.is_none() {
                    self.found(Some(Audio::pcm(codec.clone(), 1 + (head & 1))), out);
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
            (b"mp4a", 0) => self.found(Audio::aac(data), out),
            (b"mp4a", 1) => self.sound(at_ms, &Codec::Aac, data, out),
            (b"Opus", 0) => self.found(Some(Audio::opus()), out),
            (b"Opus", 1) => {
                if self.audio.is_none() {
                    self.found(Some(Audio::opus()), out);
                }
                self.sound(at_ms, &Codec::Opus, data, out);
            }
            _ => {}
        }
    }

    fn found(&mut self, audio: Option<Audio>, out: &mut Vec<FlvItem>) {
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
        let samples = audio.samples_of(frame);
        let timestamp = audio.time_of(at_ms, samples);
        out.push(FlvItem::Unit(
            TrackKind::Audio,
            AccessUnit {
                timestamp,
                dts: timestamp,
                key: true,
                discontinuity: false,
                data: Bytes::copy_from_slice(frame),
            },
        ));
    }
}

impl Audio {
    /// From an `AudioSpecificConfig` (ISO 14496-3, 1.6.2.1).
    fn aac(config: &[u8]) -> Option<Self> {
        const RATES: [u32; 13] =
            [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
        let [first, second, ..] = *config else { return None };
        let rate = *RATES.get(usize::from((first & 7) << 1 | second >> 7))?;
        let channels = second >> 3 & 0x0f;
        if first >> 3 == 0 || channels == 0 {
            return None;
        }
        // More than any configuration has is not one.
        let hex: String = config.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
        let fmtp = format!(
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={hex}"
        );
        Some(Self { codec: Codec::Aac, rate, channels, fmtp, next: None })
    }

    /// G.711, which FLV defines at 8 kHz alone.
    fn pcm(codec: Codec, channels: u8) -> Self {
        Self { codec, rate: 8_000, channels, fmtp: String::new(), next: None }
    }

    fn opus() -> Self {
        Self { codec: Codec::Opus, rate: 48_000, channels: 2, fmtp: String::new(), next: None }
    }

    /// How long a frame lasts; 0 where it does not say.
    fn samples_of(&self, frame: &[u8]) -> i64 {
        match self.codec {
            Codec::Aac => 1_024,
            Codec::Pcma | Codec::Pcmu => (frame.len() / usize::from(self.channels.max(1))) as i64,
            _ => 0,
        }
    }

    /// Goes on from the frame before as long as the sender's milliseconds agree.
    fn time_of(&mut self, at_ms: i64, samples: i64) -> i64 {
        let told = at_ms * i64::from(self.rate) / 1000;
        let near = i64::from(self.rate) / 50;
        let time = self.next.filter(|next| samples > 0 && (next - told).abs() <= near).unwrap_or(told);
        self.next = Some(time + samples);
        time
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
            other => return Err(FlvError::UnknownVideo(String::from_utf8_lossy(other).trim().to_uppercase())),
        };
        let (what, data) = match packet {
            0 => (What::Config, data),
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

/// The NAL units of a picture; Annex B where a camera writes that.
fn nals(data: &[u8], length_size: usize) -> Result<Vec<&[u8]>, DropReason> {
    if data.starts_with(&[0, 0, 0, 1]) && annexb::nals(data).next().is_none_or(|nal| nal.len() == 1) {
        return Ok(annexb::split(data).collect());
    }
    let mut nals = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let Some((length, tail)) = rest.split_at_checked(length_size) else { return Err(CUT_SHORT) };
        let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let Some((nal, tail)) = tail.split_at_checked(length) else { return Err(CUT_SHORT) };
        if !nal.is_empty() {
            nals.push(nal);
        }
        rest = tail;
    }
    Ok(nals)
}

const CUT_SHORT: DropReason = DropReason::BadPacket("picture cut short");

/// Sizes of lengths, and the parameter sets, of an
/// `AVCDecoderConfigurationRecord` (ISO 14496-15, 5.3.3.1).
fn avc_config(record: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let (head, mut rest) = record.split_first_chunk::<5>()?;
    let mut sets = Vec::new();
    for mask in [0x1f, 0xff] {
        let (&count, tail) = rest.split_first()?;
        rest = take_sets(tail, usize::from(count & mask), &mut sets)?;
    }
    Some((usize::from(head[4] & 3) + 1, sets))
}

/// The same of an `HEVCDecoderConfigurationRecord` (ISO 14496-15, 8.3.3.1).
fn hevc_config(record: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let (head, mut rest) = record.split_first_chunk::<23>()?;
    let mut sets = Vec::new();
    for _ in 0..head[22] {
        let (array, tail) = rest.split_first_chunk::<3>()?;
        rest = take_sets(tail, usize::from(u16::from_be_bytes([array[1], array[2]])), &mut sets)?;
    }
    Some((usize::from(head[21] & 3) + 1, sets))
}

fn take_sets<'a>(mut rest: &'a [u8], count: usize, sets: &mut Vec<&'a [u8]>) -> Option<&'a [u8]> {
    for _ in 0..count {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (set, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        sets.push(set);
        rest = tail;
    }
    Some(rest)
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
