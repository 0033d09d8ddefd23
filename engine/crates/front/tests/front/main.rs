//! The front over real sockets.

mod cost;
mod plain;
mod rig;
mod tls;
