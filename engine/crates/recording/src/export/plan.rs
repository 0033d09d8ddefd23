//! What an export takes: which fragments of which parts, from the indexes.

use std::ops::Range;
use std::sync::Arc;

use vms_format::time::{Day, hour_of};

use super::ExportRequest;
use super::lapse::Ticks;
use crate::calls::CallError;
use crate::read::part::{Frag, Part};
use crate::read::{Archive, stream_number};

/// What a manifest takes for a fragment, in the file and beside it.
const MANIFEST_BYTES: u64 = 2 * 1200;

/// Consecutive fragments of one part.
#[derive(Clone, Debug)]
pub struct Piece {
    pub part: Arc<Part>,
    pub range: Range<usize>,
    /// Of a time-lapse: when there was anything, which its pictures do not say.
    pub spans: Vec<(i64, i64)>,
}

impl Piece {
    pub fn new(part: Arc<Part>, range: Range<usize>) -> Self {
        Self { part, range, spans: Vec::new() }
    }

    pub fn fragments(&self) -> &[Frag] {
        &self.part.fragments[self.range.clone()]
    }

    fn bytes(&self) -> u64 {
        self.fragments().iter().map(|fragment| u64::from(fragment.size)).sum()
    }
}

/// All of one stream's period: it becomes a file, or several.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub camera: String,
    pub city: String,
    pub stream: u8,
    pub from_us: i64,
    pub to_us: i64,
    pub name: String,
    /// Of a time-lapse: a picture of each so long a time.
    pub every_us: Option<i64>,
    /// By sequence, which is the order of recording.
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub wanted: Vec<Wanted>,
}

impl Plan {
    /// Streams of which nothing is there are left out; none at all is refused.
    pub fn make(archive: &Archive, request: &ExportRequest, now_us: i64) -> Result<Self, CallError> {
        let mut wanted = Vec::new();
        for part in &request.parts {
            for stream in &part.streams {
                let stream = stream_number(*stream);
                let to_us = part.to_us.min(now_us.max(part.from_us + 1));
                let pieces = match part.every_us {
                    Some(every_us) => {
                        let mut ticks = Ticks::new(part.from_us, every_us);
                        pieces(archive, &part.camera, stream, (part.from_us, to_us), &mut |piece| ticks.thin(piece))?
                    }
                    None => pieces(archive, &part.camera, stream, (part.from_us, to_us), &mut Some)?,
                };
                let Some(first) = pieces.first() else { continue };
                let name = part.name.as_deref().map_or_else(|| utc_name(&part.camera, part.from_us), plain);
                let sub = if stream == vms_format::names::SUB { "_sub" } else { "" };
                wanted.push(Wanted {
                    camera: part.camera.clone(),
                    city: first.part.city.clone(),
                    stream,
                    from_us: part.from_us,
                    to_us,
                    name: format!("{name}{sub}"),
                    every_us: part.every_us,
                    pieces,
                });
            }
        }
        match request.parts.first() {
            Some(part) if wanted.is_empty() => Err(archive.nothing(&part.camera, part.from_us)),
            _ => Ok(Self { wanted }),
        }
    }

    /// Bytes of fragments: what progress is counted in.
    pub fn bytes(&self) -> u64 {
        self.pieces().map(Piece::bytes).sum()
    }

    /// Bytes on the target's disk, rather too many.
    pub fn needed(&self) -> u64 {
        self.bytes() + self.pieces().map(|piece| piece.range.len() as u64).sum::<u64>() * MANIFEST_BYTES
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.wanted.iter().flat_map(|wanted| &wanted.pieces)
    }
}

/// From the group of pictures at `from_us` on, up to the fragment that `to_us`
/// lies in, as `take` leaves them. A part that cannot be read is a gap.
fn pieces(
    archive: &Archive,
    camera: &str,
    stream: u8,
    (from_us, to_us): (i64, i64),
    take: &mut dyn FnMut(Piece) -> Option<Piece>,
) -> Result<Vec<Piece>, CallError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let days = Day::of_hour(hour_of(from_us).saturating_sub(1))..=Day::of_hour(hour_of(to_us));
    for day in archive.days(camera).range(days) {
        for place in archive.parts_of(camera, *day, stream) {
            let part = match archive.part(&place) {
                Ok(part) => part,
                // It comes back: a gap in its place would be told for ever.
                Err(error) if error.code == "volume_failed" && archive.is_remote(&place) => return Err(error),
                Err(error) => {
                    tracing::warn!(code = error.code, detail = error.message, "a part is not exported");
                    continue;
                }
            };
            let Some(first) = part.at_or_after(from_us) else { continue };
            let start = part.group(first).start;
            let end = part.fragments.partition_point(|fragment| fragment.utc_us < to_us);
            if first < end {
                pieces.extend(take(Piece::new(part, start..end)));
            }
        }
    }
    pieces.sort_by_key(|piece| piece.fragments()[0].sequence);
    // A part that is being moved lies on two volumes.
    pieces.dedup_by_key(|piece| piece.fragments()[0].sequence);
    Ok(pieces)
}

/// Of what a name may have: no folder, nothing hidden.
fn plain(name: &str) -> String {
    let allowed = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ') { c } else { '_' };
    let name: String = name.chars().take(100).map(allowed).collect();
    match name.trim_matches(|c| c == '.' || c == ' ') {
        "" => "export".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

fn utc_name(camera: &str, from_us: i64) -> String {
    let second = from_us.div_euclid(1_000_000).rem_euclid(86_400);
    let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
    format!("{camera}_{}_{hours:02}-{minutes:02}-{seconds:02}Z", Day::of_hour(hour_of(from_us)))
}
