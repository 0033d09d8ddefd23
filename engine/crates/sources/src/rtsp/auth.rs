//! Answers to challenges: Basic (RFC 7617) and Digest with MD5 or SHA-256
//! (RFC 2069, 2617 and 7616).

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use sha2::Sha256;
use vms_media::base64;

/// A name and a password; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub name: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The order is that of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scheme {
    Basic,
    Md5,
    Md5Session,
    Sha256,
    Sha256Session,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Challenge {
    scheme: Scheme,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// The server takes `qop=auth`; else it is of RFC 2069.
    qop_auth: bool,
    stale: bool,
}

/// What a camera's 401 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask again, with an answer to the new challenge.
    Retry,
    Refused,
}

/// Knows the credentials and the latest challenge.
#[derive(Debug)]
pub struct Authenticator {
    credentials: Option<Credentials>,
    /// Basic shows the password: never to another host than the operator's.
    allows_basic: bool,
    challenge: Option<Challenge>,
    /// The challenge's nonce has been accepted once.
    proved: bool,
    cnonce: String,
    count: u32,
}

impl Authenticator {
    pub fn new(credentials: Option<Credentials>, allows_basic: bool, cnonce: String) -> Self {
        Self { credentials, allows_basic, challenge: None, proved: false, cnonce, count: 0 }
    }

    /// The header line for a request, empty while nobody asked.
    pub fn header(&mut self, method: &str, uri: &str) -> String {
        let (Some(credentials), Some(challenge)) = (&self.credentials, &self.challenge) else {
            return String::new();
        };
        self.count += 1;
        let value = match challenge.scheme {
            Scheme::Basic => {
                let pair = format!("{}:{}", credentials.name, credentials.password);
                format!("Basic {}", base64::encode(pair.as_bytes()))
            }
            _ => challenge.digest(credentials, method, uri, &self.cnonce, self.count),
        };
        format!("Authorization: {value}\r\n")
    }

    /// A request was answered with success.
    pub fn accepted(&mut self) {
        self.proved = true;
    }

    /// Takes the challenges of a 401 to a request that `carried` an answer.
    /// A new nonce is worth another try only where the old one was stale; a
    /// wrong password must not be tried twice, for cameras lock users out.
    pub fn refused<'a>(&mut self, headers: impl Iterator<Item = &'a str>, carried: bool) -> Verdict {
        let mut offered: Vec<Challenge> = headers.flat_map(challenges).collect();
        offered.retain(|challenge| challenge.scheme != Scheme::Basic || self.allows_basic);
        let best = offered.into_iter().max_by_key(|challenge| challenge.scheme);
        let (Some(_), Some(best)) = (&self.credentials, best) else { return Verdict::Refused };
        let renewed = best.stale || self.proved;
        let verdict = if !carried || renewed { Verdict::Retry } else { Verdict::Refused };
        (self.proved, self.count) = (false, 0);
        self.challenge = Some(best);
        verdict
    }
}

impl Challenge {
    fn digest(&self, who: &Credentials, method: &str, uri: &str, cnonce: &str, count: u32) -> String {
        let mut secret = self.hash(&[&who.name, &self.realm, &who.password]);
        if matches!(self.scheme, Scheme::Md5Session | Scheme::Sha256Session) {
            secret = self.hash(&[&secret, &self.nonce, cnonce]);
        }
        let what = self.hash(&[method, uri]);
        let count = format!("{count:08x}");
        let response = if self.qop_auth {
            self.hash(&[&secret, &self.nonce, &count, cnonce, "auth", &what])
        } else {
            self.hash(&[&secret, &self.nonce, &what])
        };
        let mut out = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quoted(&who.name),
            quoted(&self.realm),
            quoted(&self.nonce),
            quoted(uri),
        );
        // Writing to a String cannot fail.
        if let Some(algorithm) = self.algorithm() {
            let _ = write!(out, ", algorithm={algorithm}");
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(out, ", opaque={}", quoted(opaque));
        }
        if self.qop_auth {
            let _ = write!(out, ", qop=auth, nc={count}, cnonce={}", quoted(cnonce));
        }
        out
    }

    /// Named only where it is not the default, which old cameras expect.
    fn algorithm(&self) -> Option<&'static str> {
        match self.scheme {
            Scheme::Basic | Scheme::Md5 => None,
            Scheme::Md5Session => Some("MD5-sess"),
            Scheme::Sha256 => Some("SHA-256"),
            Scheme::Sha256Session => Some("SHA-256-sess"),
        }
    }

    fn hash(&self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self.scheme {
            Scheme::Sha256 | Scheme::Sha256Session => hex(&Sha256::digest(text)),
            _ => hex(&Md5::digest(text)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The challenges of one header: a list, of which some parts are challenges
/// and some are parameters of the one before (RFC 9110, section 11.6.1).
fn challenges(header: &str) -> Vec<Challenge> {
    let mut groups: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for part in split_quoted(header) {
        let (head, value) = part.split_once('=').unwrap_or((part, ""));
        let mut words = head.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        let is_scheme = second.is_some() || !part.contains('=');
        if is_scheme {
            groups.push((first.to_ascii_lowercase(), Vec::new()));
        }
        let name = if is_scheme { second.unwrap_or_default() } else { first };
        if let Some((_, parameters)) = groups.last_mut() {
            parameters.push((name.to_ascii_lowercase(), unquoted(value.trim())));
        }
    }
    groups.iter().filter_map(|(scheme, parameters)| challenge(scheme, parameters)).collect()
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let find = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let scheme = match (scheme, find("algorithm").map(str::to_ascii_uppercase).as_deref()) {
        ("basic", _) => Scheme::Basic,
        ("digest", None | Some("" | "MD5")) => Scheme::Md5,
        ("digest", Some("MD5-SESS")) => Scheme::Md5Session,
        ("digest", Some("SHA-256")) => Scheme::Sha256,
        ("digest", Some("SHA-256-SESS")) => Scheme::Sha256Session,
        _ => return None,
    };
    let owned = |name| find(name).map(str::to_owned);
    Some(Challenge {
        scheme,
        realm: owned("realm").unwrap_or_default(),
        nonce: owned("nonce").unwrap_or_default(),
        opaque: owned("opaque"),
        qop_auth: find("qop").is_some_and(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth"))),
        stale: find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
    })
}

/// Splits at commas outside of quotes.
fn split_quoted(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticator(name: &str, password: &str) -> Authenticator {
        let credentials = Credentials { name: name.into(), password: password.into() };
        Authenticator::new(Some(credentials), true, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".into())
    }

    fn asked(challenges: &[&str]) -> Authenticator {
        let mut auth = authenticator("Mufasa", "Circle of Life");
        assert_eq!(auth.refused(challenges.iter().copied(), false), Verdict::Retry);
        auth
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_examples_of_rfc_7616() {
        let parameters = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let header =
                asked(&[&format!("Digest {parameters}, algorithm={algorithm}")]).header("GET", "/dir/index.html");
            assert!(header.contains(&format!("response=\"{response}\"")), "{header}");
            assert!(header.contains("qop=auth, nc=00000001") && header.contains("opaque=\"FQhe/"), "{header}");
        }
    }

    /// RFC 2069, section 2.4, with the response of its erratum 749.
    #[test]
    fn the_example_of_rfc_2069() {
        let mut auth = authenticator("Mufasa", "CircleOfLife");
        let challenge = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
                         opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        assert_eq!(auth.refused([challenge].into_iter(), false), Verdict::Retry);
        let header = auth.header("GET", "/dir/index.html");
        assert!(header.contains("response=\"1949323746fe6a43ef61f9606e7febea\""), "{header}");
        assert!(!header.contains("qop") && !header.contains("algorithm"), "{header}");
    }

    #[test]
    fn basic_is_name_and_password() {
        let mut auth = authenticator("Aladdin", "open sesame");
        auth.refused(["Basic realm=\"x\""].into_iter(), false);
        assert_eq!(auth.header("DESCRIBE", "x"), "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
    }

    #[test]
    fn the_strongest_of_a_list_is_taken_whatever_its_order() {
        let digest = "Digest realm=\"r, s\", nonce=\"n\"";
        let strong = "Digest realm=\"r, s\", algorithm=SHA-256, nonce=\"n\"";
        let begins = |challenges: &[&str], expected: &str| {
            let header = asked(challenges).header("PLAY", "u");
            assert!(header.contains(expected), "{challenges:?}: {header}");
        };
        begins(&[&format!("Basic realm=\"x\", {digest}")], "Digest username");
        begins(&[&format!("{digest}, Basic realm=\"x\"")], "Digest username");
        begins(&["Basic realm=\"x\"", digest], "realm=\"r, s\"");
        begins(&[digest, strong], "algorithm=SHA-256");
        begins(&[strong, digest], "algorithm=SHA-256");
        begins(&["Bearer x=1, Negotiate", digest], "Digest");
    }

    #[test]
    fn a_wrong_password_is_tried_once() {
        let mut auth = asked(&["Digest realm=\"r\", nonce=\"1\""]);
        auth.header("DESCRIBE", "u");
        assert_eq!(auth.refused(["Digest realm=\"r\", nonce=\"2\""].into_iter(), true), Verdict::Refused);
    }

    #[test]
    fn a_stale_nonce_is_renewed() {
        let mut auth = asked(&["Digest realm=\"r\", nonce=\"1\""]);
        assert_eq!(auth.refused(["Digest realm=\"r\", nonce=\"2\", stale=TRUE"].into_iter(), true), Verdict::Retry);
        assert!(auth.header("PLAY", "u").contains("nonce=\"2\""));
        // A nonce that was good before is stale now, said or not.
        auth.accepted();
        assert_eq!(auth.refused(["Digest realm=\"r\", nonce=\"3\""].into_iter(), true), Verdict::Retry);
        assert_eq!(auth.refused(["Digest realm=\"r\", nonce=\"4\""].into_iter(), true), Verdict::Refused);
    }

    #[test]
    fn without_credentials_or_a_known_scheme_there_is_no_answer() {
        let mut nobody = Authenticator::new(None, true, String::new());
        assert_eq!(nobody.refused(["Basic realm=\"x\""].into_iter(), false), Verdict::Refused);
        assert_eq!(nobody.header("PLAY", "u"), "");
        let mut auth = authenticator("a", "b");
        assert_eq!(auth.refused(["Bearer token"].into_iter(), false), Verdict::Refused);
        let abroad = Credentials { name: "a".into(), password: "b".into() };
        let mut abroad = Authenticator::new(Some(abroad), false, String::new());
        assert_eq!(abroad.refused(["Basic realm=\"x\""].into_iter(), false), Verdict::Refused);
    }

    #[test]
    fn quotes_in_names_are_escaped() {
        let mut auth = authenticator("a\"b", "p");
        auth.refused(["Digest realm=\"r\\\"s\", nonce=\"n\""].into_iter(), false);
        let header = auth.header("PLAY", "u");
        assert!(header.contains("username=\"a\\\"b\"") && header.contains("realm=\"r\\\"s\""), "{header}");
    }
}
