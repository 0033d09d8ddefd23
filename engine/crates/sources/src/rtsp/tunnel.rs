//! RTSP in HTTP, as QuickTime and live555 have it: a GET whose answer never
//! ends brings what the camera sends, a POST whose body never ends takes what
//! we say, in Base64; a cookie of ours ties the two together.

use std::fmt::Write as _;

use vms_media::base64;

use super::Error;
use super::auth::{Authenticator, Verdict};
use super::uri::Address;

/// What an answer of HTTP may be long.
const MAX_HEAD: usize = 16 << 10;
/// So much is announced to be said; cameras know this number and count nothing.
const LENGTH: u32 = 32_767;

/// What the answer to the GET means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    Incomplete,
    /// The GET is to be said again, on a new connection.
    Again,
    /// The tunnel stands; RTSP begins behind so many bytes.
    Open(usize),
}

/// One tunnel: what its two requests say.
#[derive(Debug)]
pub struct Tunnel {
    host: String,
    path: String,
    cookie: String,
    user_agent: &'static str,
    auth: Authenticator,
    carried: bool,
}

impl Tunnel {
    #[must_use]
    pub fn new(address: &Address, allows_basic: bool, user_agent: &'static str, seed: u64) -> Self {
        let rest = address.uri.split_once("://").map_or("", |(_, rest)| rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let cookie = format!("{seed:016x}");
        let auth = Authenticator::new(address.credentials.clone(), allows_basic, cookie.clone());
        Self { host: host.to_owned(), path: format!("/{path}"), cookie, user_agent, auth, carried: false }
    }

    /// The request whose answer brings RTSP.
    pub fn get(&mut self) -> String {
        self.request("GET", "Accept: application/x-rtsp-tunnelled\r\n")
    }

    /// The request whose body takes RTSP.
    pub fn post(&mut self) -> String {
        let more = format!(
            "Content-Type: application/x-rtsp-tunnelled\r\nContent-Length: {LENGTH}\r\n\
             Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n"
        );
        self.request("POST", &more)
    }

    fn request(&mut self, method: &str, more: &str) -> String {
        let Self { host, path, cookie, user_agent, .. } = self;
        let mut text = format!("{method} {path} HTTP/1.0\r\n");
        // Writing to a String cannot fail.
        let _ = write!(text, "Host: {host}\r\nUser-Agent: {user_agent}\r\nx-sessioncookie: {cookie}\r\n{more}");
        text.push_str("Pragma: no-cache\r\nCache-Control: no-cache\r\n");
        let proof = self.auth.header(method, &self.path);
        self.carried = !proof.is_empty();
        text + &proof + "\r\n"
    }

    /// Reads what has come of the answer to the GET.
    ///
    /// # Errors
    /// When the camera has no tunnel there, or refuses us.
    pub fn answer(&mut self, input: &[u8]) -> Result<Opening, Error> {
        let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
            let shown = input.len().min(5);
            return match () {
                () if input[..shown] != b"HTTP/"[..shown] => Err(Error::NotRtsp),
                () if input.len() > MAX_HEAD => Err(Error::TooLong("the camera's message is too long")),
                () => Ok(Opening::Incomplete),
            };
        };
        let head = String::from_utf8_lossy(&input[..end]);
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split_ascii_whitespace();
        let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/"));
        let status: u16 = words.next().filter(|_| is_http).and_then(|word| word.parse().ok()).ok_or(Error::NotRtsp)?;
        match status {
            200 => {
                self.auth.accepted();
                Ok(Opening::Open(end + 4))
            }
            401 => {
                let named = lines.filter_map(|line| line.split_once(':'));
                let challenges = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("WWW-Authenticate"));
                match self.auth.refused(challenges.map(|(_, value)| value.trim()), self.carried) {
                    Verdict::Retry => Ok(Opening::Again),
                    Verdict::Refused => Err(Error::WrongPassword),
                }
            }
            404 => Err(Error::NotFound),
            status => Err(Error::Refused { method: "GET", status }),
        }
    }

    /// What is said, in the POST's own form.
    #[must_use]
    pub fn encode(said: &[u8]) -> String {
        base64::encode(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel() -> Tunnel {
        let address = Address::parse("rtsp+http://u:p@cam:8080/live?a=1").expect("a good address");
        Tunnel::new(&address, true, "test/1", 7)
    }

    #[test]
    fn both_requests_bear_one_cookie_and_no_password() {
        let mut tunnel = tunnel();
        let (get, post) = (tunnel.get(), tunnel.post());
        assert!(get.starts_with("GET /live?a=1 HTTP/1.0\r\nHost: cam:8080\r\n"), "{get}");
        assert!(
            post.starts_with("POST /live?a=1 HTTP/1.0\r\n") && post.contains("Content-Length: 32767\r\n"),
            "{post}"
        );
        for request in [get, post] {
            assert!(request.contains("x-sessioncookie: 0000000000000007\r\n") && request.ends_with("\r\n\r\n"));
            assert!(!request.contains("Authorization"), "{request}");
        }
    }

    #[test]
    fn the_answer_opens_the_tunnel_wherever_it_is_cut() {
        let head = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n";
        let whole = [&head[..], b"RTSP/1.0"].concat();
        for length in 0..head.len() {
            assert_eq!(tunnel().answer(&whole[..length]), Ok(Opening::Incomplete), "{length}");
        }
        assert_eq!(tunnel().answer(&whole), Ok(Opening::Open(head.len())));
    }

    #[test]
    fn a_password_is_shown_where_it_is_asked_for_and_tried_once() {
        let asks = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n\r\n";
        let mut tunnel = tunnel();
        tunnel.get();
        assert_eq!(tunnel.answer(asks), Ok(Opening::Again));
        let get = tunnel.get();
        assert!(get.contains("Authorization: Digest username=\"u\"") && get.contains("uri=\"/live?a=1\""), "{get}");
        assert_eq!(tunnel.answer(asks), Err(Error::WrongPassword));
    }

    #[test]
    fn what_is_no_tunnel_is_told_at_once() {
        let told = |text: &str| tunnel().answer(text.as_bytes());
        assert_eq!(told("HTTP/1.1 404 Not Found\r\n\r\n"), Err(Error::NotFound));
        assert_eq!(told("HTTP/1.1 405 No\r\n\r\n"), Err(Error::Refused { method: "GET", status: 405 }));
        assert_eq!(told("RTSP/1.0 400 Bad Request\r\n\r\n"), Err(Error::NotRtsp));
        assert_eq!(told("220 ftp"), Err(Error::NotRtsp));
        assert_eq!(told("HTTP/1.1 many\r\n\r\n"), Err(Error::NotRtsp));
        assert_eq!(
            told(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD))),
            Err(Error::TooLong("the camera's message is too long"))
        );
    }
}
