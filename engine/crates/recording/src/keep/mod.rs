//! Keeping what must stay, and making room.

pub mod plan;
