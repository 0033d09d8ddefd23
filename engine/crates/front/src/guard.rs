//! Who may ask at all. With `--open` nobody is asked for a name, so only this
//! machine's own programs and pages may come in: a foreign page that a browser
//! on this machine shows, or a proxy in front, must not get through.

use http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// Hosts that name this machine and that DNS cannot point elsewhere.
const OWN_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
const FORWARDED: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"];

/// Checks a request of an open server that is spoken to by `scheme`.
pub fn check_open(headers: &HeaderMap, scheme: &str) -> Result<(), Problem> {
    let forwarded =
        headers.keys().any(|name| FORWARDED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-"));
    if forwarded {
        return Err(refuse(
            "forwarded",
            "an open server (--open) takes no forwarded requests: it cannot be put behind a proxy",
        ));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|value| value.to_str().ok()), hosts.next()) else {
        return Err(refuse("foreign_host", "an open server (--open) wants one Host header"));
    };
    if !OWN_HOSTS.contains(&name_of(host)) {
        return Err(refuse(
            "foreign_host",
            "an open server (--open) answers only to localhost, 127.0.0.1 and [::1]; use one of them in the address",
        ));
    }
    for origin in headers.get_all(header::ORIGIN) {
        if origin.to_str().ok().and_then(|text| text.split_once("://")) != Some((scheme, host)) {
            return Err(refuse("foreign_origin", "an open server (--open) answers only to its own page"));
        }
    }
    Ok(())
}

fn refuse(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, detail)
}

/// A Host header without its port; an IPv6 address keeps its brackets.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn check(pairs: &[(&str, &str)]) -> Result<(), &'static str> {
        check_by("http", pairs)
    }

    fn check_by(scheme: &str, pairs: &[(&str, &str)]) -> Result<(), &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a good name"),
                HeaderValue::from_str(value).expect("a good value"),
            );
        }
        check_open(&headers, scheme).map_err(|problem| problem.code)
    }

    #[test]
    fn only_this_machine_and_its_own_page_come_in() {
        for host in ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"] {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8000", "127.0.0.2:8000", "", "localhost:x"] {
            assert_eq!(check(&[("host", host)]), Err("foreign_host"), "{host}");
        }
        assert_eq!(check(&[]), Err("foreign_host"));
        assert_eq!(check(&[("host", "localhost"), ("host", "evil.example")]), Err("foreign_host"));
        let host = ("host", "localhost:8000");
        assert_eq!(check(&[host, ("origin", "http://localhost:8000")]), Ok(()));
        for origin in ["http://localhost:3000", "https://localhost:8000", "http://evil.example", "null"] {
            assert_eq!(check(&[host, ("origin", origin)]), Err("foreign_origin"), "{origin}");
        }
        assert_eq!(check_by("https", &[host, ("origin", "https://localhost:8000")]), Ok(()));
        assert_eq!(check_by("https", &[host, ("origin", "http://localhost:8000")]), Err("foreign_origin"));
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-client-cert"] {
            assert_eq!(check(&[host, (name, "1.2.3.4")]), Err("forwarded"), "{name}");
        }
    }
}
