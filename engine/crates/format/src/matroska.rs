//! As much of Matroska (RFC 9559) as an export needs: blocks in their order,
//! and one attachment.

use std::ops::Range;

use crate::FormatError;
use crate::source::{self, Source, Window};

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const SIMPLE_BLOCK: u32 = 0xa3;
const ATTACHMENTS: u32 = 0x1941_a469;
const ATTACHED: u32 = 0x61a7;
const ATTACHED_NAME: u32 = 0x466e;
const ATTACHED_DATA: u32 = 0x465c;

/// What a Matroska file begins with: the EBML element.
pub const MAGIC: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// One frame of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub track: u64,
    pub data: Range<u64>,
}

/// What an export in Matroska holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub blocks: Vec<Block>,
    /// Attached files: name, and where the bytes lie.
    pub attached: Vec<(String, Range<u64>)>,
}

/// Walks over a whole file. Frames must not be laced.
pub fn read(source: &dyn Source) -> Result<Contents, FormatError> {
    let mut window = Window::new(source);
    let mut found = Contents::default();
    let mut name = String::new();
    let mut at = 0;
    let end = source.len();
    while at < end {
        let (id, body) = number(&mut window, at, end, true)?;
        let (size, body) = number(&mut window, body, end, false)?;
        let stop = body.checked_add(size).filter(|&stop| stop <= end);
        let stop = stop.ok_or(FormatError::Short { what: "a Matroska element" })?;
        at = stop;
        match u32::try_from(id).unwrap_or(0) {
            // What holds others is walked into.
            SEGMENT | CLUSTER | BLOCK_GROUP | ATTACHMENTS | ATTACHED => at = body,
            SIMPLE_BLOCK | BLOCK => found.blocks.push(block(&mut window, body, stop)?),
            ATTACHED_NAME => {
                let bytes = source::read(source, body, stop - body, 4096, "a file's name")?;
                name = String::from_utf8(bytes).map_err(|_| FormatError::Text { what: "a file's name" })?;
            }
            ATTACHED_DATA => found.attached.push((std::mem::take(&mut name), body..stop)),
            _ => {}
        }
    }
    Ok(found)
}

fn block(window: &mut Window<'_>, body: u64, stop: u64) -> Result<Block, FormatError> {
    let (track, at) = number(window, body, stop, false)?;
    // Two bytes of time, one of flags; two bits of these say how it is laced.
    let flags = window.up_to(at, 3)?.get(2).copied().filter(|_| at + 3 <= stop);
    match flags {
        Some(flags) if flags & 0x06 == 0 => Ok(Block { track, data: at + 3..stop }),
        Some(flags) => Err(FormatError::Value { what: "lacing", value: flags.into() }),
        None => Err(FormatError::Short { what: "a Matroska block" }),
    }
}

/// A number of variable length (RFC 8794, 4), with or without its mark, and
/// where it ends.
fn number(window: &mut Window<'_>, at: u64, end: u64, marked: bool) -> Result<(u64, u64), FormatError> {
    const SHORT: FormatError = FormatError::Short { what: "a Matroska element" };
    let bytes = window.up_to(at, 8)?;
    let first = *bytes.first().ok_or(SHORT)?;
    let len = first.leading_zeros() as usize + 1;
    if len > 8 || len > bytes.len() || at + len as u64 > end {
        return Err(SHORT);
    }
    let value = bytes[..len].iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    let value = if marked { value } else { value & ((1 << (7 * len)) - 1) };
    Ok((value, at + len as u64))
}
