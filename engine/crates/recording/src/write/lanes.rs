//! The volumes' queues, and which of them takes a new part.

use std::sync::Arc;

use vms_format::ledger::Reason;

use super::queue::Queue;
use super::volume::{STUCK, Volume, VolumeState};
use super::writer::{Job, reason_of};

pub struct Lane {
    pub volume: Arc<Volume>,
    pub queue: Arc<Queue<Job>>,
}

impl Lane {
    /// Whether the writer gets behind so far that its recorders should leave.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.volume.busy_for() > STUCK || self.queue.bytes() > self.queue.max_bytes() / 2
    }
}

pub struct Lanes(pub Vec<Lane>);

impl Lanes {
    /// Where a new part goes: a recorder stays while its volume works, else
    /// the working volume with the most room.
    #[must_use]
    pub fn choose(&self, current: Option<usize>) -> Option<usize> {
        let works = |at: &usize| self.0[*at].volume.takes_parts() && !self.0[*at].is_behind();
        let most_room = |among: &dyn Fn(&usize) -> bool| {
            (0..self.0.len()).filter(|at| among(at)).max_by_key(|at| self.0[*at].volume.room())
        };
        current
            .filter(works)
            .or_else(|| most_room(&works))
            .or(current.filter(|at| self.0[*at].volume.takes_parts()))
            .or_else(|| most_room(&|at| self.0[*at].volume.takes_parts()))
    }

    /// Whether a part may go on where it is.
    #[must_use]
    pub fn goes_on(&self, at: usize) -> bool {
        let lane = &self.0[at];
        let elsewhere = || self.choose(Some(at)).is_some_and(|other| other != at);
        lane.volume.takes_parts() && !(lane.is_behind() && elsewhere())
    }

    /// Why nothing can be recorded, where no volume works.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let full = self.0.iter().find(|lane| lane.volume.health().state == VolumeState::Full);
        full.or(self.0.first()).map_or(Reason::DiskFailed, |lane| reason_of(&lane.volume, lane.volume.health().state))
    }

    /// A lane for small records: any whose disk is there.
    #[must_use]
    pub fn any(&self, current: Option<usize>) -> Option<usize> {
        let there = |at: &usize| self.0[*at].volume.is_there();
        current.filter(there).or_else(|| (0..self.0.len()).find(there)).or((!self.0.is_empty()).then_some(0))
    }
}
