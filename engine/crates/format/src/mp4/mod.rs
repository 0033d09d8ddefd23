//! Boxes of ISO/IEC 14496-12, as far as the format uses them.

pub mod export;
pub mod init;
pub mod moof;
mod pictures;
pub mod walk;

pub(crate) use pictures::visual_config;

use crate::wire::Put;

/// The types of `uuid` boxes.
pub mod uuid {
    const fn of(last: u8) -> [u8; 16] {
        [0xa7, 0xb3, 0xf0, 0xc2, 0x5d, 0x1e, 0x4e, 0x8a, 0x9c, 0x46, 0x76, 0xd1, 0x7f, 0x6e, 0x6b, last]
    }

    /// A FRAGMENT record, before its `moof`.
    pub const FRAGMENT: [u8; 16] = of(1);
    /// The HEADER record of the part's index, in `moov`.
    pub const HEADER: [u8; 16] = of(2);
    /// A DATAKEY record, in an encrypted part.
    pub const DATAKEY: [u8; 16] = of(3);
    /// An encrypted fragment.
    pub const ENCRYPTED: [u8; 16] = of(4);
    /// The manifest of an export.
    pub const MANIFEST: [u8; 16] = of(5);
}

/// Writes a box: its size is set once its contents are there.
pub(crate) fn boxed(out: &mut Vec<u8>, name: &[u8; 4], contents: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.put_u32(0);
    out.put(name);
    contents(out);
    let size = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

/// A box with version and flags.
pub(crate) fn full(out: &mut Vec<u8>, name: &[u8; 4], version: u8, flags: u32, contents: impl FnOnce(&mut Vec<u8>)) {
    boxed(out, name, |out| {
        out.put_u32(u32::from(version) << 24 | flags);
        contents(out);
    });
}

/// A `uuid` box around `data`.
#[must_use]
pub fn uuid_box(kind: &[u8; 16], data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + data.len());
    boxed(&mut out, b"uuid", |out| {
        out.put(kind);
        out.put(data);
    });
    out
}
