//! RTCP sender reports: they tie a track's RTP time to UTC, so that a player
//! can keep picture and sound together (RFC 3550, section 6.4.1).

use vms_hub::HubFrame;

const FROM_1900_TO_1970_S: i64 = 2_208_988_800;
const EVERY_US: i64 = 5_000_000;

/// What a reader has been sent of one track.
#[derive(Debug, Default)]
pub struct SenderState {
    packets: u32,
    octets: u32,
    reported_us: Option<i64>,
}

impl SenderState {
    /// Counts a sent frame.
    pub fn count(&mut self, frame: &HubFrame) {
        self.packets = self.packets.wrapping_add(frame.packets);
        self.octets = self.octets.wrapping_add(frame.data.len() as u32);
    }

    /// A report to send after this frame on `channel`, when one is due.
    pub fn due(&mut self, frame: &HubFrame, channel: u8) -> Option<[u8; 32]> {
        let now = frame.timing.utc_us;
        if self.reported_us.is_some_and(|at| (0..EVERY_US).contains(&(now - at))) {
            return None;
        }
        self.reported_us = Some(now);
        Some(self.report(frame, channel))
    }

    fn report(&self, frame: &HubFrame, channel: u8) -> [u8; 32] {
        let utc = frame.timing.utc_us;
        let seconds = (utc.div_euclid(1_000_000) + FROM_1900_TO_1970_S) as u32;
        let fraction = ((utc.rem_euclid(1_000_000) << 32) / 1_000_000) as u32;
        let mut out = [0; 32];
        // Interleaved frame, then version 2, no reception blocks, type 200.
        out[..8].copy_from_slice(&[b'$', channel, 0, 28, 0x80, 200, 0, 6]);
        out[8..12].copy_from_slice(&frame.ssrc.to_be_bytes());
        out[12..16].copy_from_slice(&seconds.to_be_bytes());
        out[16..20].copy_from_slice(&fraction.to_be_bytes());
        out[20..24].copy_from_slice(&(frame.rtp_time as u32).to_be_bytes());
        out[24..28].copy_from_slice(&self.packets.to_be_bytes());
        out[28..32].copy_from_slice(&self.octets.to_be_bytes());
        out
    }
}
