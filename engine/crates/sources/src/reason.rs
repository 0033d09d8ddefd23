//! Why a stream is not live, as a code with values: three languages, the
//! journal and the recording's gaps are written from it.

use serde::ser::{Serialize, SerializeStruct, Serializer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    WrongPassword,
    NoRoute,
    ConnectionRefused,
    Timeout,
    Dns,
    CameraClosed,
    NotRtsp,
    NoVideoTrack,
    UnknownCodec { codec: String },
    NoVideo,
    StreamNotFound,
    Protocol { detail: String },
    Network { detail: String },
    Disabled,
    ClockStep,
    FrameTooLarge,
    BadUrl { detail: String },
}

impl Reason {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::NoRoute => "no_route",
            Self::ConnectionRefused => "connection_refused",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::CameraClosed => "camera_closed",
            Self::NotRtsp => "not_rtsp",
            Self::NoVideoTrack => "no_video_track",
            Self::UnknownCodec { .. } => "unknown_codec",
            Self::NoVideo => "no_video",
            Self::StreamNotFound => "stream_not_found",
            Self::Protocol { .. } => "protocol",
            Self::Network { .. } => "network",
            Self::Disabled => "disabled",
            Self::ClockStep => "clock_step",
            Self::FrameTooLarge => "frame_too_large",
            Self::BadUrl { .. } => "bad_url",
        }
    }

    /// The one value some reasons carry, by its name.
    #[must_use]
    pub fn value(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::UnknownCodec { codec } => Some(("codec", codec)),
            Self::Protocol { detail } | Self::Network { detail } | Self::BadUrl { detail } => Some(("detail", detail)),
            _ => None,
        }
    }

    /// What an error of the RTSP client means to an operator. `describing` is
    /// true until the camera has answered for the first time.
    #[must_use]
    pub fn of(error: &retina::Error, describing: bool) -> Self {
        match error.status_code() {
            Some(401 | 403) => return Self::WrongPassword,
            Some(404 | 454) => return Self::StreamNotFound,
            Some(status) if status >= 300 => return Self::Protocol { detail: format!("RTSP {status}") },
            // The camera agreed, but its answer could not be understood.
            Some(_) => return Self::Protocol { detail: unreadable(&error.to_string()) },
            None => {}
        }
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        if line.starts_with("Unable to connect") {
            return Self::of_connect(line);
        }
        if line.starts_with("Error reading") || line.starts_with("Error writing") || line.contains("EOF") {
            return Self::CameraClosed;
        }
        if line == "Timeout" {
            return Self::Timeout;
        }
        if line.starts_with("RTSP framing") && describing {
            return Self::NotRtsp;
        }
        Self::Protocol { detail: line.chars().take(160).collect() }
    }

    /// The client keeps the system's error only as text, with its number.
    fn of_connect(line: &str) -> Self {
        let number =
            line.rsplit_once("(os error ").and_then(|(_, rest)| rest.trim_end_matches(')').parse::<i32>().ok());
        match number {
            Some(libc::ECONNREFUSED) => Self::ConnectionRefused,
            Some(libc::EHOSTUNREACH | libc::ENETUNREACH) => Self::NoRoute,
            Some(libc::ETIMEDOUT) => Self::Timeout,
            _ if line.contains("lookup") => Self::Dns,
            _ => Self::Network { detail: line.chars().take(160).collect() },
        }
    }
}

/// The description in "200 OK response to DESCRIBE CSeq=2: description".
fn unreadable(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let description = line.split_once(": ").map_or(line, |(_, description)| description);
    format!("unreadable answer: {}", description.chars().take(120).collect::<String>())
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Reason", 2)?;
        out.serialize_field("code", self.code())?;
        let values: std::collections::BTreeMap<_, _> = self.value().into_iter().collect();
        out.serialize_field("values", &values)?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_become_words_an_operator_knows() {
        let of = |text: &str| Reason::of_connect(text).code();
        assert_eq!(of("Unable to connect to RTSP server: Connection refused (os error 111)"), "connection_refused");
        assert_eq!(of("Unable to connect to RTSP server: No route to host (os error 113)"), "no_route");
        assert_eq!(of("Unable to connect to RTSP server: Network is unreachable (os error 101)"), "no_route");
        assert_eq!(of("Unable to connect to RTSP server: timed out (os error 110)"), "timeout");
        assert_eq!(of("Unable to connect to RTSP server: failed to lookup address information: x"), "dns");
        assert_eq!(of("Unable to connect to RTSP server: odd (os error 1)"), "network");
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_told_in_words() {
        let detail = unreadable("200 OK response to DESCRIBE CSeq=2: Unable to parse SDP: no origin\nconn: 1");
        assert_eq!(detail, "unreadable answer: Unable to parse SDP: no origin");
    }

    #[test]
    fn a_reason_is_a_code_with_values() {
        let reason = Reason::UnknownCodec { codec: "JPEG".into() };
        let text = serde_json::to_string(&reason).expect("a reason serialises");
        assert_eq!(text, r#"{"code":"unknown_codec","values":{"codec":"JPEG"}}"#);
        let text = serde_json::to_string(&Reason::NoVideo).expect("a reason serialises");
        assert_eq!(text, r#"{"code":"no_video","values":{}}"#);
    }
}
