//! Keeping what must stay, and making room.
