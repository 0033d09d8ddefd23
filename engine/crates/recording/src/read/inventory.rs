//! What there is: parts and gaps of a period, from the disks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vms_format::ledger::{Body, Gap, Reason};
use vms_format::names::{MAIN, SUB};
use vms_format::record::scan;
use vms_format::time::{Day, hour_of};

use super::archive::Archive;
use super::part::{FileSource, Part};
use super::{stream_name, stream_text};
use crate::calls::{Answer, CallError};

/// Fragments further apart are two spans, whatever a ledger says.
const HOLE_US: i64 = 1_500_000;
/// Parts of one answer; the next one begins behind it.
const MOST_PARTS: usize = 2_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryRequest {
    /// Empty: all.
    #[serde(default)]
    cameras: Vec<String>,
    from_us: i64,
    to_us: i64,
    /// Cameras up to this one were told already.
    #[serde(default)]
    after: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct PartReport {
    camera: String,
    city: String,
    stream: &'static str,
    part: String,
    volume: String,
    from_us: i64,
    to_us: i64,
    bytes: u64,
    fragments: usize,
    keys: usize,
    open: bool,
    error_us: Option<u32>,
    camera_offset_ms: Option<i32>,
    rebuilt: bool,
    encrypted: bool,
    /// Where its fragments follow each other: mostly one.
    spans: Vec<[i64; 2]>,
    /// What triggers touched.
    events: Vec<[i64; 2]>,
}

#[derive(Debug, Serialize)]
pub struct GapReport {
    camera: String,
    stream: &'static str,
    from_us: i64,
    to_us: i64,
    reason: String,
    values: BTreeMap<String, serde_json::Value>,
    /// It lasts; `to_us` is now.
    open: bool,
}

#[derive(Debug, Default, Serialize)]
struct InventoryAnswer {
    parts: Vec<PartReport>,
    gaps: Vec<GapReport>,
    /// Cameras of which parts cannot be read, for their volume is away: there
    /// is more than is told.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unread: BTreeSet<String>,
    /// Ask again with it as `after`; absent: that was all.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl InventoryAnswer {
    /// One that is being moved lies on two volumes.
    fn add(&mut self, part: PartReport) {
        let same = |other: &PartReport| {
            (&other.camera, other.stream, &other.part, other.from_us)
                == (&part.camera, part.stream, &part.part, part.from_us)
        };
        if !self.parts.last().is_some_and(same) {
            self.parts.push(part);
        }
    }
}

impl Archive {
    pub fn inventory(&self, asked: &InventoryRequest) -> Result<Answer, CallError> {
        let mut answer = InventoryAnswer::default();
        for camera in self.cameras() {
            let wanted = asked.cameras.is_empty() || asked.cameras.contains(&camera);
            if !wanted || asked.after.as_ref().is_some_and(|after| camera <= *after) {
                continue;
            }
            if answer.parts.len() >= MOST_PARTS {
                let last = answer.parts.last().map(|part| part.camera.clone());
                answer.next = last;
                break;
            }
            self.list(&camera, asked.from_us, asked.to_us, &mut answer);
        }
        Answer::of(&answer)
    }

    fn list(&self, camera: &str, from_us: i64, to_us: i64, answer: &mut InventoryAnswer) {
        let days = Day::of_hour(hour_of(from_us).saturating_sub(1))..=Day::of_hour(hour_of(to_us));
        for day in self.days(camera).range(days) {
            for stream in [MAIN, SUB] {
                for place in self.parts_of(camera, *day, stream) {
                    match self.part(&place) {
                        Ok(part) if part.to_us() > from_us && part.from_us() < to_us => {
                            answer.add(report(&part, self.events(&part)));
                        }
                        Ok(_) => {}
                        Err(error) if error.code == "volume_failed" => drop(answer.unread.insert(camera.to_owned())),
                        Err(error) => tracing::warn!(code = error.code, detail = error.message, "part not listed"),
                    }
                }
            }
        }
        let past = self.gaps(camera).into_iter().map(|(stream, gap)| (stream, gap, false));
        let lasting = self.open_gaps(camera).into_iter().map(|(stream, gap)| (stream, gap, true));
        for (stream, gap, open) in past.chain(lasting) {
            if gap.to_us > from_us && gap.from_us < to_us {
                answer.gaps.push(GapReport { open, ..gap_report(camera, stream, gap) });
            }
        }
    }

    /// The gaps in a camera's ledger, of whichever copy can be read.
    fn gaps(&self, camera: &str) -> Vec<(u8, Gap)> {
        for path in self.ledgers(camera) {
            let Ok(source) = FileSource::open(&*path.1, &path.0) else { continue };
            let Ok(found) = scan(&source) else { continue };
            let (entries, _) = vms_format::ledger::entries(&found.records);
            let gaps = entries.into_iter().filter_map(|(_, entry)| match entry.body {
                Body::Gap(gap) => Some((entry.stream, gap)),
                _ => None,
            });
            return gaps.collect();
        }
        Vec::new()
    }
}

fn report(part: &Part, events: Vec<[i64; 2]>) -> PartReport {
    let mut spans: Vec<[i64; 2]> = Vec::new();
    for fragment in &part.fragments {
        match spans.last_mut() {
            Some(last) if fragment.utc_us - last[1] <= HOLE_US => last[1] = fragment.end_us,
            _ => spans.push([fragment.utc_us, fragment.end_us]),
        }
    }
    let worst = part.fragments.iter().map(|fragment| fragment.error_us).max().unwrap_or(u32::MAX);
    let offset = part.fragments.last().map_or(i32::MIN, |last| last.camera_offset_ms);
    PartReport {
        camera: part.place.camera.clone(),
        city: part.city.clone(),
        stream: stream_text(part.place.id.stream),
        part: part.place.id.name(),
        volume: part.place.volume.clone(),
        from_us: part.from_us(),
        to_us: part.to_us(),
        bytes: part.fragments.iter().map(|fragment| u64::from(fragment.size)).sum(),
        fragments: part.fragments.len(),
        keys: part.fragments.iter().filter(|fragment| fragment.key).count(),
        open: !part.closed,
        error_us: (worst != u32::MAX).then_some(worst),
        camera_offset_ms: (offset != i32::MIN).then_some(offset),
        rebuilt: part.rebuilt,
        encrypted: part.place.encrypted,
        spans,
        events,
    }
}

fn gap_report(camera: &str, stream: u8, gap: Gap) -> GapReport {
    let reason = Reason::from_code(gap.reason).map(|reason| serde_json::to_value(reason).ok());
    let reason = reason.flatten().and_then(|code| code.as_str().map(str::to_owned));
    GapReport {
        camera: camera.to_owned(),
        stream: stream_name(stream).as_str(),
        from_us: gap.from_us,
        to_us: gap.to_us,
        reason: reason.unwrap_or_else(|| format!("reason_{}", gap.reason)),
        values: serde_json::from_str(&gap.values).unwrap_or_default(),
        open: false,
    }
}
