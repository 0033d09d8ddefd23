//! Moving parts to other volumes, on a thread of its own: a slow store must
//! not keep the keeper from making room.
//!
//! A part is copied and read back while nobody waits for it; only then, with
//! `changing` held, is looked whether the original is still what was copied,
//! and the original goes. What a kill leaves on both volumes is compared and
//! removed by the keeper.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use vms_format::names::FileKind;
use vms_format::{Hash, PartId};

use crate::config::Keep;
use crate::write::volume::Volume;

use super::act::{self, ActError};
use super::keeper::Keeping;
use super::stock::{Files, Stock, StockKey};

/// The files of a part, as they were copied.
pub type Copied = Vec<(FileKind, Hash)>;

/// What waits to be moved, and what is being worked on.
#[derive(Default)]
pub struct Moves {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(StockKey, String)>,
    /// Parts that a thread is changing: no other touches them.
    claimed: BTreeSet<(String, PartId)>,
    /// Copied to a volume, and played at that moment: the original still goes.
    copied: BTreeMap<StockKey, (String, Copied)>,
    stop: bool,
}

impl Moves {
    /// Forgets what was planned before.
    pub fn clear(&self) {
        self.state.lock().waiting.clear();
    }

    pub fn add(&self, key: StockKey, volume: String) {
        self.state.lock().waiting.push_back((key, volume));
        self.news.notify_all();
    }

    /// Takes a part, on whichever volume; none where another thread has it.
    pub fn claim(&self, camera: &str, id: PartId) -> Option<Claim<'_>> {
        let part = (camera.to_owned(), id);
        self.state.lock().claimed.insert(part.clone()).then_some(Claim { moves: self, part })
    }

    pub fn is_claimed(&self, camera: &str, id: PartId) -> bool {
        self.state.lock().claimed.contains(&(camera.to_owned(), id))
    }

    fn next(&self) -> Option<(StockKey, String)> {
        self.state.lock().waiting.pop_front()
    }

    /// Waits for something to move; true where it is time to stop.
    pub fn wait(&self) -> bool {
        let mut state = self.state.lock();
        self.news.wait_while(&mut state, |state| state.waiting.is_empty() && !state.stop);
        state.stop
    }

    pub fn is_stopping(&self) -> bool {
        self.state.lock().stop
    }

    pub fn stop(&self) {
        self.state.lock().stop = true;
        self.news.notify_all();
    }
}

/// A part that nobody else touches as long as this lives.
pub struct Claim<'a> {
    moves: &'a Moves,
    part: (String, PartId),
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.moves.state.lock().claimed.remove(&self.part);
    }
}

impl Keeping {
    /// Moves the next part that waits; false where none does.
    pub fn move_next(&self) -> bool {
        let Some((key, volume)) = self.moves.next() else { return false };
        let Some(_claim) = self.moves.claim(&key.0, key.1) else { return true };
        let (camera, part) = (key.0.clone(), key.1.name());
        match self.move_to(&key, &volume) {
            Ok(()) => tracing::info!(camera, part, volume, "a part was moved"),
            Err(ActError::Stays(why)) => tracing::debug!(camera, part, volume, why, "a part is not moved"),
            Err(error) => tracing::error!(camera, part, volume, %error, "a part is not moved"),
        }
        true
    }

    fn move_to(&self, key: &StockKey, volume: &str) -> Result<(), ActError> {
        let files = self.found(key).ok_or(ActError::Stays("it is gone"))?;
        let volume = self.volume(volume).ok_or(ActError::Stays("there is no such volume"))?;
        self.may_move(&files, volume)?;
        let known = self.moves.state.lock().copied.remove(key).filter(|(name, _)| *name == volume.name);
        let copied = match known {
            Some((_, copied)) => copied,
            None => act::copy_to(&files, volume, &|| self.moves.is_stopping())?,
        };
        // No list of the folders sees half of what follows.
        let _listing = self.listing.lock();
        let _changing = self.changing.lock();
        if let Err(stays) = self.may_move(&files, volume) {
            self.moves.state.lock().copied.insert(key.clone(), (volume.name.clone(), copied));
            return Err(stays);
        }
        if !act::is_still(&files, &copied)? {
            act::unlink(&Files { volume: volume.clone(), ..files.clone() })?;
            return Err(ActError::CannotTell("it changed while it was copied".to_owned()));
        }
        act::unlink(&files)?;
        self.moved(key, &files, volume);
        self.tell(&files, "moved");
        Ok(())
    }

    fn may_move(&self, files: &Files, volume: &Volume) -> Result<(), ActError> {
        if self.moves.is_stopping() {
            return Err(ActError::Stays("the process ends"));
        }
        if self.is_open(files) || self.leases.is_read(&files.place().video) {
            return Err(ActError::Stays("it is in use"));
        }
        // A start looks through what is not sealed, and may not wait for S3.
        let sealed = || self.book(&files.camera, false).is_ok_and(|book| book.is_sealed(files.id));
        if volume.is_remote() && !sealed() {
            return Err(ActError::Stays("it is not sealed yet"));
        }
        Ok(())
    }

    /// Rules with the configuration's tiers where they name none.
    pub fn with_tiers(&self, mut keeps: BTreeMap<String, Keep>) -> BTreeMap<String, Keep> {
        for keep in keeps.values_mut().filter(|keep| keep.tier.is_empty()) {
            keep.tier.clone_from(&self.context.tiers);
        }
        keeps
    }
}

/// Another place of the same part, where this one is not to stay.
pub fn double<'a>(stock: &'a Stock, keeps: &BTreeMap<String, Keep>, files: &Files) -> Option<&'a Files> {
    let tiers = keeps.get(&files.camera).map(Keep::tiers).unwrap_or_default();
    let rank = |volume: &Arc<Volume>| tiers.iter().rposition(|tier| tier.volume == volume.name);
    let goes = |other: &Files| files.video().is_none() || rank(&other.volume) > rank(&files.volume);
    let mut others = stock.0.values().filter(|other| {
        (&other.camera, other.id) == (&files.camera, files.id) && other.volume.name != files.volume.name
    });
    // What lies in a bucket is long to compare: that is done while it is moved.
    let is_near = |other: &Files| files.video().is_none() || !other.volume.is_remote();
    others.find(|other| other.video().is_some() && goes(other) && is_near(other))
}
