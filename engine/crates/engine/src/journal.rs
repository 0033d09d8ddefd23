//! What happened, in order, for the steering side: a bounded list with a
//! cursor, and an eventfd that wakes the reader. Never calls out.

use std::collections::VecDeque;
use std::io;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Map, Value, json};
use vms_recording::Event as RecordingEvent;
use vms_sinks::webrtc::Talked;
use vms_sources::{Reason, State, StateChange};

use crate::wake::Wake;

/// The steering side drains within milliseconds; this is minutes of a storm.
const MAX_EVENTS: usize = 65_536;

#[derive(Clone, Debug, Serialize)]
pub struct Event {
    pub cursor: u64,
    pub utc_us: i64,
    /// `stream_state`, `recording`, `gap`, `volume` or `talk_end`.
    pub kind: &'static str,
    /// Empty for a volume.
    pub camera: String,
    pub stream: Option<&'static str>,
    /// Of a stream's source.
    pub state: Option<State>,
    pub reason: Option<Reason>,
    /// What else the kind says: a gap's times, a volume's name and state, who talked.
    pub values: Map<String, Value>,
}

#[derive(Debug)]
pub struct Journal {
    events: Mutex<Events>,
    wake: Wake,
}

#[derive(Debug, Default)]
struct Events {
    waiting: VecDeque<Event>,
    next: u64,
}

impl Journal {
    pub fn new() -> io::Result<Self> {
        Ok(Self { events: Mutex::default(), wake: Wake::new()? })
    }

    #[must_use]
    pub fn fd(&self) -> i32 {
        self.wake.fd()
    }

    /// A source's state changed.
    pub fn add(&self, change: &StateChange) {
        self.push(Event {
            cursor: 0,
            utc_us: change.utc_us,
            kind: "stream_state",
            camera: change.key.camera.to_string(),
            stream: Some(change.key.stream.as_str()),
            state: Some(change.state),
            reason: change.reason.clone(),
            // Only where the second address plays.
            values: change.backup.then(|| ("backup".to_owned(), Value::Bool(true))).into_iter().collect(),
        });
    }

    /// Something happened to recordings or their disks.
    pub fn add_recording(&self, event: &RecordingEvent) {
        let (kind, utc_us, key, values) = match event {
            RecordingEvent::Recording { key, utc_us } => ("recording", *utc_us, Some(key), Value::Null),
            RecordingEvent::Gap { key, utc_us, from_us, to_us, reason } => {
                let mut values = json!({"from_us": from_us, "code": reason});
                if let Some(to_us) = to_us {
                    values["to_us"] = json!(to_us);
                }
                ("gap", *utc_us, Some(key), values)
            }
            RecordingEvent::Removed { key, utc_us, from_us, to_us, reason } => {
                let values = json!({"from_us": from_us, "to_us": to_us, "removed": reason});
                ("recording", *utc_us, Some(key), values)
            }
            RecordingEvent::Volume { utc_us, volume, state, reason } => {
                let mut values = json!({"volume": volume, "state": state});
                if let Some(reason) = reason {
                    values["detail"] = json!(reason);
                }
                ("volume", *utc_us, None, values)
            }
        };
        self.push(Event {
            cursor: 0,
            utc_us,
            kind,
            camera: key.map(|key| key.camera.to_string()).unwrap_or_default(),
            stream: key.map(|key| key.stream.as_str()),
            state: None,
            reason: None,
            values: if let Value::Object(values) = values { values } else { Map::new() },
        });
    }

    /// A talk is over.
    pub fn add_talk(&self, talked: &Talked, utc_us: i64) {
        let values = [
            ("session", Value::from(&*talked.session)),
            ("actor", Value::from(&*talked.who.actor)),
            ("city", Value::from(&*talked.who.city)),
            ("lasted_ms", Value::from(i64::try_from(talked.lasted.as_millis()).unwrap_or(i64::MAX))),
            ("code", Value::from(talked.end.code())),
        ];
        self.push(Event {
            cursor: 0,
            utc_us,
            kind: "talk_end",
            camera: talked.camera.clone(),
            stream: None,
            state: None,
            reason: None,
            values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        });
    }

    /// Gives the event its cursor.
    fn push(&self, mut event: Event) {
        {
            let mut events = self.events.lock();
            event.cursor = events.next;
            events.next += 1;
            // A cursor that is missing tells the reader to ask for the whole
            // state; nothing is lost silently.
            if events.waiting.len() == MAX_EVENTS {
                events.waiting.pop_front();
            }
            events.waiting.push_back(event);
        }
        self.wake.ring();
    }

    /// Takes all that waits and resets the eventfd.
    pub fn drain(&self) -> Vec<Event> {
        self.wake.hush();
        self.events.lock().waiting.drain(..).collect()
    }
}
