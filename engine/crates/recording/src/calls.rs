//! The calls about recordings: typed JSON in, typed JSON and bytes out.
//!
//! Each call is a pair of structs and an arm of [`Recording::call`]. Those of
//! `read` and of `keep` stand there, each beside what it does.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The kinds of refusal, as in the error tree of the steering side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Invalid,
    NotFound,
    Conflict,
    Unavailable,
    Internal,
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    pub kind: CallKind,
    /// For programs: `no_recording`, `volume_failed`.
    pub code: &'static str,
    pub message: String,
}

impl CallError {
    pub fn new(kind: CallKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into() }
    }
}

/// An answer: JSON, and bytes beside it (a picture).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub json: Vec<u8>,
    pub data: Vec<u8>,
}

impl Answer {
    pub fn of<T: Serialize>(value: &T) -> Result<Self, CallError> {
        let json = serde_json::to_vec(value)
            .map_err(|error| CallError::new(CallKind::Internal, "internal", error.to_string()))?;
        Ok(Self { json, data: Vec::new() })
    }
}

/// Reads a request; an empty one is `{}`.
pub fn request<T: DeserializeOwned>(call: &str, json: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(if json.is_empty() { b"{}" } else { json })
        .map_err(|error| CallError::new(CallKind::Invalid, "invalid", format!("{call}: {error}")))
}
