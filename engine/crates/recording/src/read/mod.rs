//! Finding and playing what was recorded.
