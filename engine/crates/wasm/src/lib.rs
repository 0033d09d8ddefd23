//! What the page that verifies offline calls: a list of files goes in, a
//! report comes out, both as JSON; bytes are asked for as they are needed.
//!
//! What is absent: JavaScript, which is in `clients/verifier`.

mod check;
#[cfg(target_arch = "wasm32")]
mod exports;

pub use check::{Answer, GivenFile, Request, answer};
