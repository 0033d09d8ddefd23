//! WHEP over HTTP/1.1: an offer posted, an answer got, a session deleted.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const MAX_ANSWER: usize = 1 << 20;

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Posted {
    pub answer: String,
    /// Where the session can be ended, as a whole address.
    pub session: Option<String>,
}

/// Posts an offer.
pub async fn post(address: &str, offer: String) -> Result<Posted, String> {
    let response = send(Method::POST, address, Some(offer)).await?;
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let answer = text(response).await?;
    if status != StatusCode::CREATED {
        return Err(format!("{address} answered {status}: {}", answer.chars().take(200).collect::<String>()));
    }
    let session = location.map(|path| absolute(address, &path));
    Ok(Posted { answer, session })
}

/// Ends a session.
pub async fn delete(address: &str) -> Result<(), String> {
    let status = send(Method::DELETE, address, None).await?.status();
    if status.is_success() { Ok(()) } else { Err(format!("DELETE {address} answered {status}")) }
}

/// A Location may be a path alone.
fn absolute(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let host_end = base.find("://").map_or(0, |i| i + 3);
    let path = base[host_end..].find('/').map_or(base.len(), |i| host_end + i);
    format!("{}{location}", &base[..path])
}

type Body = Response<hyper::body::Incoming>;

async fn send(method: Method, address: &str, sdp: Option<String>) -> Result<Body, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{address}: {error}");
    let uri: Uri = address.parse().map_err(|e: hyper::http::uri::InvalidUri| wrong(&e))?;
    let authority = uri.authority().ok_or_else(|| wrong(&"has no host"))?.clone();
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.map_err(|e| wrong(&e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| wrong(&e))?;
    let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority.as_str());
    if sdp.is_some() {
        request = request.header(CONTENT_TYPE, "application/sdp");
    }
    let body = Full::new(Bytes::from(sdp.unwrap_or_default()));
    let request = request.body(body).map_err(|e| wrong(&e))?;
    // The connection ends with its one exchange; an error shows in that.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|e| wrong(&e))
}

async fn text(response: Body) -> Result<String, String> {
    let body = Limited::new(response.into_body(), MAX_ANSWER);
    let bytes = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
    String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn locations_are_made_whole() {
        let base = "http://127.0.0.1:8889/cam1/whep";
        assert_eq!(absolute(base, "/whep/1"), "http://127.0.0.1:8889/whep/1");
        assert_eq!(absolute(base, "http://x/2"), "http://x/2");
        assert_eq!(absolute("http://host", "/whep/1"), "http://host/whep/1");
    }
}
