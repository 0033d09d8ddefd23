//! Matroska and WebM (RFC 9559): blocks in their order, without lacing.

use super::stream::Stream;
use super::window::Window;
use super::{FileError, FileItem, Reader, rescale};
use crate::depacketise::dts::DecodeClock;
use crate::sound::Sound;
use crate::{Codec, MAX_UNIT_BYTES, Track};

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63a2;
const ENCODINGS: u32 = 0x6d80;
const AUDIO: u32 = 0xe1;
const RATE: u32 = 0xb5;
const CHANNELS: u32 = 0x9f;
const CLUSTER: u32 = 0x1f43_b675;
const TIMESTAMP: u32 = 0xe7;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const SIMPLE_BLOCK: u32 = 0xa3;

/// Of `Tracks`, with the parameter sets in it.
const MAX_TRACKS: u64 = 1 << 20;
const MOST_SOUNDS: usize = 3;
/// Nanoseconds of a unit of time where the file does not say.
const USUAL_SCALE: u64 = 1_000_000;

pub struct Matroska {
    file: Window,
    at: u64,
    /// Video first.
    tracks: Vec<MatroskaTrack>,
    /// Nanoseconds of a unit of time.
    scale: u64,
    /// Of the cluster, in units.
    cluster: i64,
}

struct MatroskaTrack {
    number: u64,
    stream: Stream,
    /// Blocks tell only when a picture is shown.
    decode: DecodeClock,
    declared: bool,
}

/// An element, by where its contents lie.
struct Element {
    id: u32,
    body: u64,
    /// `None` where it goes on until something follows that cannot be in it.
    end: Option<u64>,
}

impl Matroska {
    pub fn open(file: Window) -> Result<Self, FileError> {
        let mut opened = Self { file, at: 0, tracks: Vec::new(), scale: USUAL_SCALE, cluster: 0 };
        // What the tracks are stands before the first cluster.
        loop {
            let at = opened.at;
            let Some(element) = opened.element(at)? else { return Err(FileError::NoVideo) };
            match element.id {
                SEGMENT | INFO => opened.at = element.body,
                CLUSTER => return Err(FileError::NoVideo),
                TIMESTAMP_SCALE => {
                    opened.take_scale(&element)?;
                    opened.pass(at, &element)?;
                }
                TRACKS => {
                    opened.take_tracks(at, &element)?;
                    opened.pass(at, &element)?;
                    return Ok(opened);
                }
                _ => opened.pass(at, &element)?,
            }
        }
    }

    fn take_scale(&mut self, element: &Element) -> Result<(), FileError> {
        self.scale = self.number(element)?.clamp(1, 1_000_000_000);
        Ok(())
    }

    /// The element at `at`; `None` at the end of the file.
    fn element(&mut self, at: u64) -> Result<Option<Element>, FileError> {
        let len = self.file.len();
        let head = self.file.up_to(at, 12)?;
        if head.is_empty() {
            return Ok(None);
        }
        let broken = |what| FileError::Broken { at, what };
        let (id, id_len) = number_of(head, true).ok_or(broken("no element of Matroska"))?;
        let id = u32::try_from(id).map_err(|_| broken("no element of Matroska"))?;
        let rest = &head[id_len..];
        let (size, size_len) = number_of(rest, false).ok_or(broken("an element is cut short"))?;
        let body = at + (id_len + size_len) as u64;
        let is_unknown = size == (1 << (7 * size_len)) - 1;
        let end = body.checked_add(size).filter(|end| *end <= len);
        match (is_unknown, end) {
            (true, _) => Ok(Some(Element { id, body, end: None })),
            (false, Some(end)) => Ok(Some(Element { id, body, end: Some(end) })),
            // The recorder was cut off: what is whole inside is played.
            (false, None) if matches!(id, SEGMENT | CLUSTER) => Ok(Some(Element { id, body, end: Some(len) })),
            (false, None) => Err(broken("an element is cut short")),
        }
    }

    fn pass(&mut self, at: u64, element: &Element) -> Result<(), FileError> {
        self.at = element.end.ok_or(FileError::Broken { at, what: "an element without a size" })?;
        Ok(())
    }

    fn number(&mut self, element: &Element) -> Result<u64, FileError> {
        let length = element.end.map_or(0, |end| end - element.body).min(8) as usize;
        Ok(unsigned(self.file.exactly(element.body, length, "a number is cut short")?))
    }

    fn take_tracks(&mut self, at: u64, element: &Element) -> Result<(), FileError> {
        let size = element.end.map(|end| end - element.body).filter(|size| *size <= MAX_TRACKS);
        let size = size.ok_or(FileError::Broken { at, what: "its tracks are too large" })?;
        let data = self.file.exactly(element.body, size as usize, "its tracks are cut short")?.to_vec();
        let (mut sounds, mut unknown) = (0, None);
        for (_, entry) in children(&data).filter(|(id, _)| *id == TRACK_ENTRY) {
            let has_video = self.tracks.first().is_some_and(|track| track.stream.is_video());
            match MatroskaTrack::new(entry) {
                Ok(Some(track)) if track.stream.is_video() && !has_video => self.tracks.insert(0, track),
                Ok(Some(track)) if !track.stream.is_video() && sounds < MOST_SOUNDS => {
                    sounds += 1;
                    self.tracks.push(track);
                }
                Ok(_) => {}
                Err(codec) => unknown = Some(codec),
            }
        }
        match self.tracks.first() {
            Some(track) if track.stream.is_video() => Ok(()),
            _ => Err(unknown.map_or(FileError::NoVideo, FileError::UnknownVideo)),
        }
    }

    /// A block with its number, its time and how it is laced in front.
    fn block(&mut self, at: u64, element: &Element, out: &mut Vec<FileItem>) -> Result<(), FileError> {
        let broken = |what| FileError::Broken { at, what };
        let size = element.end.ok_or(broken("a block without a size"))? - element.body;
        if size > MAX_UNIT_BYTES as u64 {
            // Only pictures are that large, and the video is in front.
            out.extend(self.tracks.first_mut().map(|track| track.stream.too_large()));
            return Ok(());
        }
        let data = self.file.exactly(element.body, size as usize, "a block is cut short")?;
        let (number, length) = number_of(data, false).ok_or(broken("a block is cut short"))?;
        let (head, frame) = data[length..].split_first_chunk::<3>().ok_or(broken("a block is cut short"))?;
        let Some(index) = self.tracks.iter().position(|track| track.number == number) else { return Ok(()) };
        if head[2] & 0x06 != 0 {
            return Err(broken("several frames in a block (lacing), which is not read"));
        }
        let units = self.cluster.saturating_add(i16::from_be_bytes([head[0], head[1]]).into());
        let nanos = units.saturating_mul(self.scale as i64);
        if !frame.is_empty() {
            out.push(self.tracks[index].item(index as u8, frame, nanos));
        }
        Ok(())
    }
}

impl Reader for Matroska {
    fn tracks(&self) -> Vec<Track> {
        self.tracks.iter().zip(0..).map(|(track, id)| track.stream.track(id)).collect()
    }

    fn is_known(&self) -> bool {
        true
    }

    fn next(&mut self, out: &mut Vec<FileItem>) -> Result<bool, FileError> {
        let at = self.at;
        let Some(element) = self.element(at)? else { return Ok(false) };
        match element.id {
            // What holds others is walked into.
            SEGMENT | INFO | CLUSTER | BLOCK_GROUP => {
                self.at = element.body;
                return Ok(true);
            }
            TIMESTAMP_SCALE => self.take_scale(&element)?,
            TIMESTAMP => self.cluster = i64::try_from(self.number(&element)?).unwrap_or(i64::MAX),
            SIMPLE_BLOCK | BLOCK => self.block(at, &element, out)?,
            _ => {}
        }
        self.pass(at, &element)?;
        Ok(true)
    }
}

impl MatroskaTrack {
    /// `None` where it is of no use; the name of a video's codec that is not
    /// played.
    fn new(entry: &[u8]) -> Result<Option<Self>, String> {
        let field = |wanted: u32| children(entry).find(|(id, _)| *id == wanted).map(|(_, body)| body);
        let codec = String::from_utf8_lossy(field(CODEC_ID).unwrap_or_default()).trim_end_matches('\0').to_owned();
        let private = field(CODEC_PRIVATE).unwrap_or_default();
        let stream = match (unsigned(field(TRACK_TYPE).unwrap_or_default()), codec.as_str()) {
            // Compressed or encrypted beyond the codec.
            (1, _) if field(ENCODINGS).is_some() => return Err(format!("{codec}, encoded further")),
            (1, "V_MPEG4/ISO/AVC") => Stream::configured(&Codec::H264, private).ok_or(codec)?,
            (1, "V_MPEGH/ISO/HEVC") => Stream::configured(&Codec::H265, private).ok_or(codec)?,
            (1, "V_AV1") => Stream::configured(&Codec::Av1, private).ok_or(codec)?,
            (1, "V_VP8") => Stream::with_head(&Codec::Vp8, &[]),
            (1, "V_VP9") => Stream::with_head(&Codec::Vp9, &[]),
            (1, "V_MJPEG") => Stream::with_head(&Codec::Jpeg, &[]),
            (1, "V_MPEG4/ISO/ASP" | "V_MPEG4/ISO/SP") => Stream::with_head(&Codec::Mpeg4, private),
            (1, _) => return Err(codec),
            (2, _) if field(ENCODINGS).is_none() => match sound(&codec, private, field(AUDIO).unwrap_or_default()) {
                Some(sound) => Stream::Sound(sound),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let number = unsigned(field(TRACK_NUMBER).unwrap_or_default());
        let decode = DecodeClock::new(stream.rate());
        Ok(Some(Self { number, stream, decode, declared: false }))
    }

    fn item(&mut self, track: u8, frame: &[u8], nanos: i64) -> FileItem {
        let pts = rescale(nanos, 1_000_000_000, self.stream.rate());
        if !std::mem::replace(&mut self.declared, true) {
            self.decode.declare(self.stream.reorders());
        }
        let dts = if self.stream.is_video() { self.decode.next(pts) } else { pts };
        match self.stream.unit(frame, pts, dts) {
            Ok(unit) => FileItem::Unit { track, unit },
            Err(reason) => FileItem::Lost(reason),
        }
    }
}

fn sound(codec: &str, private: &[u8], audio: &[u8]) -> Option<Sound> {
    let field = |wanted: u32| children(audio).find(|(id, _)| *id == wanted).map(|(_, body)| body);
    match codec {
        "A_AAC" => Sound::aac(private),
        "A_OPUS" => Some(Sound::opus()),
        // A WAVEFORMATEX begins with the format: 6 is A-law, 7 is mu-law.
        "A_MS/ACM" => {
            let codec = match private {
                [6, 0, ..] => Codec::Pcma,
                [7, 0, ..] => Codec::Pcmu,
                _ => return None,
            };
            let channels = field(CHANNELS).map_or(1, unsigned);
            let mut sound =
                Sound::pcm(codec, u8::try_from(channels).ok().filter(|channels| (1..=8).contains(channels))?);
            sound.rate = rate(field(RATE)?).filter(|rate| (1_000.0..=192_000.0).contains(rate))? as u32;
            Some(sound)
        }
        _ => None,
    }
}

/// A number with a point, of 4 or 8 bytes.
fn rate(body: &[u8]) -> Option<f64> {
    match body.len() {
        4 => body.first_chunk().map(|bytes| f32::from_be_bytes(*bytes).into()),
        8 => body.first_chunk().map(|bytes| f64::from_be_bytes(*bytes)),
        _ => None,
    }
}

/// The elements inside `data`, by id, with their contents. What is cut short
/// ends the list.
fn children(data: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (id, id_len) = number_of(rest, true)?;
        let (size, size_len) = number_of(&rest[id_len..], false)?;
        let (body, after) = rest[id_len + size_len..].split_at_checked(usize::try_from(size).ok()?)?;
        rest = after;
        Some((u32::try_from(id).ok()?, body))
    })
}

/// A number of variable length (RFC 8794, 4), with or without its mark, and
/// how many bytes it takes.
fn number_of(bytes: &[u8], marked: bool) -> Option<(u64, usize)> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let value = bytes.get(..len).filter(|_| len <= 8)?.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    Some((if marked { value } else { value & ((1 << (7 * len)) - 1) }, len))
}

fn unsigned(body: &[u8]) -> u64 {
    body.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}
