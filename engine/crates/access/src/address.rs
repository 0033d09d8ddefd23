//! Signed addresses: `v1.KID.PAYLOAD.SIGNATURE`, Ed25519 over the text before
//! the last dot (RFC 8032).

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use vms_hub::{StreamKey, StreamName};

use crate::denied::Denied;
use crate::rules::PublicKey;

/// Longer than any that is signed.
const MAX_BYTES: usize = 2048;
const MAX_ID_BYTES: usize = 64;
const MAX_NAME_BYTES: usize = 400;
const MAX_ACTOR_BYTES: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Webrtc,
    Rtsp,
    Hls,
    Playback,
    Srt,
    /// Many cameras on one WebSocket.
    Socket,
    /// Not a viewer: who is heard at the camera.
    Talk,
    /// Not a viewer: who sends pictures in.
    Publish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViewName {
    Original,
    Masked,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    #[serde(rename = "c")]
    pub camera: String,
    #[serde(rename = "s")]
    pub stream: StreamName,
    #[serde(rename = "t")]
    pub city: String,
    #[serde(rename = "k")]
    pub kind: Kind,
    #[serde(rename = "w")]
    pub view: ViewName,
    #[serde(rename = "a")]
    audio: u8,
    #[serde(rename = "v")]
    pub viewer: String,
    #[serde(rename = "i")]
    pub session: String,
    #[serde(rename = "n")]
    pub node: String,
    #[serde(rename = "e")]
    pub expires_s: u64,
    #[serde(rename = "f")]
    pub from_us: i64,
    #[serde(rename = "u")]
    pub until_us: i64,
    #[serde(rename = "j")]
    pub nonce: String,
    #[serde(rename = "m")]
    pub most: u32,
    /// How who talks may be called towards another who wishes to; empty where
    /// nobody else may know.
    #[serde(rename = "d", default)]
    pub called: String,
    /// As the audit names who talks.
    #[serde(rename = "b", default)]
    pub actor: String,
}

impl Address {
    #[must_use]
    pub fn audio(&self) -> bool {
        self.audio == 1
    }

    /// Whether it was signed for this.
    pub(crate) fn opens(&self, key: &StreamKey, kind: Kind) -> Result<(), Denied> {
        if self.kind != kind {
            return Err(Denied::Foreign("kind of stream"));
        }
        if *self.camera != *key.camera || self.stream != key.stream {
            return Err(Denied::Foreign("stream"));
        }
        Ok(())
    }

    /// Whether it may open something still.
    pub(crate) fn in_time(&self, now_s: u64) -> Result<(), Denied> {
        if self.expires_s < now_s { Err(Denied::Expired) } else { Ok(()) }
    }

    fn is_sound(&self) -> bool {
        let short = |text: &str| text.len() <= MAX_ID_BYTES;
        self.audio <= 1
            && self.called.len() <= MAX_NAME_BYTES
            && self.actor.len() <= MAX_ACTOR_BYTES
            && (16..=MAX_ID_BYTES).contains(&self.nonce.len())
            && !self.viewer.is_empty()
            && [&self.camera, &self.city, &self.viewer, &self.session, &self.node].iter().all(|text| short(text))
    }
}

/// The keys that verify, by name.
#[derive(Debug, Default)]
pub struct Keys {
    by_id: BTreeMap<String, UnparsedPublicKey<Vec<u8>>>,
}

impl Keys {
    /// Keys that are none are left out: what they signed is then refused.
    #[must_use]
    pub fn new(keys: &[PublicKey]) -> Self {
        let read = |key: &PublicKey| {
            let bytes = URL_SAFE_NO_PAD.decode(&key.public).ok().filter(|bytes| bytes.len() == 32)?;
            Some((key.id.clone(), UnparsedPublicKey::new(&ED25519, bytes)))
        };
        Self { by_id: keys.iter().filter_map(read).collect() }
    }

    /// Reads an address; who signed it is known, what it allows is not judged.
    pub fn verify(&self, text: &str) -> Result<Address, Denied> {
        let form = Denied::Invalid("it has not the form v1.KEY.PAYLOAD.SIGNATURE");
        if text.len() > MAX_BYTES {
            return Err(form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(form.clone())?;
        let mut parts = signed.split('.');
        let (Some("v1"), Some(key), Some(payload), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form);
        };
        let key = self.by_id.get(key).ok_or(Denied::Invalid("its key is not known here"))?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| form.clone())?;
        key.verify(signed.as_bytes(), &signature).map_err(|_| Denied::Invalid("its signature is wrong"))?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| form)?;
        let address: Address =
            serde_json::from_slice(&payload).map_err(|_| Denied::Invalid("its payload is not understood"))?;
        if address.is_sound() { Ok(address) } else { Err(Denied::Invalid("its payload is out of bounds")) }
    }
}
