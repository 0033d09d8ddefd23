//! What a viewer shows to open a stream: a signed address, or a Bearer token
//! that the API swaps for one.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use vms_access::Denied;
use vms_hub::StreamKey;

use crate::problem::{Body, Problem, full};
use crate::proxy::Proxy;

/// Whom a request came from; set here, whatever the client wrote.
pub const CLIENT: &str = "x-vms-client";
pub const SCHEME: &str = "x-vms-scheme";

/// What the API must know of a request for which the front asks: who, and what
/// a proxy says of where he is, which the API believes where its settings say so.
const PASSED_ON: [HeaderName; 4] =
    [header::AUTHORIZATION, header::HOST, header::FORWARDED, HeaderName::from_static("x-forwarded-for")];

const OF_ADDRESSES: &str = "v1.";

/// The Bearer of a request, in whichever form.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Why no address could be had.
pub enum Refused {
    Problem(Problem),
    /// What the API said.
    Answer(Box<Response<Body>>),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

#[derive(Deserialize)]
struct Signed {
    address: String,
}

/// What an address is wanted for; only an opening is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Open,
    GoOn,
}

/// The signed address that a request brings, or that its token is worth.
pub async fn address(
    proxy: &Proxy,
    headers: &HeaderMap,
    key: &StreamKey,
    purpose: Use,
    peer: IpAddr,
    scheme: &'static str,
) -> Result<String, Refused> {
    let token = bearer(headers).ok_or_else(|| denied(&Denied::Missing))?;
    if token.starts_with(OF_ADDRESSES) {
        return Ok(token.to_owned());
    }
    let answer = proxy.ask(asking(headers, key, purpose, peer, scheme)?).await?;
    if answer.status() != StatusCode::OK {
        return Err(Refused::Answer(Box::new(passed_on(answer))));
    }
    let signed: Signed = serde_json::from_slice(answer.body())
        .map_err(|_| Problem::new(StatusCode::BAD_GATEWAY, "api_wrong", "the API gave no signed address"))?;
    Ok(signed.address)
}

fn asking(
    headers: &HeaderMap,
    key: &StreamKey,
    purpose: Use,
    peer: IpAddr,
    scheme: &'static str,
) -> Result<Request<Body>, Problem> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/v1/streams/{key}/address"))
        .header(header::CONTENT_TYPE, "application/json");
    for name in PASSED_ON {
        for value in headers.get_all(&name) {
            request = request.header(&name, value);
        }
    }
    request
        .header(CLIENT, peer.to_string())
        .header(SCHEME, scheme)
        .body(full(match purpose {
            Use::Open => r#"{"kind":"webrtc"}"#,
            Use::GoOn => r#"{"kind":"webrtc","renew":true}"#,
        }))
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid", error.to_string()))
}

fn passed_on(answer: Response<Bytes>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(header::TRANSFER_ENCODING);
    head.headers.remove(header::CONNECTION);
    Response::from_parts(head, full(body).boxed())
}

/// A refusal of the engine's own.
pub fn denied(denied: &Denied) -> Problem {
    let status = StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut problem = Problem::new(status, denied.code(), denied.to_string());
    if let Denied::Limit { of, limit } = denied {
        problem.values = serde_json::json!({ "of": of, "limit": limit });
    }
    if let Denied::Talking { who } = denied {
        problem.values = serde_json::json!({ "who": who });
    }
    problem
}

/// Says to the API whom a request came from.
pub fn mark(headers: &mut HeaderMap, peer: IpAddr, scheme: &'static str) {
    let text = peer.to_canonical().to_string();
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(CLIENT, value);
    }
    headers.insert(SCHEME, HeaderValue::from_static(scheme));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_found_and_nothing_else_is_one() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).expect("a value"));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(of("Basic abc"), None);
        assert_eq!(of("Bearer"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn the_api_is_told_what_proxies_say_and_nothing_else_of_the_client() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.2"));
        headers.append(header::COOKIE, HeaderValue::from_static("vms_access=abc"));
        headers.append(CLIENT, HeaderValue::from_static("1.2.3.4"));
        let key = StreamKey::parse("gate/main").expect("a stream");
        let peer = "10.0.0.9".parse().expect("an address");
        let Ok(request) = asking(&headers, &key, Use::Open, peer, "http") else { panic!("no request is made") };
        let told: Vec<_> = request.headers().get_all("x-forwarded-for").iter().collect();
        assert_eq!(told, ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(request.headers()[CLIENT], "10.0.0.9");
        assert!(!request.headers().contains_key(header::COOKIE));
    }

    #[test]
    fn what_the_client_says_of_itself_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.append(CLIENT, HeaderValue::from_static("1.2.3.4"));
        headers.append(CLIENT, HeaderValue::from_static("5.6.7.8"));
        headers.append(SCHEME, HeaderValue::from_static("https"));
        mark(&mut headers, "::ffff:10.0.0.9".parse().expect("an address"), "http");
        let all: Vec<_> = headers.get_all(CLIENT).iter().collect();
        assert_eq!(all, ["10.0.0.9"]);
        assert_eq!(headers[SCHEME], "http");
    }
}
