//! Pictures of codecs without NAL units: AV1, VP8, VP9, Motion JPEG, MPEG-4
//! part 2.

use bytes::Bytes;

use crate::depacketise::{DropReason, MAX_UNIT_BYTES};
use crate::gate::Gate;
use crate::params::{ParameterSets, VideoInfo};
use crate::{Codec, bitstream};

/// A picture as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholePicture {
    pub key: bool,
    /// Something before it was lost.
    pub discontinuity: bool,
    pub data: Bytes,
}

/// Remembers a stream's head and puts it in front of key pictures that come
/// without; nothing leaves before the first key picture.
#[derive(Debug)]
pub struct WholePictures {
    gate: Gate,
    info: Option<VideoInfo>,
}

impl WholePictures {
    /// `fmtp` may hold the head (MPEG-4 part 2 alone); it may be empty.
    #[must_use]
    pub fn new(codec: Codec, fmtp: &str) -> Self {
        let sets = ParameterSets::from_fmtp(&codec, fmtp);
        let info = sets.info(&codec);
        Self { gate: Gate::new(codec, sets), info }
    }

    #[must_use]
    pub fn codec(&self) -> &Codec {
        &self.gate.codec
    }

    #[must_use]
    pub fn parameter_sets(&self) -> &ParameterSets {
        &self.gate.sets
    }

    #[must_use]
    pub fn info(&self) -> Option<&VideoInfo> {
        self.info.as_ref()
    }

    /// A head that came beside the pictures.
    pub fn learn(&mut self, data: &[u8]) {
        let Gate { codec, sets, .. } = &mut self.gate;
        if let Some(head) = bitstream::head(codec, data)
            && sets.learn_head(head)
        {
            self.info = sets.info(codec);
        }
    }

    /// Something was lost before the next picture.
    pub fn lost(&mut self) {
        self.gate.lost();
    }

    /// Takes a picture's bytes.
    ///
    /// # Errors
    /// With the reason why nothing leaves.
    pub fn take(&mut self, data: Vec<u8>) -> Result<WholePicture, DropReason> {
        let data = if self.gate.codec == Codec::Av1 { bitstream::av1::bare(data) } else { data };
        if data.is_empty() {
            return Err(DropReason::BadPacket("no picture data"));
        }
        if data.len() > MAX_UNIT_BYTES {
            return Err(self.gate.dropped(DropReason::TooLarge));
        }
        let key = bitstream::is_key(&self.gate.codec, &data);
        if key {
            self.learn(&data);
        }
        let discontinuity = self.gate.pass(key)?;
        let data = if key { self.with_head(data) } else { data };
        Ok(WholePicture { key, discontinuity, data: data.into() })
    }

    fn with_head(&self, data: Vec<u8>) -> Vec<u8> {
        let Gate { codec, sets, .. } = &self.gate;
        match &sets.head {
            Some(head) if bitstream::head_is_sent(codec) && bitstream::head(codec, &data).is_none() => {
                [&head[..], &data].concat()
            }
            _ => data,
        }
    }
}
