//! Tables: sections and their check sum (section 2.4.4 of the standard).

/// What a section may hold at most (PAT and PMT).
const MAX_SECTION: usize = 1024;

/// CRC-32 of MPEG-2: not reflected, not inverted.
pub fn crc(data: &[u8]) -> u32 {
    data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

/// Puts a section together of the packets of its PID.
#[derive(Debug, Default)]
pub struct Sections {
    buffer: Vec<u8>,
    begun: bool,
}

impl Sections {
    /// Takes a packet's payload; gives a whole section whose sum is right.
    pub fn push(&mut self, begins: bool, payload: &[u8]) -> Option<Vec<u8>> {
        if begins {
            // The first byte says where a new section begins.
            let skip = usize::from(*payload.first()?);
            self.buffer.clear();
            self.begun = true;
            self.buffer.extend_from_slice(payload.get(1 + skip..)?);
        } else if self.begun {
            self.buffer.extend_from_slice(payload);
        }
        let length = usize::from(u16::from_be_bytes([*self.buffer.get(1)?, *self.buffer.get(2)?]) & 0x0fff) + 3;
        if length > MAX_SECTION || self.buffer.len() > MAX_SECTION * 2 {
            self.begun = false;
            self.buffer.clear();
            return None;
        }
        let section = self.buffer.get(..length)?.to_vec();
        self.begun = false;
        self.buffer.clear();
        (crc(&section) == 0).then_some(section)
    }
}

/// The body of a long section of this table, without header and sum.
pub fn body(section: &[u8], table: u8) -> Option<&[u8]> {
    let is_current = section.get(5)? & 1 == 1;
    (section[0] == table && is_current && section.len() >= 12).then(|| &section[8..section.len() - 4])
}

/// A long section: table, its id, body.
pub fn write(table: u8, id: u16, version: u8, body: &[u8]) -> Vec<u8> {
    // Behind the length: five bytes of header, body, four bytes of sum.
    let length = (body.len() + 9) as u16;
    let mut out = vec![table];
    out.extend_from_slice(&(0xb000 | length).to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[0xc1 | version << 1, 0, 0]);
    out.extend_from_slice(body);
    out.extend_from_slice(&crc(&out).to_be_bytes());
    out
}
