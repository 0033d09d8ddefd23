//! The front over real sockets.

mod cost;
mod hls;
mod http3;
mod plain;
mod rig;
mod silent;
mod tls;
