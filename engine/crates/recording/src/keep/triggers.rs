//! When something was triggered: lines in a file a camera, beside the second
//! copies of the ledgers. Thinning to events needs it, and marks on time lines.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use vms_format::names::{MAIN, SUB};

use crate::io::Disk;

/// Triggers that are so near to each other are one: motion tells each second.
const NEAR_US: i64 = 2_000_000;
/// A file is written anew each time it has grown by this.
const COMPACT_AT: u64 = 1 << 20;

/// The times that triggers touched: by stream, oldest first, apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<(u8, i64, i64)>);

fn path(folder: &Path, camera: &str) -> PathBuf {
    folder.join(format!("{camera}.triggers"))
}

/// Adds one line: stream, from, until. Durable when it returns.
pub fn add(disk: &dyn Disk, folder: &Path, camera: &str, stream: u8, from_us: i64, until_us: i64) -> io::Result<()> {
    let path = path(folder, camera);
    let file = match disk.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = disk.create(&path)?;
            disk.sync_folder(folder)?;
            file
        }
        other => other?,
    };
    let line = format!("{stream} {from_us} {until_us}\n");
    let size = file.size()?;
    file.write_at(size, &[IoSlice::new(line.as_bytes())])?;
    file.sync()?;
    if size / COMPACT_AT != (size + line.len() as u64) / COMPACT_AT {
        disk.replace(&path, Spans::read(disk, folder, camera)?.lines().as_bytes())?;
    }
    Ok(())
}

/// The triggers of all cameras; a file is read again when it has changed.
pub struct Triggers {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    cache: Mutex<HashMap<String, (u64, Arc<Spans>)>>,
}

impl Triggers {
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self { disk, folder, cache: Mutex::default() }
    }

    /// Those of a camera; without a file nothing is known of any.
    #[must_use]
    pub fn of(&self, camera: &str) -> Arc<Spans> {
        let Ok(size) = self.disk.open(&path(&self.folder, camera)).and_then(|file| file.size()) else {
            return Arc::default();
        };
        if let Some((read, spans)) = self.cache.lock().get(camera)
            && *read == size
        {
            return spans.clone();
        }
        let spans = Arc::new(Spans::read(&*self.disk, &self.folder, camera).unwrap_or_default());
        self.cache.lock().insert(camera.to_owned(), (size, spans.clone()));
        spans
    }
}

impl Spans {
    /// Reads a camera's triggers; without the file nothing is known, which is
    /// an error.
    pub fn read(disk: &dyn Disk, folder: &Path, camera: &str) -> io::Result<Self> {
        let text = disk.read(&path(folder, camera))?;
        let parse = |line: &str| {
            let mut words = line.split(' ');
            let stream = words.next()?.parse().ok().filter(|stream| [MAIN, SUB].contains(stream))?;
            Some((stream, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        };
        // A last line that a power cut tore says nothing whole.
        Ok(Self::merged(String::from_utf8_lossy(&text).lines().filter_map(parse).collect()))
    }

    fn merged(mut all: Vec<(u8, i64, i64)>) -> Self {
        all.sort_unstable();
        let mut apart: Vec<(u8, i64, i64)> = Vec::new();
        for (stream, from, until) in all {
            match apart.last_mut() {
                Some(last) if last.0 == stream && from <= last.2.saturating_add(NEAR_US) => last.2 = last.2.max(until),
                _ => apart.push((stream, from, until)),
            }
        }
        Self(apart)
    }

    fn lines(&self) -> String {
        self.0.iter().map(|(stream, from, until)| format!("{stream} {from} {until}\n")).collect()
    }

    /// What of one stream lies within a time, cut to it.
    #[must_use]
    pub fn within(&self, stream: u8, from_us: i64, to_us: i64) -> Vec<[i64; 2]> {
        let first = self.0.partition_point(|(of, _, until)| (*of, *until) <= (stream, from_us));
        let those = self.0[first..].iter().take_while(|(of, from, _)| *of == stream && *from < to_us);
        those.map(|(_, from, until)| [(*from).max(from_us), (*until).min(to_us)]).collect()
    }

    /// Those of one stream, with what is recorded around each.
    #[must_use]
    pub fn of(&self, stream: u8, pre_us: i64, post_us: i64) -> Self {
        let own = self.0.iter().filter(|(of, ..)| *of == stream);
        Self(own.map(|(of, from, until)| (*of, from - pre_us, until + post_us)).collect())
    }

    #[must_use]
    pub fn touch(&self, from_us: i64, to_us: i64) -> bool {
        self.0.iter().any(|(_, from, until)| *from < to_us && from_us <= *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{RealDisk, scratch};

    #[test]
    fn triggers_that_touch_are_one_and_are_cut_to_the_time_that_is_asked() {
        let folder = scratch("triggers-merged");
        let triggers = Triggers::new(Arc::new(RealDisk), folder.clone());
        assert_eq!(*triggers.of("gate"), Spans::default());
        let s = 1_000_000;
        for (stream, from, until) in [(MAIN, 10, 12), (SUB, 11, 40), (MAIN, 13, 15), (MAIN, 20, 21), (MAIN, 11, 12)] {
            add(&RealDisk, &folder, "gate", stream, from * s, until * s).expect("written");
        }
        let spans = triggers.of("gate");
        assert_eq!(spans.within(MAIN, 0, 60 * s), [[10 * s, 15 * s], [20 * s, 21 * s]]);
        assert_eq!(spans.within(MAIN, 14 * s, 20 * s + 1), [[14 * s, 15 * s], [20 * s, 20 * s + 1]]);
        assert_eq!(spans.within(SUB, 0, 12 * s), [[11 * s, 12 * s]]);
        assert_eq!(spans.within(MAIN, 16 * s, 20 * s), [[0; 2]; 0]);
        assert_eq!(spans.lines().lines().count(), 3);
        std::fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn a_file_that_grows_is_written_anew_without_what_is_one() {
        let folder = scratch("triggers-compact");
        let line = "0 1790000000000000 1790000001000000\n";
        let lines = COMPACT_AT as usize / line.len();
        std::fs::write(folder.join("gate.triggers"), line.repeat(lines)).expect("a file");
        add(&RealDisk, &folder, "gate", MAIN, 5, 6).expect("written");
        let text = std::fs::read_to_string(folder.join("gate.triggers")).expect("there");
        assert_eq!(text, format!("0 5 6\n{line}"));
        std::fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn triggers_come_back_from_their_file_a_torn_line_does_not() {
        let folder = scratch("triggers");
        assert!(Spans::read(&RealDisk, &folder, "gate").is_err());
        add(&RealDisk, &folder, "gate", MAIN, 100, 200).expect("written");
        add(&RealDisk, &folder, "gate", SUB, 500, 600).expect("written");
        let whole = std::fs::read(folder.join("gate.triggers")).expect("there");
        std::fs::write(folder.join("gate.triggers"), [&whole[..], b"0 70"].concat()).expect("a file");
        let spans = Spans::read(&RealDisk, &folder, "gate").expect("read");
        let main = spans.of(MAIN, 10, 20);
        assert!(main.touch(80, 91) && main.touch(220, 300) && !main.touch(80, 90) && !main.touch(221, 300));
        assert!(!main.touch(505, 506) && !spans.of(SUB, 0, 0).touch(100, 200));
        std::fs::remove_dir_all(folder).expect("ours");
    }
}
