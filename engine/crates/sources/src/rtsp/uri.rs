//! Addresses: the operator's, and those that cameras write into headers and
//! descriptions.

use super::auth::Credentials;
use super::{Error, message};

/// Another node of ours: RTSPS, with time and number of each frame.
const NODE: &str = "node";
/// The schemes of an operator's address, how each travels and its usual port.
/// 322 is IANA's for RTSPS, 8554 that of our own servers.
const SCHEMES: [(&str, Carriage, u16); 5] = [
    (NODE, Carriage { tls: true, tunnel: false }, 8554),
    ("rtsp", Carriage { tls: false, tunnel: false }, 554),
    ("rtsps", Carriage { tls: true, tunnel: false }, 322),
    ("rtsp+http", Carriage { tls: false, tunnel: true }, 80),
    ("rtsp+https", Carriage { tls: true, tunnel: true }, 443),
];

/// How the bytes of a session travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carriage {
    pub tls: bool,
    /// In an HTTP tunnel: a GET and a POST.
    pub tunnel: bool,
}

impl Carriage {
    /// Whether media could come beside the connection.
    #[must_use]
    pub fn is_plain(self) -> bool {
        !self.tls && !self.tunnel
    }
}

/// What is asked of a camera's certificate: `tls=` in the query of its address,
/// which no camera is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Nothing: cameras make their own. Encrypted, but to whomever answers.
    #[default]
    Any,
    /// `tls=verify`: whom the system trusts has signed it for this host.
    Authorities,
    /// `tls=sha256:HEX`: it is this very one.
    Pinned([u8; 32]),
    /// `tls=node:NAME`: the installation's own authority has signed it for the
    /// media machine of that name (ADR 017).
    Node(String),
}

impl Trust {
    /// Takes it out of an address.
    pub(crate) fn take(url: &mut url::Url) -> Result<Self, Error> {
        let query = url.query().unwrap_or_default().to_owned();
        let (asked, others): (Vec<_>, Vec<_>) = query.split('&').partition(|part| part.starts_with("tls="));
        if let Some(asked) = asked.last() {
            url.set_query(Some(others.join("&").as_str()).filter(|others| !others.is_empty()));
            return Self::parse(&asked["tls=".len()..]);
        }
        Ok(Self::Any)
    }

    fn parse(asked: &str) -> Result<Self, Error> {
        let bad =
            || Error::BadAddress("tls= is neither verify nor sha256: with 64 digits nor node: with a name".to_owned());
        match (asked, asked.strip_prefix("node:")) {
            ("verify", _) => Ok(Self::Authorities),
            (_, Some(name)) if is_node_name(name) => Ok(Self::Node(name.to_owned())),
            (other, _) => {
                let digits = other.strip_prefix("sha256:").ok_or_else(bad)?;
                // As openssl and browsers show it: with colons.
                let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let pairs = digits.chunks(2).map_while(|pair| Some(digit(pair[0])? * 16 + digit(*pair.get(1)?)?));
                let bytes: Vec<u8> = pairs.filter_map(|byte| u8::try_from(byte).ok()).collect();
                let whole = digits.len() == 64;
                bytes.try_into().ok().filter(|_| whole).map(Self::Pinned).ok_or_else(bad)
            }
        }
    }
}

/// Whether machines of an installation may be called so.
fn is_node_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

/// Where to dial and what to ask for.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Without the brackets of IPv6.
    pub host: String,
    pub port: u16,
    /// The request's address, without credentials.
    pub uri: String,
    pub carriage: Carriage,
    pub trust: Trust,
    pub credentials: Option<Credentials>,
    /// It is another node of ours: frames keep the times that it gives them.
    pub relayed: bool,
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
        let Some((_, carriage, port)) = SCHEMES.iter().find(|(scheme, ..)| *scheme == url.scheme()).copied() else {
            return Err(bad(format!("scheme {} where rtsp is expected", url.scheme())));
        };
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
        let trust = if carriage.tls { Trust::take(&mut url)? } else { Trust::Any };
        let relayed = url.scheme() == NODE;
        // A node is never anybody: a camera's time is taken on its word.
        let trust = if relayed && trust == Trust::Any { Trust::Authorities } else { trust };
        url.set_fragment(None);
        let port = url.port().unwrap_or(port);
        let mut uri = String::from(url);
        if relayed {
            uri = uri.strip_prefix(NODE).map_or_else(String::new, |rest| format!("rtsps{rest}"));
        }
        if carriage.tunnel {
            // Within the tunnel it is plain RTSP.
            uri = uri.split_once("://").map_or_else(String::new, |(_, rest)| format!("rtsp://{rest}"));
        }
        Ok(Self { host, port, uri, carriage, trust, credentials, relayed })
    }

    /// Asks one of our own servers for no group of pictures from before, whose
    /// times would be pressed together for a player who catches up.
    pub fn begin_live(&mut self) {
        self.uri.push_str(if self.uri.contains('?') { "&catchup=0" } else { "?catchup=0" });
    }
}

pub fn percent_decode(text: &str) -> String {
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
    while let Some(inner) = without_scheme(rest).filter(|inner| without_scheme(inner).is_some()) {
        rest = inner;
    }
    let text = if without_scheme(rest).is_some() {
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

fn without_scheme(address: &str) -> Option<&str> {
    address.strip_prefix("rtsp://").or_else(|| address.strip_prefix("rtsps://"))
}

/// The address of a track or of all: the control behind its base, as text,
/// which is what cameras and common clients do rather than RFC 3986.
pub fn control(base: &str, control: Option<&str>) -> String {
    let control = control.map_or("*", str::trim);
    if control == "*" || control.is_empty() {
        return base.to_owned();
    }
    if without_scheme(&control.to_ascii_lowercase()).is_some() {
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
    fn an_address_says_how_its_session_travels() {
        let carriage = |tls, tunnel| Carriage { tls, tunnel };
        let table = [
            ("rtsp://cam/x", 554, carriage(false, false), "rtsp://cam/x"),
            ("rtsps://cam/x", 322, carriage(true, false), "rtsps://cam/x"),
            ("rtsps://cam:8554/x", 8554, carriage(true, false), "rtsps://cam:8554/x"),
            ("node://core/gate/sub?tls=verify", 8554, carriage(true, false), "rtsps://core/gate/sub"),
            ("rtsp+http://u:p@cam/x?a=1", 80, carriage(false, true), "rtsp://cam/x?a=1"),
            ("rtsp+https://cam:8443/x", 8443, carriage(true, true), "rtsp://cam:8443/x"),
        ];
        for (text, port, carriage, uri) in table {
            let address = Address::parse(text).expect(text);
            assert_eq!((address.port, address.carriage, address.uri.as_str()), (port, carriage, uri), "{text}");
        }
    }

    #[test]
    fn what_is_asked_of_a_certificate_is_told_to_no_camera() {
        let trust = |text: &str| {
            let address = Address::parse(text)?;
            assert_eq!(
                address.uri.replace("?a=1", ""),
                format!("{}//cam/x", if text.contains('+') { "rtsp:" } else { "rtsps:" })
            );
            Ok::<_, Error>(address.trust)
        };
        assert_eq!(trust("rtsps://cam/x"), Ok(Trust::Any));
        assert_eq!(trust("rtsps://cam/x?tls=verify&a=1"), Ok(Trust::Authorities));
        let pin = "0f:".repeat(31) + "0F";
        assert_eq!(trust(&format!("rtsp+https://cam/x?a=1&tls=sha256:{pin}")), Ok(Trust::Pinned([15; 32])));
        for bad in
            ["verifi", "", "sha256:0f", "sha256:", &format!("sha256:{}", "zz".repeat(32)), &format!("sha256:{pin}f")]
        {
            let told = trust(&format!("rtsps://cam/x?tls={bad}"));
            assert!(matches!(told, Err(Error::BadAddress(_))), "a slip must not weaken it: {bad} {told:?}");
        }
    }

    #[test]
    fn the_certificate_of_a_node_is_always_looked_at() {
        let node = Address::parse("node://key:secret@core:9554/gate").expect("a good address");
        assert_eq!((node.trust, node.relayed, node.port), (Trust::Authorities, true, 9554));
        let pinned = Address::parse(&format!("node://core/gate?tls=sha256:{}", "0f".repeat(32))).expect("good");
        assert_eq!(pinned.trust, Trust::Pinned([15; 32]));
        let named = Address::parse("node://core/gate?tls=node:media-2").expect("a good address");
        assert_eq!((named.trust, named.uri.as_str()), (Trust::Node("media-2".to_owned()), "rtsps://core/gate"));
        for bad in ["", "-a", "a-", "A", "a.b", &"a".repeat(64)] {
            let told = Address::parse(&format!("node://core/gate?tls=node:{bad}"));
            assert!(matches!(told, Err(Error::BadAddress(_))), "{bad} {told:?}");
        }
        assert!(!Address::parse("rtsps://core/gate").expect("a good address").relayed);
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
            ("of TLS", "rtsps://10.0.0.1/live/", "rtsps://10.0.0.1/live/"),
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
            (Some("RTSPS://10.0.0.1/track1"), "RTSPS://10.0.0.1/track1"),
            (Some("track 1"), "rtsp://10.0.0.1/live/track%201"),
        ];
        for (given, expected) in table {
            assert_eq!(control(base, given), expected, "{given:?}");
        }
        assert_eq!(control("rtsp://h/live/?a=1", Some("t=0")), "rtsp://h/live/?a=1/t=0");
        assert_eq!(control("rtsp://h/live/", Some("t=0")), "rtsp://h/live/t=0");
    }
}
