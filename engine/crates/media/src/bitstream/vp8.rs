//! VP8: the frame header (RFC 6386, 9.1).

use super::described;
use crate::params::VideoInfo;

/// What a key frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub version: u8,
    pub width: u16,
    pub height: u16,
}

impl Head {
    /// `None` for a frame that is no key frame.
    #[must_use]
    pub fn of_key(data: &[u8]) -> Option<Self> {
        let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = data.first_chunk::<10>()? else {
            return None;
        };
        // The upper two bits of each are how it is to be scaled when shown.
        let (width, height) = (u16::from_le_bytes([w0, w1]) & 0x3fff, u16::from_le_bytes([h0, h1]) & 0x3fff);
        let is_key = tag & 1 == 0 && width > 0 && height > 0;
        is_key.then_some(Self { version: tag >> 1 & 7, width, height })
    }

    #[must_use]
    pub fn bytes(&self) -> [u8; 5] {
        let ([w0, w1], [h0, h1]) = (self.width.to_be_bytes(), self.height.to_be_bytes());
        [self.version, w0, w1, h0, h1]
    }

    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let &[version, w0, w1, h0, h1] = bytes else { return None };
        Some(Self { version, width: u16::from_be_bytes([w0, w1]), height: u16::from_be_bytes([h0, h1]) })
    }

    #[must_use]
    pub fn info(&self) -> VideoInfo {
        described(self.width.into(), self.height.into(), format!("Version {}", self.version), "vp8".to_owned())
    }
}
