//! Looking through the disks in the background, and making lost indexes again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
use vms_format::names::{FileKind, Name};
use vms_format::record::{Close, Header, kind, scan};
use vms_format::recover::{HashFrom, rebuilt_index, recover};
use vms_format::verify::file_hash;
use vms_format::{FormatError, Source, SourceError};

use crate::calls::{Answer, CallError, CallKind};
use crate::read::part::FileSource;
use crate::service::Recording;
use crate::write::volume::Volume;

use super::act::ActError;
use super::holds::CameraRequest;
use super::keeper::Keeping;
use super::proof::Finding;
use super::stock::{Files, Stock};

/// What a check reads at most, so that recording does not wait for it.
const BYTES_A_SECOND: f64 = 32.0 * 1024.0 * 1024.0;
const MOST_FINDINGS: usize = 1_000;

#[derive(Clone, Debug, Default, Serialize)]
pub struct Worked {
    counts: BTreeMap<&'static str, u64>,
    findings: Vec<Finding>,
}

impl Worked {
    fn count(&mut self, what: &'static str, more: u64) {
        *self.counts.entry(what).or_default() += more;
    }

    fn find(&mut self, code: &str, file: String, at_us: i64, detail: String) {
        self.count("findings", 1);
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { code: code.to_owned(), file, at_us, detail });
        }
    }
}

/// The check that runs, or the last one until it was told.
#[derive(Default)]
pub struct Checks(Mutex<Option<(bool, Worked)>>);

fn name(files: &Files, kind: FileKind) -> String {
    Name { camera: files.camera.clone(), kind, part: Some(files.id) }.path()
}

/// Whether an index is whole and its part's own; with its last CLOSE.
fn look_at_index(files: &Files) -> Result<Option<Close>, &'static str> {
    let disk = &*files.volume.disk;
    let bytes = disk.read(&files.path(FileKind::Index)).map_err(|_| "index_missing")?;
    let found = scan(&bytes).map_err(|_| "index_unreadable")?;
    let header = found.records.first().and_then(|(_, record)| Header::parse(record).ok());
    if header.is_none_or(|header| header.part != Some(files.id) || header.owner.camera != files.camera) {
        return Err("index_other");
    }
    if !found.torn.is_empty() {
        return Err("records_torn");
    }
    let close = found.records.iter().rfind(|(_, record)| record.kind == kind::CLOSE);
    Ok(close.and_then(|(_, record)| Close::parse(record).ok()))
}

/// Reads no faster than it may, and ends when the process does.
struct Slow<'a> {
    source: FileSource,
    keeping: &'a Keeping,
}

impl Source for Slow<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let begun = Instant::now();
        self.source.read_at(offset, buffer)?;
        let due = Duration::from_secs_f64(buffer.len() as f64 / BYTES_A_SECOND);
        if self.keeping.pause(due.saturating_sub(begun.elapsed())) {
            return Err(SourceError("the process ends".to_owned()));
        }
        Ok(())
    }
}

impl Keeping {
    fn check_part(&self, files: &Files, worked: &mut Worked) {
        worked.count("parts", 1);
        let Some(video) = files.video() else {
            worked.find("video_missing", name(files, FileKind::Video), files.start_us(), String::new());
            return;
        };
        match look_at_index(files) {
            Err(code) => worked.find(code, name(files, FileKind::Index), files.start_us(), String::new()),
            Ok(None) => worked.count("not_closed", 1),
            Ok(Some(close)) => {
                let source = FileSource::open_once(&*files.volume.disk, &files.path(video));
                let source = source.map_err(|error| SourceError(error.to_string()));
                match source.and_then(|source| file_hash(&Slow { source, keeping: self })) {
                    Ok(hash) if hash == close.sha256 => worked.count("bytes", close.size),
                    Ok(_) => worked.find("hash_other", name(files, video), files.start_us(), String::new()),
                    Err(error) => worked.find("unreadable", name(files, video), files.start_us(), error.to_string()),
                }
            }
        }
    }

    fn check_all(&self, cameras: &[String], tell: &dyn Fn(&Worked)) -> Worked {
        let mut worked = Worked::default();
        for camera in cameras {
            for volume in self.context.everywhere.iter().filter(|volume| volume.is_there()) {
                strangers(volume, camera, &mut worked);
            }
            if let Err(error) = self.book(camera, true) {
                worked.find("ledger_unreadable", format!("{camera}/ledger.vms-idx"), 0, error.to_string());
            }
            let mut stock = Stock::default();
            stock.list_camera(&self.context.everywhere, camera);
            for files in stock.0.values() {
                if self.is_stopping() {
                    return worked;
                }
                if !self.is_open(files) {
                    self.check_part(files, &mut worked);
                    tell(&worked);
                }
            }
        }
        worked
    }

    /// Makes the index of a part again, where it is missing or damaged.
    fn rebuild_part(&self, files: &Files, worked: &mut Worked) {
        worked.count("parts", 1);
        let (Err(code), Some(video)) = (look_at_index(files), files.video()) else { return };
        let index = name(files, FileKind::Index);
        let Some(_claim) = self.moves.claim(&files.camera, files.id) else {
            return worked.find("not_rebuilt", index, files.start_us(), "it is being moved or removed".to_owned());
        };
        let rebuild = || -> Result<(), ActError> {
            let disk = &*files.volume.disk;
            let source = FileSource::open(disk, &files.path(video))?;
            let masters = crate::read::part::masters_in(self.context.keys.folder().to_owned());
            let key = crate::read::part::PartFile::open(disk, &files.place(), &masters)?.into_key();
            let found = recover(&source, key.as_ref(), HashFrom::START)?;
            let bytes = rebuilt_index(&found)?;
            // Nobody removes or moves it: the claim is ours.
            disk.replace(&files.path(FileKind::Index), &bytes)?;
            Ok(())
        };
        match rebuild() {
            Ok(()) => {
                worked.count("rebuilt", 1);
                worked.find(code, index, files.start_us(), "made again from the video".to_owned());
            }
            Err(error) => worked.find("not_rebuilt", index, files.start_us(), error.to_string()),
        }
    }
}

/// Files that the format does not know: they are told, and left alone.
fn strangers(volume: &Volume, camera: &str, worked: &mut Worked) {
    let root = volume.camera(camera);
    let list = |path: &std::path::Path| volume.disk.list(path).unwrap_or_default();
    for entry in list(&root) {
        let inside = if entry.directory { list(&root.join(&entry.name)) } else { Vec::new() };
        let below = inside.iter().map(|file| format!("{camera}/{}/{}", entry.name, file.name));
        let own = (!entry.directory).then(|| format!("{camera}/{}", entry.name));
        for path in own.into_iter().chain(below) {
            worked.count("files", 1);
            if Name::parse(&path).is_none() {
                worked.find("foreign_file", path, 0, String::new());
            }
        }
    }
}

impl Recording {
    /// Begins a check, or tells how far it is; what it found is told once,
    /// and asking again begins the next.
    pub fn check(&self, asked: &CameraRequest) -> Result<Answer, CallError> {
        let cameras = self.cameras_of(asked)?;
        let keeping = self.keeping();
        let mut check = keeping.checks.0.lock();
        if let Some((running, worked)) = check.take() {
            let mut answer = worked.clone();
            answer.count("running", running.into());
            if running {
                *check = Some((true, worked));
            }
            return Answer::of(&answer);
        }
        *check = Some((true, Worked::default()));
        drop(check);
        let own: Arc<Keeping> = keeping.clone();
        let run = move || {
            let tell = |worked: &Worked| *own.checks.0.lock() = Some((true, worked.clone()));
            let worked = own.check_all(&cameras, &tell);
            *own.checks.0.lock() = Some((false, worked));
        };
        let started = std::thread::Builder::new().name("recordings-check".into()).spawn(run);
        started.map_err(|error| CallError::new(CallKind::Internal, "internal", format!("no threads: {error}")))?;
        let mut answer = Worked::default();
        answer.count("running", 1);
        Answer::of(&answer)
    }

    pub fn rebuild(&self, asked: &CameraRequest) -> Result<Answer, CallError> {
        let keeping = self.keeping();
        let mut worked = Worked::default();
        for camera in self.cameras_of(asked)? {
            let mut stock = Stock::default();
            stock.list_camera(self.everywhere(), &camera);
            for files in stock.0.values().filter(|files| !keeping.is_open(files)) {
                keeping.rebuild_part(files, &mut worked);
            }
        }
        Answer::of(&worked)
    }
}

impl From<SourceError> for ActError {
    fn from(error: SourceError) -> Self {
        Self::Format(FormatError::Source(error))
    }
}
