//! Finding and playing what was recorded.
//!
//! Data flow: [`archive`] finds parts in the folders of all volumes and keeps
//! their indexes in memory; [`part`] reads fragments; `playback`, `hls`,
//! `picture` and `inventory` answer from them. Nothing here writes.

pub mod archive;
mod hls;
mod inventory;
mod leases;
pub mod part;
mod picture;
pub mod playback;
#[cfg(test)]
mod tests;

use vms_format::names::SUB;
use vms_hub::StreamName;

use crate::calls::{Answer, CallError, request};

pub use archive::{Archive, Recorded};
pub use inventory::InventoryRequest;
pub use leases::Leases;
pub use part::Masters;
pub use picture::PictureRequest;
pub use playback::{Amount, Segment};

impl Archive {
    /// Answers the calls that read; `None` for a call of others.
    pub fn call(&self, call: &str, json: &[u8]) -> Option<Result<Answer, CallError>> {
        match call {
            "inventory" => Some(request(call, json).and_then(|asked| self.inventory(&asked))),
            "picture" => Some(request(call, json).and_then(|asked| self.picture(&asked))),
            _ => None,
        }
    }
}

/// A stream as files number it.
#[must_use]
pub fn stream_number(name: StreamName) -> u8 {
    match name {
        StreamName::Main => vms_format::names::MAIN,
        StreamName::Sub => SUB,
    }
}

#[must_use]
pub fn stream_name(number: u8) -> StreamName {
    if number == SUB { StreamName::Sub } else { StreamName::Main }
}

fn stream_text(number: u8) -> &'static str {
    stream_name(number).as_str()
}
