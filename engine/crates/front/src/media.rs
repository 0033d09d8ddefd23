//! The media socket: agreeing on a WebSocket (RFC 6455, 4.2), which the sinks
//! then serve.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use vms_media::base64;
use vms_sinks::socket::Sockets;

use crate::problem::{Body, Problem, full};
use crate::proxy::is_upgrade;

/// RFC 6455, 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Agrees, and serves the socket beside the answer.
pub fn open(sockets: &Sockets, mut request: Request<Body>) -> Result<Response<Body>, Problem> {
    let accept = accept(request.headers())?;
    if !sockets.has_room() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many media sockets are open"));
    }
    let upgraded = hyper::upgrade::on(&mut request);
    let sockets = sockets.clone();
    tokio::spawn(async move {
        let ended = match upgraded.await {
            Ok(stream) => sockets.serve(TokioIo::new(stream)).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a media socket ended");
        }
    });
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// What proves that we understood.
fn accept(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let bad = |detail: &'static str| Problem::new(StatusCode::BAD_REQUEST, "invalid", detail);
    let named = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if !is_upgrade(headers) || !named(header::UPGRADE).is_some_and(|word| word.eq_ignore_ascii_case("websocket")) {
        return Err(bad("this address takes a WebSocket"));
    }
    if named(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(bad("a WebSocket of version 13 is spoken here"));
    }
    let key = named(header::SEC_WEBSOCKET_KEY)
        .filter(|key| base64::decode(key).is_some_and(|bytes| bytes.len() == 16))
        .ok_or_else(|| bad("Sec-WebSocket-Key is not 16 bytes in base 64"))?;
    let proof = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    HeaderValue::from_str(&base64::encode(proof.as_ref())).map_err(|_| bad("Sec-WebSocket-Key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> Result<HeaderValue, StatusCode> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        accept(&headers).map_err(|problem| problem.status)
    }

    #[test]
    fn the_handshake_is_that_of_the_standard() {
        let good = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        // RFC 6455, 1.3.
        assert_eq!(asked(&good), Ok(HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        for missing in 0..good.len() {
            let mut rest = good.to_vec();
            rest.remove(missing);
            assert_eq!(asked(&rest), Err(StatusCode::BAD_REQUEST), "without {}", good[missing].0);
        }
        let mut short = good;
        short[3].1 = "dGhl";
        assert_eq!(asked(&short), Err(StatusCode::BAD_REQUEST));
    }
}
