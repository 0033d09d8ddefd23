//! What a caller of SRT asks for: `read:CAMERA[/sub][:KEY]`,
//! `publish:CAMERA[/sub][:KEY[:SECRET]]`.

use vms_hub::StreamKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Read,
    Publish,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamId<'a> {
    pub wanted: Wanted,
    pub key: StreamKey,
    /// The stream key's name.
    pub id: Option<&'a str>,
    /// Shown in the clear, where nothing is encrypted.
    pub secret: Option<&'a str>,
}

impl<'a> StreamId<'a> {
    /// `None` for anything else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(4, ':');
        let wanted = match parts.next()? {
            "read" => Wanted::Read,
            "publish" => Wanted::Publish,
            _ => return None,
        };
        let key = StreamKey::parse(parts.next()?)?;
        let [id, secret] = [parts.next(), parts.next()].map(|part| part.filter(|part| !part.is_empty()));
        // Who watches proves the secret by encryption alone.
        let fits = secret.is_none() || wanted == Wanted::Publish;
        fits.then_some(Self { wanted, key, id, secret })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_is_wanted_and_who_wants_it() {
        let parsed = |text| {
            StreamId::parse(text)
                .map(|id| (id.wanted, id.key.to_string(), id.id.map(str::to_owned), id.secret.is_some()))
        };
        let some = |text: &str| Some(text.to_owned());
        let table = [
            ("read:gate", Some((Wanted::Read, "gate/main".into(), None, false))),
            ("read:gate/sub:k1", Some((Wanted::Read, "gate/sub".into(), some("k1"), false))),
            ("publish:gate:k1", Some((Wanted::Publish, "gate/main".into(), some("k1"), false))),
            ("publish:gate:k1:se:cret", Some((Wanted::Publish, "gate/main".into(), some("k1"), true))),
            ("publish:gate:", Some((Wanted::Publish, "gate/main".into(), None, false))),
            ("read:gate:k1:secret", None),
            ("watch:gate", None),
            ("read:", None),
            ("read", None),
            ("", None),
            ("read:gate/x", None),
        ];
        for (text, expected) in table {
            assert_eq!(parsed(text), expected, "{text:?}");
        }
    }
}
