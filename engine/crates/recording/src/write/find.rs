//! Where a camera's parts lie.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vms_format::PartId;
use vms_format::names::{FileKind, Name};

use crate::io::{Disk, Entry};

use super::volume::Volume;

/// The highest number of a part in that hour, of `first`'s stream. A volume
/// that cannot be read has none: it is told by whoever watches the volume.
pub fn highest_part(volume: &Volume, camera: &str, first: PartId) -> Option<u16> {
    let day = volume.camera(camera).join(first.path(FileKind::Video));
    let day = day.parent()?;
    let entries = list(volume, day);
    let date = day.file_name()?.to_str()?;
    let parts = entries.iter().filter_map(|entry| Name::parse(&format!("{camera}/{date}/{}", entry.name))?.part);
    parts.filter(|part| part.hour == first.hour && part.stream == first.stream).map(|part| part.part).max()
}

/// The parts of a stream from an hour on that lie on a volume.
pub fn parts_from(volume: &Volume, camera: &str, first: PartId) -> Vec<PartId> {
    let folder = volume.camera(camera);
    let since = first.path(FileKind::Video);
    let since = since.split('/').next().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    // Dates in their order of text are in their order of time.
    for day in list(volume, &folder).into_iter().filter(|entry| entry.directory && entry.name >= since) {
        for entry in list(volume, &folder.join(&day.name)) {
            let part = Name::parse(&format!("{camera}/{}/{}", day.name, entry.name)).and_then(|name| name.part);
            found.extend(part.filter(|part| part.stream == first.stream && part.hour >= first.hour));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A folder that cannot be read is empty, and told.
fn list(volume: &Volume, folder: &Path) -> Vec<Entry> {
    volume.disk.list(folder).unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(folder = %folder.display(), %error, "a folder cannot be listed");
        }
        Vec::new()
    })
}

/// The files of a part that are there.
pub struct PartFiles {
    pub volume: Arc<Volume>,
    pub video: PathBuf,
    pub index: PathBuf,
    pub encrypted: bool,
}

/// Looks for a part on all volumes that are there.
pub fn find_part(volumes: &[Arc<Volume>], camera: &str, part: PartId) -> Option<PartFiles> {
    for volume in volumes.iter().filter(|volume| volume.is_there()) {
        let folder = volume.camera(camera);
        for (kind, encrypted) in [(FileKind::Video, false), (FileKind::Sealed, true)] {
            let video = folder.join(part.path(kind));
            if exists(&*volume.disk, &video) {
                let index = folder.join(part.path(FileKind::Index));
                return Some(PartFiles { volume: volume.clone(), video, index, encrypted });
            }
        }
    }
    None
}

fn exists(disk: &dyn Disk, path: &Path) -> bool {
    disk.open(path).is_ok()
}
