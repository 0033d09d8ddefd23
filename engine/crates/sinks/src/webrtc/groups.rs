//! The viewers of a shard by the streams whose frames wake them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vms_hub::{StreamKey, Wake};

use super::shard::Mailbox;

/// Wakes a shard for all its viewers of one stream at once: the publisher
/// calls it for each viewer, and all calls but the first cost one load.
pub struct GroupWake {
    mailbox: Arc<Mailbox>,
    group: usize,
    raised: AtomicBool,
}

impl Wake for GroupWake {
    fn wake(&self) {
        if !self.raised.load(Ordering::Acquire) && !self.raised.swap(true, Ordering::AcqRel) {
            self.mailbox.ready(self.group);
        }
    }
}

/// The viewers of one stream.
struct Group {
    key: StreamKey,
    wake: Arc<GroupWake>,
    viewers: Vec<usize>,
}

pub struct Groups {
    mailbox: Arc<Mailbox>,
    /// By the numbers that wakes tell; `None` where nobody was in it any more.
    groups: Vec<Option<Group>>,
    free: Vec<usize>,
    number_of: HashMap<StreamKey, usize>,
    /// Somebody has left a group since its viewers were taken.
    left: bool,
    /// Somebody has left a group since the empty ones were forgotten.
    may_be_empty: bool,
}

impl Groups {
    #[must_use]
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self {
            mailbox,
            groups: Vec::new(),
            free: Vec::new(),
            number_of: HashMap::new(),
            left: false,
            may_be_empty: false,
        }
    }

    /// Puts a viewer into the group of a stream.
    pub fn enter(&mut self, viewer: usize, key: &StreamKey) -> Arc<GroupWake> {
        let number = self.number_of.get(key).copied().unwrap_or_else(|| self.make(key));
        let group = self.groups[number].get_or_insert_with(|| Group::new(&self.mailbox, number, key));
        group.viewers.push(viewer);
        group.wake.clone()
    }

    fn make(&mut self, key: &StreamKey) -> usize {
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(None);
            self.groups.len() - 1
        });
        self.number_of.insert(key.clone(), number);
        number
    }

    /// Takes a viewer out of all groups but those of streams that wake it.
    pub fn leave(&mut self, viewer: usize, is_woken_by: impl Fn(&StreamKey) -> bool) {
        for group in self.groups.iter_mut().flatten() {
            if !is_woken_by(&group.key) {
                group.viewers.retain(|other| *other != viewer);
            }
        }
        (self.left, self.may_be_empty) = (true, true);
    }

    /// Takes the viewers of a group that was woken, until they are put back.
    pub fn take(&mut self, number: usize) -> Vec<usize> {
        self.left = false;
        let Some(group) = self.groups.get_mut(number).and_then(Option::as_mut) else { return Vec::new() };
        group.wake.raised.store(false, Ordering::Release);
        std::mem::take(&mut group.viewers)
    }

    /// Puts those of the viewers back who stay, before any who came meanwhile.
    pub fn put_back(&mut self, number: usize, viewers: Vec<usize>, stays: impl Fn(usize, &StreamKey) -> bool) {
        let Some(group) = self.groups.get_mut(number).and_then(Option::as_mut) else { return };
        // Who left meanwhile looked for himself in vain.
        let kept = match self.left {
            true => viewers.into_iter().filter(|viewer| stays(*viewer, &group.key)).collect(),
            false => viewers,
        };
        let came = std::mem::replace(&mut group.viewers, kept);
        group.viewers.extend(came);
    }

    /// Forgets the groups that nobody is in: each playback has a stream of its
    /// own. Not while viewers are taken out.
    pub fn forget_empty(&mut self) {
        if !std::mem::take(&mut self.may_be_empty) {
            return;
        }
        for (number, place) in self.groups.iter_mut().enumerate() {
            if let Some(group) = place.take_if(|group| group.viewers.is_empty()) {
                self.number_of.remove(&group.key);
                self.free.push(number);
            }
        }
    }
}

impl Group {
    fn new(mailbox: &Arc<Mailbox>, number: usize, key: &StreamKey) -> Self {
        let wake = GroupWake { mailbox: mailbox.clone(), group: number, raised: AtomicBool::new(false) };
        Self { key: key.clone(), wake: Arc::new(wake), viewers: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> StreamKey {
        StreamKey::parse(name).expect("a good name")
    }

    fn groups() -> Groups {
        Groups::new(Arc::new(Mailbox::new().expect("a descriptor")))
    }

    #[test]
    fn a_group_that_nobody_is_in_gives_its_place_to_another() {
        let mut groups = groups();
        for playback in 0..100 {
            let key = key(&format!("gate{playback}"));
            let _wake = groups.enter(7, &key);
            groups.leave(7, |_| false);
            groups.forget_empty();
        }
        assert_eq!((groups.groups.len(), groups.number_of.len()), (1, 0));
    }

    #[test]
    fn who_leaves_while_his_group_is_taken_is_not_put_back_and_who_comes_stays() {
        let mut groups = groups();
        let (gate, yard) = (key("gate"), key("yard"));
        let wake = groups.enter(1, &gate);
        groups.enter(2, &gate);
        wake.wake();
        let taken = groups.take(0);
        assert_eq!(taken, [1, 2]);
        groups.leave(1, |key| *key == yard);
        groups.enter(1, &yard);
        groups.enter(3, &gate);
        groups.put_back(0, taken, |viewer, key| viewer != 1 && *key == gate);
        groups.forget_empty();
        assert_eq!((groups.take(0), groups.take(1)), (vec![2, 3], vec![1]));
    }

    #[test]
    fn a_late_wake_of_a_group_that_is_forgotten_is_of_nobody() {
        let mut groups = groups();
        let _late = groups.enter(1, &key("gate"));
        groups.leave(1, |_| false);
        groups.forget_empty();
        assert!(groups.take(0).is_empty());
        groups.put_back(0, Vec::new(), |_, _| true);
    }
}
