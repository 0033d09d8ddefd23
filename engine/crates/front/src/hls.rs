//! Live video by HLS: who may, what is answered, what caches may keep.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde_json::json;
use vms_access::{Access, Now};
use vms_hub::StreamKey;
use vms_sinks::choice::{Codecs, full as full_of};
use vms_sinks::hls::ask::{Nonsense, Wanted, wanted};
use vms_sinks::hls::{Answer, Hls, Missing, Player};

use crate::credential;
use crate::problem::{Body, BodyError, Problem, full};
use crate::recorded;
use crate::whep;

/// What is asked, by whom.
pub struct Ask<'a> {
    pub key: &'a StreamKey,
    /// In the path.
    pub address: Option<&'a str>,
    pub file: &'a str,
    pub headers: &'a HeaderMap,
    pub query: Option<&'a str>,
}

/// Answers a request for a file of a live stream.
pub async fn answer(hls: &Hls, access: &Access, ask: Ask<'_>) -> Result<Response<Body>, Problem> {
    let wanted = wanted(ask.file, ask.query).map_err(nonsense)?;
    let token = ask.address.or_else(|| recorded::token(ask.headers, ask.query));
    let may = || access.may_watch(ask.key, token, Now::read()).map_err(|denied| credential::denied(&denied));
    let audio = may()?;
    let list = codecs(ask.query);
    let codecs =
        list.map_or(Some(Codecs::All), Codecs::parse).ok_or_else(|| nonsense(Nonsense::Directive("codecs")))?;
    let behind = behind(access, &ask, token, list);
    let player = Player { key: ask.key.clone(), audio, codecs };
    let found = hls.ask(&player, wanted, &behind).await.map_err(|why| missing(ask.key, why))?;
    // It may have waited, and the right may be gone.
    may()?;
    let mut response = response(found.answer, wanted, credential::bearer(ask.headers).is_some());
    response.headers_mut().extend(whep::chosen(found.choice));
    Ok(response)
}

/// The codecs of pictures that a player says he takes.
fn codecs(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| pair.strip_prefix("codecs="))
}

/// What goes behind the addresses in a playlist: the signed address, where it
/// was behind the playlist's own, and what the player takes. Both were
/// verified: they hold no odd character.
fn behind(access: &Access, ask: &Ask<'_>, token: Option<&str>, codecs: Option<&str>) -> String {
    let in_query = ask.address.is_none() && credential::bearer(ask.headers).is_none();
    let token = token.filter(|_| in_query && !access.is_open()).map(|token| format!("token={token}"));
    let codecs = codecs.map(|list| format!("codecs={list}"));
    token.into_iter().chain(codecs).collect::<Vec<_>>().join("&")
}

/// What a page of another origin may do. No cookie counts here: whoever has no
/// signed address gets nothing, from wherever he asks.
pub fn allow_origins(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

pub fn preflight() -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, range"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn response(found: Answer, wanted: Wanted, private: bool) -> Response<Body> {
    let kind = if matches!(wanted, Wanted::Playlist(_)) { "application/vnd.apple.mpegurl" } else { "video/mp4" };
    // What a header proved is for nobody else; what the address proves is for
    // all who know it (draft-pantos-hls-rfc8216bis, B.1, of the times).
    let whose = if private { "private" } else { "public" };
    let cache = match &found {
        Answer::Playlist { blocking: true, target_s, .. } => format!("{whose}, max-age={}", target_s * 6),
        Answer::Playlist { .. } => format!("{whose}, max-age=1"),
        Answer::Media(_) => format!("{whose}, max-age=3600, immutable"),
    };
    let body = match found {
        Answer::Playlist { text, .. } => full(text),
        Answer::Media(pieces) => Pieces::new(pieces).boxed(),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(cache) = HeaderValue::from_str(&cache) {
        headers.insert(header::CACHE_CONTROL, cache);
    }
    response
}

fn nonsense(nonsense: Nonsense) -> Problem {
    match nonsense {
        Nonsense::Name => Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "a live stream has index.m3u8 and the files that stand in it",
        ),
        Nonsense::Directive(name) => {
            Problem::new(StatusCode::BAD_REQUEST, "invalid", format!("{name} is not what a player may ask"))
        }
    }
}

fn missing(key: &StreamKey, missing: Missing) -> Problem {
    let (status, code, detail) = match missing {
        Missing::Codec { camera } => {
            let camera = camera.rtpmap();
            let detail = format!("{key} sends {camera}, which this player does not take");
            let values = json!({ "camera": camera, "browser": "" });
            return Problem { values, ..Problem::new(StatusCode::NOT_ACCEPTABLE, "no_common_codec", detail) };
        }
        Missing::Transcodes { camera, most } => {
            let detail = format!("{key}: {}", full_of(&camera, most));
            let values = json!({ "camera": camera.rtpmap(), "most": most });
            return Problem { values, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_transcodes", detail) };
        }
        Missing::Stream => (StatusCode::NOT_FOUND, "not_found", "there is no such stream"),
        Missing::File => (StatusCode::NOT_FOUND, "not_found", "there is no such file, or no more"),
        Missing::Directive => (StatusCode::BAD_REQUEST, "invalid", "_HLS_msn names a segment that is too far ahead"),
        Missing::NoVideo => (StatusCode::SERVICE_UNAVAILABLE, "no_video", "the camera gives no video now"),
        Missing::Full => (StatusCode::SERVICE_UNAVAILABLE, "busy", "too many streams are open by HLS"),
    };
    Problem::new(status, code, detail)
}

/// Bytes that are sent one behind the other, without a copy.
struct Pieces {
    rest: VecDeque<Bytes>,
    bytes: u64,
}

impl Pieces {
    fn new(pieces: Vec<Bytes>) -> Self {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { rest: pieces.into(), bytes }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let piece = self.rest.pop_front();
        self.bytes -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}
