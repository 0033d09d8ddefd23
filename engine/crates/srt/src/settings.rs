//! What a connection is set up with.

use std::time::Duration;

use crate::crypto::{KeyLength, Passphrase, random};
use crate::packet::Seq;

/// When payloads leave the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// As far apart as they were sent, all of them the latency late.
    #[default]
    OnTime,
    /// At once while none is missing; what is missing is waited for as long as
    /// the latency says. For receivers that keep time by the media themselves.
    InOrder,
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a lost packet may be waited for; the larger of both sides'.
    pub latency: Duration,
    /// What the caller wants of the listener.
    pub stream_id: String,
    /// Encrypts; a peer without it, or with another, is refused.
    pub passphrase: Option<Passphrase>,
    /// Chosen by the caller alone.
    pub key_length: KeyLength,
    pub delivery: Delivery,
    /// A peer that is silent for so long is gone.
    pub idle: Duration,
    /// A caller gives up when nobody has answered for so long.
    pub connect: Duration,
    /// Bytes a second that are sent at most.
    pub rate: u64,
    /// A new key is made after so many packets, and told so many before.
    pub key_refresh: (u64, u64),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(120),
            stream_id: String::new(),
            passphrase: None,
            key_length: KeyLength::Aes128,
            delivery: Delivery::OnTime,
            idle: Duration::from_secs(5),
            connect: Duration::from_secs(3),
            // A key frame of 4K within 10 ms, and no flood into small buffers.
            rate: 50_000_000,
            key_refresh: (1 << 24, 1 << 12),
        }
    }
}

/// The random numbers that a connection begins with.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Of its socket; never 0, and no other's of the same address.
    pub socket: u32,
    /// Number of its first packet; a listener takes its caller's.
    pub first: Seq,
}

impl Identity {
    #[must_use]
    pub fn random() -> Self {
        let [a, b, c, d, rest @ ..] = random::<8>();
        Self {
            socket: (u32::from_be_bytes([a, b, c, d]) & 0x3fff_ffff).max(1),
            first: Seq::new(u32::from_be_bytes(rest)),
        }
    }
}
