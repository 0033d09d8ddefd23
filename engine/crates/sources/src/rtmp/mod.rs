//! RTMP: publishers that call us, and streams that we pull.
//!
//! `protocol` has no IO; `feed` moves its bytes, `listener` and `pull` are the
//! two beginnings of a connection. Nothing is played to others by RTMP: RTSP,
//! HLS and WebRTC do that.

mod feed;
mod listener;
mod protocol;
mod pull;

pub use listener::{Reception, RtmpMetrics, RtmpServer};
pub use pull::open;
