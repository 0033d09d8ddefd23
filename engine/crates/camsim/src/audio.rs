//! The cameras' sound: G.711 A-law (RFC 3551 section 4.5.14), silent but for a
//! short beep at each full second of UTC, so that an ear, or a program, can
//! compare sound with picture.

use std::ops::Range;

/// The static payload type of PCMA.
pub const AUDIO_TYPE: u8 = 8;
/// Samples a second.
pub const AUDIO_RATE: f64 = 8_000.0;
/// Samples a packet: 20 ms.
pub const SAMPLES: u64 = 160;

const PACKETS_PER_SECOND: f64 = 50.0;
const BEEP_US: i64 = 100_000;
const SILENCE: [u8; SAMPLES as usize] = [0xd5; SAMPLES as usize];
/// 1 kHz at -12 dBm0: the sequence of ITU-T G.711 table 5, two segments lower.
const CYCLE: [u8; 8] = [0x14, 0x01, 0x01, 0x14, 0x94, 0x81, 0x81, 0x94];
const TONE: [u8; SAMPLES as usize] = tone();

const fn tone() -> [u8; SAMPLES as usize] {
    let mut samples = SILENCE;
    let mut at = 0;
    while at < samples.len() {
        samples[at] = CYCLE[at % CYCLE.len()];
        at += 1;
    }
    samples
}

/// The packets, counted from the farm's start, that go out with a frame.
pub fn packets_of(frame: u64, fps: f64) -> Range<u64> {
    let until = |frame: u64| (frame as f64 * PACKETS_PER_SECOND / fps) as u64;
    until(frame)..until(frame + 1)
}

/// Where a packet begins, in microseconds after a frame; never far from it.
pub fn after_frame_us(packet: u64, frame: u64, fps: f64) -> i64 {
    ((packet as f64 / PACKETS_PER_SECOND - frame as f64 / fps) * 1e6) as i64
}

/// What sounds in the 20 ms that begin then.
pub fn payload(utc_us: i64) -> &'static [u8] {
    if utc_us.rem_euclid(1_000_000) < BEEP_US { &TONE } else { &SILENCE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_goes_out_with_one_frame_whatever_the_rate() {
        for fps in [6.0_f64, 25.0, 29.97, 60.0, 200.0] {
            let mut next = 0;
            for frame in 0..(fps * 10.0).round() as u64 {
                let packets = packets_of(frame, fps);
                assert_eq!(packets.start, next, "frame {frame} at {fps}");
                for packet in packets.clone() {
                    assert!(after_frame_us(packet, frame, fps).abs() <= (1e6 / fps) as i64 + 20_000);
                }
                next = packets.end;
            }
            assert!((490..=500).contains(&next), "{next} packets in 10 s at {fps}");
        }
    }

    #[test]
    fn a_beep_begins_each_second() {
        assert_eq!(payload(1_791_022_334_000_000)[..8], CYCLE);
        assert_eq!(payload(1_791_022_334_099_999)[..8], CYCLE);
        assert!(payload(1_791_022_334_100_000).iter().all(|sample| *sample == 0xd5));
    }
}
