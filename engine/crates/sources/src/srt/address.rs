//! `srt://HOST:PORT?streamid=&passphrase=&latency=&pbkeylen=`.

use std::time::Duration;

use url::Url;
use vms_srt::{Delivery, KeyLength, Passphrase, Settings};

use crate::reason::Reason;

/// What is waited for a lost packet where the address does not say.
const LATENCY: Duration = Duration::from_millis(120);
const LATENCY_MS: std::ops::RangeInclusive<u64> = 20..=8_000;

#[derive(Clone, Debug)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub settings: Settings,
}

fn bad(detail: impl Into<String>) -> Reason {
    Reason::BadUrl { detail: detail.into() }
}

impl Address {
    /// Options that say nothing to us are left alone, as addresses are copied
    /// from other programs; what would change whom we call is refused.
    pub fn parse(address: &str) -> Result<Self, Reason> {
        let url = Url::parse(address).map_err(|error| bad(error.to_string()))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?;
        let port = url.port().ok_or_else(|| bad("SRT has no port of its own: name one"))?;
        // Media carry their own times.
        let mut settings = Settings { latency: LATENCY, delivery: Delivery::InOrder, ..Settings::default() };
        for (name, value) in url.query_pairs() {
            match &*name {
                "streamid" => settings.stream_id = value.into_owned(),
                "passphrase" if value.is_empty() => {}
                "passphrase" => {
                    settings.passphrase = Some(Passphrase::new(&value).map_err(|error| bad(error.to_string()))?);
                }
                "latency" => {
                    let ms = value.parse().ok().filter(|ms| LATENCY_MS.contains(ms));
                    let ms = ms.ok_or_else(|| bad("latency is 20 to 8000, in milliseconds"))?;
                    settings.latency = Duration::from_millis(ms);
                }
                "pbkeylen" => {
                    let length = value.parse().ok().and_then(KeyLength::of_bytes);
                    settings.key_length = length.ok_or_else(|| bad("pbkeylen is 16, 24 or 32"))?;
                }
                "mode" if value != "caller" => return Err(bad("we call; for a camera that calls, write publish:")),
                _ => {}
            }
        }
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whom_to_call_and_how() {
        let address =
            "srt://[::1]:8890?streamid=read%3Agate%2Fsub&passphrase=correct%20horse&latency=20&pbkeylen=32&x=1";
        let parsed = Address::parse(address).expect("it is right");
        assert_eq!((parsed.host.as_str(), parsed.port), ("::1", 8890));
        assert_eq!(parsed.settings.stream_id, "read:gate/sub");
        assert_eq!(parsed.settings.passphrase, Passphrase::new("correct horse").ok());
        assert_eq!((parsed.settings.latency.as_millis(), parsed.settings.key_length), (20, KeyLength::Aes256));
        let plain = Address::parse("srt://camera:9000").expect("it is right").settings;
        assert!(plain.passphrase.is_none() && plain.stream_id.is_empty() && plain.latency == LATENCY);
    }

    #[test]
    fn what_cannot_be_called_is_told() {
        for (address, word) in [
            ("srt://camera", "port"),
            ("srt://:9000", "host"),
            ("srt://camera:9000?mode=listener", "publish:"),
            ("srt://camera:9000?latency=5", "milliseconds"),
            ("srt://camera:9000?passphrase=short", "10 to 79"),
            ("srt://camera:9000?pbkeylen=15", "pbkeylen"),
        ] {
            match Address::parse(address) {
                Err(Reason::BadUrl { detail }) => assert!(detail.contains(word), "{address}: {detail}"),
                other => panic!("{address}: {other:?}"),
            }
        }
    }
}
