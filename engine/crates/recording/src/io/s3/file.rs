//! Objects as files: read in ranges, written from the beginning to the end.

use std::io::{self, IoSlice};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Shared;
use super::blocks::Blocks;
use super::client::When;
use super::indexes::is_index;
use crate::io::DiskFile;

/// An object that is longer goes in pieces of so many bytes; ten thousand of
/// them are the most that S3 takes.
const PIECE: usize = 16 << 20;

/// An object that is read.
pub struct Reading {
    shared: Arc<Shared>,
    name: Arc<str>,
    size: u64,
    /// Where it is read once, so that others' blocks stay.
    own: Option<Blocks>,
    /// Its copy on the local disk.
    copy: OnceLock<Arc<dyn DiskFile>>,
}

impl Reading {
    pub fn new(shared: Arc<Shared>, name: String, size: u64) -> Self {
        Self { shared, name: name.into(), size, own: None, copy: OnceLock::new() }
    }

    /// From the store itself, whatever is known of it here.
    pub fn once(shared: Arc<Shared>, name: String, size: u64) -> Self {
        Self { own: Some(Blocks::default()), ..Self::new(shared, name, size) }
    }

    /// An index is fetched as a whole, once.
    fn copy(&self) -> io::Result<Option<&Arc<dyn DiskFile>>> {
        if !is_index(&self.name) || self.own.is_some() || self.copy.get().is_some() {
            return Ok(self.copy.get());
        }
        let indexes = &self.shared.indexes;
        if indexes.get(&self.name, self.size).is_none() {
            indexes.keep(&self.name, &self.get(0, self.size)?);
        }
        Ok(indexes.get(&self.name, self.size).map(|file| self.copy.get_or_init(|| file)))
    }

    fn get(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let bytes = self.shared.client.get(When::Working, &self.shared.key(&self.name), offset, len);
        let bytes = self.shared.notice(&self.name, bytes)?;
        if bytes.len() as u64 == len {
            Ok(bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "S3: the object is shorter than it was"))
        }
    }
}

impl DiskFile for Reading {
    fn write_at(&self, _offset: u64, _slices: &[IoSlice<'_>]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self.copy()? {
            Some(copy) => copy.read_at(offset, buffer),
            None => {
                let blocks = self.own.as_ref().unwrap_or(&self.shared.blocks);
                blocks.read(&self.name, self.size, offset, buffer, |offset, len| self.get(offset, len))
            }
        }
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// An object in the making. It is there once it is synced; dropped before, it
/// leaves nothing.
pub struct Upload {
    shared: Arc<Shared>,
    name: String,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    /// Not sent yet.
    waiting: Vec<u8>,
    sent: u64,
    /// Where it goes in pieces.
    upload: Option<String>,
    tags: Vec<String>,
    done: bool,
}

impl Upload {
    pub fn new(shared: Arc<Shared>, name: String) -> Self {
        Self { shared, name, made: Mutex::default() }
    }

    fn send(&self, made: &mut Made) -> io::Result<()> {
        let (client, key) = (&self.shared.client, self.shared.key(&self.name));
        let upload = match &made.upload {
            Some(upload) => upload.clone(),
            None => made.upload.insert(client.begin(&key)?).clone(),
        };
        let number = u16::try_from(made.tags.len() + 1).map_err(io::Error::other)?;
        made.tags.push(client.piece(&key, &upload, number, &made.waiting)?);
        made.sent += made.waiting.len() as u64;
        made.waiting.clear();
        Ok(())
    }
}

impl DiskFile for Upload {
    fn write_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let mut made = self.made.lock();
        if made.done || offset != made.sent + made.waiting.len() as u64 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        for slice in slices {
            let mut rest = &slice[..];
            while !rest.is_empty() {
                if made.waiting.len() == PIECE {
                    self.send(&mut made)?;
                }
                let (now, later) = rest.split_at(rest.len().min(PIECE - made.waiting.len()));
                made.waiting.extend_from_slice(now);
                rest = later;
            }
        }
        Ok(())
    }

    fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn size(&self) -> io::Result<u64> {
        let made = self.made.lock();
        Ok(made.sent + made.waiting.len() as u64)
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut made = self.made.lock();
        if made.done {
            return Ok(());
        }
        let (client, key) = (&self.shared.client, self.shared.key(&self.name));
        if made.upload.is_none() {
            client.put(When::Working, &key, &made.waiting, false)?;
        } else {
            self.send(&mut made)?;
            client.complete(&key, made.upload.as_deref().unwrap_or_default(), &made.tags)?;
        }
        made.done = true;
        let size = made.sent.max(made.waiting.len() as u64);
        self.shared.changed(&self.name, Some(size));
        if is_index(&self.name) && size == made.waiting.len() as u64 {
            self.shared.indexes.keep(&self.name, &made.waiting);
        }
        made.waiting = Vec::new();
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let made = self.made.get_mut();
        if let (false, Some(upload)) = (made.done, &made.upload)
            && let Err(error) = self.shared.client.abort(&self.shared.key(&self.name), upload)
        {
            tracing::warn!(name = self.name, %error, "pieces of an upload stay in S3");
        }
    }
}
