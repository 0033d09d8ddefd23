//! Wires hub, sources, sinks and front into one engine with desired state.
//!
//! Data flow: [`Engine::apply`] compares the wished cameras with those that
//! run and starts, changes and stops sources; their changes of state go into
//! the [`Journal`], which wakes the steering side by an eventfd.

mod config;
mod engine;
mod journal;
mod logs;
mod metrics;
mod process;
mod pushes;
mod recordings;
mod replay;
mod report;
mod wake;

pub use config::{AccessWish, Camera, DesiredState, EngineConfig, Error, Kind, RevocationWish, StreamWish};
pub use engine::{Addresses, Applied, Engine};
pub use journal::{Event, Journal};
pub use logs::{Line, Logs};
pub use recordings::Recordings;
pub use report::StreamReport;
