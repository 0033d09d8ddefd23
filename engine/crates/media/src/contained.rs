//! Video of containers: whole pictures, with what a decoder must know beside
//! them.

use crate::configs::{avc_config, hevc_config, sized_nals};
use crate::depacketise::{AccessUnit, DropReason};
use crate::pictures::Pictures;
use crate::rising::Rising;
use crate::{Codec, ParameterSets, WholePictures};

#[derive(Debug)]
pub enum Video {
    Nals {
        pictures: Box<Pictures>,
        /// Bytes of a NAL unit's length.
        length_size: usize,
    },
    Whole {
        pictures: Box<WholePictures>,
        dts: Rising,
    },
}

impl Video {
    pub fn new(codec: &Codec) -> Self {
        if codec.has_nals() {
            Self::Nals { pictures: Box::new(Pictures::new(codec.clone())), length_size: 4 }
        } else {
            Self::Whole { pictures: Box::new(WholePictures::new(codec.clone(), "")), dts: Rising::default() }
        }
    }

    pub fn codec(&self) -> &Codec {
        match self {
            Self::Nals { pictures, .. } => pictures.codec(),
            Self::Whole { pictures, .. } => pictures.codec(),
        }
    }

    pub fn sets(&self) -> &ParameterSets {
        match self {
            Self::Nals { pictures, .. } => pictures.parameter_sets(),
            Self::Whole { pictures, .. } => pictures.parameter_sets(),
        }
    }

    /// Takes a decoder's configuration; false for one that cannot be read.
    pub fn configure(&mut self, record: &[u8]) -> bool {
        match self {
            Self::Nals { pictures, length_size } => {
                let is_avc = *pictures.codec() == Codec::H264;
                let Some((size, sets)) = (if is_avc { avc_config(record) } else { hevc_config(record) }) else {
                    return false;
                };
                *length_size = size;
                sets.iter().for_each(|set| pictures.learn(set));
            }
            // After four bytes av1C holds the sequence header; key frames of
            // VP8 and VP9 say all that is needed.
            Self::Whole { pictures, .. } => pictures.learn(record.get(4..).unwrap_or_default()),
        }
        true
    }

    /// Takes what a decoder must know as the stream itself writes it.
    pub fn learn(&mut self, head: &[u8]) {
        match self {
            Self::Nals { pictures, .. } => pictures.learn(head),
            Self::Whole { pictures, .. } => pictures.learn(head),
        }
    }

    pub fn unit(&mut self, data: &[u8], timestamp: i64, dts: i64) -> Result<AccessUnit, DropReason> {
        match self {
            Self::Nals { pictures, length_size } => {
                let nals = sized_nals(data, *length_size).inspect_err(|_| pictures.lost())?;
                pictures.unit(nals.into_iter(), timestamp, dts)
            }
            Self::Whole { pictures, dts: rising } => {
                let picture = pictures.take(data.to_vec())?;
                let dts = rising.next(dts);
                let (key, discontinuity) = (picture.key, picture.discontinuity);
                Ok(AccessUnit { timestamp, dts, key, discontinuity, data: picture.data })
            }
        }
    }

    /// Something was lost before the next picture.
    pub fn lost(&mut self) {
        match self {
            Self::Nals { pictures, .. } => pictures.lost(),
            Self::Whole { pictures, .. } => pictures.lost(),
        }
    }

    /// How many places a picture may be shown later than it is decoded, as far
    /// as the stream says.
    pub fn reorders(&self) -> u32 {
        match self {
            Self::Nals { pictures, .. } => pictures.reorders(),
            Self::Whole { .. } => 0,
        }
    }
}
