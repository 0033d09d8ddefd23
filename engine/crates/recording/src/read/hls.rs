//! Recorded video as an HLS playlist (RFC 8216): a map a part, a segment some
//! groups of pictures.

use std::fmt::Write;

use vms_format::time::{Day, HOUR_US, hour_of, iso};

use super::archive::Archive;
use crate::calls::{CallError, CallKind};

const MOST_US: i64 = 24 * HOUR_US;
/// Segments are about so long; one begins with a key frame.
const SEGMENT_US: i64 = 6_000_000;

impl Archive {
    /// The playlist of a period. `query` is put behind every address, with
    /// what proves that it may be opened.
    pub fn playlist(
        &self,
        camera: &str,
        stream: u8,
        from_us: i64,
        to_us: i64,
        query: &str,
    ) -> Result<String, CallError> {
        if !(from_us < to_us && to_us - from_us <= MOST_US) {
            return Err(CallError::new(
                CallKind::Invalid,
                "period",
                format!("camera {camera}: a playlist is of at most 24 hours, and ends after it begins"),
            ));
        }
        let mut lines = String::new();
        let mut longest_us = 1;
        let mut init = String::new();
        let days = Day::of_hour(hour_of(from_us).saturating_sub(1))..=Day::of_hour(hour_of(to_us));
        for day in self.days(camera).range(days) {
            for place in self.parts_of(camera, *day, stream) {
                let Ok(part) = self.part(&place) else { continue };
                if part.to_us() <= from_us || part.from_us() >= to_us {
                    continue;
                }
                let Ok(own) = self
                    .open(&part)
                    .and_then(|file| file.init_id().map_err(|error| super::archive::unreadable(&place, &error)))
                else {
                    continue;
                };
                let mut at = part.group(part.at_or_after(from_us).unwrap_or(0)).start;
                if !lines.is_empty() {
                    lines.push_str("#EXT-X-DISCONTINUITY\n");
                }
                if init != own {
                    let begins = part.fragments[at].utc_us;
                    let _ = writeln!(lines, "#EXT-X-MAP:URI=\"init.mp4?at={begins}{}\"", also(query));
                    init = own;
                }
                let _ = writeln!(lines, "#EXT-X-PROGRAM-DATE-TIME:{}", iso(part.fragments[at].utc_us));
                while at < part.fragments.len() && part.fragments[at].utc_us < to_us {
                    let begins = part.fragments[at].utc_us;
                    let mut end = part.group(at).end;
                    while end < part.fragments.len()
                        && part.fragments[part.group(end).end - 1].end_us - begins <= SEGMENT_US
                    {
                        end = part.group(end).end;
                    }
                    let ends = part.fragments[end - 1].end_us;
                    longest_us = longest_us.max(ends - begins);
                    let seconds = (ends - begins) as f64 / 1e6;
                    let until = part.fragments.get(end).map_or(ends, |next| next.utc_us);
                    let _ = writeln!(lines, "#EXTINF:{seconds:.3},\n{begins}.m4s?until={until}{}", also(query));
                    at = end;
                }
            }
        }
        if lines.is_empty() {
            return Err(self.nothing(camera, from_us));
        }
        let target = (longest_us + 500_000) / 1_000_000;
        Ok(format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-TARGETDURATION:{}\n{lines}#EXT-X-ENDLIST\n",
            target.max(1)
        ))
    }
}

fn also(query: &str) -> String {
    if query.is_empty() { String::new() } else { format!("&{query}") }
}
