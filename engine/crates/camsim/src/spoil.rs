//! Answers as cameras are known to spoil them, and packets likewise.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use rtsp_types::Method;
use serde::{Deserialize, Serialize};

use vms_media::nal::{Kind, kind};
use vms_media::{Codec, nals};

use crate::mangle::Outgoing;

/// Forms of a bad answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BadAnswer {
    /// Blanks around the names and values of headers.
    Blanks,
    /// A description that calls itself a page.
    ContentType,
    /// A Content-Base without its scheme.
    BareBase,
    /// A Content-Base with two schemes.
    DoubledBase,
    /// Other channels than were asked for.
    OtherChannels,
    /// One channel instead of two.
    OneChannel,
    /// A Transport that names UDP where it is TCP.
    NoTcp,
    /// The parameters of Transport in another order, a blank before the SSRC.
    OddTransport,
    /// Another session id in each answer.
    ChangingSession,
    /// Nothing is answered that keeps a session alive.
    SilentKeepalive,
    /// The connection is closed at GET_PARAMETER.
    HangsUpOnGetParameter,
    /// An RTP-Info of which nothing can be read.
    RtpInfo,
    /// Line ends and stray bytes after the answer to PLAY.
    StrayBytes,
    /// Whoever does not say what he is gets 401.
    WantsUserAgent,
    /// By UDP, no ports of its own are named.
    NoServerPort,
    /// Where a password is asked for: lists of challenges, Basic before and
    /// behind Digest, and none but Digest is taken.
    Challenges,
    /// An audio track is described, and its SETUP refused.
    RefusedAudio,
}

/// Forms of bad payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BadPayload {
    /// A whole picture with start codes in it, as one fragmented unit.
    AnnexB,
    /// Fragments that are first and last at once.
    BothEnds,
    /// The kind of a unit changes from fragment to fragment.
    ChangingKind,
    /// A fragment of nothing between any two.
    EmptyFragments,
    /// No packet ends a frame.
    NoMarker,
    /// Parameter sets a tick before their picture.
    SplitTimes,
    /// The last fragment of a picture has the marker and no end bit.
    NoEnd,
    /// H.264's sequence sets with scaling lists, in band alone.
    ScalingLists,
    /// Sound of AAC, each frame with the header that it has in files.
    Adts,
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A unit variant is written as its bare name.
        self.serialize(f)
    }
}

impl fmt::Display for BadPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Keeps a session alive, and nothing else.
fn keeps_alive(method: &Method) -> bool {
    matches!(method, Method::Options | Method::GetParameter)
}

/// What becomes of an answer; nothing where none is sent.
pub fn answer(form: BadAnswer, method: &Method, text: String) -> Option<String> {
    let spoilt = match form {
        BadAnswer::Blanks => blank(&text),
        BadAnswer::ContentType => text.replace("application/sdp", "text/html"),
        BadAnswer::BareBase => text.replace("Content-Base: rtsp://", "Content-Base: "),
        BadAnswer::DoubledBase => text.replace("Content-Base: ", "Content-Base: rtsp://"),
        BadAnswer::OneChannel => text.replace("interleaved=0-1", "interleaved=0"),
        BadAnswer::NoTcp => text.replace("RTP/AVP/TCP", "RTP/AVP"),
        BadAnswer::OddTransport => {
            text.replace("RTP/AVP/TCP;unicast;", "RTP/AVP/TCP;").replace(";ssrc=", ";unicast;ssrc= ")
        }
        BadAnswer::ChangingSession => text.replace("Session: ", &format!("Session: {:x}", rand::random::<u16>())),
        BadAnswer::SilentKeepalive if keeps_alive(method) => return None,
        BadAnswer::RtpInfo if *method == Method::Play => head(&text, "RTP-Info: url=trackID=0;seq=;rtptime=-1;"),
        BadAnswer::StrayBytes if *method == Method::Play => text + "\r\n\r\n\u{1}stray $ bytes\r\n",
        BadAnswer::NoServerPort => without_server_port(&text),
        BadAnswer::Challenges => among_weaker_challenges(&text),
        _ => text,
    };
    Some(spoilt)
}

/// Adds a header behind the status line.
fn head(text: &str, header: &str) -> String {
    text.replacen("\r\n", &format!("\r\n{header}\r\n"), 1)
}

/// Changes the lines before the body.
fn blank(text: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let lines = head.split("\r\n").map(|line| match line.split_once(": ") {
        Some((name, value)) => format!("{name} :  {value}  "),
        None => line.to_owned(),
    });
    format!("{}\r\n\r\n{body}", lines.collect::<Vec<_>>().join("\r\n"))
}

/// Puts Basic before Digest in one list, and behind it in a header of its own.
fn among_weaker_challenges(text: &str) -> String {
    const BASIC: &str = r#"Basic realm="camera""#;
    let lines = text.split("\r\n").map(|line| match line.strip_prefix("WWW-Authenticate: ") {
        Some(digest) => format!("WWW-Authenticate: {BASIC}, {digest}\r\nWWW-Authenticate: {BASIC}"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

fn without_server_port(text: &str) -> String {
    let Some(from) = text.find(";server_port=") else { return text.to_owned() };
    let to = text[from + 1..].find([';', '\r']).map_or(text.len(), |at| from + 1 + at);
    format!("{}{}", &text[..from], &text[to..])
}

/// The packets of a frame, cut as no camera should.
pub fn packets(form: BadPayload, codec: &Codec, data: &Bytes, healthy: Vec<Outgoing>) -> Vec<Outgoing> {
    let mut packets = match form {
        BadPayload::AnnexB => fragments(codec, &with_start_codes(data), form),
        BadPayload::BothEnds | BadPayload::ChangingKind | BadPayload::EmptyFragments | BadPayload::NoEnd => {
            nals(data).flat_map(|nal| fragments(codec, nal, form)).collect()
        }
        BadPayload::NoMarker | BadPayload::SplitTimes | BadPayload::ScalingLists | BadPayload::Adts => healthy,
    };
    for packet in &mut packets {
        let is_set = matches!(kind(codec, &packet.payload), Kind::Vps | Kind::Sps | Kind::Pps);
        packet.early = form == BadPayload::SplitTimes && is_set;
    }
    if let Some(last) = packets.last_mut() {
        last.marker = form != BadPayload::NoMarker;
        if form == BadPayload::NoEnd {
            last.payload = without_end(codec, &last.payload);
        }
    }
    packets
}

/// All units of a frame as one, start codes between them.
fn with_start_codes(data: &Bytes) -> Vec<u8> {
    nals(data).collect::<Vec<_>>().join(&[0, 0, 0, 1][..])
}

/// A unit in fragments (RFC 6184, 5.8; RFC 7798, 4.4.3).
fn fragments(codec: &Codec, nal: &[u8], form: BadPayload) -> Vec<Outgoing> {
    const SIZE: usize = 1_000;
    let (head, own, skipped) = match codec {
        Codec::H265 => (vec![nal[0] & 0x81 | 49 << 1, nal[1]], nal[0] >> 1 & 0x3f, 2),
        _ => (vec![nal[0] & 0xe0 | 28], nal[0] & 0x1f, 1),
    };
    let body = nal.get(skipped..).unwrap_or_default();
    // One that fits is fragmented all the same.
    let chunks: Vec<&[u8]> = if body.len() <= SIZE && form != BadPayload::BothEnds {
        let (first, second) = body.split_at(body.len() / 2);
        vec![first, second]
    } else {
        body.chunks(SIZE).collect()
    };
    let mut packets = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let (first, last) = (index == 0, index + 1 == chunks.len());
        let shown = if form == BadPayload::ChangingKind && !first { 1 } else { own };
        let packet = |first: bool, last: bool, body: &[u8]| {
            let mut payload = BytesMut::with_capacity(body.len() + 3);
            payload.put_slice(&head);
            payload.put_u8(u8::from(first) << 7 | u8::from(last) << 6 | shown);
            payload.put_slice(body);
            Outgoing::new((false, payload.freeze()))
        };
        packets.push(packet(first, last, chunk));
        if form == BadPayload::EmptyFragments && !last {
            packets.push(packet(false, false, &[]));
        }
    }
    packets
}

/// Takes the end bit off a fragment.
fn without_end(codec: &Codec, fragment: &[u8]) -> Bytes {
    let mut bytes = fragment.to_vec();
    let at = if *codec == Codec::H265 { 2 } else { 1 };
    bytes[at] &= !0x40;
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETUP: &str = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: AB;timeout=60\r\n\
                         Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=12\r\n\r\n";

    fn spoilt(form: BadAnswer, text: &str) -> String {
        answer(form, &Method::Setup, text.to_owned()).expect("an answer")
    }

    #[test]
    fn each_form_spoils_what_it_says() {
        assert!(spoilt(BadAnswer::Blanks, SETUP).contains("\r\nCSeq :  2  \r\n"));
        assert!(spoilt(BadAnswer::OneChannel, SETUP).contains("interleaved=0;"));
        assert!(spoilt(BadAnswer::NoTcp, SETUP).contains("Transport: RTP/AVP;unicast;interleaved=0-1"));
        assert!(spoilt(BadAnswer::OddTransport, SETUP).contains("RTP/AVP/TCP;interleaved=0-1;unicast;ssrc= 12"));
        assert!(!spoilt(BadAnswer::ChangingSession, SETUP).contains("Session: AB;"));
        let udp = "Transport: RTP/AVP;client_port=4-5;server_port=6-7;ssrc=1\r\n\r\n";
        assert_eq!(spoilt(BadAnswer::NoServerPort, udp), "Transport: RTP/AVP;client_port=4-5;ssrc=1\r\n\r\n");
        let asked = "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\"\r\n\r\n";
        let listed = "WWW-Authenticate: Basic realm=\"camera\", Digest realm=\"r\"\r\n\
                      WWW-Authenticate: Basic realm=\"camera\"\r\n\r\n";
        assert!(spoilt(BadAnswer::Challenges, asked).ends_with(listed));
        let described = "RTSP/1.0 200 OK\r\nContent-Base: rtsp://h/x/\r\nContent-Type: application/sdp\r\n\r\n";
        assert!(spoilt(BadAnswer::BareBase, described).contains("Content-Base: h/x/\r\n"));
        assert!(spoilt(BadAnswer::DoubledBase, described).contains("Content-Base: rtsp://rtsp://h/x/\r\n"));
        assert!(spoilt(BadAnswer::ContentType, described).contains("Content-Type: text/html\r\n"));
        assert_eq!(answer(BadAnswer::SilentKeepalive, &Method::Options, SETUP.to_owned()), None);
        let play = |form| answer(form, &Method::Play, SETUP.to_owned()).expect("an answer");
        assert!(play(BadAnswer::RtpInfo).starts_with("RTSP/1.0 200 OK\r\nRTP-Info: "));
        assert!(play(BadAnswer::StrayBytes).contains("stray"));
    }

    #[test]
    fn fragments_are_as_bad_as_their_form_says() {
        let nal: Vec<u8> = [0x65].into_iter().chain((0..2_500).map(|n| n as u8)).collect();
        let heads = |form| -> Vec<(u8, usize)> {
            fragments(&Codec::H264, &nal, form).iter().map(|packet| (packet.payload[1], packet.payload.len())).collect()
        };
        assert_eq!(heads(BadPayload::ChangingKind), [(0x85, 1_002), (0x01, 1_002), (0x41, 502)]);
        let empty = [(0x85, 1_002), (0x05, 2), (0x05, 1_002), (0x05, 2), (0x45, 502)];
        assert_eq!(heads(BadPayload::EmptyFragments), empty);
        assert_eq!(without_end(&Codec::H264, &[0x7c, 0x45, 9])[..], [0x7c, 0x05, 9]);
        let small = fragments(&Codec::H264, &nal[..100], BadPayload::BothEnds);
        assert_eq!((small.len(), small[0].payload[1]), (1, 0xc5));
    }
}
