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
    /// So many frames, or an unknown number, are missing from the node before.
    upstream: Option<u32>,
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
        if let Some(Reason::Upstream { frames }) = change.reason {
            let before = self.upstream.unwrap_or(0);
            self.upstream = Some(before.saturating_add(frames));
            return;
        }
        self.live = change.state == State::Live;
        if change.reason == Some(Reason::NoPublisher) && self.failed.is_some() {
            // Waited for is who has left: why he left is still why there are no pictures.
            return;
        }
        self.now.clone_from(&change.reason);
        if change.reason.is_some() {
            self.failed.clone_from(&change.reason);
        }
    }

    /// Whether the clock stepped since this was asked last.
    pub fn take_step(&mut self) -> bool {
        std::mem::take(&mut self.stepped)
    }

    /// What the node before has lost since this was asked last.
    pub fn take_upstream(&mut self) -> Option<u32> {
        self.upstream.take()
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
        // A file that is not there is no matter of the network.
        Reason::NoVideo | Reason::FileNotFound { .. } | Reason::FileRefused { .. } | Reason::FileNoVideo { .. } => {
            GapReason::NoVideo
        }
        Reason::NoVideoTrack | Reason::UnknownCodec { .. } | Reason::FrameTooLarge | Reason::FileBroken { .. } => {
            GapReason::NotSupported
        }
        Reason::Disabled | Reason::Masked | Reason::NoViewer => GapReason::CameraOff,
        Reason::Upstream { .. } => GapReason::Upstream,
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
        | Reason::TooSlow
        | Reason::CertificateRefused { .. }
        | Reason::Tls { .. }
        | Reason::BadUrl { .. }
        // Of talks alone, which no recording waits for.
        | Reason::NoBackChannel
        | Reason::BackChannelBusy
        | Reason::BackChannelRefused { .. } => GapReason::Network,
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
    fn a_gap_has_the_reason_for_which_the_publisher_left_however_long_he_is_waited_for() {
        let code = |hint: &Hint| hint.values.clone();
        let mut view = SourceView::default();
        view.take(&change(State::Connecting, Some(Reason::NoPublisher)));
        assert_eq!(code(&view.hint()), r#"{"code":"no_publisher"}"#, "he was never there");
        view.take(&change(State::Live, None));
        assert_eq!(view.take_failure().as_ref().map(code).as_deref(), Some(r#"{"code":"no_publisher"}"#));
        view.take(&change(State::BackingOff, Some(Reason::CameraClosed)));
        view.take(&change(State::Connecting, Some(Reason::NoPublisher)));
        assert_eq!(code(&view.hint()), r#"{"code":"camera_closed"}"#);
        view.take(&change(State::Live, None));
        assert_eq!(view.take_failure().as_ref().map(code).as_deref(), Some(r#"{"code":"camera_closed"}"#));
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
        for frames in [4, 3] {
            view.take(&change(State::Live, Some(Reason::Upstream { frames })));
        }
        assert_eq!((view.take_upstream(), view.take_upstream()), (Some(7), None));
    }
}
