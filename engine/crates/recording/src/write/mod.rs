//! From frames to durable files.
//!
//! `recorder` decides what is kept and cuts it into fragments, `writer` runs a
//! volume's threads, `stream` and `part` write, `ledger` proves, `recover`
//! and `found` go on after a stop or a crash.

pub mod commit;
pub mod find;
pub mod found;
pub mod keys;
pub mod known;
pub mod lanes;
pub mod ledger;
pub mod part;
pub mod queue;
pub mod recorder;
pub mod recorders;
pub mod recover;
pub mod source_view;
pub mod stream;
pub mod volume;
pub mod writer;
