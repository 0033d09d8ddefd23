//! Who may: a stream key's secret is the passphrase, so that whoever can
//! encrypt has shown it.

use std::time::{Duration, Instant};

use vms_access::{Access, Denied, Kind, Now, Proof, Ticket, Wish};
use vms_hub::Hub;
use vms_sources::{Arrivals, NotTaken};
use vms_srt::{Connection, Delivery, Passphrase, Reject, Request, Settings};

use super::stream_id::{StreamId, Wanted};

pub struct Gate {
    pub access: Access,
    pub hub: Hub,
    pub arrivals: Arrivals,
    pub latency: Duration,
}

/// A caller that was let in.
pub struct Entered {
    pub connection: Connection,
    pub ticket: Ticket,
}

impl Gate {
    /// Lets a caller in under this socket number, or says why not.
    pub fn enter(&self, request: &Request, id: &StreamId<'_>, socket: u32, now: Instant) -> Result<Entered, Reject> {
        let passphrase = self.passphrase(request, id)?;
        let proved = passphrase.as_ref().map(|(_, secret)| secret.as_str()).or(id.secret);
        let settings = Settings {
            latency: self.latency,
            passphrase: passphrase.as_ref().map(|(passphrase, _)| passphrase.clone()),
            // Frames carry their own times.
            delivery: Delivery::InOrder,
            ..Settings::default()
        };
        let connection = request.accept(settings, socket, now)?;
        let kind = match id.wanted {
            Wanted::Read => Kind::Srt,
            Wanted::Publish => Kind::Publish,
        };
        let proof = match (id.id, proved) {
            (Some(id), Some(secret)) => Proof::Secret { id, secret },
            _ => Proof::None,
        };
        let ticket = self.access.enter(Wish { key: &id.key, kind }, proof, Now::read()).map_err(|denied| {
            tracing::info!(code = denied.code(), stream = %id.key, "a caller of SRT was refused");
            reject_of(&denied)
        })?;
        // Only who may ask learns what there is.
        match id.wanted {
            Wanted::Read => self.hub.stream(&id.key).map(drop).ok_or(Reject::NotFound)?,
            Wanted::Publish => self.arrivals.would_take(&id.key).map_err(reject_of_publisher)?,
        }
        Ok(Entered { connection, ticket })
    }

    /// The secret to encrypt with; nothing where the caller does not encrypt.
    fn passphrase(&self, request: &Request, id: &StreamId<'_>) -> Result<Option<(Passphrase, String)>, Reject> {
        if self.access.is_open() || request.key_length().is_none() {
            return Ok(None);
        }
        let secret = id.id.and_then(|id| self.access.secret_of(id)).ok_or(Reject::Unauthorized)?;
        let passphrase = Passphrase::new(&secret).map_err(|_| Reject::Unauthorized)?;
        Ok(Some((passphrase, secret)))
    }
}

pub fn reject_of_publisher(not_taken: NotTaken) -> Reject {
    match not_taken {
        NotTaken::NotWaited => Reject::NotFound,
        NotTaken::Busy => Reject::Conflict,
    }
}

fn reject_of(denied: &Denied) -> Reject {
    match denied {
        Denied::Limit { .. } => Reject::Overload,
        Denied::Dark | Denied::Foreign("right") => Reject::Forbidden,
        // A camera outside the key's cameras does not exist for it.
        Denied::Foreign(_) => Reject::NotFound,
        _ => Reject::Unauthorized,
    }
}
