//! What recording tells the journal.

use std::sync::Arc;

use serde::Serialize;
use vms_hub::StreamKey;

/// Something to look at: the reader asks `inventory` for the rest.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A part began, ended or changed.
    Recording {
        #[serde(skip)]
        key: StreamKey,
        utc_us: i64,
    },
    /// A gap began (`to_us` absent) or ended.
    Gap {
        #[serde(skip)]
        key: StreamKey,
        utc_us: i64,
        from_us: i64,
        to_us: Option<i64>,
        reason: &'static str,
    },
    /// Something that was recorded was removed or thinned.
    Removed {
        #[serde(skip)]
        key: StreamKey,
        utc_us: i64,
        from_us: i64,
        to_us: i64,
        reason: &'static str,
    },
    /// A disk's state changed.
    Volume { utc_us: i64, volume: String, state: &'static str, reason: Option<String> },
}

/// Called on threads of recording; it must not block.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;
