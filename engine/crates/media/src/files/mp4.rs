//! MP4 (ISO/IEC 14496-12): samples of tables, then those of fragments.

use super::boxes::{box_at, children, find, u16_at, u32_at, u64_at};
use super::fragments::Fragments;
use super::stream::Stream;
use super::table::{Place, Table};
use super::window::Window;
use super::{FileError, FileItem, Reader, rescale};
use crate::sound::Sound;
use crate::{Codec, MAX_UNIT_BYTES, Track};

/// The table of a day of video and sound is no larger.
const MAX_MOOV: u64 = 64 << 20;
/// Tracks of sound that are played.
const MOST_SOUNDS: usize = 3;
/// Samples of G.711 that make a unit.
const PCM_SAMPLES: u32 = 320;
/// Bytes of a visual and of an audible sample entry before their boxes
/// (ISO/IEC 14496-12, 12.1.3 and 12.2.3).
const VISUAL: usize = 78;
const AUDIBLE: usize = 28;

pub struct Mp4 {
    file: Window,
    /// Video first.
    tracks: Vec<Mp4Track>,
    fragments: Fragments,
}

pub struct Mp4Track {
    /// The file's own number of it.
    pub id: u32,
    timescale: u32,
    /// What its times count from, in its ticks.
    begin: i64,
    stream: Stream,
    table: Table,
    next: Option<Place>,
}

impl Mp4 {
    pub fn open(mut file: Window) -> Result<Self, FileError> {
        let mut at = 0;
        let moov = loop {
            let missing = FileError::Broken { at, what: "it ends before its table (moov): it was never finished" };
            let found = box_at(&mut file, at)?.ok_or(missing)?;
            if &found.name == b"moov" {
                break found;
            }
            at = found.end;
        };
        let broken = |what| FileError::Broken { at, what };
        if moov.end - moov.contents > MAX_MOOV {
            return Err(broken("its table (moov) is too large"));
        }
        let data = file.exactly(moov.contents, (moov.end - moov.contents) as usize, "its table is cut short")?.to_vec();
        let mvhd = find(&data, &[b"mvhd"]);
        let (mut tracks, mut sounds, mut unknown) = (Vec::new(), 0, None);
        for (_, trak) in children(&data).filter(|(name, _)| name == b"trak") {
            match Mp4Track::new(trak, mvhd) {
                Ok(Some(track)) if track.stream.is_video() && !has_video(&tracks) => tracks.insert(0, track),
                Ok(Some(track)) if !track.stream.is_video() && sounds < MOST_SOUNDS => {
                    sounds += 1;
                    tracks.push(track);
                }
                Ok(_) => {}
                Err(codec) => unknown = Some(codec),
            }
        }
        if !has_video(&tracks) {
            return Err(unknown.map_or(FileError::NoVideo, FileError::UnknownVideo));
        }
        let fragments = Fragments::new(&data, &tracks);
        Ok(Self { file, tracks, fragments })
    }

    /// Where the next sample lies, and of which track it is.
    fn place(&mut self) -> Result<Option<(usize, Place)>, FileError> {
        let due = |track: &Mp4Track| track.next.map(|place| track.micros(place.dts));
        let first = (0..self.tracks.len()).filter_map(|index| Some((due(&self.tracks[index])?, index))).min();
        if let Some((_, index)) = first {
            let track = &mut self.tracks[index];
            let place = track.next.take();
            track.advance();
            return Ok(place.map(|place| (index, place)));
        }
        self.fragments.next(&mut self.file, &self.tracks)
    }
}

fn has_video(tracks: &[Mp4Track]) -> bool {
    tracks.first().is_some_and(|track| track.stream.is_video())
}

impl Reader for Mp4 {
    fn tracks(&self) -> Vec<Track> {
        self.tracks.iter().zip(0..).map(|(track, id)| track.stream.track(id)).collect()
    }

    fn is_known(&self) -> bool {
        true
    }

    fn next(&mut self, out: &mut Vec<FileItem>) -> Result<bool, FileError> {
        let Some((index, place)) = self.place()? else { return Ok(false) };
        if place.bytes as usize > MAX_UNIT_BYTES {
            out.push(self.tracks[index].stream.too_large());
            return Ok(true);
        }
        let data = self.file.exactly(place.at, place.bytes as usize, "the file ends before a picture or sound")?;
        // An empty one only fills time.
        if !data.is_empty() {
            out.push(self.tracks[index].item(index as u8, data, place));
        }
        Ok(true)
    }
}

impl Mp4Track {
    /// `None` where it is of no use; the name of a video's codec that is not
    /// played.
    fn new(trak: &[u8], mvhd: Option<&[u8]>) -> Result<Option<Self>, String> {
        let Some((id, timescale)) = ids(trak) else { return Ok(None) };
        let kind = find(trak, &[b"mdia", b"hdlr"]).and_then(|hdlr| hdlr.get(8..12)).unwrap_or_default();
        let Some(stbl) = find(trak, &[b"mdia", b"minf", b"stbl"]) else { return Ok(None) };
        let entry = find(stbl, &[b"stsd"]).and_then(|stsd| children(stsd.get(8..)?).next());
        let Some((name, entry)) = entry else { return Ok(None) };
        let stream = match kind {
            b"vide" => Some(video(&name, entry).ok_or_else(|| String::from_utf8_lossy(&name).trim().to_uppercase())?),
            b"soun" => sound(&name, entry),
            _ => None,
        };
        let begin = begin_of(trak, timescale, mvhd);
        let track = stream.map(|stream| Self { id, timescale, begin, stream, table: Table::new(stbl), next: None });
        Ok(track.map(|mut track| {
            track.advance();
            track
        }))
    }

    fn advance(&mut self) {
        let most = if self.stream.sample_bytes() > 0 { PCM_SAMPLES } else { 1 };
        self.next = self.table.next(most);
    }

    pub fn micros(&self, dts: i64) -> i64 {
        rescale(dts.saturating_sub(self.begin), self.timescale, 1_000_000)
    }

    fn item(&mut self, track: u8, data: &[u8], place: Place) -> FileItem {
        let rate = self.stream.rate();
        let shown = |time: i64| rescale(time.saturating_sub(self.begin), self.timescale, rate);
        let (dts, pts) = (shown(place.dts), shown(place.dts.saturating_add(place.composition.into())));
        match self.stream.unit(data, pts, dts) {
            Ok(unit) => FileItem::Unit { track, unit },
            Err(reason) => FileItem::Lost(reason),
        }
    }
}

/// Number and ticks a second of a track.
fn ids(trak: &[u8]) -> Option<(u32, u32)> {
    let version = |data: &[u8]| usize::from(data.first().copied() == Some(1));
    let tkhd = find(trak, &[b"tkhd"])?;
    let mdhd = find(trak, &[b"mdia", b"mdhd"])?;
    let id = u32_at(tkhd, 12 + 8 * version(tkhd))?;
    let timescale = u32_at(mdhd, 12 + 8 * version(mdhd))?;
    (timescale > 0).then_some((id, timescale))
}

/// Where a track's time begins, by its edit list (ISO/IEC 14496-12, 8.6.6): an
/// empty edit delays it, the first other one says what is shown first.
fn begin_of(trak: &[u8], timescale: u32, mvhd: Option<&[u8]>) -> i64 {
    let Some(elst) = find(trak, &[b"edts", b"elst"]) else { return 0 };
    let movie = mvhd.and_then(|mvhd| u32_at(mvhd, 12 + 8 * usize::from(mvhd.first() == Some(&1)))).unwrap_or(timescale);
    let (is_wide, mut delay) = (elst.first() == Some(&1), 0i64);
    for entry in elst.get(8..).unwrap_or_default().chunks_exact(if is_wide { 20 } else { 12 }).take(16) {
        let number = |at: usize| match is_wide {
            true => u64_at(entry, at * 8).map(|value| value as i64),
            false => u32_at(entry, at * 4).map(|value| i64::from(value as i32)),
        };
        let (Some(duration), Some(media)) = (number(0), number(1)) else { break };
        if media >= 0 {
            return media.saturating_sub(delay);
        }
        delay = delay.saturating_add(rescale(duration, movie, timescale));
    }
    delay.saturating_neg()
}

fn video(name: &[u8; 4], entry: &[u8]) -> Option<Stream> {
    const MPEG4: u8 = 0x20;
    const JPEG: u8 = 0x6c;
    let inside = |name: &[u8; 4]| find(entry.get(VISUAL..)?, &[name]);
    match name {
        b"avc1" | b"avc3" => Stream::configured(&Codec::H264, inside(b"avcC")?),
        b"hvc1" | b"hev1" => Stream::configured(&Codec::H265, inside(b"hvcC")?),
        b"av01" => Stream::configured(&Codec::Av1, inside(b"av1C")?),
        b"vp08" => Some(Stream::with_head(&Codec::Vp8, &[])),
        b"vp09" => Some(Stream::with_head(&Codec::Vp9, &[])),
        b"jpeg" | b"mjpg" => Some(Stream::with_head(&Codec::Jpeg, &[])),
        b"mp4v" => match decoder(inside(b"esds")?)? {
            (MPEG4, head) => Some(Stream::with_head(&Codec::Mpeg4, head)),
            (JPEG, _) => Some(Stream::with_head(&Codec::Jpeg, &[])),
            _ => None,
        },
        _ => None,
    }
}

fn sound(name: &[u8; 4], entry: &[u8]) -> Option<Stream> {
    const AAC: u8 = 0x40;
    let channels = u8::try_from(u16_at(entry, 16)?).ok().filter(|channels| (1..=8).contains(channels));
    // QuickTime has more fields, by their version.
    let more = match u16_at(entry, 8)? {
        1 => 16,
        2 => 36,
        _ => 0,
    };
    let sound = match name {
        b"mp4a" => {
            let boxes = entry.get(AUDIBLE + more..)?;
            let esds = find(boxes, &[b"esds"]).or_else(|| find(boxes, &[b"wave", b"esds"]))?;
            match decoder(esds)? {
                (AAC, config) => Sound::aac(config)?,
                _ => return None,
            }
        }
        b"Opus" => Sound::opus(),
        b"alaw" | b"ulaw" => {
            let codec = if name == b"alaw" { Codec::Pcma } else { Codec::Pcmu };
            let mut sound = Sound::pcm(codec, channels?);
            sound.rate = u32_at(entry, 24).map(|rate| rate >> 16).filter(|rate| *rate > 0)?;
            sound
        }
        _ => return None,
    };
    Some(Stream::Sound(sound))
}

/// What an `esds` says of the decoder (ISO/IEC 14496-1, 7.2.6): the kind of
/// stream, and what stands beside it.
fn decoder(esds: &[u8]) -> Option<(u8, &[u8])> {
    let stream = descriptor(esds.get(4..)?, 3)?;
    let flags = *stream.get(2)?;
    let mut skip = 3;
    skip += if flags & 0x80 != 0 { 2 } else { 0 };
    skip += if flags & 0x40 != 0 { 1 + usize::from(*stream.get(skip)?) } else { 0 };
    skip += if flags & 0x20 != 0 { 2 } else { 0 };
    let decoder = descriptor(stream.get(skip..)?, 4)?;
    let beside = decoder.get(13..).and_then(|rest| descriptor(rest, 5)).unwrap_or_default();
    Some((*decoder.first()?, beside))
}

/// The contents of the descriptor that `data` begins with.
fn descriptor(data: &[u8], tag: u8) -> Option<&[u8]> {
    let (&found, rest) = data.split_first()?;
    let mut length = 0usize;
    for (at, byte) in rest.iter().enumerate().take(4) {
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return rest.get(at + 1..at + 1 + length).filter(|_| found == tag);
        }
    }
    None
}
