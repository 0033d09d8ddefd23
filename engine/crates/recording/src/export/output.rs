//! A file of an export while it is written: under another name, hashed by a
//! thread of its own, in place when it is whole.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use vms_format::Hash;

use crate::io::{Disk, DiskFile};

/// What is written at once.
const BATCH: usize = 4 << 20;
/// The system begins to write to the disk so often, so that it never has to
/// write all at the end.
const START_SYNC_EVERY: u64 = 16 << 20;
/// Batches that may wait to be hashed.
const HASHED_LATER: usize = 4;

/// Of a file that is not whole.
pub const UNFINISHED: &str = ".part";

enum ToHash {
    Bytes(Vec<Bytes>),
    Tell(SyncSender<Hash>),
}

pub struct Output {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    unfinished: PathBuf,
    size: u64,
    synced: u64,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    hasher: Option<(SyncSender<ToHash>, JoinHandle<()>)>,
    hashed: Hashed,
    finished: bool,
}

/// When bytes are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashed {
    AsWritten,
    /// Once the beginning is known, which comes last.
    AtTheEnd,
}

impl Output {
    pub fn create(disk: &Arc<dyn Disk>, folder: &Path, name: &str, hashed: Hashed) -> io::Result<Self> {
        let path = folder.join(name);
        let unfinished = folder.join(format!("{name}{UNFINISHED}"));
        match disk.remove(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(&unfinished)?;
        let (to_hash, from) = sync_channel(HASHED_LATER);
        let hash = move || {
            let mut hasher = Sha256::new();
            for message in from {
                match message {
                    ToHash::Bytes(batch) => batch.iter().for_each(|bytes| hasher.update(bytes)),
                    // Who asked may have given up.
                    ToHash::Tell(answer) => drop(answer.send(hasher.clone().finalize().into())),
                }
            }
        };
        let hasher = std::thread::Builder::new().name("export-hash".into()).spawn(hash)?;
        Ok(Self {
            disk: disk.clone(),
            file,
            path,
            unfinished,
            size: 0,
            synced: 0,
            batch: Vec::new(),
            batch_bytes: 0,
            hasher: Some((to_hash, hasher)),
            hashed,
            finished: false,
        })
    }

    pub fn write(&mut self, bytes: impl Into<Bytes>) -> io::Result<()> {
        let bytes = bytes.into();
        self.batch_bytes += bytes.len();
        self.batch.push(bytes);
        if self.batch_bytes >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Bytes given so far.
    pub fn position(&self) -> u64 {
        self.size + self.batch_bytes as u64
    }

    fn flush(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if self.hashed == Hashed::AsWritten {
            // A clone counts references.
            self.send(ToHash::Bytes(batch.clone()))?;
        }
        let slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
        self.file.write_at(self.size, &slices)?;
        self.size += std::mem::take(&mut self.batch_bytes) as u64;
        if self.size - self.synced >= START_SYNC_EVERY {
            self.file.start_sync();
            self.synced = self.size;
        }
        Ok(())
    }

    fn send(&self, message: ToHash) -> io::Result<()> {
        let gone = || io::Error::other("the thread that hashes an export has ended");
        let (to_hash, _) = self.hasher.as_ref().ok_or_else(gone)?;
        to_hash.send(message).map_err(|_| gone())
    }

    /// Of all that was given so far.
    pub fn sha256(&mut self) -> io::Result<Hash> {
        self.flush()?;
        self.hash_so_far()
    }

    fn hash_so_far(&self) -> io::Result<Hash> {
        let (tell, told) = sync_channel(1);
        self.send(ToHash::Tell(tell))?;
        told.recv().map_err(io::Error::other)
    }

    /// Writes the beginning anew, in its length. Returns the hash of the whole
    /// file, which is read for it: nothing may have been hashed before.
    pub fn replace_head(&mut self, head: &[u8]) -> io::Result<Hash> {
        self.flush()?;
        self.file.write_at(0, &[IoSlice::new(head)])?;
        // The disk writes while the file is read and hashed.
        self.file.start_sync();
        let mut at = 0;
        while at < self.size {
            let mut buffer = vec![0; BATCH];
            let read = self.file.read_at(at, &mut buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer.truncate(read);
            at += read as u64;
            self.send(ToHash::Bytes(vec![buffer.into()]))?;
        }
        self.hash_so_far()
    }

    /// Durable, and under its own name.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync()?;
        self.disk.rename(&self.unfinished, &self.path)?;
        self.finished = true;
        match self.path.parent() {
            Some(folder) => self.disk.sync_folder(folder),
            None => Ok(()),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((to_hash, hasher)) = self.hasher.take() {
            drop(to_hash);
            // A panic has been reported by its own hook.
            let _ = hasher.join();
        }
        if !self.finished
            && let Err(error) = self.disk.remove(&self.unfinished)
        {
            tracing::warn!(path = %self.unfinished.display(), %error, "a piece of an export stays");
        }
    }
}
