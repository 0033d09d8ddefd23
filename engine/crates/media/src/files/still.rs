//! One JPEG picture.

use super::window::Window;
use super::{FileError, FileItem, Reader, video_track};
use crate::contained::Video;
use crate::{Codec, MAX_UNIT_BYTES, Track};

pub struct Still {
    file: Window,
    video: Video,
}

impl Still {
    pub fn new(file: Window) -> Self {
        Self { file, video: Video::new(&Codec::Jpeg) }
    }
}

impl Reader for Still {
    fn tracks(&self) -> Vec<Track> {
        vec![video_track(0, self.video.codec(), self.video.sets())]
    }

    fn is_known(&self) -> bool {
        true
    }

    fn next(&mut self, out: &mut Vec<FileItem>) -> Result<bool, FileError> {
        let size = usize::try_from(self.file.len()).unwrap_or(usize::MAX);
        if size > MAX_UNIT_BYTES {
            return Err(FileError::Broken { at: 0, what: "a picture over 16 MB" });
        }
        let data = self.file.exactly(0, size, "a picture is cut short")?;
        let unit = self.video.unit(data, 0, 0).map_err(|_| FileError::Broken { at: 0, what: "no JPEG picture" })?;
        out.push(FileItem::Unit { track: 0, unit });
        Ok(false)
    }
}
