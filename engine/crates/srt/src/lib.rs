//! Secure Reliable Transport (draft-sharabayko-srt-01), live mode, without IO.
//!
//! Data flow: a [`Connection`] takes datagrams and the time, and gives
//! datagrams, payloads and the instant at which it wants to be looked at
//! again. A [`Listener`] answers callers without keeping anything of them
//! until they have shown that they own their address; what it then gives, a
//! [`Request`], becomes a connection or is refused.
//!
//! Files: `packet` reads and writes headers, `handshake` the handshake and its
//! extensions, `crypto` keys and ciphers, `sender` and `receiver` the two
//! buffers, `timebase` the peer's clock, `connection` ties them together.
//!
//! Invariants: payloads come out in order, none twice, none before it must;
//! nothing grows with what a peer sends; no input panics.
//!
//! What is absent: sockets, threads, clocks. See the README for what of SRT is
//! left out.

#![forbid(unsafe_code)]

mod caller;
mod connection;
mod crypto;
mod handshake;
mod listener;
mod packet;
mod rate;
mod receiver;
mod sender;
mod settings;
mod stats;
mod timebase;

pub use connection::{Connection, End};
pub use crypto::{BadPassphrase, KeyLength, Passphrase};
pub use handshake::{Handshake, Reject};
pub use listener::{Incoming, Listener, Request};
pub use packet::{Control, Data, HEADER, LIVE_PAYLOAD, MAX_PAYLOAD, Packet, Seq};
pub use settings::{Delivery, Identity, Settings};
pub use stats::Stats;

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;
