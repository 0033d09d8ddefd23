//! Audio: AAC (RFC 3640, with the ADTS that some cameras put inside), G.711
//! and Opus. Audio never waits for anything and never stops the video.

use bytes::Bytes;

use super::{AccessUnit, DropReason, RtpPacket};
use crate::bits::BitReader;
use crate::packetise::MAX_PAYLOAD;
use crate::params::parameters;

/// No AAC frame is longer.
const MAX_AAC_FRAME: usize = 0x1fff;

fn unit(timestamp: i64, discontinuity: bool, data: &[u8]) -> AccessUnit {
    AccessUnit { timestamp, dts: timestamp, key: true, discontinuity, data: Bytes::copy_from_slice(data) }
}

/// AAC in mpeg4-generic packets.
#[derive(Debug)]
pub struct Aac {
    size_bits: u32,
    index_bits: u32,
    delta_bits: u32,
    /// RTP ticks a frame.
    samples: i64,
    partial: Option<Partial>,
    discontinuity: bool,
}

/// A frame that spans packets.
#[derive(Debug)]
struct Partial {
    timestamp: i64,
    size: usize,
    data: Vec<u8>,
}

impl Aac {
    pub fn new(fmtp: &str) -> Self {
        // AAC-hbr, which is what cameras send that say nothing.
        let mut aac =
            Self { size_bits: 13, index_bits: 3, delta_bits: 3, samples: 1024, partial: None, discontinuity: false };
        for (name, value) in parameters(fmtp) {
            let bits = value.parse::<u32>().ok().filter(|bits| *bits <= 16);
            match (name.as_str(), bits) {
                ("sizelength", Some(bits)) if bits > 0 => aac.size_bits = bits,
                ("indexlength", Some(bits)) => aac.index_bits = bits,
                ("indexdeltalength", Some(bits)) => aac.delta_bits = bits,
                ("config", _) => aac.samples = frame_samples(value).unwrap_or(1024),
                _ => {}
            }
        }
        aac
    }

    pub fn push(&mut self, packet: RtpPacket<'_>, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        if packet.loss > 0 {
            self.discontinuity = true;
            if self.partial.take().is_some() {
                drops.push(DropReason::LostPackets);
            }
        }
        let result = if is_adts(packet.payload) {
            self.adts(packet.timestamp, packet.payload, out)
        } else {
            self.mpeg4_generic(packet.timestamp, packet.payload, out)
        };
        if let Err(why) = result {
            self.discontinuity = true;
            drops.push(DropReason::BadPacket(why));
        }
    }

    fn mpeg4_generic(&mut self, timestamp: i64, payload: &[u8], out: &mut Vec<AccessUnit>) -> Result<(), &'static str> {
        let (header_bits, rest) = payload.split_first_chunk::<2>().ok_or("short payload")?;
        let header_bits = usize::from(u16::from_be_bytes(*header_bits));
        let (headers, mut body) = rest.split_at_checked(header_bits.div_ceil(8)).ok_or("headers cut short")?;
        let mut bits = BitReader::new(headers);
        let mut used = 0;
        let mut time = timestamp;
        let mut index = self.index_bits;
        while used + self.size_bits as usize + index as usize <= header_bits {
            used += (self.size_bits + index) as usize;
            let size = bits.bits(self.size_bits).ok_or("headers cut short")? as usize;
            bits.skip(index as usize).ok_or("headers cut short")?;
            index = self.delta_bits;
            if size > body.len() {
                return self.fragment(time, size, body, out);
            }
            let (frame, next) = body.split_at(size);
            body = next;
            if !frame.is_empty() {
                self.emit(time, frame, out);
            }
            time = time.saturating_add(self.samples);
        }
        Ok(())
    }

    /// A part of a frame: each part repeats the size of the whole.
    fn fragment(
        &mut self,
        timestamp: i64,
        size: usize,
        body: &[u8],
        out: &mut Vec<AccessUnit>,
    ) -> Result<(), &'static str> {
        if size > MAX_AAC_FRAME || body.is_empty() {
            return Err("frame cut short");
        }
        let mut partial = self
            .partial
            .take()
            .filter(|partial| partial.timestamp == timestamp && partial.size == size)
            .unwrap_or_else(|| Partial { timestamp, size, data: Vec::with_capacity(size) });
        partial.data.extend_from_slice(body);
        match partial.data.len() {
            len if len < size => self.partial = Some(partial),
            len if len == size => self.emit(timestamp, &partial.data, out),
            _ => return Err("fragments too long"),
        }
        Ok(())
    }

    /// Bare ADTS frames where RFC 3640 headers belong.
    fn adts(&mut self, timestamp: i64, payload: &[u8], out: &mut Vec<AccessUnit>) -> Result<(), &'static str> {
        let mut rest = payload;
        let mut time = timestamp;
        while !rest.is_empty() {
            let (header, len) = adts_lengths(rest).ok_or("ADTS cut short")?;
            let (frame, next) = rest.split_at_checked(len).ok_or("ADTS cut short")?;
            rest = next;
            self.emit(time, &frame[header..], out);
            time = time.saturating_add(self.samples);
        }
        Ok(())
    }

    fn emit(&mut self, time: i64, frame: &[u8], out: &mut Vec<AccessUnit>) {
        let bare = match adts_lengths(frame) {
            Some((header, len)) if len == frame.len() => &frame[header..],
            _ => frame,
        };
        let discontinuity = std::mem::take(&mut self.discontinuity);
        out.push(unit(time, discontinuity, bare));
    }
}

fn is_adts(payload: &[u8]) -> bool {
    // As a headers length this would be over 8 kB of headers.
    payload.len() > 7 && payload[0] == 0xff && payload[1] & 0xf6 == 0xf0
}

/// Header length and whole length of the ADTS frame that `data` begins with.
fn adts_lengths(data: &[u8]) -> Option<(usize, usize)> {
    if !is_adts(data) {
        return None;
    }
    let header = if data[1] & 1 == 1 { 7 } else { 9 };
    let len = usize::from(data[3] & 3) << 11 | usize::from(data[4]) << 3 | usize::from(data[5] >> 5);
    (len > header).then_some((header, len))
}

/// Samples a frame, from the AudioSpecificConfig in hexadecimal.
fn frame_samples(config: &str) -> Option<i64> {
    let bytes: Option<Vec<u8>> = config
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| {
            let text = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(text, 16).ok()
        })
        .collect();
    let bytes = bytes?;
    let mut bits = BitReader::new(&bytes);
    let object_type = bits.bits(5)?;
    if bits.bits(4)? == 15 {
        bits.skip(24)?;
    }
    bits.skip(4)?;
    Some(match object_type {
        // Spectral band replication doubles the rate, and the RTP clock.
        5 | 29 => 2048,
        _ if bits.bit()? => 960,
        _ => 1024,
    })
}

/// G.711: any packet is a frame; an overlong one is cut, so that each frame
/// fits a packet with a time of its own.
#[derive(Debug)]
pub struct Pcm {
    channels: usize,
    discontinuity: bool,
}

impl Pcm {
    pub fn new(channels: u8) -> Self {
        Self { channels: usize::from(channels.max(1)), discontinuity: false }
    }

    pub fn push(&mut self, packet: RtpPacket<'_>, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        self.discontinuity |= packet.loss > 0;
        if packet.payload.is_empty() {
            drops.push(DropReason::BadPacket("empty payload"));
            return;
        }
        let step = MAX_PAYLOAD / self.channels * self.channels;
        let mut time = packet.timestamp;
        for chunk in packet.payload.chunks(step) {
            let discontinuity = std::mem::take(&mut self.discontinuity);
            out.push(unit(time, discontinuity, chunk));
            time = time.saturating_add((chunk.len() / self.channels) as i64);
        }
    }
}

/// Opus: a packet is a frame.
#[derive(Debug, Default)]
pub struct Opus {
    discontinuity: bool,
}

impl Opus {
    pub fn push(&mut self, packet: RtpPacket<'_>, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        self.discontinuity |= packet.loss > 0;
        if packet.payload.is_empty() {
            drops.push(DropReason::BadPacket("empty payload"));
            return;
        }
        let discontinuity = std::mem::take(&mut self.discontinuity);
        out.push(unit(packet.timestamp, discontinuity, packet.payload));
    }
}
