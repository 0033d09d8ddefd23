//! The front over real sockets.

mod plain;
mod rig;
mod tls;
