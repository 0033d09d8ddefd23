//! The parts of a camera: video, index, checksums, read before anything is
//! judged.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Finding, Report, State, Why};
use super::{Options, Tree, sourced};
use crate::crypt::{DataKey, PartKey};
use crate::mp4::walk::{self, Init};
use crate::names::{FileKind, Name, Owner, PartId};
use crate::record::{Close, Header, kind, scan};
use crate::recover::{HashFrom, Whole, recover};
use crate::source::{Source, SourceError};
use crate::{Stored, time};

/// One fragment as its index has it.
pub struct Piece {
    pub stored: Stored,
    pub rebuilt: bool,
    pub state: State,
    pub why: Why,
}

pub struct File<'a> {
    pub path: String,
    pub source: Option<&'a dyn Source>,
}

pub struct Part<'a> {
    pub id: PartId,
    pub video: File<'a>,
    pub index: File<'a>,
    pub sums: File<'a>,
    pub encrypted: bool,
    pub key: Option<PartKey>,
    pub init: Option<Init>,
    pub close: Option<Close>,
    pub pieces: Vec<Piece>,
}

impl Part<'_> {
    /// From the begin of its first fragment to the end of its last.
    pub fn span(&self) -> (i64, i64) {
        match (self.pieces.first(), self.pieces.last()) {
            (Some(first), Some(last)) => (first.stored.core.utc_us, last.stored.core.end_us()),
            _ => (time::hour_start_us(self.id.hour), time::hour_start_us(self.id.hour) + time::HOUR_US),
        }
    }

    pub fn finding(&self, piece: &Piece, state: State, why: Why, groups: u8, detail: String) -> Finding {
        let core = &piece.stored.core;
        let file = self.video.path.clone();
        let (from_us, to_us) = (core.utc_us, core.end_us());
        Finding { state, why, file, first: core.sequence, last: core.sequence, from_us, to_us, groups, detail }
    }

    fn say(&self, report: &mut Report, state: State, why: Why, file: &File<'_>, detail: String) {
        let (from_us, to_us) = self.span();
        report.say(state, why, &file.path, from_us, to_us, detail);
    }
}

/// Reads all parts of which any file is there, in the order of their names.
pub fn read<'a>(
    camera: &str,
    owner: &Owner,
    tree: &Tree<'a>,
    options: &Options,
    report: &mut Report,
) -> Result<Vec<Part<'a>>, SourceError> {
    let mut ids = BTreeSet::new();
    for path in tree.keys() {
        match Name::parse(path).filter(|name| name.camera == camera) {
            None => report.strangers.push(path.clone()),
            Some(Name { kind: FileKind::Thumb, .. }) => {}
            Some(name) => ids
                .extend(name.part.filter(|part| options.covers_part(part.hour) && options.covers_stream(part.stream))),
        }
    }
    ids.into_iter().map(|id| read_part(owner, id, tree, options, report)).collect()
}

fn read_part<'a>(
    owner: &Owner,
    id: PartId,
    tree: &Tree<'a>,
    options: &Options,
    report: &mut Report,
) -> Result<Part<'a>, SourceError> {
    let file = |kind| {
        let path = Name { camera: owner.camera.clone(), kind, part: Some(id) }.path();
        File { source: tree.get(&path).copied(), path }
    };
    let sealed = file(FileKind::Sealed);
    let encrypted = sealed.source.is_some();
    let mut part = Part {
        id,
        video: if encrypted { sealed } else { file(FileKind::Video) },
        index: file(FileKind::Index),
        sums: file(FileKind::Checksum),
        encrypted,
        key: None,
        init: None,
        close: None,
        pieces: Vec::new(),
    };
    for file in [&part.video, &part.index] {
        if file.source.is_none() {
            part.say(report, State::Missing, Why::FileMissing, file, String::new());
        }
    }
    let whole_index = read_index(&mut part, owner, report)?;
    read_video(&mut part, owner, options, report)?;
    salvage(&mut part, report)?;
    part.pieces.sort_by_key(|piece| piece.stored.core.sequence);
    for detail in whole_index {
        part.say(report, State::Changed, Why::FileTorn, &part.index, detail);
    }
    Ok(part)
}

/// Returns what is torn: it is told once the part's times are known.
fn read_index(part: &mut Part<'_>, owner: &Owner, report: &mut Report) -> Result<Vec<String>, SourceError> {
    let Some(source) = part.index.source else { return Ok(Vec::new()) };
    let found = scan(source)?;
    let mut torn: Vec<String> = found.torn.iter().map(|torn| format!("{}-{}", torn.start, torn.end)).collect();
    for (at, record) in &found.records {
        let read = match record.kind {
            kind::FRAGMENT => Stored::parse(record).map(|stored| {
                let (state, why) = (State::Unsealed, Why::NoSeal);
                part.pieces.push(Piece { stored, rebuilt: record.is_rebuilt(), state, why });
            }),
            kind::CLOSE => Close::parse(record).map(|close| part.close = Some(close)),
            _ => Ok(()),
        };
        if read.is_err() {
            torn.push(at.to_string());
        }
    }
    let header = found.records.first().and_then(|(_, record)| Header::parse(record).ok());
    let wanted = Header { owner: owner.clone(), part: Some(part.id) };
    if torn.is_empty() && header != Some(wanted) {
        part.say(report, State::Changed, Why::HeaderOther, &part.index, String::new());
    }
    Ok(torn)
}

fn read_video(part: &mut Part<'_>, owner: &Owner, options: &Options, report: &mut Report) -> Result<(), SourceError> {
    let Some(source) = part.video.source else { return Ok(()) };
    let Ok(init) = sourced(walk::read_init(source))? else {
        part.say(report, State::Changed, Why::BoxesOther, &part.video, String::new());
        return Ok(());
    };
    let header = init.header.as_ref().and_then(|record| Header::parse(record).ok());
    if header != Some(Header { owner: owner.clone(), part: Some(part.id) }) {
        part.say(report, State::Changed, Why::HeaderOther, &part.video, String::new());
    }
    if let Some(wrapped) = init.data_key.as_ref().and_then(|record| DataKey::parse(record).ok()) {
        let master = options.masters.get(&wrapped.name);
        match master.map(|master| PartKey::unwrap(&owner.camera, wrapped, master)) {
            Some(Ok(key)) => part.key = Some(key),
            Some(Err(_)) => part.say(report, State::Changed, Why::TagWrong, &part.video, String::new()),
            None => {}
        }
    }
    part.init = Some(init);
    Ok(())
}

/// Takes what the index lacks from the video, where any of the video is in
/// no fragment of the index.
fn salvage(part: &mut Part<'_>, report: &mut Report) -> Result<(), SourceError> {
    let (Some(source), Some(init)) = (part.video.source, &part.init) else { return Ok(()) };
    if (part.encrypted && part.key.is_none()) || is_covered(part, init.end, source)? {
        return Ok(());
    }
    let Ok(found) = sourced(recover(source, part.key.as_ref(), HashFrom::START))? else { return Ok(()) };
    let known: BTreeMap<u64, ()> = part.pieces.iter().map(|piece| (piece.stored.core.sequence, ())).collect();
    for whole in found.fragments {
        let Whole::Plain(mut stored) = whole else { continue };
        if known.contains_key(&stored.core.sequence) {
            continue;
        }
        stored.place.part = part.id.part;
        let piece = Piece { stored, rebuilt: true, state: State::Unsealed, why: Why::NoSeal };
        if part.index.source.is_some() {
            let mut finding = part.finding(&piece, State::Changed, Why::NotInIndex, 7, String::new());
            finding.file.clone_from(&part.index.path);
            report.findings.push(finding);
        }
        part.pieces.push(piece);
    }
    Ok(())
}

/// True where the index's fragments and `free` boxes fill the video.
fn is_covered(part: &Part<'_>, from: u64, source: &dyn Source) -> Result<bool, SourceError> {
    let places: BTreeMap<u64, u64> =
        part.pieces.iter().map(|piece| (piece.stored.place.offset, piece.stored.place.size.into())).collect();
    let (mut at, end) = (from, source.len());
    while at < end {
        at = match places.get(&at) {
            Some(&size) if size > 0 => at + size,
            _ => match walk::box_at(source, at, end)?.filter(|found| &found.name == b"free") {
                Some(free) => free.range.end,
                None => return Ok(false),
            },
        };
    }
    Ok(at == end)
}
