//! The targets that streams are brought to: which of them are called.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use vms_hub::{Hub, StreamKey};
use vms_sinks::srt::{Push, PushMeans, PushStatus};
use vms_sources::Reason;

use crate::config::{Camera, DesiredState};

/// All targets, by stream.
pub struct Pushes {
    means: PushMeans,
    targets: Mutex<BTreeMap<String, Vec<Target>>>,
}

struct Target {
    /// May hold a passphrase: never shown.
    address: String,
    /// Absent where the picture may not be seen.
    push: Option<Push>,
}

impl Pushes {
    pub fn new(means: PushMeans) -> Self {
        Self { means, targets: Mutex::default() }
    }

    /// Calls what is wished, on the current runtime; what stays the same is not
    /// touched, and what is not wished any more is told goodbye.
    pub fn apply(&self, desired: &DesiredState, hub: &Hub) {
        let mut targets = self.targets.lock();
        let mut before = std::mem::take(&mut *targets);
        for camera in desired.cameras.iter().filter(|camera| camera.enabled) {
            for (name, stream) in &camera.streams {
                let key = StreamKey::new(&camera.id, *name);
                let mut old = before.remove(&key.to_string()).unwrap_or_default();
                let each = stream.push.iter().map(|address| self.target(address, camera, &key, &mut old, hub));
                let new: Vec<Target> = each.collect();
                targets.insert(key.to_string(), new);
            }
        }
    }

    fn target(&self, address: &str, camera: &Camera, key: &StreamKey, old: &mut Vec<Target>, hub: &Hub) -> Target {
        let same = |target: &Target| target.address == address && target.push.is_none() == camera.masked;
        if let Some(at) = old.iter().position(same) {
            return old.swap_remove(at);
        }
        // Without a masked picture nobody outside sees anything.
        let push = (!camera.masked).then(|| Push::start(address.to_owned(), hub.ensure(key), self.means.clone()));
        Target { address: address.to_owned(), push }
    }

    /// Where the targets of a stream stand.
    pub fn statuses(&self, stream: &str) -> Vec<PushStatus> {
        let targets = self.targets.lock();
        let of = |target: &Target| match &target.push {
            Some(push) => push.status(),
            None => PushStatus::off(&target.address, Reason::Masked),
        };
        targets.get(stream).map(|targets| targets.iter().map(of).collect()).unwrap_or_default()
    }

    /// Says goodbye to all.
    pub fn stop(&self) {
        self.targets.lock().clear();
    }
}
