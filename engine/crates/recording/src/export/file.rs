//! One file of an export: fragments copied with new decode times, nothing
//! else of them changed.
//!
//! Decode times count from the first fragment; seconds in the file are seconds
//! of the world, so a gap in the recording is one in the file. Where a clock
//! jumped back, what follows comes right behind what was before.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use vms_format::fragment::{Group, SampleHead};
use vms_format::mkv;
use vms_format::mp4::export::{self, ticks};
use vms_format::mp4::walk::{self, InitTrack, SampleAt};
use vms_format::mp4::{moof, uuid};
use vms_format::record::Record;
use vms_format::{Core, FormatError, Sample, Stored};

use super::output::Output;
use super::plan::Piece;
use super::worker::{Stop, Work};
use crate::calls::CallError;
use crate::read::archive::unreadable;
use crate::read::part::PartFile;

/// A fragment that is in a file.
pub struct Exported {
    pub stored: Stored,
    pub groups: u8,
    /// Where the container rounds times.
    pub samples: Option<Vec<SampleHead>>,
}

/// What came into a file, and what the disk did not give.
#[derive(Default)]
pub struct Copied {
    pub exported: Vec<Exported>,
    pub unread: Vec<i64>,
}

/// A fragment's boxes, taken apart.
pub struct Taken {
    stored: Stored,
    samples: Vec<SampleAt>,
    boxes: Vec<u8>,
    /// Where `moof` begins, and the end of its contents; none where all samples
    /// were removed.
    moof: Option<(usize, usize)>,
}

impl Taken {
    fn parse(boxes: Vec<u8>) -> Result<Self, FormatError> {
        const RECORD: FormatError = FormatError::Missing { what: "FRAGMENT" };
        let end = boxes.len() as u64;
        let (mut at, mut stored, mut samples, mut place) = (0, None, Vec::new(), None);
        while let Some(found) = walk::box_at(&boxes, at, end)? {
            let inside = &boxes[found.contents as usize..found.range.end as usize];
            if found.is_uuid(&uuid::FRAGMENT) {
                let (record, _) = Record::decode(inside).ok_or(RECORD)?;
                stored = Some(Stored::parse(&record)?);
            } else if &found.name == b"moof" {
                samples = walk::parse_moof(inside, found.range.start)?;
                place = Some((found.range.start as usize, found.range.end as usize));
            }
            at = found.range.end;
        }
        if samples.iter().any(|sample| sample.range().end > end) {
            return Err(FormatError::Short { what: "mdat" });
        }
        Ok(Self { stored: stored.ok_or(RECORD)?, samples, boxes, moof: place })
    }

    pub fn samples(&self) -> &[SampleAt] {
        &self.samples
    }

    pub fn data(&self, sample: &SampleAt) -> Bytes {
        Bytes::copy_from_slice(&self.boxes[sample.offset as usize..sample.range().end as usize])
    }

    /// Groups that are there, or never were.
    fn groups(&self, video: Option<u8>, tracks: &[InitTrack]) -> u8 {
        let kept = self.samples.iter().filter(|sample| is_kept(tracks, sample.head.track));
        let there = kept.fold(0, |bits, s| bits | Group::of(Some(s.head.track) == video, s.head.key).bit());
        7 & !(self.stored.core.recorded_groups() & !there)
    }
}

fn is_kept(tracks: &[InitTrack], track: u8) -> bool {
    tracks.iter().any(|kept| kept.id == track)
}

/// Where decode times of a file are.
#[derive(Default)]
pub struct Timeline {
    /// UTC of decode time 0.
    zero_us: Option<i64>,
    /// Of the part's decode time 0.
    offset_us: i64,
    /// Of the last sample of each track.
    ends_us: BTreeMap<u8, i64>,
}

fn timescale(tracks: &[InitTrack], track: u8) -> i64 {
    tracks.iter().find(|own| own.id == track).map_or(1, |own| own.timescale.max(1).into())
}

fn micros(ticks: i64, timescale: i64) -> i64 {
    (i128::from(ticks) * 1_000_000 / i128::from(timescale)) as i64
}

impl Timeline {
    /// A part goes on where its first fragment's clock says, but never before
    /// what is in the file already.
    fn begin_part(&mut self, core: &Core, tracks: &[InitTrack]) {
        let of = |id: u8, dts: i64| micros(dts, timescale(tracks, id));
        let part_zero_us = core.tracks.first().map_or(core.utc_us, |clock| core.utc_us - of(clock.id, clock.first_dts));
        let starts =
            || core.tracks.iter().filter(|track| is_kept(tracks, track.id)).map(|t| (t.id, of(t.id, t.first_dts)));
        let first_us = starts().map(|(_, us)| part_zero_us + us).min().unwrap_or(core.utc_us);
        let zero_us = *self.zero_us.get_or_insert(first_us);
        let behind = starts().filter_map(|(id, us)| Some(self.ends_us.get(&id)? - us)).max();
        self.offset_us = (part_zero_us - zero_us).max(behind.unwrap_or(i64::MIN));
    }

    fn shift(&self, tracks: &[InitTrack], track: u8) -> i64 {
        ticks(self.offset_us, timescale(tracks, track))
    }

    fn passed(&mut self, samples: &[SampleAt], tracks: &[InitTrack]) {
        for sample in samples {
            let end = micros(sample.dts + i64::from(sample.duration), timescale(tracks, sample.head.track));
            self.ends_us.insert(sample.head.track, self.offset_us + end);
        }
    }
}

/// A container in the making.
pub trait Sink {
    /// What comes before the first fragment; `zero_us` is when decode time 0 is.
    fn begin(&mut self, file: &PartFile, tracks: &[InitTrack], zero_us: i64, output: &mut Output) -> Result<(), Stop>;

    /// Whether it has a place for a fragment at all.
    fn takes(&self, _taken: &Taken, _tracks: &[InitTrack]) -> bool {
        true
    }

    /// Samples as they were hashed, where the container does not keep times.
    fn fragment(&mut self, taken: Taken, at: &At<'_>, output: &mut Output) -> Result<Option<Vec<SampleHead>>, Stop>;
}

/// Where a fragment comes in a file.
pub struct At<'a> {
    tracks: &'a [InitTrack],
    timeline: &'a Timeline,
    /// All tracks are taken.
    whole: bool,
}

impl At<'_> {
    pub fn tracks(&self) -> &[InitTrack] {
        self.tracks
    }
}

/// What a bucket does not give at the moment ends the export: it comes back,
/// and a gap would be told for ever.
fn comes_back(work: &Work<'_>, piece: &Piece, error: &CallError) -> Result<(), Stop> {
    let is_away = error.code == "volume_failed" && work.archive().is_remote(&piece.part.place);
    if is_away { Err(error.clone().into()) } else { Ok(()) }
}

/// Copies fragments into a container, with or without what is not video.
pub fn copy(
    work: &Work<'_>,
    audio: bool,
    pieces: &[Piece],
    sink: &mut dyn Sink,
    output: &mut Output,
) -> Result<Copied, Stop> {
    let mut copied = Copied::default();
    let mut timeline = Timeline::default();
    for piece in pieces {
        let file = match work.archive().open(&piece.part) {
            Ok(file) => file,
            Err(error) => {
                comes_back(work, piece, &error)?;
                tracing::warn!(code = error.code, detail = error.message, "a part is not exported");
                copied.unread.extend(piece.fragments().iter().map(|fragment| fragment.utc_us));
                continue;
            }
        };
        let tracks: Vec<InitTrack> = file.tracks().iter().filter(|track| audio || track.is_video).cloned().collect();
        if tracks.is_empty() {
            continue;
        }
        let mut is_first = true;
        for fragment in piece.fragments() {
            work.go_on()?;
            let taken = match file.boxes(fragment).and_then(Taken::parse) {
                Ok(taken) => taken,
                Err(error) => {
                    let place = &piece.part.place;
                    comes_back(work, piece, &work.archive().told(place, unreadable(place, &error)))?;
                    tracing::warn!(part = place.id.name(), %error, "a fragment is not exported");
                    copied.unread.push(fragment.utc_us);
                    continue;
                }
            };
            work.did(fragment.size.into());
            if !sink.takes(&taken, &tracks) {
                continue;
            }
            if std::mem::take(&mut is_first) {
                timeline.begin_part(&taken.stored.core, &tracks);
            }
            if output.position() == 0 {
                let zero_us = timeline.zero_us.unwrap_or(taken.stored.core.utc_us);
                sink.begin(&file, &tracks, zero_us, output)?;
            }
            let groups = taken.groups(file.video_track(), &tracks);
            timeline.passed(&taken.samples, &tracks);
            let stored = taken.stored.clone();
            let at = At { tracks: &tracks, timeline: &timeline, whole: file.tracks().len() == tracks.len() };
            let samples = sink.fragment(taken, &at, output)?;
            copied.exported.push(Exported { stored, groups, samples });
        }
    }
    Ok(copied)
}

/// Fragments as they are, with other decode times.
pub struct Mp4<'a> {
    pub pieces: &'a [Piece],
    pub period: (i64, i64),
}

impl Sink for Mp4<'_> {
    fn begin(&mut self, file: &PartFile, tracks: &[InitTrack], zero_us: i64, output: &mut Output) -> Result<(), Stop> {
        Ok(output.write(head(file, tracks, self.pieces, zero_us, self.period)?)?)
    }

    fn fragment(&mut self, taken: Taken, at: &At<'_>, output: &mut Output) -> Result<Option<Vec<SampleHead>>, Stop> {
        put(taken, at.whole, at.tracks, at.timeline, output)?;
        Ok(None)
    }
}

/// No cluster is larger, however long a group of pictures is.
const MOST_CLUSTER: usize = 16 << 20;

/// Matroska: a cluster a group of pictures. Times are rounded to milliseconds,
/// so the manifest has them.
#[derive(Default)]
pub struct Mkv {
    pub tracks: Vec<mkv::Track>,
    pub zero_us: i64,
    pub end_ms: i64,
    pub software: String,
    pub cues: Vec<mkv::Cue>,
    pub cluster: Option<mkv::Cluster>,
}

impl Mkv {
    pub fn head(&self, totals: &mkv::Totals) -> Vec<u8> {
        mkv::head(&self.tracks, self.zero_us, &self.software, totals)
    }

    pub fn end_cluster(&mut self, output: &mut Output) -> io::Result<()> {
        self.cluster.take().map_or(Ok(()), |cluster| output.write(cluster.finish()))
    }

    fn cluster(&mut self, time_ms: i64, output: &mut Output) -> io::Result<&mut mkv::Cluster> {
        let goes_on = |cluster: &mkv::Cluster| cluster.takes(time_ms) && cluster.bytes() < MOST_CLUSTER;
        if !self.cluster.as_ref().is_some_and(goes_on) {
            self.end_cluster(output)?;
        }
        Ok(self.cluster.get_or_insert_with(|| mkv::Cluster::new(time_ms)))
    }
}

impl Sink for Mkv {
    fn begin(&mut self, file: &PartFile, tracks: &[InitTrack], zero_us: i64, output: &mut Output) -> Result<(), Stop> {
        self.tracks = mkv::Track::all(&file.init_segment()?)?;
        self.tracks.retain(|track| is_kept(tracks, track.id));
        self.zero_us = zero_us;
        Ok(output.write(self.head(&mkv::Totals::default()))?)
    }

    fn fragment(&mut self, taken: Taken, at: &At<'_>, output: &mut Output) -> Result<Option<Vec<SampleHead>>, Stop> {
        let kept: Vec<&SampleAt> = taken.samples.iter().filter(|s| is_kept(at.tracks, s.head.track)).collect();
        let time_us = |sample: &SampleAt, ticks: i64| {
            at.timeline.offset_us + micros(ticks, timescale(at.tracks, sample.head.track))
        };
        if taken.stored.core.has_key() {
            self.end_cluster(output)?;
        }
        // Tracks stand one behind the other in a fragment, and side by side here.
        let mut by_time = kept.clone();
        by_time.sort_by_key(|sample| time_us(sample, sample.dts));
        for sample in by_time {
            let shown_us = time_us(sample, sample.dts + i64::from(sample.head.composition));
            let time_ms = ticks(shown_us, 1000);
            let begins = self.cluster.is_none();
            let data = &taken.boxes[sample.offset as usize..sample.range().end as usize];
            let cluster = self.cluster(time_ms, output)?;
            cluster.frame(sample.head.track, time_ms, sample.head.key, data);
            if begins && taken.stored.core.has_key() {
                let (time_ms, track) = (cluster.time_ms(), sample.head.track);
                self.cues.push(mkv::Cue { time_ms, track, cluster_at: output.position() });
            }
            let end_us = time_us(sample, sample.dts + i64::from(sample.duration));
            self.end_ms = self.end_ms.max(ticks(end_us, 1000));
        }
        Ok(Some(kept.iter().map(|sample| sample.head).collect()))
    }
}

/// Playing begins at the first instant that was asked for, and ends with the
/// last.
fn head(
    file: &PartFile,
    tracks: &[InitTrack],
    pieces: &[Piece],
    zero_us: i64,
    (from_us, to_us): (i64, i64),
) -> Result<Vec<u8>, Stop> {
    let ends = pieces.iter().filter_map(|piece| piece.fragments().last().map(|last| last.end_us));
    let end_us = ends.max().unwrap_or(to_us);
    let skip_us = from_us.saturating_sub(zero_us).max(0);
    // The edit's own length where it cuts, the whole file's where not.
    let shown_us = if skip_us > 0 { end_us.min(to_us) - from_us } else { end_us - zero_us };
    Ok(export::init(&file.init_segment()?, tracks, skip_us, shown_us.max(0))?)
}

fn put(taken: Taken, whole: bool, tracks: &[InitTrack], timeline: &Timeline, output: &mut Output) -> Result<(), Stop> {
    let sequence = taken.stored.core.sequence;
    let Taken { samples, mut boxes, moof, .. } = taken;
    match moof {
        Some((begins, ends)) if whole => {
            export::shift(&mut boxes[begins + 8..ends], &|track| timeline.shift(tracks, track))?;
            output.write(Bytes::from(boxes).slice(begins..))?;
        }
        _ => {
            let boxes = Bytes::from(boxes);
            let moved = |sample: &SampleAt| {
                let dts = sample.dts + timeline.shift(tracks, sample.head.track);
                Sample {
                    track: sample.head.track,
                    key: sample.head.key,
                    dts,
                    pts: dts + i64::from(sample.head.composition),
                    duration: sample.duration,
                    data: boxes.slice(sample.offset as usize..sample.range().end as usize),
                }
            };
            let kept: Vec<Sample> =
                samples.iter().filter(|sample| is_kept(tracks, sample.head.track)).map(moved).collect();
            let segment = if kept.is_empty() { export::empty(sequence) } else { moof::segment(sequence, &kept) };
            output.write(segment)?;
        }
    }
    Ok(())
}
