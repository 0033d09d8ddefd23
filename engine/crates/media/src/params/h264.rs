//! The H.264 sequence parameter set (ITU-T H.264 section 7.3.2.1).

use super::VideoInfo;
use super::common::{CropUnit, cropped, frame_rate, skip_display};
use crate::bits::{BitReader, unescape};

/// The fields of a sequence parameter set that anyone here asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Sps {
    pub profile_level_id: [u8; 3],
    pub width: u32,
    pub height: u32,
    pub frame_mbs_only: bool,
    pub fps: Option<f32>,
    /// `None` where the stream does not say.
    pub max_reorder: Option<u32>,
}

#[derive(Default)]
struct Vui {
    fps: Option<f32>,
    max_reorder: Option<u32>,
}

impl Sps {
    /// Reads a set from its NAL unit; bytes after its end don't matter.
    pub fn parse(nal: &[u8]) -> Option<Self> {
        let rbsp = unescape(nal.get(1..)?);
        let mut bits = BitReader::new(&rbsp);
        let profile = bits.bits(8)? as u8;
        let constraints = bits.bits(8)? as u8;
        let level = bits.bits(8)? as u8;
        bits.ue()?;
        let mut crop = CropUnit { x: 2, y: 2 };
        if has_chroma_info(profile) {
            crop = chroma_info(&mut bits)?;
        }
        bits.ue()?; // log2_max_frame_num
        let order_kind = order_count(&mut bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.bit()?;
        let columns = bits.ue()?.checked_add(1)?;
        let rows = bits.ue()?.checked_add(1)?;
        let frame_mbs_only = bits.bit()?;
        if !frame_mbs_only {
            bits.bit()?;
            crop.y *= 2;
        }
        bits.bit()?;
        let field_factor = if frame_mbs_only { 1 } else { 2 };
        let coded = (columns.checked_mul(16)?, rows.checked_mul(16 * field_factor)?);
        let (width, height) = cropped(&mut bits, coded, crop)?;
        // A cut-off VUI is no reason to refuse a picture of known size.
        let vui = match bits.bit() {
            Some(true) => vui(&mut bits),
            _ => Vui::default(),
        };
        let never_reorders = profile == 66 || order_kind == 2;
        Some(Self {
            profile_level_id: [profile, constraints, level],
            width,
            height,
            frame_mbs_only,
            fps: vui.fps,
            max_reorder: if never_reorders { Some(0) } else { vui.max_reorder },
        })
    }

    pub fn info(&self) -> VideoInfo {
        let [profile, constraints, level] = self.profile_level_id;
        VideoInfo {
            width: self.width,
            height: self.height,
            fps: self.fps,
            profile: format!("{} {}.{}", profile_name(profile, constraints), level / 10, level % 10),
            codec_string: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
            profile_level_id: self.profile_level_id,
            reorder_frames: self.max_reorder.unwrap_or(0) > 0,
        }
    }
}

fn profile_name(profile: u8, constraints: u8) -> String {
    let name = match profile {
        66 if constraints & 0x40 != 0 => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 => "High",
        110 => "High 10",
        122 => "High 4:2:2",
        244 => "High 4:4:4",
        _ => return format!("Profile {profile}"),
    };
    name.to_owned()
}

fn has_chroma_info(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

fn chroma_info(bits: &mut BitReader<'_>) -> Option<CropUnit> {
    let format = bits.ue()?;
    if format == 3 {
        bits.bit()?;
    }
    bits.ue()?;
    bits.ue()?;
    bits.bit()?;
    if bits.bit()? {
        for index in 0..if format == 3 { 12 } else { 8 } {
            if bits.bit()? {
                scaling_list(bits, if index < 6 { 16 } else { 64 })?;
            }
        }
    }
    CropUnit::of_chroma(format)
}

fn scaling_list(bits: &mut BitReader<'_>, size: usize) -> Option<()> {
    let mut last = 8i32;
    let mut next = 8i32;
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(bits.se()?) & 0xff;
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn order_count(bits: &mut BitReader<'_>) -> Option<u32> {
    let kind = bits.ue()?;
    match kind {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.bit()?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    Some(kind)
}

/// Usability information, as far as it can be read.
fn vui(bits: &mut BitReader<'_>) -> Vui {
    let mut vui = Vui::default();
    // `None` says where it ended; what was read before that stays.
    let _ended = read_vui(bits, &mut vui);
    vui
}

fn read_vui(bits: &mut BitReader<'_>, vui: &mut Vui) -> Option<()> {
    skip_display(bits)?;
    if bits.bit()? {
        let units = bits.bits(32)?;
        let scale = bits.bits(32)?;
        bits.bit()?;
        // Two fields a frame.
        vui.fps = units.checked_mul(2).and_then(|units| frame_rate(scale, units));
    }
    let nal_hrd = bits.bit()?;
    if nal_hrd {
        hrd(bits)?;
    }
    let vcl_hrd = bits.bit()?;
    if vcl_hrd {
        hrd(bits)?;
    }
    if nal_hrd || vcl_hrd {
        bits.bit()?;
    }
    bits.bit()?;
    if bits.bit()? {
        bits.bit()?;
        for _ in 0..4 {
            bits.ue()?;
        }
        vui.max_reorder = Some(bits.ue()?.min(16));
    }
    Some(())
}

fn hrd(bits: &mut BitReader<'_>) -> Option<()> {
    let count = bits.ue()?.min(31);
    bits.skip(8)?;
    for _ in 0..=count {
        bits.ue()?;
        bits.ue()?;
        bits.bit()?;
    }
    bits.skip(20)
}
