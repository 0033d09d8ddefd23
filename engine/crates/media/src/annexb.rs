//! Annex B byte streams and length-prefixed NAL units.

use bytes::{BufMut, Bytes, BytesMut};

use crate::Codec;
use crate::nal::{self, Kind};

/// Where the next `00 00 01` begins, at or after `from`.
#[must_use]
pub fn find_start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 2;
    // A byte over 1 can't belong to a start code, so three bytes are passed
    // at once.
    while at < data.len() {
        match data[at] {
            0 => at += 1,
            1 if data[at - 1] == 0 && data[at - 2] == 0 => return Some(at - 2),
            _ => at += 3,
        }
    }
    None
}

/// The NAL units of an Annex B stream, without start codes and the zeros
/// before and after them. Bytes before the first start code count as a NAL
/// unit, because cameras leave the first start code out.
pub fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        loop {
            let current = rest?;
            let nal = if let Some(at) = find_start_code(current, 0) {
                rest = Some(&current[at + 3..]);
                &current[..at]
            } else {
                rest = None;
                current
            };
            let nal = trim_zeros(nal);
            if !nal.is_empty() {
                return Some(nal);
            }
            rest?;
        }
    })
}

/// A NAL unit never ends in a zero byte; zeros there belong to what follows.
fn trim_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    &nal[..end]
}

/// The NAL units of length-prefixed data. Stops at the first length that does
/// not fit.
pub fn nals(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        let len = u32::from_be_bytes(*head) as usize;
        if len == 0 || len > tail.len() {
            return None;
        }
        let (nal, next) = tail.split_at(len);
        rest = next;
        Some(nal)
    })
}

/// Length-prefixed data as an Annex B stream.
#[must_use]
pub fn to_annexb(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 4);
    for nal in nals(data) {
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(nal);
    }
    out
}

/// One picture of an Annex B stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnexBUnit {
    pub key: bool,
    /// NAL units, each with a 4-byte length.
    pub data: Bytes,
}

/// Groups the NAL units of an Annex B stream into access units. Delimiters
/// and filler are left out; what follows the last picture is dropped.
#[must_use]
pub fn access_units(codec: &Codec, stream: &[u8]) -> Vec<AnnexBUnit> {
    let mut units = Vec::new();
    let mut data = BytesMut::new();
    let mut key = false;
    let mut has_slice = false;
    for unit in split(stream) {
        let kind = nal::kind(codec, unit);
        let starts_next = match kind {
            Kind::Slice { first, .. } => first,
            Kind::Suffix | Kind::Ignored => false,
            _ => true,
        };
        if has_slice && starts_next {
            units.push(AnnexBUnit { key, data: data.split().freeze() });
            key = false;
            has_slice = false;
        }
        if let Kind::Slice { key: is_key, .. } = kind {
            has_slice = true;
            key |= is_key;
        }
        if !matches!(kind, Kind::Ignored | Kind::Bad) {
            put_nal(&mut data, unit);
        }
    }
    if has_slice {
        units.push(AnnexBUnit { key, data: data.freeze() });
    }
    units
}

/// Appends a NAL unit with its length. One over 4 GB can't occur: access
/// units are capped far below.
pub fn put_nal(out: &mut impl BufMut, nal: &[u8]) {
    out.put_u32(u32::try_from(nal.len()).unwrap_or(u32::MAX));
    out.put_slice(nal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_are_found_wherever_they_lie() {
        for before in 0..9 {
            let mut data = vec![7; before];
            data.extend([0, 0, 1, 9]);
            assert_eq!(find_start_code(&data, 0), Some(before));
        }
        assert_eq!(find_start_code(&[0, 0], 0), None);
        assert_eq!(find_start_code(&[0, 0, 0, 1], 0), Some(1));
        assert_eq!(find_start_code(&[0, 1, 0, 0, 2, 0, 1], 0), None);
    }

    #[test]
    fn a_stream_is_split_with_long_and_short_codes() {
        let data = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3];
        let nals: Vec<_> = split(&data).collect();
        assert_eq!(nals, [&[0x67, 1][..], &[0x68, 2], &[0x65, 3]]);
        assert_eq!(split(&[]).count(), 0);
        assert_eq!(split(&[0, 0, 0, 0, 1]).count(), 0);
        assert_eq!(split(&[0x65, 0]).collect::<Vec<_>>(), [&[0x65][..]]);
    }

    #[test]
    fn pictures_of_several_slices_stay_together() {
        let data = [
            0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x65, 0x08, 0, 0, 1,
            0x41, 0x9a, 0, 0, 1, 0x06, 5,
        ];
        let units = access_units(&Codec::H264, &data);
        assert_eq!(units.len(), 2);
        assert!(units[0].key && !units[1].key);
        assert_eq!(nals(&units[0].data).count(), 4);
        assert_eq!(to_annexb(&units[1].data), [0, 0, 0, 1, 0x41, 0x9a]);
    }

    #[test]
    fn a_length_that_does_not_fit_ends_the_walk() {
        assert_eq!(nals(&[0, 0, 0, 9, 1]).count(), 0);
        assert_eq!(nals(&[0, 0, 0, 0, 1]).count(), 0);
        assert_eq!(nals(&[0, 0, 0, 1, 1, 0, 0]).count(), 1);
    }
}
