//! Boxes of ISO/IEC 14496-12, wherever they lie.

use super::FileError;
use super::window::Window;

/// A box of a file, by where its contents lie.
pub struct BoxAt {
    pub name: [u8; 4],
    pub contents: u64,
    pub end: u64,
}

/// The box at `at`; `None` at the end of the file.
pub fn box_at(file: &mut Window, at: u64) -> Result<Option<BoxAt>, FileError> {
    let len = file.len();
    let head = file.up_to(at, 16)?;
    if head.is_empty() {
        return Ok(None);
    }
    let cut = FileError::Broken { at, what: "a box is cut short" };
    let Some((name, header, size)) = head_of(head) else { return Err(cut) };
    // Without a size it goes on to the end.
    let size = if size == 0 { len - at } else { size };
    let end = at.checked_add(size).filter(|end| size >= header as u64 && *end <= len).ok_or(cut)?;
    Ok(Some(BoxAt { name, contents: at + header as u64, end }))
}

/// Name, length of the header, and size of a box, 0 where it is not told.
fn head_of(head: &[u8]) -> Option<([u8; 4], usize, u64)> {
    let size = u32_at(head, 0)?;
    let name = head.get(4..8)?.try_into().ok()?;
    match size {
        1 => Some((name, 16, u64::from_be_bytes(head.get(8..16)?.try_into().ok()?))),
        size => Some((name, 8, u64::from(size))),
    }
}

/// The boxes inside `data`, by name, with their contents. What is cut short
/// ends the list.
pub fn children(data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (name, header, size) = head_of(rest)?;
        let size = if size == 0 { rest.len() } else { usize::try_from(size).ok()? };
        let (own, after) = rest.split_at_checked(size)?;
        rest = after;
        Some((name, own.get(header..)?))
    })
}

/// The contents of the first box along `path`.
pub fn find<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, name| children(data).find(|(found, _)| found == *name).map(|(_, inside)| inside))
}

pub fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

pub fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

pub fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
