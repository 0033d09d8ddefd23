//! IVF: frames one after the other, each with its time. It has no standard; it
//! is as the makers of VP8 write it, and every tool for AV1 and VP9 reads it.

use bytes::Bytes;

use crate::Codec;

const HEAD: usize = 32;
/// How a file names its codec.
const CODES: [(Codec, &[u8; 4]); 5] = [
    (Codec::Av1, b"AV01"),
    (Codec::Vp8, b"VP80"),
    (Codec::Vp9, b"VP90"),
    (Codec::Jpeg, b"MJPG"),
    (Codec::Mpeg4, b"MP4V"),
];

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ivf {
    pub codec: Codec,
    /// Ticks a second of the frames' times.
    pub rate: (u32, u32),
    /// In the order of decoding, each with the time at which it is shown.
    pub frames: Vec<(i64, Bytes)>,
}

impl Ivf {
    /// `None` for another kind of file, or one that is cut short.
    #[must_use]
    pub fn read(file: &Bytes) -> Option<Self> {
        let head = file.first_chunk::<HEAD>().filter(|head| head.starts_with(b"DKIF"))?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let codec = CODES.iter().find(|(_, code)| head[8..12] == **code)?.0.clone();
        let mut rest = file.slice(usize::from(u16::from_le_bytes([head[6], head[7]])).clamp(HEAD, file.len())..);
        let mut frames = Vec::new();
        while let Some(&[s0, s1, s2, s3, t0, t1, t2, t3, ..]) = rest.first_chunk::<12>() {
            let end = 12usize.checked_add(u32::from_le_bytes([s0, s1, s2, s3]) as usize)?;
            if end > rest.len() {
                return None;
            }
            frames.push((i64::from(u32::from_le_bytes([t0, t1, t2, t3])), rest.slice(12..end)));
            rest = rest.slice(end..);
        }
        rest.is_empty().then_some(Self { codec, rate: (word(16), word(20).max(1)), frames })
    }
}

/// The code that names a codec in a file; `None` for one that has none.
fn code(codec: &Codec) -> Option<&'static [u8; 4]> {
    CODES.iter().find(|(known, _)| known == codec).map(|(_, code)| *code)
}

/// A file of frames, each with its time in microseconds.
#[must_use]
pub fn write<'a>(codec: &Codec, (width, height): (u16, u16), frames: impl Iterator<Item = (u64, &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(b"DKIF\0\0\x20\0");
    out.extend_from_slice(code(codec).unwrap_or(b"\0\0\0\0"));
    out.extend_from_slice(&width.to_le_bytes());
    out.extend_from_slice(&height.to_le_bytes());
    out.extend_from_slice(&1_000_000u32.to_le_bytes());
    out.extend_from_slice(&1u32.to_le_bytes());
    // How many frames there are is known by who reads them all.
    out.extend_from_slice(&[0; 8]);
    for (shown, data) in frames {
        // No frame is near 4 GB.
        out.extend_from_slice(&(data.len() as u32).to_le_bytes());
        out.extend_from_slice(&shown.to_le_bytes());
        out.extend_from_slice(data);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let frames: [(u64, &[u8]); 3] = [(0, &[1, 2, 3]), (40_000, &[]), (80_000, &[9])];
        for (codec, _) in &CODES {
            let file = Bytes::from(write(codec, (96, 64), frames.into_iter()));
            let read = Ivf::read(&file).expect("an IVF file");
            assert_eq!((&read.codec, read.rate), (codec, (1_000_000, 1)));
            let came: Vec<_> = read.frames.iter().map(|(shown, data)| (*shown as u64, &data[..])).collect();
            assert_eq!(came, frames);
            for cut in [5, 31, 40, file.len() - 1] {
                assert_eq!(Ivf::read(&file.slice(..cut)), None);
            }
        }
        assert_eq!(Ivf::read(&write(&Codec::H264, (96, 64), frames.into_iter()).into()), None);
    }
}
