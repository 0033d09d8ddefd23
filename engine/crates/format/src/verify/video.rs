//! Step (7): every fragment whose video is there: place, boxes, decode times,
//! group hashes; and files as a whole.

use sha2::{Digest, Sha256};

use super::disk::{Part, Piece};
use super::ledger::Book;
use super::report::{Report, State, Why, hex};
use super::{Options, sourced};
use crate::fragment::{EMPTY_GROUP, Group};
use crate::mp4::walk::{self, FragmentAt};
use crate::recover::{encrypted_box, open};
use crate::source::{Source, SourceError};
use crate::time::hour_of;
use crate::{FormatError, Hash};

pub fn check(part: &Part<'_>, book: &Book, options: &Options, report: &mut Report) -> Result<(), SourceError> {
    let asked = part.pieces.iter().filter(|piece| options.covers(hour_of(piece.stored.core.utc_us)));
    if part.init.is_some() {
        for piece in asked {
            check_piece(part, piece, book, report)?;
        }
    } else {
        // Without the video only the record can be judged.
        for piece in asked {
            report.findings.push(part.finding(piece, State::Missing, Why::FileMissing, 7, String::new()));
        }
    }
    if options.covers(part.id.hour) { check_files(part, report) } else { Ok(()) }
}

/// What of a fragment's groups is there.
struct Groups {
    left: u8,
    gone: u8,
}

fn check_piece(part: &Part<'_>, piece: &Piece, book: &Book, report: &mut Report) -> Result<(), SourceError> {
    let groups = match sourced(look(part, piece))? {
        Ok(Ok(groups)) => groups,
        Ok(Err(why)) => {
            report.findings.push(part.finding(piece, State::Changed, why, 7, String::new()));
            return Ok(());
        }
        Err(error) => {
            report.findings.push(part.finding(piece, State::Changed, Why::BoxesOther, 7, error.to_string()));
            return Ok(());
        }
    };
    let (mut state, mut why) = (piece.state, piece.why);
    if part.encrypted && part.key.is_none() && state != State::Changed {
        (state, why) = (State::Unread, Why::NoKey);
    } else if state == State::Intact && piece.rebuilt {
        state = State::Rebuilt;
    }
    for group in Group::ALL.into_iter().filter(|group| groups.gone & group.bit() != 0) {
        let (state, why, detail) = match book.removal(part.id.stream, piece.stored.core.sequence, group.bit()) {
            Some(removed) => (State::Removed, Why::RemovedBy, removed.why.clone()),
            None => (State::Missing, Why::NotExplained, String::new()),
        };
        report.findings.push(part.finding(piece, state, why, group.bit(), detail));
    }
    if groups.left != 0 || groups.gone == 0 {
        report.findings.push(part.finding(piece, state, why, groups.left, String::new()));
    }
    Ok(())
}

/// Holds one fragment's video against its record.
fn look(part: &Part<'_>, piece: &Piece) -> Result<Result<Groups, Why>, FormatError> {
    let (Some(source), Some(init)) = (part.video.source, &part.init) else {
        return Err(FormatError::Missing { what: "the video" });
    };
    let place = piece.stored.place;
    let end = place.offset.saturating_add(place.size.into());
    if end > source.len() || place.part != part.id.part {
        return Ok(Err(Why::BoxesOther));
    }
    if !part.encrypted {
        let found = walk::fragment_at(source, place.offset, end)?;
        return if found.range.end == end {
            compare(source, &found, piece, init.video_track())
        } else {
            Ok(Err(Why::BoxesOther))
        };
    }
    let outer = encrypted_box(source, place.offset, end)?;
    if outer.range.end != end {
        return Ok(Err(Why::BoxesOther));
    }
    let Some(key) = &part.key else {
        return Ok(Ok(Groups { left: 7, gone: 0 }));
    };
    let plain = match open(source, &outer, key) {
        Err(FormatError::Sealed { .. }) => return Ok(Err(Why::TagWrong)),
        other => other?,
    };
    let found = walk::fragment_at(&plain, 0, plain.len() as u64)?;
    compare(&plain, &found, piece, init.video_track())
}

fn compare(
    source: &dyn Source,
    found: &FragmentAt,
    piece: &Piece,
    video: Option<u8>,
) -> Result<Result<Groups, Why>, FormatError> {
    let core = &piece.stored.core;
    if (&found.stored.core, found.stored.chain) != (core, piece.stored.chain) {
        return Ok(Err(Why::RecordOther));
    }
    let hashes = walk::group_hashes(source, &found.samples, video)?;
    let mut groups = Groups { left: 0, gone: 0 };
    for ((group, own), recorded) in Group::ALL.into_iter().zip(hashes).zip(core.groups) {
        match (own, recorded) {
            (EMPTY_GROUP, EMPTY_GROUP) => groups.left |= group.bit(),
            (EMPTY_GROUP, _) => groups.gone |= group.bit(),
            (own, recorded) if own == recorded => groups.left |= group.bit(),
            _ => return Ok(Err(Why::SamplesOther)),
        }
    }
    // Groups that never had samples are there only beside one that is.
    if core.recorded_groups() & groups.left == 0 && groups.gone != 0 {
        groups.left = 0;
    }
    for track in &core.tracks {
        let first = found.samples.iter().find(|sample| sample.head.track == track.id);
        if first.is_some_and(|sample| sample.dts != track.first_dts) {
            return Ok(Err(Why::TimesOther));
        }
    }
    Ok(Ok(groups))
}

/// Files as a whole: what no fragment's hashes cover is named by the part.
fn check_files(part: &Part<'_>, report: &mut Report) -> Result<(), SourceError> {
    let (from_us, to_us) = part.span();
    let (Some(video), Some(index)) = (part.video.source, part.index.source) else { return Ok(()) };
    if part.close.is_none() && part.sums.source.is_none() {
        return Ok(());
    }
    let own = file_hash(video)?;
    if let Some(close) = &part.close {
        if (close.size, close.sha256) != (video.len(), own) && !report.blames(&part.video.path) {
            report.say(State::Changed, Why::FileHashOther, &part.video.path, from_us, to_us, String::new());
        }
        if close.count as usize != part.pieces.len() && !report.blames(&part.index.path) {
            report.say(State::Changed, Why::CountOther, &part.index.path, from_us, to_us, close.count.to_string());
        }
    }
    let Some(sums) = part.sums.source else { return Ok(()) };
    let line = |hash: &Hash, path: &str| format!("{}  {}\n", hex(hash), path.rsplit('/').next().unwrap_or(path));
    // A rebuilt index leaves the file of checksums as it was: it speaks of the video alone.
    let is_rebuilt = part.close.is_none() && part.pieces.iter().any(|piece| piece.rebuilt);
    let mut wanted = line(&own, &part.video.path);
    if !is_rebuilt {
        wanted += &line(&file_hash(index)?, &part.index.path);
    }
    let mut found = vec![0; sums.len().min(1024) as usize];
    sums.read_at(0, &mut found)?;
    let told = report.blames(&part.video.path) || report.blames(&part.index.path);
    let same = found.starts_with(wanted.as_bytes()) && (is_rebuilt || sums.len() == wanted.len() as u64);
    if !same && !told {
        report.say(State::Changed, Why::SumsOther, &part.sums.path, from_us, to_us, String::new());
    }
    Ok(())
}

/// SHA-256 of a whole file, read in pieces.
pub fn file_hash(source: &dyn Source) -> Result<Hash, SourceError> {
    file_hash_to(source, source.len())
}

/// SHA-256 of the first `end` bytes.
pub fn file_hash_to(source: &dyn Source, end: u64) -> Result<Hash, SourceError> {
    const PIECE: u64 = 1024 * 1024;
    let mut hasher = Sha256::new();
    let mut at = 0;
    let mut buffer = Vec::new();
    while at < end {
        buffer.resize(PIECE.min(end - at) as usize, 0);
        source.read_at(at, &mut buffer)?;
        hasher.update(&buffer);
        at += buffer.len() as u64;
    }
    Ok(hasher.finalize().into())
}
