//! The folder that files are played from, and nothing beside it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use vms_media::ReadAt;

use crate::reason::Reason;

/// What files of video are called.
const ENDINGS: [&str; 16] = [
    "mp4", "m4v", "mov", "mkv", "webm", "ts", "mts", "flv", "h264", "264", "avc", "h265", "265", "hevc", "jpg", "jpeg",
];
/// More are not played of one folder.
const MOST_FILES: usize = 10_000;

/// What an address names.
#[derive(Debug)]
pub struct Shelf {
    root: PathBuf,
    /// Below the root, as the address has it.
    name: PathBuf,
}

impl Shelf {
    /// `media_dir` may be absent, and `name` may be anything.
    pub fn new(media_dir: Option<&Path>, name: &str) -> Result<Self, Reason> {
        let refused = |detail: String| Reason::FileRefused { detail };
        let Some(root) = media_dir else {
            return Err(refused("the settings name no folder for files (source.media_dir)".to_owned()));
        };
        let path = Path::new(name);
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || name.contains('\0') || !is_plain {
            return Err(refused(format!("{name:?} is no name below the folder for files")));
        }
        // A folder that is not there is as good as a file that is not.
        let root = root.canonicalize().map_err(|error| why(&error, &root.display().to_string()))?;
        Ok(Self { root, name: path.to_owned() })
    }

    /// The files to play, in the order of their names; one where the address
    /// names one.
    pub fn list(&self) -> Result<Vec<PathBuf>, Reason> {
        let (real, told) = self.find(&self.name)?;
        if !real.is_dir() {
            return Ok(vec![self.name.clone()]);
        }
        let mut names = Vec::new();
        for entry in real.read_dir().map_err(|error| why(&error, &told))? {
            let name = entry.map_err(|error| why(&error, &told))?.file_name();
            if is_video(&name) && names.len() < MOST_FILES {
                names.push(name);
            }
        }
        names.sort_unstable();
        if names.is_empty() {
            return Err(Reason::FileNotFound { detail: format!("{told}: a folder without files of video") });
        }
        Ok(names.into_iter().map(|name: OsString| self.name.join(name)).collect())
    }

    /// Opens one of them. Whatever links lead to, and whoever moves folders
    /// meanwhile: what is opened lies below the root.
    pub fn open(&self, name: &Path) -> Result<Box<dyn ReadAt>, Reason> {
        let (real, told) = self.find(name)?;
        let mut options = OpenOptions::new();
        // A pipe would be waited for, a link would lead on.
        options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC);
        let file = options.open(&real).map_err(|error| why(&error, &told))?;
        let meta = file.metadata().map_err(|error| why(&error, &told))?;
        if !meta.is_file() {
            return Err(Reason::FileRefused { detail: format!("{told}: no regular file") });
        }
        if !place_of(&file, &real).map_err(|error| why(&error, &told))?.starts_with(&self.root) {
            return Err(self.outside(&told));
        }
        Ok(Box::new(Opened { file, len: meta.len() }))
    }

    /// The real path of a name, and its words; below the root.
    fn find(&self, name: &Path) -> Result<(PathBuf, String), Reason> {
        let told = name.display().to_string();
        let real = self.root.join(name).canonicalize().map_err(|error| why(&error, &told))?;
        if real.starts_with(&self.root) { Ok((real, told)) } else { Err(self.outside(&told)) }
    }

    fn outside(&self, told: &str) -> Reason {
        Reason::FileRefused { detail: format!("{told}: it leads out of the folder for files") }
    }
}

/// Where what was opened really lies.
#[cfg(target_os = "linux")]
fn place_of(file: &File, _path: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(not(target_os = "linux"))]
fn place_of(_file: &File, path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

fn is_video(name: &OsStr) -> bool {
    let path = Path::new(name);
    let ending = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    let is_hidden = name.as_encoded_bytes().starts_with(b".");
    !is_hidden && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn why(error: &io::Error, told: &str) -> Reason {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Reason::FileNotFound { detail: told.to_owned() },
        _ => Reason::FileRefused { detail: format!("{told}: {error}") },
    }
}

/// A file as long as it was when it was opened.
struct Opened {
    file: File,
    len: u64,
}

impl ReadAt for Opened {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), String> {
        self.file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "it became shorter while it was played".to_owned(),
            _ => error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder for files beside one that is nobody's business.
    struct House(PathBuf);

    impl House {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("vms-shelf-{name}-{}", std::process::id()));
            std::fs::create_dir_all(folder.join("media/day")).expect("a folder");
            std::fs::create_dir_all(folder.join("media-of-others")).expect("a folder");
            for file in ["media/one.mp4", "media/day/2.ts", "media/day/1.MKV", "media/day/.3.ts", "media/day/notes.txt"]
            {
                std::fs::write(folder.join(file), file).expect("a file");
            }
            std::fs::write(folder.join("media-of-others/secret.mp4"), "secret").expect("a file");
            Self(folder)
        }

        fn try_open(&self, name: &str) -> Result<String, &'static str> {
            let media = self.0.join("media");
            let opened = Shelf::new(Some(&media), name).and_then(|shelf| {
                let list = shelf.list()?;
                shelf.open(&list[0])
            });
            let mut file = opened.map_err(|reason| reason.code())?;
            let mut bytes = vec![0; file.len() as usize];
            file.read_at(0, &mut bytes).expect("it can be read");
            Ok(String::from_utf8(bytes).expect("text"))
        }
    }

    impl Drop for House {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).expect("ours");
        }
    }

    #[test]
    fn files_lie_below_the_folder_however_they_are_named() {
        let house = House::new("below");
        let media = house.0.join("media");
        symlink(media.join("one.mp4"), media.join("inside.mp4")).expect("a link");
        symlink("../media-of-others/secret.mp4", media.join("out.mp4")).expect("a link");
        symlink("../media-of-others", media.join("away")).expect("a link");
        symlink("/etc", media.join("etc")).expect("a link");
        symlink("loop.mp4", media.join("loop.mp4")).expect("a link");
        assert_eq!(house.try_open("one.mp4"), Ok("media/one.mp4".into()));
        assert_eq!(house.try_open("inside.mp4"), Ok("media/one.mp4".into()));
        for refused in [
            "out.mp4",
            "away/secret.mp4",
            "away",
            "etc",
            "etc/passwd",
            "loop.mp4",
            "../media-of-others/secret.mp4",
            "day/../../media-of-others/secret.mp4",
            "/etc/passwd",
            "",
            ".",
            "..",
            "one.mp4\0",
        ] {
            assert_eq!(house.try_open(refused), Err("file_refused"), "{refused:?}");
        }
        for missing in ["two.mp4", "one.mp4/x", "night/1.ts"] {
            assert_eq!(house.try_open(missing), Err("file_not_found"), "{missing:?}");
        }
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        let house = House::new("regular");
        let pipe = house.0.join("media/pipe.mp4");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is installed");
        assert!(made.success());
        assert_eq!(house.try_open("pipe.mp4"), Err("file_refused"));
    }

    #[test]
    fn a_folder_is_played_in_the_order_of_names() {
        let house = House::new("order");
        let shelf = Shelf::new(Some(&house.0.join("media")), "day").expect("a folder");
        assert_eq!(shelf.list(), Ok(vec![PathBuf::from("day/1.MKV"), PathBuf::from("day/2.ts")]));
        std::fs::create_dir(house.0.join("media/empty")).expect("a folder");
        assert_eq!(house.try_open("empty"), Err("file_not_found"));
    }

    #[test]
    fn without_a_folder_for_files_none_is_opened() {
        let refused = Shelf::new(None, "one.mp4").err().map(|reason| reason.code());
        assert_eq!(refused, Some("file_refused"));
        let gone = Shelf::new(Some(Path::new("/nowhere/at/all")), "one.mp4").err().map(|reason| reason.code());
        assert_eq!(gone, Some("file_not_found"));
    }

    #[test]
    fn a_file_that_became_shorter_is_told() {
        let house = House::new("shorter");
        let media = house.0.join("media");
        let shelf = Shelf::new(Some(&media), "one.mp4").expect("a folder");
        let mut file = shelf.open(Path::new("one.mp4")).expect("a file");
        std::fs::write(media.join("one.mp4"), "x").expect("ours");
        assert_eq!(file.read_at(0, &mut [0; 8]), Err("it became shorter while it was played".into()));
    }
}
