//! Property: any value of `Authorization` is read without panic and keeps no
//! more than came; what proves itself does so for one password, method and
//! challenge alone; and an answer of which one byte was changed says the same or
//! proves nothing.

#![no_main]

// The answers alone: the crate around them brings the rings of streams along.
#[path = "../../crates/access/src/digest.rs"]
mod digest;

use digest::{Challenge, Digest, REALM};
use libfuzzer_sys::fuzz_target;
use md5::{Digest as _, Md5};

const PASSWORD: &str = "secret";
const METHOD: &str = "DESCRIBE";
/// Names of fields and what stands around them.
const FRAME_BYTES: usize = 128;
/// Of the four fields that every answer has.
const QUOTES: usize = 10;

fn challenge() -> Challenge {
    Challenge { nonce: "abc".into() }
}

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A player's answer with quality of protection (RFC 7616, section 3.4.1).
fn counted() -> String {
    let who = hash(&format!("wall:{REALM}:{PASSWORD}"));
    let what = hash(&format!("{METHOD}:rtsp://h/gate"));
    let response = hash(&format!("{who}:abc:00000001:own:auth:{what}"));
    format!(
        "Digest username=\"wall\", realm=\"{REALM}\", nonce=\"abc\", uri=\"rtsp://h/gate\", \
         qop=auth, nc=00000001, cnonce=\"own\", response=\"{response}\""
    )
}

fn check(text: &str) {
    let Some(digest) = Digest::parse(text) else { return };
    let written = digest.header();
    assert!(written.len() <= text.len() + FRAME_BYTES, "nothing is made up");
    // A value with a quote in it cannot be written in quotes.
    if written.matches('"').count() == QUOTES {
        assert_eq!(Digest::parse(&written), Some(digest.clone()), "what is written is what was read");
    }
    if digest.proves(&challenge(), METHOD, PASSWORD) {
        assert!(!digest.proves(&challenge(), METHOD, "other"), "for one password");
        assert!(!digest.proves(&challenge(), "SETUP", PASSWORD), "for one method");
        assert!(!digest.proves(&Challenge { nonce: "abd".into() }, METHOD, PASSWORD), "for one challenge");
    }
}

/// Changes one byte of a good answer.
fn check_changed(good: &str, place: usize, change: u8) {
    let answer = Digest::parse(good).expect("a good answer is read");
    assert!(answer.proves(&challenge(), METHOD, PASSWORD), "a good answer proves itself");
    check(good);
    let mut changed = good.to_owned().into_bytes();
    let place = place % changed.len();
    changed[place] ^= change.max(1);
    let Ok(changed) = std::str::from_utf8(&changed) else { return };
    let read = Digest::parse(changed).filter(|read| *read != answer);
    let proved = read.is_some_and(|read| read.proves(&challenge(), METHOD, PASSWORD));
    assert!(!proved, "byte {place} was changed: {changed}");
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    check(&text);
    check(&format!("Digest {text}"));
    check(&format!("{}, {text}", counted()));
    let [place, change, rest @ ..] = data else { return };
    check_changed(&counted(), usize::from(*place), *change);
    let uri: String = String::from_utf8_lossy(rest).chars().filter(|letter| *letter != '"').collect();
    let plain = Digest::answer("wall", PASSWORD, &challenge(), METHOD, uri.trim());
    check_changed(&plain.header(), usize::from(*place), *change);
});
