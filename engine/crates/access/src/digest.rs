//! Digest for players of RTSP (RFC 7616, with MD5 because players know no other).

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use md5::{Digest as _, Md5};

pub const REALM: &str = "vms";

/// What a player is asked; one a connection.
#[derive(Clone, Debug)]
pub struct Challenge {
    pub nonce: String,
}

impl Challenge {
    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn header(&self) -> String {
        format!("Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=MD5, qop=\"auth\"", self.nonce)
    }
}

/// A player's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub user: String,
    nonce: String,
    uri: String,
    response: String,
    /// `nc` and `cnonce`, where the player used quality of protection.
    counted: Option<(String, String)>,
}

impl Digest {
    /// Reads the value of `Authorization`; `None` for anything but a Digest.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut fields = fields(header.trim().strip_prefix("Digest ")?);
        let mut take = |name: &str| fields.remove(name);
        let counted = match take("qop") {
            Some(qop) if qop == "auth" => Some((take("nc")?, take("cnonce")?)),
            Some(_) => return None,
            None => None,
        };
        Some(Self {
            user: take("username")?,
            nonce: take("nonce")?,
            uri: take("uri")?,
            response: take("response")?.to_ascii_lowercase(),
            counted,
        })
    }

    /// What a player that knows the password answers.
    #[must_use]
    pub fn answer(user: &str, password: &str, challenge: &Challenge, method: &str, uri: &str) -> Self {
        let mut digest = Self {
            user: user.to_owned(),
            nonce: challenge.nonce.clone(),
            uri: uri.to_owned(),
            response: String::new(),
            counted: None,
        };
        digest.response = digest.expected(method, password);
        digest
    }

    /// It as the value of `Authorization`.
    #[must_use]
    pub fn header(&self) -> String {
        let Self { user, nonce, uri, response, .. } = self;
        let mut header = format!(
            "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\""
        );
        if let Some((count, own)) = &self.counted {
            // Writing to a String cannot fail.
            let _ = write!(header, ", qop=auth, nc={count}, cnonce=\"{own}\"");
        }
        header
    }

    /// Whether the player knows the password and answers this challenge.
    #[must_use]
    pub fn proves(&self, challenge: &Challenge, method: &str, password: &str) -> bool {
        let expected = self.expected(method, password);
        self.nonce == challenge.nonce && verify_slices_are_equal(expected.as_bytes(), self.response.as_bytes()).is_ok()
    }

    fn expected(&self, method: &str, password: &str) -> String {
        let who = hash(&format!("{}:{REALM}:{password}", self.user));
        let what = hash(&format!("{method}:{}", self.uri));
        match &self.counted {
            Some((count, own)) => hash(&format!("{who}:{}:{count}:{own}:auth:{what}", self.nonce)),
            None => hash(&format!("{who}:{}:{what}", self.nonce)),
        }
    }

    /// The address that the answer was made for.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::with_capacity(32), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// `name="value", name=value` with commas inside quotes left alone.
fn fields(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = next.trim_start_matches([',', ' ', '\t']);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        Challenge { nonce: "abc".into() }
    }

    fn answer(method: &str, password: &str) -> Digest {
        let who = hash(&format!("key1:{REALM}:{password}"));
        let what = hash(&format!("{method}:rtsp://h/gate"));
        let response = hash(&format!("{who}:abc:00000001:own:auth:{what}"));
        Digest::parse(&format!(
            "Digest username=\"key1\", realm=\"{REALM}\", nonce=\"abc\", uri=\"rtsp://h/gate\", \
             qop=auth, nc=00000001, cnonce=\"own\", response=\"{response}\""
        ))
        .expect("a digest")
    }

    #[test]
    fn the_right_password_proves_itself_and_nothing_else_does() {
        assert!(answer("DESCRIBE", "secret").proves(&challenge(), "DESCRIBE", "secret"));
        assert!(!answer("DESCRIBE", "secret").proves(&challenge(), "DESCRIBE", "other"));
        assert!(!answer("DESCRIBE", "secret").proves(&challenge(), "SETUP", "secret"), "made for another method");
        let other = Challenge { nonce: "abd".into() };
        assert!(!answer("DESCRIBE", "secret").proves(&other, "DESCRIBE", "secret"), "made for another connection");
    }

    #[test]
    fn the_old_form_without_qop_is_known() {
        // The example of RFC 2069's form, computed by hand from its definition.
        let response = hash(&format!("{}:abc:{}", hash("key1:vms:secret"), hash("SETUP:rtsp://h/a,b")));
        let text =
            format!(r#"Digest username="key1",realm="vms",nonce="abc",uri="rtsp://h/a,b",response="{response}""#);
        let digest = Digest::parse(&text).expect("a digest");
        assert_eq!(digest.uri(), "rtsp://h/a,b", "a comma inside quotes is no end");
        assert!(digest.proves(&challenge(), "SETUP", "secret"));
    }

    #[test]
    fn what_is_no_digest_is_none() {
        for text in
            ["", "Basic YTpi", "Digest ", "Digest username=\"a\"", "Digest =,=,=", "Digest a=\"", "Digest qop=auth-int"]
        {
            assert_eq!(Digest::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_example_of_rfc_2617_hashes_as_printed() {
        assert_eq!(hash("Mufasa:testrealm@host.com:Circle Of Life"), "939e7578ed9e3c518a452acee763bce9");
    }
}
