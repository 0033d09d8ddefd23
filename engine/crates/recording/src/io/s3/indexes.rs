//! Copies of indexes on the local disk, of bounded size: timelines and search
//! need indexes alone, and shall not wait for S3.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::io::{Disk, DiskFile, RealDisk};
use crate::write::volume::hex;

/// All copies together, bytes.
const MOST: u64 = 1 << 30;

pub struct Indexes {
    folder: PathBuf,
    most: u64,
    /// By name of the copy: when it was used, its size.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    sizes: HashMap<String, (u64, u64)>,
    bytes: u64,
    turn: u64,
}

/// Indexes, and nothing else, end so.
pub fn is_index(key: &str) -> bool {
    key.ends_with(".vms-idx")
}

fn name(key: &str) -> String {
    hex(&Sha256::digest(key)[..16])
}

impl Indexes {
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        RealDisk.create_folders(&folder)?;
        let mut known = Known::default();
        for entry in RealDisk.list(&folder)? {
            known.bytes += entry.len;
            known.sizes.insert(entry.name, (0, entry.len));
        }
        Ok(Self { folder, most: MOST, known: Mutex::new(known) })
    }

    /// The copy, where there is one of that size.
    pub fn get(&self, key: &str, size: u64) -> Option<Arc<dyn DiskFile>> {
        let name = name(key);
        {
            let mut known = self.known.lock();
            known.turn += 1;
            let turn = known.turn;
            let (used, own) = known.sizes.get_mut(&name)?;
            if *own != size {
                return None;
            }
            *used = turn;
        }
        RealDisk.open(&self.folder.join(name)).ok()
    }

    /// Keeps a copy; without room on the disk there is none.
    pub fn keep(&self, key: &str, bytes: &[u8]) {
        self.forget(key);
        let name = name(key);
        if let Err(error) = RealDisk.replace(&self.folder.join(&name), bytes) {
            tracing::warn!(folder = %self.folder.display(), %error, "an index is not kept here");
            return;
        }
        let mut known = self.known.lock();
        known.turn += 1;
        known.bytes += bytes.len() as u64;
        let turn = known.turn;
        known.sizes.insert(name, (turn, bytes.len() as u64));
        while known.bytes > self.most && known.sizes.len() > 1 {
            let oldest = known.sizes.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { return };
            self.remove(&mut known, &oldest);
        }
    }

    /// The object is another now, or gone.
    pub fn forget(&self, key: &str) {
        self.remove(&mut self.known.lock(), &name(key));
    }

    fn remove(&self, known: &mut Known, name: &str) {
        let Some((_, size)) = known.sizes.remove(name) else { return };
        known.bytes -= size;
        if let Err(error) = RealDisk.remove(&self.folder.join(name)) {
            tracing::warn!(folder = %self.folder.display(), name, %error, "a copy of an index stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::scratch;

    #[test]
    fn copies_outlive_a_restart_and_the_oldest_go_first() {
        let folder = scratch("indexes");
        let indexes = Indexes { most: 250, ..Indexes::open(folder.clone()).expect("a folder") };
        let size = |indexes: &Indexes, key| indexes.get(key, 100).map(|file| file.size().expect("a size"));
        ["a", "b"].iter().for_each(|key| indexes.keep(key, &[7; 100]));
        assert_eq!((size(&indexes, "a"), size(&indexes, "x")), (Some(100), None));
        assert!(indexes.get("a", 99).is_none(), "of another size it is of another object");
        indexes.keep("c", &[7; 100]);
        assert_eq!((size(&indexes, "a"), size(&indexes, "b"), size(&indexes, "c")), (Some(100), None, Some(100)));
        indexes.forget("a");
        let again = Indexes::open(folder.clone()).expect("a folder");
        assert_eq!((size(&again, "a"), size(&again, "c")), (None, Some(100)));
        std::fs::remove_dir_all(folder).expect("the folder goes");
    }
}
