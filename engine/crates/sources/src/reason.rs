//! Why a stream is not live, as a code with values: three languages, the
//! journal and the recording's gaps are written from it.

use std::io;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::dial::DialError;
use crate::rtsp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    WrongPassword,
    NoRoute,
    ConnectionRefused,
    Timeout,
    Dns,
    AddressRefused {
        detail: String,
    },
    CameraClosed,
    NotRtsp,
    NoVideoTrack,
    UnknownCodec {
        codec: String,
    },
    NoVideo,
    /// It waits for its publisher.
    NoPublisher,
    /// Nobody views it, and it is opened for viewers alone.
    NoViewer,
    /// The node before has lost frames, or begins a new run of the stream.
    Upstream {
        frames: u32,
    },
    StreamNotFound,
    Protocol {
        detail: String,
    },
    Network {
        detail: String,
    },
    Disabled,
    /// Its picture has masks, and nobody draws them yet.
    Masked,
    /// It takes less than the stream sends.
    TooSlow,
    ClockStep,
    FrameTooLarge,
    /// The camera's certificate is not what its address asks for.
    CertificateRefused {
        detail: String,
    },
    /// No handshake of TLS came about.
    Tls {
        detail: String,
    },
    BadUrl {
        detail: String,
    },
    /// It has no loudspeaker, or offers none to us.
    NoBackChannel,
    /// Somebody else talks by it.
    BackChannelBusy,
    /// It offers a back channel and does not let us have it.
    BackChannelRefused {
        detail: String,
    },
    FileNotFound {
        detail: String,
    },
    /// It lies elsewhere than files may, or cannot be opened.
    FileRefused {
        detail: String,
    },
    FileNoVideo {
        detail: String,
    },
    /// What it holds makes no sense, or no sense to us.
    FileBroken {
        detail: String,
    },
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
            Self::AddressRefused { .. } => "address_refused",
            Self::CameraClosed => "camera_closed",
            Self::NotRtsp => "not_rtsp",
            Self::NoVideoTrack => "no_video_track",
            Self::UnknownCodec { .. } => "unknown_codec",
            Self::NoVideo => "no_video",
            Self::NoPublisher => "no_publisher",
            Self::NoViewer => "no_viewer",
            Self::Upstream { .. } => "upstream",
            Self::StreamNotFound => "stream_not_found",
            Self::Protocol { .. } => "protocol",
            Self::Network { .. } => "network",
            Self::Disabled => "disabled",
            Self::Masked => "masked",
            Self::TooSlow => "too_slow",
            Self::ClockStep => "clock_step",
            Self::FrameTooLarge => "frame_too_large",
            Self::CertificateRefused { .. } => "certificate_refused",
            Self::Tls { .. } => "tls",
            Self::BadUrl { .. } => "bad_url",
            Self::NoBackChannel => "no_back_channel",
            Self::BackChannelBusy => "back_channel_busy",
            Self::BackChannelRefused { .. } => "back_channel_refused",
            Self::FileNotFound { .. } => "file_not_found",
            Self::FileRefused { .. } => "file_refused",
            Self::FileNoVideo { .. } => "file_no_video",
            Self::FileBroken { .. } => "file_broken",
        }
    }

    /// The one value some reasons carry, by its name.
    #[must_use]
    pub fn value(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::UnknownCodec { codec } => Some(("codec", codec)),
            Self::Protocol { detail }
            | Self::Network { detail }
            | Self::BadUrl { detail }
            | Self::BackChannelRefused { detail }
            | Self::CertificateRefused { detail }
            | Self::Tls { detail }
            | Self::FileNotFound { detail }
            | Self::FileRefused { detail }
            | Self::FileNoVideo { detail }
            | Self::FileBroken { detail }
            | Self::AddressRefused { detail } => Some(("detail", detail)),
            _ => None,
        }
    }

    /// What a failure to connect means to an operator.
    #[must_use]
    pub fn of_network(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::NoRoute,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Network { detail: error.to_string() },
        }
    }

    /// What the end of a connection that stood means to an operator.
    #[must_use]
    pub fn of_connection(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::CameraClosed,
            _ => Self::of_network(error),
        }
    }
}

impl From<DialError> for Reason {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Dns(_) => Self::Dns,
            DialError::Refused(address) => Self::AddressRefused { detail: address.to_string() },
            DialError::Io(error) => Self::of_network(&error),
        }
    }
}

impl From<rtsp::Error> for Reason {
    fn from(error: rtsp::Error) -> Self {
        match error {
            rtsp::Error::NotRtsp => Self::NotRtsp,
            rtsp::Error::WrongPassword => Self::WrongPassword,
            rtsp::Error::NotFound => Self::StreamNotFound,
            rtsp::Error::BadAddress(detail) => Self::BadUrl { detail },
            rtsp::Error::NoBackChannel => Self::NoBackChannel,
            rtsp::Error::BackChannelBusy => Self::BackChannelBusy,
            refused @ rtsp::Error::BackChannelRefused { .. } => {
                Self::BackChannelRefused { detail: refused.to_string() }
            }
            other => Self::Protocol { detail: other.to_string() },
        }
    }
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
        let of = |number| Reason::of_network(&io::Error::from_raw_os_error(number)).code();
        assert_eq!(of(libc::ECONNREFUSED), "connection_refused");
        assert_eq!(of(libc::EHOSTUNREACH), "no_route");
        assert_eq!(of(libc::ENETUNREACH), "no_route");
        assert_eq!(of(libc::ETIMEDOUT), "timeout");
        assert_eq!(of(libc::EPERM), "network");
        let ended = |number| Reason::of_connection(&io::Error::from_raw_os_error(number)).code();
        assert_eq!(ended(libc::ECONNRESET), "camera_closed");
        assert_eq!(ended(libc::EPIPE), "camera_closed");
        assert_eq!(ended(libc::EHOSTUNREACH), "no_route");
    }

    #[test]
    fn errors_of_the_session_become_words_an_operator_knows() {
        let of = |error: rtsp::Error| Reason::from(error);
        assert_eq!(of(rtsp::Error::WrongPassword), Reason::WrongPassword);
        assert_eq!(of(rtsp::Error::NotFound), Reason::StreamNotFound);
        assert_eq!(of(rtsp::Error::NotRtsp), Reason::NotRtsp);
        let refused = of(rtsp::Error::Refused { method: "SETUP", status: 461 });
        assert_eq!(refused, Reason::Protocol { detail: "SETUP: RTSP 461".into() });
    }

    #[test]
    fn errors_of_dialling_become_words_an_operator_knows() {
        let address = std::net::IpAddr::from([169, 254, 169, 254]);
        let refused = Reason::from(DialError::Refused(address));
        assert_eq!((refused.code(), refused.value()), ("address_refused", Some(("detail", "169.254.169.254"))));
        assert_eq!(Reason::from(DialError::Dns(io::ErrorKind::NotFound.into())), Reason::Dns);
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
