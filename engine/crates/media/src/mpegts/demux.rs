//! From packets to access units.
//!
//! A picture leaves with its last packet where that can be seen: it is the
//! only one that is filled up. Else it leaves when the next one begins.

use bytes::Bytes;

use super::section::{Sections, body};
use super::{
    AAC_SAMPLES, CLOCK_RATE, STREAM_AAC, STREAM_H264, STREAM_H265, STREAM_OPUS, SYNC, TS_PACKET, is_video, opus,
};
use crate::sound::{AAC_RATES, Sound, aac_fmtp};
use crate::{AccessUnit, Codec, DropReason, MAX_UNIT_BYTES, Pictures, Track, TrackKind, annexb};

/// Streams of a programme that are looked at.
const MOST_STREAMS: usize = 8;
/// Part of an AAC frame that is kept until its rest comes.
const MAX_AAC_REST: usize = 8192;
const PAT: u16 = 0;
const NULL: u16 = 0x1fff;
/// Times wrap after 33 bits.
const WRAP: i64 = 1 << 33;
/// No picture is decoded longer before it is shown.
const MOST_EARLY: i64 = 10 * CLOCK_RATE as i64;

/// What a transport stream gives.
#[derive(Debug, PartialEq, Eq)]
pub enum TsItem {
    /// Of the stream with this place among `tracks`.
    Unit {
        track: u8,
        unit: AccessUnit,
    },
    Lost(DropReason),
}

#[derive(Debug, Default)]
pub struct TsDemuxer {
    /// The beginning of a packet whose rest has not come.
    rest: Vec<u8>,
    pat: Sections,
    pmt: Sections,
    pmt_pid: Option<u16>,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    pid: u16,
    kind: StreamKind,
    continuity: Option<u8>,
    /// The packet of the elementary stream that is being put together.
    pes: Option<Vec<u8>>,
    /// Its length, where it is told.
    length: Option<usize>,
    /// A filled packet was not the last once: that is not believed again.
    filling_lies: bool,
    ended_by_filling: bool,
    pts: Unwrap,
}

#[derive(Debug)]
enum StreamKind {
    Video(Box<Pictures>),
    Aac(Aac),
    Opus(Sound),
}

impl TsDemuxer {
    /// Takes bytes of the stream, cut anywhere.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<TsItem>) {
        if !self.rest.is_empty() {
            let wanted = (TS_PACKET - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if self.rest.len() < TS_PACKET {
                return;
            }
            let packet = std::mem::take(&mut self.rest);
            self.packet(&packet, out);
        }
        while !bytes.is_empty() {
            if bytes[0] != SYNC {
                let skip = bytes.iter().position(|&byte| byte == SYNC).unwrap_or(bytes.len());
                out.push(TsItem::Lost(DropReason::BadPacket("no packet of MPEG-TS")));
                bytes = &bytes[skip..];
                continue;
            }
            let Some((packet, next)) = bytes.split_at_checked(TS_PACKET) else {
                self.rest.extend_from_slice(bytes);
                return;
            };
            self.packet(packet, out);
            bytes = next;
        }
    }

    /// Something was lost before what comes next.
    pub fn lost(&mut self) {
        self.rest.clear();
    }

    /// Nothing comes any more: gives what was put together last.
    pub fn finish(&mut self, out: &mut Vec<TsItem>) {
        for (stream, place) in self.streams.iter_mut().zip(0..) {
            stream.finish(place, out);
        }
    }

    /// What is known of the programme, video first; places are those of items.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        self.streams.iter().enumerate().filter_map(|(place, stream)| stream.track(place as u8)).collect()
    }

    /// Whether every stream of the programme has told what it is.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.streams.is_empty() && self.tracks().len() == self.streams.len()
    }

    fn packet(&mut self, packet: &[u8], out: &mut Vec<TsItem>) {
        let pid = u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff;
        let (is_damaged, begins) = (packet[1] & 0x80 != 0, packet[1] & 0x40 != 0);
        if packet[0] != SYNC || is_damaged || pid == NULL {
            return;
        }
        let Some((payload, filled)) = payload_of(packet) else { return };
        if pid == PAT {
            if let Some(section) = self.pat.push(begins, payload) {
                self.take_pat(&section);
            }
        } else if Some(pid) == self.pmt_pid {
            if let Some(section) = self.pmt.push(begins, payload) {
                self.take_pmt(&section);
            }
        } else if let Some(place) = self.streams.iter().position(|stream| stream.pid == pid) {
            self.streams[place].packet(place as u8, packet[3] & 0x0f, begins, payload, filled, out);
        }
    }

    /// The first programme is taken.
    fn take_pat(&mut self, section: &[u8]) {
        let programmes = body(section, 0).unwrap_or_default().chunks_exact(4);
        let first = programmes
            .filter(|entry| entry[..2] != [0, 0])
            .map(|entry| u16::from_be_bytes([entry[2], entry[3]]) & 0x1fff)
            .next();
        if first.is_some() && first != self.pmt_pid {
            self.pmt_pid = first;
            self.pmt = Sections::default();
            self.streams.clear();
        }
    }

    fn take_pmt(&mut self, section: &[u8]) {
        let Some(body) = body(section, 2) else { return };
        let Some(found) = streams_of(body) else { return };
        let same = found.len() == self.streams.len()
            && found.iter().zip(&self.streams).all(|((pid, kind), stream)| stream.is(*pid, *kind));
        if !same {
            self.streams = found.into_iter().filter_map(|(pid, kind)| Stream::new(pid, kind)).collect();
        }
    }
}

/// PID and kind of the streams we know, the first video in front.
fn streams_of(body: &[u8]) -> Option<Vec<(u16, u8)>> {
    let length = |at: usize| Some(usize::from(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?]) & 0x0fff));
    let mut at = 4 + length(2)?;
    let mut found = Vec::new();
    while at + 5 <= body.len() {
        let (kind, pid) = (body[at], u16::from_be_bytes([body[at + 1], body[at + 2]]) & 0x1fff);
        let next = at + 5 + length(at + 3)?;
        let has_video = found.first().is_some_and(|(_, kind)| is_video(*kind));
        let is_sound = match kind {
            STREAM_AAC => true,
            STREAM_OPUS => opus::is_opus(body.get(at + 5..next)?),
            _ => false,
        };
        if is_video(kind) && !has_video {
            found.insert(0, (pid, kind));
        } else if is_sound && found.len() < MOST_STREAMS {
            found.push((pid, kind));
        }
        at = next;
    }
    Some(found)
}

/// A packet's payload, and whether it was filled up, which only the last one
/// of a picture is.
fn payload_of(packet: &[u8]) -> Option<(&[u8], bool)> {
    let control = packet[3] >> 4 & 3;
    match control {
        1 => Some((&packet[4..], false)),
        3 => {
            let length = usize::from(packet[4]);
            let payload = packet.get(5 + length..).filter(|payload| !payload.is_empty())?;
            Some((payload, length == 0 || length > used_adaptation(&packet[5..5 + length])))
        }
        _ => None,
    }
}

/// Bytes of an adaptation field that say something.
fn used_adaptation(field: &[u8]) -> usize {
    let Some(flags) = field.first() else { return 0 };
    let has = |bit: u8| flags & bit != 0;
    let mut used = 1;
    used += if has(0x10) { 6 } else { 0 };
    used += if has(0x08) { 6 } else { 0 };
    used += usize::from(has(0x04));
    // Private data and the extension begin with their lengths.
    for bit in [0x02, 0x01] {
        if has(bit) {
            used += 1 + usize::from(field.get(used).copied().unwrap_or(0));
        }
    }
    used
}

impl Stream {
    fn new(pid: u16, kind: u8) -> Option<Self> {
        let kind = match kind {
            STREAM_H264 => StreamKind::Video(Box::new(Pictures::new(Codec::H264))),
            STREAM_H265 => StreamKind::Video(Box::new(Pictures::new(Codec::H265))),
            STREAM_AAC => StreamKind::Aac(Aac::default()),
            STREAM_OPUS => StreamKind::Opus(Sound::opus()),
            _ => return None,
        };
        Some(Self {
            pid,
            kind,
            continuity: None,
            pes: None,
            length: None,
            filling_lies: false,
            ended_by_filling: false,
            pts: Unwrap::default(),
        })
    }

    fn is(&self, pid: u16, kind: u8) -> bool {
        let own = match &self.kind {
            StreamKind::Video(pictures) if *pictures.codec() == Codec::H264 => STREAM_H264,
            StreamKind::Video(_) => STREAM_H265,
            StreamKind::Aac(_) => STREAM_AAC,
            StreamKind::Opus(_) => STREAM_OPUS,
        };
        self.pid == pid && own == kind
    }

    fn track(&self, id: u8) -> Option<Track> {
        match &self.kind {
            StreamKind::Video(pictures) => {
                let (codec, sets) = (pictures.codec().clone(), pictures.parameter_sets());
                sets.complete(&codec).then(|| Track { id, fmtp: sets.fmtp(&codec), ..Track::video(codec) })
            }
            StreamKind::Aac(aac) => aac.config.map(|config| config.track(id)),
            StreamKind::Opus(sound) => Some(sound.track(id)),
        }
    }

    fn packet(&mut self, place: u8, count: u8, begins: bool, payload: &[u8], filled: bool, out: &mut Vec<TsItem>) {
        match self.continuity.replace(count) {
            Some(last) if last == count => return,
            Some(last) if (last + 1) & 0x0f != count => self.broken(out),
            _ => {}
        }
        if begins {
            self.finish(place, out);
            self.ended_by_filling = false;
            self.length = pes_length(payload);
            self.pes = Some(payload.to_vec());
        } else if let Some(pes) = &mut self.pes {
            pes.extend_from_slice(payload);
        } else if self.ended_by_filling {
            // The picture that was taken for whole goes on.
            self.ended_by_filling = false;
            self.filling_lies = true;
            return self.broken(out);
        }
        let held = self.pes.as_ref().map_or(0, Vec::len);
        if held > MAX_UNIT_BYTES {
            self.pes = None;
            self.dropped(DropReason::TooLarge, out);
        } else if self.length.is_some_and(|length| held >= length) {
            self.finish(place, out);
        } else if filled && self.length.is_none() && !self.filling_lies && self.pes.is_some() {
            self.ended_by_filling = true;
            self.finish(place, out);
        }
    }

    fn broken(&mut self, out: &mut Vec<TsItem>) {
        if self.pes.take().is_some() {
            out.push(TsItem::Lost(DropReason::LostPackets));
        }
        self.lost();
    }

    fn dropped(&mut self, reason: DropReason, out: &mut Vec<TsItem>) {
        out.push(TsItem::Lost(reason));
        self.lost();
    }

    /// Something was lost before what comes next.
    fn lost(&mut self) {
        match &mut self.kind {
            StreamKind::Video(pictures) => pictures.lost(),
            StreamKind::Aac(aac) => aac.lost(),
            StreamKind::Opus(sound) => *sound = Sound::opus(),
        }
    }

    fn finish(&mut self, place: u8, out: &mut Vec<TsItem>) {
        let Some(pes) = self.pes.take() else { return };
        let whole = self.length.map_or(&pes[..], |length| &pes[..length.min(pes.len())]);
        let Some(header) = PesHeader::parse(whole) else {
            return self.dropped(DropReason::BadPacket("no elementary stream"), out);
        };
        let pts = header.pts.map(|pts| self.pts.unwrap(pts));
        match &mut self.kind {
            StreamKind::Video(pictures) => {
                let Some(pts) = pts else {
                    return self.dropped(DropReason::BadPacket("a picture without its time"), out);
                };
                out.push(match pictures.unit(annexb::split(header.body), pts, pts - header.early()) {
                    Ok(unit) => TsItem::Unit { track: place, unit },
                    Err(reason) => TsItem::Lost(reason),
                });
            }
            StreamKind::Aac(aac) => aac.push(place, header.body, pts, out),
            StreamKind::Opus(sound) => push_opus(sound, place, header.body, pts, out),
        }
    }
}

/// The frames of a packet follow each other from its time on.
pub(super) fn push_opus(sound: &mut Sound, place: u8, mut body: &[u8], pts: Option<i64>, out: &mut Vec<TsItem>) {
    let mut told = pts.map(|pts| (i128::from(pts) * i128::from(sound.rate) / i128::from(CLOCK_RATE)) as i64);
    while let Some((frame, rest)) = opus::take(body) {
        let unit = sound.unit(told.take().or(sound.due()).unwrap_or(0), frame);
        out.push(TsItem::Unit { track: place, unit });
        body = rest;
    }
    if !body.is_empty() {
        out.push(TsItem::Lost(DropReason::BadPacket("no frame of Opus")));
    }
}

/// The length of a PES packet with its header; `None` where it is not told.
fn pes_length(payload: &[u8]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([*payload.get(4)?, *payload.get(5)?]));
    (length > 0).then_some(length + 6)
}

struct PesHeader<'a> {
    pts: Option<i64>,
    dts: Option<i64>,
    body: &'a [u8],
}

impl<'a> PesHeader<'a> {
    fn parse(pes: &'a [u8]) -> Option<Self> {
        let (head, rest) = pes.split_first_chunk::<9>()?;
        if head[..3] != [0, 0, 1] || head[6] & 0xc0 != 0x80 {
            return None;
        }
        let (fields, body) = rest.split_at_checked(usize::from(head[8]))?;
        let time = |wanted: bool, at: usize| if wanted { fields.get(at..at + 5).map(time_of) } else { None };
        Some(Self { pts: time(head[7] & 0x80 != 0, 0), dts: time(head[7] & 0xc0 == 0xc0, 5), body })
    }

    /// How long it is decoded before it is shown.
    fn early(&self) -> i64 {
        let told = self.pts.zip(self.dts).map(|(pts, dts)| (pts - dts).rem_euclid(WRAP));
        told.filter(|early| *early <= MOST_EARLY).unwrap_or(0)
    }
}

/// 33 bits in five bytes, with a marker bit behind each part.
fn time_of(field: &[u8]) -> i64 {
    let part = |at: usize| i64::from(field[at]);
    (part(0) >> 1 & 7) << 30 | part(1) << 22 | part(2) >> 1 << 15 | part(3) << 7 | part(4) >> 1
}

/// Times that do not wrap.
#[derive(Debug, Default)]
struct Unwrap {
    last: Option<i64>,
}

impl Unwrap {
    fn unwrap(&mut self, time: i64) -> i64 {
        let unwrapped = match self.last {
            None => time,
            Some(last) => {
                let step = (time - last).rem_euclid(WRAP);
                last + if step >= WRAP / 2 { step - WRAP } else { step }
            }
        };
        self.last = Some(unwrapped);
        unwrapped
    }
}

/// What an ADTS header says of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AacConfig {
    object_type: u8,
    rate_index: u8,
    channels: u8,
}

impl AacConfig {
    fn rate(self) -> u32 {
        AAC_RATES.get(usize::from(self.rate_index)).copied().unwrap_or(48_000)
    }

    fn track(self, id: u8) -> Track {
        // AudioSpecificConfig: 5 bits of type, 4 of rate, 4 of channels.
        let config =
            u16::from(self.object_type) << 11 | u16::from(self.rate_index) << 7 | u16::from(self.channels) << 3;
        Track {
            id,
            kind: TrackKind::Audio,
            codec: Codec::Aac,
            clock_rate: self.rate(),
            channels: self.channels,
            fmtp: aac_fmtp(&config.to_be_bytes()),
        }
    }
}

#[derive(Debug, Default)]
struct Aac {
    config: Option<AacConfig>,
    /// A frame whose rest comes in the next packet.
    rest: Vec<u8>,
    /// When the next frame is due, in samples.
    next: Option<i64>,
    discontinuity: bool,
}

impl Aac {
    fn lost(&mut self) {
        self.rest.clear();
        self.next = None;
        self.discontinuity = true;
    }

    fn push(&mut self, place: u8, body: &[u8], pts: Option<i64>, out: &mut Vec<TsItem>) {
        self.rest.extend_from_slice(body);
        let data = std::mem::take(&mut self.rest);
        let mut rest = &data[..];
        let mut time = pts;
        while let Some((config, header, length)) = adts(rest) {
            let Some((frame, next)) = rest.split_at_checked(length) else { break };
            rest = next;
            if *self.config.get_or_insert(config) == config {
                let timestamp = self.time(time.take(), config.rate());
                let discontinuity = std::mem::take(&mut self.discontinuity);
                let data = Bytes::copy_from_slice(&frame[header..]);
                let unit = AccessUnit { timestamp, dts: timestamp, key: true, discontinuity, data };
                out.push(TsItem::Unit { track: place, unit });
            } else {
                out.push(TsItem::Lost(DropReason::BadPacket("AAC of another kind")));
            }
        }
        if rest.len() > MAX_AAC_REST || rest.len() >= 7 && adts(rest).is_none() {
            out.push(TsItem::Lost(DropReason::BadPacket("no ADTS")));
        } else {
            self.rest = rest.to_vec();
        }
    }

    /// The frame's time in samples: frames follow each other without a gap,
    /// unless their packet says that they do not.
    fn time(&mut self, pts: Option<i64>, rate: u32) -> i64 {
        let told = pts.map(|pts| (i128::from(pts) * i128::from(rate) / i128::from(CLOCK_RATE)) as i64);
        let tolerance = i64::from(rate / 100);
        let time = match (told, self.next) {
            (Some(told), Some(next)) if (told - next).abs() > tolerance => told,
            (_, Some(next)) => next,
            (told, None) => told.unwrap_or(0),
        };
        self.next = Some(time + AAC_SAMPLES);
        time
    }
}

/// Of the ADTS frame that `data` begins with: what it is, the length of its
/// header and of all.
fn adts(data: &[u8]) -> Option<(AacConfig, usize, usize)> {
    let head = data.first_chunk::<7>()?;
    if head[0] != 0xff || head[1] & 0xf6 != 0xf0 {
        return None;
    }
    let config = AacConfig {
        object_type: (head[2] >> 6) + 1,
        rate_index: head[2] >> 2 & 0x0f,
        channels: (head[2] & 1) << 2 | head[3] >> 6,
    };
    let header = if head[1] & 1 == 1 { 7 } else { 9 };
    let length = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
    (length > header && usize::from(config.rate_index) < AAC_RATES.len()).then_some((config, header, length))
}
