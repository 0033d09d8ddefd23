//! The cameras' sound, silent but for a short beep at each full second of UTC,
//! so that an ear, or a program, can compare sound with picture: G.711 A-law
//! (RFC 3551 section 4.5.14), or AAC-LC in mpeg4-generic packets (RFC 3640).

use std::ops::Range;

/// What the cameras' sound is encoded as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sound {
    #[default]
    Pcma,
    Aac,
}

const BEEP_US: i64 = 100_000;
/// Samples a packet: 20 ms.
const PCMA_SAMPLES: usize = 160;
const SILENCE: [u8; PCMA_SAMPLES] = [0xd5; PCMA_SAMPLES];
/// 1 kHz at -12 dBm0: the sequence of ITU-T G.711 table 5, two segments lower.
const CYCLE: [u8; 8] = [0x14, 0x01, 0x01, 0x14, 0x94, 0x81, 0x81, 0x94];
const TONE: [u8; PCMA_SAMPLES] = tone();

const fn tone() -> [u8; PCMA_SAMPLES] {
    let mut samples = SILENCE;
    let mut at = 0;
    while at < samples.len() {
        samples[at] = CYCLE[at % CYCLE.len()];
        at += 1;
    }
    samples
}

/// A frame of silence, and one of 1.125 kHz that has 24 whole waves, so that
/// it goes on in the next; each behind its header of RFC 3640: 16 bits of
/// headers, 13 of which are the frame's size.
const AAC_SILENCE: [u8; 8] = [0x00, 0x10, 0x00, 0x20, 0x01, 0x18, 0x20, 0x07];
const AAC_TONE: [u8; 71] = [
    0x00, 0x10, 0x02, 0x18, 0x00, 0xec, 0x2d, 0x91, 0x56, 0x31, 0x48, 0x15, 0xa9, 0xf2, 0x46, 0xfd, 0xc7, 0xeb, 0x12,
    0x5d, 0x80, 0x1b, 0xfe, 0x37, 0xfc, 0x60, 0x60, 0x65, 0x3c, 0x3a, 0xe7, 0x5c, 0xb1, 0x54, 0x02, 0x25, 0x07, 0xbe,
    0x90, 0xec, 0x5f, 0x94, 0x12, 0x7f, 0x8b, 0x4e, 0xf8, 0x4b, 0xb1, 0xc5, 0x99, 0xc0, 0xd4, 0x74, 0x61, 0x43, 0xf9,
    0x83, 0x5c, 0xf5, 0xeb, 0x6b, 0xd7, 0xaf, 0xf9, 0x6b, 0xd7, 0xaf, 0x5e, 0xb9, 0x8e,
];

const ADTS_SILENCE: [u8; AAC_SILENCE.len() + 3] = in_adts(&AAC_SILENCE);
const ADTS_TONE: [u8; AAC_TONE.len() + 3] = in_adts(&AAC_TONE);

/// A packet's frame behind the header that it has in files instead of its own:
/// ISO/IEC 14496-3, 1.A.2.2, of AAC-LC, 48 kHz, mono.
const fn in_adts<const FROM: usize, const TO: usize>(packet: &[u8; FROM]) -> [u8; TO] {
    let header = [0xff, 0xf1, 0x4c, 0x40, (TO >> 3) as u8, (TO as u8 & 7) << 5 | 0x1f, 0xfc];
    let mut out = [0; TO];
    let mut at = 0;
    while at < TO {
        // Seven bytes of header instead of four.
        out[at] = if at < header.len() { header[at] } else { packet[at - 3] };
        at += 1;
    }
    out
}

impl Sound {
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            // Static, of RFC 3551.
            Self::Pcma => 8,
            Self::Aac => 97,
        }
    }

    /// Samples a second.
    #[must_use]
    pub fn rate(self) -> f64 {
        match self {
            Self::Pcma => 8_000.0,
            Self::Aac => 48_000.0,
        }
    }

    /// Samples a packet.
    #[must_use]
    pub fn samples(self) -> u64 {
        match self {
            Self::Pcma => PCMA_SAMPLES as u64,
            Self::Aac => 1024,
        }
    }

    /// The lines that describe it.
    #[must_use]
    pub fn sdp(self) -> &'static str {
        match self {
            Self::Pcma => "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
            Self::Aac => {
                "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/48000/1\r\n\
                 a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
                 indexdeltalength=3;config=1188\r\n"
            }
        }
    }

    fn packets_per_second(self) -> f64 {
        self.rate() / self.samples() as f64
    }

    /// The packets, counted from the farm's start, that go out with a frame.
    pub fn packets_of(self, frame: u64, fps: f64) -> Range<u64> {
        let until = |frame: u64| (frame as f64 * self.packets_per_second() / fps) as u64;
        until(frame)..until(frame + 1)
    }

    /// Where a packet begins, in microseconds after a frame; never far from it.
    pub fn after_frame_us(self, packet: u64, frame: u64, fps: f64) -> i64 {
        ((packet as f64 / self.packets_per_second() - frame as f64 / fps) * 1e6) as i64
    }

    /// What sounds in the packet that begins then; `adts` puts the header of
    /// files on frames of AAC.
    pub fn payload(self, utc_us: i64, adts: bool) -> &'static [u8] {
        match (self, utc_us.rem_euclid(1_000_000) < BEEP_US) {
            (Self::Aac, true) if adts => &ADTS_TONE,
            (Self::Aac, false) if adts => &ADTS_SILENCE,
            (Self::Pcma, true) => &TONE,
            (Self::Pcma, false) => &SILENCE,
            (Self::Aac, true) => &AAC_TONE,
            (Self::Aac, false) => &AAC_SILENCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_goes_out_with_one_frame_whatever_the_rate() {
        for (sound, least) in [(Sound::Pcma, 490), (Sound::Aac, 458)] {
            for fps in [6.0_f64, 25.0, 29.97, 60.0, 200.0] {
                let mut next = 0;
                for frame in 0..(fps * 10.0).round() as u64 {
                    let packets = sound.packets_of(frame, fps);
                    assert_eq!(packets.start, next, "frame {frame} at {fps}");
                    for packet in packets.clone() {
                        assert!(sound.after_frame_us(packet, frame, fps).abs() <= (1e6 / fps) as i64 + 22_000);
                    }
                    next = packets.end;
                }
                assert!((least..=least + 11).contains(&next), "{next} packets in 10 s at {fps}");
            }
        }
    }

    #[test]
    fn a_beep_begins_each_second() {
        let payload = |utc_us| Sound::Pcma.payload(utc_us, false);
        assert_eq!(payload(1_791_022_334_000_000)[..8], CYCLE);
        assert_eq!(payload(1_791_022_334_099_999)[..8], CYCLE);
        assert!(payload(1_791_022_334_100_000).iter().all(|sample| *sample == 0xd5));
        assert_eq!(Sound::Aac.payload(1_791_022_334_000_000, false), AAC_TONE);
        assert_eq!(Sound::Aac.payload(1_791_022_334_100_000, false), AAC_SILENCE);
    }
}
