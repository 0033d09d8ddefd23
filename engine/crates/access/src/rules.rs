//! What the control plane decides; it comes with the desired state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use crate::address::{Kind, ViewName};
use crate::denied::Denied;

/// Everything that decides who may open a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The name of this node; addresses may be made for one node alone.
    pub node: String,
    pub keys: Vec<PublicKey>,
    pub stream_keys: Vec<StreamKeyRule>,
    pub limits: Limits,
    /// Most streams at once, for cities whose plan says so.
    pub city_limits: BTreeMap<String, u32>,
    /// The city of each camera.
    pub cities: BTreeMap<String, String>,
    /// Stream keys that may also play what their cameras recorded, by id.
    pub playback_keys: BTreeSet<String>,
    /// Cameras with privacy masks.
    pub masked: BTreeSet<String>,
}

impl Rules {
    pub(crate) fn city_of(&self, camera: &str) -> &str {
        self.cities.get(camera).map_or("", String::as_str)
    }

    /// Whether a camera still is of this city and may be seen so.
    pub(crate) fn shows(&self, camera: &str, city: &str, view: ViewName) -> Result<(), Denied> {
        if city != self.city_of(camera) {
            return Err(Denied::Foreign("city"));
        }
        if view == ViewName::Masked && self.masked.contains(camera) { Err(Denied::Dark) } else { Ok(()) }
    }

    /// Whether a stream key opens a camera for this. Its viewers see no more
    /// than the masked picture.
    pub(crate) fn opens(&self, rule: &StreamKeyRule, camera: &str, kind: Kind, now_s: u64) -> Result<(), Denied> {
        if !rule.holds(camera, self.city_of(camera), now_s) {
            return Err(if rule.holds_nothing(now_s) { Denied::WrongKey } else { Denied::Foreign("camera") });
        }
        // Who talks is always known: that is by a signed address alone.
        let has_right = match kind {
            Kind::Talk => false,
            Kind::Publish => rule.publish,
            Kind::Playback => !rule.publish && self.playback_keys.contains(&rule.id),
            _ => !rule.publish,
        };
        if !has_right {
            return Err(Denied::Foreign("right"));
        }
        if kind != Kind::Publish && self.masked.contains(camera) { Err(Denied::Dark) } else { Ok(()) }
    }
}

/// A key that verifies signed addresses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKey {
    pub id: String,
    /// Ed25519, 32 bytes in URL-safe base64 without padding.
    pub public: String,
}

/// A name and password for players that know no signed addresses.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamKeyRule {
    pub id: String,
    pub secret: String,
    /// Its cameras: all, those of a city, or those named.
    #[serde(default)]
    pub city: Option<String>,
    #[serde(default)]
    pub cameras: Option<BTreeSet<String>>,
    /// Seconds of UTC; 0 never runs out.
    #[serde(default)]
    pub expires_s: u64,
    #[serde(default)]
    pub audio: bool,
    /// It sends pictures in; such a key may not view.
    #[serde(default)]
    pub publish: bool,
}

impl StreamKeyRule {
    #[must_use]
    pub fn holds(&self, camera: &str, city: &str, now_s: u64) -> bool {
        (self.expires_s == 0 || now_s < self.expires_s)
            && self.city.as_deref().is_none_or(|own| own == city)
            && self.cameras.as_ref().is_none_or(|cameras| cameras.contains(camera))
    }

    /// Whether it has run out altogether.
    fn holds_nothing(&self, now_s: u64) -> bool {
        self.expires_s != 0 && now_s >= self.expires_s
    }
}

impl fmt::Debug for StreamKeyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamKeyRule").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Most streams at once; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub stream: u32,
    pub viewer: u32,
    pub city: u32,
    pub machine: u32,
}
