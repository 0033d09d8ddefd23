//! Opus in MPEG-TS as FFmpeg writes and reads it, which follows the draft
//! "ETSI_TS_opus" 0.1.3: private data with two descriptors, and a control header
//! before each frame.

/// The first 11 bits of a control header, in 16.
const PREFIX: u16 = 0x7fe0;
const PREFIX_BITS: u16 = 0xffe0;
const START_TRIM: u16 = 0x10;
const END_TRIM: u16 = 0x08;
const EXTENSION: u16 = 0x04;

const REGISTRATION: u8 = 0x05;
const DVB_EXTENSION: u8 = 0x7f;
/// The provisional tag behind that one, which everybody uses for Opus.
const OPUS_EXTENSION: u8 = 0x80;

/// What a stream's entry in the programme says of it.
pub fn descriptors(channels: u8) -> [u8; 10] {
    let [o, p, u, s] = *b"Opus";
    [REGISTRATION, 4, o, p, u, s, DVB_EXTENSION, 2, OPUS_EXTENSION, channels]
}

/// Whether descriptors are those of Opus in one stream, mono or stereo, which
/// is all that other protocols carry.
pub fn is_opus(mut descriptors: &[u8]) -> bool {
    let (mut registered, mut channels) = (false, None);
    while let [tag, length, rest @ ..] = descriptors {
        let Some((body, next)) = rest.split_at_checked(usize::from(*length)) else { return false };
        match (*tag, body) {
            (REGISTRATION, [b'O', b'p', b'u', b's', ..]) => registered = true,
            (DVB_EXTENSION, [OPUS_EXTENSION, code, ..]) => channels = Some(*code),
            _ => {}
        }
        descriptors = next;
    }
    registered && channels.is_none_or(|code| matches!(code, 1 | 2))
}

/// Puts a frame behind its control header.
pub fn put(out: &mut Vec<u8>, frame: &[u8]) {
    out.extend_from_slice(&PREFIX.to_be_bytes());
    out.extend(std::iter::repeat_n(0xff, frame.len() / 255));
    out.push((frame.len() % 255) as u8);
    out.extend_from_slice(frame);
}

/// The frame that `data` begins with, and what is behind it.
pub fn take(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, mut rest) = data.split_first_chunk::<2>()?;
    let head = u16::from_be_bytes(*head);
    if head & PREFIX_BITS != PREFIX {
        return None;
    }
    let mut length = 0;
    loop {
        let (byte, next) = rest.split_first()?;
        (length, rest) = (length + usize::from(*byte), next);
        if *byte < 255 {
            break;
        }
    }
    // What is to be cut off of the sound: a few milliseconds where it begins.
    for trim in [START_TRIM, END_TRIM] {
        rest = if head & trim != 0 { rest.get(2..)? } else { rest };
    }
    if head & EXTENSION != 0 {
        let (more, next) = rest.split_first()?;
        rest = next.get(usize::from(*more)..)?;
    }
    rest.split_at_checked(length).filter(|(frame, _)| !frame.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_come_back() {
        for length in [1, 254, 255, 256, 509, 510, 1275] {
            let mut out = Vec::new();
            put(&mut out, &vec![7; length]);
            put(&mut out, &[1, 2]);
            let (frame, rest) = take(&out).expect("a frame");
            assert_eq!(frame, vec![7; length]);
            assert_eq!(take(rest), Some((&[1, 2][..], &[][..])));
            for end in 0..out.len() - 5 {
                assert_eq!(take(&out[..end]), None, "{end} of {length}");
            }
        }
    }

    #[test]
    fn trims_and_extensions_are_passed_over() {
        // As ffmpeg begins: 312 samples are the encoder's own.
        assert_eq!(take(&[0x7f, 0xf0, 2, 0x01, 0x38, 9, 8]), Some((&[9, 8][..], &[][..])));
        assert_eq!(take(&[0x7f, 0xfc, 1, 0, 1, 0, 2, 3, 4, 5, 6, 9]), Some((&[9][..], &[][..])));
        for bad in [&[0x7f, 0xe0, 0][..], &[0x7f, 0x00, 1, 9], &[0xff, 0xe0, 1, 9], &[]] {
            assert_eq!(take(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn opus_is_known_by_its_descriptors() {
        assert!(is_opus(&descriptors(2)) && is_opus(&descriptors(1)));
        assert!(is_opus(&descriptors(2)[..6]), "without its channels");
        for bad in
            [&descriptors(8)[..], &descriptors(0), &descriptors(2)[6..], &[5, 4, b'A', b'C', b'-', b'3'], &[5, 9, 1]]
        {
            assert!(!is_opus(bad), "{bad:?}");
        }
    }
}
