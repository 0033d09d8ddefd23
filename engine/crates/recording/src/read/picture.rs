//! The picture of an instant, as video that a decoder begins with.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use vms_format::{FormatError, Sample};
use vms_hub::StreamName;
use vms_media::{Codec, ParameterSets, ivf};

use super::archive::{Archive, unreadable};
use super::part::{Part, PartFile};
use super::stream_number;
use crate::calls::{Answer, CallError};
use crate::play::codec_of;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureRequest {
    camera: String,
    stream: StreamName,
    at_us: i64,
    /// Every frame up to the instant, not the key frame alone.
    #[serde(default)]
    exact: bool,
}

#[derive(Debug, Serialize)]
struct PictureAnswer {
    /// When the picture was taken that the data ends with.
    at_us: i64,
    codec: String,
    width: u32,
    height: u32,
}

impl Archive {
    pub fn picture(&self, asked: &PictureRequest) -> Result<Answer, CallError> {
        let found = self.group_at(&asked.camera, stream_number(asked.stream), asked.at_us)?;
        let place = found.0.place.clone();
        picture(asked, found).map_err(|error| self.told(&place, error))
    }
}

fn picture(
    asked: &PictureRequest,
    (part, file, group, at): (Arc<Part>, PartFile, Range<usize>, usize),
) -> Result<Answer, CallError> {
    let fail = |error: FormatError| unreadable(&part.place, &error);
    let video = file.tracks().iter().find(|track| track.is_video);
    let codec = video.and_then(codec_of).ok_or_else(|| fail(FormatError::Missing { what: "video" }))?;
    let wanted = if asked.exact { group.start..at + 1 } else { group.start..group.start + 1 };
    let mut frames: Vec<(i64, Bytes)> = Vec::new();
    let (mut at_us, mut sets) = (0, ParameterSets::default());
    for fragment in &part.fragments[wanted] {
        let (stored, samples) = file.fragment(fragment).map_err(fail)?;
        let video: Vec<&Sample> = samples.iter().filter(|s| Some(s.track) == file.video_track()).collect();
        let first = video.first().map_or(0, |sample| sample.dts);
        for sample in video {
            let taken_us = stored.core.utc_us + (sample.dts - first) * 1_000_000 / 90_000;
            if !frames.is_empty() && (!asked.exact || taken_us > asked.at_us) {
                break;
            }
            at_us = taken_us;
            sets.learn(&codec, &sample.data);
            frames.push((taken_us, sample.data.clone()));
        }
    }
    let info = sets.info(&codec);
    let (width, height) = info.map_or((0, 0), |info| (info.width, info.height));
    let mut answer = Answer::of(&PictureAnswer { at_us, codec: codec.name().to_owned(), width, height })?;
    answer.data = file_of(&codec, (width, height), &frames);
    Ok(answer)
}

/// Annex B of H.264 and H.265, an IVF file of the others.
fn file_of(codec: &Codec, (width, height): (u32, u32), frames: &[(i64, Bytes)]) -> Vec<u8> {
    if codec.has_nals() {
        return frames.iter().flat_map(|(_, data)| vms_media::to_annexb(data)).collect();
    }
    let size = (u16::try_from(width).unwrap_or(0), u16::try_from(height).unwrap_or(0));
    let first_us = frames.first().map_or(0, |(at_us, _)| *at_us);
    ivf::write(codec, size, frames.iter().map(|(at_us, data)| (at_us.abs_diff(first_us), &data[..])))
}
