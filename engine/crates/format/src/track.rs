//! The tracks of a part: which of a camera's tracks are recorded, and what a
//! player must know of each.

use bytes::Bytes;
use vms_media::{Codec, Frame, ParameterSets, Track, TrackKind};

use crate::ledger::ConfigTrack;

pub const VIDEO_TIMESCALE: u32 = 90_000;

/// One track of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackConfig {
    /// In the file: counted from 1, video first.
    pub id: u8,
    /// The camera's number of it, as in [`Frame::track`].
    pub source: u8,
    pub codec: Codec,
    /// Ticks a second of the camera's times.
    pub clock_rate: u32,
    /// Ticks a second in the file.
    pub timescale: u32,
    pub width: u16,
    pub height: u16,
    /// 0 for video.
    pub channels: u8,
    pub sets: ParameterSets,
    /// AAC: the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
    pub audio_config: Bytes,
}

/// What a key frame told about its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    Nothing,
    /// Parameter sets changed; the part goes on.
    Sets,
    /// The picture has another size: a new part begins.
    Size,
}

impl TrackConfig {
    /// The tracks that are recorded: the first video track, then audio.
    /// Codecs that the format does not know are left out.
    #[must_use]
    pub fn of_stream(tracks: &[Track]) -> Vec<Self> {
        let video = tracks.iter().filter(|track| track.codec.is_video()).take(1);
        let audio = tracks.iter().filter(|track| {
            track.kind == TrackKind::Audio
                && track.clock_rate > 0
                && matches!(track.codec, Codec::Aac | Codec::Opus | Codec::Pcma | Codec::Pcmu)
        });
        let recorded = video.chain(audio).zip(1..=u8::MAX);
        recorded
            .map(|(track, id)| if track.codec.is_video() { video_track(id, track) } else { audio_track(id, track) })
            .collect()
    }

    #[must_use]
    pub fn is_video(&self) -> bool {
        self.codec.is_video()
    }

    /// Takes the parameter sets that a key frame carries.
    pub fn learn(&mut self, frame: &Frame) -> Learned {
        if !self.is_video() || !frame.key {
            return Learned::Nothing;
        }
        let changed = self.sets.learn(&self.codec, &frame.data);
        let before = (self.width, self.height);
        if changed {
            self.measure();
        }
        match (changed, before != (0, 0) && before != (self.width, self.height)) {
            (false, _) => Learned::Nothing,
            (true, false) => Learned::Sets,
            (true, true) => Learned::Size,
        }
    }

    fn measure(&mut self) {
        if let Some(info) = self.sets.info(&self.codec) {
            self.width = u16::try_from(info.width).unwrap_or(u16::MAX);
            self.height = u16::try_from(info.height).unwrap_or(u16::MAX);
        }
    }

    /// A time of the camera in ticks of the file.
    #[must_use]
    pub fn rescale(&self, ticks: i64) -> i64 {
        if self.clock_rate == self.timescale {
            return ticks;
        }
        let scaled = i128::from(ticks) * i128::from(self.timescale) / i128::from(self.clock_rate);
        scaled.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// The name of its sample entry.
    #[must_use]
    pub fn sample_entry(&self) -> &'static str {
        match self.codec {
            Codec::H264 => "avc3",
            Codec::H265 => "hev1",
            Codec::Av1 => "av01",
            Codec::Vp8 => "vp08",
            Codec::Vp9 => "vp09",
            Codec::Jpeg => "jpeg",
            Codec::Mpeg4 => "mp4v",
            Codec::Aac => "mp4a",
            Codec::Opus => "Opus",
            Codec::Pcma => "alaw",
            _ => "ulaw",
        }
    }

    /// As the ledger's CONFIG names it.
    #[must_use]
    pub fn config(&self) -> ConfigTrack {
        ConfigTrack {
            id: self.id,
            codec: self.sample_entry().to_owned(),
            timescale: self.timescale,
            width: self.width,
            height: self.height,
            channels: self.channels,
        }
    }
}

fn video_track(id: u8, track: &Track) -> TrackConfig {
    let mut config = TrackConfig {
        id,
        source: track.id,
        codec: track.codec.clone(),
        clock_rate: track.clock_rate.max(1),
        timescale: VIDEO_TIMESCALE,
        width: 0,
        height: 0,
        channels: 0,
        sets: ParameterSets::from_fmtp(&track.codec, &track.fmtp),
        audio_config: Bytes::new(),
    };
    config.measure();
    config
}

fn audio_track(id: u8, track: &Track) -> TrackConfig {
    let channels = track.channels.max(1);
    let audio_config = match track.codec {
        Codec::Aac => audio_specific_config(&track.fmtp, track.clock_rate, channels),
        _ => Bytes::new(),
    };
    TrackConfig {
        id,
        source: track.id,
        codec: track.codec.clone(),
        clock_rate: track.clock_rate,
        timescale: track.clock_rate,
        width: 0,
        height: 0,
        channels,
        sets: ParameterSets::default(),
        audio_config,
    }
}

/// The camera's own (`config=` of RFC 3640), or that of AAC-LC.
fn audio_specific_config(fmtp: &str, rate: u32, channels: u8) -> Bytes {
    let given = fmtp.split(';').filter_map(|part| part.split_once('='));
    let given =
        given.filter(|(name, _)| name.trim().rsplit(' ').next().is_some_and(|n| n.eq_ignore_ascii_case("config")));
    let given = given.filter_map(|(_, value)| unhex(value.trim().trim_matches('"'))).next();
    // The lengths of the boxes around it have one byte each.
    given.filter(|config| (2..=64).contains(&config.len())).unwrap_or_else(|| low_complexity(rate, channels)).into()
}

/// ISO/IEC 14496-3, table 1.18.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

fn low_complexity(rate: u32, channels: u8) -> Vec<u8> {
    let channels = u64::from(channels.min(15));
    match RATES.iter().position(|&known| known == rate) {
        // Object type 2 in 5 bits, rate in 4, channels in 4, 3 zero bits.
        Some(index) => (2 << 11 | (index as u16) << 7 | (channels as u16) << 3).to_be_bytes().to_vec(),
        // Index 15 and the rate in 24 bits.
        None => (2u64 << 35 | 15 << 31 | u64::from(rate & 0xff_ffff) << 7 | channels << 3).to_be_bytes()[3..].to_vec(),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: u8, codec: Codec, clock_rate: u32, fmtp: &str) -> Track {
        let kind = if codec.is_video() { TrackKind::Video } else { TrackKind::Audio };
        let channels = u8::from(kind == TrackKind::Audio);
        Track { id, kind, codec, clock_rate, channels, fmtp: fmtp.into() }
    }

    #[test]
    fn video_comes_first_and_unknown_codecs_are_left_out() {
        let tracks = [
            track(0, Codec::Pcma, 8_000, ""),
            track(1, Codec::Other("vnd.onvif.metadata".into()), 90_000, ""),
            track(2, Codec::H264, 90_000, ""),
            track(3, Codec::H265, 90_000, ""),
        ];
        let recorded = TrackConfig::of_stream(&tracks);
        assert_eq!(recorded.iter().map(|t| (t.id, t.source)).collect::<Vec<_>>(), [(1, 2), (2, 0)]);
    }

    #[test]
    fn the_audio_config_is_the_camera_s_or_made() {
        let given = "streamtype=5; profile-level-id=15; mode=AAC-hbr; config=1408; sizeLength=13";
        assert_eq!(&audio_specific_config(given, 48_000, 2)[..], [0x14, 0x08]);
        // 48 kHz stereo is 0x1190 in every table; 16 kHz mono 0x1408.
        assert_eq!(&audio_specific_config("config=xyz", 48_000, 2)[..], [0x11, 0x90]);
        assert_eq!(&audio_specific_config("", 16_000, 1)[..], [0x14, 0x08]);
        assert_eq!(&audio_specific_config("", 14_000, 1)[..], [0x17, 0x80, 0x1b, 0x58, 0x08]);
    }

    #[test]
    fn times_of_another_clock_are_rescaled() {
        let recorded = TrackConfig::of_stream(&[track(0, Codec::H264, 1_000, "")]);
        assert_eq!(recorded[0].rescale(40), 3_600);
        assert_eq!(recorded[0].rescale(i64::MAX), i64::MAX);
    }
}
