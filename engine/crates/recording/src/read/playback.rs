//! Recorded video as segments on one time line, whatever part it lies in.

use std::sync::Arc;

use vms_format::mp4::moof;
use vms_format::{Sample, Stored};

use super::archive::{Archive, unreadable};
use super::part::{Part, PartFile};
use crate::calls::{CallError, CallKind};

/// One answer is never larger: a minute of most cameras.
const MOST_BYTES: u64 = 64 << 20;
pub const MOST_KEYS: usize = 64;

/// What a player gets for an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub body: Vec<u8>,
    pub from_us: i64,
    pub to_us: i64,
    /// Start of what was recorded next, over gaps.
    pub next_us: Option<i64>,
    pub previous_us: Option<i64>,
    /// Which init segment it needs.
    pub init: String,
}

/// How much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// The group of pictures at the instant, and those after it that begin
    /// before `until_us` in the same part.
    Groups { until_us: i64 },
    /// Key frames alone, of so many groups.
    Keys(usize),
}

impl Archive {
    /// The init segment in force at an instant, and its name.
    pub fn init(&self, camera: &str, stream: u8, at_us: i64) -> Result<(Vec<u8>, String), CallError> {
        let (part, _) = self.at_or_after(camera, stream, at_us)?;
        let file = self.open(&part)?;
        let read = || Ok((file.init_segment()?, file.init_id()?));
        read().map_err(|error| self.told(&part.place, unreadable(&part.place, &error)))
    }

    /// What was recorded at an instant, or next after it.
    pub fn segment(&self, camera: &str, stream: u8, at_us: i64, amount: Amount) -> Result<Segment, CallError> {
        let (part, at) = self.at_or_after(camera, stream, at_us)?;
        let file = self.open(&part)?;
        let group = part.group(at);
        let (body, end) = match amount {
            Amount::Groups { until_us } => groups(&part, &file, group.clone(), until_us),
            Amount::Keys(count) => keys(&part, &file, group.clone(), count.clamp(1, MOST_KEYS)),
        }
        .map_err(|error| self.told(&part.place, error))?;
        let from_us = part.fragments[group.start].utc_us;
        let to_us = part.fragments[end - 1].end_us;
        let next_us = match part.fragments.get(end) {
            Some(next) => Some(next.utc_us),
            None => self.at_or_after(camera, stream, to_us).ok().map(|(next, n)| next.fragments[n].utc_us),
        };
        let previous_us = match group.start.checked_sub(1) {
            Some(before) => Some(part.fragments[part.group(before).start].utc_us),
            None => self.before(camera, stream, from_us).map(|(old, n)| old.fragments[old.group(n).start].utc_us),
        };
        let init = file.init_id().map_err(|error| self.told(&part.place, unreadable(&part.place, &error)))?;
        Ok(Segment { body, from_us, to_us, next_us: next_us.filter(|next| *next > from_us), previous_us, init })
    }

    /// The part, open, with the group at or after an instant.
    pub fn group_at(
        &self,
        camera: &str,
        stream: u8,
        at_us: i64,
    ) -> Result<(Arc<Part>, PartFile, std::ops::Range<usize>, usize), CallError> {
        let (part, at) = self.at_or_after(camera, stream, at_us)?;
        let group = part.group(at);
        if group.is_empty() {
            return Err(self.nothing(camera, at_us));
        }
        let file = self.open(&part)?;
        Ok((part, file, group, at))
    }
}

fn groups(
    part: &Part,
    file: &PartFile,
    first: std::ops::Range<usize>,
    until_us: i64,
) -> Result<(Vec<u8>, usize), CallError> {
    let mut body = Vec::new();
    let mut bytes = 0;
    let mut group = first.clone();
    loop {
        bytes += part.fragments[group.clone()].iter().map(|fragment| u64::from(fragment.size)).sum::<u64>();
        if bytes > MOST_BYTES && group.start > first.start {
            return Ok((body, group.start));
        }
        for fragment in &part.fragments[group.clone()] {
            let (stored, samples) = file.fragment(fragment).map_err(|error| unreadable(&part.place, &error))?;
            let samples = on_utc(file, &stored, &samples);
            body.extend(moof::segment(stored.core.sequence, &samples));
        }
        let next = group.end;
        if part.fragments.get(next).is_none_or(|next| next.utc_us >= until_us) {
            return Ok((body, next));
        }
        group = part.group(next);
    }
}

/// Each key frame is shown until the next one.
fn keys(
    part: &Part,
    file: &PartFile,
    first: std::ops::Range<usize>,
    count: usize,
) -> Result<(Vec<u8>, usize), CallError> {
    let mut body = Vec::new();
    let mut group = first;
    for left in (0..count).rev() {
        let fragment = &part.fragments[group.start];
        let (stored, samples) = file.fragment(fragment).map_err(|error| unreadable(&part.place, &error))?;
        let video = file.video_track();
        let key = on_utc(file, &stored, &samples).into_iter().find(|s| s.key && Some(s.track) == video);
        if let Some(mut key) = key {
            let timescale = i64::from(timescale(file, key.track));
            let shown_us = part.fragments[group.end - 1].end_us - fragment.utc_us;
            key.duration = u32::try_from(shown_us * timescale / 1_000_000).unwrap_or(u32::MAX);
            key.pts = key.dts;
            body.extend(moof::segment(stored.core.sequence, &[key]));
        }
        if left == 0 || group.end >= part.fragments.len() {
            break;
        }
        group = part.group(group.end);
    }
    if body.is_empty() {
        return Err(CallError::new(CallKind::NotFound, "no_recording", "no key frame is kept there"));
    }
    Ok((body, group.end))
}

fn timescale(file: &PartFile, track: u8) -> u32 {
    file.tracks().iter().find(|own| own.id == track).map_or(1, |own| own.timescale.max(1))
}

/// The samples with decode times that count from 1970.
fn on_utc(file: &PartFile, stored: &Stored, samples: &[Sample]) -> Vec<Sample> {
    let Some(clock) = stored.core.tracks.first() else { return Vec::new() };
    // When the part's time was zero, by this fragment; all its tracks share it.
    let since = i128::from(clock.first_dts) * 1_000_000 / i128::from(timescale(file, clock.id));
    let zero_us = i128::from(stored.core.utc_us) - since;
    let shift = |track| (zero_us * i128::from(timescale(file, track)) / 1_000_000) as i64;
    let moved = |sample: &Sample| {
        let by = shift(sample.track);
        Sample { dts: sample.dts.saturating_add(by), pts: sample.pts.saturating_add(by), ..sample.clone() }
    };
    samples.iter().map(moved).collect()
}
