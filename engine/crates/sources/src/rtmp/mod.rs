//! RTMP: publishers that call us, and streams that we pull.
//!
//! `server` and `client` are the protocol without IO: bytes in, events and bytes
//! out. `feed` moves the bytes, `listener` and `pull` are its two beginnings.
//!
//! What is absent: playing to others (RTSP, HLS and WebRTC do that), AMF3,
//! shared objects, the digest handshake of Flash players.

mod amf0;
mod chunk;
mod client;
mod feed;
mod handshake;
mod listener;
mod pull;
mod server;

pub use listener::{Reception, RtmpMetrics, RtmpServer};
pub use pull::open;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("it speaks no RTMP")]
    NotRtmp,
    #[error("{0}")]
    Protocol(&'static str),
    #[error("the server refused: {0}")]
    Refused(String),
}
