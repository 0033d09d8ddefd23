//! Group commit: what was written since the last round becomes durable in one
//! round. Only the sync waits; writes go on meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::io::{Disk, DiskFile};

/// What a volume's files owe its disk.
#[derive(Default)]
pub struct Commits {
    owed: Mutex<Owed>,
    /// Told when a round has ended, or when one is wanted at once.
    news: Condvar,
}

#[derive(Default)]
struct Owed {
    files: HashMap<usize, Arc<dyn DiskFile>>,
    folders: BTreeSet<PathBuf>,
    /// Rounds that have begun; what is touched now is durable after the next.
    begun: u64,
    done: u64,
    /// The last round whose sync failed.
    failed: Option<u64>,
    wanted: bool,
    /// A thread of its own commits; without one, who waits does it.
    threaded: bool,
    closed: bool,
}

/// Names the round that makes something durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Round(u64);

impl Commits {
    /// The file's bytes will be durable after the round that is returned.
    pub fn touch(&self, file: &Arc<dyn DiskFile>) -> Round {
        let mut owed = self.owed.lock();
        owed.files.entry(Arc::as_ptr(file).cast::<()>() as usize).or_insert_with(|| file.clone());
        Round(owed.begun + 1)
    }

    /// The folder has a new name in it.
    pub fn touch_folder(&self, folder: &Path) {
        self.owed.lock().folders.insert(folder.to_owned());
    }

    #[must_use]
    pub fn is_durable(&self, round: Round) -> bool {
        let owed = self.owed.lock();
        owed.done >= round.0 && owed.failed.is_none_or(|failed| failed < round.0)
    }

    /// From now on a thread of its own commits.
    pub fn set_threaded(&self) {
        self.owed.lock().threaded = true;
    }

    /// Waits for a round, which begins at once; false where its sync failed
    /// or the time was up.
    pub fn wait(&self, round: Round, limit: Duration, disk: &dyn Disk) -> bool {
        let mut owed = self.owed.lock();
        if !owed.threaded || owed.closed {
            drop(owed);
            return self.commit(disk).is_ok();
        }
        owed.wanted = true;
        self.news.notify_all();
        self.news.wait_while_for(&mut owed, |owed| owed.done < round.0 && !owed.closed, limit);
        owed.done >= round.0 && owed.failed.is_none_or(|failed| failed < round.0)
    }

    /// Sleeps until the next round is due or wanted; false when there is none
    /// to come.
    pub fn next_round(&self, pause: Duration) -> bool {
        let mut owed = self.owed.lock();
        self.news.wait_while_for(&mut owed, |owed| !owed.wanted && !owed.closed, pause);
        owed.wanted = false;
        !owed.closed || !owed.files.is_empty()
    }

    /// Makes all that was touched durable; returns how many files that were.
    pub fn commit(&self, disk: &dyn Disk) -> io::Result<usize> {
        let (files, folders, round) = {
            let mut owed = self.owed.lock();
            owed.begun += 1;
            (std::mem::take(&mut owed.files), std::mem::take(&mut owed.folders), owed.begun)
        };
        let result = sync_all(disk, files.values(), &folders);
        let mut owed = self.owed.lock();
        owed.done = round;
        if result.is_err() {
            owed.failed = Some(round);
        }
        self.news.notify_all();
        result.map(|()| files.len())
    }

    /// No round comes after the one that is due.
    pub fn close(&self) {
        self.owed.lock().closed = true;
        self.news.notify_all();
    }
}

/// All are tried, so that one bad file keeps no other from the disk.
fn sync_all<'a>(
    disk: &dyn Disk,
    files: impl Iterator<Item = &'a Arc<dyn DiskFile>> + Clone,
    folders: &BTreeSet<PathBuf>,
) -> io::Result<()> {
    files.clone().for_each(|file| file.start_sync());
    let mut result = Ok(());
    for file in files {
        result = result.and(file.sync());
    }
    for folder in folders {
        result = result.and(disk.sync_folder(folder));
    }
    result
}
