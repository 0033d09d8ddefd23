//! When a frame was taken and which one it is, from node to node: a header
//! extension (RFC 8285) in the first RTP packet of each frame.
//!
//! The element, 21 bytes in network order: UTC in microseconds (8), the bound
//! of its error in microseconds (4; all ones: not known), the stream's epoch
//! (4), the frame's number in its track (4), flags (1). It is longer than
//! one-byte headers allow, so that headers of two bytes are written; both are
//! read.

use crate::Timing;

/// What names the element in a session description (`a=extmap`).
pub const STAMP_URI: &str = "urn:vms-enterprise:rtp:frame";
/// The number that our server gives to the element.
pub const STAMP_ID: u8 = 1;

/// What stands in front of an interleaved packet (RFC 2326, section 10.12).
const FRAMING: usize = 4;
const RTP_HEADER: usize = 12;
/// The profiles of RFC 8285, sections 4.2 and 4.3.
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;
const ELEMENT: usize = 21;
/// Number and length, element, padding to whole words.
const BODY: usize = (2 + ELEMENT).next_multiple_of(4);
const UNKNOWN: u32 = u32::MAX;
const DISCONTINUITY: u8 = 1;

/// One frame's element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub timing: Timing,
    /// Low bits of the epoch; another one is another run of the stream.
    pub epoch: u32,
    /// Counts the frames of its track, over all epochs; low bits.
    pub number: u32,
    /// Frames before this one were lost before they had a number.
    pub discontinuity: bool,
}

impl Stamp {
    /// Puts it into the first of a frame's interleaved packets, which has no
    /// extension.
    #[must_use]
    pub fn put_into(&self, interleaved: &[u8]) -> Vec<u8> {
        let Some((framing, rest)) = interleaved.split_first_chunk::<FRAMING>() else { return interleaved.to_vec() };
        let Some((header, behind)) = rest.split_at_checked(RTP_HEADER) else { return interleaved.to_vec() };
        let mut out = Vec::with_capacity(interleaved.len() + FRAMING + BODY);
        let length = u16::from_be_bytes([framing[2], framing[3]]).saturating_add((4 + BODY) as u16);
        out.extend_from_slice(&framing[..2]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(header);
        out[FRAMING] |= 0x10;
        out.extend_from_slice(&TWO_BYTES.to_be_bytes());
        out.extend_from_slice(&((BODY / 4) as u16).to_be_bytes());
        out.extend_from_slice(&[STAMP_ID, ELEMENT as u8]);
        out.extend_from_slice(&self.timing.utc_us.to_be_bytes());
        out.extend_from_slice(&self.timing.error_us.unwrap_or(UNKNOWN).to_be_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.push(if self.discontinuity { DISCONTINUITY } else { 0 });
        out.resize(FRAMING + RTP_HEADER + 4 + BODY, 0);
        out.extend_from_slice(behind);
        out
    }

    /// Finds it in an extension, whose profile is given; `id` is what the
    /// session description calls it.
    #[must_use]
    pub fn find(profile: u16, extension: &[u8], id: u8) -> Option<Self> {
        // The low bits of the profile of two-byte headers are the sender's own.
        let two_bytes = profile & 0xfff0 == TWO_BYTES;
        if !two_bytes && profile != ONE_BYTE {
            return None;
        }
        let mut rest = extension;
        while let [first, behind @ ..] = rest {
            if *first == 0 {
                rest = behind;
                continue;
            }
            let (own, length, behind) = if two_bytes {
                let (length, behind) = behind.split_first()?;
                (*first, usize::from(*length), behind)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, behind)
            };
            let (element, behind) = behind.split_at_checked(length)?;
            if own == id {
                return Self::read(element);
            }
            rest = behind;
        }
        None
    }

    /// A longer element is a newer one's, whose beginning is ours.
    fn read(element: &[u8]) -> Option<Self> {
        let (utc_us, rest) = element.split_first_chunk::<8>()?;
        let (error_us, rest) = rest.split_first_chunk::<4>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<4>()?;
        let flags = rest.first()?;
        let error_us = Some(u32::from_be_bytes(*error_us)).filter(|error| *error != UNKNOWN);
        Some(Self {
            timing: Timing { utc_us: i64::from_be_bytes(*utc_us), error_us },
            epoch: u32::from_be_bytes(*epoch),
            number: u32::from_be_bytes(*number),
            discontinuity: flags & DISCONTINUITY != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        timing: Timing { utc_us: 1_795_244_400_123_456, error_us: Some(1_500) },
        epoch: 7,
        number: u32::MAX,
        discontinuity: true,
    };

    /// Two packets, of 13 and 12 bytes.
    fn packets() -> Vec<u8> {
        let mut out = vec![b'$', 2, 0, 13, 0x80, 96, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 0xaa];
        out.extend_from_slice(&[b'$', 2, 0, 12, 0x80, 0xe0, 0, 2, 0, 0, 0, 9, 1, 2, 3, 4]);
        out
    }

    #[test]
    fn it_stands_in_the_first_packet_alone_and_is_found_again() {
        for error_us in [Some(1_500), None] {
            let stamp = Stamp { timing: Timing { error_us, ..STAMP.timing }, ..STAMP };
            let out = stamp.put_into(&packets());
            let length = usize::from(u16::from_be_bytes([out[2], out[3]]));
            let (first, second) = out.split_at(4 + length);
            assert_eq!(second, &packets()[17..], "the second is as it was");
            assert_eq!((first[4], first.last()), (0x90, Some(&0xaa)));
            let profile = u16::from_be_bytes([first[16], first[17]]);
            let words = usize::from(u16::from_be_bytes([first[18], first[19]]));
            assert_eq!(20 + words * 4 + 1, first.len(), "the payload follows");
            let extension = &first[20..20 + words * 4];
            assert_eq!(Stamp::find(profile, extension, STAMP_ID), Some(stamp));
            assert_eq!(Stamp::find(profile, extension, 2), None, "another element");
            for end in 0..2 + ELEMENT {
                assert_eq!(Stamp::find(profile, &extension[..end], STAMP_ID), None, "cut at {end}");
            }
        }
    }

    #[test]
    fn it_is_found_behind_other_elements_and_in_no_other_profile() {
        let out = STAMP.put_into(&packets());
        let own = &out[20..20 + 2 + ELEMENT];
        let behind: Vec<u8> = [&[9, 2, 1, 1, 0, 0][..], own].concat();
        assert_eq!(Stamp::find(0x1003, &behind, STAMP_ID), Some(STAMP));
        assert_eq!(Stamp::find(0xabac, &behind, STAMP_ID), None, "ONVIF's");
        // 16 bytes are the most of a one-byte header: ours does not fit.
        assert_eq!(Stamp::find(0xbede, &[&[0x1f][..], &own[2..18]].concat(), 1), None);
        assert_eq!(STAMP.put_into(&[1, 2, 3]), [1, 2, 3], "no packet");
    }
}
