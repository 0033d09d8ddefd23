//! What a stream's source said of itself, as the reason of a gap.

use vms_format::ledger::Reason as GapReason;
use vms_sources::{Reason, State, StateChange};

use super::stream::Hint;

/// The last word of a source, and the last failure since pictures came.
#[derive(Debug, Default)]
pub struct SourceView {
    live: bool,
    now: Option<Reason>,
    failed: Option<Reason>,
    /// The server's clock stepped.
    stepped: bool,
    /// The camera's clock less the server's.
    pub camera_offset_ms: Option<i64>,
    /// Why nothing is recorded now, while nothing is.
    pub open_gap: Option<Hint>,
}

impl SourceView {
    pub fn take(&mut self, change: &StateChange) {
        if change.reason == Some(Reason::ClockStep) {
            self.stepped = true;
            return;
        }
        self.live = change.state == State::Live;
        self.now.clone_from(&change.reason);
        if change.reason.is_some() {
            self.failed.clone_from(&change.reason);
        }
    }

    /// Whether the clock stepped since this was asked last.
    pub fn take_step(&mut self) -> bool {
        std::mem::take(&mut self.stepped)
    }

    /// Pictures are there again: why they were not.
    pub fn take_failure(&mut self) -> Option<Hint> {
        self.failed.take().map(|reason| hint_of(&reason))
    }

    /// Why there are none now.
    #[must_use]
    pub fn hint(&self) -> Hint {
        match (&self.now, &self.failed) {
            (Some(reason), _) | (None, Some(reason)) => hint_of(reason),
            (None, None) if self.live => Hint::of(GapReason::NoVideo),
            (None, None) => Hint::of(GapReason::Network),
        }
    }
}

/// The gap's reason, with the source's own code for who looks closer.
fn hint_of(reason: &Reason) -> Hint {
    let mut values = serde_json::Map::new();
    values.insert("code".to_owned(), reason.code().into());
    if let Some((name, value)) = reason.value() {
        values.insert(name.to_owned(), value.into());
    }
    let code = match reason {
        Reason::WrongPassword => GapReason::WrongPassword,
        Reason::NoVideo => GapReason::NoVideo,
        Reason::NoVideoTrack | Reason::UnknownCodec { .. } | Reason::FrameTooLarge => GapReason::NotSupported,
        Reason::Disabled => GapReason::CameraOff,
        Reason::ClockStep => GapReason::Clock,
        Reason::NoRoute
        | Reason::ConnectionRefused
        | Reason::Timeout
        | Reason::Dns
        | Reason::AddressRefused { .. }
        | Reason::CameraClosed
        | Reason::NotRtsp
        | Reason::StreamNotFound
        | Reason::Protocol { .. }
        | Reason::Network { .. }
        | Reason::NoPublisher
        | Reason::CertificateRefused { .. }
        | Reason::Tls { .. }
        | Reason::BadUrl { .. } => GapReason::Network,
    };
    Hint { values: serde_json::Value::Object(values).to_string(), ..Hint::of(code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vms_hub::{StreamKey, StreamName};

    fn change(state: State, reason: Option<Reason>) -> StateChange {
        StateChange { key: StreamKey::new("gate", StreamName::Main), utc_us: 0, state, reason, backup: false }
    }

    #[test]
    fn a_gap_has_the_reason_of_the_last_failure() {
        let mut view = SourceView::default();
        assert_eq!(view.hint().reason, GapReason::Network, "it has not answered yet");
        view.take(&change(State::BackingOff, Some(Reason::WrongPassword)));
        view.take(&change(State::Connecting, Some(Reason::WrongPassword)));
        assert_eq!(view.hint().reason, GapReason::WrongPassword);
        assert_eq!(view.hint().values, r#"{"code":"wrong_password"}"#);
        view.take(&change(State::Live, None));
        assert_eq!(view.take_failure().map(|hint| hint.reason), Some(GapReason::WrongPassword));
        assert_eq!(view.take_failure(), None);
        assert_eq!(view.hint().reason, GapReason::NoVideo, "it is live and shows nothing");
        view.take(&change(State::Live, Some(Reason::ClockStep)));
        assert!(view.take_step() && !view.take_step());
    }
}
