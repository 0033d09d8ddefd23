//! A running session's place, and how the session is ended from here.

use std::sync::Arc;
use std::time::Instant;

use crate::access::{Cut, Inner};

/// A viewer's place; dropping it gives the place back.
pub struct Ticket {
    inner: Arc<Inner>,
    id: u64,
    audio: bool,
}

/// Who holds a ticket, by what was signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// As the audit names him; empty where nobody was asked.
    pub actor: String,
    pub city: String,
}

impl Ticket {
    pub(crate) fn new(inner: Arc<Inner>, id: u64, audio: bool) -> Self {
        Self { inner, id, audio }
    }

    /// Whether the viewer may hear too.
    #[must_use]
    pub fn audio(&self) -> bool {
        self.audio
    }

    #[must_use]
    pub fn who(&self) -> Who {
        let doors = self.inner.doors.lock();
        let told = doors.holders.get(&self.id);
        told.map(|holder| Who { actor: holder.actor.clone(), city: holder.seat.city.clone() }).unwrap_or_default()
    }

    /// Names the session and says how it is ended from here. When it was
    /// revoked meanwhile, it is ended at once.
    pub fn bind(&self, label: &str, end: impl FnOnce(Cut) + Send + 'static) {
        let cut = {
            let mut doors = self.inner.doors.lock();
            match doors.holders.get_mut(&self.id) {
                Some(holder) if holder.cut.is_none() => {
                    label.clone_into(&mut holder.label);
                    holder.end = Some(Box::new(end));
                    return;
                }
                holder => holder.and_then(|holder| holder.cut),
            }
        };
        end(cut.unwrap_or(Cut::Withdrawn));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut doors = self.inner.doors.lock();
        let Some(holder) = doors.holders.remove(&self.id) else { return };
        if holder.views() {
            doors.places.give_back(&holder.seat);
        }
        doors.over.keep(holder, Instant::now());
    }
}
