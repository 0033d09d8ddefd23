//! Motion JPEG (RFC 2435): the coded picture in packets; its head is made
//! again of a few fields, as in the RFC's appendix B.

use super::picture::Format;
use crate::bitstream::jpeg::{BASELINE, END, HUFFMAN, QUANTISATION, RESTART_INTERVAL, SCAN, START};
use crate::bitstream::jpeg_tables::{HUFFMAN_TABLES, quantisation};

const TABLE: usize = 64;

#[derive(Debug, Default)]
pub struct Jpeg {
    /// The picture's coded bytes so far: where the next packet's stand in it.
    received: usize,
    /// Tables that came with a quality of 128 to 254, which need not come again.
    known: Vec<(u8, Tables)>,
}

/// Quantisation tables, and a bit for each whose entries have two bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tables {
    wide: u8,
    bytes: Vec<u8>,
}

impl Format for Jpeg {
    fn take(&mut self, payload: &[u8], begins: bool, picture: &mut Vec<u8>) -> Result<(), &'static str> {
        let (&[_, o0, o1, o2, kind, quality, width, height], mut rest) =
            payload.split_first_chunk::<8>().ok_or("short payload")?;
        let offset = u32::from_be_bytes([0, o0, o1, o2]) as usize;
        if begins {
            self.received = 0;
        }
        if offset != self.received {
            return Err(if begins { "picture without its first packet" } else { "piece of another place" });
        }
        let interval = if kind & 0x40 == 0 {
            0
        } else {
            let (&[high, low, _, _], tail) = rest.split_first_chunk::<4>().ok_or("short payload")?;
            rest = tail;
            u16::from_be_bytes([high, low])
        };
        if offset == 0 {
            let tables = self.tables(quality, &mut rest)?;
            begin(picture, kind, (width, height), interval, &tables)?;
        }
        self.received += rest.len();
        picture.extend_from_slice(rest);
        Ok(())
    }

    fn finish(&mut self, mut picture: Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
        if self.received == 0 {
            return Err("no picture data");
        }
        if !picture.ends_with(&[0xff, END]) {
            picture.extend_from_slice(&[0xff, END]);
        }
        Ok(Some(picture))
    }

    fn forget(&mut self) {
        self.received = 0;
    }
}

impl Jpeg {
    /// The tables of a picture's quality (3.1.8); takes them out of its first
    /// packet where they are there.
    fn tables(&mut self, quality: u8, rest: &mut &[u8]) -> Result<Tables, &'static str> {
        match quality {
            0 => return Err("quality of 0"),
            1..=99 => return Ok(Tables { wide: 0, bytes: quantisation(quality) }),
            100..=127 => return Err("reserved quality"),
            128..=255 => {}
        }
        let (&[_, wide, high, low], tail) = rest.split_first_chunk::<4>().ok_or("short payload")?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (bytes, tail) = tail.split_at_checked(length).ok_or("tables cut short")?;
        *rest = tail;
        let place = self.known.iter().position(|(of, _)| *of == quality);
        if length == 0 {
            return place.map(|place| self.known[place].1.clone()).ok_or("tables that never came");
        }
        let tables = Tables { wide, bytes: bytes.to_vec() };
        match place {
            _ if quality == 255 => {}
            Some(place) => self.known[place].1 = tables.clone(),
            None => self.known.push((quality, tables.clone())),
        }
        Ok(tables)
    }
}

/// All in front of the coded picture.
fn begin(
    picture: &mut Vec<u8>,
    kind: u8,
    (width, height): (u8, u8),
    interval: u16,
    tables: &Tables,
) -> Result<(), &'static str> {
    let sampling = match kind & 0x3f {
        0 => 0x21,
        1 => 0x22,
        _ => return Err("unknown type of picture"),
    };
    if width == 0 || height == 0 {
        return Err("a picture over 2040 pixels");
    }
    picture.extend_from_slice(&[0xff, START]);
    segment(picture, 0xe0, &[b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"]);
    let chroma = put_tables(picture, tables)?;
    if interval > 0 {
        segment(picture, RESTART_INTERVAL, &[&interval.to_be_bytes()]);
    }
    let ([w0, w1], [h0, h1]) = ((u16::from(width) * 8).to_be_bytes(), (u16::from(height) * 8).to_be_bytes());
    let frame = [8, h0, h1, w0, w1, 3, 1, sampling, 0, 2, 0x11, chroma, 3, 0x11, chroma];
    segment(picture, BASELINE, &[&frame]);
    for (number, counts, symbols) in &HUFFMAN_TABLES {
        segment(picture, HUFFMAN, &[&[*number], counts, symbols]);
    }
    segment(picture, SCAN, &[&[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]]);
    Ok(())
}

/// The tables as segments; the number of chroma's, which may be luma's.
fn put_tables(picture: &mut Vec<u8>, tables: &Tables) -> Result<u8, &'static str> {
    let mut rest = &tables.bytes[..];
    let mut count = 0;
    while count < 2 && !rest.is_empty() {
        let is_wide = tables.wide >> count & 1;
        let (table, tail) = rest.split_at_checked(TABLE << is_wide).ok_or("tables cut short")?;
        rest = tail;
        segment(picture, QUANTISATION, &[&[is_wide << 4 | count], table]);
        count += 1;
    }
    count.checked_sub(1).ok_or("no tables")
}

fn segment(picture: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    picture.extend_from_slice(&[0xff, marker]);
    // No segment made here is longer than 200 bytes.
    picture.extend_from_slice(&(length as u16 + 2).to_be_bytes());
    parts.iter().for_each(|part| picture.extend_from_slice(part));
}
