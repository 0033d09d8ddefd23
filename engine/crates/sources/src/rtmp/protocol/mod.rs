//! RTMP without IO: bytes in, events and bytes out.
//!
//! What is absent: playing to others, AMF3, shared objects, the digest
//! handshake of Flash players.

mod amf0;
mod chunk;
mod client;
mod connection;
mod handshake;
mod server;

pub use client::{Client, Pulled};
pub use server::{Event, Server};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("it speaks no RTMP")]
    NotRtmp,
    #[error("{0}")]
    Protocol(&'static str),
    #[error("the server refused: {0}")]
    Refused(String),
}
