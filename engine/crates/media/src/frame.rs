//! The frame: one access unit, shared by reference from camera to viewer.

use bytes::Bytes;

/// What kind of track a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    Video,
    Audio,
    Metadata,
}

/// A codec this engine knows by name; `Other` keeps the camera's own word so
/// that an operator can read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    H264,
    H265,
    Aac,
    Pcma,
    Pcmu,
    Opus,
    Other(String),
}

impl Codec {
    /// The codec of an SDP `rtpmap` encoding name, in any case.
    #[must_use]
    pub fn from_rtpmap(name: &str) -> Self {
        match name.trim().to_ascii_uppercase().as_str() {
            "H264" => Self::H264,
            "H265" | "HEVC" => Self::H265,
            "MPEG4-GENERIC" => Self::Aac,
            "PCMA" => Self::Pcma,
            "PCMU" => Self::Pcmu,
            "OPUS" => Self::Opus,
            _ => Self::Other(name.trim().to_owned()),
        }
    }

    /// The name shown to people and in the API.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Aac => "aac",
            Self::Pcma => "pcma",
            Self::Pcmu => "pcmu",
            Self::Opus => "opus",
            Self::Other(name) => name,
        }
    }

    /// The name in an SDP `rtpmap` (RFC 6184, 7798, 3640, 3551, 7587).
    #[must_use]
    pub fn rtpmap(&self) -> &str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Aac => "mpeg4-generic",
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::Opus => "opus",
            Self::Other(name) => name,
        }
    }

    #[must_use]
    pub fn is_video(&self) -> bool {
        matches!(self, Self::H264 | Self::H265)
    }
}

/// One track of a stream, as described by its publisher.
///
/// `fmtp` is the codec's `a=fmtp` value without the payload type, rebuilt from
/// in-band parameter sets where they are known, so that servers can describe
/// the track without the camera's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    pub id: u8,
    pub kind: TrackKind,
    pub codec: Codec,
    /// Ticks a second of `dts`, `pts` and of the track's RTP time.
    pub clock_rate: u32,
    /// 0 for video.
    pub channels: u8,
    pub fmtp: String,
}

/// When a frame was taken, on the server's clock.
///
/// The bound is the largest error the server can vouch for; `None` where the
/// operating system's clock is not synchronised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    pub utc_us: i64,
    pub error_us: Option<u32>,
}

/// One access unit.
///
/// Video bytes are NAL units, each with a 4-byte big-endian length; audio
/// bytes are one codec frame (AAC without ADTS header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub track: u8,
    pub kind: TrackKind,
    pub codec: Codec,
    /// The publisher's epoch: it changes at each reconnect and clock step.
    pub epoch: u64,
    /// Counts all frames of the publisher's epoch from 0.
    pub number: u64,
    pub key: bool,
    /// Frames before this one were lost.
    pub discontinuity: bool,
    /// Decode time in the track's own clock rate, extended to 64 bits.
    pub dts: i64,
    /// Presentation time in the track's own clock rate, extended to 64 bits.
    pub pts: i64,
    pub timing: Timing,
    pub data: Bytes,
}

impl Frame {
    /// The NAL units of a video frame, without their lengths. Stops at the
    /// first length that does not fit.
    pub fn nals(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut rest = self.data.clone();
        std::iter::from_fn(move || {
            if rest.len() < 4 {
                return None;
            }
            let len = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            if len == 0 || len > rest.len() - 4 {
                return None;
            }
            let nal = rest.slice(4..4 + len);
            rest = rest.slice(4 + len..);
            Some(nal)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_keep_their_names_through_sdp() {
        for codec in [Codec::H264, Codec::H265, Codec::Aac, Codec::Pcma, Codec::Pcmu, Codec::Opus] {
            assert_eq!(Codec::from_rtpmap(&codec.rtpmap().to_lowercase()), codec);
            assert_eq!(codec.is_video(), matches!(codec.name(), "h264" | "h265"));
        }
        let unknown = Codec::from_rtpmap(" X-SMART ");
        assert_eq!((unknown.name(), unknown.rtpmap()), ("X-SMART", "X-SMART"));
        assert_eq!(Codec::from_rtpmap("HEVC"), Codec::H265);
        assert_eq!(Codec::Aac.name(), "aac");
    }

    #[test]
    fn a_frame_yields_its_nal_units_as_far_as_lengths_fit() {
        let mut frame = Frame {
            track: 0,
            kind: TrackKind::Video,
            codec: Codec::H264,
            epoch: 0,
            number: 0,
            key: true,
            discontinuity: false,
            dts: 0,
            pts: 0,
            timing: Timing::default(),
            data: Bytes::from_static(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41, 0, 0, 0, 9, 1]),
        };
        let nals: Vec<_> = frame.nals().collect();
        assert_eq!(nals, [&[0x65u8, 1][..], &[0x41]]);
        frame.data = Bytes::from_static(&[0, 0]);
        assert_eq!(frame.nals().count(), 0);
    }
}
