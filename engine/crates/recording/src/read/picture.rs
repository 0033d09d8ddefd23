//! The picture of an instant, as video that a decoder begins with.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vms_format::{FormatError, Sample};
use vms_hub::StreamName;
use vms_media::{Codec, ParameterSets};

use super::archive::{Archive, unreadable};
use super::part::{Part, PartFile};
use super::stream_number;
use crate::calls::{Answer, CallError};

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
    let codec = match file.tracks().iter().find(|track| track.is_video).map(|track| &track.entry) {
        Some(b"avc3" | b"avc1") => Codec::H264,
        Some(b"hev1" | b"hvc1") => Codec::H265,
        _ => return Err(fail(FormatError::Missing { what: "video" })),
    };
    let wanted = if asked.exact { group.start..at + 1 } else { group.start..group.start + 1 };
    let mut data = Vec::new();
    let (mut at_us, mut sets) = (0, ParameterSets::default());
    for fragment in &part.fragments[wanted] {
        let (stored, samples) = file.fragment(fragment).map_err(fail)?;
        let video: Vec<&Sample> = samples.iter().filter(|s| Some(s.track) == file.video_track()).collect();
        let first = video.first().map_or(0, |sample| sample.dts);
        for sample in video {
            let taken_us = stored.core.utc_us + (sample.dts - first) * 1_000_000 / 90_000;
            if !data.is_empty() && (!asked.exact || taken_us > asked.at_us) {
                break;
            }
            at_us = taken_us;
            learn(&mut sets, &codec, &sample.data);
            data.extend(vms_media::to_annexb(&sample.data));
        }
    }
    let info = sets.info(&codec);
    let (width, height) = info.map_or((0, 0), |info| (info.width, info.height));
    let mut answer = Answer::of(&PictureAnswer { at_us, codec: codec.name().to_owned(), width, height })?;
    answer.data = data;
    Ok(answer)
}

/// Takes the parameter sets of a frame: NAL units with 4-byte lengths.
fn learn(sets: &mut ParameterSets, codec: &Codec, data: &bytes::Bytes) {
    let mut rest = data.clone();
    while let Some(len) = rest.first_chunk::<4>().map(|len| u32::from_be_bytes(*len) as usize) {
        if len == 0 || len > rest.len() - 4 {
            return;
        }
        sets.update(codec, &rest.slice(4..4 + len));
        rest = rest.slice(4 + len..);
    }
}
