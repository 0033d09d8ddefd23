//! Faults by command, in RTSP's own words: SET_PARAMETER with the body
//! `fault: stall` puts one on, `fault: none` takes it back, GET_PARAMETER with
//! the body `fault` asks (RFC 2326 sections 10.8 and 10.9). `heard` asks what a
//! camera has heard.

use std::fmt::Write as _;
use std::ops::Range;

use rtsp_types::{Method, Request};

use crate::FarmError;
use crate::fault::{Fault, Faults};
use crate::server::Target;

/// The media type of the bodies.
pub const MEDIA_TYPE: &str = "text/parameters";

/// What a request asks of the farm itself.
#[derive(Debug)]
pub enum Command {
    Tell,
    /// What a camera has heard.
    TellHeard,
    /// No fault means healthy again.
    Set(Result<Option<Fault>, FarmError>),
}

impl Command {
    /// `None` where the request is an ordinary one.
    pub fn read(request: &Request<Vec<u8>>) -> Option<Self> {
        let body = std::str::from_utf8(request.body()).ok()?;
        match request.method() {
            Method::GetParameter => body.lines().find_map(|line| match line.trim() {
                "fault" => Some(Self::Tell),
                "heard" => Some(Self::TellHeard),
                _ => None,
            }),
            Method::SetParameter => {
                let pairs = body.lines().filter_map(|line| line.split_once(':'));
                let (_, value) = pairs.into_iter().find(|(name, _)| name.trim() == "fault")?;
                Some(Self::Set(Fault::read(value.trim())))
            }
            _ => None,
        }
    }
}

/// The streams that an address names: `rtsp://host/` all, `/cam1` both of a
/// camera, `/cam1/main` and `/cam1/sub` one.
pub fn streams(uri: &str, cameras: usize) -> Option<Range<usize>> {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path).trim_end_matches('/');
    if path.is_empty() {
        return Some(0..cameras * 2);
    }
    let target = Target::parse(uri, cameras)?;
    let first = target.index();
    Some(if target.sub || path.ends_with("/main") { first..first + 1 } else { first..first + 2 })
}

/// One line where all streams have the same fault, else one for each stream
/// that has any.
pub fn tell(faults: &Faults, streams: Range<usize>) -> String {
    let set: Vec<_> = streams.map(|stream| (stream, faults.get(stream))).collect();
    if set.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        let fault = set.first().and_then(|(_, fault)| fault.as_ref());
        return format!("fault: {}\r\n", fault.map_or(Fault::NONE.to_owned(), Fault::to_string));
    }
    let mut lines = String::new();
    for (stream, fault) in set.iter().filter_map(|(stream, fault)| Some((stream, fault.as_ref()?))) {
        let name = if stream.is_multiple_of(2) { "main" } else { "sub" };
        let _infallible = write!(lines, "cam{}/{name}: {fault}\r\n", stream / 2 + 1);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_stream_a_camera_or_all() {
        for (uri, expected) in [
            ("rtsp://h:1/cam2", Some(2..4)),
            ("rtsp://h:1/cam2/", Some(2..4)),
            ("rtsp://h:1/cam2/main", Some(2..3)),
            ("rtsp://h:1/cam2/sub", Some(3..4)),
            ("rtsp://h:1/", Some(0..6)),
            ("rtsp://h:1", Some(0..6)),
            ("rtsp://h:1/cam4", None),
            ("rtsp://h:1/gate", None),
        ] {
            assert_eq!(streams(uri, 3), expected, "{uri}");
        }
    }

    #[test]
    fn streams_that_differ_are_told_one_by_one() {
        let faults = Faults::new(2);
        assert_eq!(tell(&faults, 0..4), "fault: none\r\n");
        faults.set(1..2, Some(Fault::Drop { percent: 2.5 }));
        assert_eq!(tell(&faults, 1..2), "fault: drop:2.5\r\n");
        assert_eq!(tell(&faults, 0..4), "cam1/sub: drop:2.5\r\n");
    }
}
