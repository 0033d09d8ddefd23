//! `ftyp` and `moov`: what a player must know before the first fragment.

use vms_media::Codec;
use vms_media::bits::{BitReader, unescape};

use super::{boxed, full, pictures, uuid, uuid_box};
use crate::track::TrackConfig;
use crate::wire::Put;

/// Where the parameter sets of video stand (ISO/IEC 14496-15, 5.4.2.1 and 8.4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sets {
    /// In the samples, and they may change with each key frame.
    InSamples,
    /// Here, all of them: what players of HLS take.
    InEntry,
}

/// The beginning of a video file; `header` is the HEADER record of its index.
#[must_use]
pub fn init(tracks: &[TrackConfig], header: &[u8]) -> Vec<u8> {
    movie(tracks, Sets::InSamples, |out| {
        boxed(out, b"udta", |out| out.put(&uuid_box(&uuid::HEADER, header)));
    })
}

/// What a player of live video must know before the first fragment. It holds
/// until the parameter sets change.
#[must_use]
pub fn live(tracks: &[TrackConfig]) -> Vec<u8> {
    movie(tracks, Sets::InEntry, |_| {})
}

fn movie(tracks: &[TrackConfig], sets: Sets, rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    boxed(&mut out, b"ftyp", |out| {
        out.put(b"iso6");
        out.put_u32(0);
        out.put(b"iso6mp42cmfc");
    });
    boxed(&mut out, b"moov", |out| {
        movie_header(out, tracks);
        tracks.iter().for_each(|track| track_box(out, track, sets));
        boxed(out, b"mvex", |out| tracks.iter().for_each(|track| extends(out, track)));
        rest(out);
    });
    out
}

fn unity_matrix(out: &mut Vec<u8>) {
    for value in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] {
        out.put_u32(value);
    }
}

fn zeros(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, 0);
}

fn movie_header(out: &mut Vec<u8>, tracks: &[TrackConfig]) {
    full(out, b"mvhd", 0, 0, |out| {
        zeros(out, 8);
        out.put_u32(1000);
        out.put_u32(0);
        out.put_u32(0x1_0000);
        out.put_u16(0x100);
        zeros(out, 10);
        unity_matrix(out);
        zeros(out, 24);
        out.put_u32(tracks.iter().map(|track| u32::from(track.id)).max().unwrap_or(0) + 1);
    });
}

fn track_box(out: &mut Vec<u8>, track: &TrackConfig, sets: Sets) {
    boxed(out, b"trak", |out| {
        full(out, b"tkhd", 0, 3, |out| {
            zeros(out, 8);
            out.put_u32(track.id.into());
            zeros(out, 16);
            out.put_u32(0);
            out.put_u16(if track.is_video() { 0 } else { 0x100 });
            zeros(out, 2);
            unity_matrix(out);
            out.put_u32(u32::from(track.width) << 16);
            out.put_u32(u32::from(track.height) << 16);
        });
        boxed(out, b"mdia", |out| media(out, track, sets));
    });
}

fn media(out: &mut Vec<u8>, track: &TrackConfig, sets: Sets) {
    full(out, b"mdhd", 0, 0, |out| {
        zeros(out, 8);
        out.put_u32(track.timescale);
        out.put_u32(0);
        out.put_u16(0x55c4); // "und", three letters of 5 bits
        out.put_u16(0);
    });
    full(out, b"hdlr", 0, 0, |out| {
        out.put_u32(0);
        out.put(if track.is_video() { b"vide" } else { b"soun" });
        zeros(out, 12);
        out.put(if track.is_video() { b"video\0" } else { b"audio\0" });
    });
    boxed(out, b"minf", |out| {
        if track.is_video() {
            full(out, b"vmhd", 0, 1, |out| zeros(out, 8));
        } else {
            full(out, b"smhd", 0, 0, |out| zeros(out, 4));
        }
        boxed(out, b"dinf", |out| {
            full(out, b"dref", 0, 0, |out| {
                out.put_u32(1);
                full(out, b"url ", 0, 1, |_| {});
            });
        });
        boxed(out, b"stbl", |out| sample_table(out, track, sets));
    });
}

/// A description; the counts of samples stay empty, they are in fragments.
fn sample_table(out: &mut Vec<u8>, track: &TrackConfig, sets: Sets) {
    full(out, b"stsd", 0, 0, |out| {
        out.put_u32(1);
        match track.codec {
            Codec::H264 if sets == Sets::InEntry => visual(out, b"avc1", track, avc_config),
            Codec::H264 => visual(out, b"avc3", track, avc_config),
            Codec::H265 if sets == Sets::InEntry => visual(out, b"hvc1", track, |out, track| {
                hevc_config(out, track, ALL_SETS);
            }),
            Codec::H265 => visual(out, b"hev1", track, |out, track| hevc_config(out, track, 0)),
            Codec::Av1 => visual(out, b"av01", track, pictures::av1_config),
            Codec::Vp8 => visual(out, b"vp08", track, pictures::vp_config),
            Codec::Vp9 => visual(out, b"vp09", track, pictures::vp_config),
            Codec::Jpeg => visual(out, b"jpeg", track, |_, _| {}),
            Codec::Mpeg4 => visual(out, b"mp4v", track, pictures::visual_stream),
            Codec::Aac => audible(out, b"mp4a", track, elementary_stream),
            Codec::Opus => audible(out, b"Opus", track, opus_config),
            Codec::Pcma => audible(out, b"alaw", track, |_, _| {}),
            _ => audible(out, b"ulaw", track, |_, _| {}),
        }
    });
    full(out, b"stts", 0, 0, |out| out.put_u32(0));
    full(out, b"stsc", 0, 0, |out| out.put_u32(0));
    full(out, b"stsz", 0, 0, |out| zeros(out, 8));
    full(out, b"stco", 0, 0, |out| out.put_u32(0));
}

fn extends(out: &mut Vec<u8>, track: &TrackConfig) {
    full(out, b"trex", 0, 0, |out| {
        out.put_u32(track.id.into());
        out.put_u32(1);
        zeros(out, 12);
    });
}

fn visual(out: &mut Vec<u8>, name: &[u8; 4], track: &TrackConfig, config: impl FnOnce(&mut Vec<u8>, &TrackConfig)) {
    boxed(out, name, |out| {
        zeros(out, 6);
        out.put_u16(1);
        zeros(out, 16);
        out.put_u16(track.width);
        out.put_u16(track.height);
        out.put_u32(0x48_0000);
        out.put_u32(0x48_0000);
        out.put_u32(0);
        out.put_u16(1);
        zeros(out, 32);
        out.put_u16(24);
        out.put_u16(0xffff);
        config(out, track);
    });
}

fn audible(out: &mut Vec<u8>, name: &[u8; 4], track: &TrackConfig, config: impl FnOnce(&mut Vec<u8>, &TrackConfig)) {
    boxed(out, name, |out| {
        zeros(out, 6);
        out.put_u16(1);
        zeros(out, 8);
        out.put_u16(track.channels.into());
        out.put_u16(16);
        zeros(out, 4);
        out.put_u32(u16::try_from(track.timescale).map_or(0, |rate| u32::from(rate) << 16));
        config(out, track);
    });
}

/// Chroma format and the depths of luma and chroma.
struct Sampling {
    chroma: u8,
    luma_depth: u8,
    chroma_depth: u8,
}

const EIGHT_BIT: Sampling = Sampling { chroma: 1, luma_depth: 8, chroma_depth: 8 };

/// ISO/IEC 14496-15, 5.3.3.1.
fn avc_config(out: &mut Vec<u8>, track: &TrackConfig) {
    let sps = track.sets.sps.as_deref().filter(|sps| (4..=0xffff).contains(&sps.len()));
    let pps = track.sets.pps.as_deref().filter(|pps| pps.len() <= 0xffff);
    let [profile, constraints, level] = sps.map_or([100, 0, 40], |sps| [sps[1], sps[2], sps[3]]);
    boxed(out, b"avcC", |out| {
        out.put(&[1, profile, constraints, level, 0xff]);
        out.put_u8(0xe0 | u8::from(sps.is_some()));
        put_set(out, sps);
        out.put_u8(pps.is_some().into());
        put_set(out, pps);
        if matches!(profile, 100 | 110 | 122 | 144) {
            let sampling = sps.and_then(avc_sampling).unwrap_or(EIGHT_BIT);
            out.put(&[0xfc | sampling.chroma, 0xf8 | (sampling.luma_depth - 8), 0xf8 | (sampling.chroma_depth - 8), 0]);
        }
    });
}

fn put_set(out: &mut Vec<u8>, set: Option<&[u8]>) {
    if let Some(set) = set {
        out.put_u16(set.len() as u16);
        out.put(set);
    }
}

/// ITU-T H.264, 7.3.2.1.1, of a profile that has these fields.
fn avc_sampling(sps: &[u8]) -> Option<Sampling> {
    let rbsp = unescape(sps.get(4..)?);
    let mut bits = BitReader::new(&rbsp);
    bits.ue()?;
    depths(&mut bits)
}

fn depths(bits: &mut BitReader<'_>) -> Option<Sampling> {
    let chroma = bits.ue().filter(|&chroma| chroma <= 3)? as u8;
    if chroma == 3 {
        bits.bit()?;
    }
    read_depths(bits, chroma)
}

fn read_depths(bits: &mut BitReader<'_>, chroma: u8) -> Option<Sampling> {
    let mut depth = || bits.ue().filter(|&over| over <= 7).map(|over| over as u8 + 8);
    Some(Sampling { chroma, luma_depth: depth()?, chroma_depth: depth()? })
}

/// What `hvcC` repeats of a sequence parameter set (ITU-T H.265, 7.3.2.2).
struct HevcSet {
    layers: u8,
    nested: bool,
    /// Profile space, tier, profile, compatibility, constraints, level.
    general: [u8; 12],
    sampling: Sampling,
}

impl HevcSet {
    fn parse(sps: &[u8]) -> Option<Self> {
        let rbsp = unescape(sps.get(2..)?);
        let general = rbsp.get(1..13)?.try_into().ok()?;
        let mut bits = BitReader::new(&rbsp);
        bits.skip(4)?;
        let sub_layers = bits.bits(3)? as usize;
        let nested = bits.bit()?;
        bits.skip(96)?;
        skip_sub_layers(&mut bits, sub_layers)?;
        bits.ue()?;
        let chroma = bits.ue().filter(|&chroma| chroma <= 3)? as u8;
        if chroma == 3 {
            bits.bit()?;
        }
        bits.ue()?;
        bits.ue()?;
        if bits.bit()? {
            for _ in 0..4 {
                bits.ue()?;
            }
        }
        Some(Self { layers: sub_layers as u8 + 1, nested, general, sampling: read_depths(&mut bits, chroma)? })
    }
}

impl HevcSet {
    fn name(&self) -> String {
        let [first, compatible @ .., level] = &self.general;
        let (compatible, constraints) = compatible.split_at(4);
        let space = ["", "A", "B", "C"][usize::from(first >> 6)];
        let tier = if first & 0x20 == 0 { "L" } else { "H" };
        let flags = u32::from_be_bytes([compatible[0], compatible[1], compatible[2], compatible[3]]).reverse_bits();
        let last = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        let constraints: String = constraints[..last].iter().map(|byte| format!(".{byte:X}")).collect();
        format!("hvc1.{space}{}.{flags:X}.{tier}{level}{constraints}", first & 0x1f)
    }
}

fn skip_sub_layers(bits: &mut BitReader<'_>, count: usize) -> Option<()> {
    let mut present = [(false, false); 8];
    for flags in present.iter_mut().take(count) {
        *flags = (bits.bit()?, bits.bit()?);
    }
    if count > 0 {
        bits.skip(2 * (8 - count))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// No set of this kind is in the samples only.
const ALL_SETS: u8 = 0x80;

/// ISO/IEC 14496-15, 8.3.3.1; `complete` is 0 or [`ALL_SETS`].
fn hevc_config(out: &mut Vec<u8>, track: &TrackConfig, complete: u8) {
    let unknown =
        HevcSet { layers: 1, nested: false, general: [1, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93], sampling: EIGHT_BIT };
    let set = track.sets.sps.as_deref().and_then(HevcSet::parse).unwrap_or(unknown);
    boxed(out, b"hvcC", |out| {
        out.put_u8(1);
        out.put(&set.general);
        out.put_u16(0xf000);
        out.put_u8(0xfc);
        out.put_u8(0xfc | set.sampling.chroma);
        out.put_u8(0xf8 | (set.sampling.luma_depth - 8));
        out.put_u8(0xf8 | (set.sampling.chroma_depth - 8));
        out.put_u16(0);
        out.put_u8(set.layers.min(7) << 3 | u8::from(set.nested) << 2 | 3);
        let sets = [(32, &track.sets.vps), (33, &track.sets.sps), (34, &track.sets.pps)];
        let sets: Vec<_> = sets.iter().filter_map(|(kind, set)| Some((*kind, set.as_deref()?))).collect();
        let sets: Vec<_> = sets.into_iter().filter(|(_, set)| set.len() <= 0xffff).collect();
        out.put_u8(sets.len() as u8);
        for (kind, set) in sets {
            out.put_u8(complete | kind);
            out.put_u16(1);
            put_set(out, Some(set));
        }
    });
}

/// The record that sets a decoder up: what `avcC`, `hvcC`, `av1C` or `vpcC` holds.
/// Empty for Motion JPEG and MPEG-4 part 2.
#[must_use]
pub fn decoder_config(track: &TrackConfig) -> Vec<u8> {
    let mut out = Vec::new();
    match track.codec {
        Codec::H264 => avc_config(&mut out, track),
        Codec::H265 => hevc_config(&mut out, track, ALL_SETS),
        Codec::Av1 => pictures::av1_config(&mut out, track),
        Codec::Vp8 | Codec::Vp9 => pictures::vp_config(&mut out, track),
        _ => return track.audio_config.to_vec(),
    }
    // Without the head of the box.
    out.split_off(8)
}

/// The codec by the name that browsers and playlists use (RFC 6381; ISO/IEC
/// 14496-15, annex E). Nothing where it has none, or is not known yet.
#[must_use]
pub fn codec_name(track: &TrackConfig) -> Option<String> {
    match track.codec {
        Codec::H264 => {
            let sps = track.sets.sps.as_deref().filter(|sps| sps.len() >= 4)?;
            Some(format!("avc1.{:02x}{:02x}{:02x}", sps[1], sps[2], sps[3]))
        }
        Codec::H265 => track.sets.sps.as_deref().and_then(HevcSet::parse).map(|set| set.name()),
        Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Jpeg | Codec::Mpeg4 => {
            track.sets.info(&track.codec).map(|info| info.codec_string)
        }
        Codec::Aac => Some("mp4a.40.2".to_owned()),
        Codec::Opus => Some("opus".to_owned()),
        _ => None,
    }
}

/// ISO/IEC 14496-1, 7.2.6.5: descriptors in one another, lengths of one byte.
fn elementary_stream(out: &mut Vec<u8>, track: &TrackConfig) {
    let config = &track.audio_config[..track.audio_config.len().min(64)];
    let len = config.len() as u8;
    full(out, b"esds", 0, 0, |out| {
        out.put(&[0x03, 3 + 2 + 13 + 2 + len + 3, 0, 0, 0]);
        out.put(&[0x04, 13 + 2 + len, 0x40, 0x15]);
        zeros(out, 11);
        out.put(&[0x05, len]);
        out.put(config);
        out.put(&[0x06, 1, 2]);
    });
}

/// "Encapsulation of Opus in ISO Base Media File Format", 4.3.2.
fn opus_config(out: &mut Vec<u8>, track: &TrackConfig) {
    boxed(out, b"dOps", |out| {
        out.put(&[0, track.channels]);
        out.put_u16(0);
        out.put_u32(48_000);
        out.put_u16(0);
        out.put_u8(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_of_h265_is_named_as_in_the_annex() {
        let named = |general| HevcSet { layers: 1, nested: false, general, sampling: EIGHT_BIT }.name();
        // The annex's own example, and Main 10 at a high tier.
        assert_eq!(named([1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93]), "hvc1.1.6.L93.B0");
        assert_eq!(named([0x22, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 1, 120]), "hvc1.2.4.H120.90.0.0.0.0.1");
    }
}
