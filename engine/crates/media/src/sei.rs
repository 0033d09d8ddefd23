//! The wall-clock time of a picture, inside the picture.
//!
//! A user-data SEI NAL unit carries UTC microseconds under [`UTC_SEI_UUID`];
//! the simulated cameras write it, and whoever measures delay reads it.

use crate::Codec;
use crate::annexb::nals;
use crate::bits::{escape, unescape};
use crate::nal::{Kind, kind};

/// Names our SEI message among those of others.
pub const UTC_SEI_UUID: [u8; 16] =
    [0x5a, 0x1c, 0x93, 0xe4, 0x7b, 0x0d, 0x4f, 0x26, 0x8e, 0xd1, 0x36, 0xaa, 0x79, 0xc8, 0x52, 0xf7];

const USER_DATA_UNREGISTERED: u8 = 5;
const SIZE: u8 = 24;

/// An H.264 SEI NAL unit that carries `utc_us`.
#[must_use]
pub fn utc_sei_h264(utc_us: i64) -> Vec<u8> {
    sei_nal(&[0x06], utc_us)
}

/// An H.265 prefix SEI NAL unit that carries `utc_us`.
#[must_use]
pub fn utc_sei_h265(utc_us: i64) -> Vec<u8> {
    sei_nal(&[39 << 1, 1], utc_us)
}

fn sei_nal(header: &[u8], utc_us: i64) -> Vec<u8> {
    let mut rbsp = header.to_vec();
    rbsp.extend_from_slice(&[USER_DATA_UNREGISTERED, SIZE]);
    rbsp.extend_from_slice(&UTC_SEI_UUID);
    rbsp.extend_from_slice(&utc_us.to_be_bytes());
    rbsp.push(0x80);
    escape(&rbsp)
}

/// The time that the picture's own SEI carries, if it does.
#[must_use]
pub fn find_utc(codec: &Codec, data: &[u8]) -> Option<i64> {
    let header = match codec {
        Codec::H264 => 1,
        Codec::H265 => 2,
        _ => return None,
    };
    for nal in nals(data) {
        match kind(codec, nal) {
            Kind::Sei => {
                let rbsp = unescape(&nal[header..]);
                let time = messages(&rbsp)
                    .filter(|(kind, _)| *kind == u32::from(USER_DATA_UNREGISTERED))
                    .find_map(|(_, body)| utc_of(body));
                if time.is_some() {
                    return time;
                }
            }
            // SEI comes before the picture: no need to walk through it.
            Kind::Slice { .. } => return None,
            _ => {}
        }
    }
    None
}

fn utc_of(body: &[u8]) -> Option<i64> {
    let (uuid, time) = body.split_first_chunk::<16>()?;
    if *uuid != UTC_SEI_UUID {
        return None;
    }
    Some(i64::from_be_bytes(*time.first_chunk::<8>()?))
}

/// True when an H.264 SEI NAL unit holds a recovery point at this very
/// picture: decoding may begin here.
#[must_use]
pub fn is_exact_recovery_point(nal: &[u8]) -> bool {
    let rbsp = unescape(nal.get(1..).unwrap_or_default());
    // recovery_frame_cnt = 0 is the single bit 1.
    messages(&rbsp).any(|(kind, body)| kind == 6 && body.first().is_some_and(|b| b & 0x80 != 0))
}

/// The (type, payload) pairs of an SEI NAL unit's payload.
fn messages(rbsp: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = rbsp;
    std::iter::from_fn(move || {
        // Two bytes at least: the last byte is the trailing bits.
        if rest.len() < 3 {
            return None;
        }
        let kind = ff_coded(&mut rest)?;
        let size = ff_coded(&mut rest)? as usize;
        if size > rest.len() {
            return None;
        }
        let (body, next) = rest.split_at(size);
        rest = next;
        Some((kind, body))
    })
}

fn ff_coded(rest: &mut &[u8]) -> Option<u32> {
    let mut value = 0u32;
    loop {
        let (&byte, next) = rest.split_first()?;
        *rest = next;
        value = value.checked_add(u32::from(byte))?;
        if byte != 0xff {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annexb::put_nal;

    #[test]
    fn the_time_comes_back_for_both_codecs() {
        for time in [0, 1, 256, 1_791_022_334_000_001, i64::MAX] {
            for (codec, sei, slice) in [
                (Codec::H264, utc_sei_h264(time), vec![0x65, 0x88]),
                (Codec::H265, utc_sei_h265(time), vec![0x26, 1, 0x80]),
            ] {
                let mut data = Vec::new();
                put_nal(&mut data, &sei);
                put_nal(&mut data, &slice);
                assert_eq!(find_utc(&codec, &data), Some(time), "{codec:?}");
                assert_eq!(find_utc(&Codec::Aac, &data), None);
            }
        }
    }

    #[test]
    fn foreign_and_broken_messages_are_passed_over() {
        let mut data = Vec::new();
        put_nal(&mut data, &[0x06, 5, 3, 1, 2, 3, 0x80]);
        put_nal(&mut data, &[0x06, 0xff, 0xff]);
        put_nal(&mut data, &[0x06, 5, 200, 1]);
        put_nal(&mut data, &utc_sei_h264(77));
        assert_eq!(find_utc(&Codec::H264, &data), Some(77));
        let mut late = Vec::new();
        put_nal(&mut late, &[0x65, 0x88]);
        put_nal(&mut late, &utc_sei_h264(77));
        assert_eq!(find_utc(&Codec::H264, &late), None);
    }

    #[test]
    fn recovery_points_are_seen() {
        assert!(is_exact_recovery_point(&[0x06, 6, 1, 0xc4, 0x80]));
        assert!(!is_exact_recovery_point(&[0x06, 6, 1, 0x44, 0x80]));
        assert!(!is_exact_recovery_point(&[0x06]));
        assert!(!is_exact_recovery_point(&[]));
    }
}
