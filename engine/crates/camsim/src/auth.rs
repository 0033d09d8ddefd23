//! Digest authentication as cameras do it (RFC 2069 and 2617 without qop).

use md5::{Digest, Md5};

pub const REALM: &str = "vms camera";

fn hex_md5(parts: &[&str]) -> String {
    let digest = Md5::digest(parts.join(":"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer expected for a request.
pub fn response(user: &str, password: &str, nonce: &str, method: &str, uri: &str) -> String {
    let who = hex_md5(&[user, REALM, password]);
    let what = hex_md5(&[method, uri]);
    hex_md5(&[&who, nonce, &what])
}

/// Does an Authorization header prove the password?
pub fn accepts(header: &str, user: (&str, &str), nonce: &str, method: &str) -> bool {
    let Some(fields) = header.trim().strip_prefix("Digest ") else {
        return false;
    };
    let field = |name: &str| {
        fields.split(',').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim() == name).then(|| value.trim().trim_matches('"'))
        })
    };
    let (Some(name), Some(uri), Some(given)) = (field("username"), field("uri"), field("response")) else {
        return false;
    };
    name == user.0 && field("nonce") == Some(nonce) && given == response(user.0, user.1, nonce, method, uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_is_accepted_and_no_other() {
        let uri = "rtsp://127.0.0.1/cam1";
        let proof = response("u", "secret", "n1", "DESCRIBE", uri);
        let header = |nonce: &str, proof: &str| {
            format!(r#"Digest username="u", realm="{REALM}", nonce="{nonce}", uri="{uri}", response="{proof}""#)
        };
        let user = ("u", "secret");
        assert!(accepts(&header("n1", &proof), user, "n1", "DESCRIBE"));
        assert!(!accepts(&header("n2", &proof), user, "n1", "DESCRIBE"));
        assert!(!accepts(&header("n1", "00"), user, "n1", "DESCRIBE"));
        assert!(!accepts(&header("n1", &proof), user, "n1", "SETUP"));
        assert!(!accepts("Basic dTpzZWNyZXQ=", user, "n1", "DESCRIBE"));
        assert!(!accepts("Digest nonsense", user, "n1", "DESCRIBE"));
    }
}
