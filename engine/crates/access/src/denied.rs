//! Why a stream was not opened.

/// A refusal with a code that a screen can put into its own language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("this stream wants a signed address or a stream key")]
    Missing,
    #[error("the signed address cannot be used: {0}")]
    Invalid(&'static str),
    #[error("the signed address ran out; ask for a fresh one")]
    Expired,
    #[error("the signed address is for another {0}")]
    Foreign(&'static str),
    #[error("the signed address was used already; each opens one session")]
    Used,
    #[error("the right to watch was withdrawn")]
    Revoked,
    #[error("the stream key is unknown, ran out, or its password is wrong")]
    WrongKey,
    #[error("the camera has privacy masks and no masked picture is made yet")]
    Dark,
    /// By whom, where one may know.
    #[error("somebody talks to this camera already{}{who}", if who.is_empty() { "" } else { ": " })]
    Talking { who: String },
    #[error("{of} has its limit of {limit} streams open")]
    Limit { of: &'static str, limit: u32 },
}

impl Denied {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "address_missing",
            Self::Invalid(_) => "address_invalid",
            Self::Expired => "address_expired",
            Self::Foreign(_) => "address_foreign",
            Self::Used => "address_used",
            Self::Revoked => "address_revoked",
            Self::WrongKey => "stream_key_wrong",
            Self::Dark => "masked_dark",
            Self::Talking { .. } => "camera_busy_talking",
            Self::Limit { .. } => "limit_reached",
        }
    }

    /// The status of HTTP, which RTSP shares (RFC 2326, section 7.1.1).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing | Self::Invalid(_) | Self::Expired | Self::Used | Self::WrongKey => 401,
            Self::Foreign(_) | Self::Revoked => 403,
            Self::Dark => 503,
            Self::Talking { .. } => 409,
            Self::Limit { .. } => 429,
        }
    }
}
