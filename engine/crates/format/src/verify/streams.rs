//! Steps (3) to (6): seals, sequences, chain, Merkle roots.

use std::collections::BTreeSet;

use super::Options;
use super::disk::{Part, Piece};
use super::ledger::{Book, say};
use super::report::{Finding, Report, State, Why};
use crate::fragment::{first_chain, next_chain};
use crate::ledger::{Body, Entry};
use crate::names::{FileKind, Name, PartId};
use crate::seal::{INTERIM, Seal};
use crate::time::hour_of;
use crate::{Hash, merkle};

pub fn check(book: &Book, parts: &mut [Part<'_>], options: &Options, report: &mut Report) {
    let of_parts = parts.iter().map(|part| part.id.stream);
    let of_seals = book.entries.iter().filter(|entry| matches!(entry.body, Body::Seal(_))).map(|entry| entry.stream);
    let streams: BTreeSet<u8> = of_parts.chain(of_seals).filter(|stream| options.covers_stream(*stream)).collect();
    for stream in streams {
        let own = parts.iter_mut().filter(|part| part.id.stream == stream);
        let mut pieces: Vec<&mut Piece> = own.flat_map(|part| part.pieces.iter_mut()).collect();
        pieces.sort_by_key(|piece| piece.stored.core.sequence);
        report.fragments +=
            pieces.iter().filter(|piece| options.covers(hour_of(piece.stored.core.utc_us))).count() as u64;
        Stream { book, stream, options, report }.check(&mut pieces);
    }
}

struct Stream<'a> {
    book: &'a Book,
    stream: u8,
    options: &'a Options,
    report: &'a mut Report,
}

impl<'a> Stream<'a> {
    fn check(&mut self, pieces: &mut [&mut Piece]) {
        let (book, stream) = (self.book, self.stream);
        let mut chain = Some(first_chain(&book.owner.camera, self.stream));
        let mut before: Option<&Seal> = None;
        let mut last = 0;
        for entry in book.entries.iter().filter(|entry| entry.stream == stream) {
            let Body::Seal(seal) = &entry.body else { continue };
            let Some(lost) = self.check_seal(entry, seal, before) else { continue };
            if seal.kind == INTERIM {
                continue;
            }
            let from = pieces.partition_point(|piece| piece.stored.core.sequence < seal.first_sequence);
            let to = pieces.partition_point(|piece| piece.stored.core.sequence <= seal.last_sequence);
            let hours = seal.hour..=seal.hour.saturating_add(seal.hours.saturating_sub(1));
            let asked = self
                .options
                .hours
                .as_ref()
                .is_none_or(|asked| asked.start() <= hours.end() && hours.start() <= asked.end());
            if asked {
                let own = &mut pieces[from.min(to)..to];
                self.check_sealed(entry, seal, own, if lost { None } else { chain }, last);
                self.check_root(entry, seal, own, lost);
            }
            before = Some(seal);
            chain = Some(seal.chain);
            last = last.max(seal.last_sequence);
        }
        let young = pieces.partition_point(|piece| piece.stored.core.sequence <= last);
        self.walk(&mut pieces[young..], chain, last, State::Unsealed);
    }

    /// Step (3). Whether the seal before is lost; `None` where this one
    /// proves nothing.
    fn check_seal(&mut self, entry: &Entry, seal: &Seal, before: Option<&Seal>) -> Option<bool> {
        let book = self.book;
        let Some(key) = book.keys.get(&seal.key_id) else {
            say(self.report, book, entry, State::Changed, Why::KeyUnknown);
            return None;
        };
        if !seal.is_signed_by(key, &book.owner, self.stream) {
            say(self.report, book, entry, State::Changed, Why::SignatureWrong);
            return None;
        }
        if seal.number != before.map_or(0, |seal| seal.number) + 1 {
            say(self.report, book, entry, State::Missing, Why::SealsMissing);
            return Some(true);
        }
        if seal.before != before.map_or([0; 32], |before| before.hash(&book.owner, self.stream)) {
            say(self.report, book, entry, State::Changed, Why::SealBeforeOther);
        }
        Some(false)
    }

    /// Steps (4) and (5) for the fragments of a seal.
    fn check_sealed(&mut self, entry: &Entry, seal: &Seal, own: &mut [&mut Piece], chain: Option<Hash>, last: u64) {
        if seal.fragments == 0 {
            return;
        }
        let before = if chain.is_none() { seal.first_sequence.saturating_sub(1) } else { last };
        let end = self.walk(own, chain, before, State::Intact);
        let next = own.last().map_or(seal.first_sequence, |piece| piece.stored.core.sequence + 1);
        let from_us = own.last().map_or(0, |piece| piece.stored.core.end_us());
        if next <= seal.last_sequence {
            self.explain(next, seal.last_sequence, from_us, 0, Some(entry));
        } else if end != Some(seal.chain)
            && let Some(piece) = own.last_mut()
        {
            (piece.state, piece.why) = (State::Changed, Why::SealEndOther);
        }
    }

    /// Follows the chain over fragments; returns that of the last.
    fn walk(&mut self, own: &mut [&mut Piece], mut chain: Option<Hash>, mut last: u64, state: State) -> Option<Hash> {
        let mut end_us = 0;
        let mut same: Option<(Hash, State, Why)> = None;
        for piece in own.iter_mut() {
            let core = &piece.stored.core;
            // The same fragment in two places, while one is moved.
            if let Some((chain, state, why)) = same.filter(|_| core.sequence == last)
                && chain == piece.stored.chain
            {
                (piece.state, piece.why) = (state, why);
                continue;
            }
            let hole = core.sequence > last + 1;
            if hole && !self.explain(last + 1, core.sequence - 1, end_us, core.utc_us, None) {
                chain = None;
            }
            (piece.state, piece.why) = match chain {
                None => (State::Unsealed, Why::ChainUnknown),
                Some(before) if next_chain(&before, core) != piece.stored.chain => (State::Changed, Why::ChainBroken),
                Some(_) if state == State::Unsealed => (state, Why::NoSeal),
                Some(_) => (state, Why::None),
            };
            chain = Some(piece.stored.chain);
            same = Some((piece.stored.chain, piece.state, piece.why));
            (last, end_us) = (core.sequence, core.end_us());
        }
        chain
    }

    /// Step (4): says of each sequence that is in no index why. True where
    /// none of them was ever written.
    fn explain(&mut self, first: u64, last: u64, from_us: i64, to_us: i64, seal: Option<&Entry>) -> bool {
        let (mut at, mut never) = (first, true);
        while at <= last {
            let end = match self.book.removal(self.stream, at, 7) {
                Some(removed) => {
                    let end = last.min(removed.last_sequence);
                    let span = (removed.from_us, removed.to_us);
                    self.tell(State::Removed, Why::RemovedBy, at, end, span, removed.why.clone());
                    never = false;
                    end
                }
                None => {
                    let later = self.book.removed.iter().filter(|(stream, removed)| {
                        *stream == self.stream && removed.groups == 7 && removed.first_sequence > at
                    });
                    let end = later.map(|(_, removed)| removed.first_sequence - 1).fold(last, u64::min);
                    if !self.was_never_written(end + 1) {
                        let to_us = if to_us == 0 { seal.map_or(0, |entry| entry.utc_us) } else { to_us };
                        self.tell(State::Missing, Why::NotExplained, at, end, (from_us, to_us), String::new());
                        never = false;
                    }
                    end
                }
            };
            at = end.saturating_add(1);
        }
        never
    }

    fn tell(&mut self, state: State, why: Why, first: u64, last: u64, span: (i64, i64), detail: String) {
        let file = self.file_of(first);
        let (from_us, to_us) = span;
        self.report.findings.push(Finding { state, why, file, first, last, from_us, to_us, groups: 7, detail });
    }

    /// A GAP says that nothing was written before this fragment.
    fn was_never_written(&self, before: u64) -> bool {
        self.book.entries.iter().any(|entry| {
            entry.stream == self.stream && matches!(&entry.body, Body::Gap(gap) if gap.before_sequence == before)
        })
    }

    /// The file in which a fragment was first written, by the CONFIGs.
    fn file_of(&self, sequence: u64) -> String {
        let configs = self.book.entries.iter().filter(|entry| entry.stream == self.stream);
        let mut configs =
            configs.filter_map(|entry| if let Body::Config(config) = &entry.body { Some(config) } else { None });
        let Some(config) = configs.rfind(|config| config.first_sequence <= sequence) else {
            return String::new();
        };
        let part = Some(PartId { hour: config.hour, part: config.part, stream: self.stream });
        let kind = if config.encrypted { FileKind::Sealed } else { FileKind::Video };
        Name { camera: self.book.owner.camera.clone(), kind, part }.path()
    }

    /// Step (6), where all leaves are there.
    fn check_root(&mut self, entry: &Entry, seal: &Seal, own: &mut [&mut Piece], lost: bool) {
        let book = self.book;
        let wanted = seal.leaves.saturating_sub(seal.fragments) as usize;
        let of_ledger = book
            .entries
            .iter()
            .filter(|other| other.stream == self.stream && other.body.is_sealed() && other.number < entry.number);
        let mut leaves: Vec<Hash> = of_ledger.map(|other| merkle::leaf(&other.leaf)).collect();
        if book.damaged || leaves.len() < wanted {
            return;
        }
        leaves.drain(..leaves.len() - wanted);
        let mut sequence = 0;
        for piece in own.iter() {
            if piece.stored.core.sequence != sequence {
                leaves.push(merkle::leaf(&piece.stored.leaf()));
            }
            sequence = piece.stored.core.sequence;
        }
        if leaves.len() != seal.leaves as usize {
            return;
        }
        let right = merkle::root(&leaves) == seal.root;
        let mut blamed = false;
        for piece in own.iter_mut() {
            match (right, piece.state) {
                (true, State::Unsealed) if lost => (piece.state, piece.why) = (State::Intact, Why::None),
                (false, State::Intact | State::Unsealed) => {
                    (piece.state, piece.why) = (State::Changed, Why::RootOther);
                }
                _ => {}
            }
            blamed |= piece.state == State::Changed;
        }
        if !right && !blamed {
            say(self.report, book, entry, State::Changed, Why::RootOther);
        }
    }
}
