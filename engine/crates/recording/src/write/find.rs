//! Where a camera's parts lie.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use vms_format::PartId;
use vms_format::names::{FileKind, Name};

use crate::io::Disk;

use super::volume::Volume;

/// The highest number of a part in that hour, of `first`'s stream. A volume
/// that cannot be read has none: it is told by whoever watches the volume.
pub fn highest_part(volume: &Volume, camera: &str, first: PartId) -> Option<u16> {
    let day = volume.camera(camera).join(first.path(FileKind::Video));
    let day = day.parent()?;
    let entries = match volume.disk.list(day) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(folder = %day.display(), %error, "a folder cannot be listed");
            }
            return None;
        }
    };
    let date = day.file_name()?.to_str()?;
    let parts = entries.iter().filter_map(|entry| Name::parse(&format!("{camera}/{date}/{}", entry.name))?.part);
    parts.filter(|part| part.hour == first.hour && part.stream == first.stream).map(|part| part.part).max()
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

fn exists(disk: &dyn Disk, path: &std::path::Path) -> bool {
    disk.open(path).is_ok()
}
