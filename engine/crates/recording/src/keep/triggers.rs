//! When something was triggered: lines in a file a camera, beside the second
//! copies of the ledgers. Thinning to events needs it, and nothing else does.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use vms_format::names::{MAIN, SUB};

use crate::io::Disk;

/// The times that triggers touched.
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
    file.write_at(file.size()?, &[IoSlice::new(line.as_bytes())])?;
    file.sync()
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
        Ok(Self(String::from_utf8_lossy(&text).lines().filter_map(parse).collect()))
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
