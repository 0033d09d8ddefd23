//! What the sequence parameter sets of H.264 and H.265 have in common.

use crate::bits::BitReader;

/// No level goes further; more is a damaged set.
const MAX_SIDE: u32 = 16_384;

/// Samples of a line, and lines, that one unit of cropping takes off (table
/// 6-1 of both standards).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CropUnit {
    pub x: u32,
    pub y: u32,
}

impl CropUnit {
    /// From `chroma_format_idc`.
    pub fn of_chroma(format: u32) -> Option<Self> {
        match format {
            1 => Some(Self { x: 2, y: 2 }),
            2 => Some(Self { x: 2, y: 1 }),
            0 | 3 => Some(Self { x: 1, y: 1 }),
            _ => None,
        }
    }
}

/// Reads the cropping, if there is any, and takes it off the size. `None` for
/// a picture that cannot be.
pub fn cropped(bits: &mut BitReader<'_>, coded: (u32, u32), unit: CropUnit) -> Option<(u32, u32)> {
    let (mut width, mut height) = coded;
    if bits.bit()? {
        let cut = [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?];
        width = width.checked_sub(cut[0].checked_add(cut[1])?.checked_mul(unit.x)?)?;
        height = height.checked_sub(cut[2].checked_add(cut[3])?.checked_mul(unit.y)?)?;
    }
    let sane = (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height);
    sane.then_some((width, height))
}

/// The usability information up to the chroma samples' place: how to show the
/// picture, which nobody here asks for (H.264 section E.1.1, H.265 E.2.1).
pub fn skip_display(bits: &mut BitReader<'_>) -> Option<()> {
    if bits.bit()? && bits.bits(8)? == 255 {
        bits.skip(32)?;
    }
    if bits.bit()? {
        bits.bit()?;
    }
    if bits.bit()? {
        bits.skip(4)?;
        if bits.bit()? {
            bits.skip(24)?;
        }
    }
    if bits.bit()? {
        bits.ue()?;
        bits.ue()?;
    }
    Some(())
}

/// Frames a second, where the numbers make sense for a camera.
pub fn frame_rate(time_scale: u32, units: u32) -> Option<f32> {
    if units == 0 {
        return None;
    }
    let fps = f64::from(time_scale) / f64::from(units);
    // A float holds any such rate closely enough to show it.
    (0.1..=300.0).contains(&fps).then_some(fps as f32)
}
