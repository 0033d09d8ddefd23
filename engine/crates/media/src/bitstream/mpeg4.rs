//! MPEG-4 part 2: start codes and the video object layer (ISO/IEC 14496-2, 6.2).

use super::described;
use crate::annexb::find_start_code;
use crate::bits::BitReader;
use crate::params::VideoInfo;

const SEQUENCE: u8 = 0xb0;
const GROUP: u8 = 0xb3;
const OBJECT: u8 = 0xb5;
pub const PICTURE: u8 = 0xb6;

/// The start codes of a stream: each with its place and what follows it.
fn codes(data: &[u8]) -> impl Iterator<Item = (usize, u8, &[u8])> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = find_start_code(data, from)?;
        from = at + 3;
        let (code, rest) = data.get(from..)?.split_first()?;
        Some((at, *code, rest))
    })
}

#[must_use]
pub fn has_picture(data: &[u8]) -> bool {
    codes(data).any(|(_, code, _)| code == PICTURE)
}

/// Whether the first picture is an I-VOP.
#[must_use]
pub fn is_key(data: &[u8]) -> bool {
    let picture = codes(data).find(|(_, code, _)| *code == PICTURE);
    picture.is_some_and(|(_, _, rest)| rest.first().is_some_and(|first| first >> 6 == 0))
}

/// The headers in front of the first picture, with a video object layer that
/// can be read.
#[must_use]
pub fn config(data: &[u8]) -> Option<&[u8]> {
    let begin = codes(data).find(|(_, code, _)| matches!(*code, 0..=0x2f | SEQUENCE | OBJECT))?.0;
    let end = codes(data).find(|(_, code, _)| matches!(*code, GROUP | PICTURE)).map_or(data.len(), |(at, _, _)| at);
    let config = data.get(begin..end)?;
    Layer::of_config(config).map(|_| config)
}

/// What the headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// `profile_and_level_indication`; 1, Simple at level 1, where it is not said.
    pub profile_level: u8,
    pub width: u32,
    pub height: u32,
    /// B-VOPs are declared impossible, or nothing is said of them.
    pub low_delay: bool,
}

impl Layer {
    #[must_use]
    pub fn of_config(config: &[u8]) -> Option<Self> {
        let sequence = codes(config).find(|(_, code, _)| *code == SEQUENCE);
        let profile_level = sequence.and_then(|(_, _, rest)| rest.first().copied()).unwrap_or(1);
        let (_, _, layer) = codes(config).find(|(_, code, _)| matches!(*code, 0x20..=0x2f))?;
        Self::parse(layer, profile_level)
    }

    fn parse(layer: &[u8], profile_level: u8) -> Option<Self> {
        let mut bits = BitReader::new(layer);
        bits.skip(9)?;
        let mut version = 1;
        if bits.bit()? {
            version = bits.bits(4)?;
            bits.skip(3)?;
        }
        if bits.bits(4)? == 15 {
            bits.skip(16)?;
        }
        let mut low_delay = true;
        if bits.bit()? {
            bits.skip(2)?;
            low_delay = bits.bit()?;
            if bits.bit()? {
                bits.skip(79)?;
            }
        }
        let shape = bits.bits(2)?;
        if shape == 3 && version != 1 {
            bits.skip(4)?;
        }
        bits.skip(1)?;
        let resolution = bits.bits(16).filter(|resolution| *resolution > 0)?;
        bits.skip(1)?;
        if bits.bit()? {
            bits.skip((u32::BITS - (resolution - 1).leading_zeros()).max(1) as usize)?;
        }
        // Only a rectangle has a size here.
        if shape != 0 {
            return None;
        }
        bits.skip(1)?;
        let width = bits.bits(13)?;
        bits.skip(1)?;
        let height = bits.bits(13)?;
        (width > 0 && height > 0).then_some(Self { profile_level, width, height, low_delay })
    }

    #[must_use]
    pub fn info(&self) -> VideoInfo {
        let level = self.profile_level & 15;
        let profile = match self.profile_level >> 4 {
            0 => format!("Simple {level}"),
            15 => format!("Advanced Simple {level}"),
            _ => format!("Profile {:02X}", self.profile_level),
        };
        // RFC 6381, 3.3: object type 20 in hexadecimal, then the profile and level.
        let codec_string = format!("mp4v.20.{}", self.profile_level);
        let mut info = described(self.width, self.height, profile, codec_string);
        info.reorder_frames = !self.low_delay;
        info
    }
}
