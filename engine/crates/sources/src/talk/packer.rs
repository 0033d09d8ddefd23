//! Sound as cameras take it: RTP in packets of 20 ms, one after the other.

use vms_media::{G711_RATE, Law};

use super::Spoken;

/// 20 ms, as nearly every camera expects them (RFC 3551, section 4.2).
const SAMPLES: usize = 160;
/// What was lost on the way to us is silence, up to a second; a longer gap is
/// a pause.
const LONGEST_GAP: i64 = G711_RATE as i64;
const MARKER: u8 = 0x80;

pub struct Packer {
    law: Law,
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// The time of what is to be spoken next.
    expected: Option<i64>,
    /// The next packet begins a spurt of talk (RFC 3551, section 4.1).
    begins: bool,
    waiting: Vec<u8>,
}

impl Packer {
    /// `seed`: where numbers begin, and who sends.
    pub fn new(law: Law, payload_type: u8, seed: u64) -> Self {
        Self {
            law,
            payload_type,
            ssrc: seed as u32,
            sequence: (seed >> 32) as u16,
            timestamp: (seed >> 16) as u32,
            expected: None,
            begins: true,
            waiting: Vec::new(),
        }
    }

    pub fn law(&self) -> Law {
        self.law
    }

    /// Takes some sound. What comes behind what was sent already is too late.
    pub fn take(&mut self, spoken: &Spoken) {
        let gap = self.expected.map_or(0, |expected| spoken.timestamp - expected);
        if (-LONGEST_GAP..0).contains(&gap) {
            return;
        }
        if (1..=LONGEST_GAP).contains(&gap) {
            let silence = usize::try_from(gap).unwrap_or(0);
            self.waiting.resize(self.waiting.len() + silence, self.law.silence());
        } else if gap != 0 {
            self.pause(gap);
        }
        self.waiting.extend(spoken.payload.iter().map(|byte| self.law.of(spoken.law, *byte)));
        self.expected = Some(spoken.timestamp + spoken.payload.len() as i64);
    }

    /// A spurt is over: what is left of it makes no packet, and RTP time goes
    /// on meanwhile (RFC 3550, section 5.1). One that goes back tells of no
    /// pause: the sender counts anew.
    fn pause(&mut self, gap: i64) {
        let passed = self.waiting.len() as i64 + gap.max(0);
        self.timestamp = self.timestamp.wrapping_add(passed as u32);
        self.waiting.clear();
        self.begins = true;
    }

    /// The next whole packet; what is less waits for more.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        if self.waiting.len() < SAMPLES {
            return None;
        }
        let marker = if std::mem::take(&mut self.begins) { MARKER } else { 0 };
        let mut packet = vec![0x80, marker | self.payload_type];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend(self.waiting.drain(..SAMPLES));
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES as u32);
        Some(packet)
    }
}
