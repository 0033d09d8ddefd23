//! Our RTSP client (RFC 2326), made for what cameras really send.
//!
//! [`Client`] is the session without IO and without a clock: bytes and times
//! go in, bytes, media and [`Step`]s come out. It is fed by the connection of
//! the parent's `session`. Below it: `wire` cuts the byte stream, `message`
//! reads and writes RTSP, `sdp` the description, `transport` and `uri` their
//! headers, `auth` answers challenges, `tunnel` wraps it all in HTTP, `rtp` and `rtcp` are the media,
//! `reorder` puts UDP packets in order.
//!
//! Invariants: nothing that is not needed is required of a camera; everything
//! that is held is bounded; media are handed on as slices of the input, never
//! copied here (a UDP packet out of order excepted).
//!
//! A session either gets media or is there to talk: [`Options::talks`] asks for
//! the back channel of ONVIF, and [`Client::send_packet`] sends to it.
//!
//! What is absent: multicast.

mod auth;
mod client;
mod keepalive;
mod message;
mod reorder;
mod rtcp;
mod rtp;
mod sdp;
mod transport;
mod tunnel;
mod uri;
mod wire;

pub use auth::{Authenticator, Credentials, Verdict};
pub use client::{Client, Media, Options, Step, Wanted};
pub use keepalive::Habit;
pub use sdp::{Description, MediaLine};
pub use tunnel::{Opening, Tunnel};
pub use uri::{Address, Trust, percent_decode};

/// Why a session cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the answer is not RTSP")]
    NotRtsp,
    #[error("the camera refused the credentials")]
    WrongPassword,
    #[error("the camera knows no such stream")]
    NotFound,
    #[error("{method}: RTSP {status}")]
    Refused { method: &'static str, status: u16 },
    #[error("the camera names no media")]
    NoMedia,
    #[error("it does not tell when its frames were taken, as a node does")]
    NoStamps,
    #[error("the camera offers no back channel")]
    NoBackChannel,
    #[error("the camera's back channel is taken")]
    BackChannelBusy,
    #[error("{method}: RTSP {status}")]
    BackChannelRefused { method: &'static str, status: u16 },
    #[error("the camera redirects again and again")]
    TooManyRedirects,
    #[error("{0}")]
    TooLong(&'static str),
    #[error("{0}")]
    BadAddress(String),
}

#[cfg(test)]
mod tests;
