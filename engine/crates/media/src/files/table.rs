//! The tables of a track of MP4 (ISO/IEC 14496-12, 8.6 to 8.7), walked over
//! where they lie, so that no number in them decides how much memory it gets.

use super::boxes::{find, u32_at, u64_at};

/// Samples in a file, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: u64,
    pub bytes: u32,
    /// In ticks of the track.
    pub dts: i64,
    pub composition: i32,
}

pub struct Table {
    times: Runs,
    compositions: Runs,
    sizes: Sizes,
    chunks: Chunks,
    dts: i64,
}

/// Entries of a count and a value.
struct Runs {
    entries: Vec<u8>,
    next: usize,
    left: u32,
    value: u32,
}

struct Sizes {
    /// 0: each has its own.
    all: u32,
    own: Vec<u8>,
    count: u32,
    next: u32,
}

struct Chunks {
    offsets: Vec<u8>,
    /// Bytes of an offset.
    wide: usize,
    /// First chunk, samples a chunk, description.
    runs: Vec<u8>,
    chunk: u32,
    run: usize,
    left: u32,
    at: u64,
}

impl Table {
    /// The tables in `stbl`; what is missing counts as empty.
    pub fn new(stbl: &[u8]) -> Self {
        let entries =
            |name: &[u8; 4]| find(stbl, &[name]).and_then(|table| table.get(8..)).unwrap_or_default().to_vec();
        let sizes = find(stbl, &[b"stsz"]).unwrap_or_default();
        let long = entries(b"co64");
        let (offsets, wide) = if long.is_empty() { (entries(b"stco"), 4) } else { (long, 8) };
        Self {
            times: Runs::new(entries(b"stts")),
            compositions: Runs::new(entries(b"ctts")),
            sizes: Sizes {
                all: u32_at(sizes, 4).unwrap_or(0),
                own: sizes.get(12..).unwrap_or_default().to_vec(),
                count: u32_at(sizes, 8).unwrap_or(0),
                next: 0,
            },
            chunks: Chunks { offsets, wide, runs: entries(b"stsc"), chunk: 0, run: 0, left: 0, at: 0 },
            dts: 0,
        }
    }

    /// The next sample; as many as `most` where they have one size. `None` at
    /// the end.
    pub fn next(&mut self, most: u32) -> Option<Place> {
        let left = self.chunks.begin()?;
        let count = if self.sizes.all > 0 { most.min(left).max(1) } else { 1 };
        let (count, bytes) = self.sizes.take(count)?;
        let place = Place {
            at: self.chunks.at,
            bytes,
            dts: self.dts,
            // Version 0 has no negative ones, but files do.
            composition: self.compositions.value() as i32,
        };
        self.chunks.take(count, bytes);
        for _ in 0..count {
            self.dts = self.dts.saturating_add(i64::from(self.times.value()));
            self.times.step();
            self.compositions.step();
        }
        Some(place)
    }
}

impl Runs {
    fn new(entries: Vec<u8>) -> Self {
        let mut runs = Self { entries, next: 0, left: 0, value: 0 };
        runs.load();
        runs
    }

    fn load(&mut self) {
        while self.left == 0 {
            let (Some(count), Some(value)) = (u32_at(&self.entries, self.next), u32_at(&self.entries, self.next + 4))
            else {
                return;
            };
            self.next += 8;
            (self.left, self.value) = (count, value);
        }
    }

    /// Behind the last entry its value goes on.
    fn value(&self) -> u32 {
        self.value
    }

    fn step(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.load();
    }
}

impl Sizes {
    /// The bytes of the next samples, and how many these are.
    fn take(&mut self, count: u32) -> Option<(u32, u32)> {
        let count = count.min(self.count.saturating_sub(self.next));
        if count == 0 {
            return None;
        }
        let bytes = match self.all {
            0 => u32_at(&self.own, self.next as usize * 4)?,
            size => size.saturating_mul(count),
        };
        self.next += count;
        Some((count, bytes))
    }
}

impl Chunks {
    /// How many samples are left in the chunk; goes to the next one that has any.
    fn begin(&mut self) -> Option<u32> {
        while self.left == 0 {
            let at = self.chunk as usize * self.wide;
            self.at = if self.wide == 8 { u64_at(&self.offsets, at)? } else { u32_at(&self.offsets, at)?.into() };
            self.chunk += 1;
            while u32_at(&self.runs, (self.run + 1) * 12).is_some_and(|first| first <= self.chunk) {
                self.run += 1;
            }
            self.left = u32_at(&self.runs, self.run * 12 + 4)?;
        }
        Some(self.left)
    }

    fn take(&mut self, count: u32, bytes: u32) {
        self.left -= count.min(self.left);
        self.at = self.at.saturating_add(bytes.into());
    }
}
