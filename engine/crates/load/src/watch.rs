//! Follows one viewer's video packets: frames, losses, key frames, delay.
//! Pure: packets and times come in.

use vms_media::{Codec, find_utc};

/// A frame whose last packet has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub key: bool,
    /// When the camera wrote it, in UTC microseconds, if the frame says so.
    pub written_us: Option<i64>,
    /// Nothing of it was lost.
    pub whole: bool,
}

/// Follows one run of RTP packets.
#[derive(Debug)]
pub struct Watch {
    codec: Codec,
    next_seq: Option<u16>,
    key: bool,
    whole: bool,
    written_us: Option<i64>,
    pub lost: u64,
    pub frames: u64,
}

impl Watch {
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { codec, next_seq: None, key: false, whole: true, written_us: None, lost: 0, frames: 0 }
    }

    /// Takes a packet; returns the frame it completes.
    pub fn packet(&mut self, seq: u16, marker: bool, payload: &[u8]) -> Option<Done> {
        if !self.in_order(seq) {
            return None;
        }
        self.look(payload);
        if !marker {
            return None;
        }
        self.frames += 1;
        let done = Done { key: self.key, written_us: self.written_us, whole: self.whole };
        (self.key, self.written_us, self.whole) = (false, None, true);
        Some(done)
    }

    /// A packet known by its header alone.
    pub fn header(&mut self, seq: u16, marker: bool) {
        if self.in_order(seq) && marker {
            self.frames += 1;
        }
    }

    /// Counts what is missing before a packet; false for one that comes late,
    /// which takes back one loss.
    fn in_order(&mut self, seq: u16) -> bool {
        let gap = seq.wrapping_sub(self.next_seq.unwrap_or(seq));
        if gap >= 0x8000 {
            self.lost = self.lost.saturating_sub(1);
            return false;
        }
        if gap > 0 {
            self.lost += u64::from(gap);
            self.whole = false;
        }
        self.next_seq = Some(seq.wrapping_add(1));
        true
    }

    fn look(&mut self, payload: &[u8]) {
        let Some(&first) = payload.first() else { return };
        match self.codec {
            Codec::H264 => match first & 0x1f {
                5 => self.key = true,
                6 => self.sei(payload),
                24 => self.aggregate(payload, 1),
                28 => self.key |= payload.get(1).is_some_and(|fu| fu & 0x1f == 5),
                _ => {}
            },
            Codec::H265 => match first >> 1 & 0x3f {
                16..=21 => self.key = true,
                39 => self.sei(payload),
                48 => self.aggregate(payload, 2),
                49 => self.key |= payload.get(2).is_some_and(|fu| (16..=21).contains(&(fu & 0x3f))),
                _ => {}
            },
            _ => {}
        }
    }

    fn aggregate(&mut self, payload: &[u8], header: usize) {
        let mut rest = payload.get(header..).unwrap_or_default();
        while let Some((len, body)) = rest.split_first_chunk::<2>() {
            let len = usize::from(u16::from_be_bytes(*len));
            let Some(nal) = body.get(..len) else { return };
            // Aggregates hold no aggregates.
            if !matches!(nal.first().map(|b| (b & 0x1f, b >> 1 & 0x3f)), Some((24, _) | (_, 48))) {
                self.look(nal);
            }
            rest = &body[len..];
        }
    }

    fn sei(&mut self, nal: &[u8]) {
        let mut data = (nal.len() as u32).to_be_bytes().to_vec();
        data.extend_from_slice(nal);
        self.written_us = self.written_us.or_else(|| find_utc(&self.codec, &data));
    }
}

#[cfg(test)]
mod tests {
    use vms_media::{utc_sei_h264, utc_sei_h265};

    use super::*;

    const NO: Done = Done { key: false, written_us: None, whole: true };

    #[test]
    fn frames_end_with_the_marker_and_carry_their_time() {
        let mut watch = Watch::new(Codec::H264);
        assert_eq!(watch.packet(65_534, false, &utc_sei_h264(77)), None);
        assert_eq!(watch.packet(65_535, false, &[28, 0x85, 1]), None);
        let done = watch.packet(0, true, &[28, 0x45, 1]);
        assert_eq!(done, Some(Done { key: true, written_us: Some(77), whole: true }));
        assert_eq!(watch.packet(1, true, &[0x41]), Some(NO));
        assert_eq!((watch.lost, watch.frames), (0, 2));
    }

    #[test]
    fn losses_and_late_packets_are_counted() {
        let mut watch = Watch::new(Codec::H264);
        watch.packet(10, true, &[0x41]);
        assert_eq!(watch.packet(13, true, &[0x41]), Some(Done { whole: false, ..NO }));
        assert_eq!(watch.lost, 2);
        assert_eq!(watch.packet(11, true, &[0x41]), None);
        assert_eq!(watch.lost, 1);
        watch.header(14, true);
        watch.header(12, true);
        assert_eq!((watch.lost, watch.frames), (0, 3));
    }

    #[test]
    fn h265_and_aggregates_are_read_too() {
        let mut watch = Watch::new(Codec::H265);
        watch.packet(1, false, &utc_sei_h265(5));
        let done = watch.packet(2, true, &[49 << 1, 1, 0x80 | 19]);
        assert_eq!(done, Some(Done { key: true, written_us: Some(5), whole: true }));
        assert_eq!(watch.packet(3, true, &[19 << 1, 1]), Some(Done { key: true, ..NO }));
        let mut watch = Watch::new(Codec::H264);
        let sei = utc_sei_h264(9);
        let mut packet = vec![24, 0, 1, 0x67, 0, sei.len() as u8];
        packet.extend_from_slice(&sei);
        packet.extend_from_slice(&[0, 1, 0x65, 0, 1, 24, 0xff]);
        let done = watch.packet(1, true, &packet);
        assert_eq!(done, Some(Done { key: true, written_us: Some(9), whole: true }));
        assert_eq!(watch.packet(2, true, &[]), Some(NO));
        assert_eq!(Watch::new(Codec::Opus).packet(2, true, &[5]), Some(NO));
    }
}
