//! Which files were given, and what verifying says of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vms_format::manifest::{FILE_NAME, verify_export};
use vms_format::mp4::walk::read_init;
use vms_format::names::{FileKind, LEDGER, Name, PartId};
use vms_format::record::{Header, scan};
use vms_format::source::{Source, SourceError};
use vms_format::verify::{Options, Report, Tree, verify};
use vms_format::{FormatError, Hash};

/// What the page asks.
#[derive(Debug, Deserialize)]
pub struct Request {
    pub files: Vec<GivenFile>,
    /// The fingerprint that is trusted, in hexadecimal; blanks and colons are
    /// passed over. Empty: none is known.
    pub pin: String,
}

#[derive(Debug, Deserialize)]
pub struct GivenFile {
    pub name: String,
}

/// What the page shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// An export with its manifest.
    Export(Report),
    /// Parts with their ledger.
    Recording(Report),
    Error(&'static str, String),
}

const NOTHING: &str = "nothing_to_verify";
const BAD_PIN: &str = "bad_fingerprint";
const UNREADABLE: &str = "unreadable";

/// Verifies what was given; `sources` are the files' bytes, in their order.
#[must_use]
pub fn answer(request: &Request, sources: &[&dyn Source]) -> Answer {
    let Ok(pin) = parse_pin(&request.pin) else {
        return Answer::Error(BAD_PIN, request.pin.clone());
    };
    let files: Vec<(&str, &dyn Source)> =
        request.files.iter().map(|file| base_name(&file.name)).zip(sources.iter().copied()).collect();
    let is_recording = files.iter().any(|(name, _)| *name == LEDGER);
    let result = if is_recording { recording(&files, pin) } else { export(&files, pin) };
    result.unwrap_or_else(|error| match error {
        FormatError::Missing { what } => Answer::Error(NOTHING, what.to_owned()),
        other => Answer::Error(UNREADABLE, other.to_string()),
    })
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn parse_pin(text: &str) -> Result<Option<Hash>, ()> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b':').collect();
    if digits.is_empty() {
        return Ok(None);
    }
    let mut hash = [0; 32];
    if digits.len() != 64 {
        return Err(());
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| ())?;
        // `from_str_radix` would take a sign.
        let all_hex = pair.bytes().all(|b| b.is_ascii_hexdigit());
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| all_hex).ok_or(())?;
    }
    Ok(Some(hash))
}

const MOST_MANIFEST: u64 = 512 * 1024 * 1024;

fn export(files: &[(&str, &dyn Source)], pin: Option<Hash>) -> Result<Answer, FormatError> {
    let beside = files.iter().find(|(name, _)| *name == FILE_NAME);
    let clip = files.iter().find(|(name, _)| *name != FILE_NAME);
    let (_, clip) = clip.ok_or(FormatError::Missing { what: "a video" })?;
    let manifest = match beside {
        Some((_, source)) => Some(vms_format::source::read(*source, 0, source.len(), MOST_MANIFEST, "the manifest")?),
        None => None,
    };
    Ok(Answer::Export(verify_export(*clip, manifest.as_deref(), pin)?))
}

/// Files come without their folders: an index, and a video, says itself whose
/// part it is.
fn recording(files: &[(&str, &dyn Source)], pin: Option<Hash>) -> Result<Answer, FormatError> {
    let mut places: BTreeMap<&str, (String, PartId)> = BTreeMap::new();
    let mut camera = None;
    for (name, source) in files {
        let header = if name.ends_with(".vms-idx") {
            first_header(*source)?
        } else if name.ends_with(".mp4") || name.ends_with(".mp4e") {
            read_init(*source).ok().and_then(|init| Header::parse(&init.header?).ok())
        } else {
            None
        };
        let Some(header) = header else { continue };
        match header.part {
            Some(part) => {
                places.insert(stem(name), (header.owner.camera, part));
            }
            None => camera = Some(header.owner.camera),
        }
    }
    let camera = camera.or_else(|| places.values().next().map(|(camera, _)| camera.clone()));
    let camera = camera.ok_or(FormatError::Missing { what: "the camera's name" })?;
    let mut tree = Tree::new();
    for (name, source) in files {
        let path = match (*name, places.get(stem(name)), kind_of(name)) {
            (LEDGER, _, _) => Name { camera: camera.clone(), kind: FileKind::Ledger, part: None }.path(),
            (_, Some((camera, part)), Some(kind)) => Name { camera: camera.clone(), kind, part: Some(*part) }.path(),
            _ => (*name).to_owned(),
        };
        tree.insert(path, *source);
    }
    let hours: BTreeSet<u32> = places.values().map(|(_, part)| part.hour).collect();
    let hours = hours.first().zip(hours.last()).map(|(first, last)| *first..=*last);
    let options = Options { pinned: pin, hours, ..Options::default() };
    Ok(Answer::Recording(verify(&camera, &tree, &options)?))
}

fn first_header(source: &dyn Source) -> Result<Option<Header>, SourceError> {
    Ok(scan(source)?.records.first().and_then(|(_, record)| Header::parse(record).ok()))
}

/// What the files of one part have in common: `10-1.sub` of
/// `video_10-1.sub.mp4`.
fn stem(name: &str) -> &str {
    let name = name.split_once('_').map_or(name, |(_, rest)| rest);
    [".mp4e", ".mp4", ".vms-idx", ".sha256", ".webp"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn kind_of(name: &str) -> Option<FileKind> {
    let kinds = [
        (".mp4e", FileKind::Sealed),
        (".mp4", FileKind::Video),
        (".vms-idx", FileKind::Index),
        (".sha256", FileKind::Checksum),
        (".webp", FileKind::Thumb),
    ];
    kinds.into_iter().find(|(end, _)| name.ends_with(end)).map(|(_, kind)| kind)
}
