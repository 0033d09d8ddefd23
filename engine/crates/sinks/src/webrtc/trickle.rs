//! What a PATCH of a session says of its ICE (RFC 8840; RFC 9725, section 4.3):
//! pure.

use super::sdp::{MAX_SDP_BYTES, fragment_ufrag};
use super::{WhepError, WhepErrorKind};

/// What is known of the ICE session as it stands.
pub struct Known<'a> {
    /// The peer's.
    pub ufrag: &'a str,
    /// With its quotes.
    pub etag: &'a str,
}

/// Judges a fragment and the condition under which it is to be taken.
///
/// # Errors
/// With what to do instead.
pub fn judge(known: &Known<'_>, if_match: Option<&str>, fragment: &str) -> Result<(), WhepError> {
    let refused = |kind, words: &str| Err(WhepError::new(kind, words));
    let is_attribute = |line: &str| line.is_empty() || line.starts_with("a=") || line.starts_with("m=");
    if fragment.len() > MAX_SDP_BYTES || !fragment.lines().map(str::trim).all(is_attribute) {
        return refused(WhepErrorKind::Invalid, "the body is no fragment of SDP (RFC 8840): a= and m= lines");
    }
    let conditions = || if_match.into_iter().flat_map(|tags| tags.split(',')).map(str::trim);
    let other_ufrag = fragment_ufrag(fragment).is_some_and(|ufrag| ufrag != known.ufrag);
    if other_ufrag || conditions().any(|tag| tag == "*") {
        return refused(WhepErrorKind::Unsupported, "ICE is not restarted here; end this session and open a new one");
    }
    let brings = fragment.lines().any(|line| line.starts_with("a=candidate") || line.starts_with("a=end-of-"));
    match if_match {
        None if brings => refused(
            WhepErrorKind::Unconditional,
            "say If-Match with the ETag of the answer, so that it is known which ICE session is meant",
        ),
        Some(_) if !conditions().any(|tag| tag == known.etag) => {
            refused(WhepErrorKind::Stale, "the session's ETag is another; end this session and open a new one")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_taken_for_the_session_that_stands_and_restarts_are_refused() {
        let known = Known { ufrag: "abcd", etag: "\"01xyz\"" };
        let candidate = "a=ice-ufrag:abcd\r\na=ice-pwd:x\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
                         a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
        let restart = candidate.replace("abcd", "efgh");
        let too_long = "a=x\r\n".repeat(MAX_SDP_BYTES);
        let table = [
            (Some("\"01xyz\""), candidate, None),
            (Some("\"other\", \"01xyz\""), candidate, None),
            // To renew the session's right alone.
            (None, "", None),
            (None, candidate, Some(WhepErrorKind::Unconditional)),
            (Some("\"other\""), candidate, Some(WhepErrorKind::Stale)),
            (Some("\"01xyz\""), restart.as_str(), Some(WhepErrorKind::Unsupported)),
            (Some("*"), candidate, Some(WhepErrorKind::Unsupported)),
            (Some("\"01xyz\""), "{}", Some(WhepErrorKind::Invalid)),
            (Some("\"01xyz\""), too_long.as_str(), Some(WhepErrorKind::Invalid)),
        ];
        for (if_match, fragment, expected) in table {
            let kind = judge(&known, if_match, fragment).err().map(|error| error.kind);
            assert_eq!(kind, expected, "{if_match:?} {:.40}", fragment);
        }
    }
}
