//! Motion JPEG (RFC 2435): only what its few fields can tell goes.

use crate::bitstream::jpeg::{BASELINE, END, HUFFMAN, QUANTISATION, RESTART_INTERVAL, SCAN, segments};
use crate::bitstream::jpeg_tables::HUFFMAN_TABLES;

use super::MAX_PAYLOAD;

const HEADER: usize = 8;
const RESTART: usize = 4;
const TABLES: usize = 4;

/// A picture as its packets tell it.
pub struct Plan<'a> {
    kind: u8,
    width: u8,
    height: u8,
    interval: Option<[u8; 2]>,
    tables: Vec<u8>,
    scan: &'a [u8],
}

impl<'a> Plan<'a> {
    /// `None` for a picture that this payload format cannot tell: one that is
    /// not baseline, has other sampling than 4:2:0 and 4:2:2, other Huffman
    /// tables than the usual ones, or is larger than 2040 pixels.
    pub fn of(data: &'a [u8]) -> Option<Self> {
        let mut quantisation: [Option<&[u8]>; 4] = [None; 4];
        let (mut interval, mut frame, mut scan) = (None, None, None);
        for (marker, body, end) in segments(data) {
            match marker {
                QUANTISATION => read_tables(body, &mut quantisation)?,
                RESTART_INTERVAL => interval = body.first_chunk::<2>().copied().filter(|interval| *interval != [0, 0]),
                HUFFMAN => is_usual(body).then_some(())?,
                BASELINE => frame = body.first_chunk::<15>(),
                SCAN => scan = data.get(end..),
                // Another way of coding; the other markers tell nothing needed.
                0xc1..=0xcf => return None,
                _ => {}
            }
        }
        let &[8, h0, h1, w0, w1, 3, _, sampling, luma, _, 0x11, chroma, _, 0x11, chroma_too] = frame? else {
            return None;
        };
        let kind = match sampling {
            0x21 => 0,
            0x22 => 1,
            _ => return None,
        };
        let blocks = |high, low| u8::try_from(u16::from_be_bytes([high, low]).div_ceil(8)).ok().filter(|n| *n > 0);
        let table = |number: u8| quantisation.get(usize::from(number)).copied().flatten();
        if chroma != chroma_too {
            return None;
        }
        let scan = scan?;
        let scan = scan.strip_suffix(&[0xff, END]).unwrap_or(scan);
        Some(Self {
            kind: kind | if interval.is_some() { 0x40 } else { 0 },
            width: blocks(w0, w1)?,
            height: blocks(h0, h1)?,
            interval,
            tables: [table(luma)?, table(chroma)?].concat(),
            scan: (!scan.is_empty()).then_some(scan)?,
        })
    }

    fn overhead(&self) -> usize {
        HEADER + if self.interval.is_some() { RESTART } else { 0 }
    }

    pub fn count(&self) -> usize {
        let room = MAX_PAYLOAD - self.overhead();
        let first = (room - TABLES - self.tables.len()).min(self.scan.len());
        1 + (self.scan.len() - first).div_ceil(room)
    }

    pub fn packets(&self, emit: &mut impl FnMut(&[u8], &[u8])) {
        let mut at = 0;
        while at < self.scan.len() {
            let [_, o0, o1, o2] = (at as u32).to_be_bytes();
            // Quality 255: the tables come with each picture.
            let mut head = vec![0, o0, o1, o2, self.kind, 255, self.width, self.height];
            if let Some([high, low]) = self.interval {
                // First and last of a run, whose number is not told (3.1.7).
                head.extend_from_slice(&[high, low, 0xff, 0xff]);
            }
            if at == 0 {
                head.extend_from_slice(&[0, 0]);
                head.extend_from_slice(&(self.tables.len() as u16).to_be_bytes());
                head.extend_from_slice(&self.tables);
            }
            let end = (at + MAX_PAYLOAD - head.len()).min(self.scan.len());
            emit(&head, &self.scan[at..end]);
            at = end;
        }
    }
}

/// Tables of one byte an entry, by their numbers.
fn read_tables<'a>(mut body: &'a [u8], tables: &mut [Option<&'a [u8]>; 4]) -> Option<()> {
    while let Some((number, rest)) = body.split_first() {
        let (table, rest) = rest.split_at_checked(64)?;
        *tables.get_mut(usize::from(*number))? = Some(table);
        body = rest;
    }
    Some(())
}

/// Whether a segment holds only those tables that receivers know.
fn is_usual(mut body: &[u8]) -> bool {
    while !body.is_empty() {
        let known = HUFFMAN_TABLES.iter().find_map(|(number, counts, symbols)| {
            body.strip_prefix(&[*number])?.strip_prefix(counts)?.strip_prefix(*symbols)
        });
        let Some(rest) = known else { return false };
        body = rest;
    }
    true
}
