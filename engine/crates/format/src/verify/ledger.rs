//! Steps (1) and (2): the ledger's records and chain; and its keys, holds and
//! removals.

use std::collections::BTreeMap;

use super::report::{Report, State, Why, hex};
use super::{Options, Tree};
use crate::ledger::{Body, Entry, Hold, entries, first_chain};
use crate::names::{FileKind, Name, Owner, WHOLE_CAMERA};
use crate::record::{Header, scan};
use crate::seal::{Key, Removed};
use crate::source::SourceError;
use crate::{Hash, names};

/// A camera's ledger, read.
pub struct Book {
    pub path: String,
    pub owner: Owner,
    pub entries: Vec<Entry>,
    /// Some of it is torn: what is sealed cannot be counted.
    pub damaged: bool,
    /// Public keys that count, by their fingerprints.
    pub keys: BTreeMap<Hash, [u8; 32]>,
    /// Those with a right signature, with their stream.
    pub removed: Vec<(u8, Removed)>,
}

impl Book {
    /// The signed record that removed these groups of a fragment.
    pub fn removal(&self, stream: u8, sequence: u64, groups: u8) -> Option<&Removed> {
        let own = self.removed.iter().filter(|(of, _)| *of == stream).map(|(_, removed)| removed);
        own.into_iter().find(|removed| removed.covers(sequence) && removed.groups & groups == groups)
    }
}

pub fn read(camera: &str, tree: &Tree<'_>, options: &Options, report: &mut Report) -> Result<Book, SourceError> {
    let path = Name { camera: camera.to_owned(), kind: FileKind::Ledger, part: None }.path();
    let mut book = Book {
        owner: Owner::new("", camera),
        path,
        entries: Vec::new(),
        damaged: true,
        keys: BTreeMap::new(),
        removed: Vec::new(),
    };
    let Some(source) = tree.get(&book.path) else {
        report.say(State::Missing, Why::FileMissing, &book.path, 0, 0, String::new());
        return Ok(book);
    };
    let found = scan(*source)?;
    let (entries, unreadable) = entries(&found.records);
    for torn in &found.torn {
        let time = |entry: Option<&(u64, Entry)>| entry.map_or(0, |(_, entry)| entry.utc_us);
        let from_us = time(entries.iter().rfind(|(at, _)| *at < torn.start));
        let to_us = time(entries.iter().find(|(at, _)| *at > torn.start));
        let detail = format!("{}-{}", torn.start, torn.end);
        report.say(State::Changed, Why::FileTorn, &book.path, from_us, to_us, detail);
    }
    for at in &unreadable {
        report.say(State::Changed, Why::FileTorn, &book.path, 0, 0, at.to_string());
    }
    book.damaged = !found.torn.is_empty() || !unreadable.is_empty();
    match found.records.first().map(|(_, record)| Header::parse(record)) {
        Some(Ok(header)) if header.part.is_none() && header.owner.camera == camera => book.owner = header.owner,
        _ => report.say(State::Changed, Why::HeaderOther, &book.path, 0, 0, String::new()),
    }
    report.city.clone_from(&book.owner.city);
    book.entries = entries.into_iter().map(|(_, entry)| entry).collect();
    check_chain(&book, report);
    let keys = book.entries.iter().filter_map(|entry| if let Body::Key(key) = &entry.body { Some(key) } else { None });
    book.keys = trusted(keys, &book.owner, options.pinned);
    report.keys = book.keys.keys().map(|id| hex(id)).collect();
    book.removed = signed_removals(&book, report);
    check_holds(&book, report);
    Ok(book)
}

/// Says something of one record.
pub fn say(report: &mut Report, book: &Book, entry: &Entry, state: State, why: Why) {
    report.say(state, why, &book.path, entry.utc_us, entry.utc_us, entry.number.to_string());
}

fn check_chain(book: &Book, report: &mut Report) {
    let (mut before, mut last) = (first_chain(&book.owner), 0);
    for entry in &book.entries {
        if entry.number != last + 1 {
            say(report, book, entry, State::Missing, Why::RecordsMissing);
        } else if entry.chain_after(&before) != entry.chain {
            say(report, book, entry, State::Changed, Why::LedgerChain);
        }
        (before, last) = (entry.chain, entry.number);
    }
}

/// The pinned key and what it signed, step by step; without one the first
/// that vouches for itself counts as if it were.
pub fn trusted<'a>(
    keys: impl Iterator<Item = &'a Key>,
    owner: &Owner,
    pinned: Option<Hash>,
) -> BTreeMap<Hash, [u8; 32]> {
    let mut known: BTreeMap<Hash, [u8; 32]> = BTreeMap::new();
    for key in keys {
        let itself = key.signer_id == key.key_id;
        let is_root = match pinned {
            Some(pinned) => key.key_id == pinned && crate::seal::key_id(&key.public) == pinned,
            None => itself && known.is_empty() && key.is_signed_by(&key.public, owner),
        };
        let vouched = known.get(&key.signer_id).is_some_and(|signer| key.is_signed_by(signer, owner));
        if is_root || vouched {
            known.insert(key.key_id, key.public);
        }
    }
    known
}

fn signed_removals(book: &Book, report: &mut Report) -> Vec<(u8, Removed)> {
    let mut found = Vec::new();
    for entry in &book.entries {
        let Body::Removed(removed) = &entry.body else { continue };
        match book.keys.get(&removed.key_id) {
            None => say(report, book, entry, State::Changed, Why::KeyUnknown),
            Some(key) if removed.is_signed_by(key, &book.owner, entry.stream) => {
                found.push((entry.stream, removed.clone()));
            }
            Some(_) => say(report, book, entry, State::Changed, Why::SignatureWrong),
        }
    }
    found
}

/// Names what was removed while a hold was on it.
fn check_holds(book: &Book, report: &mut Report) {
    let mut holds: BTreeMap<&str, (u8, &Hold)> = BTreeMap::new();
    for entry in &book.entries {
        match &entry.body {
            Body::Hold(hold) => {
                holds.insert(&hold.hold, (entry.stream, hold));
            }
            Body::Removed(removed) => {
                let held = holds.values().any(|(stream, hold)| {
                    let touches = hold.from_us < removed.to_us && removed.from_us < hold.to_us;
                    hold.on && (*stream == names::WHOLE_CAMERA || *stream == entry.stream) && touches
                });
                if held {
                    say(report, book, entry, State::AgainstHold, Why::RemovedBy);
                }
            }
            _ => {}
        }
    }
}

/// True where any of a span is under a hold: what a deleter asks before it
/// removes. `entries` are the ledger's, in their order.
#[must_use]
pub fn is_held(entries: &[Entry], stream: u8, from_us: i64, to_us: i64) -> bool {
    let mut holds: BTreeMap<&str, (u8, &Hold)> = BTreeMap::new();
    for entry in entries {
        if let Body::Hold(hold) = &entry.body {
            holds.insert(&hold.hold, (entry.stream, hold));
        }
    }
    let of_stream = |own: u8| own == WHOLE_CAMERA || own == stream;
    holds.values().any(|(own, hold)| hold.on && of_stream(*own) && hold.from_us < to_us && from_us < hold.to_us)
}
