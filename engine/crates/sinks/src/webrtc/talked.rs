//! How talks end: told at once to whoever keeps the audit, and for a minute to
//! whoever talked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vms_access::Who;

use super::peer::Ending;

/// How long whoever talked may ask.
const KEPT: Duration = Duration::from_secs(60);

/// Why a talk is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkEnd {
    /// He let go.
    Left,
    /// Nothing came of him, not even what keeps a session alive.
    Unheard,
    /// Nothing came that an ear would hear.
    Silent,
    /// The camera hung up, or does not answer.
    CameraClosed,
    /// The camera has another address, is switched off, or gone.
    CameraChanged,
    Withdrawn,
    TooLong,
    /// This machine stops.
    Stopped,
}

impl TalkEnd {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Left => "talk_left",
            Self::Unheard => "talk_unheard",
            Self::Silent => "talk_silent",
            Self::CameraClosed => "talk_camera_closed",
            Self::CameraChanged => "talk_camera_changed",
            Self::Withdrawn => "talk_withdrawn",
            Self::TooLong => "talk_too_long",
            Self::Stopped => "talk_stopped",
        }
    }
}

impl From<Ending> for TalkEnd {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Left => Self::Left,
            Ending::Silent => Self::Unheard,
            Ending::Revoked => Self::Withdrawn,
            Ending::RanOut => Self::TooLong,
            Ending::Removed => Self::CameraChanged,
            Ending::Stopped => Self::Stopped,
        }
    }
}

/// A talk that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talked {
    /// The name of its session.
    pub session: String,
    pub camera: String,
    pub who: Who,
    /// Since the camera listened.
    pub lasted: Duration,
    pub end: TalkEnd,
}

pub type TalkListener = Arc<dyn Fn(Talked) + Send + Sync>;

/// The talks of the last minute.
pub struct Past {
    listener: Option<TalkListener>,
    ends: Mutex<HashMap<String, (TalkEnd, Instant)>>,
}

impl Past {
    #[must_use]
    pub fn new(listener: Option<TalkListener>) -> Self {
        Self { listener, ends: Mutex::default() }
    }

    pub fn note(&self, talked: Talked, now: Instant) {
        {
            let mut ends = self.ends.lock();
            ends.retain(|_, (_, since)| now.saturating_duration_since(*since) < KEPT);
            ends.insert(talked.session.clone(), (talked.end, now));
        }
        if let Some(listener) = &self.listener {
            listener(talked);
        }
    }

    #[must_use]
    pub fn end_of(&self, session: &str, now: Instant) -> Option<TalkEnd> {
        let ends = self.ends.lock();
        ends.get(session).filter(|(_, since)| now.saturating_duration_since(*since) < KEPT).map(|(end, _)| *end)
    }
}
