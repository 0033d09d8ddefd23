//! The calls about recordings: typed JSON in, typed JSON and bytes out.
//!
//! Each call is a pair of structs and an arm of [`Recording::call`]. Those of
//! `read` and of `keep` stand there, each beside what it does.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vms_hub::{StreamKey, StreamName};

use crate::service::{Recording, VolumeReport};
use crate::write::keys::KeyReport;

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

#[derive(Serialize)]
struct Volumes {
    volumes: Vec<VolumeReport>,
}

#[derive(Serialize)]
struct Keys {
    /// Oldest first; the last one seals.
    keys: Vec<KeyReport>,
}

/// Something happened that event recording waits for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trigger {
    camera: String,
    /// Empty: both.
    #[serde(default)]
    stream: Option<StreamName>,
    /// What happened, for the log.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    from_us: i64,
    until_us: i64,
}

#[derive(Serialize)]
struct Triggered {
    until_us: i64,
}

impl Recording {
    /// Answers a call about recordings; it may wait for disks.
    pub fn call(&self, call: &str, json: &[u8]) -> Result<Answer, CallError> {
        match call {
            "volumes" => Answer::of(&Volumes { volumes: self.reports() }),
            "keys" => Answer::of(&Keys { keys: self.context.keys.reports() }),
            "rotate_key" => self.rotate_key(),
            "trigger" => self.trigger(&request(call, json)?),
            _ => self.keep_call(call, json).unwrap_or_else(|| {
                Err(CallError::new(CallKind::Invalid, "invalid", format!("there is no call {call:?}")))
            }),
        }
    }

    /// A new sealing key, in every ledger that is open; the others get it when
    /// they are opened.
    fn rotate_key(&self) -> Result<Answer, CallError> {
        let now_us = (self.means.now_us)();
        let rotated = self.context.keys.rotate(now_us).and_then(|()| self.logs().announce_keys(&self.context));
        rotated.map_err(|error| {
            CallError::new(CallKind::Unavailable, "volume_failed", format!("the new key cannot be written: {error}"))
        })?;
        Answer::of(&Keys { keys: self.context.keys.reports() })
    }

    fn trigger(&self, trigger: &Trigger) -> Result<Answer, CallError> {
        let both = BTreeSet::from([StreamName::Main, StreamName::Sub]);
        let streams = trigger.stream.map_or(both, |stream| BTreeSet::from([stream]));
        let keys = streams.into_iter().map(|stream| StreamKey::new(&trigger.camera, stream));
        // Found before it is asked, as a stream that is not recorded never answers.
        let recorded = |key: &StreamKey| {
            let wishes = self.wishes();
            wishes.iter().any(|camera| *camera.id == *key.camera && camera.record.contains_key(&key.stream))
        };
        let touched = |key: StreamKey| {
            let until_us = self.recorders().trigger(&key, trigger.until_us)?;
            self.remember_trigger(&key, trigger.from_us, until_us);
            Some(until_us)
        };
        let until = keys.filter(recorded).filter_map(touched).max();
        tracing::debug!(camera = trigger.camera, kind = trigger.kind, from_us = trigger.from_us, ?until, "triggered");
        match until {
            Some(until_us) => Answer::of(&Triggered { until_us }),
            None => {
                let message = format!("camera {} is not recorded", trigger.camera);
                Err(CallError::new(CallKind::NotFound, "no_recording", message))
            }
        }
    }
}
