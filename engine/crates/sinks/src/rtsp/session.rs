//! What the server answers to each request: no IO, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use rtsp_types::headers::{
    CONTENT_BASE, CONTENT_TYPE, CSEQ, HeaderName, PUBLIC, RANGE, REQUIRE, RTP_INFO, SCALE, SESSION, TRANSPORT,
    UNSUPPORTED,
};
use rtsp_types::{Method, Request, Response, StatusCode, Version};
use vms_hub::{HubFrame, Stream, StreamKey};
use vms_media::{Track, TrackKind};

use super::describe;
use super::replay::{self, Begin};

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
    /// A recording is to be described, as it is at this time.
    DescribeRecorded {
        key: StreamKey,
        from_us: Option<i64>,
    },
    /// A recording is to be played, or played otherwise.
    PlayRecorded {
        key: StreamKey,
        begin: Begin,
    },
    PauseRecorded,
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
    /// The recording that was described, and where it begins.
    recorded: Option<(StreamKey, Option<i64>)>,
    /// Each picture of a recording is sent with its time.
    pub replay: bool,
    /// Each live frame is sent with its time and number.
    pub relay: bool,
    /// A recording comes as fast as it is taken: what the first PLAY asked for.
    unpaced: Option<bool>,
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
            recorded: None,
            replay: false,
            relay: false,
            unpaced: None,
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

    /// Frames come in their time.
    pub fn is_paced(&self) -> bool {
        self.unpaced != Some(true)
    }

    /// Whether the frame is of what the player was told of its track.
    pub fn described_as(&self, frame: &HubFrame) -> bool {
        self.tracks.get(usize::from(frame.track_index)).is_some_and(|track| track.codec == frame.codec)
    }

    pub fn answer(&mut self, request: &Request<&[u8]>, lookup: Lookup<'_>) -> Answer {
        match replay::requires(request) {
            Some(required) => {
                self.replay |= required.replay;
                self.relay |= required.relay;
            }
            None => {
                let required = request.header(&REQUIRE).map_or("", |value| value.as_str());
                return Answer::Now(reply(request, StatusCode::OptionNotSupported, &[(UNSUPPORTED, required)], &[]));
            }
        }
        match request.method() {
            Method::Options => Answer::Now(reply(request, StatusCode::Ok, &[(PUBLIC, METHODS)], &[])),
            Method::Describe => self.describe(request, lookup),
            Method::Setup => self.set_up(request, lookup),
            Method::Play if self.recorded.is_some() => self.play_recorded(request),
            Method::Pause if self.recorded.is_some() => Answer::PauseRecorded,
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
        // What is set up is named by our Content-Base, which has no query.
        self.catch_up = self.catch_up && !asks_no_catch_up(request);
        match requested(request) {
            Some(Wanted { key, recorded: true, .. }) => Answer::DescribeRecorded { key, from_us: from_of(request) },
            Some(Wanted { key, .. }) if lookup(&key).is_some() => Answer::Describe(key),
            _ => Answer::Now(reply(request, StatusCode::NotFound, &[], &[])),
        }
    }

    fn play_recorded(&mut self, request: &Request<&[u8]>) -> Answer {
        let refused = |status| Answer::Now(reply(request, status, &[], &[]));
        let Some((key, from_us)) = self.recorded.clone().filter(|_| !self.ways.is_empty()) else {
            return refused(StatusCode::MethodNotValidInThisState);
        };
        let Some(mut begin) = Begin::of(request) else { return refused(StatusCode::InvalidRange) };
        // Where the address says, if the first PLAY does not.
        begin.at_us = begin.at_us.or(self.recorded.as_mut().and_then(|(_, from_us)| from_us.take())).or(from_us);
        // By UDP nobody could say that it is too fast.
        let into_connection = self.ways.values().all(|way| matches!(way, Way::Channel(_)));
        begin.unpaced = *self.unpaced.get_or_insert(begin.unpaced && into_connection);
        Answer::PlayRecorded { key, begin }
    }

    /// The reply to DESCRIBE of a recording.
    pub fn described_recorded(
        &mut self,
        request: &Request<&[u8]>,
        key: StreamKey,
        from_us: Option<i64>,
        tracks: Arc<[Track]>,
    ) -> Vec<u8> {
        let answer = Self::describing(request, describe::sdp(&key, &tracks, "npt=0-"));
        (self.recorded, self.tracks) = (Some((key, from_us)), tracks);
        answer
    }

    /// The reply to DESCRIBE once the stream's tracks are known; an empty list
    /// means that the camera has not been seen yet.
    pub fn described(&mut self, request: &Request<&[u8]>, key: &StreamKey, tracks: &[Track]) -> Vec<u8> {
        if tracks.is_empty() {
            return reply(request, StatusCode::ServiceUnavailable, &[], &[]);
        }
        let mut sdp = describe::sdp(key, tracks, "npt=now-");
        if self.relay {
            describe::name_stamps(&mut sdp);
        }
        Self::describing(request, sdp)
    }

    fn describing(request: &Request<&[u8]>, sdp: String) -> Vec<u8> {
        let mut url = request.request_uri().map(ToString::to_string).unwrap_or_default();
        if let Some(query) = url.find('?') {
            url.truncate(query);
        }
        let base = format!("{}/", url.trim_end_matches('/'));
        let headers = [(CONTENT_TYPE, "application/sdp"), (CONTENT_BASE, base.as_str())];
        reply(request, StatusCode::Ok, &headers, sdp.as_bytes())
    }

    fn set_up(&mut self, request: &Request<&[u8]>, lookup: Lookup<'_>) -> Answer {
        let refused = |status| Answer::Now(reply(request, status, &[], &[]));
        let Some(Wanted { key, track, recorded }) = requested(request) else { return refused(StatusCode::NotFound) };
        let tracks = if recorded {
            // What a recording holds is known once it is described.
            match &self.recorded {
                Some((described, _)) if *described == key => self.tracks.clone(),
                _ => return refused(StatusCode::MethodNotValidInThisState),
            }
        } else {
            let Some(stream) = lookup(&key) else { return refused(StatusCode::NotFound) };
            let other = self.stream.as_ref().is_some_and(|other| !Arc::ptr_eq(other, &stream));
            if other || self.recorded.is_some() {
                return refused(StatusCode::AggregateOperationNotAllowed);
            }
            let tracks = stream.tracks();
            self.stream = Some(stream);
            tracks
        };
        let track = track.unwrap_or(0);
        if usize::from(track) >= tracks.len() {
            return refused(StatusCode::NotFound);
        }
        let wanted = request.header(&TRANSPORT).map_or("", |value| value.as_str());
        let Some(way) = way(wanted, track * 2, self.in_clear) else {
            return refused(StatusCode::UnsupportedTransport);
        };
        self.tracks = tracks;
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
        let info = self.info(first);
        let headers = [(SESSION, self.id.as_str()), (RANGE, "npt=now-"), (RTP_INFO, info.as_str())];
        reply(request, StatusCode::Ok, &headers, &[])
    }

    /// The reply to PLAY of a recording; `first` is empty where it played before.
    pub fn playing_recorded(&self, request: &Request<&[u8]>, begin: &Begin, first: &[FirstPacket]) -> Vec<u8> {
        let info = self.info(first);
        let range =
            begin.at_us.map_or_else(|| "npt=now-".to_owned(), |us| format!("clock={}-", replay::write_clock(us)));
        let scale = begin.speed().to_string();
        let mut headers = vec![(SESSION, self.id.as_str()), (RANGE, range.as_str()), (SCALE, scale.as_str())];
        if !first.is_empty() {
            headers.push((RTP_INFO, info.as_str()));
        }
        if let (Some(_), Ok(name)) = (replay::asks_rate(request), HeaderName::from_static_str(replay::RATE_CONTROL)) {
            headers.push((name, if begin.unpaced { "no" } else { "yes" }));
        }
        reply(request, StatusCode::Ok, &headers, &[])
    }

    pub fn paused(&self, request: &Request<&[u8]>) -> Vec<u8> {
        reply(request, StatusCode::Ok, &[(SESSION, self.id.as_str())], &[])
    }

    fn info(&self, first: &[FirstPacket]) -> String {
        let info: Vec<String> = first
            .iter()
            .filter(|f| self.ways.contains_key(&f.track_index))
            .map(|f| {
                let seq = f.seq.map_or(String::new(), |seq| format!(";seq={seq}"));
                format!("url={}/trackID={}{seq};rtptime={}", self.base, f.track_index, f.rtp_time)
            })
            .collect();
        info.join(",")
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

/// What a request's address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub key: StreamKey,
    pub track: Option<u8>,
    /// What was recorded of it: `/playback/` stands in front.
    pub recorded: bool,
}

/// Players append `trackID=N` behind a slash, or behind the query when there
/// is one.
pub fn requested(request: &Request<&[u8]>) -> Option<Wanted> {
    let url = request.request_uri()?;
    let (path, in_path) = split_track(url.path());
    let track = in_path.or(url.query().and_then(|query| split_track(query).1));
    if let Some(key) = StreamKey::parse(path) {
        return Some(Wanted { key, track, recorded: false });
    }
    let path = path.trim_start_matches('/').strip_prefix("playback/")?;
    Some(Wanted { key: StreamKey::parse(path)?, track, recorded: true })
}

/// `?from=` of a recording's address.
fn from_of(request: &Request<&[u8]>) -> Option<i64> {
    let query = request.request_uri()?.query()?;
    query.split(['&', '/']).find_map(|part| replay::read_clock(part.strip_prefix("from=")?))
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
        let track = Track::video(Codec::H264);
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
    fn a_recording_is_described_set_up_played_and_paused() {
        let mut session = Session::new("1".into(), true);
        let nobody: Lookup<'_> = &|_| None;
        let url = "rtsp://h/playback/gate/sub";
        let setup = request(Method::Setup, "rtsp://h/playback/gate/sub/trackID=0", TCP);
        assert_eq!(status(session.answer(&setup, nobody)), 455, "not described yet");
        let describe = request(Method::Describe, "rtsp://h/playback/gate/sub?from=20261121T070000Z", None);
        let Answer::DescribeRecorded { key, from_us } = session.answer(&describe, nobody) else {
            panic!("a recording")
        };
        assert_eq!((key.to_string().as_str(), from_us), ("gate/sub", Some(1_795_244_400_000_000)));
        let (hub, _publisher) = hub_with_a_stream();
        let tracks = hub.stream(&StreamKey::parse("gate").expect("a good name")).expect("it is there").tracks();
        session.described_recorded(&describe, key, from_us, tracks);
        assert_eq!(status(session.answer(&request(Method::Play, url, None), nobody)), 455, "nothing is set up");
        assert_eq!(status(session.answer(&setup, nobody)), 200);
        let live = request(Method::Setup, "rtsp://h/gate/trackID=0", TCP);
        assert_eq!(status(session.answer(&live, &|key| hub.stream(key))), 459, "not both at once");
        let plays = |session: &mut Session, range: Option<&'static str>| {
            let mut asked = request(Method::Play, url, None);
            if let Some(range) = range {
                asked.insert_header(RANGE, range);
            }
            session.answer(&asked, nobody)
        };
        let Answer::PlayRecorded { begin, .. } = plays(&mut session, Some("npt=0-")) else { panic!("it plays") };
        assert_eq!((begin.at_us, begin.cseq), (Some(1_795_244_400_000_000), 7), "where the address says");
        assert!(!begin.unpaced && session.is_paced());
        assert_eq!(status(plays(&mut session, Some("clock=yesterday-"))), 457);
        assert!(matches!(session.answer(&request(Method::Pause, url, None), nobody), Answer::PauseRecorded));
    }

    #[test]
    fn the_first_play_of_a_recording_says_whether_it_is_paced_and_by_udp_it_always_is() {
        let (hub, _publisher) = hub_with_a_stream();
        let key = StreamKey::parse("gate").expect("a good name");
        let tracks = hub.stream(&key).expect("it is there").tracks();
        let url = "rtsp://h/playback/gate";
        for (way, expected) in [(Way::Channel(0), true), (Way::Ports(5000, 5001), false)] {
            let mut session = Session::new("1".into(), true);
            session.described_recorded(&request(Method::Describe, url, None), key.clone(), None, tracks.clone());
            session.ways.insert(0, way);
            for rate in ["no", "yes"] {
                let mut asked = request(Method::Play, url, None);
                let name = HeaderName::from_static_str(replay::RATE_CONTROL).expect("a name");
                asked.insert_header(name, rate);
                let Answer::PlayRecorded { begin, .. } = session.answer(&asked, &|_| None) else { panic!("it plays") };
                assert_eq!((begin.unpaced, session.is_paced()), (expected, !expected), "{way:?}, {rate}");
                let told = String::from_utf8(session.playing_recorded(&asked, &begin, &[])).expect("text");
                assert!(told.contains(&format!("Rate-Control: {}\r\n", if expected { "no" } else { "yes" })), "{told}");
            }
        }
    }

    #[test]
    fn what_is_required_and_unknown_is_refused() {
        let (hub, _publisher) = hub_with_a_stream();
        let mut session = Session::new("1".into(), true);
        for (required, expected) in [("onvif-replay", 200), ("vms-relay, onvif-replay", 200), ("implicit-play", 551)] {
            let mut asked = request(Method::Options, "rtsp://h/gate", None);
            asked.insert_header(REQUIRE, required);
            assert_eq!(status(session.answer(&asked, &|key| hub.stream(key))), expected, "{required}");
        }
        assert!(session.replay && session.relay);
    }

    #[test]
    fn a_node_that_asks_for_stamps_is_told_where_they_stand() {
        let (hub, _publisher) = hub_with_a_stream();
        let key = StreamKey::parse("gate").expect("a good name");
        let tracks = hub.stream(&key).expect("it is there").tracks();
        for relay in [false, true] {
            let mut session = Session::new("1".into(), true);
            let mut asked = request(Method::Describe, "rtsp://h/gate?catchup=0", None);
            if relay {
                asked.insert_header(REQUIRE, "vms-relay");
            }
            assert!(matches!(session.answer(&asked, &|key| hub.stream(key)), Answer::Describe(_)));
            let told = String::from_utf8(session.described(&asked, &key, &tracks)).expect("text");
            assert_eq!(told.contains("a=extmap:1 urn:vms-enterprise:rtp:frame\r\nm=video"), relay, "{told}");
            assert!(!session.catch_up, "as the address says, though SETUP will not name it");
        }
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
        let track =
            |url| requested(&request(Method::Setup, url, None)).map(|wanted| (wanted.key.to_string(), wanted.track));
        assert_eq!(track("rtsp://h/gate/sub/trackID=1"), Some(("gate/sub".into(), Some(1))));
        assert_eq!(track("rtsp://h/gate/?catchup=0/trackID=1"), Some(("gate/main".into(), Some(1))));
        assert_eq!(track("rtsp://h/gate"), Some(("gate/main".into(), None)));
        assert_eq!(track("rtsp://h/a/b/c"), None);
        assert!(asks_no_catch_up(&request(Method::Setup, "rtsp://h/gate?catchup=0/trackID=1", None)));
        assert!(!asks_no_catch_up(&request(Method::Setup, "rtsp://h/gate", None)));
    }
}
