//! Fragments of MP4 (ISO/IEC 14496-12, 8.8): one `moof` after the other.

use std::collections::VecDeque;

use super::FileError;
use super::boxes::{box_at, children, find, u32_at, u64_at};
use super::mp4::Mp4Track;
use super::table::Place;
use super::window::Window;

/// No fragment's head is larger.
const MAX_MOOF: u64 = 16 << 20;
/// Samples of a fragment, of tracks that are not played too; hours of them.
const MOST_SAMPLES: usize = 1 << 18;

/// Where fragments are read.
pub struct Fragments {
    at: u64,
    /// What a fragment does not say of its track.
    defaults: Vec<Defaults>,
    waiting: VecDeque<(usize, Place)>,
}

#[derive(Clone, Copy, Default)]
struct Defaults {
    duration: u32,
    size: u32,
    /// Where the track's next fragment begins if it does not say.
    dts: i64,
}

impl Fragments {
    pub fn new(moov: &[u8], tracks: &[Mp4Track]) -> Self {
        let trex = |id: u32| {
            let mvex = find(moov, &[b"mvex"]).unwrap_or_default();
            let mut all = children(mvex).filter(|(name, _)| name == b"trex").map(|(_, trex)| trex);
            all.find(|trex| u32_at(trex, 4) == Some(id))
        };
        let of = |track: &Mp4Track| {
            let trex = trex(track.id).unwrap_or_default();
            Defaults { duration: u32_at(trex, 12).unwrap_or(0), size: u32_at(trex, 16).unwrap_or(0), dts: 0 }
        };
        Self { at: 0, defaults: tracks.iter().map(of).collect(), waiting: VecDeque::new() }
    }

    /// The next sample in the order of decoding, and the place of its track.
    pub fn next(&mut self, file: &mut Window, tracks: &[Mp4Track]) -> Result<Option<(usize, Place)>, FileError> {
        while self.waiting.is_empty() {
            let Some(found) = box_at(file, self.at)? else { return Ok(None) };
            let start = std::mem::replace(&mut self.at, found.end);
            if &found.name != b"moof" {
                continue;
            }
            let broken = |what| FileError::Broken { at: start, what };
            if found.end - found.contents > MAX_MOOF {
                return Err(broken("a fragment's head is too large"));
            }
            let size = (found.end - found.contents) as usize;
            let moof = file.exactly(found.contents, size, "a fragment's head is cut short")?;
            self.take(moof, start, tracks).map_err(broken)?;
        }
        Ok(self.waiting.pop_front())
    }

    fn take(&mut self, moof: &[u8], start: u64, tracks: &[Mp4Track]) -> Result<(), &'static str> {
        let (mut samples, mut read, mut end) = (Vec::new(), 0, start);
        for (_, traf) in children(moof).filter(|(name, _)| name == b"traf") {
            let tfhd = find(traf, &[b"tfhd"]).ok_or("a track of a fragment has no head")?;
            let id = u32_at(tfhd, 4).ok_or("a track's head in a fragment is cut short")?;
            let index = tracks.iter().position(|track| track.id == id);
            let mut own = index.map(|index| self.defaults[index]).unwrap_or_default();
            let base = own.read_head(tfhd, start, end).ok_or("a track's head in a fragment is cut short")?;
            own.dts = begin(traf).unwrap_or(own.dts);
            end = base;
            for (_, trun) in children(traf).filter(|(name, _)| name == b"trun") {
                own.read_run(trun, base, &mut end, |place| {
                    read += 1;
                    samples.extend(index.map(|index| (index, place)));
                    read <= MOST_SAMPLES
                })?;
            }
            if let Some(index) = index {
                self.defaults[index].dts = own.dts;
            }
        }
        // What belongs together in time is told one track after the other.
        samples.sort_by_key(|(index, place)| tracks[*index].micros(place.dts));
        self.waiting = samples.into();
        Ok(())
    }
}

/// The time at which a track's part of a fragment begins.
fn begin(traf: &[u8]) -> Option<i64> {
    let tfdt = find(traf, &[b"tfdt"])?;
    match tfdt.first()? {
        1 => i64::try_from(u64_at(tfdt, 4)?).ok(),
        _ => u32_at(tfdt, 4).map(i64::from),
    }
}

impl Defaults {
    /// Reads `tfhd`; returns what the places of samples count from.
    fn read_head(&mut self, tfhd: &[u8], moof: u64, end_before: u64) -> Option<u64> {
        let flags = u32_at(tfhd, 0)?;
        let mut at = 8;
        let mut base = if flags & 0x2_0000 != 0 { moof } else { end_before };
        if flags & 0x01 != 0 {
            base = u64_at(tfhd, at)?;
            at += 8;
        }
        at += if flags & 0x02 != 0 { 4 } else { 0 };
        for (bit, field) in [(0x08, &mut self.duration), (0x10, &mut self.size)] {
            if flags & bit != 0 {
                *field = u32_at(tfhd, at)?;
                at += 4;
            }
        }
        Some(base)
    }

    /// Reads `trun`, whose samples lie one behind the other; `found` tells
    /// whether there may be more.
    fn read_run(
        &mut self,
        trun: &[u8],
        base: u64,
        end: &mut u64,
        mut found: impl FnMut(Place) -> bool,
    ) -> Result<(), &'static str> {
        const CUT: &str = "a run of samples is cut short";
        let flags = u32_at(trun, 0).ok_or(CUT)?;
        let count = u32_at(trun, 4).ok_or(CUT)?;
        let mut at = 8;
        let mut number = |wanted: bool| {
            if !wanted {
                return Ok(None);
            }
            at += 4;
            u32_at(trun, at - 4).map(Some).ok_or(CUT)
        };
        if let Some(offset) = number(flags & 0x01 != 0)? {
            *end = base.saturating_add_signed(i64::from(offset as i32));
        }
        number(flags & 0x04 != 0)?;
        for _ in 0..count {
            let duration = number(flags & 0x100 != 0)?.unwrap_or(self.duration);
            let bytes = number(flags & 0x200 != 0)?.unwrap_or(self.size);
            number(flags & 0x400 != 0)?;
            let composition = number(flags & 0x800 != 0)?.unwrap_or(0) as i32;
            if !found(Place { at: *end, bytes, dts: self.dts, composition }) {
                return Err("a fragment has too many samples");
            }
            *end = end.saturating_add(bytes.into());
            self.dts = self.dts.saturating_add(duration.into());
        }
        Ok(())
    }
}
