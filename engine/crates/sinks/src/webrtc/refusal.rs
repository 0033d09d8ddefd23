//! Why offers are refused, in words for a person.

use std::fmt::Display;

use vms_hub::StreamKey;
use vms_sources::NotTaken;

use super::answer::Refusal;
use super::{WhepError, WhepErrorKind};

pub fn unusable(why: impl Display) -> WhepError {
    WhepError::new(WhepErrorKind::Invalid, format!("the offer cannot be used: {why}"))
}

pub fn not_taken(key: &StreamKey, why: NotTaken) -> WhepError {
    match why {
        NotTaken::NotWaited => WhepError::new(
            WhepErrorKind::NotFound,
            format!("{key} waits for no publisher; give the camera the address publish: to have it wait"),
        ),
        NotTaken::Busy => WhepError::new(
            WhepErrorKind::Busy,
            format!("{key} has a publisher; end that one, or give the camera the address publish:replace"),
        ),
    }
}

pub fn not_sent(refusal: &Refusal) -> WhepError {
    let words = match refusal {
        Refusal::CommonCodec { offered, .. } => {
            format!("none of its video codecs is understood ({}); offer H.264", offered.join(", "))
        }
        Refusal::VideoLine | Refusal::CameraVideo => "it has no video line that sends".to_owned(),
    };
    unusable(words)
}

pub fn no_stream(key: &StreamKey) -> WhepError {
    WhepError::new(WhepErrorKind::NotFound, format!("there is no stream {key}"))
}

pub fn refused(key: &StreamKey, refusal: Refusal) -> WhepError {
    match refusal {
        Refusal::VideoLine => WhepError::new(WhepErrorKind::Invalid, "the offer has no video line that receives"),
        Refusal::CameraVideo => {
            WhepError::new(WhepErrorKind::Unavailable, format!("{key} has no picture yet; try again in a second"))
        }
        Refusal::CommonCodec { camera, offered } => {
            let list = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
            let message = format!("{key} sends {camera}, this browser takes {list}");
            WhepError::new(WhepErrorKind::NoCommonCodec { camera, offered }, message)
        }
    }
}
