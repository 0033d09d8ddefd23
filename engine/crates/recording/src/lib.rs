//! Frames of the hub become files that nothing can take back.
//!
//! Data flow: a recorder a stream takes frames from a queue of its own in the
//! hub and closes fragments (`write::recorder`); the writer thread of a volume
//! hashes and writes them (`write::writer`), a second thread makes them
//! durable, twice a second. `read` finds and plays, `play` plays as
//! if it were live, `export` takes away with
//! proof, `keep` makes room.
//!
//! Invariants: no disk is touched and nothing is hashed on a packet thread;
//! no sequence number is used twice, crash or not; what is lost is a GAP with
//! its reason; a file that is not ours is left alone.

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod bench;
mod calls;
mod config;
mod event;
pub mod export;
pub mod io;
pub mod keep;
pub mod play;
#[cfg(test)]
mod powercut;
pub mod read;
mod service;
mod worker;
pub mod write;

pub use calls::{Answer, CallError, CallKind, request};
pub use config::{
    CameraWish, EncryptConfig, Keep, Mode, RecordingConfig, S3Config, StreamRecord, Thin, ThinTo, Tier, VolumeConfig,
};
pub use event::{Event, Listener};
pub use service::{Means, Recording, StartError, UtcClock, VolumeReport};
