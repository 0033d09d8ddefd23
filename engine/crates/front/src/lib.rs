//! The one origin: TLS, HTTP and WebSocket front with WHEP and a proxy to the
//! API workers.
//!
//! Data flow: `listen` takes connections and `quic` those of HTTP/3, `tls` shakes hands, `shape` gives
//! every request one form, `guard` refuses what may not come in, `route` names what a
//! request asks for, `whep` and `hls` answer for the media, `proxy` passes the rest to
//! the API workers over their Unix socket. Runs on threads of its own, so that
//! neither packets nor API load disturb it.

#![forbid(unsafe_code)]

mod credential;
mod guard;
mod hls;
mod listen;
mod media;
mod patient;
mod playing;
mod problem;
mod proxy;
mod quic;
mod recorded;
mod route;
mod serve;
mod shape;
mod streams;
mod talk;
mod tls;
mod whep;
mod whip;

pub use listen::Crowds;
pub use recorded::{Find, NotRecorded, Recorded, Recordings, Wanted};
pub use serve::{Front, FrontConfig, FrontError, Media, MetricsText, TlsConfig};
pub use tls::{Tls, TlsError, TlsFiles};
