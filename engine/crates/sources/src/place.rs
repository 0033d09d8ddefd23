//! Where an operator's address of RTMP or HTTP leads.

use crate::reason::Reason;
use crate::rtsp::{Credentials, Trust, percent_decode};

/// An address, taken apart. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    pub scheme: String,
    /// Without the brackets of IPv6.
    pub host: String,
    pub port: u16,
    pub tls: bool,
    pub trust: Trust,
    pub credentials: Option<Credentials>,
    /// With its query; begins with a slash.
    pub path: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Place {
    /// Reads an address of one of these schemes, of which those that end in
    /// `s` travel in TLS; each has its usual port.
    pub fn parse(text: &str, schemes: &[(&str, u16)]) -> Result<Self, Reason> {
        let bad = |detail: String| Reason::BadUrl { detail };
        let mut url = url::Url::parse(text.trim()).map_err(|error| bad(error.to_string()))?;
        let Some((scheme, port)) = schemes.iter().find(|(scheme, _)| *scheme == url.scheme()) else {
            return Err(bad(format!("{} where {} is expected", url.scheme(), schemes[0].0)));
        };
        let host = match url.host() {
            Some(url::Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => return Err(bad("no host".to_owned())),
        };
        let tls = scheme.ends_with('s');
        let trust = Trust::take(&mut url).map_err(|error| bad(error.to_string()))?;
        let credentials = (!url.username().is_empty()).then(|| Credentials {
            name: percent_decode(url.username()),
            password: percent_decode(url.password().unwrap_or_default()),
        });
        let path = if url.path().is_empty() { "/" } else { url.path() };
        let path = url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        // What is usual for the scheme is not told by the address.
        let port = url.port().unwrap_or(*port);
        Ok(Self { scheme: (*scheme).to_owned(), host, port, tls, trust, credentials, path })
    }

    /// Host and port as they stand in an address.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }

    /// Where a redirect leads. The credentials come along to the same host
    /// alone, and what was asked of its certificate.
    pub fn onwards(&self, location: &str) -> Result<Self, Reason> {
        let bad = |detail: String| Reason::BadUrl { detail };
        let here = format!("{}://{}{}", self.scheme, self.authority(), self.path);
        let here = url::Url::parse(&here).map_err(|error| bad(error.to_string()))?;
        let there = here.join(location).map_err(|error| bad(error.to_string()))?;
        let mut next = Self::parse(there.as_str(), &[("http", 80), ("https", 443)])?;
        if self.tls && !next.tls {
            return Err(bad("a redirect leads out of TLS".to_owned()));
        }
        if next.host == self.host {
            next.credentials = next.credentials.or_else(|| self.credentials.clone());
            next.trust = self.trust.clone();
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: &[(&str, u16)] = &[("http", 80), ("https", 443)];

    #[test]
    fn an_address_is_taken_apart() {
        let place =
            Place::parse("https://ad%40min:p%2Fw@[fd00::1]/flv?port=1935&tls=verify&app=bcs", HTTP).expect("good");
        let credentials = Credentials { name: "ad@min".into(), password: "p/w".into() };
        assert_eq!(place.credentials, Some(credentials));
        assert_eq!((place.authority().as_str(), place.tls), ("[fd00::1]:443", true));
        assert_eq!((place.path.as_str(), place.trust), ("/flv?port=1935&app=bcs", Trust::Authorities));
        assert_eq!(Place::parse("http://camera:8080", HTTP).expect("good").path, "/");
        for bad in ["ftp://camera/", "http://", "camera"] {
            assert!(matches!(Place::parse(bad, HTTP), Err(Reason::BadUrl { .. })), "{bad}");
        }
    }

    #[test]
    fn a_redirect_takes_the_password_to_the_same_host_alone_and_never_out_of_tls() {
        let place = Place::parse("http://a:b@camera/live", HTTP).expect("good");
        let same = place.onwards("/other?x=1").expect("good");
        assert_eq!((same.path.as_str(), &same.credentials), ("/other?x=1", &place.credentials));
        let other = place.onwards("http://elsewhere/live").expect("good");
        assert_eq!((other.host.as_str(), other.credentials), ("elsewhere", None));
        let inside = Place::parse("https://camera/live", HTTP).expect("good");
        assert!(inside.onwards("http://camera/live").is_err());
    }
}
