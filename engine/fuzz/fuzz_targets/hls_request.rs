//! Property: whatever a player asks for is refused with a reason, or is one
//! file, which has that name and no other.

#![no_main]

#[path = "../../crates/sinks/src/hls/ask.rs"]
#[allow(dead_code)]
mod ask;

use ask::{PLAYLIST, Wanted, wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let (name, query) = data.split_once('?').map_or((data, None), |(name, query)| (name, Some(query)));
    let Ok(found) = wanted(name, query) else { return };
    let only = match found {
        Wanted::Playlist(_) => PLAYLIST.to_owned(),
        Wanted::Init(number) => format!("init-{number}.mp4"),
        Wanted::Segment(number) => format!("{number}.m4s"),
        Wanted::Part(segment, part) => format!("{segment}.{part}.m4s"),
    };
    assert_eq!(name, only);
});
