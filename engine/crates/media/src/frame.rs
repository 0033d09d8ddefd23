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
    Av1,
    Vp8,
    Vp9,
    /// Motion JPEG.
    Jpeg,
    /// MPEG-4 part 2.
    Mpeg4,
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
            "AV1" => Self::Av1,
            "VP8" => Self::Vp8,
            "VP9" => Self::Vp9,
            "JPEG" => Self::Jpeg,
            "MP4V-ES" => Self::Mpeg4,
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
            Self::Av1 => "av1",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::Jpeg => "mjpeg",
            Self::Mpeg4 => "mpeg4",
            Self::Aac => "aac",
            Self::Pcma => "pcma",
            Self::Pcmu => "pcmu",
            Self::Opus => "opus",
            Self::Other(name) => name,
        }
    }

    /// The name in an SDP `rtpmap` (RFC 6184, 7798, 7741, 9628, 2435, 6416,
    /// 3640, 3551, 7587; "RTP Payload Format For AV1" of AOMedia).
    #[must_use]
    pub fn rtpmap(&self) -> &str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Jpeg => "JPEG",
            Self::Mpeg4 => "MP4V-ES",
            Self::Aac => "mpeg4-generic",
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::Opus => "opus",
            Self::Other(name) => name,
        }
    }

    #[must_use]
    pub fn is_video(&self) -> bool {
        matches!(self, Self::H264 | Self::H265 | Self::Av1 | Self::Vp8 | Self::Vp9 | Self::Jpeg | Self::Mpeg4)
    }

    /// Whether its frames are NAL units with 4-byte lengths.
    #[must_use]
    pub fn has_nals(&self) -> bool {
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

impl Track {
    /// A stream's only video, of which no more is known yet. RTP of every codec
    /// of video counts 90,000 ticks a second.
    #[must_use]
    pub fn video(codec: Codec) -> Self {
        Self { id: 0, kind: TrackKind::Video, codec, clock_rate: 90_000, channels: 0, fmtp: String::new() }
    }
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
/// Bytes of H.264 and H.265 are NAL units, each with a 4-byte big-endian
/// length; of AV1 a temporal unit in low-overhead format, each unit with its
/// size, without delimiters; of VP8 a frame; of VP9 a frame or superframe; of
/// Motion JPEG a whole file; of MPEG-4 part 2 a VOP and the headers in front of
/// it; of audio one codec frame (AAC without ADTS header).
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
    /// The NAL units of a frame of H.264 or H.265, without their lengths. Stops at the
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
        let video = [Codec::H264, Codec::H265, Codec::Av1, Codec::Vp8, Codec::Vp9, Codec::Jpeg, Codec::Mpeg4];
        let audio = [Codec::Aac, Codec::Pcma, Codec::Pcmu, Codec::Opus];
        for (codec, is_video) in video.iter().map(|codec| (codec, true)).chain(audio.iter().map(|codec| (codec, false)))
        {
            assert_eq!(Codec::from_rtpmap(&codec.rtpmap().to_lowercase()), *codec);
            assert_eq!(codec.is_video(), is_video, "{}", codec.name());
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
