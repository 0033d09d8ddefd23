//! Reading parameter sets bit by bit.
//!
//! What is absent: writing, beyond emulation prevention bytes.

use std::borrow::Cow;

/// The payload of a NAL unit without its emulation prevention bytes.
#[must_use]
pub fn unescape(nal: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = nal.windows(3).position(|w| w == [0, 0, 3]) else {
        return Cow::Borrowed(nal);
    };
    let mut out = Vec::with_capacity(nal.len());
    out.extend_from_slice(&nal[..first + 2]);
    let mut zeros = 0;
    for &byte in &nal[first + 3..] {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    Cow::Owned(out)
}

/// Inserts emulation prevention bytes, so that no start code can appear.
#[must_use]
pub fn escape(rbsp: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rbsp.len() + 4);
    let mut zeros = 0;
    for &byte in rbsp {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// A reader that answers `None` past the end, so that a parser may simply use
/// `?` on a truncated parameter set.
pub struct BitReader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// How many bits have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    pub fn bit(&mut self) -> Option<bool> {
        let byte = self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// Up to 32 bits, most significant first.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    pub fn skip(&mut self, count: usize) -> Option<()> {
        let end = self.position.checked_add(count)?;
        if end > self.data.len() * 8 {
            return None;
        }
        self.position = end;
        Some(())
    }

    /// An unsigned Exp-Golomb value.
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        Some(((1u32 << zeros) - 1).wrapping_add(rest))
    }

    /// A signed Exp-Golomb value.
    pub fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) };
        i32::try_from(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_is_undone_by_unescaping() {
        for rbsp in [&[0u8, 0, 0, 0, 0, 1][..], &[1, 0, 0, 3, 0, 0, 2], &[0, 0, 3], &[5, 6, 7], &[]] {
            let escaped = escape(rbsp);
            assert!(!escaped.windows(3).any(|w| w[..2] == [0, 0] && w[2] < 3));
            assert_eq!(unescape(&escaped).as_ref(), rbsp);
        }
    }

    #[test]
    fn exp_golomb_values_are_read() {
        // 1 | 010 | 011 | 00100 | 00101 -> 0 1 2 3 4
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        for expected in 0..5 {
            assert_eq!(bits.ue(), Some(expected));
        }
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        for expected in [0, 1, -1, 2, -2] {
            assert_eq!(bits.se(), Some(expected));
        }
    }

    #[test]
    fn the_end_is_none_not_a_panic() {
        let mut bits = BitReader::new(&[0; 8]);
        assert_eq!(bits.ue(), None);
        let mut bits = BitReader::new(&[0xff]);
        assert_eq!(bits.bits(8), Some(255));
        assert_eq!(bits.bit(), None);
        assert_eq!(bits.skip(1), None);
        assert_eq!(BitReader::new(&[]).skip(usize::MAX), None);
    }
}
