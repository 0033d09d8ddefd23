//! What the server answers to each request: no IO, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use rtsp_types::headers::{CONTENT_BASE, CONTENT_TYPE, CSEQ, HeaderName, PUBLIC, RANGE, RTP_INFO, SESSION, TRANSPORT};
use rtsp_types::{Method, Request, Response, StatusCode, Version};
use vms_hub::{Stream, StreamKey};
use vms_media::{Track, TrackKind};

use super::describe;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
/// Told to clients; the server itself ends a session with its connection.
const TIMEOUT_S: u32 = 60;

/// What the shell does with a request.
#[derive(Debug)]
pub enum Answer {
    Now(Vec<u8>),
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

pub struct Session {
    id: String,
    stream: Option<Arc<Stream>>,
    tracks: Arc<[Track]>,
    /// Track index to interleaved channel.
    channels: BTreeMap<u8, u8>,
    /// `?catchup=0` in the address.
    pub catch_up: bool,
    base: String,
}

type Lookup<'a> = &'a dyn Fn(&StreamKey) -> Option<Arc<Stream>>;

impl Session {
    pub fn new(id: String) -> Self {
        Self { id, stream: None, tracks: Arc::new([]), channels: BTreeMap::new(), catch_up: true, base: String::new() }
    }

    /// Interleaved channel of a track, if it was set up.
    pub fn channel(&self, track_index: u8) -> Option<u8> {
        self.channels.get(&track_index).copied()
    }

    /// Leaves the audio out, for a player that may not hear.
    pub fn mute(&mut self) {
        let tracks = self.tracks.clone();
        self.channels.retain(|&index, _| tracks.get(usize::from(index)).is_some_and(|t| t.kind == TrackKind::Video));
    }

    pub fn answer(&mut self, request: &Request<&[u8]>, lookup: Lookup<'_>) -> Answer {
        match request.method() {
            Method::Options => Answer::Now(reply(request, StatusCode::Ok, &[(PUBLIC, METHODS)], &[])),
            Method::Describe => self.describe(request, lookup),
            Method::Setup => Answer::Now(self.set_up(request, lookup)),
            Method::Play => match &self.stream {
                Some(stream) if !self.channels.is_empty() => Answer::Play(stream.clone()),
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

    fn set_up(&mut self, request: &Request<&[u8]>, lookup: Lookup<'_>) -> Vec<u8> {
        let Some((key, track)) = requested(request) else {
            return reply(request, StatusCode::NotFound, &[], &[]);
        };
        let Some(stream) = lookup(&key) else {
            return reply(request, StatusCode::NotFound, &[], &[]);
        };
        if self.stream.as_ref().is_some_and(|other| !Arc::ptr_eq(other, &stream)) {
            return reply(request, StatusCode::AggregateOperationNotAllowed, &[], &[]);
        }
        self.tracks = stream.tracks();
        let track = track.unwrap_or(0);
        if usize::from(track) >= self.tracks.len() {
            return reply(request, StatusCode::NotFound, &[], &[]);
        }
        let wanted = request.header(&TRANSPORT).map_or("", |value| value.as_str());
        let Some(channel) = interleaved_channel(wanted, track * 2) else {
            return reply(request, StatusCode::UnsupportedTransport, &[], &[]);
        };
        self.stream = Some(stream);
        self.catch_up = self.catch_up && !asks_no_catch_up(request);
        self.channels.insert(track, channel);
        self.base = base_of(request);
        let transport = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel.wrapping_add(1));
        let session = format!("{};timeout={TIMEOUT_S}", self.id);
        reply(request, StatusCode::Ok, &[(TRANSPORT, &transport), (SESSION, &session)], &[])
    }

    pub fn playing(&self, request: &Request<&[u8]>, first: &[FirstPacket]) -> Vec<u8> {
        let info: Vec<String> = first
            .iter()
            .filter(|f| self.channels.contains_key(&f.track_index))
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

/// The interleaved channel a client asks for; `default` where it names none.
/// `None` when it does not offer TCP at all.
fn interleaved_channel(transport: &str, default: u8) -> Option<u8> {
    let offer = transport.split(',').find(|offer| offer.contains("RTP/AVP/TCP") || offer.contains("interleaved="))?;
    let named = offer.split(';').find_map(|part| part.trim().strip_prefix("interleaved="));
    match named {
        Some(range) => range.split('-').next()?.trim().parse().ok().filter(|&channel| channel < 255),
        None => Some(default),
    }
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
            (Method::Setup, "rtsp://h/gate/trackID=0", Some("RTP/AVP;unicast;client_port=4-5"), 461),
            (Method::Setup, "rtsp://h/gate/trackID=9", TCP, 404),
            (Method::Setup, "rtsp://h/nobody/trackID=0", TCP, 404),
            (Method::Setup, "rtsp://h/gate/trackID=0", TCP, 200),
            (Method::GetParameter, "rtsp://h/gate", None, 200),
            (Method::Record, "rtsp://h/gate", None, 501),
            (Method::Teardown, "rtsp://h/gate", None, 200),
        ];
        let mut session = Session::new("1".into());
        for (method, url, transport, expected) in table {
            let name = format!("{method:?} {url}");
            let answer = session.answer(&request(method, url, transport), &|key| hub.stream(key));
            assert_eq!(status(answer), expected, "{name}");
        }
        assert_eq!(session.channel(0), Some(4), "the client's own channel");
        assert!(matches!(session.answer(&request(Method::Play, "rtsp://h/gate", None), &|_| None), Answer::Play(_)));
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
