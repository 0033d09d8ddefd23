//! Sound from protocols and files that say beside it what it is.

use bytes::Bytes;

use crate::depacketise::AccessUnit;
use crate::{Codec, Track, TrackKind};

/// Samples a second, by their index in ADTS and in an `AudioSpecificConfig`.
pub const AAC_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What a track of sound is, and when its next frame is due.
#[derive(Debug)]
pub struct Sound {
    pub codec: Codec,
    pub rate: u32,
    pub channels: u8,
    pub fmtp: String,
    /// Of the next frame, in samples: what containers tell may be too coarse.
    next: Option<i64>,
}

impl Sound {
    /// From an `AudioSpecificConfig` (ISO 14496-3, 1.6.2.1).
    pub fn aac(config: &[u8]) -> Option<Self> {
        let [first, second, ..] = *config else { return None };
        let rate = *AAC_RATES.get(usize::from((first & 7) << 1 | second >> 7))?;
        let channels = second >> 3 & 0x0f;
        if first >> 3 == 0 || channels == 0 {
            return None;
        }
        Some(Self { codec: Codec::Aac, rate, channels, fmtp: aac_fmtp(config), next: None })
    }

    /// G.711 at 8 kHz, as everybody has it.
    pub fn pcm(codec: Codec, channels: u8) -> Self {
        Self { codec, rate: 8_000, channels, fmtp: String::new(), next: None }
    }

    pub fn opus() -> Self {
        Self { codec: Codec::Opus, rate: 48_000, channels: 2, fmtp: String::new(), next: None }
    }

    pub fn track(&self, id: u8) -> Track {
        Track {
            id,
            kind: TrackKind::Audio,
            codec: self.codec.clone(),
            clock_rate: self.rate,
            channels: self.channels,
            fmtp: self.fmtp.clone(),
        }
    }

    /// A frame that is told to begin at `told`, in samples.
    pub fn unit(&mut self, told: i64, frame: &[u8]) -> AccessUnit {
        let samples = self.samples_of(frame);
        let timestamp = self.time_of(told, samples);
        let data = Bytes::copy_from_slice(frame);
        AccessUnit { timestamp, dts: timestamp, key: true, discontinuity: false, data }
    }

    /// When the next frame is due, in samples, if it follows the last one.
    pub fn due(&self) -> Option<i64> {
        self.next
    }

    /// How long a frame lasts; 0 where it does not say.
    fn samples_of(&self, frame: &[u8]) -> i64 {
        match self.codec {
            Codec::Aac => 1_024,
            Codec::Pcma | Codec::Pcmu => (frame.len() / usize::from(self.channels.max(1))) as i64,
            Codec::Opus => opus_samples(frame),
            _ => 0,
        }
    }

    /// Goes on from the frame before as long as what is told agrees.
    fn time_of(&mut self, told: i64, samples: i64) -> i64 {
        let near = i64::from(self.rate) / 50;
        let time = self.next.filter(|next| samples > 0 && next.abs_diff(told) <= near.unsigned_abs()).unwrap_or(told);
        self.next = Some(time.saturating_add(samples));
        time
    }
}

/// The `fmtp` of an `AudioSpecificConfig` (RFC 3640, section 3.3.6).
pub fn aac_fmtp(config: &[u8]) -> String {
    // More than any configuration has is not one.
    let hex: String = config.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
    format!("streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={hex}")
}

/// How long a packet of Opus lasts, in samples of 48 kHz, as its first byte says
/// (RFC 6716, section 3.1).
fn opus_samples(packet: &[u8]) -> i64 {
    let Some(first) = packet.first() else { return 0 };
    let (config, of) = (first >> 3, usize::from(first >> 3 & 3));
    let samples = match config {
        0..12 => [480, 960, 1_920, 2_880][of],
        12..16 => [480, 960][of & 1],
        _ => [120, 240, 480, 960][of],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| i64::from(count & 0x3f)),
    };
    samples * frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_opus_says_how_long_it_lasts() {
        let table: [(&[u8], i64); 7] = [
            (&[0x0b, 1], 960),
            (&[0x18], 2_880),
            (&[0x7c], 960),
            (&[0xfc], 960),
            (&[0xe1], 240),
            (&[0xff, 6], 5_760),
            (&[], 0),
        ];
        for (packet, expected) in table {
            assert_eq!(opus_samples(packet), expected, "{packet:x?}");
        }
    }
}
