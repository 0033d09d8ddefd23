//! What lies on the volumes: parts by their files, from the folders alone. No
//! file is opened: a month of fifty cameras is some hundred thousand.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use vms_format::PartId;
use vms_format::names::{FileKind, Name, is_camera};
use vms_format::time::{Day, HOUR_US, hour_start_us};

use crate::read::part::PartPlace;
use crate::write::volume::Volume;

/// A part ends at the first key frame of the next hour, or a minute after it;
/// its last fragment may be a little longer.
const PART_US: i64 = HOUR_US + 120_000_000;
/// What a file in the making is called behind its name.
pub const NEW: &str = ".new";

/// A part's files on one volume.
#[derive(Clone)]
pub struct Files {
    pub volume: Arc<Volume>,
    pub camera: String,
    pub id: PartId,
    pub sizes: BTreeMap<FileKind, u64>,
    /// Files in the making that nobody finished.
    pub unfinished: Vec<FileKind>,
}

impl Files {
    #[must_use]
    pub fn new(volume: &Arc<Volume>, camera: &str, id: PartId) -> Self {
        let camera = camera.to_owned();
        Self { volume: volume.clone(), camera, id, sizes: BTreeMap::new(), unfinished: Vec::new() }
    }

    #[must_use]
    pub fn path(&self, kind: FileKind) -> PathBuf {
        self.volume.camera(&self.camera).join(self.id.path(kind))
    }

    /// Where a file is made before it takes its place.
    #[must_use]
    pub fn new_path(&self, kind: FileKind) -> PathBuf {
        self.volume.camera(&self.camera).join(self.id.path(kind) + NEW)
    }

    #[must_use]
    pub fn day(&self) -> PathBuf {
        self.volume.camera(&self.camera).join(Day::of_hour(self.id.hour).to_string())
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sizes.values().sum()
    }

    /// The kind of its video, where there is one.
    #[must_use]
    pub fn video(&self) -> Option<FileKind> {
        [FileKind::Video, FileKind::Sealed].into_iter().find(|kind| self.sizes.contains_key(kind))
    }

    #[must_use]
    pub fn start_us(&self) -> i64 {
        hour_start_us(self.id.hour)
    }

    #[must_use]
    pub fn end_us(&self) -> i64 {
        self.start_us().saturating_add(PART_US)
    }

    #[must_use]
    pub fn place(&self) -> PartPlace {
        let kind = self.video().unwrap_or(FileKind::Video);
        PartPlace {
            id: self.id,
            camera: self.camera.clone(),
            volume: self.volume.name.clone(),
            video: self.path(kind),
            index: self.path(FileKind::Index),
            encrypted: kind == FileKind::Sealed,
        }
    }
}

/// Camera, part, volume.
pub type StockKey = (String, PartId, String);

/// All parts, as far as the last look at the folders found them.
#[derive(Clone, Default)]
pub struct Stock(pub BTreeMap<StockKey, Files>);

impl Stock {
    /// Lists all days from `since` on again, and forgets what is not there.
    pub fn look(&mut self, volumes: &[Arc<Volume>], since: Option<Day>) {
        let is_old = |id: &PartId| since.is_some_and(|since| Day::of_hour(id.hour) < since);
        for volume in volumes.iter().filter(|volume| volume.is_there()) {
            match list(volume, since) {
                Ok(found) => {
                    self.0.retain(|(_, id, name), _| *name != volume.name || is_old(id));
                    self.0.extend(found);
                }
                Err(error) => tracing::warn!(volume = volume.name, %error, "a volume cannot be listed"),
            }
            volume.counted(self.bytes_of(&volume.name));
        }
    }

    /// Lists one camera.
    pub fn list_camera(&mut self, volumes: &[Arc<Volume>], camera: &str) {
        for volume in volumes.iter().filter(|volume| volume.is_there()) {
            let listed = list_camera(volume, camera, None, &mut self.0);
            if let Err(error) = listed
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(volume = volume.name, camera, %error, "a camera cannot be listed");
            }
        }
    }

    #[must_use]
    pub fn bytes_of(&self, volume: &str) -> u64 {
        self.0.values().filter(|files| files.volume.name == volume).map(Files::bytes).sum()
    }
}

fn list(volume: &Arc<Volume>, since: Option<Day>) -> io::Result<BTreeMap<StockKey, Files>> {
    let mut found: BTreeMap<StockKey, Files> = BTreeMap::new();
    for camera in volume.disk.list(&volume.cameras())?.into_iter().filter(|e| e.directory && is_camera(&e.name)) {
        list_camera(volume, &camera.name, since, &mut found)?;
    }
    Ok(found)
}

fn list_camera(
    volume: &Arc<Volume>,
    camera: &str,
    since: Option<Day>,
    found: &mut BTreeMap<StockKey, Files>,
) -> io::Result<()> {
    for day in volume.disk.list(&volume.camera(camera))?.into_iter().filter(|entry| entry.directory) {
        let Some(date) = Day::parse(&day.name) else { continue };
        if since.is_none_or(|since| date >= since) {
            list_day(volume, camera, &day.name, found)?;
        }
    }
    Ok(())
}

fn list_day(volume: &Arc<Volume>, camera: &str, day: &str, found: &mut BTreeMap<StockKey, Files>) -> io::Result<()> {
    for entry in volume.disk.list(&volume.camera(camera).join(day))? {
        let stem = entry.name.strip_suffix(NEW);
        let name = Name::parse(&format!("{camera}/{day}/{}", stem.unwrap_or(&entry.name)));
        let Some(Name { kind, part: Some(id), .. }) = name else { continue };
        let key = (camera.to_owned(), id, volume.name.clone());
        let files = found.entry(key).or_insert_with(|| Files::new(volume, camera, id));
        if stem.is_some() {
            files.unfinished.push(kind);
        } else {
            files.sizes.insert(kind, entry.len);
        }
    }
    Ok(())
}
