//! What lies in the bucket, known without asking: nobody else writes there.
//!
//! It is listed once after each start and each few hours, and kept in a file:
//! a start without the store still knows what there is. Each change is a line
//! behind it; a line that a power cut takes comes back with the next list.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::io::Entry;

pub struct Listing {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The volume's identity.
    volume: Option<String>,
    objects: BTreeMap<String, u64>,
    file: Option<File>,
    /// Changes since a list of the whole bucket began.
    meanwhile: Option<Vec<(String, Option<u64>)>>,
}

impl Known {
    fn change(&mut self, key: &str, size: Option<u64>) {
        match size {
            Some(size) => self.objects.insert(key.to_owned(), size),
            None => self.objects.remove(key),
        };
    }
}

/// `volume ID`, `+SIZE KEY`, `-KEY`.
fn line(key: &str, size: Option<u64>) -> String {
    size.map_or_else(|| format!("-{key}\n"), |size| format!("+{size} {key}\n"))
}

impl Listing {
    /// Reads what was known; a line that says nothing is passed over.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let mut known = Known::default();
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        for line in String::from_utf8_lossy(&text).lines() {
            if let Some(volume) = line.strip_prefix("volume ") {
                known.volume = Some(volume.to_owned());
            } else if let Some(key) = line.strip_prefix('-') {
                known.objects.remove(key);
            } else if let Some((size, key)) = line.strip_prefix('+').and_then(|rest| rest.split_once(' '))
                && let Ok(size) = size.parse()
            {
                known.objects.insert(key.to_owned(), size);
            }
        }
        known.file = Some(OpenOptions::new().create(true).append(true).open(&path)?);
        Ok(Self { path, known: Mutex::new(known) })
    }

    pub fn volume(&self) -> Option<String> {
        self.known.lock().volume.clone()
    }

    pub fn learn_volume(&self, id: &str) {
        let mut known = self.known.lock();
        if known.volume.as_deref() != Some(id) {
            known.volume = Some(id.to_owned());
            self.append(&mut known, &format!("volume {id}\n"));
        }
    }

    pub fn size(&self, key: &str) -> Option<u64> {
        self.known.lock().objects.get(key).copied()
    }

    /// An object was put there, or went.
    pub fn changed(&self, key: &str, size: Option<u64>) {
        let mut known = self.known.lock();
        known.change(key, size);
        if let Some(meanwhile) = &mut known.meanwhile {
            meanwhile.push((key.to_owned(), size));
        }
        self.append(&mut known, &line(key, size));
    }

    fn append(&self, known: &mut Known, line: &str) {
        let Some(file) = &mut known.file else { return };
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::error!(path = %self.path.display(), %error, "what lies in S3 is not remembered");
            known.file = None;
        }
    }

    /// A list of the whole bucket begins.
    pub fn begin(&self) {
        self.known.lock().meanwhile = Some(Vec::new());
    }

    /// It has ended; what changed meanwhile counts more.
    pub fn replace(&self, objects: BTreeMap<String, u64>) -> io::Result<()> {
        let mut known = self.known.lock();
        known.objects = objects;
        for (key, size) in known.meanwhile.take().unwrap_or_default() {
            known.change(&key, size);
        }
        known.file = None;
        let new = self.path.with_extension("new");
        let mut file = io::BufWriter::new(File::create(&new)?);
        if let Some(volume) = &known.volume {
            writeln!(file, "volume {volume}")?;
        }
        for (key, size) in &known.objects {
            file.write_all(line(key, Some(*size)).as_bytes())?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        std::fs::rename(&new, &self.path)?;
        known.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        Ok(())
    }

    /// What a folder holds: `folder` ends with a slash, or is empty.
    pub fn list(&self, folder: &str) -> Vec<Entry> {
        let known = self.known.lock();
        let mut entries = Vec::new();
        let mut from = Bound::Included(folder.to_owned());
        while let Some((key, size)) = known.objects.range::<String, _>((from, Bound::Unbounded)).next() {
            let Some(rest) = key.strip_prefix(folder) else { break };
            match rest.split_once('/') {
                Some((name, _)) => {
                    entries.push(Entry { name: name.to_owned(), len: 0, directory: true });
                    // Behind all that begins with this folder's name and a slash.
                    from = Bound::Included(format!("{folder}{name}0"));
                }
                None => {
                    entries.push(Entry { name: rest.to_owned(), len: *size, directory: false });
                    from = Bound::Excluded(key.clone());
                }
            }
        }
        entries
    }
}

/// A name for this installation, made once: only one writes to a bucket.
pub fn writer_id(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let id = crate::write::volume::hex(&rand::random::<[u8; 16]>());
    let mut file = File::create(path)?;
    file.write_all(id.as_bytes())?;
    file.sync_all()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::scratch;

    #[test]
    fn folders_are_told_once_and_outlive_a_restart() {
        let folder = scratch("listing");
        let path = folder.join("objects");
        let listing = Listing::open(path.clone()).expect("a file");
        listing.learn_volume("abc");
        for (key, size) in [("cameras/gate/1/a", 1), ("cameras/gate/1/b", 2), ("cameras/gate-2/1/a", 3), ("volume", 4)]
        {
            listing.changed(key, Some(size));
        }
        let names = |listing: &Listing, folder: &str| -> Vec<String> {
            listing.list(folder).into_iter().map(|entry| format!("{} {}", entry.name, entry.len)).collect()
        };
        assert_eq!(names(&listing, ""), ["cameras 0", "volume 4"]);
        assert_eq!(names(&listing, "cameras/"), ["gate-2 0", "gate 0"]);
        assert_eq!(names(&listing, "cameras/gate/1/"), ["a 1", "b 2"]);
        listing.changed("cameras/gate/1/a", None);
        let again = Listing::open(path.clone()).expect("a file");
        assert_eq!(
            (again.volume().as_deref(), names(&again, "cameras/gate/1/")),
            (Some("abc"), vec!["b 2".to_owned()])
        );

        again.begin();
        again.changed("cameras/gate/2/new", Some(9));
        again.changed("cameras/gate/1/b", None);
        let listed = [("cameras/gate/1/b".to_owned(), 2), ("cameras/gate/1/c".to_owned(), 5)];
        again.replace(listed.into()).expect("written");
        for listing in [&again, &Listing::open(path).expect("a file")] {
            assert_eq!(names(listing, "cameras/gate/1/"), ["c 5"]);
            assert_eq!(names(listing, "cameras/gate/2/"), ["new 9"]);
            assert_eq!(listing.volume().as_deref(), Some("abc"));
        }
        std::fs::remove_dir_all(folder).expect("the folder goes");
    }
}
