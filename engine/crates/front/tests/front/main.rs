//! The front over real sockets.

mod cost;
mod hls;
mod plain;
mod rig;
mod tls;
