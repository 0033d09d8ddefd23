//! Holds: on disk before they are answered.

use serde::{Deserialize, Serialize};
use vms_format::ledger::{Body, Hold};
use vms_format::names::{WHOLE_CAMERA, is_camera};
use vms_format::{Entry, Owner};

use crate::calls::{Answer, CallError, CallKind};
use crate::service::Recording;

use super::book::BookError;
use super::keeper::Keeping;

/// A name in a record has at most so many bytes, a text so many.
const MOST_NAME: usize = 255;
const MOST_TEXT: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    camera: String,
    hold: String,
    on: bool,
    from_us: i64,
    to_us: i64,
    by: String,
    why: String,
}

#[derive(Serialize)]
struct HoldRecord {
    number: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraRequest {
    pub camera: String,
}

#[derive(Serialize)]
struct OnDisk {
    camera: String,
    hold: String,
    from_us: i64,
    to_us: i64,
    by: String,
    why: String,
}

#[derive(Serialize)]
struct Holds {
    holds: Vec<OnDisk>,
}

pub fn unreadable(camera: &str, error: &BookError) -> CallError {
    CallError::new(CallKind::Unavailable, "recording_unreadable", format!("camera {camera}: {error}"))
}

pub fn unknown(camera: &str) -> CallError {
    CallError::new(CallKind::NotFound, "no_recording", format!("of camera {camera} nothing is recorded"))
}

impl HoldRequest {
    fn check(&self) -> Result<(), CallError> {
        let bad = |what: &str| Err(CallError::new(CallKind::Invalid, "invalid", format!("hold: {what}")));
        if !is_camera(&self.camera) || self.hold.is_empty() {
            return bad("a camera and a name are needed");
        }
        if self.hold.len() > MOST_NAME || self.by.len() > MOST_NAME || self.why.len() > MOST_TEXT {
            return bad("a name or a text is too long");
        }
        if self.to_us <= self.from_us {
            return bad("it ends before it begins");
        }
        Ok(())
    }

    fn record(&self) -> Hold {
        Hold {
            hold: self.hold.clone(),
            on: self.on,
            from_us: self.from_us,
            to_us: self.to_us,
            by: self.by.clone(),
            why: self.why.clone(),
        }
    }
}

impl Recording {
    pub fn hold(&self, asked: &HoldRequest) -> Result<Answer, CallError> {
        asked.check()?;
        let keeping = self.keeping();
        let _changing = keeping.changing.lock();
        let book = keeping.book(&asked.camera, true);
        if let Ok(book) = &book {
            match book.holds.get(&asked.hold) {
                // Asked again: it is there already.
                Some((number, _, hold)) if *hold == asked.record() => {
                    return Answer::of(&HoldRecord { number: *number });
                }
                None if !asked.on => {
                    let message = format!("camera {}: there is no hold {:?}", asked.camera, asked.hold);
                    return Err(CallError::new(CallKind::NotFound, "hold_unknown", message));
                }
                _ => {}
            }
        }
        let wished = || self.wishes().into_iter().find(|wish| wish.id == asked.camera);
        let owner = book.map(|book| book.owner.clone()).ok();
        let open = || keeping.logs.open_ledger(&asked.camera).map(|ledger| ledger.owner().clone());
        let owner = owner.or_else(open).or_else(|| wished().map(|wish| Owner::new(&wish.city, &wish.id)));
        let Some(owner) = owner else { return Err(unknown(&asked.camera)) };
        let entry = append(keeping, &owner, asked.record())?;
        keeping.wake();
        Answer::of(&HoldRecord { number: entry.number })
    }

    /// The holds in force, as whoever removes reads them.
    pub fn holds(&self, asked: &CameraRequest) -> Result<Answer, CallError> {
        let keeping = self.keeping();
        let mut holds = Vec::new();
        for camera in self.cameras_of(asked)? {
            let book = keeping.book(&camera, true);
            let book = match book {
                Err(BookError::Absent) => continue,
                other => other.map_err(|error| unreadable(&camera, &error))?,
            };
            holds.extend(book.holds.values().map(|(_, _, hold)| OnDisk {
                camera: camera.clone(),
                hold: hold.hold.clone(),
                from_us: hold.from_us,
                to_us: hold.to_us,
                by: hold.by.clone(),
                why: hold.why.clone(),
            }));
        }
        Answer::of(&Holds { holds })
    }

    /// The camera that is asked about, or all that have a folder.
    pub fn cameras_of(&self, asked: &CameraRequest) -> Result<Vec<String>, CallError> {
        if asked.camera.is_empty() {
            let there = self.everywhere().iter().filter(|volume| volume.is_there());
            let folders = there.filter_map(|volume| volume.disk.list(&volume.cameras()).ok()).flatten();
            let cameras = folders.filter(|entry| entry.directory && is_camera(&entry.name));
            let names: std::collections::BTreeSet<String> = cameras.map(|entry| entry.name).collect();
            return Ok(names.into_iter().collect());
        }
        if is_camera(&asked.camera) { Ok(vec![asked.camera.clone()]) } else { Err(unknown(&asked.camera)) }
    }
}

fn append(keeping: &Keeping, owner: &Owner, hold: Hold) -> Result<Entry, CallError> {
    keeping.append(owner, WHOLE_CAMERA, Body::Hold(hold)).map_err(|error| {
        let message = format!("camera {}: the hold is not on disk: {error}", owner.camera);
        CallError::new(CallKind::Unavailable, "volume_failed", message)
    })
}
