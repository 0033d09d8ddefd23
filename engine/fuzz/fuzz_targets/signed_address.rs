//! Property: whatever is shown as a signed address is refused with a reason, or
//! is letter for letter what the key signs and within its bounds; and a signed
//! address of which one byte was changed opens nothing.

#![no_main]

// The address alone: the crate around it decides what an address is good for.
#[path = "../../crates/access/src/address.rs"]
#[allow(dead_code)]
mod address;
#[path = "../../crates/access/src/denied.rs"]
#[allow(dead_code)]
mod denied;
#[path = "../../crates/access/src/rules.rs"]
#[allow(dead_code)]
mod rules;

use std::sync::LazyLock;

use address::Keys;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use rules::PublicKey;

/// A payload that is let in; the fuzzed bytes are put over it from a fuzzed place on.
const PAYLOAD: &[u8] = br#"{"c":"gate","s":"main","t":"sp","k":"webrtc","w":"masked","a":1,"v":"ana","i":"s1","n":"","e":1700000300,"f":0,"u":0,"j":"AAECAwQFBgcICQoLDA0ODw","m":4}"#;
const MAX_ID_BYTES: usize = 64;

static SIGNER: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed"));
static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let public = URL_SAFE_NO_PAD.encode(SIGNER.public_key());
    let broken = PublicKey { id: "k2".into(), public: "no key".into() };
    Keys::new(&[PublicKey { id: "k1".into(), public }, broken])
});

/// Ed25519 gives the same signature each time (RFC 8032, section 5.1.6).
fn sign(signed: &str) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(SIGNER.sign(signed.as_bytes())))
}

/// Whether it verifies; then it is one that the key signs.
fn check(text: &str) -> bool {
    let Ok(address) = KEYS.verify(text) else { return false };
    let (signed, _) = text.rsplit_once('.').expect("it was read");
    assert_eq!(text, sign(signed), "only what the key signed verifies");
    let ids = [&address.camera, &address.city, &address.viewer, &address.session, &address.node, &address.nonce];
    assert!(ids.iter().all(|id| id.len() <= MAX_ID_BYTES), "no name is longer than its bound");
    assert!(address.nonce.len() >= 16 && !address.viewer.is_empty());
    true
}

/// Signs a payload; whether it is let in or not, with one byte changed it is not.
fn check_signed(payload: &[u8], place: usize, change: u8) -> bool {
    let text = sign(&format!("v1.k1.{}", URL_SAFE_NO_PAD.encode(payload)));
    let verifies = check(&text);
    let mut changed = text.into_bytes();
    let place = place % changed.len();
    changed[place] ^= change.max(1);
    if let Ok(changed) = std::str::from_utf8(&changed) {
        assert!(KEYS.verify(changed).is_err(), "byte {place} was changed: {changed}");
    }
    verifies
}

fuzz_target!(|data: &[u8]| {
    check(&String::from_utf8_lossy(data));
    let [place_high, place_low, change, data @ ..] = data else { return };
    let place = usize::from(u16::from_be_bytes([*place_high, *place_low]));
    check_signed(data, place, *change);
    assert!(check_signed(PAYLOAD, place, *change), "a good address is let in");
    let begin = place % PAYLOAD.len();
    let end = (begin + data.len()).min(PAYLOAD.len());
    check_signed(&[&PAYLOAD[..begin], data, &PAYLOAD[end..]].concat(), place, *change);
});
