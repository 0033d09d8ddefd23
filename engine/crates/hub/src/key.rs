//! What a stream is called.

use std::fmt;
use std::sync::Arc;

use vms_media::TrackKind;

/// Which of a camera's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamName {
    Main,
    Sub,
}

impl StreamName {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

/// As the camera sent it, or with the privacy masks burned in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    Original,
    Masked,
}

/// As the camera encoded it, or with tracks of that kind transcoded for viewers
/// who cannot take the camera's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    AsIs,
    Transcoded(TrackKind),
}

/// The key of one ring in the hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamKey {
    pub camera: Arc<str>,
    pub stream: StreamName,
    pub view: View,
    pub variant: Variant,
}

impl StreamKey {
    #[must_use]
    pub fn new(camera: &str, stream: StreamName) -> Self {
        Self { camera: camera.into(), stream, view: View::Original, variant: Variant::AsIs }
    }

    /// Reads `camera`, `camera/main` or `camera/sub`; a camera alone is main.
    /// `None` for anything else, so a caller answers "no such stream".
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.trim_matches('/').split('/');
        let camera = parts.next().filter(|id| is_camera_id(id))?;
        let stream = match parts.next() {
            None | Some("main") => StreamName::Main,
            Some("sub") => StreamName::Sub,
            Some(_) => return None,
        };
        parts.next().is_none().then(|| Self::new(camera, stream))
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.camera, self.stream.as_str())
    }
}

/// Whether a word may name a camera: `[a-z0-9][a-z0-9_-]{0,62}` and none of
/// the words that addresses use themselves.
#[must_use]
pub fn is_camera_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = id.as_bytes();
    (1..=63).contains(&bytes.len())
        && allowed(bytes[0])
        && bytes.iter().all(|&b| allowed(b) || b == b'_' || b == b'-')
        && !matches!(id, "main" | "sub" | "playback" | "api")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_streams() {
        let name = |path| StreamKey::parse(path).map(|key| key.to_string());
        assert_eq!(name("gate").as_deref(), Some("gate/main"));
        assert_eq!(name("/gate/sub/").as_deref(), Some("gate/sub"));
        assert_eq!(name("gate/main").as_deref(), Some("gate/main"));
        for bad in ["", "main", "api/main", "Gate", "-a", "a/b", "a/sub/x", "a b", &"x".repeat(64)] {
            assert_eq!(name(bad), None, "{bad:?} must not be a stream");
        }
    }
}
