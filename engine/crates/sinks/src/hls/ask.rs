//! What a player asks for: the names of files, and the directives of a
//! playlist's query (draft-pantos-hls-rfc8216bis, 6.2.5). Knows no IO.

/// A file of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Playlist(Reload),
    Init(u64),
    Segment(u64),
    Part(u64, u32),
}

/// Delivery directives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reload {
    /// Answer when there is this segment, or this part of it.
    pub until: Option<(u64, Option<u32>)>,
    /// A delta update will do.
    pub skip: bool,
}

/// Why nothing can be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonsense {
    /// No such file can be.
    Name,
    /// The directive of this name.
    Directive(&'static str),
}

pub const PLAYLIST: &str = "index.m3u8";

/// Reads a file's name and the query behind it.
///
/// # Errors
/// With what is wrong.
pub fn wanted(name: &str, query: Option<&str>) -> Result<Wanted, Nonsense> {
    if name == PLAYLIST {
        return reload(query.unwrap_or_default()).map(Wanted::Playlist);
    }
    if let Some(init) = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4")) {
        return decimal(init).map(Wanted::Init).ok_or(Nonsense::Name);
    }
    let numbers = name.strip_suffix(".m4s").ok_or(Nonsense::Name)?;
    let found = match numbers.split_once('.') {
        None => decimal(numbers).map(Wanted::Segment),
        Some((segment, part)) => {
            let part = decimal(part).and_then(|part| u32::try_from(part).ok());
            decimal(segment).zip(part).map(|(segment, part)| Wanted::Part(segment, part))
        }
    };
    found.ok_or(Nonsense::Name)
}

fn reload(query: &str) -> Result<Reload, Nonsense> {
    let (mut segment, mut part, mut skip) = (None, None, false);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "_HLS_msn" => segment = Some(decimal(value).ok_or(Nonsense::Directive("_HLS_msn"))?),
            "_HLS_part" => {
                let read = decimal(value).and_then(|part| u32::try_from(part).ok());
                part = Some(read.ok_or(Nonsense::Directive("_HLS_part"))?);
            }
            "_HLS_skip" if matches!(value, "YES" | "v2") => skip = true,
            "_HLS_skip" => return Err(Nonsense::Directive("_HLS_skip")),
            _ => {}
        }
    }
    match (segment, part) {
        (None, Some(_)) => Err(Nonsense::Directive("_HLS_part")),
        (segment, part) => Ok(Reload { until: segment.map(|segment| (segment, part)), skip }),
    }
}

/// Digits alone, without zeros before them: each file has one name.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_directives_are_read_and_nonsense_is_told() {
        let playlist = |until, skip| Ok(Wanted::Playlist(Reload { until, skip }));
        let directive = |name| Err(Nonsense::Directive(name));
        for (name, query, expected) in [
            ("index.m3u8", None, playlist(None, false)),
            ("index.m3u8", Some("token=v1.a&_HLS_msn=7"), playlist(Some((7, None)), false)),
            ("index.m3u8", Some("_HLS_msn=7&_HLS_part=0&_HLS_skip=YES"), playlist(Some((7, Some(0))), true)),
            ("index.m3u8", Some("_HLS_part=0"), directive("_HLS_part")),
            ("index.m3u8", Some("_HLS_msn=-1"), directive("_HLS_msn")),
            ("index.m3u8", Some("_HLS_msn=99999999999999999999"), directive("_HLS_msn")),
            ("index.m3u8", Some("_HLS_msn=1&_HLS_part=4294967296"), directive("_HLS_part")),
            ("index.m3u8", Some("_HLS_skip=maybe"), directive("_HLS_skip")),
            ("init-3.mp4", None, Ok(Wanted::Init(3))),
            ("17.m4s", Some("token=x"), Ok(Wanted::Segment(17))),
            ("17.0.m4s", None, Ok(Wanted::Part(17, 0))),
            ("017.m4s", None, Err(Nonsense::Name)),
            ("17..m4s", None, Err(Nonsense::Name)),
            (".m4s", None, Err(Nonsense::Name)),
            ("1.2.3.m4s", None, Err(Nonsense::Name)),
            ("+1.m4s", None, Err(Nonsense::Name)),
            ("init-.mp4", None, Err(Nonsense::Name)),
            ("index.html", None, Err(Nonsense::Name)),
        ] {
            assert_eq!(wanted(name, query), expected, "{name} {query:?}");
        }
    }
}
