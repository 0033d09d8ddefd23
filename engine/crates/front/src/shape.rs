//! Gives every request the one shape that the rest of the front and the API
//! know: path alone, one Host header, HTTP/1.1.

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header};

use crate::problem::Problem;

/// Reshapes a request of HTTP/2, or one in absolute form (RFC 9112, 3.2.2).
pub fn reshape<B>(request: &mut Request<B>) -> Result<(), Problem> {
    if request.method() == Method::CONNECT {
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "not_a_proxy", "this server connects to no other"));
    }
    if let Some(authority) = request.uri().authority().cloned() {
        name_host(request.headers_mut(), &authority)?;
        let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
    }
    if request.headers().get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid", "a request has one Host header (RFC 9112, 3.2)"));
    }
    *request.version_mut() = Version::HTTP_11;
    join_cookies(request.headers_mut());
    Ok(())
}

/// The authority is the Host; a Host that says otherwise is an attempt to be
/// seen as two (RFC 9113, 8.3.1).
fn name_host(headers: &mut HeaderMap, authority: &Authority) -> Result<(), Problem> {
    let text = authority.as_str();
    let differs = |host: &HeaderValue| !host.as_bytes().eq_ignore_ascii_case(text.as_bytes());
    if text.contains('@') || headers.get_all(header::HOST).iter().any(differs) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid", "the Host differs from the address asked for"));
    }
    let host = HeaderValue::from_str(text)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid", "the address asked for names no host"))?;
    headers.insert(header::HOST, host);
    Ok(())
}

/// HTTP/2 may send cookies one by one; HTTP/1.1 has one header (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let all: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if all.len() < 2 {
        return;
    }
    // Put together of valid values: it is one too.
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(uri: &str, pairs: &[(&'static str, &'static str)]) -> Result<Request<()>, StatusCode> {
        let mut request = Request::builder().uri(uri).version(Version::HTTP_2).body(()).expect("a request");
        for (name, value) in pairs {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        reshape(&mut request).map_err(|problem| problem.status)?;
        Ok(request)
    }

    #[test]
    fn a_request_of_http2_looks_like_one_of_http1() {
        let request = shaped("https://vms.example:8000/a?b=c", &[("cookie", "a=1"), ("cookie", "b=2")]).expect("fine");
        assert_eq!(request.uri(), "/a?b=c");
        assert_eq!(request.version(), Version::HTTP_11);
        assert_eq!(request.headers()[header::HOST], "vms.example:8000");
        let cookies: Vec<_> = request.headers().get_all(header::COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2"]);
        let plain = shaped("/a", &[("host", "vms.example"), ("cookie", "a=1")]).expect("fine");
        assert_eq!(
            (plain.uri().to_string().as_str(), &plain.headers()[header::HOST]),
            ("/a", &"vms.example".parse().expect("a value"))
        );
        assert_eq!(shaped("https://vms.example", &[]).expect("fine").uri(), "/");
    }

    #[test]
    fn a_request_names_one_host() {
        assert!(shaped("https://vms.example/", &[("host", "VMS.example")]).is_ok());
        for host in ["other.example", "vms.example:81", ""] {
            assert_eq!(
                shaped("https://vms.example/", &[("host", host)]).err(),
                Some(StatusCode::BAD_REQUEST),
                "{host}"
            );
        }
        assert_eq!(shaped("https://me@vms.example/", &[]).err(), Some(StatusCode::BAD_REQUEST));
        assert_eq!(shaped("/", &[("host", "a"), ("host", "b")]).err(), Some(StatusCode::BAD_REQUEST));
        let mut connect = Request::connect("vms.example:443").body(()).expect("a request");
        assert_eq!(reshape(&mut connect).map_err(|p| p.status), Err(StatusCode::NOT_IMPLEMENTED));
    }
}
