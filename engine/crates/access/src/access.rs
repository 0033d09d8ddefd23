//! The one call by which streams are opened, and what may end them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use parking_lot::Mutex;
use vms_hub::StreamKey;

use crate::address::{Address, Keys, Kind};
use crate::denied::Denied;
use crate::digest::{Challenge, Digest};
use crate::holder::{End, Holder, Right, opened};
use crate::nonces::Nonces;
use crate::over::Over;
use crate::places::Places;
use crate::plays::{self, Plays};
use crate::rules::{Limits, Rules, StreamKeyRule};
use crate::ticket::Ticket;
use crate::watches::Watches;

/// A running session ends so long after its last renewal.
const LEASE: Duration = Duration::from_secs(600);
/// An address lives so long: what runs out sooner than this after a right was
/// withdrawn was signed before, what runs out later was signed anew.
const LIFETIME_S: u64 = 300;

/// The time on both scales.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub utc_s: u64,
    pub at: Instant,
}

impl Now {
    /// The machine's time.
    #[must_use]
    pub fn read() -> Self {
        // A clock before 1970 makes every address seem fresh; none runs there.
        let utc_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { utc_s, at: Instant::now() }
    }
}

/// Which stream is wanted, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub key: &'a StreamKey,
    pub kind: Kind,
}

/// What a viewer shows to be let in.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    None,
    Address(&'a str),
    /// An answer to a challenge, for a request of this method.
    Digest {
        digest: &'a Digest,
        challenge: &'a Challenge,
        method: &'a str,
    },
    /// A stream key's name and secret, where the protocol proved the secret
    /// or has no better way.
    Secret {
        id: &'a str,
        secret: &'a str,
    },
}

/// Whose streams end: all that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocation {
    pub viewer: Option<String>,
    pub session: Option<String>,
    pub camera: Option<String>,
}

impl Revocation {
    fn names_something(&self) -> bool {
        self.viewer.is_some() || self.session.is_some() || self.camera.is_some()
    }

    fn hits(&self, viewer: &str, session: &str, camera: &str) -> bool {
        let same = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
        same(&self.viewer, viewer) && same(&self.session, session) && same(&self.camera, camera)
    }
}

/// Why a session is ended from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Withdrawn,
    /// It was not renewed in time.
    RanOut,
}

#[derive(Default)]
pub struct Doors {
    pub plays: Plays,
    pub watches: Watches,
    rules: Rules,
    pub keys: Keys,
    nonces: Nonces,
    pub places: Places,
    pub holders: HashMap<u64, Holder>,
    pub over: Over,
    /// With the second of UTC at which each was withdrawn.
    revoked: Vec<(Revocation, u64)>,
    next_id: u64,
}

pub struct Inner {
    /// Nobody is asked for anything (`--open`).
    open: bool,
    pub doors: Mutex<Doors>,
}

/// Decides; shared by all protocols.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

impl Access {
    /// Refuses all until rules are applied; `open` asks nobody for anything.
    #[must_use]
    pub fn new(open: bool) -> Self {
        Self { inner: Arc::new(Inner { open, doors: Mutex::default() }) }
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner.open
    }

    /// Replaces the rules. Sessions that would not be let in by them end.
    pub fn apply(&self, rules: Rules, now: Now) {
        let ends = {
            let mut doors = self.inner.doors.lock();
            doors.keys = Keys::new(&rules.keys);
            doors.rules = rules;
            doors.end_where_right_is_gone(now)
        };
        call(ends, Cut::Withdrawn);
    }

    /// Lets a viewer in, or says why not.
    ///
    /// # Errors
    /// With the reason, which has a code and a status.
    pub fn enter(&self, wish: Wish<'_>, proof: Proof<'_>, now: Now) -> Result<Ticket, Denied> {
        let mut doors = self.inner.doors.lock();
        let (holder, audio, limits) = match proof {
            _ if self.inner.open => doors.anyone(wish),
            Proof::None => return Err(Denied::Missing),
            Proof::Address(text) => doors.by_address(wish, text, now)?,
            Proof::Digest { digest, challenge, method } => {
                doors.by_key(wish, &digest.user, |secret| digest.proves(challenge, method, secret), now)?
            }
            Proof::Secret { id, secret } => doors.by_key(wish, id, |right| same(right, secret), now)?,
        };
        let id = doors.seat(holder, limits)?;
        Ok(Ticket::new(self.inner.clone(), id, audio))
    }

    /// Whether a player of RTSP may learn what a stream, or a recording, is; no
    /// place is taken.
    ///
    /// # Errors
    /// With the reason.
    pub fn may_describe(
        &self,
        wish: Wish<'_>,
        digest: &Digest,
        challenge: &Challenge,
        method: &str,
        now: Now,
    ) -> Result<(), Denied> {
        let proves = |secret: &str| digest.proves(challenge, method, secret);
        self.inner.doors.lock().by_key(wish, &digest.user, proves, now).map(|_| ())
    }

    /// The secret of a stream key, for protocols that prove it by encryption;
    /// whoever asks proves nothing yet.
    #[must_use]
    pub fn secret_of(&self, id: &str) -> Option<String> {
        let doors = self.inner.doors.lock();
        doors.rules.stream_keys.iter().find(|rule| rule.id == id).map(|rule| rule.secret.clone())
    }

    /// Whether recorded video of a time may be read. An address of this kind
    /// opens one playback, which goes on while it is used.
    ///
    /// # Errors
    /// With the reason.
    pub fn may_play(
        &self,
        key: &StreamKey,
        address: Option<&str>,
        from_us: i64,
        to_us: i64,
        now: Now,
    ) -> Result<(), Denied> {
        if self.inner.open {
            return Ok(());
        }
        self.inner.doors.lock().play(key, address, (from_us, to_us), now).map(|_| ())
    }

    /// Whether a request for live HLS is answered, and whether with sound. An
    /// address of this kind opens one session of many requests, which takes one
    /// place and goes on while it is used.
    ///
    /// # Errors
    /// With the reason.
    pub fn may_watch(&self, key: &StreamKey, address: Option<&str>, now: Now) -> Result<bool, Denied> {
        if self.inner.open {
            return Ok(true);
        }
        self.inner.doors.lock().watch(key, address.ok_or(Denied::Missing)?, now)
    }

    /// Lets a viewer in who has recorded video played to him, from an instant
    /// on; answers from when to when he may see, an end of 0 being none. His
    /// place counts like any; he is let out when he is revoked.
    ///
    /// # Errors
    /// With the reason.
    pub fn enter_playback(
        &self,
        key: &StreamKey,
        address: Option<&str>,
        at_us: i64,
        now: Now,
    ) -> Result<(Ticket, (i64, i64)), Denied> {
        let wish = Wish { key, kind: Kind::Playback };
        let mut doors = self.inner.doors.lock();
        let (holder, audio, limits, period) = if self.inner.open {
            let (holder, audio, limits) = doors.anyone(wish);
            (holder, audio, limits, (0, 0))
        } else {
            let address = doors.play(key, address, (at_us, at_us), now)?;
            let mut holder = Holder::by_address(wish, &address);
            holder.until = Some(now.at + plays::LONGEST);
            let limits = doors.limits_of(&address.city, address.most);
            (holder, address.audio(), limits, (address.from_us, address.until_us))
        };
        let id = doors.seat(holder, limits)?;
        Ok((Ticket::new(self.inner.clone(), id, audio), period))
    }

    /// Lets a running session go on, by a fresh address of the same viewer for
    /// the same stream.
    ///
    /// # Errors
    /// With the reason; the session itself is not touched.
    pub fn renew(&self, label: &str, address: &str, now: Now) -> Result<(), Denied> {
        if self.inner.open {
            return Ok(());
        }
        let mut doors = self.inner.doors.lock();
        let address = doors.keys.verify(address)?;
        let id = doors.owned(label, &address)?;
        doors.judge(&address, now)?;
        if let Some(holder) = doors.holders.get_mut(&id) {
            holder.until = Some(now.at + LEASE);
        }
        Ok(())
    }

    /// The stream that a session of this name watches.
    #[must_use]
    pub fn stream_of(&self, label: &str) -> Option<StreamKey> {
        let doors = self.inner.doors.lock();
        let holder = doors.holders.values().find(|holder| !holder.label.is_empty() && holder.label == label)?;
        StreamKey::parse(&holder.seat.stream)
    }

    /// Whether whoever shows this address, run out or not, opened the session; of
    /// a talk for a minute after its end too.
    ///
    /// # Errors
    /// With the reason.
    pub fn owns(&self, label: &str, address: Option<&str>, now: Now) -> Result<(), Denied> {
        if self.inner.open {
            return Ok(());
        }
        let doors = self.inner.doors.lock();
        let address = doors.keys.verify(address.ok_or(Denied::Missing)?)?;
        if doors.over.owns(label, &address, now.at) {
            return Ok(());
        }
        doors.owned(label, &address).map(|_| ())
    }

    /// Whether whoever shows this stream key opened the session by it.
    ///
    /// # Errors
    /// With the reason.
    pub fn owns_by_key(&self, label: &str, proof: Proof<'_>) -> Result<(), Denied> {
        if self.inner.open {
            return Ok(());
        }
        let Proof::Secret { id, secret } = proof else { return Err(Denied::Missing) };
        let doors = self.inner.doors.lock();
        if !doors.rules.stream_keys.iter().any(|rule| rule.id == id && same(&rule.secret, secret)) {
            return Err(Denied::WrongKey);
        }
        let own = |holder: &Holder| holder.label == label && holder.right == Right::Key(id.to_owned());
        if !label.is_empty() && doors.holders.values().any(own) { Ok(()) } else { Err(Denied::Foreign("session")) }
    }

    /// Ends all streams that it hits and keeps the addresses that were signed
    /// for them so far from opening new ones. Returns how many ended. One that names nothing hits nothing.
    pub fn revoke(&self, revocation: Revocation, now: Now) -> usize {
        if !revocation.names_something() {
            return 0;
        }
        let (ends, watched) = {
            let mut doors = self.inner.doors.lock();
            let ends = doors.end_where(Cut::Withdrawn, |holder| {
                revocation.hits(&holder.seat.viewer, &holder.session, &holder.camera)
            });
            let hit = |address: &Address| revocation.hits(&address.viewer, &address.session, &address.camera);
            doors.plays.retain(|_, play| !hit(&play.address));
            let watched = doors.end_watches(hit);
            doors.revoked.push((revocation, now.utc_s));
            (ends, watched)
        };
        let count = ends.len() + watched;
        call(ends, Cut::Withdrawn);
        count
    }

    /// To be called each second: ends what was not renewed, forgets what ran out.
    pub fn sweep(&self, now: Now) {
        let ends = {
            let mut doors = self.inner.doors.lock();
            doors.nonces.sweep(now.utc_s);
            doors.sweep_plays(now);
            doors.sweep_watches(now);
            doors.revoked.retain(|(_, at_s)| at_s + LIFETIME_S >= now.utc_s);
            doors.over.sweep(now.at);
            let ran_out = doors.end_where(Cut::RanOut, |holder| holder.until.is_some_and(|until| until <= now.at));
            (ran_out, doors.end_where_right_is_gone(now))
        };
        call(ends.0, Cut::RanOut);
        call(ends.1, Cut::Withdrawn);
    }

    /// How many sessions hold a place.
    #[must_use]
    pub fn sessions(&self) -> usize {
        let doors = self.inner.doors.lock();
        doors.holders.len() + doors.watches.len()
    }
}

impl Doors {
    /// Takes a place for a session; answers the session's number.
    fn seat(&mut self, holder: Holder, limits: Limits) -> Result<u64, Denied> {
        if holder.kind == Kind::Talk {
            self.only_talker(&holder.camera)?;
        }
        if holder.views() {
            self.places.take(&holder.seat, limits)?;
        }
        self.next_id += 1;
        self.holders.insert(self.next_id, holder);
        Ok(self.next_id)
    }

    /// A camera has one loudspeaker: two who talk are not understood.
    fn only_talker(&self, camera: &str) -> Result<(), Denied> {
        let talks = |holder: &&Holder| holder.kind == Kind::Talk && holder.camera == camera;
        match self.holders.values().find(talks) {
            Some(holder) => Err(Denied::Talking { who: holder.called.clone() }),
            None => Ok(()),
        }
    }

    pub fn limits_of(&self, city: &str, viewer: u32) -> Limits {
        let mut limits = self.rules.limits;
        if let Some(limit) = self.rules.city_limits.get(city) {
            limits.city = *limit;
        }
        if viewer != 0 {
            limits.viewer = viewer;
        }
        limits
    }

    fn anyone(&self, wish: Wish<'_>) -> (Holder, bool, Limits) {
        let city = self.rules.city_of(&wish.key.camera).to_owned();
        let limits = self.limits_of(&city, 0);
        (Holder::anyone(wish, city), true, limits)
    }

    fn by_address(&mut self, wish: Wish<'_>, text: &str, now: Now) -> Result<(Holder, bool, Limits), Denied> {
        let address = self.keys.verify(text)?;
        address.opens(wish.key, wish.kind)?;
        self.judge(&address, now)?;
        let mut holder = Holder::by_address(wish, &address);
        holder.until = Some(now.at + LEASE);
        Ok((holder, address.audio(), self.limits_of(&address.city, address.most)))
    }

    /// All that can be wrong with an address whose signature is right; last of
    /// all it is used up.
    fn judge(&mut self, address: &Address, now: Now) -> Result<(), Denied> {
        self.hold_good(address, now)?;
        if self.nonces.take(&address.nonce, address.expires_s, now.utc_s) { Ok(()) } else { Err(Denied::Used) }
    }

    /// All but whether it was used before.
    pub fn hold_good(&self, address: &Address, now: Now) -> Result<(), Denied> {
        address.in_time(now.utc_s)?;
        self.stand(address)
    }

    /// All that can end it before or after its time.
    pub fn stand(&self, address: &Address) -> Result<(), Denied> {
        if !address.node.is_empty() && address.node != self.rules.node {
            return Err(Denied::Foreign("node"));
        }
        self.rules.shows(&address.camera, &address.city, address.view)?;
        let revoked = |(revocation, at_s): &(Revocation, u64)| {
            address.expires_s <= at_s + LIFETIME_S
                && revocation.hits(&address.viewer, &address.session, &address.camera)
        };
        if self.revoked.iter().any(revoked) { Err(Denied::Revoked) } else { Ok(()) }
    }

    fn by_key(
        &mut self,
        wish: Wish<'_>,
        id: &str,
        proves: impl Fn(&str) -> bool,
        now: Now,
    ) -> Result<(Holder, bool, Limits), Denied> {
        let city = self.rules.city_of(&wish.key.camera).to_owned();
        let proved = |rule: &&StreamKeyRule| rule.id == id && proves(&rule.secret);
        let rule = self.rules.stream_keys.iter().find(proved).ok_or(Denied::WrongKey)?;
        self.rules.opens(rule, &wish.key.camera, wish.kind, now.utc_s)?;
        Ok((Holder::by_key(wish, city.clone(), &rule.id), rule.audio, self.limits_of(&city, 0)))
    }

    /// The session of this name, if the address is of its viewer and stream.
    fn owned(&self, label: &str, address: &Address) -> Result<u64, Denied> {
        let found = self.holders.iter().find(|(_, holder)| !holder.label.is_empty() && holder.label == label);
        let (id, holder) = found.ok_or(Denied::Foreign("session"))?;
        if opened(address, &holder.seat, holder.kind) { Ok(*id) } else { Err(Denied::Foreign("session")) }
    }

    fn end_where(&mut self, cut: Cut, hit: impl Fn(&Holder) -> bool) -> Vec<End> {
        let hits = self.holders.values_mut().filter(|holder| holder.cut.is_none() && hit(holder));
        hits.filter_map(|holder| {
            holder.cut = Some(cut);
            holder.end.take()
        })
        .collect()
    }

    /// Ends who would not be let in now, be it by his address or his key.
    fn end_where_right_is_gone(&mut self, now: Now) -> Vec<End> {
        let rules = std::mem::take(&mut self.rules);
        let ends = self.end_where(Cut::Withdrawn, |holder| !holder.may_stay(&rules, now.utc_s));
        self.rules = rules;
        ends
    }
}

/// Takes as long for every secret of its length.
fn same(right: &str, shown: &str) -> bool {
    verify_slices_are_equal(right.as_bytes(), shown.as_bytes()).is_ok()
}

/// Outside the lock: what ends a session may drop its ticket.
fn call(ends: Vec<End>, cut: Cut) {
    for end in ends {
        end(cut);
    }
}
