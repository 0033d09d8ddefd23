//! For how long volumes and cameras last at this rate, and what other rules
//! would take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::calls::{Answer, CallError};
use crate::config::Keep;
use crate::service::Recording;

use super::act;
use super::clock::Doubt;
use super::keeper::Keeping;
use super::plan::{DAY_US, Item, Level, View, What};
use super::stock::Stock;

/// A rate over less than a minute says nothing.
const SHORTEST_US: i64 = 60_000_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForecastRequest {
    keeps: BTreeMap<String, Keep>,
    dry_run: bool,
}

#[derive(Serialize)]
struct VolumeForecast {
    volume: String,
    bytes: u64,
    /// Absent: nobody set a limit to a bucket.
    free: Option<u64>,
    /// Bytes a second.
    rate: f64,
    days: Option<f64>,
}

#[derive(Serialize)]
struct CameraForecast {
    camera: String,
    bytes: u64,
    oldest_us: Option<i64>,
    rate: f64,
    days: Option<f64>,
    would_remove: Vec<Removal>,
}

#[derive(Serialize)]
struct Removal {
    parts: u64,
    bytes: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct Forecast {
    volumes: Vec<VolumeForecast>,
    cameras: Vec<CameraForecast>,
    /// A step of the clock that nobody confirmed: nothing goes by age.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<Doubt>,
}

impl Recording {
    pub fn forecast(&self, asked: &ForecastRequest) -> Result<Answer, CallError> {
        Answer::of(&self.keeping().forecast(asked))
    }
}

impl Keeping {
    fn forecast(&self, asked: &ForecastRequest) -> Forecast {
        let stock = self.stock();
        let mut view = self.view(&asked.keeps, Instant::now());
        // What goes in the end, not what may go in this hour.
        view.volumes.values_mut().for_each(|room| room.by_age = u64::MAX);
        let rates = rates(&view, &stock);
        let removals = if asked.dry_run { removals(&view, &stock) } else { BTreeMap::new() };
        let volumes = self.context.everywhere.iter().map(|volume| {
            let own = rates.iter().filter(|((_, name), _)| *name == volume.name).map(|(_, rate)| rate);
            let (bytes, rate) = (stock.bytes_of(&volume.name), own.sum());
            let free = volume.free().map(|_| volume.room());
            let days = free.and_then(|free| days((bytes + free) as f64, rate));
            VolumeForecast { volume: volume.name.clone(), bytes, free, rate, days }
        });
        let volumes: Vec<VolumeForecast> = volumes.collect();
        let known = view.items.iter().map(|item| &item.camera).chain(asked.keeps.keys());
        let known: BTreeSet<&String> = known.collect();
        let cameras = known.into_iter().map(|camera| camera_forecast(camera, &view, &rates, &volumes, &removals));
        Forecast { cameras: cameras.collect(), volumes, clock: self.doubt() }
    }
}

type Rates = BTreeMap<(String, String), f64>;

/// Bytes a second by camera and volume: of the last day, or since it began.
fn rates(view: &View, stock: &Stock) -> Rates {
    let since_us = view.now_us - DAY_US;
    let mut found: BTreeMap<(String, String), (u64, i64)> = BTreeMap::new();
    for item in view.items.iter().filter(|item| item.from_us >= since_us && item.from_us <= view.now_us) {
        let key = (item.camera.clone(), item.volume.clone());
        let sum = found.entry(key).or_insert((0, item.from_us));
        *sum = (sum.0 + item.bytes, sum.1.min(item.from_us));
    }
    let rate = |((camera, volume), (bytes, from_us)): ((String, String), (u64, i64))| {
        let begun_us = if oldest(view, &camera) == Some(from_us) { began(stock, &camera, from_us) } else { from_us };
        let seconds = (view.now_us - begun_us).max(SHORTEST_US) as f64 / 1e6;
        ((camera, volume), bytes as f64 / seconds)
    };
    found.into_iter().map(rate).collect()
}

fn oldest(view: &View, camera: &str) -> Option<i64> {
    view.items.iter().filter(|item| item.camera == camera).map(|item| item.from_us).min()
}

/// When the first part of a camera really began, in the hour of its name.
fn began(stock: &Stock, camera: &str, from_us: i64) -> i64 {
    let own = stock.0.values().filter(|files| files.camera == camera && files.start_us() == from_us);
    let begun = own.filter_map(|files| act::fragments(files).ok()?.first().map(|stored| stored.core.utc_us));
    begun.min().unwrap_or(from_us)
}

fn days(bytes: f64, rate: f64) -> Option<f64> {
    (rate > 0.0).then(|| (bytes / rate / 86_400.0 * 10.0).round() / 10.0)
}

fn camera_forecast(
    camera: &str,
    view: &View,
    rates: &Rates,
    volumes: &[VolumeForecast],
    removals: &BTreeMap<String, Vec<Removal>>,
) -> CameraForecast {
    let own: Vec<(&String, f64)> =
        rates.iter().filter(|((of, _), _)| of == camera).map(|((_, volume), rate)| (volume, *rate)).collect();
    let rate: f64 = own.iter().map(|(_, rate)| rate).sum();
    let keep = view.keeps.get(camera);
    let disks = volumes.iter().filter(|volume| own.iter().any(|(name, _)| **name == volume.volume));
    let limits = disks
        .filter_map(|volume| volume.days)
        .chain(keep.and_then(|keep| keep.max_days).map(f64::from))
        .chain(keep.and_then(|keep| keep.max_bytes).and_then(|bytes| days(bytes as f64, rate)));
    let of = |list: &[Removal]| list.iter().map(|r| Removal { reason: r.reason, ..*r }).collect();
    CameraForecast {
        camera: camera.to_owned(),
        bytes: view.items.iter().filter(|item| item.camera == camera).map(|item| item.bytes).sum(),
        oldest_us: oldest(view, camera),
        rate,
        days: limits.reduce(f64::min),
        would_remove: removals.get(camera).map(|list| of(list)).unwrap_or_default(),
    }
}

/// What a plan would take at once, by camera and reason.
fn removals(view: &View, stock: &Stock) -> BTreeMap<String, Vec<Removal>> {
    let mut found: BTreeMap<(String, &'static str), (u64, u64)> = BTreeMap::new();
    let mut shares = BTreeMap::new();
    for action in view.plan().actions {
        let item = &action.item;
        let bytes = match action.what {
            What::Delete => item.bytes,
            What::Thin(Level::Keys | Level::Stills) if item.level < Level::Keys => {
                let share = *shares.entry(item.camera.clone()).or_insert_with(|| share_without_keys(stock, item));
                (item.bytes as f64 * share) as u64
            }
            What::Thin(_) | What::Move(_) => 0,
        };
        if !matches!(action.what, What::Move(_)) {
            let sum = found.entry((item.camera.clone(), action.cause.as_str())).or_default();
            *sum = (sum.0 + 1, sum.1 + bytes);
        }
    }
    let mut removals: BTreeMap<String, Vec<Removal>> = BTreeMap::new();
    for ((camera, reason), (parts, bytes)) in found {
        removals.entry(camera).or_default().push(Removal { parts, bytes, reason });
    }
    removals
}

/// The share of a part's bytes in fragments without a key frame: so much goes
/// at least when it is thinned to keys.
fn share_without_keys(stock: &Stock, item: &Item) -> f64 {
    let key = (item.camera.clone(), item.id, item.volume.clone());
    let Some(stored) = stock.0.get(&key).and_then(|files| act::fragments(files).ok()) else { return 0.0 };
    let size = |key: bool| -> u64 {
        let own = stored.iter().filter(|stored| key || !stored.core.has_key());
        own.map(|stored| u64::from(stored.place.size)).sum()
    };
    if size(true) == 0 { 0.0 } else { size(false) as f64 / size(true) as f64 }
}
