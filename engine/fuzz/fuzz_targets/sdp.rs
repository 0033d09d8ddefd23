//! Property: any text is read as a description without panic; every `m=` line,
//! up to a bound, is one media, whatever stands around it; each has a clock; and
//! lines before the first one, but for attributes, change nothing.

#![no_main]

// The client without IO alone: the crate around it brings a runtime along.
#[path = "../../crates/sources/src/rtsp/mod.rs"]
#[allow(dead_code, unused_imports)]
mod rtsp;

use libfuzzer_sys::fuzz_target;
use rtsp::Description;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let description = Description::parse(&text);
    let lines = text.split(['\n', '\r']).map(str::trim);
    let media = lines.filter(|line| line.starts_with("m=")).count();
    assert_eq!(description.media.len(), media.min(Description::MOST_MEDIA));
    for media in &description.media {
        assert!(media.payload_type.is_none_or(|number| number < 128 && media.clock_rate > 0 && media.channels > 0));
        assert!(!media.fmtp.contains(['\n', '\r']) && media.control.as_ref().is_none_or(|control| !control.is_empty()));
    }
    let head = "v=0\r\no=- 0x1 -2 IN\r\ns=\r\ns=again\r\nc=IN c=IN IP4\r\nx-maker: 7\r\nt=\r\n";
    assert_eq!(Description::parse(&format!("{head}{text}")), description);
    description.keeps_dead_sessions();
});
