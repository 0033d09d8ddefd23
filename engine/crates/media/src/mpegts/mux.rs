//! From frames to packets, each frame at once.

use super::section::write;
use super::{STREAM_AAC, STREAM_H264, STREAM_H265, STREAM_OPUS, SYNC, TS_PACKET, is_video, opus};
use crate::params::parameters;
use crate::sound::AAC_RATES;
use crate::{Codec, Track, annexb};

const PMT_PID: u16 = 0x1000;
const FIRST_PID: u16 = 0x100;
/// Start code, stream and length of a packet of an elementary stream.
const PES_START: usize = 6;
/// Tables are sent with each key picture, and after so much time without.
const TABLES_EVERY: i64 = 90_000 / 2;
/// The clock's reference runs so far behind decoding, that there is time to
/// transmit a picture.
const CLOCK_LEAD: i64 = 90_000 / 10;

#[derive(Debug)]
struct Stream {
    /// Of the track in the hub.
    index: usize,
    kind: u8,
    pid: u16,
    continuity: u8,
    /// For ADTS headers: object type, index of the rate, channels.
    aac: Option<(u8, u8, u8)>,
    channels: u8,
}

/// Writes one programme.
#[derive(Debug)]
pub struct TsMuxer {
    streams: Vec<Stream>,
    tables: [Vec<u8>; 2],
    continuity: [u8; 2],
    tables_at: Option<i64>,
}

impl TsMuxer {
    /// For those of the tracks that can be carried; `None` where there is no
    /// video among them.
    #[must_use]
    pub fn new(tracks: &[Track], with_audio: bool) -> Option<Self> {
        let carried = tracks.iter().enumerate().filter_map(|(index, track)| Stream::new(index, track, with_audio));
        let mut streams: Vec<Stream> = carried.collect();
        let clock = streams.iter().find(|stream| is_video(stream.kind))?.pid;
        for stream in &mut streams {
            stream.continuity = 0x0f;
        }
        let pat = [&1_u16.to_be_bytes()[..], &(0xe000 | PMT_PID).to_be_bytes()].concat();
        let mut pmt = [&(0xe000 | clock).to_be_bytes()[..], &[0xf0, 0]].concat();
        for stream in &streams {
            pmt.push(stream.kind);
            pmt.extend_from_slice(&(0xe000 | stream.pid).to_be_bytes());
            let descriptors = if stream.kind == STREAM_OPUS { &opus::descriptors(stream.channels)[..] } else { &[] };
            pmt.extend_from_slice(&[0xf0, descriptors.len() as u8]);
            pmt.extend_from_slice(descriptors);
        }
        Some(Self {
            streams,
            tables: [write(0, 1, 0, &pat), write(2, 1, 0, &pmt)],
            continuity: [0x0f; 2],
            tables_at: None,
        })
    }

    /// Whether frames of this track are carried.
    #[must_use]
    pub fn carries(&self, track: usize) -> bool {
        self.streams.iter().any(|stream| stream.index == track)
    }

    /// Appends a frame, its times in ticks of 90 kHz.
    pub fn write(&mut self, track: usize, key: bool, pts: i64, dts: i64, data: &[u8], out: &mut Vec<u8>) {
        let Some(place) = self.streams.iter().position(|stream| stream.index == track) else { return };
        let is_video = is_video(self.streams[place].kind);
        if is_video && (key || self.tables_at.is_none_or(|at| (dts - at).abs() > TABLES_EVERY)) {
            self.tables_at = Some(dts);
            self.write_tables(out);
        }
        let stream = &mut self.streams[place];
        let pes = stream.pes(pts, dts, data);
        let clock = is_video.then_some(dts - CLOCK_LEAD);
        stream.packets(&pes, clock, key, out);
    }

    fn write_tables(&mut self, out: &mut Vec<u8>) {
        for (place, pid) in [0, PMT_PID].into_iter().enumerate() {
            let count = &mut self.continuity[place];
            *count = (*count + 1) & 0x0f;
            let start = out.len();
            let [high, low] = pid.to_be_bytes();
            out.extend_from_slice(&[SYNC, 0x40 | high, low, 0x10 | *count, 0]);
            out.extend_from_slice(&self.tables[place]);
            out.resize(start + TS_PACKET, 0xff);
        }
    }
}

impl Stream {
    fn new(index: usize, track: &Track, with_audio: bool) -> Option<Self> {
        let kind = match track.codec {
            Codec::H264 => STREAM_H264,
            Codec::H265 => STREAM_H265,
            Codec::Aac if with_audio => STREAM_AAC,
            Codec::Opus if with_audio => STREAM_OPUS,
            _ => return None,
        };
        let aac = if kind == STREAM_AAC { Some(adts_config(track)?) } else { None };
        // Of Opus, whose frames say themselves which of both they are.
        let channels = track.channels.clamp(1, 2);
        Some(Self { index, kind, pid: FIRST_PID + index as u16, continuity: 0, aac, channels })
    }

    /// The frame as a packet of an elementary stream.
    fn pes(&self, pts: i64, dts: i64, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 64);
        let stream_id = match self.kind {
            STREAM_AAC => 0xc0,
            // Private data.
            STREAM_OPUS => 0xbd,
            _ => 0xe0,
        };
        out.extend_from_slice(&[0, 0, 1, stream_id, 0, 0, 0x80]);
        if pts == dts {
            out.extend_from_slice(&[0x80, 5]);
            put_time(&mut out, 2, pts);
        } else {
            out.extend_from_slice(&[0xc0, 10]);
            put_time(&mut out, 3, pts);
            put_time(&mut out, 1, dts);
        }
        match self.aac {
            Some(config) => {
                put_adts(&mut out, config, data.len());
                out.extend_from_slice(data);
            }
            None if self.kind == STREAM_OPUS => opus::put(&mut out, data),
            None => {
                // Players want each picture begun by a delimiter.
                let delimiter: &[u8] = if self.kind == STREAM_H264 { &[9, 0xf0] } else { &[0x46, 1, 0x50] };
                for nal in std::iter::once(delimiter).chain(annexb::nals(data)) {
                    out.extend_from_slice(&[0, 0, 0, 1]);
                    out.extend_from_slice(nal);
                }
            }
        }
        // Where its length is told, players need not wait for the next one to know that it is over. 0 is
        // allowed for video (ISO/IEC 13818-1, 2.4.3.7), and needed for pictures of 64 KiB and more.
        let length = u16::try_from(out.len() - PES_START).unwrap_or(0);
        out[PES_START - 2..PES_START].copy_from_slice(&length.to_be_bytes());
        out
    }

    fn packets(&mut self, pes: &[u8], clock: Option<i64>, key: bool, out: &mut Vec<u8>) {
        let mut rest = pes;
        let mut is_first = true;
        while !rest.is_empty() {
            self.continuity = (self.continuity + 1) & 0x0f;
            let start = out.len();
            let [high, low] = self.pid.to_be_bytes();
            out.extend_from_slice(&[SYNC, if is_first { 0x40 } else { 0 } | high, low, 0]);
            let mut field = Vec::new();
            if let Some(clock) = clock.filter(|_| is_first) {
                field.push(if key { 0x50 } else { 0x10 });
                put_clock(&mut field, clock);
            }
            // The field's length byte, then the field, then the payload.
            let room = TS_PACKET - 4 - if field.is_empty() { 0 } else { 1 + field.len() };
            let take = rest.len().min(room);
            let filling = room - take;
            let has_field = !field.is_empty() || filling > 0;
            out[start + 3] = if has_field { 0x30 } else { 0x10 } | self.continuity;
            if has_field {
                fill(&mut field, filling);
                out.push(field.len() as u8);
                out.extend_from_slice(&field);
            }
            out.extend_from_slice(&rest[..take]);
            rest = &rest[take..];
            is_first = false;
        }
    }
}

/// Makes a field take `filling` more bytes; an empty one begins with its
/// length, and then with its flags.
fn fill(field: &mut Vec<u8>, filling: usize) {
    if !field.is_empty() {
        field.resize(field.len() + filling, 0xff);
    } else if filling > 1 {
        field.push(0);
        field.resize(filling - 1, 0xff);
    }
}

/// A clock reference: 33 bits at 90 kHz, and 9 of a finer clock that stay 0.
fn put_clock(out: &mut Vec<u8>, time: i64) {
    let base = (time as u64) & ((1 << 33) - 1);
    let bits = base << 15 | 0x3f << 9;
    out.extend_from_slice(&bits.to_be_bytes()[2..]);
}

fn put_time(out: &mut Vec<u8>, mark: u8, time: i64) {
    let bits = |from: u32, mask: u64| ((time as u64) >> from & mask) as u8;
    out.extend_from_slice(&[
        mark << 4 | bits(30, 7) << 1 | 1,
        bits(22, 0xff),
        bits(15, 0x7f) << 1 | 1,
        bits(7, 0xff),
        bits(0, 0x7f) << 1 | 1,
    ]);
}

fn put_adts(out: &mut Vec<u8>, (object_type, rate, channels): (u8, u8, u8), length: usize) {
    // Frames of AAC are below 8 kB.
    let length = ((length + 7) as u16).min(0x1fff);
    out.extend_from_slice(&[
        0xff,
        0xf1,
        (object_type - 1) << 6 | rate << 2 | channels >> 2,
        (channels & 3) << 6 | (length >> 11) as u8,
        (length >> 3) as u8,
        (length as u8 & 7) << 5 | 0x1f,
        0xfc,
    ]);
}

/// What ADTS can say of a track: plain AAC of a rate of the table.
fn adts_config(track: &Track) -> Option<(u8, u8, u8)> {
    let config = parameters(&track.fmtp).find(|(name, _)| name == "config").map(|(_, value)| value.to_owned());
    let word = config.as_deref().and_then(|hex| hex.get(..4)).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let (object_type, rate, channels) = match word {
        Some(word) => ((word >> 11) as u8, (word >> 7 & 0x0f) as u8, (word >> 3 & 0x0f) as u8),
        None => {
            let rate = AAC_RATES.iter().position(|rate| *rate == track.clock_rate)?;
            (2, rate as u8, track.channels.max(1))
        }
    };
    ((1..=4).contains(&object_type) && usize::from(rate) < AAC_RATES.len() && channels <= 7).then_some((
        object_type,
        rate,
        channels,
    ))
}
