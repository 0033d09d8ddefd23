//! What stands beside pictures in containers: the configuration of their
//! decoder, and lengths of NAL units.

use crate::annexb;
use crate::depacketise::DropReason;

/// The NAL units of a picture; Annex B where a camera writes that.
pub fn sized_nals(data: &[u8], length_size: usize) -> Result<Vec<&[u8]>, DropReason> {
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

pub const CUT_SHORT: DropReason = DropReason::BadPacket("picture cut short");

/// Sizes of lengths, and the parameter sets, of an
/// `AVCDecoderConfigurationRecord` (ISO 14496-15, 5.3.3.1).
pub fn avc_config(record: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let (head, mut rest) = record.split_first_chunk::<5>()?;
    let mut sets = Vec::new();
    for mask in [0x1f, 0xff] {
        let (&count, tail) = rest.split_first()?;
        rest = take_sets(tail, usize::from(count & mask), &mut sets)?;
    }
    Some((usize::from(head[4] & 3) + 1, sets))
}

/// The same of an `HEVCDecoderConfigurationRecord` (ISO 14496-15, 8.3.3.1).
pub fn hevc_config(record: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
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
