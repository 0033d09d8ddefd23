//! The H.265 sequence parameter set (ITU-T H.265 section 7.3.2.2), with the
//! frame rate of the video parameter set where the sequence has none.

use super::VideoInfo;
use super::common::{CropUnit, cropped, frame_rate, skip_display};
use crate::bits::{BitReader, unescape};

/// What a set begins with.
struct Head {
    sub_layers: u32,
    tier: Tier,
    size: (u32, u32),
}

struct Tier {
    space: u8,
    high: bool,
    profile: u8,
    compatibility: u32,
    constraints: [u8; 6],
    level: u8,
}

/// Reads size, rate and profile. What comes after the size is read as far as
/// it goes: a maker's slip in a scaling list must not cost the picture.
pub fn info(sps: &[u8], vps: Option<&[u8]>) -> Option<VideoInfo> {
    let rbsp = unescape(sps.get(2..)?);
    let mut bits = BitReader::new(&rbsp);
    let Head { sub_layers, tier, size: (width, height) } = head(&mut bits)?;
    let mut rest = Rest::default();
    // `None` says where reading ended; what was read before that stays.
    let _ended = read_rest(&mut bits, sub_layers, &mut rest);
    let fps = rest.fps.or_else(|| vps.and_then(vps_rate));
    Some(VideoInfo {
        width,
        height,
        fps,
        profile: format!("{} {}.{}", profile_name(tier.profile), tier.level / 30, tier.level % 30 / 3),
        codec_string: codec_string(&tier),
        profile_level_id: [0; 3],
        reorder_frames: rest.max_reorder > 0,
    })
}

/// The place, in bits behind the unit's header and without emulation prevention,
/// of the flag that says whether there are scaling lists.
#[must_use]
pub fn scaling_lists_at(sps: &[u8]) -> Option<usize> {
    let rbsp = unescape(sps.get(2..)?);
    let mut bits = BitReader::new(&rbsp);
    let sub_layers = head(&mut bits)?.sub_layers;
    read_to_lists(&mut bits, sub_layers, &mut Rest::default())?;
    Some(bits.position())
}

fn head(bits: &mut BitReader<'_>) -> Option<Head> {
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.bit()?;
    let tier = profile_tier_level(bits, sub_layers)?;
    bits.ue()?;
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.bit()?;
    }
    let crop = CropUnit::of_chroma(chroma)?;
    let coded = (bits.ue()?, bits.ue()?);
    Some(Head { sub_layers, tier, size: cropped(bits, coded, crop)? })
}

fn profile_name(profile: u8) -> String {
    match profile {
        1 => "Main".to_owned(),
        2 => "Main 10".to_owned(),
        3 => "Main Still".to_owned(),
        4 => "Range Extensions".to_owned(),
        other => format!("Profile {other}"),
    }
}

/// ISO/IEC 14496-15 annex E.
fn codec_string(tier: &Tier) -> String {
    let space = match tier.space {
        0 => String::new(),
        n => char::from(b'A' + n - 1).to_string(),
    };
    let mut text = format!(
        "hvc1.{space}{}.{:X}.{}{}",
        tier.profile,
        tier.compatibility.reverse_bits(),
        if tier.high { 'H' } else { 'L' },
        tier.level
    );
    let used = tier.constraints.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    for byte in &tier.constraints[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}

fn profile_tier_level(bits: &mut BitReader<'_>, sub_layers: u32) -> Option<Tier> {
    let space = bits.bits(2)? as u8;
    let high = bits.bit()?;
    let profile = bits.bits(5)? as u8;
    let compatibility = bits.bits(32)?;
    let mut constraints = [0; 6];
    for byte in &mut constraints {
        *byte = bits.bits(8)? as u8;
    }
    let level = bits.bits(8)? as u8;
    let mut present = [(false, false); 8];
    for flags in present.iter_mut().take(sub_layers as usize) {
        *flags = (bits.bit()?, bits.bit()?);
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(Tier { space, high, profile, compatibility, constraints, level })
}

#[derive(Default)]
struct Rest {
    fps: Option<f32>,
    max_reorder: u32,
}

/// Returns how many bits tell a picture's place in the order.
fn read_to_lists(bits: &mut BitReader<'_>, sub_layers: u32, rest: &mut Rest) -> Option<u32> {
    bits.ue()?;
    bits.ue()?;
    let log2_max_order = bits.ue()?.checked_add(4)?;
    if log2_max_order > 16 {
        return None;
    }
    let first = if bits.bit()? { 0 } else { sub_layers };
    for _ in first..=sub_layers {
        bits.ue()?;
        rest.max_reorder = bits.ue()?;
        bits.ue()?;
    }
    for _ in 0..6 {
        bits.ue()?;
    }
    Some(log2_max_order)
}

fn read_rest(bits: &mut BitReader<'_>, sub_layers: u32, rest: &mut Rest) -> Option<()> {
    let log2_max_order = read_to_lists(bits, sub_layers, rest)?;
    if bits.bit()? && bits.bit()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.bit()? {
        bits.skip(8)?;
        bits.ue()?;
        bits.ue()?;
        bits.bit()?;
    }
    reference_sets(bits)?;
    if bits.bit()? {
        for _ in 0..bits.ue()?.min(32) {
            bits.skip(log2_max_order as usize + 1)?;
        }
    }
    bits.skip(2)?;
    if bits.bit()? {
        rest.fps = vui_rate(bits)?;
    }
    Some(())
}

fn scaling_lists(bits: &mut BitReader<'_>) -> Option<()> {
    for size in 0..4u32 {
        let step = if size == 3 { 3 } else { 1 };
        for _ in (0..6).step_by(step) {
            if !bits.bit()? {
                bits.ue()?;
                continue;
            }
            if size > 1 {
                bits.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se()?;
            }
        }
    }
    Some(())
}

/// Short-term reference picture sets; each may be told as a change to the one
/// before, so their sizes must be followed.
fn reference_sets(bits: &mut BitReader<'_>) -> Option<()> {
    let count = bits.ue()?;
    if count > 64 {
        return None;
    }
    let mut size = 0u32;
    for index in 0..count {
        if index > 0 && bits.bit()? {
            bits.bit()?;
            bits.ue()?;
            let mut next = 0;
            for _ in 0..=size {
                let used = bits.bit()?;
                if used || bits.bit()? {
                    next += 1;
                }
            }
            size = next;
        } else {
            let negative = bits.ue()?;
            let positive = bits.ue()?;
            if negative > 16 || positive > 16 {
                return None;
            }
            size = negative + positive;
            for _ in 0..size {
                bits.ue()?;
                bits.bit()?;
            }
        }
    }
    Some(())
}

fn vui_rate(bits: &mut BitReader<'_>) -> Option<Option<f32>> {
    skip_display(bits)?;
    bits.skip(3)?;
    if bits.bit()? {
        for _ in 0..4 {
            bits.ue()?;
        }
    }
    if !bits.bit()? {
        return Some(None);
    }
    let units = bits.bits(32)?;
    let scale = bits.bits(32)?;
    Some(frame_rate(scale, units))
}

/// The frame rate of a video parameter set.
fn vps_rate(vps: &[u8]) -> Option<f32> {
    let rbsp = unescape(vps.get(2..)?);
    let mut bits = BitReader::new(&rbsp);
    bits.skip(12)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(17)?;
    profile_tier_level(&mut bits, sub_layers)?;
    let first = if bits.bit()? { 0 } else { sub_layers };
    for _ in first..=sub_layers {
        bits.ue()?;
        bits.ue()?;
        bits.ue()?;
    }
    let layers = bits.bits(6)? as usize + 1;
    let sets = bits.ue()?.min(1023) as usize;
    bits.skip(sets * layers)?;
    if !bits.bit()? {
        return None;
    }
    let units = bits.bits(32)?;
    let scale = bits.bits(32)?;
    frame_rate(scale, units)
}
