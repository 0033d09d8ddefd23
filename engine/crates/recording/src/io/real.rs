//! The disk of the operating system.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{Disk, DiskFile, Entry, Lock, Locked, Space};

/// More slices than this the system refuses (IOV_MAX).
const MAX_SLICES: usize = 1024;

#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

struct RealFile(File);

impl RealFile {
    /// Writes what the system takes in one call.
    fn write_some(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        let count = slices.len().min(MAX_SLICES) as libc::c_int;
        // SAFETY: `IoSlice` has the layout of `iovec`; `count` of them are
        // alive for the call, which only reads through them.
        let written = unsafe { libc::pwritev(self.0.as_raw_fd(), slices.as_ptr().cast(), count, offset) };
        if written < 0 { Err(io::Error::last_os_error()) } else { Ok(written as usize) }
    }
}

impl DiskFile for RealFile {
    fn write_at(&self, mut offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let mut owned: Vec<IoSlice<'_>> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut rest = &mut owned[..];
        while !rest.is_empty() {
            match self.write_some(offset, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(some) => read += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn start_sync(&self) {
        #[cfg(target_os = "linux")]
        // SAFETY: takes no pointers. It is a hint: the sync that follows tells
        // of errors.
        unsafe {
            libc::sync_file_range(self.0.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE);
        }
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(true).create_new(true).open(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let about = entry.metadata()?;
            entries.push(Entry { name, len: about.len(), directory: about.is_dir() });
        }
        Ok(entries)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: `statvfs` is plain data for which zero is valid; the path is
        // a C string that lives for the call.
        let about = unsafe {
            let mut about: libc::statvfs = std::mem::zeroed();
            if libc::statvfs(path.as_ptr(), &raw mut about) != 0 {
                return Err(io::Error::last_os_error());
            }
            about
        };
        let unit = about.f_frsize;
        Ok(Space { total: about.f_blocks * unit, free: about.f_bavail * unit })
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<Locked> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.rewind()?;
                file.write_all(owner.as_bytes())?;
                Ok(Locked::Ours(Lock { _held: Box::new(file) }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut theirs = String::new();
                file.read_to_string(&mut theirs)?;
                Ok(Locked::Theirs(theirs))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
