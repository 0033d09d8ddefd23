//! A part that is being written: its video file, its index, its checksum.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest, Sha256};
use vms_format::names::FileKind;
use vms_format::part::{PartWriter, StreamState, Written};
use vms_format::{FormatError, Fragment, Hash, PartId, Stored};

use crate::io::DiskFile;

use super::commit::Round;
use super::volume::{Volume, hex};

pub struct OpenPart {
    pub volume: Arc<Volume>,
    pub writer: PartWriter,
    folder: PathBuf,
    kind: FileKind,
    /// Made with the first fragment: a part exists from that on.
    files: Option<Files>,
    /// Of the video, and of the index, so far.
    checksums: [Sha256; 2],
    /// Makes the last fragment durable.
    round: Option<Round>,
}

struct Files {
    video: Arc<dyn DiskFile>,
    index: Arc<dyn DiskFile>,
    index_size: u64,
}

/// Why a fragment was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl OpenPart {
    /// `camera` is the camera's folder on `volume`.
    pub fn new(volume: Arc<Volume>, camera: PathBuf, writer: PartWriter, encrypted: bool) -> Self {
        let kind = if encrypted { FileKind::Sealed } else { FileKind::Video };
        Self { volume, writer, folder: camera, kind, files: None, checksums: Default::default(), round: None }
    }

    #[must_use]
    pub fn id(&self) -> PartId {
        self.writer.part()
    }

    /// Which round of the volume makes the last fragment durable.
    #[must_use]
    pub fn round(&self) -> Option<Round> {
        self.round
    }

    fn path(&self, kind: FileKind) -> PathBuf {
        self.folder.join(self.id().path(kind))
    }

    /// Hashes and writes one fragment: video first, so that an index never
    /// names what was not given to the disk. Hashing is by far the most of it.
    pub fn fragment(
        &mut self,
        fragment: Fragment,
        camera_offset_ms: i32,
        stream: &mut StreamState,
    ) -> Result<Stored, WriteError> {
        let mut after = stream.clone();
        let before = self.writer.size();
        let written = self.writer.fragment(fragment, camera_offset_ms, &mut after)?;
        let volume = self.volume.clone();
        volume.busy(|| self.write(&written, before))?;
        *stream = after;
        let init = self.writer.init();
        if self.writer.count() == 1 {
            self.checksums[0].update(&init);
            self.checksums[1].update(self.writer.index_head());
        }
        written.slices().for_each(|slice| self.checksums[0].update(slice));
        self.checksums[1].update(&written.record);
        let bytes = written.record.len() as u64 + u64::from(written.stored.place.size);
        volume.figures.bytes_written.fetch_add(bytes, Ordering::Relaxed);
        volume.figures.recorded.fetch_add(bytes, Ordering::Relaxed);
        Ok(written.stored)
    }

    fn write(&mut self, written: &Written, offset: u64) -> io::Result<()> {
        if self.files.is_none() {
            return self.begin(written);
        }
        let Some(files) = &mut self.files else { return Ok(()) };
        let slices: Vec<IoSlice<'_>> = written.slices().map(|bytes| IoSlice::new(bytes)).collect();
        let done = files.video.write_at(offset, &slices);
        let done = done.and_then(|()| files.index.write_at(files.index_size, &[IoSlice::new(&written.record)]));
        if let Err(error) = done {
            // Nothing torn stays, where the disk still takes that.
            for (file, len) in [(&files.video, offset), (&files.index, files.index_size)] {
                if let Err(error) = file.set_len(len) {
                    tracing::warn!(part = self.writer.part().name(), %error, "a torn tail stays until the next start");
                }
            }
            return Err(error);
        }
        files.index_size += written.record.len() as u64;
        self.round = Some(self.volume.commits.touch(&files.video));
        self.volume.commits.touch(&files.index);
        Ok(())
    }

    /// Makes both files, each with its first fragment in one write.
    fn begin(&mut self, written: &Written) -> io::Result<()> {
        let disk = self.volume.disk.clone();
        let (video_path, index_path) = (self.path(self.kind), self.path(FileKind::Index));
        let Some(day) = video_path.parent().map(PathBuf::from) else { return Err(io::ErrorKind::InvalidInput.into()) };
        disk.create_folders(&day)?;
        let (init, head) = (self.writer.init(), self.writer.index_head());
        let slices: Vec<IoSlice<'_>> =
            std::iter::once(&init).chain(written.slices()).map(|bytes| IoSlice::new(bytes)).collect();
        let video = disk.create(&video_path)?;
        let made = video.write_at(0, &slices).and_then(|()| {
            let index = disk.create(&index_path)?;
            index.write_at(0, &[IoSlice::new(&head), IoSlice::new(&written.record)])?;
            Ok(index)
        });
        let index = match made {
            Ok(index) => index,
            Err(error) => {
                // A part exists only from its first whole fragment on.
                for path in [&video_path, &index_path] {
                    if let Err(error) = disk.remove(path)
                        && error.kind() != io::ErrorKind::NotFound
                    {
                        tracing::warn!(path = %path.display(), %error, "the beginning of a part stays");
                    }
                }
                return Err(error);
            }
        };
        let commits = &self.volume.commits;
        self.round = Some(commits.touch(&video));
        commits.touch(&index);
        commits.touch_folder(&day);
        commits.touch_folder(&self.folder);
        self.files = Some(Files { video, index, index_size: (head.len() + written.record.len()) as u64 });
        Ok(())
    }

    /// Ends the part in order: CLOSE, and a file that `sha256sum -c` reads.
    pub fn close(self) -> io::Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        let volume = self.volume.clone();
        volume.busy(|| {
            let [video_sum, mut index_sum] = self.checksums.clone();
            let video_sum = video_sum.finalize().into();
            let record = self.writer.close(video_sum);
            index_sum.update(&record);
            files.index.write_at(files.index_size, &[IoSlice::new(&record)])?;
            volume.commits.touch(&files.index);
            let text = sums(&self.path(self.kind), video_sum, &self.path(FileKind::Index), index_sum.finalize().into());
            let file = volume.disk.create(&self.path(FileKind::Checksum))?;
            file.write_at(0, &[IoSlice::new(text.as_bytes())])?;
            volume.commits.touch(&file);
            Ok(())
        })
    }
}

/// What `sha256sum -c` reads in a part's folder.
#[must_use]
pub fn sums(video: &Path, video_sum: Hash, index: &Path, index_sum: Hash) -> String {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    format!("{}  {}\n{}  {}\n", hex(&video_sum), name(video), hex(&index_sum), name(index))
}
