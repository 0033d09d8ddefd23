//! Addresses: the operator's, and those that cameras write into headers and
//! descriptions.

use super::auth::Credentials;
use super::{Error, message};

const DEFAULT_PORT: u16 = 554;

/// Where to dial and what to ask for.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Without the brackets of IPv6.
    pub host: String,
    pub port: u16,
    /// The request's address, without credentials.
    pub uri: String,
    pub credentials: Option<Credentials>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Address {
    /// Reads an operator's address or a redirect's.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = Error::BadAddress;
        let mut url = url::Url::parse(text.trim()).map_err(|error| bad(error.to_string()))?;
        if url.scheme() != "rtsp" {
            return Err(bad(format!("scheme {} where rtsp is expected", url.scheme())));
        }
        let host = match url.host() {
            Some(url::Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => return Err(bad("no host".to_owned())),
        };
        let credentials = (!url.username().is_empty()).then(|| Credentials {
            name: percent_decode(url.username()),
            password: percent_decode(url.password().unwrap_or_default()),
        });
        // Both fail only for addresses without a host.
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| bad("no host".to_owned()))?;
        url.set_fragment(None);
        Ok(Self { host, port: url.port().unwrap_or(DEFAULT_PORT), uri: url.into(), credentials })
    }
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What controls are relative to: Content-Base, Content-Location or else the
/// request's own address (RFC 2326, appendix C.1.1), each as broken as cameras
/// write it. An address that cannot be repaired is as good as none.
pub fn base(given: Option<&str>, request: &str) -> String {
    given.and_then(|given| repaired(given.trim(), request)).unwrap_or_else(|| request.to_owned())
}

fn repaired(given: &str, request: &str) -> Option<String> {
    let mut rest = given;
    // `rtsp://rtsp://host/`
    while let Some(inner) = rest.strip_prefix("rtsp://").filter(|inner| inner.starts_with("rtsp://")) {
        rest = inner;
    }
    let text = if rest.starts_with("rtsp://") {
        rest.to_owned()
    } else if rest.is_empty() || rest.contains("://") {
        return None;
    } else if let Some(path) = rest.strip_prefix('/') {
        let scheme_end = request.find("://")? + 3;
        let host_end = request[scheme_end..].find('/').map_or(request.len(), |at| scheme_end + at);
        format!("{}/{path}", &request[..host_end])
    } else {
        format!("rtsp://{rest}")
    };
    // `rtsp://::ffff:10.0.0.9/` names no host.
    url::Url::parse(&text).ok().filter(|url| url.host().is_some())?;
    Some(message::clean(&text))
}

/// The address of a track or of all: the control behind its base, as text,
/// which is what cameras and common clients do rather than RFC 3986.
pub fn control(base: &str, control: Option<&str>) -> String {
    let control = control.map_or("*", str::trim);
    if control == "*" || control.is_empty() {
        return base.to_owned();
    }
    if control.to_ascii_lowercase().starts_with("rtsp://") {
        return repaired(control, base).unwrap_or_else(|| message::clean(control));
    }
    let joint = if base.ends_with('/') { "" } else { "/" };
    message::clean(&format!("{base}{joint}{}", control.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let address = Address::parse("rtsp://us%40er:p%3Ass@10.0.0.1:8554/x?a=1").expect("a good address");
        assert_eq!((address.uri.as_str(), address.port), ("rtsp://10.0.0.1:8554/x?a=1", 8554));
        let credentials = address.credentials.as_ref().expect("both are there");
        assert_eq!((credentials.name.as_str(), credentials.password.as_str()), ("us@er", "p:ss"));
        assert!(!format!("{address:?} {credentials:?}").contains("ss\""), "the password is never shown");
        let plain = Address::parse("rtsp://[::1]/x").expect("a good address");
        assert_eq!((plain.host.as_str(), plain.port, plain.credentials), ("::1", 554, None));
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        for bad in ["http://h/x", "nonsense", "rtsp://", ""] {
            assert!(matches!(Address::parse(bad), Err(Error::BadAddress(_))), "{bad}");
        }
    }

    #[test]
    fn a_percent_sign_alone_is_itself() {
        assert_eq!(percent_decode("50%"), "50%");
        assert_eq!(percent_decode("%zz%41"), "%zzA");
    }

    #[test]
    fn a_content_base_is_repaired_or_ignored() {
        let request = "rtsp://10.0.0.1:554/live?x=1";
        let table = [
            ("in order", "rtsp://10.0.0.1/live/", "rtsp://10.0.0.1/live/"),
            ("without a scheme", "192.168.1.10:554/stream0/", "rtsp://192.168.1.10:554/stream0/"),
            ("with two", "rtsp://rtsp://10.0.0.1/live/", "rtsp://10.0.0.1/live/"),
            ("a path alone", "/live/", "rtsp://10.0.0.1:554/live/"),
            ("no host in it", "rtsp://::ffff:10.0.0.9/live/", request),
            ("another scheme", "http://10.0.0.1/", request),
            ("empty", "", request),
        ];
        for (name, given, expected) in table {
            assert_eq!(base(Some(given), request), expected, "{name}");
        }
        assert_eq!(base(None, request), request);
    }

    #[test]
    fn a_control_is_absolute_relative_or_a_star() {
        let base = "rtsp://10.0.0.1/live";
        let table = [
            (Some("*"), "rtsp://10.0.0.1/live"),
            (None, "rtsp://10.0.0.1/live"),
            (Some("trackID=1"), "rtsp://10.0.0.1/live/trackID=1"),
            (Some("/trackID=1"), "rtsp://10.0.0.1/live/trackID=1"),
            (Some("rtsp://10.0.0.1/other/track1"), "rtsp://10.0.0.1/other/track1"),
            (Some("rtsp://rtsp://10.0.0.1/track1"), "rtsp://10.0.0.1/track1"),
            (Some("track 1"), "rtsp://10.0.0.1/live/track%201"),
        ];
        for (given, expected) in table {
            assert_eq!(control(base, given), expected, "{given:?}");
        }
        assert_eq!(control("rtsp://h/live/?a=1", Some("t=0")), "rtsp://h/live/?a=1/t=0");
        assert_eq!(control("rtsp://h/live/", Some("t=0")), "rtsp://h/live/t=0");
    }
}
