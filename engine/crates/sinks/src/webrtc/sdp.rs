//! Reading a WHEP offer: only what an answer needs, tolerant of the rest.

use std::str::FromStr;

/// Larger offers are refused before they are read: a browser's is 8 kB.
pub const MAX_SDP_BYTES: usize = 64 << 10;
const MAX_MEDIA: usize = 32;
const MAX_FORMATS: usize = 128;
const MAX_TOKEN: usize = 256;

/// An offer reduced to what is negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub ice: IceCredentials,
    pub fingerprint: OfferFingerprint,
    /// `a=setup:passive`: the offerer waits, so this side starts DTLS.
    pub passive: bool,
    pub bundle: Vec<String>,
    pub extmap_allow_mixed: bool,
    pub media: Vec<OfferMedia>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCredentials {
    pub ufrag: String,
    pub pwd: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferFingerprint {
    pub hash: String,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferKind {
    Video,
    Audio,
    Other,
}

/// One m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferMedia {
    pub kind: OfferKind,
    /// The words of the m-line, repeated when it is refused.
    pub media: String,
    pub proto: String,
    pub first_format: String,
    pub mid: Option<String>,
    /// The offerer wants to receive on this line.
    pub receives: bool,
    /// The offerer wants to send on this line.
    pub sends: bool,
    pub formats: Vec<OfferFormat>,
    pub extmap: Vec<(u8, String)>,
    /// The sender of the line, where it is named (RFC 5576).
    pub ssrc: Option<u32>,
    /// What it sends lost packets again by.
    pub rtx_ssrc: Option<u32>,
}

/// One payload type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferFormat {
    pub pt: u8,
    /// Encoding name of the rtpmap, upper case.
    pub name: String,
    pub clock_rate: u32,
    pub channels: u8,
    pub fmtp: String,
}

impl OfferFormat {
    /// The value of one `key=value` of the fmtp line.
    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case(key).then(|| value.trim())
        })
    }
}

impl OfferMedia {
    /// The resend format whose `apt` names `pt`.
    #[must_use]
    pub fn rtx_of(&self, pt: u8) -> Option<u8> {
        let wanted = pt.to_string();
        self.formats.iter().find(|f| f.name == "RTX" && f.parameter("apt") == Some(&wanted)).map(|f| f.pt)
    }

    #[must_use]
    pub fn extension(&self, uri: &str) -> Option<u8> {
        self.extmap.iter().find(|(_, known)| known == uri).map(|(id, _)| *id)
    }
}

/// Why an offer could not be read; the text is shown to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSdp(pub String);

fn bad(text: impl Into<String>) -> BadSdp {
    BadSdp(text.into())
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// Names the first thing that makes the offer unusable.
    pub fn parse(text: &str) -> Result<Self, BadSdp> {
        if text.len() > MAX_SDP_BYTES {
            return Err(bad(format!("the offer is over {MAX_SDP_BYTES} bytes")));
        }
        if !text.trim_start().starts_with("v=0") {
            return Err(bad("the body is not an SDP offer (no v=0 line)"));
        }
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.line(line.trim_end())?;
        }
        reader.finish()
    }
}

/// Attributes that may stand at session or media level.
#[derive(Default)]
struct Shared {
    ufrag: Option<String>,
    pwd: Option<String>,
    fingerprint: Option<OfferFingerprint>,
    setup: Option<String>,
}

#[derive(Default)]
struct Reader {
    shared: Shared,
    bundle: Vec<String>,
    extmap_allow_mixed: bool,
    media: Vec<OfferMedia>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), BadSdp> {
        if let Some(rest) = line.strip_prefix("m=") {
            return self.media_line(rest);
        }
        let Some(attribute) = line.strip_prefix("a=") else {
            return Ok(());
        };
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match name {
            "ice-ufrag" => keep(&mut self.shared.ufrag, value)?,
            "ice-pwd" => keep(&mut self.shared.pwd, value)?,
            "setup" => keep(&mut self.shared.setup, value)?,
            "fingerprint" => self.fingerprint(value)?,
            "extmap-allow-mixed" => self.extmap_allow_mixed = true,
            "group" => self.group(value),
            _ => self.media_attribute(name, value),
        }
        Ok(())
    }

    fn media_line(&mut self, rest: &str) -> Result<(), BadSdp> {
        if self.media.len() == MAX_MEDIA {
            return Err(bad(format!("the offer has over {MAX_MEDIA} m-lines")));
        }
        let mut words = rest.split_whitespace();
        let (Some(media), Some(_port), Some(proto)) = (words.next(), words.next(), words.next()) else {
            return Err(bad("an m-line is incomplete"));
        };
        let formats: Vec<&str> = words.take(MAX_FORMATS).collect();
        let rtp = proto.contains("RTP/SAVP");
        let kind = match media {
            "video" if rtp => OfferKind::Video,
            "audio" if rtp => OfferKind::Audio,
            _ => OfferKind::Other,
        };
        self.media.push(OfferMedia {
            kind,
            media: short(media)?,
            proto: short(proto)?,
            first_format: short(formats.first().copied().unwrap_or("0"))?,
            mid: None,
            receives: true,
            sends: true,
            formats: formats
                .iter()
                .filter_map(|pt| u8::from_str(pt).ok())
                .filter(|pt| *pt < 128)
                .map(static_format)
                .collect(),
            extmap: Vec::new(),
            ssrc: None,
            rtx_ssrc: None,
        });
        Ok(())
    }

    fn fingerprint(&mut self, value: &str) -> Result<(), BadSdp> {
        if self.shared.fingerprint.is_some() {
            return Ok(());
        }
        let (hash, hex) = value.trim().split_once(' ').ok_or_else(|| bad("a=fingerprint has no value"))?;
        let bytes: Option<Vec<u8>> = hex.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
        let bytes = bytes.ok_or_else(|| bad("a=fingerprint is not hexadecimal"))?;
        self.shared.fingerprint = Some(OfferFingerprint { hash: hash.to_ascii_lowercase(), bytes });
        Ok(())
    }

    fn group(&mut self, value: &str) {
        if let Some(mids) = value.strip_prefix("BUNDLE") {
            self.bundle = mids.split_whitespace().take(MAX_MEDIA).map(str::to_owned).collect();
        }
    }

    fn media_attribute(&mut self, name: &str, value: &str) {
        let Some(media) = self.media.last_mut() else {
            return;
        };
        match name {
            "mid" if value.len() <= MAX_TOKEN => media.mid = Some(value.trim().to_owned()),
            "sendonly" => media.receives = false,
            "recvonly" => media.sends = false,
            "inactive" => (media.receives, media.sends) = (false, false),
            "ssrc" => {
                media.ssrc = media.ssrc.or_else(|| value.split_whitespace().next()?.parse().ok());
            }
            "ssrc-group" => ssrc_group(media, value),
            "rtpmap" => rtpmap(media, value),
            "fmtp" => fmtp(media, value),
            "extmap" => extmap(media, value),
            _ => {}
        }
    }

    fn finish(self) -> Result<Offer, BadSdp> {
        if self.media.is_empty() {
            return Err(bad("the offer has no m-line"));
        }
        let ufrag = self.shared.ufrag.ok_or_else(|| bad("no a=ice-ufrag"))?;
        let pwd = self.shared.pwd.ok_or_else(|| bad("no a=ice-pwd"))?;
        let fingerprint = self.shared.fingerprint.ok_or_else(|| bad("no a=fingerprint"))?;
        if fingerprint.hash != "sha-256" || fingerprint.bytes.len() != 32 {
            return Err(bad("a=fingerprint must be sha-256 with 32 bytes"));
        }
        Ok(Offer {
            ice: IceCredentials { ufrag, pwd },
            fingerprint,
            passive: self.shared.setup.as_deref() == Some("passive"),
            bundle: self.bundle,
            extmap_allow_mixed: self.extmap_allow_mixed,
            media: self.media,
        })
    }
}

/// The first value wins: with BUNDLE the first m-line's transport is used.
fn keep(slot: &mut Option<String>, value: &str) -> Result<(), BadSdp> {
    if slot.is_none() && !value.trim().is_empty() {
        *slot = Some(short(value.trim())?);
    }
    Ok(())
}

fn short(word: &str) -> Result<String, BadSdp> {
    if word.len() > MAX_TOKEN {
        return Err(bad(format!("a word of the offer is over {MAX_TOKEN} bytes")));
    }
    Ok(word.to_owned())
}

/// Payload types that need no rtpmap (RFC 3551).
fn static_format(pt: u8) -> OfferFormat {
    let (name, clock_rate, channels) = match pt {
        0 => ("PCMU", 8000, 1),
        8 => ("PCMA", 8000, 1),
        _ => ("", 0, 0),
    };
    OfferFormat { pt, name: name.to_owned(), clock_rate, channels, fmtp: String::new() }
}

fn format_of<'a>(media: &'a mut OfferMedia, pt: &str) -> Option<&'a mut OfferFormat> {
    let pt = u8::from_str(pt).ok()?;
    media.formats.iter_mut().find(|f| f.pt == pt)
}

fn rtpmap(media: &mut OfferMedia, value: &str) {
    let Some((pt, encoding)) = value.split_once(' ') else {
        return;
    };
    let mut parts = encoding.trim().split('/');
    let name = parts.next().unwrap_or("").to_ascii_uppercase();
    let clock_rate = parts.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let channels = parts.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    if let Some(format) = format_of(media, pt) {
        format.name = name;
        format.clock_rate = clock_rate;
        format.channels = channels;
    }
}

fn fmtp(media: &mut OfferMedia, value: &str) {
    if let Some((pt, parameters)) = value.split_once(' ')
        && let Some(format) = format_of(media, pt)
    {
        parameters.trim().clone_into(&mut format.fmtp);
    }
}

fn extmap(media: &mut OfferMedia, value: &str) {
    let mut words = value.split_whitespace();
    let (Some(id), Some(uri)) = (words.next(), words.next()) else {
        return;
    };
    // `id/direction` is allowed; the direction does not matter to a sender.
    let id = id.split('/').next().and_then(|n| n.parse().ok());
    if let Some(id) = id
        && media.extmap.len() < 64
    {
        media.extmap.push((id, uri.to_owned()));
    }
}

/// `FID SENDER RESENDER` (RFC 5576, section 4.2).
fn ssrc_group(media: &mut OfferMedia, value: &str) {
    let mut words = value.split_whitespace();
    if words.next() == Some("FID")
        && let (Some(sender), Some(resender)) = (words.next(), words.next())
        && let (Ok(sender), Ok(resender)) = (sender.parse(), resender.parse())
    {
        (media.ssrc, media.rtx_ssrc) = (Some(sender), Some(resender));
    }
}

/// The ufrag named in a PATCH body, if any.
#[must_use]
pub fn fragment_ufrag(fragment: &str) -> Option<&str> {
    fragment.lines().find_map(|line| line.trim().strip_prefix("a=ice-ufrag:")).map(str::trim)
}
