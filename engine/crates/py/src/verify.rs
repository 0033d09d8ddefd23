//! Proving files without an engine: JSON in, a report as JSON out.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::Deserialize;
use vms_format::Hash;
use vms_format::source::{Source, SourceError};
use vms_format::verify::{Options, Tree, verify};
use vms_wasm::{Answer, GivenFile, Request};

/// Bytes of a file: of a member of a ZIP they begin where it lies.
#[derive(Deserialize)]
pub struct Place {
    path: PathBuf,
    offset: u64,
    bytes: u64,
}

/// Is opened for each read: a camera has more files than a process may hold.
impl Source for Place {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let fits = offset.checked_add(buffer.len() as u64).is_some_and(|end| end <= self.bytes);
        if !fits {
            return Err(SourceError(format!("{} bytes at {offset} are past the end", buffer.len())));
        }
        let read = File::open(&self.path).and_then(|file| file.read_exact_at(buffer, self.offset + offset));
        read.map_err(|error| SourceError(format!("{}: {error}", self.path.display())))
    }
}

/// What is to be proved.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asked {
    /// A camera's folder: files by their paths below `cameras`.
    Camera {
        camera: String,
        files: BTreeMap<String, Place>,
        hours: Option<(u32, u32)>,
        stream: Option<u8>,
        pin: Option<Hash>,
        masters: BTreeMap<String, [u8; 32]>,
    },
    /// A video with its manifest, or loose files of a recording.
    Files { files: BTreeMap<String, Place>, pin: String },
}

pub fn answer(asked: &Asked) -> Answer {
    match asked {
        Asked::Camera { camera, files, hours, stream, pin, masters } => {
            let tree: Tree<'_> = files.iter().map(|(path, place)| (path.clone(), place as &dyn Source)).collect();
            let hours = hours.map(|(first, last)| first..=last);
            let options = Options { pinned: *pin, masters: masters.clone(), hours, stream: *stream };
            match verify(camera, &tree, &options) {
                Ok(report) => Answer::Recording(report),
                Err(error) => Answer::Error("unreadable", error.to_string()),
            }
        }
        Asked::Files { files, pin } => {
            let given = files.keys().map(|name| GivenFile { name: name.clone() }).collect();
            let sources: Vec<&dyn Source> = files.values().map(|place| place as &dyn Source).collect();
            vms_wasm::answer(&Request { files: given, pin: pin.clone() }, &sources)
        }
    }
}
