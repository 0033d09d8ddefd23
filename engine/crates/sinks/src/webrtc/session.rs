//! Builds the WebRTC state of one viewer from what was agreed, and the answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::config::{CryptoProvider, DtlsCert, Fingerprint};
use str0m::format::{Codec as RtcCodec, FormatParams};
use str0m::media::{Frequency, MediaKind, Mid};
use str0m::net::TcpType;
use str0m::rtp::{Extension, ExtensionMap, Ssrc};
use str0m::{Candidate, IceCreds, Rtc, RtcConfig, RtcError};
use vms_hub::StreamStatus;
use vms_media::{Codec, MAX_PAYLOAD};

use super::answer::{Agreement, Line, Local, Ssrcs, Way, write};
use super::dtls::crypto_provider;
use super::sdp::Offer;

/// How long sent packets are kept to be sent again.
const RESEND_AGE: Duration = Duration::from_secs(1);
/// Viewers send a receiver report a second.
const STATS_EVERY: Duration = Duration::from_secs(1);

/// What all viewers of the process share.
pub struct Identity {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

/// The library cannot make a certificate with this provider.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no DTLS certificate could be made")]
pub struct NoCertificate;

impl Identity {
    /// # Errors
    /// When no certificate can be made.
    pub fn new() -> Result<Self, NoCertificate> {
        let crypto = crypto_provider();
        let certificate = crypto.dtls_provider.generate_certificate().ok_or(NoCertificate)?;
        Ok(Self { crypto: Arc::new(crypto), certificate })
    }
}

/// Where the library believes a socket to be: it knows no wildcard addresses,
/// and which one of the machine's addresses a viewer uses is not its matter.
#[must_use]
pub fn nominal(local: SocketAddr) -> SocketAddr {
    let ip = match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, local.port())
}

/// One track on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub mid: Mid,
    pub track_index: usize,
    pub codec: Codec,
    pub clock_rate: u32,
    pub pt: u8,
    pub ssrc: Ssrc,
    pub resends: bool,
    pub playout_delay: bool,
}

/// A viewer's state before its first packet.
pub struct Session {
    pub rtc: Rtc,
    pub video: Outgoing,
    pub audio: Option<Outgoing>,
    pub answer: String,
}

/// A publisher's state before its first packet.
pub struct Intake {
    pub rtc: Rtc,
    /// The line of its video.
    pub video: Mid,
    pub answer: String,
}

/// What this side of a session is made of.
pub struct Side<'a> {
    pub identity: &'a Identity,
    pub creds: IceCreds,
    pub sockets: &'a [SocketAddr],
    /// The listeners of TCP, as the library knows them.
    pub tcp: &'a [SocketAddr],
    /// What is told of where to connect to.
    pub candidates: Vec<String>,
}

/// Makes a viewer's state and the answer.
///
/// # Errors
/// What the library objects to.
pub fn build(side: Side<'_>, offer: &Offer, agreed: &Agreement, now: Instant) -> Result<Session, RtcError> {
    let lines = agreed.lines();
    let (mut rtc, local) = begin(side, offer, &lines, now)?;
    let (video, cname) = declare(&mut rtc, &agreed.video, MediaKind::Video);
    let audio = agreed.audio.as_ref().map(|line| declare(&mut rtc, line, MediaKind::Audio).0);
    let (sends_video, sends_audio) = (ssrcs(&mut rtc, &video), audio.as_ref().map(|out| ssrcs(&mut rtc, out)));
    let local = Local { video: Some(sends_video), audio: sends_audio, cname, ..local };
    let answer = write(offer, agreed.way, &lines, &local);
    Ok(Session { rtc, video, audio, answer })
}

/// Makes a publisher's state and the answer.
///
/// # Errors
/// What the library objects to.
pub fn build_intake(side: Side<'_>, offer: &Offer, agreed: &Agreement, now: Instant) -> Result<Intake, RtcError> {
    let lines = agreed.lines();
    let (mut rtc, local) = begin(side, offer, &lines, now)?;
    let video = expect(&mut rtc, offer, &agreed.video, MediaKind::Video);
    if let Some(line) = &agreed.audio {
        expect(&mut rtc, offer, line, MediaKind::Audio);
    }
    if agreed.video.transport_cc.is_some() {
        rtc.direct_api().enable_twcc_feedback();
    }
    let answer = write(offer, agreed.way, &lines, &local);
    Ok(Intake { rtc, video, answer })
}

/// Makes the state of one who talks on a line, and the answer.
///
/// # Errors
/// What the library objects to.
pub fn build_talk(side: Side<'_>, offer: &Offer, line: &Line, now: Instant) -> Result<(Rtc, String), RtcError> {
    let (mut rtc, local) = begin(side, offer, &[line], now)?;
    expect(&mut rtc, offer, line, MediaKind::Audio);
    Ok((rtc, write(offer, Way::In, &[line], &local)))
}

fn begin(side: Side<'_>, offer: &Offer, lines: &[&Line], now: Instant) -> Result<(Rtc, Local), RtcError> {
    let Side { identity, creds, sockets, tcp, candidates } = side;
    let mut rtc = config(identity, lines, creds.clone()).build(now);
    for socket in sockets {
        // Refused are only addresses that no peer could use either.
        if let Ok(candidate) = Candidate::host(nominal(*socket), "udp") {
            rtc.add_local_candidate(candidate);
        }
    }
    for address in tcp {
        if let Ok(candidate) = Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build() {
            rtc.add_local_candidate(candidate);
        }
    }
    let mut api = rtc.direct_api();
    api.set_ice_controlling(false);
    api.set_remote_ice_credentials(IceCreds { ufrag: offer.ice.ufrag.clone(), pass: offer.ice.pwd.clone() });
    api.set_remote_fingerprint(Fingerprint {
        hash_func: offer.fingerprint.hash.clone(),
        bytes: offer.fingerprint.bytes.clone(),
    });
    api.start_dtls(offer.passive)?;
    let fingerprint = api.local_dtls_fingerprint().to_string();
    let local = Local {
        session: u64::from(rand::random::<u32>()),
        ufrag: creds.ufrag,
        pwd: creds.pass,
        fingerprint,
        active: offer.passive,
        candidates,
        video: None,
        audio: None,
        cname: String::new(),
    };
    Ok((rtc, local))
}

fn config(identity: &Identity, lines: &[&Line], creds: IceCreds) -> RtcConfig {
    let mut extensions = ExtensionMap::empty();
    for line in lines {
        if let Some(id) = line.mid_extension {
            extensions.set(id, Extension::RtpMid);
        }
        if let Some(id) = line.playout_delay {
            extensions.set(id, Extension::PlayoutDelay);
        }
        if let Some(id) = line.transport_cc {
            extensions.set(id, Extension::TransportSequenceNumber);
        }
    }
    let mut config = RtcConfig::new()
        .set_crypto_provider(identity.crypto.clone())
        .set_dtls_cert(identity.certificate.clone())
        .set_local_ice_credentials(creds)
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .enable_bwe(None)
        .set_stats_interval(Some(STATS_EVERY))
        .set_extension_map(extensions)
        .clear_codecs();
    let codecs = config.codec_config();
    for line in lines {
        add_codec(codecs, line);
    }
    config
}

fn add_codec(codecs: &mut str0m::format::CodecConfig, line: &Line) {
    let (codec, channels) = match line.codec {
        Codec::H264 => (RtcCodec::H264, None),
        Codec::H265 => (RtcCodec::H265, None),
        Codec::Av1 => (RtcCodec::Av1, None),
        Codec::Vp8 => (RtcCodec::Vp8, None),
        Codec::Vp9 => (RtcCodec::Vp9, None),
        Codec::Opus => (RtcCodec::Opus, Some(2)),
        Codec::Pcma => (RtcCodec::PCMA, None),
        Codec::Pcmu => (RtcCodec::PCMU, None),
        // Never negotiated.
        Codec::Jpeg | Codec::Mpeg4 | Codec::Aac | Codec::Other(_) => return,
    };
    let rate = match line.clock_rate {
        48_000 => Frequency::FORTY_EIGHT_KHZ,
        8_000 => Frequency::EIGHT_KHZ,
        _ => Frequency::NINETY_KHZ,
    };
    codecs.add_config(line.pt.into(), line.rtx.map(Into::into), codec, rate, channels, FormatParams::default());
}

fn mid_of(line: &Line, kind: MediaKind) -> Mid {
    line.mid.as_deref().map_or_else(|| Mid::from(if kind.is_video() { "v" } else { "a" }), Mid::from)
}

/// Takes what a publisher sends on a line: by the SSRC that it names, else by
/// the line's name in its packets.
fn expect(rtc: &mut Rtc, offer: &Offer, line: &Line, kind: MediaKind) -> Mid {
    let mid = mid_of(line, kind);
    let mut api = rtc.direct_api();
    api.declare_media(mid, kind);
    let media = &offer.media[line.index];
    if let Some(ssrc) = media.ssrc {
        let rtx = media.rtx_ssrc.filter(|_| line.rtx.is_some());
        let stream = api.expect_stream_rx(ssrc.into(), rtx.map(Into::into), mid, None);
        // Lost sound is past before it could come again.
        stream.suppress_nack(kind.is_audio());
    }
    mid
}

fn declare(rtc: &mut Rtc, line: &Line, kind: MediaKind) -> (Outgoing, String) {
    let mid = mid_of(line, kind);
    let mut api = rtc.direct_api();
    let cname = api.declare_media(mid, kind).cname().to_owned();
    let ssrc = api.new_ssrc();
    let rtx = line.rtx.map(|_| {
        let mut rtx = api.new_ssrc();
        while rtx == ssrc {
            rtx = api.new_ssrc();
        }
        rtx
    });
    api.declare_stream_tx(ssrc, rtx, mid, None);
    let out = Outgoing {
        mid,
        track_index: line.track_index,
        codec: line.codec.clone(),
        clock_rate: line.clock_rate,
        pt: line.pt,
        ssrc,
        resends: rtx.is_some(),
        playout_delay: line.playout_delay.is_some(),
    };
    (out, cname)
}

/// Sets how many sent packets are kept: a second of the stream. A burst is
/// larger than that at times; its first packets are then overwritten early,
/// still a tenth of a second after they were sent.
pub fn keep_for_resends(rtc: &mut Rtc, out: &Outgoing, status: &StreamStatus) {
    if let Some(tx) = rtc.direct_api().stream_tx(&out.ssrc) {
        // No cap on the share of resends: under heavy loss it would stop them.
        tx.set_rtx_cache(resend_packets(status), RESEND_AGE, None);
    }
}

/// A kept packet costs half a kilobyte a viewer, so no more than needed.
#[must_use]
pub fn resend_packets(status: &StreamStatus) -> usize {
    if status.bitrate == 0 {
        return 1024;
    }
    let full = status.bitrate as f64 / 8.0 / MAX_PAYLOAD as f64;
    // Each frame ends with a packet that is not full, and may begin with one.
    let packets = full + f64::from(status.fps) * 1.5;
    ((packets * 1.1) as usize).clamp(128, 4096)
}

fn ssrcs(rtc: &mut Rtc, out: &Outgoing) -> Ssrcs {
    let rtx = rtc.direct_api().stream_tx(&out.ssrc).and_then(|tx| tx.rtx());
    Ssrcs { main: *out.ssrc, rtx: rtx.map(|ssrc| *ssrc) }
}
