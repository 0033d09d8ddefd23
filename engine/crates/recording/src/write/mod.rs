//! From frames to durable files.

pub mod commit;
pub mod known;
pub mod queue;
pub mod volume;
