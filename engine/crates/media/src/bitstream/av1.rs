//! AV1: open bitstream units (AV1 bitstream specification, 5.3 to 5.9).

use super::described;
use crate::bits::BitReader;
use crate::params::VideoInfo;

pub const SEQUENCE_HEADER: u8 = 1;
pub const TEMPORAL_DELIMITER: u8 = 2;
pub const FRAME_HEADER: u8 = 3;
pub const TILE_GROUP: u8 = 4;
pub const FRAME: u8 = 6;
pub const TILE_LIST: u8 = 8;
pub const PADDING: u8 = 15;

/// The bit that says that a unit's size follows its header.
pub const HAS_SIZE: u8 = 2;
const HAS_EXTENSION: u8 = 4;

/// One open bitstream unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    pub kind: u8,
    /// The header: one byte, or two with the extension.
    pub header: &'a [u8],
    pub body: &'a [u8],
    /// Header, size and body.
    pub whole: &'a [u8],
}

/// A value of up to 32 bits in groups of seven (4.10.5), and what follows it.
#[must_use]
pub fn leb128(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in data.iter().enumerate().take(8) {
        value |= u64::from(byte & 0x7f) << (index * 7);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()? as usize;
            return Some((value, &data[index + 1..]));
        }
    }
    None
}

pub fn put_leb128(out: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[must_use]
pub fn leb128_len(value: usize) -> usize {
    (usize::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

impl<'a> Obu<'a> {
    /// The unit that `data` begins with, and what follows it. One without a
    /// size reaches to the end.
    #[must_use]
    pub fn read(data: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let first = *data.first()?;
        if first & 0x80 != 0 {
            return None;
        }
        let header = data.get(..if first & HAS_EXTENSION == 0 { 1 } else { 2 })?;
        let rest = &data[header.len()..];
        let (body, rest) = if first & HAS_SIZE == 0 {
            (rest, &rest[rest.len()..])
        } else {
            let (size, rest) = leb128(rest)?;
            rest.split_at_checked(size)?
        };
        let whole = &data[..data.len() - rest.len()];
        Some((Self { kind: first >> 3 & 15, header, body, whole }, rest))
    }
}

/// The units of a temporal unit; ends at the first that is none.
pub fn obus(data: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (obu, next) = Obu::read(rest)?;
        rest = next;
        Some(obu)
    })
}

/// Adds a unit with its size.
pub fn put_obu(out: &mut Vec<u8>, header: &[u8], body: &[u8]) {
    out.push(header[0] | HAS_SIZE);
    out.extend_from_slice(&header[1..]);
    put_leb128(out, body.len());
    out.extend_from_slice(body);
}

/// Whether a unit is of no use to who gets a temporal unit whole: delimiters,
/// large-scale tile lists, padding.
#[must_use]
pub fn is_left_out(kind: u8) -> bool {
    matches!(kind, TEMPORAL_DELIMITER | TILE_LIST | PADDING)
}

/// A temporal unit without what [`is_left_out`], each unit with its size.
#[must_use]
pub fn bare(data: Vec<u8>) -> Vec<u8> {
    if obus(&data).all(|obu| !is_left_out(obu.kind) && obu.header[0] & HAS_SIZE != 0) {
        return data;
    }
    let mut out = Vec::with_capacity(data.len());
    for obu in obus(&data).filter(|obu| !is_left_out(obu.kind)) {
        put_obu(&mut out, obu.header, obu.body);
    }
    out
}

/// Whether the first picture of a temporal unit is a key frame that is shown.
#[must_use]
pub fn is_key(data: &[u8]) -> bool {
    // show_existing_frame 0, frame_type 0 in two bits, show_frame 1.
    first_frame(data).is_some_and(|obu| obu.body.first().is_some_and(|first| first >> 4 == 1))
}

#[must_use]
pub fn first_frame(data: &[u8]) -> Option<Obu<'_>> {
    obus(data).find(|obu| matches!(obu.kind, FRAME_HEADER | FRAME))
}

/// The sequence header OBU of a temporal unit, with its size.
#[must_use]
pub fn sequence_header(data: &[u8]) -> Option<&[u8]> {
    obus(data).find(|obu| obu.kind == SEQUENCE_HEADER && Sequence::parse(obu.body).is_some()).map(|obu| obu.whole)
}

/// What a sequence header says (5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    pub profile: u8,
    pub level: u8,
    pub high_tier: bool,
    pub width: u32,
    pub height: u32,
    pub depth: u8,
    pub monochrome: bool,
    pub subsampling_x: bool,
    pub subsampling_y: bool,
    pub sample_position: u8,
}

impl Sequence {
    #[must_use]
    pub fn of_obu(obu: &[u8]) -> Option<Self> {
        let (obu, _) = Obu::read(obu)?;
        Self::parse(obu.body)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(body);
        let profile = bits.bits(3).filter(|profile| *profile <= 2)? as u8;
        bits.bit()?;
        let reduced = bits.bit()?;
        let (level, high_tier) = if reduced { (bits.bits(5)? as u8, false) } else { operating_points(&mut bits)? };
        let (width_bits, height_bits) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
        let (width, height) = (bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1);
        if !reduced && bits.bit()? {
            bits.skip(7)?;
        }
        bits.skip(3)?;
        if !reduced {
            skip_tools(&mut bits)?;
        }
        bits.skip(3)?;
        let mut sequence = Self {
            profile,
            level,
            high_tier,
            width,
            height,
            depth: 8,
            monochrome: false,
            subsampling_x: true,
            subsampling_y: true,
            sample_position: 0,
        };
        sequence.read_colour(&mut bits)?;
        Some(sequence)
    }

    /// 5.5.2
    fn read_colour(&mut self, bits: &mut BitReader<'_>) -> Option<()> {
        if bits.bit()? {
            self.depth = if self.profile == 2 && bits.bit()? { 12 } else { 10 };
        }
        self.monochrome = self.profile != 1 && bits.bit()?;
        let colour = if bits.bit()? { [bits.bits(8)?, bits.bits(8)?, bits.bits(8)?] } else { [2, 2, 2] };
        if self.monochrome {
            return bits.skip(1);
        }
        // BT.709, sRGB, identity: RGB, which is not subsampled.
        if colour == [1, 13, 0] {
            (self.subsampling_x, self.subsampling_y) = (false, false);
            return Some(());
        }
        bits.skip(1)?;
        (self.subsampling_x, self.subsampling_y) = match (self.profile, self.depth) {
            (0, _) => (true, true),
            (1, _) => (false, false),
            (_, 12) => {
                let x = bits.bit()?;
                (x, x && bits.bit()?)
            }
            _ => (true, false),
        };
        if self.subsampling_x && self.subsampling_y {
            self.sample_position = bits.bits(2)? as u8;
        }
        Some(())
    }

    /// As playlists and browsers name it ("AV1 Codec ISO Media File Format
    /// Binding", 5).
    #[must_use]
    pub fn codec_string(&self) -> String {
        let tier = if self.high_tier { 'H' } else { 'M' };
        format!("av01.{}.{:02}{tier}.{:02}", self.profile, self.level, self.depth)
    }

    #[must_use]
    pub fn info(&self) -> VideoInfo {
        let name = ["Main", "High", "Professional"][usize::from(self.profile.min(2))];
        let profile = format!("{name} {}.{}", 2 + (self.level >> 2), self.level & 3);
        described(self.width, self.height, profile, self.codec_string())
    }
}

/// Level and tier of the first operating point; passes over timing and the
/// other points.
fn operating_points(bits: &mut BitReader<'_>) -> Option<(u8, bool)> {
    let mut delay_bits = None;
    if bits.bit()? {
        bits.skip(64)?;
        if bits.bit()? {
            bits.ue()?;
        }
        if bits.bit()? {
            delay_bits = Some(bits.bits(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let has_display_delay = bits.bit()?;
    let count = bits.bits(5)? + 1;
    let mut first = None;
    for _ in 0..count {
        bits.skip(12)?;
        let level = bits.bits(5)? as u8;
        let high_tier = level > 7 && bits.bit()?;
        if let Some(delay_bits) = delay_bits
            && bits.bit()?
        {
            bits.skip(2 * delay_bits + 1)?;
        }
        if has_display_delay && bits.bit()? {
            bits.skip(4)?;
        }
        first.get_or_insert((level, high_tier));
    }
    first
}

/// From `enable_interintra_compound` to `order_hint_bits_minus_1`.
fn skip_tools(bits: &mut BitReader<'_>) -> Option<()> {
    bits.skip(4)?;
    let order_hint = bits.bit()?;
    if order_hint {
        bits.skip(2)?;
    }
    let chosen_per_frame = bits.bit()?;
    let screen_content = chosen_per_frame || bits.bit()?;
    if screen_content && !bits.bit()? {
        bits.skip(1)?;
    }
    if order_hint {
        bits.skip(3)?;
    }
    Some(())
}
