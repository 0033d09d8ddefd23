//! What the server answers to each request: no IO, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use rtsp_types::headers::{CONTENT_BASE, CONTENT_TYPE, CSEQ, HeaderName, PUBLIC, RANGE, RTP_INFO, SESSION, TRANSPORT};
use rtsp_types::{Method, Request, Response, StatusCode, Version};
use vms_hub::{Stream, StreamKey};
use vms_media::{Track, TrackKind};

use super::describe;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
/// Told to clients. The server ends a session with its connection; one by UDP
/// also when nothing is heard for that long.
pub const TIMEOUT_S: u32 = 60;

/// What the shell does with a request.
#[derive(Debug)]
pub enum Answer {
    Now(Vec<u8>),
    /// Ports of ours are needed for a track, towards these of the player's.
    Ports {
        track: u8,
        theirs: (u16, u16),
    },
    /// The stream must be described, once its camera has said what it sends.
    Describe(StreamKey),
    /// Frames flow from here on; the reply needs to know the first of them.
    Play(Arc<Stream>),
    /// Said, then the connection is closed.
    Bye(Vec<u8>),
}

/// Where the first frame of a track stands, for RTP-Info.
#[derive(Clone, Copy, Debug)]
pub struct FirstPacket {
    pub track_index: u8,
    pub seq: Option<u16>,
    pub rtp_time: u32,
}

/// How a track's packets go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into the connection: RTP here, RTCP on the next channel.
    Channel(u8),
    /// To the player's own ports, RTP and RTCP.
    Ports(u16, u16),
}

pub struct Session {
    id: String,
    stream: Option<Arc<Stream>>,
    tracks: Arc<[Track]>,
    /// How each track that was set up goes out.
    ways: BTreeMap<u8, Way>,
    /// `?catchup=0` in the address.
    pub catch_up: bool,
    base: String,
    /// The connection is not encrypted, so that media beside it may be.
    in_clear: bool,
}

type Lookup<'a> = &'a dyn Fn(&StreamKey) -> Option<Arc<Stream>>;

impl Session {
    pub fn new(id: String, in_clear: bool) -> Self {
        Self {
            in_clear,
            id,
            stream: None,
            tracks: Arc::new([]),
            ways: BTreeMap::new(),
            catch_up: true,
            base: String::new(),
        }
    }

    /// How a track goes out, if it was set up.
    pub fn way(&self, track_index: u8) -> Option<Way> {
        self.ways.get(&track_index).copied()
    }

    /// Leaves the audio out, for a player that may not hear.
    pub fn mute(&mut self) {
        let tracks = self.tracks.clone();
        self.ways.retain(|&index, _| tracks.get(usize::from(index)).is_some_and(|t| t.kind == TrackKind::Video));
    }

    pub fn answer(&mut self, request: &Request<&[u8]>, lookup: Lookup<'_>) -> Answer {
        match request.method() {
            Method::Options => Answer::Now(reply(request, StatusCode::Ok, &[(PUBLIC, METHODS)], &[])),
            Method::Describe => self.describe(request, lookup),
            Method::Setup => self.set_up(request, lookup),
            Method::Play => match &self.stream {
                Some(stream) if !self.ways.is_empty() => Answer::Play(stream.clone()),
                _ => Answer::Now(reply(request, StatusCode::MethodNotValidInThisState, &[], &[])),
            },
            Method::GetParameter | Method::SetParameter => {
                Answer::Now(reply(request, StatusCode::Ok, &[(SESSION, &self.id)], &[]))
            }
            Method::Teardown => Answer::Bye(reply(request, StatusCode::Ok, &[(SESSION, &self.id)], &[])),
            _ => Answer::Now(reply(request, StatusCode::NotImplemented, &[], &[])),
        }
    }

    fn describe(&mut self, request: &Request<&[u8]>, lookup: Lookup<'_>) -> Answer {
        match requested(request) {
            Some((key, _)) if lookup(&key).is_some() => Answer::Describe(key),
            _ => Answer::Now(reply(request, StatusCode::NotFound, &[], &[])),
        }
    }

    /// The reply to DESCRIBE once the stream's tracks are known; an empty list
    /// means that the camera has not been seen yet.
    pub fn described(&mut self, request: &Request<&[u8]>, key: &StreamKey, tracks: &[Track]) -> Vec<u8> {
        if tracks.is_empty() {
            return reply(request, StatusCode::ServiceUnavailable, &[], &[]);
        }
        let mut url = request.request_uri().map(ToString::to_string).unwrap_or_default();
        if let Some(query) = url.find('?') {
            url.truncate(query);
        }
        let base = format!("{}/", url.trim_end_matches('/'));
        let headers = [(CONTENT_TYPE, "application/sdp"), (CONTENT_BASE, base.as_str())];
        reply(request, StatusCode::Ok, &headers, describe::sdp(key, tracks).as_bytes())
    }

    fn set_up(&mut self, request: &Request<&[u8]>, lookup: Lookup<'_>) -> Answer {
        let refused = |status| Answer::Now(reply(request, status, &[], &[]));
        let Some((key, track)) = requested(request) else { return refused(StatusCode::NotFound) };
        let Some(stream) = lookup(&key) else { return refused(StatusCode::NotFound) };
        if self.stream.as_ref().is_some_and(|other| !Arc::ptr_eq(other, &stream)) {
            return refused(StatusCode::AggregateOperationNotAllowed);
        }
        let tracks = stream.tracks();
        let track = track.unwrap_or(0);
        if usize::from(track) >= tracks.len() {
            return refused(StatusCode::NotFound);
        }
        let wanted = request.header(&TRANSPORT).map_or("", |value| value.as_str());
        let Some(way) = way(wanted, track * 2, self.in_clear) else {
            return refused(StatusCode::UnsupportedTransport);
        };
        (self.stream, self.tracks) = (Some(stream), tracks);
        self.base = base_of(request);
        self.catch_up = self.catch_up && !asks_no_catch_up(request);
        match way {
            Way::Channel(channel) => {
                self.ways.insert(track, way);
                let transport = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel.wrapping_add(1));
                Answer::Now(self.agreed(request, &transport))
            }
            Way::Ports(rtp, rtcp) => Answer::Ports { track, theirs: (rtp, rtcp) },
        }
    }

    /// The reply to a SETUP by UDP, once there are ports of ours; without, it
    /// is refused.
    pub fn set_up_by_udp(
        &mut self,
        request: &Request<&[u8]>,
        track: u8,
        theirs: (u16, u16),
        ours: Option<(u16, u16)>,
    ) -> Vec<u8> {
        let Some(ours) = ours else { return reply(request, StatusCode::UnsupportedTransport, &[], &[]) };
        self.ways.insert(track, Way::Ports(theirs.0, theirs.1));
        // A group that comes at once is more than a player's port may hold.
        self.catch_up = false;
        let transport =
            format!("RTP/AVP;unicast;client_port={}-{};server_port={}-{}", theirs.0, theirs.1, ours.0, ours.1);
        self.agreed(request, &transport)
    }

    fn agreed(&self, request: &Request<&[u8]>, transport: &str) -> Vec<u8> {
        let session = format!("{};timeout={TIMEOUT_S}", self.id);
        reply(request, StatusCode::Ok, &[(TRANSPORT, transport), (SESSION, &session)], &[])
    }

    pub fn playing(&self, request: &Request<&[u8]>, first: &[FirstPacket]) -> Vec<u8> {
        let info: Vec<String> = first
            .iter()
            .filter(|f| self.ways.contains_key(&f.track_index))
            .map(|f| {
                let seq = f.seq.map_or(String::new(), |seq| format!(";seq={seq}"));
                format!("url={}/trackID={}{seq};rtptime={}", self.base, f.track_index, f.rtp_time)
            })
            .collect();
        let info = info.join(",");
        let headers = [(SESSION, self.id.as_str()), (RANGE, "npt=now-"), (RTP_INFO, info.as_str())];
        reply(request, StatusCode::Ok, &headers, &[])
    }
}

fn base_of(request: &Request<&[u8]>) -> String {
    let mut url = request.request_uri().map(ToString::to_string).unwrap_or_default();
    for mark in ["/trackID=", "?"] {
        if let Some(at) = url.find(mark) {
            url.truncate(at);
        }
    }
    url.trim_end_matches('/').to_owned()
}

/// Stream and track number that a request's address names. Players append
/// `trackID=N` behind a slash, or behind the query when there is one.
pub fn requested(request: &Request<&[u8]>) -> Option<(StreamKey, Option<u8>)> {
    let url = request.request_uri()?;
    let (path, in_path) = split_track(url.path());
    let in_query = url.query().and_then(|query| split_track(query).1);
    Some((StreamKey::parse(path)?, in_path.or(in_query)))
}

fn split_track(text: &str) -> (&str, Option<u8>) {
    match text.find("trackID=") {
        Some(at) => (&text[..at], text[at + 8..].trim_end_matches('/').parse().ok()),
        None => (text, None),
    }
}

fn asks_no_catch_up(request: &Request<&[u8]>) -> bool {
    let query = request.request_uri().and_then(|url| url.query());
    query.is_some_and(|query| query.split(['&', '/']).any(|part| part == "catchup=0"))
}

/// The first way of a client's list that is served; `default` is the channel
/// where it names none. By UDP only where the connection is in the clear too.
fn way(transport: &str, default: u8, in_clear: bool) -> Option<Way> {
    transport.split(',').find_map(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let protocol = parts.next()?;
        let named = |name: &str| offer.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let interleaved = named("interleaved");
        if protocol == "RTP/AVP/TCP" || interleaved.is_some() {
            let Some(range) = interleaved else { return Some(Way::Channel(default)) };
            let channel = range.split('-').next()?.trim().parse().ok();
            return channel.filter(|&channel| channel < 255).map(Way::Channel);
        }
        if !["RTP/AVP", "RTP/AVP/UDP"].contains(&protocol) || parts.any(|part| part == "multicast") || !in_clear {
            return None;
        }
        let (rtp, rtcp) = named("client_port").map(|range| range.split_once('-').unwrap_or((range, "")))?;
        let rtp: u16 = rtp.trim().parse().ok().filter(|port| (1..u16::MAX).contains(port))?;
        let rtcp = rtcp.trim().parse().ok().filter(|port| *port > 0).unwrap_or(rtp + 1);
        Some(Way::Ports(rtp, rtcp))
    })
}

/// A reply to `request`, with its CSeq.
pub fn reply(request: &Request<&[u8]>, status: StatusCode, headers: &[(HeaderName, &str)], body: &[u8]) -> Vec<u8> {
    let mut builder = Response::builder(Version::V1_0, status);
    if let Some(cseq) = request.header(&CSEQ) {
        builder = builder.header(CSEQ, cseq.as_str());
    }
    for (name, value) in headers {
        builder = builder.header(name.clone(), *value);
    }
    let mut out = Vec::with_capacity(256 + body.len());
    // Writing to a Vec cannot fail.
    let _ = builder.build(body).write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtsp_types::{Message, Url};
    use vms_hub::{Hub, HubConfig};
    use vms_media::Codec;

    fn request<'a>(method: Method, url: &str, transport: Option<&str>) -> Request<&'a [u8]> {
        let mut builder = Request::builder(method, Version::V1_0)
            .request_uri(Url::parse(url).expect("a good address"))
            .header(CSEQ, "7");
        if let Some(transport) = transport {
            builder = builder.header(TRANSPORT, transport);
        }
        builder.build(&[][..])
    }

    fn status(answer: Answer) -> u16 {
        let (Answer::Now(bytes) | Answer::Bye(bytes)) = answer else { return 0 };
        match Message::<&[u8]>::parse(&bytes) {
            Ok((Message::Response(response), _)) => response.status().into(),
            other => panic!("not a response: {other:?}"),
        }
    }

    fn hub_with_a_stream() -> (Hub, vms_hub::Publisher) {
        let hub = Hub::new(HubConfig::default());
        let track = Track {
            id: 0,
            kind: TrackKind::Video,
            codec: Codec::H264,
            clock_rate: 90_000,
            channels: 0,
            fmtp: String::new(),
        };
        let publisher = hub.publish(&StreamKey::parse("gate").expect("a good name"), vec![track]);
        (hub, publisher)
    }

    const TCP: Option<&str> = Some("RTP/AVP/TCP;unicast;interleaved=4-5");

    #[test]
    fn each_request_has_its_answer() {
        let (hub, _publisher) = hub_with_a_stream();
        let table = [
            (Method::Options, "rtsp://h/gate", None, 200),
            (Method::Describe, "rtsp://h/nobody", None, 404),
            (Method::Play, "rtsp://h/gate", None, 455),
            (Method::Setup, "rtsp://h/gate/trackID=0", Some("RTP/AVP;multicast;client_port=4-5"), 461),
            (Method::Setup, "rtsp://h/gate/trackID=9", TCP, 404),
            (Method::Setup, "rtsp://h/nobody/trackID=0", TCP, 404),
            (Method::Setup, "rtsp://h/gate/trackID=0", TCP, 200),
            (Method::GetParameter, "rtsp://h/gate", None, 200),
            (Method::Record, "rtsp://h/gate", None, 501),
            (Method::Teardown, "rtsp://h/gate", None, 200),
        ];
        let mut session = Session::new("1".into(), true);
        for (method, url, transport, expected) in table {
            let name = format!("{method:?} {url}");
            let answer = session.answer(&request(method, url, transport), &|key| hub.stream(key));
            assert_eq!(status(answer), expected, "{name}");
        }
        assert_eq!(session.way(0), Some(Way::Channel(4)), "the client's own channel");
        assert!(matches!(session.answer(&request(Method::Play, "rtsp://h/gate", None), &|_| None), Answer::Play(_)));
    }

    #[test]
    fn a_track_goes_the_first_way_that_is_served() {
        let table = [
            ("RTP/AVP/TCP;unicast;interleaved=4-5", Some(Way::Channel(4))),
            ("RTP/AVP/TCP;unicast", Some(Way::Channel(2))),
            ("RTP/AVP;unicast;client_port=5000-5001", Some(Way::Ports(5000, 5001))),
            ("RTP/AVP/UDP;client_port=5000", Some(Way::Ports(5000, 5001))),
            ("RTP/SAVP;unicast;client_port=5000-5001, RTP/AVP/TCP;interleaved=0-1", Some(Way::Channel(0))),
            ("RTP/AVP;multicast;port=5000-5001", None),
            ("RTP/AVP;unicast;client_port=0-1", None),
            ("RTP/AVP;unicast;client_port=65535", None),
            ("RTP/AVP;unicast", None),
            ("RTP/AVP/TCP;interleaved=300-301", None),
            ("", None),
        ];
        for (transport, expected) in table {
            assert_eq!(way(transport, 2, true), expected, "{transport}");
        }
        assert_eq!(way("RTP/AVP;unicast;client_port=5000-5001", 2, false), None, "nothing beside TLS");
    }

    #[test]
    fn by_udp_the_ports_of_both_are_told_and_nothing_comes_at_once() {
        let (hub, _publisher) = hub_with_a_stream();
        let mut session = Session::new("1".into(), true);
        let asked = request(Method::Setup, "rtsp://h/gate/trackID=0", Some("RTP/AVP;unicast;client_port=5000-5001"));
        let answer = session.answer(&asked, &|key| hub.stream(key));
        assert!(matches!(answer, Answer::Ports { track: 0, theirs: (5000, 5001) }), "{answer:?}");
        assert_eq!(session.way(0), None, "not before there are ports");
        let refused = String::from_utf8(session.set_up_by_udp(&asked, 0, (5000, 5001), None)).expect("text");
        assert!(refused.starts_with("RTSP/1.0 461 "), "{refused}");
        let agreed = session.set_up_by_udp(&asked, 0, (5000, 5001), Some((6000, 6001)));
        let agreed = String::from_utf8(agreed).expect("text");
        assert!(agreed.contains("RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001"), "{agreed}");
        assert_eq!((session.way(0), session.catch_up), (Some(Way::Ports(5000, 5001)), false));
    }

    #[test]
    fn a_track_is_found_behind_path_and_query() {
        let track = |url| requested(&request(Method::Setup, url, None)).map(|(key, track)| (key.to_string(), track));
        assert_eq!(track("rtsp://h/gate/sub/trackID=1"), Some(("gate/sub".into(), Some(1))));
        assert_eq!(track("rtsp://h/gate/?catchup=0/trackID=1"), Some(("gate/main".into(), Some(1))));
        assert_eq!(track("rtsp://h/gate"), Some(("gate/main".into(), None)));
        assert_eq!(track("rtsp://h/a/b/c"), None);
        assert!(asks_no_catch_up(&request(Method::Setup, "rtsp://h/gate?catchup=0/trackID=1", None)));
        assert!(!asks_no_catch_up(&request(Method::Setup, "rtsp://h/gate", None)));
    }
}
