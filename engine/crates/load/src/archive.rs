//! Recordings of days gone by, written by the recorder's own hand: what the
//! benchmarks of playback, pictures and exports read.
//!
//! The pictures of one video repeat; all else (parts, indexes, chains, seals)
//! is as a camera that was recorded then would have it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use serde::Serialize;
use vms_format::fragment::FLAG_KEY;
use vms_format::ledger::Reason;
use vms_format::{Fragment, Owner, Sample, TrackConfig};
use vms_hub::{StreamKey, StreamName};
use vms_media::{AnnexBUnit, Codec, ParameterSets, access_units};
use vms_recording::VolumeConfig;
use vms_recording::io::RealDisk;
use vms_recording::write::keys::Keys;
use vms_recording::write::recorders::Logs;
use vms_recording::write::stream::{Begin, Context, Hint};
use vms_recording::write::volume::Volume;
use vms_recording::write::writer::StreamHandle;

use crate::LoadError;
use crate::args::Archiving;

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3600 * SECOND_US;
/// As the recorder cuts them.
const FRAGMENT_US: i64 = 440_000;
const CLOCK: i64 = 90_000;

/// What was made.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Made {
    pub from_us: i64,
    pub to_us: i64,
    pub fragments: u64,
    pub bytes: u64,
}

/// Writes into the data folder of a product that does not run.
pub fn run(options: &Archiving) -> Result<Made, LoadError> {
    let maker = Maker::open(options)?;
    let mut made = Made { from_us: options.from_us, ..Made::default() };
    for camera in 1..=options.cameras {
        maker.camera(&format!("cam{camera}"), &mut made)?;
    }
    Ok(made)
}

struct Maker<'a> {
    options: &'a Archiving,
    context: Context,
    volume: Arc<Volume>,
    logs: Logs,
    now_us: Arc<AtomicI64>,
    units: Vec<AnnexBUnit>,
    track: TrackConfig,
}

fn failed(what: impl std::fmt::Display) -> LoadError {
    LoadError::Server(what.to_string())
}

impl<'a> Maker<'a> {
    fn open(options: &'a Archiving) -> Result<Self, LoadError> {
        let at = |name: &str| options.data.join(name);
        let video =
            std::fs::read(&options.video).map_err(|error| LoadError::io(options.video.display().to_string(), error))?;
        let codec =
            if options.video.extension().is_some_and(|name| name == "h265") { Codec::H265 } else { Codec::H264 };
        let units = access_units(&codec, &video);
        let first = units.first().filter(|unit| unit.key).ok_or_else(|| failed("the video begins with a key frame"))?;
        let track = track(codec, first);
        for folder in [at("recordings"), at("ledgers")] {
            std::fs::create_dir_all(&folder).map_err(|error| LoadError::io(folder.display().to_string(), error))?;
        }
        let config =
            VolumeConfig { name: "archive".to_owned(), path: at("recordings"), reserve_bytes: 0, max_bytes: None };
        let volume = Volume::open(&config, Arc::new(RealDisk), "vms-load archive", None).map_err(failed)?;
        let volume = Arc::new(volume);
        let now_us = Arc::new(AtomicI64::new(options.from_us));
        let clock = now_us.clone();
        let context = Context {
            volumes: vec![volume.clone()],
            everywhere: vec![volume.clone()],
            tiers: Vec::new(),
            keys: keys(&at("keys"), options.from_us)?,
            ledger_copies: at("ledgers"),
            encrypt: None,
            software: "vms-load".to_owned(),
            now_us: Arc::new(move || clock.load(Ordering::Relaxed)),
            listener: Arc::new(|_| {}),
        };
        Ok(Self { options, context, volume, logs: Logs::default(), now_us, units, track })
    }

    fn camera(&self, camera: &str, made: &mut Made) -> Result<(), LoadError> {
        self.now_us.store(self.options.from_us, Ordering::Relaxed);
        let key = StreamKey::new(camera, StreamName::Main);
        let handle = self.logs.open(&self.context, &Owner::new(&self.options.city, camera), &key).map_err(failed)?;
        for hour in (0..self.options.hours).step_by(self.options.every.max(1)) {
            let from_us = self.options.from_us + i64::try_from(hour).unwrap_or(0) * HOUR_US;
            self.part(&handle, from_us, made)?;
            self.volume.commits.commit(&*self.volume.disk).map_err(failed)?;
        }
        let mut log = handle.log.lock();
        log.stop(&self.context, (self.context.now_us)(), &Hint::of(Reason::Operator)).map_err(failed)?;
        self.volume.commits.commit(&*self.volume.disk).map_err(failed)?;
        Ok(())
    }

    /// One part, which begins with the video.
    fn part(&self, handle: &StreamHandle, from_us: i64, made: &mut Made) -> Result<(), LoadError> {
        let frame_us = SECOND_US * 1000 / self.options.millifps;
        let frames = self.options.seconds * self.options.millifps / 1000;
        let mut begin = Some(Begin { tracks: vec![self.track.clone()], origin_us: from_us, clock: None });
        let mut samples: Vec<Sample> = Vec::new();
        for (n, unit) in (0..frames).zip(self.units.iter().cycle()) {
            let full = i64::try_from(samples.len()).unwrap_or(i64::MAX).saturating_mul(frame_us) >= FRAGMENT_US;
            if !samples.is_empty() && (unit.key || full) {
                self.fragment(handle, from_us, std::mem::take(&mut samples), begin.take(), made)?;
            }
            let ticks = CLOCK * 1000 / self.options.millifps;
            samples.push(Sample {
                track: 1,
                key: unit.key,
                dts: n * ticks,
                pts: n * ticks,
                duration: u32::try_from(ticks).unwrap_or(u32::MAX),
                data: unit.data.clone(),
            });
        }
        if samples.is_empty() { Ok(()) } else { self.fragment(handle, from_us, samples, begin, made) }
    }

    fn fragment(
        &self,
        handle: &StreamHandle,
        from_us: i64,
        samples: Vec<Sample>,
        begin: Option<Begin>,
        made: &mut Made,
    ) -> Result<(), LoadError> {
        let micros = |ticks: i64| ticks * SECOND_US / CLOCK;
        let (first, key) = samples.first().map_or((0, false), |sample| (sample.dts, sample.key));
        let end = samples.last().map_or(0, |sample| sample.dts + i64::from(sample.duration));
        let utc_us = from_us + micros(first);
        let duration_us = u32::try_from(micros(end) - micros(first)).unwrap_or(u32::MAX);
        made.to_us = made.to_us.max(utc_us + i64::from(duration_us));
        made.fragments += 1;
        made.bytes += samples.iter().map(|sample| sample.data.len() as u64).sum::<u64>();
        self.now_us.fetch_max(utc_us + i64::from(duration_us), Ordering::Relaxed);
        let flags = if key { FLAG_KEY } else { 0 };
        let fragment = Fragment { utc_us, error_us: 1000, duration_us, flags, samples };
        let mut log = handle.log.lock();
        log.fragment(&self.context, &self.volume, fragment, 0, begin.as_ref(), None).map_err(failed)
    }
}

fn keys(folder: &Path, now_us: i64) -> Result<Keys, LoadError> {
    Keys::open(folder, now_us).map_err(|error| LoadError::io(folder.display().to_string(), error))
}

fn track(codec: Codec, first: &AnnexBUnit) -> TrackConfig {
    let mut sets = ParameterSets::default();
    for nal in vms_media::nals(&first.data) {
        sets.update(&codec, &Bytes::copy_from_slice(nal));
    }
    let info = sets.info(&codec);
    let (width, height) = info.map_or((0, 0), |info| (info.width, info.height));
    let short = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    TrackConfig {
        id: 1,
        source: 0,
        codec,
        clock_rate: 90_000,
        timescale: 90_000,
        width: short(width),
        height: short(height),
        channels: 0,
        audio_config: Bytes::new(),
        sets,
    }
}
