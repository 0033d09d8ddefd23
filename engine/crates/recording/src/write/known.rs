//! Which volume had which name, kept beside the ledgers' copies: a folder
//! whose disk is not mounted must not become a new volume.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::io::Disk;

pub struct KnownVolumes {
    path: PathBuf,
    ids: BTreeMap<String, String>,
    changed: bool,
}

impl KnownVolumes {
    /// What cannot be read counts as not known, and is told.
    pub fn load(disk: &dyn Disk, folder: &Path) -> Self {
        let path = folder.join("volumes.json");
        let ids = match disk.read(&path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)) {
            Ok(ids) => ids,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(path = %path.display(), %error, "the list of volumes cannot be read");
                }
                BTreeMap::new()
            }
        };
        Self { path, ids, changed: false }
    }

    pub fn id(&self, name: &str) -> Option<&str> {
        self.ids.get(name).map(String::as_str)
    }

    pub fn learn(&mut self, name: &str, id: &str) {
        self.changed |= self.ids.insert(name.to_owned(), id.to_owned()).as_deref() != Some(id);
    }

    pub fn save(&mut self, disk: &dyn Disk) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let saved = serde_json::to_vec(&self.ids).map_err(io::Error::from);
        if let Err(error) = saved.and_then(|bytes| disk.replace(&self.path, &bytes)) {
            tracing::error!(path = %self.path.display(), %error, "the list of volumes cannot be written");
        }
    }
}
