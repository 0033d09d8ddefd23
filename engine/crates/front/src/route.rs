//! Which part of the process answers a request: the front's route table.

use http::Method;
use vms_hub::{StreamKey, StreamName};

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The one origin.
    Front,
    /// The players' port of WebRTC.
    Players,
    /// The port of HLS.
    Hls,
}

impl Door {
    /// In front of what WHEP and WHIP have here.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Front => "/api/v1",
            Self::Players | Self::Hls => "",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Open a session on a stream.
    Offer(StreamKey),
    /// A path for offers, but of no stream there can be.
    NoStream,
    Session(String),
    /// Send a stream in.
    Publish(StreamKey),
    /// Such a session.
    Published(String),
    /// Talk to a camera.
    Talk(StreamKey),
    /// Such a session.
    Talked(String),
    /// Recorded video: what of it stands in the rest of the path.
    Playback(StreamKey, String),
    /// Have recorded video played by WebRTC.
    Play(StreamKey),
    /// Look at such a session, steer it or end it.
    PlaySession(String),
    /// A file of live video by HLS, with the signed address in its path, if any.
    Hls {
        key: StreamKey,
        address: Option<String>,
        file: String,
    },
    /// Many cameras on one WebSocket.
    Media,
    /// A page of another origin asks whether it may ask.
    Preflight,
    Live,
    MediaMetrics,
    /// Everything else of the origin: the API workers.
    Api,
    NotFound,
    MethodNotAllowed(&'static str),
}

#[must_use]
pub fn route(door: Door, method: &Method, path: &str) -> Route {
    match door {
        Door::Front => front(method, path),
        Door::Players => players(method, path),
        Door::Hls if path == "/health/live" => Route::Live,
        Door::Hls => on_hls(method, path.strip_prefix('/').unwrap_or(path)),
    }
}

fn front(method: &Method, path: &str) -> Route {
    match path {
        "/health/live" => return Route::Live,
        "/metrics/media" => return Route::MediaMetrics,
        "/media" if method == Method::GET => return Route::Media,
        "/media" => return Route::MethodNotAllowed("GET"),
        _ => {}
    }
    if let Some(route) = path.strip_prefix(Door::Front.prefix()).and_then(|path| session(method, path)) {
        return route;
    }
    if let Some(talk) = path.strip_prefix("/talk/") {
        return on_talk(method, talk);
    }
    if let Some(live) = path.strip_prefix("/live/") {
        return on_hls(method, live);
    }
    if let Some(recorded) = path.strip_prefix("/playback/") {
        return on_recorded(method, recorded);
    }
    let stream = path.strip_prefix("/api/v1/streams/").and_then(|rest| rest.rsplit_once('/'));
    match stream {
        Some((stream, "whep")) => on_offer(method, explicit(stream).map(Route::Offer)),
        Some((stream, "whip")) => on_offer(method, explicit(stream).map(Route::Publish)),
        _ => Route::Api,
    }
}

fn players(method: &Method, path: &str) -> Route {
    if let Some(route) = session(method, path) {
        return route;
    }
    match path.rsplit_once('/') {
        Some((stream, "whep")) => on_offer(method, StreamKey::parse(stream).map(Route::Offer)),
        Some((stream, "whip")) => on_offer(method, StreamKey::parse(stream).map(Route::Publish)),
        _ if path == "/health/live" => Route::Live,
        _ => Route::NotFound,
    }
}

/// The API's own form names the stream always.
fn explicit(stream: &str) -> Option<StreamKey> {
    let (_, name) = stream.split_once('/')?;
    let key = StreamKey::parse(stream)?;
    (name == StreamName::Main.as_str() || name == StreamName::Sub.as_str()).then_some(key)
}

/// `offered`: the route, if the stream can have such a name.
fn on_offer(method: &Method, offered: Option<Route>) -> Route {
    match (method, offered) {
        (&Method::POST, Some(offered)) => offered,
        (&Method::POST, None) => Route::NoStream,
        _ => Route::MethodNotAllowed("POST"),
    }
}

/// `CAMERA`, or `sessions/SESSION`.
fn on_talk(method: &Method, talk: &str) -> Route {
    match (talk.strip_prefix("sessions/"), method) {
        (Some(session), &Method::DELETE | &Method::GET) => Route::Talked(session.to_owned()),
        (Some(_), _) => Route::MethodNotAllowed("GET, DELETE"),
        (None, _) if talk.contains('/') => Route::NoStream,
        (None, _) => on_offer(method, StreamKey::parse(talk).map(Route::Talk)),
    }
}

fn on_recorded(method: &Method, recorded: &str) -> Route {
    // A camera may be called `sessions`, but no file of it is called like this.
    let session = recorded.strip_prefix("sessions/");
    if let Some(id) = session.filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())) {
        return match *method {
            Method::GET | Method::PATCH | Method::DELETE => Route::PlaySession(id.to_owned()),
            _ => Route::MethodNotAllowed("GET, PATCH, DELETE"),
        };
    }
    let named = recorded.rsplit_once('/').and_then(|(stream, what)| Some((StreamKey::parse(stream)?, what)));
    match (method, named) {
        (&Method::POST, Some((key, "whep"))) => Route::Play(key),
        (_, Some((_, "whep"))) => Route::MethodNotAllowed("POST"),
        (&Method::GET, Some((key, what))) => Route::Playback(key, what.to_owned()),
        (&Method::GET, None) => Route::NoStream,
        _ => Route::MethodNotAllowed("GET"),
    }
}

/// `[t/ADDRESS/]CAMERA[/STREAM]/FILE`. A camera may be called `t`, but no
/// stream of it like an address.
fn on_hls(method: &Method, path: &str) -> Route {
    let signed = path.strip_prefix("t/").and_then(|rest| rest.split_once('/')).filter(|(text, _)| text.contains('.'));
    let (address, stream) = signed.map_or((None, path), |(address, rest)| (Some(address.to_owned()), rest));
    let named = stream.rsplit_once('/').and_then(|(stream, file)| Some((StreamKey::parse(stream)?, file.to_owned())));
    match (method, named) {
        (&Method::GET | &Method::HEAD, Some((key, file))) => Route::Hls { key, address, file },
        (&Method::GET | &Method::HEAD, None) => Route::NoStream,
        (&Method::OPTIONS, _) => Route::Preflight,
        _ => Route::MethodNotAllowed("GET, HEAD"),
    }
}

/// `/whep/SESSION` or `/whip/SESSION`.
fn session(method: &Method, path: &str) -> Option<Route> {
    let viewed = path.strip_prefix("/whep/").map(|id| Route::Session(id.to_owned()));
    let session = viewed.or_else(|| path.strip_prefix("/whip/").map(|id| Route::Published(id.to_owned())))?;
    Some(on_session(method, session))
}

fn on_session(method: &Method, session: Route) -> Route {
    match *method {
        Method::DELETE | Method::PATCH => session,
        _ => Route::MethodNotAllowed("PATCH, DELETE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_answer() {
        let key = |path| Route::Offer(StreamKey::parse(path).expect("a good name"));
        let hls = |path, address: Option<&str>, file: &str| Route::Hls {
            key: StreamKey::parse(path).expect("a good name"),
            address: address.map(str::to_owned),
            file: file.to_owned(),
        };
        let recorded =
            |path, what: &str| Route::Playback(StreamKey::parse(path).expect("a good name"), what.to_owned());
        let publish = |path| Route::Publish(StreamKey::parse(path).expect("a good name"));
        let table = [
            (Door::Front, "POST", "/api/v1/streams/gate/main/whip", publish("gate")),
            (Door::Front, "POST", "/api/v1/streams/gate/whip", Route::NoStream),
            (Door::Front, "DELETE", "/api/v1/whip/abc", Route::Published("abc".into())),
            (Door::Front, "POST", "/api/v1/whip/abc", Route::MethodNotAllowed("PATCH, DELETE")),
            (Door::Players, "POST", "/gate/sub/whip", publish("gate/sub")),
            (Door::Players, "GET", "/gate/whip", Route::MethodNotAllowed("POST")),
            (Door::Players, "PATCH", "/whip/abc", Route::Published("abc".into())),
            (Door::Front, "POST", "/talk/gate", Route::Talk(StreamKey::parse("gate").expect("a good name"))),
            (Door::Front, "POST", "/talk/gate/sub", Route::NoStream),
            (Door::Front, "GET", "/talk/gate", Route::MethodNotAllowed("POST")),
            (Door::Front, "DELETE", "/talk/sessions/abc", Route::Talked("abc".into())),
            (Door::Front, "GET", "/talk/sessions/abc", Route::Talked("abc".into())),
            (Door::Front, "POST", "/talk/sessions/abc", Route::MethodNotAllowed("GET, DELETE")),
            (Door::Players, "POST", "/talk/gate", Route::NotFound),
            (Door::Hls, "POST", "/gate/whip", Route::MethodNotAllowed("GET, HEAD")),
            (Door::Front, "POST", "/api/v1/streams/gate/main/whep", key("gate")),
            (Door::Front, "POST", "/api/v1/streams/gate/sub/whep", key("gate/sub")),
            (Door::Front, "POST", "/api/v1/streams/gate/whep", Route::NoStream),
            (Door::Front, "POST", "/api/v1/streams/../main/whep", Route::NoStream),
            (Door::Front, "GET", "/api/v1/streams/gate/main/whep", Route::MethodNotAllowed("POST")),
            (Door::Front, "DELETE", "/api/v1/whep/abc", Route::Session("abc".into())),
            (Door::Front, "GET", "/api/v1/whep/abc", Route::MethodNotAllowed("PATCH, DELETE")),
            (Door::Front, "GET", "/api/v1/streams", Route::Api),
            (Door::Front, "GET", "/playback/gate/init.mp4", recorded("gate", "init.mp4")),
            (Door::Front, "GET", "/playback/gate/sub/17.m4s", recorded("gate/sub", "17.m4s")),
            (Door::Front, "GET", "/playback/../init.mp4", Route::NoStream),
            (Door::Front, "POST", "/playback/gate/init.mp4", Route::MethodNotAllowed("GET")),
            (Door::Front, "POST", "/playback/gate/whep", Route::Play(StreamKey::parse("gate").expect("a good name"))),
            (
                Door::Front,
                "POST",
                "/playback/gate/sub/whep",
                Route::Play(StreamKey::parse("gate/sub").expect("a good name")),
            ),
            (Door::Front, "GET", "/playback/gate/whep", Route::MethodNotAllowed("POST")),
            (
                Door::Front,
                "PATCH",
                "/playback/sessions/0123456789abcdef0123456789abcdef",
                Route::PlaySession("0123456789abcdef0123456789abcdef".into()),
            ),
            (Door::Front, "GET", "/playback/sessions/init.mp4", recorded("sessions", "init.mp4")),
            (Door::Front, "GET", "/live/gate/sub/index.m3u8", hls("gate/sub", None, "index.m3u8")),
            (Door::Front, "GET", "/live/gate/main/7.0.m4s", hls("gate", None, "7.0.m4s")),
            (Door::Front, "GET", "/live", Route::Api),
            (Door::Front, "GET", "/media", Route::Media),
            (Door::Front, "POST", "/media", Route::MethodNotAllowed("GET")),
            (Door::Hls, "GET", "/media", Route::NoStream),
            (Door::Front, "POST", "/live/gate/main/7.0.m4s", Route::MethodNotAllowed("GET, HEAD")),
            (Door::Hls, "GET", "/gate/index.m3u8", hls("gate", None, "index.m3u8")),
            (Door::Hls, "HEAD", "/gate/sub/7.m4s", hls("gate/sub", None, "7.m4s")),
            (Door::Hls, "GET", "/t/v1.k.p.s/gate/sub/index.m3u8", hls("gate/sub", Some("v1.k.p.s"), "index.m3u8")),
            (Door::Hls, "GET", "/t/index.m3u8", hls("t", None, "index.m3u8")),
            (Door::Hls, "GET", "/t/sub/index.m3u8", hls("t/sub", None, "index.m3u8")),
            (Door::Hls, "GET", "/gate", Route::NoStream),
            (Door::Hls, "GET", "/", Route::NoStream),
            (Door::Hls, "GET", "/../gate/index.m3u8", Route::NoStream),
            (Door::Hls, "OPTIONS", "/gate/index.m3u8", Route::Preflight),
            (Door::Hls, "GET", "/health/live", Route::Live),
            (Door::Hls, "POST", "/gate/whep", Route::MethodNotAllowed("GET, HEAD")),
            (Door::Front, "GET", "/playback", Route::Api),
            (Door::Front, "GET", "/health/live", Route::Live),
            (Door::Front, "GET", "/health/ready", Route::Api),
            (Door::Front, "GET", "/metrics", Route::Api),
            (Door::Front, "GET", "/metrics/media", Route::MediaMetrics),
            (Door::Front, "GET", "/", Route::Api),
            (Door::Players, "POST", "/gate/whep", key("gate")),
            (Door::Players, "POST", "/gate/sub/whep", key("gate/sub")),
            (Door::Players, "PATCH", "/whep/abc", Route::Session("abc".into())),
            (Door::Players, "GET", "/", Route::NotFound),
            (Door::Players, "POST", "/api/whep", Route::NoStream),
        ];
        for (door, method, path, expected) in table {
            let method = method.parse().expect("a good method");
            assert_eq!(route(door, &method, path), expected, "{door:?} {method} {path}");
        }
    }
}
