//! What is said on a media socket: a client's wishes, answers, and the head of
//! each frame. `docs/reference/media-socket.md` is the contract.

use serde::{Deserialize, Serialize};
use vms_format::TrackConfig;
use vms_format::mp4::init;
use vms_hub::{StreamKey, StreamName, is_camera_id};
use vms_media::base64;

/// Bytes before a frame's own.
pub const HEAD_BYTES: usize = 24;

/// The first byte of a binary message.
pub const FRAME: u8 = 1;
pub const CONFIG: u8 = 2;

/// Bits of the second.
pub const KEY: u8 = 1;
/// Frames before it were left out: the decoder begins anew with it.
pub const BREAK: u8 = 2;
/// Of the group that was under way: to be decoded and not shown.
pub const CATCH_UP: u8 = 4;

/// What a client wishes of a tile, which it numbers itself.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Wish {
    Subscribe {
        id: u16,
        camera: String,
        stream: StreamName,
        #[serde(default)]
        address: Option<String>,
        /// The codecs that its decoders take, with commas; absent: whatever comes.
        #[serde(default)]
        codecs: Option<String>,
    },
    /// Goes on by a fresh address.
    Renew {
        id: u16,
        address: String,
    },
    /// Nobody looks at it: nothing is sent until it is resumed.
    Pause {
        id: u16,
    },
    Resume {
        id: u16,
    },
    Unsubscribe {
        id: u16,
    },
}

/// What is said of a tile.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Word<'a> {
    /// With which pictures, and why those.
    Subscribed {
        id: u16,
        variant: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    Renewed {
        id: u16,
    },
    /// No picture can be shown yet.
    Waiting {
        id: u16,
        reason: &'a str,
    },
    /// It does not begin, or does not go on.
    Refused {
        id: u16,
        code: &'a str,
    },
    /// It ended: the right to it was withdrawn or not renewed.
    Ended {
        id: u16,
        code: &'a str,
    },
}

/// How a decoder is set up, for WebCodecs and for MSE.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Config {
    /// As WebCodecs names it (RFC 6381).
    pub codec: String,
    pub width: u16,
    pub height: u16,
    /// The `avcC` or `hvcC` record, in base 64.
    pub description: String,
}

/// The stream that a client names.
#[must_use]
pub fn key_of(camera: &str, stream: StreamName) -> Option<StreamKey> {
    is_camera_id(camera).then(|| StreamKey::new(camera, stream))
}

#[must_use]
pub fn config_of(track: &TrackConfig) -> Option<Config> {
    Some(Config {
        codec: init::codec_name(track)?,
        width: track.width,
        height: track.height,
        description: base64::encode(&init::decoder_config(track)),
    })
}

/// The head of a binary message about a tile; times in microseconds.
#[must_use]
pub fn head(kind: u8, flags: u8, id: u16, shown_us: i64, taken_us: i64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    (head[0], head[1]) = (kind, flags);
    head[2..4].copy_from_slice(&id.to_be_bytes());
    head[8..16].copy_from_slice(&shown_us.to_be_bytes());
    head[16..].copy_from_slice(&taken_us.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_others_refused() {
        let read = |text: &str| serde_json::from_str::<Wish>(text).ok();
        let subscribe = r#"{"type":"subscribe","id":7,"camera":"gate","stream":"sub"}"#;
        let expected =
            Wish::Subscribe { id: 7, camera: "gate".into(), stream: StreamName::Sub, address: None, codecs: None };
        assert_eq!(read(subscribe), Some(expected));
        assert_eq!(read(r#"{"type":"pause","id":7}"#), Some(Wish::Pause { id: 7 }));
        for bad in [
            r#"{"type":"subscribe","id":70000,"camera":"gate","stream":"sub"}"#,
            r#"{"type":"subscribe","id":7,"camera":"gate","stream":"third"}"#,
            r#"{"type":"dance","id":7}"#,
            r#"{"type":"pause"}"#,
            r#"{"type":"pause","id":1,"more":2}"#,
            "[]",
            "",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(key_of("../gate", StreamName::Main), None);
    }

    #[test]
    fn a_head_is_as_the_page_reads_it() {
        let head = head(FRAME, KEY | BREAK, 258, 3, -1);
        assert_eq!(head[..4], [1, 3, 1, 2]);
        assert_eq!((head[15], &head[16..]), (3, &[0xff; 8][..]));
    }
}
