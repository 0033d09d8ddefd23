//! Parameter sets: remembering the latest, reading size, rate and profile out
//! of them, and their form in SDP.
//!
//! In-band sets are trusted over those of the SDP, which cameras get wrong.

mod common;
mod h264;
mod h265;

use bytes::Bytes;

use crate::nal::{Kind, kind};
use crate::{Codec, annexb, base64, bitstream};

pub(crate) use h264::Sps as H264Sps;
pub use h265::scaling_lists_at;

/// What the parameter sets say about the video.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoInfo {
    pub width: u32,
    pub height: u32,
    /// `None` where the camera does not say, or says nonsense.
    pub fps: Option<f32>,
    /// For people: "High 4.0".
    pub profile: String,
    /// For players: "avc1.640028", "hvc1.1.6.L93.B0".
    pub codec_string: String,
    /// H.264 only; zero for H.265.
    pub profile_level_id: [u8; 3],
    /// The stream declares that pictures are shown in another order than they
    /// are decoded in (B-frames). One that declares nothing counts as having
    /// none, until the depacketiser has seen some.
    pub reorder_frames: bool,
}

/// The latest parameter sets of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterSets {
    pub vps: Option<Bytes>,
    pub sps: Option<Bytes>,
    pub pps: Option<Bytes>,
    /// Of a codec without NAL units: the stream's head ([`crate::bitstream`]).
    pub head: Option<Bytes>,
}

impl ParameterSets {
    /// Remembers `nal` if it is a parameter set; true if that changed
    /// anything.
    pub fn update(&mut self, codec: &Codec, nal: &Bytes) -> bool {
        let slot = match kind(codec, nal) {
            Kind::Vps => &mut self.vps,
            Kind::Sps => &mut self.sps,
            Kind::Pps => {
                // A stream may hold several; the one with the lowest number
                // is kept, so that they don't replace each other for ever.
                let held = self.pps.as_deref().map(|held| pps_id(codec, held));
                if held.is_some_and(|held| pps_id(codec, nal) > held) {
                    return false;
                }
                &mut self.pps
            }
            _ => return false,
        };
        if slot.as_ref() == Some(nal) {
            return false;
        }
        *slot = Some(nal.clone());
        true
    }

    /// Takes what a key frame says of its stream; true if that changed
    /// anything.
    pub fn learn(&mut self, codec: &Codec, data: &Bytes) -> bool {
        if !codec.has_nals() {
            return bitstream::head(codec, data).is_some_and(|head| self.learn_head(head));
        }
        let mut changed = false;
        for nal in annexb::nals(data) {
            changed |= self.update(codec, &data.slice_ref(nal));
        }
        changed
    }

    /// Remembers a head; true if it is another.
    pub fn learn_head(&mut self, head: Vec<u8>) -> bool {
        let changed = self.head.as_deref() != Some(&head);
        if changed {
            self.head = Some(head.into());
        }
        changed
    }

    /// True when a decoder could start with these.
    #[must_use]
    pub fn complete(&self, codec: &Codec) -> bool {
        if !codec.has_nals() {
            return self.head.is_some();
        }
        self.sps.is_some() && self.pps.is_some() && (*codec != Codec::H265 || self.vps.is_some())
    }

    /// The sets in the order they are sent in.
    pub fn in_order(&self) -> impl Iterator<Item = &Bytes> {
        [&self.vps, &self.sps, &self.pps].into_iter().flatten()
    }

    #[must_use]
    pub fn info(&self, codec: &Codec) -> Option<VideoInfo> {
        if !codec.has_nals() {
            return bitstream::info(codec, self.head.as_deref()?);
        }
        let sps = self.sps.as_deref()?;
        match codec {
            Codec::H264 => h264::Sps::parse(sps).map(|sps| sps.info()),
            Codec::H265 => h265::info(sps, self.vps.as_deref()),
            _ => None,
        }
    }

    /// The value of `a=fmtp` without the payload type.
    #[must_use]
    pub fn fmtp(&self, codec: &Codec) -> String {
        let encode = |set: &Option<Bytes>| set.as_deref().map(base64::encode);
        let mut parts = Vec::new();
        match codec {
            Codec::H264 => {
                parts.push("packetization-mode=1".to_owned());
                if let Some([_, a, b, c, ..]) = self.sps.as_deref() {
                    parts.push(format!("profile-level-id={a:02x}{b:02x}{c:02x}"));
                }
                if let (Some(sps), Some(pps)) = (encode(&self.sps), encode(&self.pps)) {
                    parts.push(format!("sprop-parameter-sets={sps},{pps}"));
                }
            }
            Codec::H265 => {
                for (name, set) in [("vps", &self.vps), ("sps", &self.sps), ("pps", &self.pps)] {
                    if let Some(set) = encode(set) {
                        parts.push(format!("sprop-{name}={set}"));
                    }
                }
            }
            _ => parts.extend(self.head.as_deref().and_then(|head| head_fmtp(codec, head))),
        }
        parts.join(";")
    }

    /// Reads the sets of an `a=fmtp` value, with or without the payload type.
    ///
    /// Cameras write start codes, extra bytes and plain nonsense there: what
    /// can't be read is left out, and comes in band.
    #[must_use]
    pub fn from_fmtp(codec: &Codec, fmtp: &str) -> Self {
        let mut sets = Self::default();
        for (name, value) in parameters(fmtp) {
            if *codec == Codec::Mpeg4 && name == "config" {
                sets.head =
                    unhex(value).filter(|config| bitstream::mpeg4::Layer::of_config(config).is_some()).map(Bytes::from);
            }
            let wanted = match codec {
                Codec::H264 => name == "sprop-parameter-sets",
                Codec::H265 => matches!(name.as_str(), "sprop-vps" | "sprop-sps" | "sprop-pps"),
                _ => false,
            };
            if !wanted {
                continue;
            }
            for set in value.split(',').filter_map(base64::decode) {
                for nal in annexb::split(&set) {
                    sets.take_sprop(codec, nal);
                }
            }
        }
        sets
    }

    fn take_sprop(&mut self, codec: &Codec, nal: &[u8]) {
        let readable = match (codec, kind(codec, nal)) {
            (Codec::H264, Kind::Sps) => h264::Sps::parse(nal).is_some(),
            (Codec::H265, Kind::Sps) => h265::info(nal, None).is_some(),
            _ => true,
        };
        if readable {
            self.update(codec, &Bytes::copy_from_slice(nal));
        }
    }
}

/// What a description says of a codec without NAL units ("RTP Payload Format
/// For AV1", 7.2.1; RFC 9628, 6; RFC 6416, 7.1).
fn head_fmtp(codec: &Codec, head: &[u8]) -> Option<String> {
    match codec {
        Codec::Av1 => bitstream::av1::Sequence::of_obu(head).map(|sequence| {
            format!("profile={};level-idx={};tier={}", sequence.profile, sequence.level, u8::from(sequence.high_tier))
        }),
        Codec::Vp9 => bitstream::vp9::Head::from_bytes(head).map(|head| format!("profile-id={}", head.profile)),
        Codec::Mpeg4 => bitstream::mpeg4::Layer::of_config(head).map(|layer| {
            let config: String = head.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("profile-level-id={};config={config}", layer.profile_level)
        }),
        _ => None,
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}

/// The name=value pairs of an `a=fmtp` value; names in lower case.
pub(crate) fn parameters(fmtp: &str) -> impl Iterator<Item = (String, &str)> {
    let fmtp = fmtp.trim();
    // A payload type in front is passed over.
    let rest = fmtp.trim_start_matches(|c: char| c.is_ascii_digit());
    let body = if rest.len() < fmtp.len() && (rest.is_empty() || rest.starts_with(' ')) { rest } else { fmtp };
    body.split(';').filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        Some((name.trim().to_ascii_lowercase(), value))
    })
}

/// The number of a picture parameter set; the highest for an unreadable one.
fn pps_id(codec: &Codec, nal: &[u8]) -> u32 {
    let header = if *codec == Codec::H265 { 2 } else { 1 };
    let rbsp = crate::bits::unescape(nal.get(header..).unwrap_or_default());
    crate::bits::BitReader::new(&rbsp).ue().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
