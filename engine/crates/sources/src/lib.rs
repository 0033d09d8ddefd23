//! RTSP camera sources with one state machine and jittered reconnects.
//!
//! Data flow: [`Source`] runs one stream of one camera: `session` speaks RTSP,
//! `depacketise` of `vms-media` makes frames, `clock` gives each its time, a
//! publisher of the hub takes them. `state` decides, without IO, what the
//! source does next.
//!
//! Invariants: a source never gives up; every change of state carries a
//! reason; audio never stops video.

mod clock;
mod describe;
mod frames;
mod os_clock;
mod reason;
mod session;
mod source;
mod state;

pub use clock::{ClockReading, ServerClock, StreamClock};
pub use reason::Reason;
pub use source::{Source, SourceConfig, SourceStatus, StateChange, Timeouts, Transport};
pub use state::{BackOff, Input, Machine, State};
