//! Paths under a volume's `cameras` folder, built and read.

use crate::time::Day;

/// Whose recording it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    pub city: String,
    pub camera: String,
}

impl Owner {
    #[must_use]
    pub fn new(city: &str, camera: &str) -> Self {
        Self { city: city.to_owned(), camera: camera.to_owned() }
    }
}

pub const MAIN: u8 = 0;
pub const SUB: u8 = 1;
/// The stream of what concerns the whole camera.
pub const WHOLE_CAMERA: u8 = 255;

/// One part: a video file and its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId {
    /// Hours since 1970.
    pub hour: u32,
    /// 0 for the first of its hour.
    pub part: u16,
    /// [`MAIN`] or [`SUB`].
    pub stream: u8,
}

/// What a file of a camera's folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    Ledger,
    Video,
    /// Encrypted.
    Sealed,
    Index,
    Checksum,
    Thumb,
}

/// A path of the format: `CAMERA/…`, below `cameras`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub camera: String,
    pub kind: FileKind,
    /// `None` for a ledger; a thumb has part 0.
    pub part: Option<PartId>,
}

/// True for `[a-z0-9][a-z0-9_-]{0,62}`.
#[must_use]
pub fn is_camera(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    id.len() <= 63 && id.bytes().next().is_some_and(plain) && id.bytes().all(|b| plain(b) || b == b'_' || b == b'-')
}

impl PartId {
    /// The name that people and calls use: `YYYY-MM-DD/HH[-N][.sub]`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", Day::of_hour(self.hour), self.stem())
    }

    /// The path of one of its files, from the camera's folder on.
    #[must_use]
    pub fn path(&self, kind: FileKind) -> String {
        let (before, after) = match kind {
            FileKind::Video => ("video_", ".mp4"),
            FileKind::Sealed => ("video_", ".mp4e"),
            FileKind::Index => ("index_", ".vms-idx"),
            FileKind::Checksum => ("video_", ".sha256"),
            FileKind::Thumb => ("thumb_", ".webp"),
            FileKind::Ledger => return LEDGER.to_owned(),
        };
        format!("{}/{before}{}{after}", Day::of_hour(self.hour), self.stem())
    }

    fn stem(&self) -> String {
        let number = if self.part == 0 { String::new() } else { format!("-{}", self.part) };
        let stream = if self.stream == MAIN { "" } else { ".sub" };
        format!("{:02}{number}{stream}", self.hour % 24)
    }

    /// Reads `YYYY-MM-DD/HH[-N][.sub]`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (day, stem) = name.split_once('/')?;
        parse_stem(Day::parse(day)?, stem)
    }
}

/// The ledger's name in a camera's folder.
pub const LEDGER: &str = "ledger.vms-idx";

impl Name {
    /// Reads a path below `cameras`; `None` for what does not match, which is
    /// left alone by all who read or delete.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (camera, rest) = path.split_once('/')?;
        if !is_camera(camera) {
            return None;
        }
        let camera = camera.to_owned();
        if rest == LEDGER {
            return Some(Self { camera, kind: FileKind::Ledger, part: None });
        }
        let (day, file) = rest.split_once('/')?;
        let day = Day::parse(day)?;
        let (stem, kind) = [
            ("video_", ".mp4", FileKind::Video),
            ("video_", ".mp4e", FileKind::Sealed),
            ("index_", ".vms-idx", FileKind::Index),
            ("video_", ".sha256", FileKind::Checksum),
            ("thumb_", ".webp", FileKind::Thumb),
        ]
        .into_iter()
        .find_map(|(before, after, kind)| Some((file.strip_prefix(before)?.strip_suffix(after)?, kind)))?;
        let part = parse_stem(day, stem)?;
        (kind != FileKind::Thumb || part.part == 0).then_some(Self { camera, kind, part: Some(part) })
    }

    /// The path below `cameras`.
    #[must_use]
    pub fn path(&self) -> String {
        match self.part {
            Some(part) => format!("{}/{}", self.camera, part.path(self.kind)),
            None => format!("{}/{LEDGER}", self.camera),
        }
    }
}

fn parse_stem(day: Day, stem: &str) -> Option<PartId> {
    let (stem, stream) = match stem.strip_suffix(".sub") {
        Some(stem) => (stem, SUB),
        None => (stem, MAIN),
    };
    let (hour, part) = match stem.split_once('-') {
        Some((hour, part)) => (hour, number(part).filter(|_| !part.starts_with('0'))?),
        None => (stem, 0),
    };
    let hour = (hour.len() == 2).then(|| number(hour))?.filter(|&hour| hour < 24)?;
    let hour = u32::try_from(day.since_1970() * 24).ok()?.checked_add(u32::from(hour))?;
    Some(PartId { hour, part, stream })
}

fn number(digits: &str) -> Option<u16> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_through_their_paths() {
        for (path, kind, part, stream) in [
            ("gate/2026-11-21/video_07.mp4", FileKind::Video, 0, MAIN),
            ("gate/2026-11-21/video_07-12.sub.mp4e", FileKind::Sealed, 12, SUB),
            ("gate/2026-11-21/index_07-65535.vms-idx", FileKind::Index, 65_535, MAIN),
            ("gate/2026-11-21/video_07.sub.sha256", FileKind::Checksum, 0, SUB),
            ("gate/2026-11-21/thumb_07.sub.webp", FileKind::Thumb, 0, SUB),
        ] {
            let name = Name::parse(path).expect(path);
            let id = name.part.expect("a part");
            assert_eq!((name.kind, id.part, id.stream, id.hour % 24), (kind, part, stream, 7));
            assert_eq!(name.path(), path);
            assert_eq!(PartId::parse(&id.name()), Some(id));
        }
        let ledger = Name::parse("gate/ledger.vms-idx").expect("a ledger");
        assert_eq!((ledger.kind, ledger.part, ledger.path().as_str()), (FileKind::Ledger, None, "gate/ledger.vms-idx"));
    }

    #[test]
    fn what_does_not_match_is_nothing_of_ours() {
        for path in [
            "Gate/ledger.vms-idx",
            "gate/ledger.vms-idx.bak",
            "gate/2026-11-21/video_24.mp4",
            "gate/2026-11-21/video_7.mp4",
            "gate/2026-11-21/video_07-0.mp4",
            "gate/2026-11-21/video_07-65536.mp4",
            "gate/2026-11-21/video_07-01.mp4",
            "gate/2026-11-21/video_07-+1.mp4",
            "gate/2026-11-21/thumb_07-1.webp",
            "gate/2026-11-31/video_07.mp4",
            "gate/2026-11-21/x/video_07.mp4",
            "gate/../video_07.mp4",
            "gate",
            "",
        ] {
            assert_eq!(Name::parse(path), None, "{path}");
        }
        assert!(is_camera(&"a".repeat(63)) && !is_camera(&"a".repeat(64)) && !is_camera("-a") && !is_camera(""));
    }
}
