//! WHEP over the WebRTC sink: offers in, answers out.

use std::net::IpAddr;

use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use serde_json::json;
use vms_access::Ticket;
use vms_hub::StreamKey;
use vms_sinks::webrtc::{Answer, WebRtc, WhepError, WhepErrorKind};

use crate::problem::{Body, Problem, full};
use crate::route::Door;

/// Far above any browser's offer.
const MAX_SDP: u64 = 64 * 1024;

pub async fn offer(
    webrtc: &WebRtc,
    door: Door,
    key: &StreamKey,
    headers: &HeaderMap,
    body: Incoming,
    peer: IpAddr,
    ticket: Ticket,
) -> Result<Response<Body>, Problem> {
    let sdp = sdp(headers, body).await?;
    let answer = webrtc.offer(key, &sdp, peer, ticket).map_err(|error| refusal(&error))?;
    let prefix = match door {
        Door::Front => "/api/v1/whep",
        Door::Players | Door::Hls => "/whep",
    };
    created(prefix, answer)
}

/// The offer that a request brings.
pub async fn sdp(headers: &HeaderMap, body: Incoming) -> Result<String, Problem> {
    let kind = kind_of(headers);
    if !kind.starts_with("application/sdp") {
        let detail = format!("a WHEP offer has the content type application/sdp, not {kind:?}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_sdp", detail));
    }
    read(body).await
}

pub fn kind_of(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The answer to an offer, with the session's address.
pub fn created(prefix: &str, answer: Answer) -> Result<Response<Body>, Problem> {
    Response::builder()
        .status(StatusCode::CREATED)
        .header(header::CONTENT_TYPE, "application/sdp")
        .header(header::LOCATION, format!("{prefix}/{}", answer.session))
        .header(header::CACHE_CONTROL, "no-store")
        .body(full(answer.sdp))
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}

/// Ends a session.
pub fn end(webrtc: &WebRtc, session: &str) -> Result<Response<Body>, Problem> {
    if webrtc.end(session) {
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::OK;
        Ok(response)
    } else {
        Err(Problem::new(StatusCode::NOT_FOUND, "no_session", "there is no such WHEP session; it may have ended"))
    }
}

pub async fn patch(webrtc: &WebRtc, session: &str, body: Incoming) -> Result<Response<Body>, Problem> {
    let fragment = read(body).await?;
    webrtc.patch(session, &fragment).map_err(|error| refusal(&error))?;
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

pub async fn read(body: Incoming) -> Result<String, Problem> {
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
    let bytes = limited.collect().await.map_err(|_| too_large())?.to_bytes();
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid", "a session description is text in UTF-8"))
}

pub fn refusal(error: &WhepError) -> Problem {
    let (status, code) = match &error.kind {
        WhepErrorKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
        WhepErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        WhepErrorKind::NoCommonCodec { .. } => (StatusCode::NOT_ACCEPTABLE, "no_common_codec"),
        WhepErrorKind::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
        WhepErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let mut problem = Problem::new(status, code, error.message.clone());
    if let WhepErrorKind::NoCommonCodec { camera, offered } = &error.kind {
        problem.values = json!({ "camera": camera, "browser": offered.join(", ") });
    }
    problem
}
