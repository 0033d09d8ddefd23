//! Cutting a frame into RTP payloads, once for all its viewers.
//!
//! What is absent: RTP headers for each viewer (the sender writes those) and
//! aggregation packets of NAL units (a frame has few small ones, and a payload
//! that is one NAL unit can be shared with no copy of its own).

mod av1;
mod jpeg;

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::Codec;
use crate::annexb::nals;
use crate::bitstream::vp9::Head as Vp9Head;

/// The longest payload written: fits an IPv6 path of 1280 bytes with SRTP and
/// header extensions.
pub const MAX_PAYLOAD: usize = 1180;

/// One RTP payload, shared by all viewers of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpPayload {
    /// Set on the last payload of a frame.
    pub marker: bool,
    pub bytes: Arc<[u8]>,
}

/// What [`interleaved`] writes in front of each payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterleavedHeader {
    pub channel: u8,
    pub payload_type: u8,
    /// Sequence number of the frame's first packet.
    pub seq: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

/// How many packets [`packetise`] would make, without making them.
#[must_use]
pub fn packet_count(codec: &Codec, data: &Bytes) -> u32 {
    let fragments = |len: usize, header: usize, prefix: usize| -> usize {
        if len <= MAX_PAYLOAD { 1 } else { (len - header).div_ceil(MAX_PAYLOAD - prefix) }
    };
    let count = match codec {
        Codec::H264 => nals(data).map(|nal| fragments(nal.len(), 1, 2)).sum(),
        Codec::H265 => nals(data).map(|nal| fragments(nal.len(), 2, 3)).sum(),
        Codec::Aac => data.len().div_ceil(MAX_PAYLOAD - AU_HEADER),
        Codec::Opus => usize::from(!data.is_empty()),
        Codec::Av1 => {
            let mut count = 0;
            av1::packets(data, &mut |_, _| count += 1);
            count
        }
        Codec::Vp8 | Codec::Vp9 => data.len().div_ceil(MAX_PAYLOAD - 1),
        Codec::Jpeg => jpeg::Plan::of(data).map_or(0, |plan| plan.count()),
        Codec::Mpeg4 => data.len().div_ceil(MAX_PAYLOAD),
        Codec::Pcma | Codec::Pcmu | Codec::Other(_) => data.len().div_ceil(MAX_PAYLOAD),
    };
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The frame's RTP payloads; the last one carries the marker.
#[must_use]
pub fn packetise(codec: &Codec, data: &Bytes) -> Vec<RtpPayload> {
    let mut payloads = Vec::with_capacity(packet_count(codec, data) as usize);
    let mut scratch = [0u8; MAX_PAYLOAD];
    for_each(codec, data, |prefix, body| {
        let bytes = if prefix.is_empty() {
            Arc::from(body)
        } else {
            let len = prefix.len() + body.len();
            scratch[..prefix.len()].copy_from_slice(prefix);
            scratch[prefix.len()..len].copy_from_slice(body);
            Arc::from(&scratch[..len])
        };
        payloads.push(RtpPayload { marker: false, bytes });
    });
    if let Some(last) = payloads.last_mut() {
        last.marker = true;
    }
    payloads
}

/// The frame as RTP packets interleaved in an RTSP connection (RFC 2326
/// section 10.12), in one buffer, so that a frame costs one write a reader.
#[must_use]
pub fn interleaved(codec: &Codec, data: &Bytes, header: InterleavedHeader) -> Bytes {
    const OVERHEAD: usize = 4 + 12 + 4;
    let count = packet_count(codec, data);
    let mut out = BytesMut::with_capacity(data.len() + count as usize * OVERHEAD);
    let mut index = 0u32;
    for_each(codec, data, |prefix, body| {
        index += 1;
        let marker = if index == count { 0x80 } else { 0 };
        let len = 12 + prefix.len() + body.len();
        out.put_u8(b'$');
        out.put_u8(header.channel);
        // Payloads are far below 64 kB but for an Opus packet nobody makes.
        out.put_u16(u16::try_from(len).unwrap_or(u16::MAX));
        out.put_u8(0x80);
        out.put_u8(marker | header.payload_type & 0x7f);
        out.put_u16(header.seq.wrapping_add((index - 1) as u16));
        out.put_u32(header.timestamp);
        out.put_u32(header.ssrc);
        out.put_slice(prefix);
        out.put_slice(body);
    });
    out.freeze()
}

/// RFC 3640: the length of the header section and one 16-bit AU header.
const AU_HEADER: usize = 4;

/// Calls `emit(prefix, body)` for each payload, in order.
fn for_each(codec: &Codec, data: &[u8], mut emit: impl FnMut(&[u8], &[u8])) {
    match codec {
        Codec::H264 => {
            for nal in nals(data) {
                h264_nal(nal, &mut emit);
            }
        }
        Codec::H265 => {
            for nal in nals(data) {
                h265_nal(nal, &mut emit);
            }
        }
        Codec::Aac => aac_frame(data, &mut emit),
        Codec::Opus if data.is_empty() => {}
        Codec::Opus => emit(&[], data),
        Codec::Av1 => av1::packets(data, &mut emit),
        Codec::Vp8 => vp8_frame(data, &mut emit),
        Codec::Vp9 => vp9_frame(data, &mut emit),
        Codec::Jpeg => {
            if let Some(plan) = jpeg::Plan::of(data) {
                plan.packets(&mut emit);
            }
        }
        Codec::Mpeg4 | Codec::Pcma | Codec::Pcmu | Codec::Other(_) => {
            for chunk in data.chunks(MAX_PAYLOAD) {
                emit(&[], chunk);
            }
        }
    }
}

fn h264_nal(nal: &[u8], emit: &mut impl FnMut(&[u8], &[u8])) {
    if nal.len() <= MAX_PAYLOAD {
        return emit(&[], nal);
    }
    let indicator = nal[0] & 0xe0 | 28;
    fragments(&nal[1..], MAX_PAYLOAD - 2, nal[0] & 0x1f, |fu, body| {
        emit(&[indicator, fu], body);
    });
}

fn h265_nal(nal: &[u8], emit: &mut impl FnMut(&[u8], &[u8])) {
    if nal.len() <= MAX_PAYLOAD {
        return emit(&[], nal);
    }
    let header = [nal[0] & 0x81 | 49 << 1, nal[1]];
    fragments(&nal[2..], MAX_PAYLOAD - 3, nal[0] >> 1 & 0x3f, |fu, body| {
        emit(&[header[0], header[1], fu], body);
    });
}

/// Start bit on the first fragment, end bit on the last; the type on all.
fn fragments(body: &[u8], size: usize, kind: u8, mut emit: impl FnMut(u8, &[u8])) {
    let last = body.len().div_ceil(size) - 1;
    for (index, chunk) in body.chunks(size).enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index == last { 0x40 } else { 0 };
        emit(start | end | kind, chunk);
    }
}

/// RFC 7741, 4.2: one byte, which says where the frame begins.
fn vp8_frame(data: &[u8], emit: &mut impl FnMut(&[u8], &[u8])) {
    for (index, chunk) in data.chunks(MAX_PAYLOAD - 1).enumerate() {
        emit(&[if index == 0 { 0x10 } else { 0 }], chunk);
    }
}

/// RFC 9628, 4.2: one byte, which says where the frame begins and ends and
/// whether it needs others.
fn vp9_frame(data: &[u8], emit: &mut impl FnMut(&[u8], &[u8])) {
    let predicted = if Vp9Head::of_key(data).is_some() { 0 } else { 0x40 };
    let last = data.len().div_ceil(MAX_PAYLOAD - 1);
    for (index, chunk) in data.chunks(MAX_PAYLOAD - 1).enumerate() {
        let begins = if index == 0 { 0x08 } else { 0 };
        let ends = if index + 1 == last { 0x04 } else { 0 };
        emit(&[predicted | begins | ends], chunk);
    }
}

/// RFC 3640 AAC-hbr: a fragment repeats the size of the whole frame. A frame
/// over 8191 bytes can't be told in 13 bits and does not exist in AAC.
fn aac_frame(data: &[u8], emit: &mut impl FnMut(&[u8], &[u8])) {
    let size = ((data.len() & 0x1fff) << 3) as u16;
    let [hi, lo] = size.to_be_bytes();
    for chunk in data.chunks(MAX_PAYLOAD - AU_HEADER) {
        emit(&[0, 16, hi, lo], chunk);
    }
}
