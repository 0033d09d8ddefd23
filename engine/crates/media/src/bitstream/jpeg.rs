//! JPEG: the segments of a picture (ITU-T T.81, annex B).

use super::described;
use crate::params::VideoInfo;

pub const START: u8 = 0xd8;
pub const END: u8 = 0xd9;
pub const BASELINE: u8 = 0xc0;
pub const PROGRESSIVE: u8 = 0xc2;
pub const HUFFMAN: u8 = 0xc4;
pub const SCAN: u8 = 0xda;
pub const QUANTISATION: u8 = 0xdb;
pub const RESTART_INTERVAL: u8 = 0xdd;

/// The segments of a picture up to its scan, whose body is followed by the
/// coded picture: each with its marker, its body and where the body ends.
pub fn segments(data: &[u8]) -> impl Iterator<Item = (u8, &[u8], usize)> {
    let mut at = if data.starts_with(&[0xff, START]) { 2 } else { data.len() };
    std::iter::from_fn(move || {
        // Any number of 0xff may stand before a marker.
        while data.get(at..at + 2)? == [0xff, 0xff] {
            at += 1;
        }
        let &[0xff, marker, high, low] = data.get(at..)?.first_chunk::<4>()? else { return None };
        let begin = at + 4;
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
        let body = data.get(begin..end)?;
        at = if marker == SCAN { data.len() } else { end };
        Some((marker, body, end))
    })
}

/// The frame header: its marker, length and body. Pictures that are coded
/// arithmetically, without loss or in a hierarchy are none that a viewer takes.
#[must_use]
pub fn head(data: &[u8]) -> Option<&[u8]> {
    let (_, body, end) = segments(data).find(|(marker, _, _)| matches!(marker, BASELINE..=PROGRESSIVE))?;
    let head = &data[end - body.len() - 3..end];
    size(head).map(|_| head)
}

/// Width and height of a frame header.
fn size(head: &[u8]) -> Option<(u32, u32)> {
    let &[_, _, _, _, h0, h1, w0, w1, _] = head.first_chunk::<9>()?;
    let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
    (width > 0 && height > 0).then_some((width.into(), height.into()))
}

#[must_use]
pub fn info(head: &[u8]) -> Option<VideoInfo> {
    let (width, height) = size(head)?;
    let name = ["Baseline", "Extended", "Progressive"][usize::from(head[0].checked_sub(BASELINE)?).min(2)];
    Some(described(width, height, name.to_owned(), "mjpeg".to_owned()))
}
