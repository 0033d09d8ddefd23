//! WHEP over the WebRTC sink: offers in, answers out.

use std::net::IpAddr;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::Deserialize;
use serde_json::json;
use vms_access::Ticket;
use vms_hub::StreamKey;
use vms_sinks::choice::Choice;
use vms_sinks::webrtc::{Answer, Keeps, Way, WebRtc, WhepError, WhepErrorKind};
use vms_sources::Reason;

use crate::problem::{Body, Problem, full};
use crate::route::Door;

/// Far above any browser's offer.
const MAX_SDP: u64 = 64 * 1024;
/// For the whole of it: whoever sends it holds a viewer's place meanwhile.
const BODY_LIMIT: Duration = Duration::from_secs(10);

pub async fn offer(
    webrtc: &WebRtc,
    door: Door,
    key: &StreamKey,
    head: &Parts,
    body: Body,
    peer: IpAddr,
    ticket: Ticket,
) -> Result<Response<Body>, Problem> {
    let keeps = keeps(head.uri.query())?;
    let sdp = sdp(&head.headers, body).await?;
    webrtc.wait_opened(key).await;
    let answer = webrtc.offer(key, keeps, &sdp, peer, ticket).map_err(|error| refusal(&error))?;
    created(&format!("{}/whep", door.prefix()), answer)
}

/// `fixed=1`: the stream that was asked for, whatever the viewer's path bears.
fn keeps(query: Option<&str>) -> Result<Keeps, Problem> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    match pairs.find(|(name, _)| *name == "fixed").map(|(_, value)| value) {
        None | Some("0") => Ok(Keeps::WhileBorne),
        Some("1") => Ok(Keeps::Always),
        Some(_) => {
            let words = "fixed is 1 for the stream that was asked for alone, or 0";
            Err(Problem::new(StatusCode::BAD_REQUEST, "invalid", words))
        }
    }
}

/// What a session's PATCH takes (RFC 8840).
pub const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// The offer that a request brings.
pub async fn sdp(headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let kind = kind_of(headers);
    if !kind.starts_with("application/sdp") {
        let detail = format!("an offer has the content type application/sdp, not {kind:?}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_sdp", detail));
    }
    read(body).await
}

pub fn kind_of(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The answer to an offer, with the session's address.
pub fn created(prefix: &str, answer: Answer) -> Result<Response<Body>, Problem> {
    let mut response = Response::builder();
    for (name, value) in answer.choice.into_iter().flat_map(chosen) {
        response = response.header(name, value);
    }
    response
        .status(StatusCode::CREATED)
        .header(header::CONTENT_TYPE, "application/sdp")
        .header(header::LOCATION, format!("{prefix}/{}", answer.session))
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::ETAG, answer.etag)
        .header("accept-patch", FRAGMENT)
        .body(full(answer.sdp))
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}

/// What tells a player which pictures it gets, and why those.
pub fn chosen(choice: Choice) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    const VARIANT: HeaderName = HeaderName::from_static("vms-variant");
    const REASON: HeaderName = HeaderName::from_static("vms-reason");
    let reason = choice.reason.map(|why| (REASON, HeaderValue::from_static(why.as_str())));
    [Some((VARIANT, HeaderValue::from_static(choice.variant.as_str()))), reason].into_iter().flatten()
}

/// Ends a session.
pub fn end(webrtc: &WebRtc, session: &str) -> Result<Response<Body>, Problem> {
    ended(webrtc.end(session))
}

/// What is answered where a session was ended, or was not there.
pub fn ended(was_there: bool) -> Result<Response<Body>, Problem> {
    if was_there {
        Ok(Response::new(full("")))
    } else {
        Err(Problem::new(StatusCode::NOT_FOUND, "no_session", "there is no such session; it may have ended"))
    }
}

/// Takes what a PATCH brings of ICE: candidates, or nothing where only the right
/// to go on is renewed.
pub async fn trickle(
    webrtc: &WebRtc,
    way: Way,
    session: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let fragment = read(body).await?;
    let kind = kind_of(headers);
    if !fragment.is_empty() && !kind.starts_with(FRAGMENT) {
        let detail = format!("candidates have the content type {FRAGMENT}, not {kind:?}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_sdpfrag", detail));
    }
    let if_match = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    webrtc.trickle(way, session, if_match, &fragment).map_err(|error| refusal(&error))?;
    no_content()
}

/// What a page says of a picture that nobody can see just now.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    paused: bool,
}

/// Sends nothing while a page hides the picture, and goes on when it shows it.
pub async fn rest(webrtc: &WebRtc, session: &str, body: Body) -> Result<Response<Body>, Problem> {
    let body = read(body).await?;
    let Rest { paused } = serde_json::from_str(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid", error.to_string()))?;
    if webrtc.pause(session, paused) { no_content() } else { ended(false) }
}

pub fn is_json(headers: &HeaderMap) -> bool {
    kind_of(headers).starts_with("application/json")
}

fn no_content() -> Result<Response<Body>, Problem> {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

pub async fn read(body: Body) -> Result<String, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("a session description has at most {MAX_SDP} bytes"),
        )
    };
    if body.size_hint().lower() > MAX_SDP {
        return Err(too_large());
    }
    let limited = http_body_util::Limited::new(body, MAX_SDP as usize);
    let collected = tokio::time::timeout(BODY_LIMIT, limited.collect()).await.map_err(|_| too_slow())?;
    let bytes = collected.map_err(|_| too_large())?.to_bytes();
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid", "a session description is text in UTF-8"))
}

fn too_slow() -> Problem {
    let detail = format!("a session description is sent within {} s", BODY_LIMIT.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail)
}

pub fn refusal(error: &WhepError) -> Problem {
    let (status, code) = match &error.kind {
        WhepErrorKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
        WhepErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        WhepErrorKind::NoCommonCodec { .. } => (StatusCode::NOT_ACCEPTABLE, "no_common_codec"),
        WhepErrorKind::TooManyTranscodes { .. } => (StatusCode::SERVICE_UNAVAILABLE, "too_many_transcodes"),
        WhepErrorKind::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
        WhepErrorKind::Stale => (StatusCode::PRECONDITION_FAILED, "stale"),
        WhepErrorKind::Unconditional => (StatusCode::PRECONDITION_REQUIRED, "unconditional"),
        WhepErrorKind::Unsupported => (StatusCode::UNPROCESSABLE_ENTITY, "unsupported"),
        WhepErrorKind::Busy => (StatusCode::CONFLICT, "busy"),
        WhepErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        WhepErrorKind::Camera(Reason::BackChannelBusy) => (StatusCode::CONFLICT, Reason::BackChannelBusy.code()),
        WhepErrorKind::Camera(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason.code()),
    };
    let mut problem = Problem::new(status, code, error.message.clone());
    match &error.kind {
        WhepErrorKind::NoCommonCodec { camera, offered } => {
            problem.values = json!({ "camera": camera, "browser": offered.join(", ") });
        }
        WhepErrorKind::TooManyTranscodes { camera, most } => {
            problem.values = json!({ "camera": camera, "most": most });
        }
        WhepErrorKind::Camera(reason) => {
            problem.values = reason.value().into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        }
        _ => {}
    }
    problem
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use hyper::body::Frame;

    use super::*;
    use crate::problem::{BodyError, boxed};

    /// A word each four seconds, without end.
    struct Dribble(tokio::time::Interval);

    impl hyper::body::Body for Dribble {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            self.0.poll_tick(context).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"v=0")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_offer_that_is_sent_word_by_word_is_not_waited_for() {
        let begun = tokio::time::Instant::now();
        let dribble = Dribble(tokio::time::interval(Duration::from_secs(4)));
        let read = tokio::time::timeout(Duration::from_secs(3600), read(boxed(dribble))).await;
        let problem = read.expect("it ends").expect_err("no offer");
        assert_eq!((problem.status.as_u16(), problem.code, begun.elapsed()), (408, "too_slow", BODY_LIMIT));
    }

    #[test]
    fn who_asks_for_one_stream_alone_is_never_sent_another() {
        for (query, keeps_it) in [
            (None, Some(Keeps::WhileBorne)),
            (Some("token=x"), Some(Keeps::WhileBorne)),
            (Some("token=x&fixed=1"), Some(Keeps::Always)),
            (Some("fixed=0"), Some(Keeps::WhileBorne)),
            (Some("fixed=yes"), None),
        ] {
            assert_eq!(keeps(query).ok(), keeps_it, "{query:?}");
        }
    }
}
