//! The one origin: HTTP/1.1 and WebSocket front with WHEP and a proxy to the
//! API workers.
//!
//! Data flow: `guard` refuses what may not come in, `route` names what a
//! request asks for, `whep` answers for the media, `proxy` passes the rest to
//! the API workers over their Unix socket. Runs on threads of its own, so that
//! neither packets nor API load disturb it.

#![forbid(unsafe_code)]

mod credential;
mod guard;
mod problem;
mod proxy;
mod route;
mod serve;
mod whep;

pub use serve::{Front, FrontConfig, MetricsText};
