//! What a NAL unit is, as far as framing needs to know.

use crate::Codec;

/// A NAL unit's part in an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Picture data. `first` is set on the slice that begins a picture.
    Slice {
        first: bool,
        key: bool,
    },
    Vps,
    Sps,
    Pps,
    /// Supplemental information before the picture.
    Sei,
    /// Belongs to the picture before it, never begins one.
    Suffix,
    /// Carries nothing a viewer needs: delimiters, filler, further layers.
    Ignored,
    /// Something else before the picture.
    Other,
    /// Not a NAL unit: too short, or its forbidden bit is set.
    Bad,
}

/// The kind of a NAL unit, which may be cut off after its first few bytes.
#[must_use]
pub fn kind(codec: &Codec, nal: &[u8]) -> Kind {
    match codec {
        Codec::H264 => h264(nal),
        Codec::H265 => h265(nal),
        _ => Kind::Bad,
    }
}

fn h264(nal: &[u8]) -> Kind {
    let Some(&header) = nal.first() else {
        return Kind::Bad;
    };
    if header & 0x80 != 0 {
        return Kind::Bad;
    }
    // first_mb_in_slice = 0 is the single bit 1.
    let first = nal.get(1).is_some_and(|b| b & 0x80 != 0);
    match header & 0x1f {
        1 | 2 => Kind::Slice { first, key: false },
        3 | 4 => Kind::Slice { first: false, key: false },
        5 => Kind::Slice { first, key: true },
        6 => Kind::Sei,
        7 => Kind::Sps,
        8 => Kind::Pps,
        9 | 12 => Kind::Ignored,
        10 | 11 | 19 | 20 | 21 => Kind::Suffix,
        0 | 24..=31 => Kind::Bad,
        _ => Kind::Other,
    }
}

fn h265(nal: &[u8]) -> Kind {
    let [h0, h1, rest @ ..] = nal else {
        return Kind::Bad;
    };
    if h0 & 0x80 != 0 {
        return Kind::Bad;
    }
    let layer = (h0 & 1) << 5 | h1 >> 3;
    let first = rest.first().is_some_and(|b| b & 0x80 != 0);
    match h0 >> 1 & 0x3f {
        // Further layers repeat the picture's first-slice flag.
        0..=31 if layer > 0 => Kind::Ignored,
        t @ 0..=31 => Kind::Slice { first, key: (16..=21).contains(&t) },
        32 => Kind::Vps,
        33 => Kind::Sps,
        34 => Kind::Pps,
        35 | 38 => Kind::Ignored,
        36 | 37 | 40 => Kind::Suffix,
        39 => Kind::Sei,
        48..=63 => Kind::Bad,
        _ => Kind::Other,
    }
}

/// True for an H.264 slice of type I.
///
/// With a recovery point in front it can be joined at, though it is no IDR:
/// several makers send nothing else.
#[must_use]
pub fn is_h264_intra_slice(nal: &[u8]) -> bool {
    if nal.first().map(|h| h & 0x1f) != Some(1) {
        return false;
    }
    let head = &nal[1..nal.len().min(16)];
    let rbsp = crate::bits::unescape(head);
    let mut bits = crate::bits::BitReader::new(&rbsp);
    bits.ue().and_then(|_| bits.ue()).is_some_and(|t| t == 2 || t == 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_kinds() {
        let kind = |bytes: &[u8]| kind(&Codec::H264, bytes);
        assert_eq!(kind(&[0x65, 0x88]), Kind::Slice { first: true, key: true });
        assert_eq!(kind(&[0x41, 0x08]), Kind::Slice { first: false, key: false });
        assert_eq!(kind(&[0x03, 0x88]), Kind::Slice { first: false, key: false });
        assert_eq!(kind(&[0x06]), Kind::Sei);
        assert_eq!(kind(&[0x67]), Kind::Sps);
        assert_eq!(kind(&[0x68]), Kind::Pps);
        assert_eq!(kind(&[0x09]), Kind::Ignored);
        assert_eq!(kind(&[0x0b]), Kind::Suffix);
        assert_eq!(kind(&[0x0f]), Kind::Other);
        for bad in [&[][..], &[0xe5], &[0], &[0x18], &[0x1c]] {
            assert_eq!(kind(bad), Kind::Bad);
        }
    }

    #[test]
    fn h265_kinds() {
        let kind = |t: u8, layer: u8, b: u8| kind(&Codec::H265, &[t << 1, layer << 3 | 1, b]);
        assert_eq!(kind(19, 0, 0x80), Kind::Slice { first: true, key: true });
        assert_eq!(kind(1, 0, 0), Kind::Slice { first: false, key: false });
        assert_eq!(kind(1, 1, 0x80), Kind::Ignored);
        assert_eq!(kind(32, 0, 0), Kind::Vps);
        assert_eq!(kind(33, 0, 0), Kind::Sps);
        assert_eq!(kind(34, 0, 0), Kind::Pps);
        assert_eq!(kind(35, 0, 0), Kind::Ignored);
        assert_eq!(kind(39, 0, 0), Kind::Sei);
        assert_eq!(kind(40, 0, 0), Kind::Suffix);
        assert_eq!(kind(41, 0, 0), Kind::Other);
        assert_eq!(kind(49, 0, 0), Kind::Bad);
        assert_eq!(super::kind(&Codec::H265, &[2]), Kind::Bad);
        assert_eq!(super::kind(&Codec::H265, &[0x82, 1, 0]), Kind::Bad);
        assert_eq!(super::kind(&Codec::Aac, &[2, 1, 0]), Kind::Bad);
    }

    #[test]
    fn intra_slices_are_told_apart() {
        assert!(is_h264_intra_slice(&[0x41, 0x88, 0x84])); // first_mb 0, slice_type 7
        assert!(!is_h264_intra_slice(&[0x41, 0x9a])); // slice_type 5
        assert!(!is_h264_intra_slice(&[0x65, 0x88]));
        assert!(!is_h264_intra_slice(&[]));
    }
}
