//! A bucket of an S3 store as a disk, for parts that nobody writes any more.
//!
//! An object appears whole, with the sync of its file, and has its name from
//! the beginning: renaming costs a copy. What lies there is known from
//! [`listing`]; bytes come by ranged requests through [`blocks`], indexes from
//! copies on the local disk. Nothing here is a thread: [`tend`] is.

mod blocks;
mod client;
#[cfg(test)]
pub mod fake;
mod file;
mod indexes;
mod listing;
mod tend;
mod tls;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use self::blocks::Blocks;
use self::client::{Client, When};
use self::file::{Reading, Upload};
use self::indexes::Indexes;
use self::listing::Listing;
use super::{Disk, DiskFile, Entry, Lock, Locked, Space};
use crate::config::S3Config;

pub use tend::Tender;
#[cfg(test)]
pub use tend::look;

/// Room where nobody set a limit.
pub const ENDLESS: u64 = 1 << 50;

#[derive(Clone)]
pub struct S3Disk(Arc<Shared>);

struct Shared {
    root: PathBuf,
    prefix: String,
    client: Client,
    listing: Listing,
    blocks: Blocks,
    indexes: Indexes,
    writer: String,
}

impl S3Disk {
    /// `folder` is a local one of its own, for what is remembered.
    pub fn open(config: S3Config, folder: &Path) -> Result<Self, String> {
        let said = |error: io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(said)?;
        let shared = Shared {
            root: config.root(),
            prefix: config.folder(),
            listing: Listing::open(folder.join("objects")).map_err(said)?,
            indexes: Indexes::open(folder.join("indexes")).map_err(said)?,
            writer: listing::writer_id(&folder.join("writer")).map_err(said)?,
            blocks: Blocks::default(),
            client: Client::new(config)?,
        };
        Ok(Self(Arc::new(shared)))
    }

    /// The volume that lies there, as far as it was ever opened.
    #[must_use]
    pub fn known_volume(&self) -> Option<String> {
        self.0.listing.volume()
    }

    /// Lists all that lies there anew. A bucket that is not this volume's any
    /// more changes nothing of what is known.
    fn list_anew(&self) -> io::Result<()> {
        let shared = &*self.0;
        shared.listing.begin();
        let mut objects = BTreeMap::new();
        shared.client.list(&shared.prefix, |key, size| {
            if let Some(name) = key.strip_prefix(&shared.prefix) {
                objects.insert(name.to_owned(), size);
            }
            Ok(())
        })?;
        if let Some(known) = shared.listing.volume() {
            if !objects.contains_key(crate::write::volume::IDENTITY) {
                return Err(io::Error::other("it is empty, or another bucket"));
            }
            let own: Identity = serde_json::from_slice(&self.whole(crate::write::volume::IDENTITY)?)?;
            if own.volume != known {
                return Err(io::Error::other("this is another volume"));
            }
        }
        shared.blocks.clear();
        shared.listing.replace(objects)
    }

    fn whole(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.client.get_whole(when(name), &self.0.key(name))
    }

    /// A path as its name below the prefix.
    fn name(&self, path: &Path) -> io::Result<String> {
        let below = path.strip_prefix(&self.0.root).map_err(io::Error::other)?;
        let name = below.to_str().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(name.to_owned())
    }

    fn folder(&self, path: &Path) -> io::Result<String> {
        let name = self.name(path)?;
        Ok(if name.is_empty() { name } else { name + "/" })
    }
}

#[derive(Deserialize)]
struct Identity {
    volume: String,
}

/// What lies beside the recordings says whether the store is there.
fn when(name: &str) -> When {
    if name.starts_with("cameras/") { When::Working } else { When::Always }
}

impl Shared {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// An object is there, or gone, or another.
    fn changed(&self, name: &str, size: Option<u64>) {
        self.blocks.forget(name);
        self.indexes.forget(name);
        self.listing.changed(name, size);
    }

    /// What is not there after all is not known any more.
    fn notice<T>(&self, name: &str, result: io::Result<T>) -> io::Result<T> {
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            tracing::error!(name, "an object is gone from S3 that nobody here removed");
            self.changed(name, None);
        }
        result
    }
}

impl Disk for S3Disk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let name = self.name(path)?;
        if self.0.listing.size(&name).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(Arc::new(Upload::new(self.0.clone(), name)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let name = self.name(path)?;
        let size = self.0.listing.size(&name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Reading::new(self.0.clone(), name, size)))
    }

    fn open_once(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let name = self.name(path)?;
        let size = self.0.listing.size(&name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Reading::once(self.0.clone(), name, size)))
    }

    fn create_folders(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Not at once: a kill leaves both names, or the old one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (source, new) = (self.open_once(from)?, Upload::new(self.0.clone(), self.name(to)?));
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        loop {
            match source.read_at(at, &mut buffer)? {
                0 => break,
                read => new.write_at(at, &[io::IoSlice::new(&buffer[..read])])?,
            }
            at = new.size()?;
        }
        new.sync()?;
        self.remove(from)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let name = self.name(path)?;
        if self.0.listing.size(&name).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        match self.0.client.delete(&self.0.key(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.0.changed(&name, None);
        Ok(())
    }

    fn remove_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        Ok(self.0.listing.list(&self.folder(path)?))
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space { total: ENDLESS, free: ENDLESS })
    }

    /// A lock that outlives its process: it belongs to an installation.
    fn lock(&self, path: &Path, owner: &str) -> io::Result<Locked> {
        let (name, own) = (self.name(path)?, format!("{} {owner}", self.0.writer));
        match self.0.client.put(When::Always, &self.0.key(&name), own.as_bytes(), true) {
            Ok(()) => {}
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {
                let found = String::from_utf8_lossy(&self.whole(&name)?).into_owned();
                let (writer, theirs) = found.split_once(' ').unwrap_or_default();
                if writer != self.0.writer {
                    return Ok(Locked::Theirs(format!("{}; remove {name} if it is gone", theirs.trim())));
                }
                self.0.client.put(When::Always, &self.0.key(&name), own.as_bytes(), false)?;
            }
        }
        Ok(Locked::Ours(Lock { _held: Box::new(()) }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let name = self.name(path)?;
        if when(&name) == When::Always {
            return self.whole(&name);
        }
        let size = self.0.listing.size(&name).ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        let read = Reading::new(self.0.clone(), name, size).read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let name = self.name(path)?;
        self.0.client.put(when(&name), &self.0.key(&name), bytes, false)?;
        self.0.changed(&name, Some(bytes.len() as u64));
        Ok(())
    }

    fn puts_whole(&self) -> bool {
        true
    }

    fn trouble(&self) -> Option<String> {
        self.0.client.trouble.get()
    }
}
