//! VP9: the uncompressed header ("VP9 Bitstream & Decoding Process
//! Specification", 6.2) and superframes (its annex B).

use super::described;
use crate::bits::BitReader;
use crate::params::VideoInfo;

/// What a key frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub profile: u8,
    pub depth: u8,
    pub subsampling_x: bool,
    pub subsampling_y: bool,
    pub full_range: bool,
    pub width: u32,
    pub height: u32,
}

/// `color_space` of RGB.
const RGB: u32 = 7;

/// The largest picture in luma samples of each level, times ten ("VP9 levels",
/// of the format's makers), for pictures at up to 30 a second.
const LEVELS: [(u64, u8); 9] = [
    (36_864, 10),
    (73_728, 11),
    (122_880, 20),
    (245_760, 21),
    (552_960, 30),
    (983_040, 31),
    (2_228_224, 40),
    (8_912_896, 50),
    (35_651_584, 60),
];

impl Head {
    /// `None` for a frame that is no key frame, or not VP9.
    #[must_use]
    pub fn of_key(data: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(data);
        if bits.bits(2)? != 2 {
            return None;
        }
        let (low, high) = (bits.bits(1)?, bits.bits(1)?);
        let profile = (high << 1 | low) as u8;
        if profile == 3 && bits.bit()? {
            return None;
        }
        let (shows_existing, is_inter) = (bits.bit()?, bits.bit()?);
        bits.skip(2)?;
        if shows_existing || is_inter || bits.bits(24)? != 0x49_8342 {
            return None;
        }
        let depth = match (profile >= 2, profile >= 2 && bits.bit()?) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let space = bits.bits(3)?;
        let full_range = space == RGB || bits.bit()?;
        let (subsampling_x, subsampling_y) = match (space == RGB, profile & 1 == 1) {
            (false, false) => (true, true),
            (false, true) => {
                let sampling = (bits.bit()?, bits.bit()?);
                bits.skip(1)?;
                sampling
            }
            // RGB exists in profiles 1 and 3 alone.
            (true, false) => return None,
            (true, true) => {
                bits.skip(1)?;
                (false, false)
            }
        };
        let (width, height) = (bits.bits(16)? + 1, bits.bits(16)? + 1);
        Some(Self { profile, depth, subsampling_x, subsampling_y, full_range, width, height })
    }

    #[must_use]
    pub fn bytes(&self) -> [u8; 11] {
        let ([w0, w1, w2, w3], [h0, h1, h2, h3]) = (self.width.to_be_bytes(), self.height.to_be_bytes());
        let flags = u8::from(self.subsampling_x) | u8::from(self.subsampling_y) << 1 | u8::from(self.full_range) << 2;
        [self.profile, self.depth, flags, w0, w1, w2, w3, h0, h1, h2, h3]
    }

    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let &[profile, depth, flags, w0, w1, w2, w3, h0, h1, h2, h3] = bytes else { return None };
        Some(Self {
            profile,
            depth,
            subsampling_x: flags & 1 != 0,
            subsampling_y: flags & 2 != 0,
            full_range: flags & 4 != 0,
            width: u32::from_be_bytes([w0, w1, w2, w3]),
            height: u32::from_be_bytes([h0, h1, h2, h3]),
        })
    }

    /// The lowest that allows pictures of this size.
    #[must_use]
    pub fn level(&self) -> u8 {
        let samples = u64::from(self.width) * u64::from(self.height);
        LEVELS.iter().find(|(most, _)| samples <= *most).map_or(62, |(_, level)| *level)
    }

    /// `chromaSubsampling` of "VP Codec ISO Media File Format Binding": 1 is
    /// 4:2:0 with samples beside the luma's.
    #[must_use]
    pub fn chroma(&self) -> u8 {
        match (self.subsampling_x, self.subsampling_y) {
            (true, true) => 1,
            (true, false) => 2,
            // 4:4:0 has no number of its own.
            (false, _) => 3,
        }
    }

    /// As playlists and browsers name it (the binding, "Codecs parameter string").
    #[must_use]
    pub fn codec_string(&self) -> String {
        format!("vp09.{:02}.{:02}.{:02}", self.profile, self.level(), self.depth)
    }

    #[must_use]
    pub fn info(&self) -> VideoInfo {
        described(self.width, self.height, format!("Profile {}", self.profile), self.codec_string())
    }
}

/// Several frames as one, with their index behind (annex B).
///
/// One frame alone stays as it is.
#[must_use]
pub fn superframe(mut data: Vec<u8>, sizes: &[usize]) -> Vec<u8> {
    if sizes.len() < 2 || sizes.len() > 8 {
        return data;
    }
    let mark = 0xc0 | 3 << 3 | (sizes.len() - 1) as u8;
    data.push(mark);
    for size in sizes {
        // Far below 4 GB, by the cap of an access unit.
        data.extend_from_slice(&(*size as u32).to_le_bytes());
    }
    data.push(mark);
    data
}
