//! MPEG-TS and FLV, which tell piece by piece what they hold.

use super::window::Window;
use super::{FileError, FileItem, Reader};
use crate::{FlvDemuxer, FlvError, FlvItem, FlvReader, Track, TrackKind, TsDemuxer, TsItem};

/// So much of MPEG-TS is looked at, at a time.
const PIECE: usize = 32 << 10;
/// So much of a tag of FLV is looked at first; twice as much each time that it
/// is longer.
const USUAL_TAG: usize = 4 << 10;
/// A tag of FLV with all that stands around it is shorter.
const MAX_TAG: usize = (16 << 20) + 64;

pub struct Streamed {
    file: Window,
    at: u64,
    form: Form,
}

enum Form {
    Ts(TsDemuxer),
    Flv(FlvReader, FlvDemuxer),
}

impl Streamed {
    pub fn ts(file: Window) -> Self {
        Self { file, at: 0, form: Form::Ts(TsDemuxer::default()) }
    }

    pub fn flv(file: Window) -> Self {
        Self { file, at: 0, form: Form::Flv(FlvReader::default(), FlvDemuxer::default()) }
    }
}

impl Reader for Streamed {
    fn tracks(&self) -> Vec<Track> {
        match &self.form {
            Form::Ts(demuxer) => demuxer.tracks(),
            Form::Flv(_, demuxer) => demuxer.tracks(),
        }
    }

    fn is_known(&self) -> bool {
        match &self.form {
            Form::Ts(demuxer) => demuxer.is_known(),
            Form::Flv(_, demuxer) => demuxer.tracks().len() > 1,
        }
    }

    fn next(&mut self, out: &mut Vec<FileItem>) -> Result<bool, FileError> {
        let used = match &mut self.form {
            Form::Ts(demuxer) => {
                let piece = self.file.up_to(self.at, PIECE)?;
                let mut items = Vec::new();
                if piece.is_empty() {
                    demuxer.finish(&mut items);
                } else {
                    demuxer.push(piece, &mut items);
                }
                out.extend(items.into_iter().map(|item| match item {
                    TsItem::Unit { track, unit } => FileItem::Unit { track, unit },
                    TsItem::Lost(reason) => FileItem::Lost(reason),
                }));
                piece.len()
            }
            Form::Flv(reader, demuxer) => flv(&mut self.file, self.at, reader, demuxer, out)?,
        };
        self.at += used as u64;
        Ok(used > 0)
    }
}

/// Takes the next tag; returns its length, 0 at the end. A tag that the file
/// ends in is left out: who recorded it was cut off.
fn flv(
    file: &mut Window,
    at: u64,
    reader: &mut FlvReader,
    demuxer: &mut FlvDemuxer,
    out: &mut Vec<FileItem>,
) -> Result<usize, FileError> {
    let error = |error: FlvError| match error {
        FlvError::UnknownVideo(codec) => FileError::UnknownVideo(codec),
        FlvError::NotFlv => FileError::Broken { at, what: "no FLV" },
    };
    let mut wanted = USUAL_TAG;
    loop {
        let bytes = file.up_to(at, wanted)?;
        if let Some(tag) = reader.tag(bytes).map_err(error)? {
            let (used, mut items) = (tag.used, Vec::new());
            demuxer.push(tag.kind, tag.ms, tag.body, &mut items).map_err(error)?;
            let has_video = demuxer.has_video();
            out.extend(items.into_iter().filter_map(|item| match item {
                // Sound before video would have the first place.
                FlvItem::Unit(TrackKind::Audio, _) if !has_video => None,
                FlvItem::Unit(kind, unit) => Some(FileItem::Unit { track: u8::from(kind == TrackKind::Audio), unit }),
                FlvItem::Lost(reason) => Some(FileItem::Lost(reason)),
                FlvItem::Found(_) => None,
            }));
            return Ok(used);
        }
        if bytes.len() < wanted || wanted >= MAX_TAG {
            return Ok(0);
        }
        wanted = (wanted * 2).min(MAX_TAG);
    }
}
