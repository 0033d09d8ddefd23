//! The caller's side of the handshake: induction, conclusion, open (draft,
//! section 4.3.1).

use std::time::{Duration, Instant};

use crate::crypto::Keys;
use crate::handshake::{Capabilities, Handshake, Kind, MAGIC, Reject, VERSION_4, VERSION_5};
use crate::settings::{Identity, Settings};

/// A question is asked again after so long.
const AGAIN: Duration = Duration::from_millis(250);
/// In an induction: the socket is one of datagrams.
const DATAGRAM: u16 = 2;

#[derive(Debug)]
pub struct Caller {
    question: Handshake,
    pub next_try: Instant,
    /// What will encrypt, once the listener has taken it.
    keys: Option<Keys>,
}

/// What a listener's answer led to.
#[derive(Debug)]
pub enum Answered {
    /// Nothing, or a question that is to be sent at once.
    Goes,
    Open(Box<Agreement>),
    Refused(Reject),
}

/// What both sides are held to.
#[derive(Debug)]
pub struct Agreement {
    pub peer: u32,
    pub window: u32,
    /// How long we wait for packets, and how long the peer does.
    pub receives: Duration,
    pub sends: Duration,
    pub keys: Option<Keys>,
}

impl Caller {
    pub fn new(identity: Identity, now: Instant) -> Self {
        let mut question = Handshake::plain(VERSION_4, Kind::Induction, identity.first, identity.socket, 0);
        question.extension = DATAGRAM;
        Self { question, next_try: now, keys: None }
    }

    /// The question to send, if it is time.
    pub fn ask(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next_try {
            return None;
        }
        self.next_try = now + AGAIN;
        Some(self.question.write(true))
    }

    pub fn answer(&mut self, answer: &Handshake, settings: &Settings, now: Instant) -> Answered {
        match (self.question.kind, answer.kind) {
            (_, Kind::Rejected(reject)) => Answered::Refused(reject),
            (Kind::Induction, Kind::Induction) if answer.version != VERSION_5 || answer.extension != MAGIC => {
                Answered::Refused(Reject::Version)
            }
            (Kind::Induction, Kind::Induction) => {
                self.conclude(answer.cookie, settings);
                self.next_try = now;
                Answered::Goes
            }
            (Kind::Conclusion, Kind::Conclusion) => match self.agree(answer, settings) {
                Ok(agreement) => Answered::Open(Box::new(agreement)),
                Err(reject) => Answered::Refused(reject),
            },
            _ => Answered::Goes,
        }
    }

    fn conclude(&mut self, cookie: u32, settings: &Settings) {
        let (first, socket) = (self.question.first, self.question.socket);
        let mut question = Handshake::plain(VERSION_5, Kind::Conclusion, first, socket, cookie);
        question.capabilities = Some(Capabilities::own(settings.latency));
        question.stream_id.clone_from(&settings.stream_id);
        if let Some(passphrase) = &settings.passphrase {
            let keys = Keys::generate(settings.key_length);
            question.encryption = (settings.key_length.bytes() / 8) as u16;
            question.key_material = keys.message(passphrase);
            self.keys = Some(keys);
        }
        self.question = question;
    }

    fn agree(&mut self, answer: &Handshake, settings: &Settings) -> Result<Agreement, Reject> {
        if answer.version != VERSION_5 {
            return Err(Reject::Version);
        }
        let told = answer.capabilities.ok_or(Reject::Rogue)?;
        told.check()?;
        match (&self.question.key_material, &answer.key_material) {
            (None, None) => {}
            // A listener that has taken the keys repeats the message.
            (Some(sent), Some(taken)) if sent == taken => {}
            (Some(_), Some(_)) => return Err(Reject::WrongPassphrase),
            _ => return Err(Reject::Unsecure),
        }
        Ok(Agreement {
            peer: answer.socket,
            window: answer.window,
            receives: settings.latency.max(told.sends),
            sends: settings.latency.max(told.receives),
            keys: self.keys.take(),
        })
    }
}
