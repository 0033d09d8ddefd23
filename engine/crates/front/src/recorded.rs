//! Recorded video over HTTP: what is asked, who may, what is answered. How it
//! is found is the affair of whoever started the front.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use vms_access::{Access, Now};
use vms_hub::StreamKey;
use vms_recording::play::Player;

use crate::credential;
use crate::problem::{Body, Problem, full};

/// What of a stream's recordings is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Init {
        at_us: i64,
    },
    Segment {
        at_us: i64,
        until_us: Option<i64>,
        keys: Option<usize>,
    },
    /// `query` goes behind every address in it.
    Playlist {
        from_us: i64,
        to_us: i64,
        query: String,
    },
}

#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct NotRecorded {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

/// Finds recorded video; it may take as long as a disk does.
pub type Find = Arc<dyn Fn(&StreamKey, &Wanted) -> Result<Recorded, NotRecorded> + Send + Sync>;

/// How recorded video is had.
pub struct Recordings {
    pub find: Find,
    pub player: Arc<Player>,
}

/// Reads what a path and its query ask for.
pub fn wanted(what: &str, query: Option<&str>) -> Result<Wanted, Problem> {
    let of = |name: &str| {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next_back()
    };
    let time = |name: &'static str| match of(name).map(|text| text.parse::<i64>()) {
        Some(Ok(us)) if us >= 0 => Ok(Some(us)),
        Some(_) => Err(bad(format!("{name} is not microseconds of UTC"))),
        None => Ok(None),
    };
    let needed = |name| time(name)?.ok_or_else(|| bad(format!("{name} is missing: microseconds of UTC")));
    if what == "init.mp4" {
        return Ok(Wanted::Init { at_us: needed("at")? });
    }
    if what == "index.m3u8" {
        let query = of("token").map(|token| format!("token={token}")).unwrap_or_default();
        return Ok(Wanted::Playlist { from_us: needed("from")?, to_us: needed("to")?, query });
    }
    let at_us = what.strip_suffix(".m4s").and_then(|name| name.parse().ok()).filter(|us| *us >= 0);
    let Some(at_us) = at_us else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "recordings have init.mp4?at=, UTC_US.m4s and index.m3u8?from=&to=",
        ));
    };
    let keys = match of("keys").map(|text| text.parse()) {
        Some(Ok(count)) if count > 0 => Some(count),
        Some(_) => return Err(bad("keys is not a number of key frames".to_owned())),
        None => None,
    };
    Ok(Wanted::Segment { at_us, until_us: time("until")?, keys })
}

fn bad(message: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", message)
}

impl Wanted {
    /// The time that a right must cover.
    fn period(&self) -> (i64, i64) {
        match *self {
            Self::Init { at_us } => (at_us, at_us),
            Self::Segment { at_us, until_us, .. } => (at_us, until_us.unwrap_or(at_us).max(at_us)),
            Self::Playlist { from_us, to_us, .. } => (from_us, to_us),
        }
    }
}

/// The signed address that a request brings, as Bearer or in its query.
pub fn token<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a str> {
    let in_query = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("token="));
    credential::bearer(headers).or(in_query)
}

/// Whether whoever asks may have it.
pub fn judge(
    access: &Access,
    key: &StreamKey,
    wanted: &Wanted,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<(), Problem> {
    let token = token(headers, query);
    let (from_us, to_us) = wanted.period();
    access.may_play(key, token, from_us, to_us, Now::read()).map_err(|denied| credential::denied(&denied))
}

/// Reads from disks, beside the threads that move requests.
pub async fn answer(find: &Find, key: StreamKey, wanted: Wanted) -> Result<Response<Body>, Problem> {
    let find = find.clone();
    let found = tokio::task::spawn_blocking(move || find(&key, &wanted)).await;
    let failed = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "reading failed; the log says why");
    let found = found.map_err(|_| failed())?.map_err(|refused| {
        let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Problem::new(status, refused.code, refused.message)
    })?;
    let mut response = Response::new(full(found.body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(found.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in found.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_and_nonsense_is_told() {
        let segment = |at_us, until_us, keys| Wanted::Segment { at_us, until_us, keys };
        let good = [
            ("init.mp4", Some("at=5"), Wanted::Init { at_us: 5 }),
            ("17.m4s", None, segment(17, None, None)),
            ("17.m4s", Some("until=20&keys=3"), segment(17, Some(20), Some(3))),
            (
                "index.m3u8",
                Some("from=1&to=2&token=v1.a.b.c"),
                Wanted::Playlist { from_us: 1, to_us: 2, query: "token=v1.a.b.c".into() },
            ),
        ];
        for (what, query, expected) in good {
            assert_eq!(wanted(what, query).expect(what), expected);
        }
        for (what, query, status) in [
            ("init.mp4", None, 400),
            ("init.mp4", Some("at=now"), 400),
            ("init.mp4", Some("at=-1"), 400),
            ("index.m3u8", Some("from=1"), 400),
            ("1.m4s", Some("keys=0"), 400),
            ("1.m4s", Some("keys=x"), 400),
            ("-1.m4s", None, 404),
            ("99999999999999999999.m4s", None, 404),
            ("video.mp4", None, 404),
        ] {
            assert_eq!(wanted(what, query).expect_err(what).status.as_u16(), status, "{what} {query:?}");
        }
    }
}
