//! What one stream's recording is so far: numbers, chains, seals, and the
//! part that is open. Every byte of it is written from here.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use vms_format::crypt::PartKey;
use vms_format::ledger::{Clock, Config, Gap, Reason};
use vms_format::part::{PartWriter, StreamState};
use vms_format::seal::{FINAL, Unsealed};
use vms_format::time::{HOUR_US, hour_of, hour_start_us};
use vms_format::{Body, Fragment, Owner, PartId, TrackConfig};
use vms_hub::StreamKey;

use crate::config::Tier;
use crate::event::{Event, Listener};
use crate::service::UtcClock;

use super::keys::Keys;
use super::ledger::{Durable, Ledger};
use super::part::{OpenPart, WriteError};
use super::volume::Volume;

/// Sequences reserved at once: over two hours of half seconds.
pub const RESERVE: u64 = 20_000;
/// A pause in a stream that goes on is a gap from this length on.
pub const GAP_FROM_US: i64 = 1_000_000;
/// How long a writer waits for what must be durable first.
const DURABLE_LIMIT: Duration = Duration::from_secs(30);
/// The journal is told of a part that goes on no more often.
const TELL_US: i64 = 10_000_000;

/// What all streams are written with.
pub struct Context {
    /// Where is recorded to, and where ledgers lie.
    pub volumes: Vec<Arc<Volume>>,
    /// Those, and the buckets that parts are moved to.
    pub everywhere: Vec<Arc<Volume>>,
    /// For cameras whose rules name none.
    pub tiers: Vec<Tier>,
    pub keys: Keys,
    pub ledger_copies: PathBuf,
    /// Name of the master key where parts are encrypted.
    pub encrypt: Option<String>,
    pub software: String,
    pub now_us: UtcClock,
    pub listener: Listener,
}

/// Begins a part with the fragment it comes with.
#[derive(Clone, Debug)]
pub struct Begin {
    pub tracks: Vec<TrackConfig>,
    pub origin_us: i64,
    /// The server's clock stepped since the part before.
    pub clock: Option<ClockStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    pub before_us: i64,
    pub after_us: i64,
    pub error_us: Option<u32>,
}

/// Why something may be missing before a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub reason: Reason,
    /// A JSON object, or empty.
    pub values: String,
    /// Known to be lost; 0 where that is not known.
    pub frames: u32,
    /// Told however short the pause is.
    pub always: bool,
}

impl Hint {
    #[must_use]
    pub fn of(reason: Reason) -> Self {
        Self { reason, values: String::new(), frames: 0, always: false }
    }
}

pub struct StreamLog {
    pub key: StreamKey,
    pub(super) number: u8,
    pub(super) ledger: Arc<Ledger>,
    pub(super) state: StreamState,
    pub(super) epoch: u32,
    pub(super) unsealed: Unsealed,
    /// No sequence above it may be used.
    pub(super) reserved: u64,
    pub(super) reserve_round: Durable,
    /// Makes the last fragment durable.
    written: Durable,
    /// All up to here is on disk, or explained.
    pub(super) covered_us: i64,
    /// Of what lies unsealed.
    pub(super) hour: u32,
    pub(super) part: Option<OpenPart>,
    /// The last part's hour and number, wherever it was.
    pub(super) last_part: Option<PartId>,
    lost: Option<Hint>,
    /// Why there was nothing before the start, until the first fragment.
    pub(super) started: Option<Reason>,
    told_us: i64,
    /// GAP records written since the start.
    pub gaps: Arc<AtomicU64>,
}

/// What a stream is found as.
pub struct Resumed {
    pub state: StreamState,
    pub epoch: u32,
    pub unsealed: Unsealed,
    pub reserved: u64,
    pub covered_us: i64,
    pub last_part: Option<PartId>,
}

impl StreamLog {
    pub fn new(key: StreamKey, number: u8, ledger: Arc<Ledger>, resumed: Resumed) -> Self {
        let Resumed { state, epoch, unsealed, reserved, covered_us, last_part } = resumed;
        Self {
            key,
            number,
            ledger,
            state,
            epoch,
            unsealed,
            reserved,
            reserve_round: None,
            written: None,
            covered_us,
            hour: hour_of(covered_us),
            part: None,
            last_part,
            lost: None,
            started: None,
            told_us: 0,
            gaps: Arc::default(),
        }
    }

    fn owner(&self) -> &Owner {
        self.ledger.owner()
    }

    #[must_use]
    pub fn covered_us(&self) -> i64 {
        self.covered_us
    }

    #[must_use]
    pub fn hour(&self) -> u32 {
        self.hour
    }

    /// The part that is open, and where.
    #[must_use]
    pub fn open_part(&self) -> Option<(PartId, Arc<Volume>)> {
        self.part.as_ref().map(|part| (part.id(), part.volume.clone()))
    }

    /// Remembers a loss, for the next GAP.
    pub fn lose(&mut self, reason: Reason, frames: u32) {
        match &mut self.lost {
            Some(lost) => lost.frames = lost.frames.saturating_add(frames),
            None => self.lost = Some(Hint { reason, values: String::new(), frames, always: true }),
        }
    }

    /// Writes a ledger record of this stream; what seals cover is kept for
    /// the next one.
    pub(super) fn record(&mut self, context: &Context, body: Body) -> io::Result<Durable> {
        let is_gap = matches!(body, Body::Gap(_));
        let (entry, round) = self.ledger.append((context.now_us)(), self.number, body)?;
        self.gaps.fetch_add(u64::from(is_gap), Ordering::Relaxed);
        self.unsealed.add_entry(&entry);
        Ok(round)
    }

    /// Writes one fragment on `volume`; with `begin` it is a new part's first.
    /// After an error the part is ended and the fragment is remembered as lost.
    pub fn fragment(
        &mut self,
        context: &Context,
        volume: &Arc<Volume>,
        fragment: Fragment,
        camera_offset_ms: i32,
        begin: Option<&Begin>,
        hint: Option<&Hint>,
    ) -> Result<(), WriteError> {
        let frames = u32::try_from(fragment.samples.len()).unwrap_or(u32::MAX);
        let result = self.try_fragment(context, volume, fragment, camera_offset_ms, begin, hint);
        if let Err(error) = &result {
            let reason = match error {
                WriteError::Io(error) => super::writer::reason_of(volume, Volume::state_of(error)),
                WriteError::Format(_) => Reason::NotSupported,
            };
            self.lose(reason, frames);
            // What the disk has of it may come to light again.
            self.state.next_sequence += 1;
            // Its last whole fragment stays the end; no CLOSE, as after a crash.
            self.part = None;
        }
        result
    }

    fn try_fragment(
        &mut self,
        context: &Context,
        volume: &Arc<Volume>,
        fragment: Fragment,
        camera_offset_ms: i32,
        begin: Option<&Begin>,
        hint: Option<&Hint>,
    ) -> Result<(), WriteError> {
        let (from_us, hour) = (fragment.utc_us, hour_of(fragment.utc_us));
        let end_us = from_us + i64::from(fragment.duration_us);
        if hour != self.hour {
            self.seal(context, hour.saturating_sub(self.hour).max(1))?;
            self.hour = hour;
        }
        if let Some(begin) = begin {
            self.begin(context, volume, begin, hour)?;
        }
        self.explain(context, from_us, hint)?;
        self.reserve(context)?;
        let Some(part) = &mut self.part else {
            return Err(io::Error::other("the part of this fragment has ended").into());
        };
        let stored = part.fragment(fragment, camera_offset_ms, &mut self.state)?;
        self.written = part.round().map(|round| (volume.clone(), round));
        self.unsealed.add_fragment(&stored);
        // A clock that jumps back makes an earlier end the last one.
        self.covered_us =
            if begin.is_some_and(|begin| begin.clock.is_some()) { end_us } else { self.covered_us.max(end_us) };
        self.tell(context, begin.is_some());
        Ok(())
    }

    fn tell(&mut self, context: &Context, always: bool) {
        let now_us = (context.now_us)();
        if always || (now_us - self.told_us).abs() >= TELL_US {
            self.told_us = now_us;
            (context.listener)(Event::Recording { key: self.key.clone(), utc_us: now_us });
        }
    }

    /// Ends the part before, and has CONFIG say what the next one is.
    fn begin(&mut self, context: &Context, volume: &Arc<Volume>, begin: &Begin, hour: u32) -> Result<(), WriteError> {
        self.end_part(context);
        self.ledger.move_to(volume)?;
        let folder = volume.camera(&self.owner().camera);
        let id = self.next_part(context, hour);
        self.epoch += 1;
        if let Some(step) = begin.clock {
            let clock = Clock {
                reason: if step.error_us.is_none() && step.before_us.abs_diff(step.after_us) <= 250_000 {
                    2
                } else {
                    1
                },
                before_us: step.before_us,
                after_us: step.after_us,
                error_us: step.error_us.unwrap_or(u32::MAX),
                epoch: self.epoch,
            };
            self.record(context, Body::Clock(clock))?;
            self.covered_us = step.after_us;
        }
        let key = context.encrypt.as_ref().map(|name| self.data_key(context, name)).transpose()?;
        let encrypted = key.is_some();
        let config = Config {
            epoch: self.epoch,
            part: id.part,
            hour,
            first_sequence: self.state.next_sequence,
            origin_us: begin.origin_us,
            tracks: begin.tracks.iter().map(TrackConfig::config).collect(),
            encrypted,
            software: context.software.clone(),
        };
        self.record(context, Body::Config(config))?;
        let writer = PartWriter::new(self.owner(), id, self.epoch, &begin.tracks, key);
        self.part = Some(OpenPart::new(volume.clone(), folder, writer, encrypted));
        self.last_part = Some(id);
        Ok(())
    }

    fn data_key(&self, context: &Context, name: &str) -> Result<PartKey, WriteError> {
        let master = context.keys.master(name)?;
        Ok(PartKey::wrap(&self.owner().camera, name, &master, rand::random(), rand::random())?)
    }

    /// One more than the highest of that hour on any volume that is there; of
    /// a bucket is known what lies in it while it is away.
    fn next_part(&self, context: &Context, hour: u32) -> PartId {
        let first = PartId { hour, part: 0, stream: self.number };
        let mut highest = self.last_part.filter(|last| last.hour == hour).map(|last| last.part);
        for volume in context.everywhere.iter().filter(|volume| volume.is_there() || volume.is_remote()) {
            highest = highest.max(super::find::highest_part(volume, &self.owner().camera, first));
        }
        PartId { part: highest.map_or(0, |part| part.saturating_add(1)), ..first }
    }

    /// Writes the GAP between what is covered and `until_us`, if that is one.
    fn explain(&mut self, context: &Context, until_us: i64, hint: Option<&Hint>) -> io::Result<()> {
        let lost = self.lost.take();
        let started = self.started.take();
        let pause_us = until_us - self.covered_us;
        let always = lost.is_some() || hint.is_some_and(|hint| hint.always) || (started.is_some() && pause_us > 0);
        if pause_us <= GAP_FROM_US && !always {
            return Ok(());
        }
        let said = lost.or_else(|| hint.cloned()).unwrap_or_else(|| Hint::of(started.unwrap_or(Reason::NoVideo)));
        let result = self.gap(context, self.covered_us.min(until_us), until_us, self.state.next_sequence, &said);
        if result.is_err() {
            self.lost = Some(said);
        }
        result
    }

    fn gap(
        &mut self,
        context: &Context,
        from_us: i64,
        to_us: i64,
        before_sequence: u64,
        said: &Hint,
    ) -> io::Result<()> {
        let gap = Gap {
            from_us,
            to_us,
            before_sequence,
            frames: said.frames,
            reason: said.reason.code(),
            values: said.values.clone(),
        };
        self.record(context, Body::Gap(gap))?;
        self.covered_us = self.covered_us.max(to_us);
        (context.listener)(Event::Gap {
            key: self.key.clone(),
            utc_us: (context.now_us)(),
            from_us,
            to_us: Some(to_us),
            reason: code_of(said.reason),
        });
        Ok(())
    }

    /// Nothing came up to `until_us`, for a reason that ends or goes on there.
    pub fn nothing_until(&mut self, context: &Context, until_us: i64, hint: &Hint) -> io::Result<()> {
        if until_us <= self.covered_us {
            return Ok(());
        }
        let said = self.lost.take().unwrap_or_else(|| hint.clone());
        self.gap(context, self.covered_us, until_us, 0, &said)
    }

    /// An hour has ended without a fragment of the next one: the open gap is
    /// written up to there and the hour is sealed.
    pub fn hour_ended(&mut self, context: &Context, now_us: i64, hint: &Hint) -> io::Result<()> {
        let now_hour = hour_of(now_us);
        if now_hour <= self.hour {
            return Ok(());
        }
        self.nothing_until(context, hour_start_us(now_hour), hint)?;
        self.seal(context, now_hour - self.hour)?;
        self.hour = now_hour;
        Ok(())
    }

    /// Reserves numbers before they are needed: the record becomes durable
    /// meanwhile.
    pub(super) fn reserve_ahead(&mut self, context: &Context) -> io::Result<()> {
        if self.state.next_sequence + RESERVE / 2 > self.reserved {
            let up_to = self.state.next_sequence + RESERVE;
            self.reserve_round = self.record(context, Body::Reserve { up_to })?;
            self.reserved = up_to;
        }
        Ok(())
    }

    /// Waits only where the reserve is not durable yet.
    fn reserve(&mut self, context: &Context) -> io::Result<()> {
        self.reserve_ahead(context)?;
        wait_for(&self.reserve_round)?;
        self.reserve_round = None;
        Ok(())
    }

    /// Seals what there is; an hour without anything gets its empty seal.
    pub(super) fn seal(&mut self, context: &Context, hours: u32) -> io::Result<()> {
        self.seal_as(context, FINAL, hours)
    }

    /// A seal may not be on disk before what it seals.
    pub(super) fn seal_as(&mut self, context: &Context, kind: u8, hours: u32) -> io::Result<()> {
        wait_for(&self.written)?;
        self.written = None;
        let mut after = self.unsealed.clone();
        let seal = after.seal(&context.keys.current(), kind, self.hour, hours);
        self.ledger.append((context.now_us)(), self.number, Body::Seal(seal))?;
        self.unsealed = after;
        Ok(())
    }

    /// A seal over what lies unsealed, for an export inside the hour.
    pub fn interim_seal(&mut self, context: &Context) -> io::Result<()> {
        if self.unsealed.is_empty() {
            return Ok(());
        }
        self.seal_as(context, vms_format::seal::INTERIM, 1)
    }

    /// Ends the open part in order.
    pub fn end_part(&mut self, context: &Context) {
        let Some(part) = self.part.take() else { return };
        let name = part.id().name();
        if let Err(error) = part.close() {
            tracing::warn!(stream = %self.key, part = name, %error, "a part was not closed in order");
        }
        self.tell(context, true);
    }

    /// Stops in order: what is open is explained and sealed, and the numbers
    /// that were not used are given back.
    pub fn stop(&mut self, context: &Context, now_us: i64, hint: &Hint) -> io::Result<()> {
        self.end_part(context);
        if now_us - self.covered_us > GAP_FROM_US || self.lost.is_some() {
            let until = now_us.min(hour_start_us(self.hour) + HOUR_US).max(self.covered_us);
            let said = self.lost.take().unwrap_or_else(|| hint.clone());
            self.gap(context, self.covered_us, until, 0, &said)?;
        }
        let up_to = self.state.next_sequence - 1;
        if up_to != self.reserved {
            self.record(context, Body::Reserve { up_to })?;
            self.reserved = up_to;
        }
        if !self.unsealed.is_empty() {
            self.seal(context, 1)?;
        }
        Ok(())
    }
}

/// Waits where something is not durable yet.
fn wait_for(what: &Durable) -> io::Result<()> {
    match what {
        Some((volume, round))
            if !volume.commits.is_durable(*round) && !volume.commits.wait(*round, DURABLE_LIMIT, &*volume.disk) =>
        {
            Err(io::Error::other("what comes first did not become durable"))
        }
        _ => Ok(()),
    }
}

/// A reason's code as JSON has it.
#[must_use]
pub fn code_of(reason: Reason) -> &'static str {
    match reason {
        Reason::CameraOff => "camera_off",
        Reason::Network => "network",
        Reason::WrongPassword => "wrong_password",
        Reason::NoVideo => "no_video",
        Reason::DiskSlow => "disk_slow",
        Reason::DiskFull => "disk_full",
        Reason::DiskFullHeld => "disk_full_held",
        Reason::PowerOrCrash => "power_or_crash",
        Reason::Maintenance => "maintenance",
        Reason::Schedule => "schedule",
        Reason::Operator => "operator",
        Reason::Retention => "retention",
        Reason::ErasedByLaw => "erased_by_law",
        Reason::Clock => "clock",
        Reason::Upstream => "upstream",
        Reason::Thinning => "thinning",
        Reason::DiskFailed => "disk_failed",
        Reason::NotSupported => "not_supported",
    }
}
