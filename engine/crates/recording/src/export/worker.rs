//! One job, from its plan to files that are whole.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::atomic::Ordering;

use vms_format::ledger::{Gap, Reason};
use vms_format::manifest::{self, About, Maker};
use vms_format::mkv;
use vms_format::mp4::{uuid, uuid_box};
use vms_format::{FormatError, Hash};

use super::file::{self, Copied, Mkv, Mp4};
use super::lapse;
use super::output::{Hashed, Output};
use super::plan::{Piece, Wanted};
use super::proof::{Evidence, joined, spans};
use super::{Container, ExportFile, Fault, GapReport, Job, Means, State};
use crate::calls::CallError;
use crate::read::{Archive, stream_name};
use crate::write::stream::code_of;
use crate::write::volume::hex;

/// One file holds at most so many fragments, about four hours: its manifest is
/// made in memory, a kilobyte for each.
const MOST_FRAGMENTS: usize = 30_000;

/// Why a job ends early.
#[derive(Debug)]
pub enum Stop {
    Cancelled,
    Failed(Fault),
}

impl Stop {
    pub fn failed(code: &str, detail: impl Into<String>) -> Self {
        let values = BTreeMap::from([("detail".to_owned(), detail.into().into())]);
        Self::Failed(Fault { code: code.to_owned(), values })
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        let full = matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT));
        Self::failed(if full { "disk_full" } else { "export_disk" }, error.to_string())
    }
}

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        Self::failed("recording_unreadable", error.to_string())
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::failed(error.code, error.message)
    }
}

/// What the copying of one job needs.
pub struct Work<'a> {
    means: &'a Means,
    job: &'a Job,
}

impl Work<'_> {
    pub fn archive(&self) -> &Archive {
        &self.means.archive
    }

    pub fn go_on(&self) -> Result<(), Stop> {
        if self.job.cancelled.load(Ordering::Acquire) { Err(Stop::Cancelled) } else { Ok(()) }
    }

    pub fn did(&self, bytes: u64) {
        self.job.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Makes all files, or none.
pub fn run(means: &Means, job: &Job) -> (State, Option<Fault>) {
    let work = Work { means, job };
    let mut names = HashSet::new();
    let made = job.plan.wanted.iter().try_for_each(|wanted| work.stream(wanted, &mut names));
    let stop = match made {
        Ok(()) if job.told.lock().files.is_empty() => Stop::failed("no_recording", "no fragment could be read"),
        Ok(()) => return (State::Done, None),
        Err(stop) => stop,
    };
    for file in &job.told.lock().files {
        for name in [&file.name, &file.manifest] {
            if let Err(error) = means.disk.remove(&job.request.folder.join(name)) {
                tracing::warn!(name, %error, "a file of an export that ended early stays");
            }
        }
    }
    match stop {
        Stop::Cancelled => (State::Cancelled, None),
        Stop::Failed(fault) => {
            tracing::warn!(export = job.request.id, code = fault.code, values = ?fault.values, "an export failed");
            (State::Failed, Some(fault))
        }
    }
}

impl Work<'_> {
    fn stream(&self, wanted: &Wanted, names: &mut HashSet<String>) -> Result<(), Stop> {
        let mut evidence = Evidence::gather(self.means, wanted)?;
        let files = self.split(wanted);
        for (at, pieces) in files.iter().enumerate() {
            // Between them the files cover the whole period, so each gap is told.
            let from_us = if at == 0 { wanted.from_us } else { first_us(pieces) };
            let to_us = files.get(at + 1).map_or(wanted.to_us, |next| first_us(next));
            let name = free_name(&wanted.name, names);
            self.file(wanted, &mut evidence, pieces, (from_us, to_us), &name)?;
        }
        Ok(())
    }

    /// A file ends where another init segment begins, and where it is too long.
    fn split(&self, wanted: &Wanted) -> Vec<Vec<Piece>> {
        let mut files: Vec<Vec<Piece>> = Vec::new();
        let (mut init, mut count) = (None, 0);
        for piece in &wanted.pieces {
            let own = self.archive().open(&piece.part).ok().and_then(|file| file.init_id().ok());
            let is_other = own.is_some() && init.is_some() && own != init;
            init = own.or(init);
            if files.is_empty() || is_other {
                files.push(Vec::new());
                count = 0;
            }
            let mut start = piece.range.start;
            for at in piece.range.clone() {
                if count >= MOST_FRAGMENTS && piece.part.fragments[at].key {
                    push(&mut files, piece, start..at);
                    files.push(Vec::new());
                    (start, count) = (at, 0);
                }
                count += 1;
            }
            push(&mut files, piece, start..piece.range.end);
        }
        files.retain(|pieces| !pieces.is_empty());
        files
    }

    fn file(
        &self,
        wanted: &Wanted,
        evidence: &mut Evidence,
        pieces: &[Piece],
        period: (i64, i64),
        name: &str,
    ) -> Result<(), Stop> {
        let (folder, disk) = (&self.job.request.folder, &self.means.disk);
        let container = self.job.request.container;
        let (ending, hashed) = match container {
            Container::Mp4 => ("mp4", Hashed::AsWritten),
            Container::Mkv => ("mkv", Hashed::AtTheEnd),
        };
        let (file_name, manifest_name) = (format!("{name}.{ending}"), format!("{name}.manifest.json"));
        let mut output = Output::create(disk, folder, &file_name, hashed)?;
        let mut mkv = Mkv { software: self.means.context.software.clone(), ..Mkv::default() };
        let audio = self.job.request.audio;
        let copied = match container {
            _ if wanted.every_us.is_some() => lapse::copied(self, pieces, &mut output)?,
            Container::Mp4 => file::copy(self, audio, pieces, &mut Mp4 { pieces, period }, &mut output)?,
            Container::Mkv => file::copy(self, audio, pieces, &mut mkv, &mut output)?,
        };
        if copied.exported.is_empty() {
            return Ok(());
        }
        let there = match wanted.every_us {
            Some(_) => joined(pieces.iter().flat_map(|piece| piece.spans.clone()).collect()),
            None => spans(&copied.exported),
        };
        let gaps = evidence.gaps(&there, &copied.unread, period);
        let maker = self.maker(wanted, evidence, &copied, &gaps, period, &file_name);
        let key = self.means.context.keys.current();
        let (inside, sha256) = match container {
            Container::Mp4 => {
                let inside = maker.sign(&key, Some(output.sha256()?))?;
                output.write(uuid_box(&uuid::MANIFEST, &inside.to_json()?))?;
                (inside, output.sha256()?)
            }
            Container::Mkv => {
                let inside = maker.sign(&key, None)?;
                let sha256 = end_mkv(&mut mkv, &inside.to_json()?, &mut output)?;
                (inside, sha256)
            }
        };
        let bytes = output.position();
        let beside = inside.signed(&key, Some(sha256))?.to_json()?;
        self.go_on()?;
        output.finish()?;
        disk.replace(&folder.join(&manifest_name), &beside)?;
        let (from_us, to_us) = period;
        self.job.told.lock().files.push(ExportFile {
            name: file_name,
            manifest: manifest_name,
            camera: wanted.camera.clone(),
            stream: stream_name(wanted.stream).as_str(),
            bytes,
            sha256: hex(&sha256),
            from_us,
            to_us,
            gaps: gaps.iter().map(|gap| gap_report(wanted, gap)).collect(),
        });
        Ok(())
    }

    fn maker(
        &self,
        wanted: &Wanted,
        evidence: &mut Evidence,
        copied: &Copied,
        gaps: &[Gap],
        period: (i64, i64),
        file: &str,
    ) -> Maker {
        let request = &self.job.request;
        let about = About {
            from_us: period.0,
            to_us: period.1,
            exported_us: (self.means.context.now_us)(),
            by: request.by.clone(),
            why: request.why.clone(),
            file: file.to_owned(),
            derived: wanted.every_us.is_some(),
        };
        let mut maker = Maker::new(&evidence.owner, wanted.stream, about);
        evidence.prove(self.archive(), wanted, &mut maker, &copied.exported, period);
        gaps.iter().for_each(|gap| maker.gap(gap));
        maker
    }
}

/// Cues and manifest, and the head with the places of both.
fn end_mkv(mkv: &mut Mkv, manifest: &[u8], output: &mut Output) -> io::Result<Hash> {
    mkv.end_cluster(output)?;
    let cues_at = output.position();
    output.write(mkv::cues(&mkv.cues))?;
    let attachments_at = output.position();
    output.write(mkv::attachment(manifest::FILE_NAME, "application/json", manifest))?;
    let duration_ms = u64::try_from(mkv.end_ms).unwrap_or(0);
    let totals = mkv::Totals { bytes: output.position(), duration_ms, cues_at, attachments_at };
    output.replace_head(&mkv.head(&totals))
}

fn push(files: &mut [Vec<Piece>], piece: &Piece, range: std::ops::Range<usize>) {
    if let Some(last) = files.last_mut().filter(|_| !range.is_empty()) {
        last.push(Piece { range, ..piece.clone() });
    }
}

fn first_us(pieces: &[Piece]) -> i64 {
    pieces.first().and_then(|piece| piece.fragments().first()).map_or(0, |first| first.utc_us)
}

/// `NAME`, `NAME-2`, and so on, each once in a job.
fn free_name(name: &str, names: &mut HashSet<String>) -> String {
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !names.contains(name));
    let free = free.unwrap_or_else(|| name.to_owned());
    names.insert(free.clone());
    free
}

fn gap_report(wanted: &Wanted, gap: &Gap) -> GapReport {
    let reason = Reason::from_code(gap.reason);
    GapReport {
        camera: wanted.camera.clone(),
        stream: stream_name(wanted.stream).as_str(),
        from_us: gap.from_us,
        to_us: gap.to_us,
        reason: reason.map_or_else(|| format!("reason_{}", gap.reason), |reason| code_of(reason).to_owned()),
        values: serde_json::from_str(&gap.values).unwrap_or_default(),
    }
}
