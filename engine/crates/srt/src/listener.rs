//! The listener's side of the handshake. Nothing is kept of a caller before
//! it has returned a cookie that was made for its address alone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;

use crate::caller::Agreement;
use crate::connection::Connection;
use crate::crypto::{KeyError, KeyLength, Keys, key_length_of, random};
use crate::handshake::{Capabilities, Handshake, Kind, MAGIC, Reject, VERSION_4, VERSION_5};
use crate::packet::{Control, Outgoing, Packet, Seq};
use crate::rate::Turns;
use crate::settings::{Identity, Settings};

/// A cookie is good for so long, or as long again.
const COOKIE_PERIOD: Duration = Duration::from_secs(60);
/// Conclusions a second that are looked at; each may cost a millisecond.
const CONCLUSIONS: u64 = 200;
/// Of one address; what it wants beyond, it gets while others leave it.
const CONCLUSIONS_OF_ONE: u64 = 20;

pub struct Listener {
    secret: hmac::Key,
    start: Instant,
    conclusions: Turns,
    turned_away: u64,
}

/// What to do with a datagram that belongs to no connection.
#[derive(Debug)]
pub enum Incoming {
    Ignored,
    /// To be sent back.
    Reply(Vec<u8>),
    /// To be judged.
    Request(Box<Request>),
}

/// A caller that wants a connection, and owns its address.
#[derive(Debug)]
pub struct Request {
    handshake: Handshake,
    capabilities: Capabilities,
    timestamp: u32,
}

impl Listener {
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            secret: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()),
            start: now,
            conclusions: Turns::new(CONCLUSIONS, CONCLUSIONS_OF_ONE, now),
            turned_away: 0,
        }
    }

    /// Conclusions that were not looked at, as there were too many.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    fn cookie(&self, from: SocketAddr, period: u64) -> u32 {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&period.to_be_bytes());
        context.update(from.to_string().as_bytes());
        let tag = context.sign();
        tag.as_ref().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    /// Looks at a datagram for socket 0.
    pub fn input(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Incoming {
        let Some(Packet::Control { control: Control::Handshake(body), timestamp, to: 0 }) = Packet::parse(datagram)
        else {
            return Incoming::Ignored;
        };
        let Some(handshake) = Handshake::parse(body) else { return Incoming::Ignored };
        let period = now.saturating_duration_since(self.start).as_secs() / COOKIE_PERIOD.as_secs();
        match handshake.kind {
            Kind::Induction => self.induction(&handshake, self.cookie(from, period)),
            Kind::Conclusion => {
                let good = [Some(period), period.checked_sub(1)];
                let fits = |period: &u64| self.cookie(from, *period) == handshake.cookie;
                if good.iter().flatten().any(fits) {
                    self.conclusion(from, handshake, timestamp, now)
                } else {
                    Incoming::Ignored
                }
            }
            _ => Incoming::Ignored,
        }
    }

    fn induction(&self, handshake: &Handshake, cookie: u32) -> Incoming {
        if !matches!(handshake.version, VERSION_4 | VERSION_5) {
            return refuse(handshake, Reject::Version);
        }
        let mut answer = Handshake::plain(VERSION_5, Kind::Induction, handshake.first, handshake.socket, cookie);
        answer.extension = MAGIC;
        Incoming::Reply(datagram(answer.write(false), handshake.socket))
    }

    fn conclusion(&mut self, from: SocketAddr, handshake: Handshake, timestamp: u32, now: Instant) -> Incoming {
        if !self.conclusions.take(from.ip(), now) {
            self.turned_away += 1;
            return refuse(&handshake, Reject::Resource);
        }
        if handshake.version != VERSION_5 {
            return refuse(&handshake, Reject::Version);
        }
        let Some(capabilities) = handshake.capabilities else { return refuse(&handshake, Reject::Rogue) };
        if let Err(reject) = capabilities.check() {
            return refuse(&handshake, reject);
        }
        if handshake.congestion.as_deref().is_some_and(|name| name != "live") {
            return refuse(&handshake, Reject::NotLive);
        }
        Incoming::Request(Box::new(Request { handshake, capabilities, timestamp }))
    }
}

fn refuse(handshake: &Handshake, reject: Reject) -> Incoming {
    Incoming::Reply(refusal(handshake, reject))
}

fn refusal(handshake: &Handshake, reject: Reject) -> Vec<u8> {
    let answer = Handshake::plain(VERSION_5, Kind::Rejected(reject), handshake.first, handshake.socket, 0);
    datagram(answer.write(false), handshake.socket)
}

fn datagram(body: Vec<u8>, to: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 16);
    Outgoing::handshake(body).write(&mut out, 0, to);
    out
}

impl Request {
    /// What the caller wants; empty if it does not say.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        &self.handshake.stream_id
    }

    /// The caller's socket: with its address it tells whether this is the
    /// same request again.
    #[must_use]
    pub fn socket(&self) -> u32 {
        self.handshake.socket
    }

    /// Whether the caller encrypts, and how.
    #[must_use]
    pub fn key_length(&self) -> Option<KeyLength> {
        self.handshake.key_material.as_deref().and_then(key_length_of)
    }

    /// The first packet number, which both sides begin with.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.handshake.first
    }

    /// The datagram that refuses it.
    #[must_use]
    pub fn refuse(&self, reject: Reject) -> Vec<u8> {
        refusal(&self.handshake, reject)
    }

    /// Makes a connection of it, under a socket number that is not in use.
    ///
    /// # Errors
    /// When passphrases do not fit; to be told by [`Self::refuse`].
    pub fn accept(&self, settings: Settings, socket: u32, now: Instant) -> Result<Connection, Reject> {
        let keys = match (&settings.passphrase, &self.handshake.key_material) {
            (None, None) => None,
            (Some(passphrase), Some(message)) => {
                Some(Keys::parse(message, passphrase).map_err(|error| match error {
                    KeyError::Malformed => Reject::Rogue,
                    KeyError::WrongPassphrase => Reject::WrongPassphrase,
                })?)
            }
            _ => return Err(Reject::Unsecure),
        };
        let agreement = Agreement {
            peer: self.handshake.socket,
            window: self.handshake.window,
            receives: settings.latency.max(self.capabilities.sends),
            sends: settings.latency.max(self.capabilities.receives),
            keys,
        };
        let mut answer =
            Handshake::plain(VERSION_5, Kind::Conclusion, self.handshake.first, socket, self.handshake.cookie);
        answer.encryption = self.handshake.encryption;
        answer.capabilities = Some(Capabilities {
            receives: agreement.receives,
            sends: agreement.sends,
            ..Capabilities::own(settings.latency)
        });
        answer.key_material.clone_from(&self.handshake.key_material);
        let identity = Identity { socket, first: self.handshake.first };
        let mut connection = Connection::accepted(settings, identity, agreement, answer.write(false), now);
        connection.learn_start(self.timestamp, now);
        Ok(connection)
    }
}
