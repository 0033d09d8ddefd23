//! Files as recording needs them, so that a test can put a disk that fails in
//! the place of the real one.

mod real;
pub mod s3;
#[cfg(test)]
pub mod sim;

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;
pub use s3::S3Disk;

/// A file that is written from one thread and made durable from another.
pub trait DiskFile: Send + Sync {
    /// Writes all slices from `offset` on, in one call where the system takes
    /// them in one. After an error the bytes from `offset` on are undefined.
    fn write_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()>;
    /// Reads until the buffer is full or the file ends; returns how many.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    fn size(&self) -> io::Result<u64>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Bytes and length are durable when this returns (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Begins to write what was given, without waiting.
    fn start_sync(&self) {}
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub len: u64,
    pub directory: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub total: u64,
    pub free: u64,
}

/// Held as long as the lock shall be.
pub struct Lock {
    _held: Box<dyn Send + Sync>,
}

/// Whether a lock was taken, or what its owner wrote into it.
pub enum Locked {
    Ours(Lock),
    Theirs(String),
}

pub trait Disk: Send + Sync + 'static {
    /// A new file; one that exists is an error.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// A file that exists.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// A file that is read once, as a whole: nothing of it is kept in memory.
    fn open_once(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }
    fn create_folders(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder are durable when this returns.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder that is empty; any other is an error.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// In no order; names that are no UTF-8 are left out.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    fn space(&self, path: &Path) -> io::Result<Space>;
    /// Locks a file until the process ends, and writes `owner` into it.
    fn lock(&self, path: &Path, owner: &str) -> io::Result<Locked>;

    /// A file is there only once it was synced, as a whole, and renaming costs
    /// a copy: it is made under its own name.
    fn puts_whole(&self) -> bool {
        false
    }

    /// Why nothing of it can be read at the moment, as far as that is known
    /// without asking.
    fn trouble(&self) -> Option<String> {
        None
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let mut bytes = vec![0; usize::try_from(file.size()?).map_err(io::Error::other)?];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Puts a whole file in place at once: a reader sees the old or the new.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".new");
        let new = path.with_file_name(name);
        match self.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.create(&new)?;
        file.write_at(0, &[IoSlice::new(bytes)])?;
        file.sync()?;
        self.rename(&new, path)?;
        match path.parent() {
            Some(folder) => self.sync_folder(folder),
            None => Ok(()),
        }
    }
}

/// An empty folder of a test's own, on the real disk.
#[cfg(test)]
pub fn scratch(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("vms-{name}-{:016x}", rand::random::<u64>()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}
