//! The handshake and its extensions (draft, section 3.2.1).

use std::time::Duration;

use crate::packet::{MAX_PAYLOAD, Seq};

pub const VERSION_4: u32 = 4;
pub const VERSION_5: u32 = 5;
/// Told by a listener of version 5 in its first answer.
pub const MAGIC: u16 = 0x4a17;
/// As which version of SRT we present ourselves: 1.5.1.
const OWN_VERSION: u32 = 0x01_05_01;
/// The first with handshake version 5.
const OLDEST_VERSION: u32 = 0x01_03_00;
const CIF: usize = 48;

const TSBPD_SENDER: u32 = 1;
const TSBPD_RECEIVER: u32 = 2;
const CRYPT: u32 = 4;
const TOO_LATE_DROP: u32 = 8;
const PERIODIC_NAK: u32 = 0x10;
const REXMIT_FLAG: u32 = 0x20;
const STREAM: u32 = 0x40;
const OWN_FLAGS: u32 = TSBPD_SENDER | TSBPD_RECEIVER | CRYPT | TOO_LATE_DROP | PERIODIC_NAK | REXMIT_FLAG;

/// Flags of the extension field.
const HAS_HS: u16 = 1;
const HAS_KM: u16 = 2;
const HAS_CONFIG: u16 = 4;

const EXT_HS_REQUEST: u16 = 1;
const EXT_HS_RESPONSE: u16 = 2;
const EXT_KM_REQUEST: u16 = 3;
const EXT_KM_RESPONSE: u16 = 4;
const EXT_STREAM_ID: u16 = 5;
const EXT_CONGESTION: u16 = 6;

/// What libsrt allows.
const MAX_STREAM_ID: usize = 512;

/// Why a caller is refused, as its program shows it. Codes from 1000 on are
/// the protocol's own, those from 2000 on those of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    #[error("refused without a reason that is known")]
    Unknown,
    #[error("too many callers")]
    Resource,
    #[error("it does not keep to the protocol")]
    Rogue,
    #[error("its version of SRT is not supported")]
    Version,
    #[error("wrong passphrase")]
    WrongPassphrase,
    #[error("one side encrypts, the other does not")]
    Unsecure,
    #[error("it does not speak live mode")]
    NotLive,
    #[error("bad stream id")]
    BadRequest,
    #[error("unauthorized")]
    Unauthorized,
    #[error("overloaded")]
    Overload,
    #[error("forbidden")]
    Forbidden,
    #[error("no such stream")]
    NotFound,
    #[error("the stream has a publisher already")]
    Conflict,
}

const REJECTS: [(Reject, u32); 13] = [
    (Reject::Unknown, 1000),
    (Reject::Resource, 1003),
    (Reject::Rogue, 1004),
    (Reject::Version, 1008),
    (Reject::WrongPassphrase, 1010),
    (Reject::Unsecure, 1011),
    (Reject::NotLive, 1013),
    (Reject::BadRequest, 2400),
    (Reject::Unauthorized, 2401),
    (Reject::Overload, 2402),
    (Reject::Forbidden, 2403),
    (Reject::NotFound, 2404),
    (Reject::Conflict, 2409),
];

impl Reject {
    #[must_use]
    pub fn code(self) -> u32 {
        REJECTS.iter().find(|(reject, _)| *reject == self).map_or(1000, |(_, code)| *code)
    }

    fn of_code(code: u32) -> Self {
        REJECTS.iter().find(|(_, known)| *known == code).map_or(Self::Unknown, |(reject, _)| *reject)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Induction,
    Conclusion,
    /// Of rendezvous, which is not supported.
    Other,
    Rejected(Reject),
}

impl Kind {
    fn of(word: u32) -> Self {
        match word {
            1 => Self::Induction,
            0xffff_ffff => Self::Conclusion,
            1000..=3999 => Self::Rejected(Reject::of_code(word)),
            _ => Self::Other,
        }
    }

    fn word(self) -> u32 {
        match self {
            Self::Induction => 1,
            Self::Conclusion => 0xffff_ffff,
            Self::Other => 0,
            Self::Rejected(reject) => reject.code(),
        }
    }
}

/// What both sides tell of how they receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub version: u32,
    pub flags: u32,
    /// How long the teller waits for packets, and the other side at least.
    pub receives: Duration,
    pub sends: Duration,
}

impl Capabilities {
    pub fn own(latency: Duration) -> Self {
        Self { version: OWN_VERSION, flags: OWN_FLAGS, receives: latency, sends: latency }
    }

    /// Whether a connection can be made of it.
    pub fn check(&self) -> Result<(), Reject> {
        if self.version < OLDEST_VERSION {
            return Err(Reject::Version);
        }
        let timed = self.flags & (TSBPD_SENDER | TSBPD_RECEIVER) == TSBPD_SENDER | TSBPD_RECEIVER;
        if self.flags & STREAM != 0 || !timed { Err(Reject::NotLive) } else { Ok(()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    pub version: u32,
    /// Length of keys in eighths of bytes, 0 for none.
    pub encryption: u16,
    /// In a first answer the magic number, in a conclusion which extensions follow.
    pub extension: u16,
    pub first: Seq,
    /// Packets that may be under way.
    pub window: u32,
    pub kind: Kind,
    pub socket: u32,
    pub cookie: u32,
    pub capabilities: Option<Capabilities>,
    pub key_material: Option<Vec<u8>>,
    pub stream_id: String,
    /// `None`: the default, which is live.
    pub congestion: Option<String>,
}

impl Handshake {
    /// One without extensions.
    pub fn plain(version: u32, kind: Kind, first: Seq, socket: u32, cookie: u32) -> Self {
        Self {
            version,
            encryption: 0,
            extension: 0,
            first,
            window: crate::receiver::CAPACITY as u32,
            kind,
            socket,
            cookie,
            capabilities: None,
            key_material: None,
            stream_id: String::new(),
            congestion: None,
        }
    }

    /// `None` for what is no handshake.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (cif, extensions) = body.split_first_chunk::<CIF>()?;
        let word = |at: usize| u32::from_be_bytes([cif[at], cif[at + 1], cif[at + 2], cif[at + 3]]);
        let mut handshake = Self::plain(word(0), Kind::of(word(20)), Seq::new(word(8)), word(24), word(28));
        handshake.encryption = (word(4) >> 16) as u16;
        handshake.extension = word(4) as u16;
        handshake.window = word(16);
        if handshake.version == VERSION_5 && handshake.kind == Kind::Conclusion {
            handshake.extensions(extensions)?;
        }
        Some(handshake)
    }

    fn extensions(&mut self, mut rest: &[u8]) -> Option<()> {
        while let Some((head, tail)) = rest.split_first_chunk::<4>() {
            let kind = u16::from_be_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
            let (content, next) = tail.split_at_checked(length)?;
            rest = next;
            match kind {
                EXT_HS_REQUEST | EXT_HS_RESPONSE => self.capabilities = Some(capabilities(content)?),
                EXT_KM_REQUEST | EXT_KM_RESPONSE => self.key_material = Some(content.to_vec()),
                EXT_STREAM_ID => self.stream_id = text(content).filter(|id| id.len() <= MAX_STREAM_ID)?,
                EXT_CONGESTION => self.congestion = Some(text(content)?),
                // Groups and filters are not taken up.
                _ => {}
            }
        }
        Some(())
    }

    /// Bytes of the control packet's content. `asks`: the extensions are
    /// requests, else they are answers.
    #[must_use]
    pub fn write(&self, asks: bool) -> Vec<u8> {
        let mut extension = self.extension;
        if self.kind == Kind::Conclusion {
            extension = if self.capabilities.is_some() { HAS_HS } else { 0 }
                | if self.key_material.is_some() { HAS_KM } else { 0 }
                | if self.stream_id.is_empty() { 0 } else { HAS_CONFIG };
        }
        let mut out = Vec::with_capacity(CIF + 128);
        let words = [
            self.version,
            u32::from(self.encryption) << 16 | u32::from(extension),
            self.first.raw(),
            MAX_PAYLOAD as u32 + 44,
            self.window,
            self.kind.word(),
            self.socket,
            self.cookie,
            // The peer's address: nobody looks at it.
            0x0100_007f,
            0,
            0,
            0,
        ];
        words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        if self.kind != Kind::Conclusion {
            return out;
        }
        if let Some(own) = &self.capabilities {
            let ms = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).min(0xffff);
            let latency = ms(own.receives) << 16 | ms(own.sends);
            let content: Vec<u8> =
                [own.version, own.flags, latency].iter().flat_map(|word| word.to_be_bytes()).collect();
            put(&mut out, if asks { EXT_HS_REQUEST } else { EXT_HS_RESPONSE }, &content);
        }
        if let Some(material) = &self.key_material {
            put(&mut out, if asks { EXT_KM_REQUEST } else { EXT_KM_RESPONSE }, material);
        }
        if !self.stream_id.is_empty() {
            put(&mut out, EXT_STREAM_ID, &words_of(&self.stream_id));
        }
        out
    }
}

fn capabilities(content: &[u8]) -> Option<Capabilities> {
    let [a, b, c, ..] = content.as_chunks::<4>().0 else { return None };
    let latency = u32::from_be_bytes(*c);
    Some(Capabilities {
        version: u32::from_be_bytes(*a),
        flags: u32::from_be_bytes(*b),
        receives: Duration::from_millis(u64::from(latency >> 16)),
        sends: Duration::from_millis(u64::from(latency & 0xffff)),
    })
}

fn put(out: &mut Vec<u8>, kind: u16, content: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    // Contents are far below 256 kB.
    out.extend_from_slice(&((content.len() / 4) as u16).to_be_bytes());
    out.extend_from_slice(content);
}

/// Text is sent in words whose bytes stand backwards, filled up with zeros.
fn words_of(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|word| word.reverse());
    bytes
}

fn text(content: &[u8]) -> Option<String> {
    let mut bytes = content.to_vec();
    bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|word| word.reverse());
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
    bytes.truncate(end);
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conclusion() -> Handshake {
        let mut handshake = Handshake::plain(VERSION_5, Kind::Conclusion, Seq::new(99), 7, 0xabcd);
        handshake.capabilities = Some(Capabilities::own(Duration::from_millis(20)));
        handshake.key_material = Some(vec![1, 2, 3, 4]);
        handshake.stream_id = "read:gate/sub".into();
        handshake
    }

    #[test]
    fn a_conclusion_is_read_as_it_was_written() {
        let written = conclusion().write(true);
        let read = Handshake::parse(&written).expect("it is one");
        assert_eq!(Handshake { extension: 0, ..read.clone() }, conclusion());
        assert_eq!(read.extension, HAS_HS | HAS_KM | HAS_CONFIG);
    }

    #[test]
    fn a_stream_id_stands_backwards_in_its_words() {
        assert_eq!(words_of("STREAM"), *b"ERTS\0\0MA");
        assert_eq!(text(b"ERTS\0\0MA").as_deref(), Some("STREAM"));
        assert_eq!(text(&[0xff, 0xff, 0xff, 0xff]), None, "not UTF-8");
    }

    #[test]
    fn extensions_that_do_not_fit_are_refused() {
        let written = conclusion().write(true);
        for cut in [CIF - 1, written.len() - 1, written.len() - 4] {
            assert_eq!(Handshake::parse(&written[..cut]), None, "cut after {cut}");
        }
        let mut long = conclusion();
        long.stream_id = "x".repeat(MAX_STREAM_ID + 1);
        assert_eq!(Handshake::parse(&long.write(true)), None);
    }

    #[test]
    fn refusals_have_codes() {
        for (reject, code) in REJECTS {
            let refusal = Handshake::plain(VERSION_5, Kind::Rejected(reject), Seq::new(0), 1, 0);
            let read = Handshake::parse(&refusal.write(false)).expect("it is one");
            assert_eq!((read.kind, reject.code()), (Kind::Rejected(reject), code));
        }
        assert_eq!(Kind::of(1016), Kind::Rejected(Reject::Unknown));
    }

    #[test]
    fn who_cannot_keep_time_or_is_too_old_is_refused() {
        let good = Capabilities::own(Duration::from_millis(120));
        let table = [
            (good, Ok(())),
            (Capabilities { version: 0x01_02_03, ..good }, Err(Reject::Version)),
            (Capabilities { flags: good.flags | STREAM, ..good }, Err(Reject::NotLive)),
            (Capabilities { flags: good.flags & !TSBPD_SENDER, ..good }, Err(Reject::NotLive)),
        ];
        for (told, expected) in table {
            assert_eq!(told.check(), expected, "{told:?}");
        }
    }
}
