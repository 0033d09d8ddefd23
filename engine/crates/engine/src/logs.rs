//! What all parts of the engine log, kept until the steering side writes it
//! into the log of its process. Nobody who logs waits, and no stranger fills
//! the log: one place in the code is heard so often and no more.

use std::collections::{HashMap, VecDeque};
use std::fmt::{Debug, Write};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::wake::Wake;

/// The steering side writes within milliseconds.
const MAX_LINES: usize = 4_096;
/// How often one place in the code is heard in [`WINDOW`].
const LINES_A_PLACE: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);
/// What a stranger sent may be part of a value.
const LONGEST_VALUE: usize = 1_024;

static LOGS: OnceLock<Arc<Logs>> = OnceLock::new();

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// `debug`, `info`, `warning` or `error`.
    pub level: &'static str,
    /// The module that says it.
    pub logger: String,
    pub message: String,
    pub fields: Map<String, Value>,
}

#[derive(Debug)]
pub struct Logs {
    level: LevelFilter,
    wake: Wake,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    waiting: VecDeque<Line>,
    lost: u64,
    /// By the address of what is known of a place.
    places: HashMap<usize, (Instant, u32)>,
}

impl Logs {
    /// The log of this process, of this level and above: what was begun
    /// first, if that was done before.
    ///
    /// # Errors
    /// Where no handle is left.
    pub fn of_process(level: &str) -> io::Result<&'static Self> {
        if LOGS.get().is_none() {
            let logs = Arc::new(Self::new(level)?);
            // Two may begin at once: one of them is heard, and kept.
            if tracing::subscriber::set_global_default(logs.clone()).is_ok() {
                LOGS.get_or_init(|| logs);
            }
        }
        Self::begun().ok_or_else(|| io::Error::other("another log is being begun"))
    }

    /// The log of this process, once it was begun.
    #[must_use]
    pub fn begun() -> Option<&'static Self> {
        LOGS.get().map(AsRef::as_ref)
    }

    fn new(level: &str) -> io::Result<Self> {
        let level = match level {
            "debug" => LevelFilter::DEBUG,
            "info" => LevelFilter::INFO,
            "warning" => LevelFilter::WARN,
            _ => LevelFilter::ERROR,
        };
        Ok(Self { level, wake: Wake::new()?, kept: Mutex::default() })
    }

    /// A handle that is readable while lines wait.
    #[must_use]
    pub fn fd(&self) -> i32 {
        self.wake.fd()
    }

    /// Takes all that waits.
    #[must_use]
    pub fn drain(&self) -> Vec<Line> {
        self.wake.hush();
        let mut kept = self.kept.lock();
        let lost = std::mem::take(&mut kept.lost);
        let told = (lost > 0).then(|| Line {
            level: "warning",
            logger: module_path!().to_owned(),
            message: "lines were lost, as too many waited".to_owned(),
            fields: Map::from_iter([("lines".to_owned(), json!(lost))]),
        });
        kept.waiting.drain(..).chain(told).collect()
    }

    fn keep(&self, place: usize, mut line: Line, now: Instant) {
        let mut kept = self.kept.lock();
        let (since, said) = kept.places.entry(place).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= WINDOW {
            (*since, *said) = (now, 0);
        }
        *said += 1;
        if *said > LINES_A_PLACE {
            return;
        }
        if *said == LINES_A_PLACE {
            let rest = WINDOW.saturating_sub(now.saturating_duration_since(*since));
            line.fields.insert("more_like_it_left_out_s".to_owned(), json!(rest.as_secs() + 1));
        }
        if kept.waiting.len() == MAX_LINES {
            kept.lost += 1;
            return;
        }
        kept.waiting.push_back(line);
        drop(kept);
        self.wake.ring();
    }
}

impl Subscriber for Logs {
    /// Libraries are heard where something is wrong.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target().starts_with("vms_");
        metadata.is_event() && *metadata.level() <= self.level && (is_ours || *metadata.level() <= Level::WARN)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words::default();
        event.record(&mut words);
        let metadata = event.metadata();
        let line = Line {
            level: match *metadata.level() {
                Level::ERROR => "error",
                Level::WARN => "warning",
                Level::INFO => "info",
                Level::DEBUG | Level::TRACE => "debug",
            },
            logger: metadata.target().to_owned(),
            message: words.message,
            fields: words.fields,
        };
        self.keep(std::ptr::from_ref(metadata) as usize, line, Instant::now());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Words {
    message: String,
    fields: Map<String, Value>,
}

impl Visit for Words {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.insert(field.name().to_owned(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.insert(field.name().to_owned(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.insert(field.name().to_owned(), json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let end = value.floor_char_boundary(LONGEST_VALUE);
        self.fields.insert(field.name().to_owned(), json!(value[..end]));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = write!(text, "{value:?}");
        text.truncate(text.floor_char_boundary(LONGEST_VALUE));
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.insert(field.name().to_owned(), json!(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of what is said.
    fn heard(level: &str, say: impl FnOnce()) -> Vec<Line> {
        let logs = Arc::new(Logs::new(level).expect("a handle"));
        tracing::subscriber::with_default(logs.clone(), say);
        logs.drain()
    }

    #[test]
    fn lines_have_their_level_their_module_and_their_values() {
        let lines = heard("info", || {
            tracing::debug!("too much");
            tracing::info!(camera = "gate", number = 7_u64, "it is {}", "there");
            tracing::error!(error = %"broken", level = ?Level::WARN, "not good");
        });
        let said: Vec<_> = lines.iter().map(|line| (line.level, line.message.as_str())).collect();
        assert_eq!(said, [("info", "it is there"), ("error", "not good")]);
        assert_eq!(json!(lines[0].fields), json!({"camera": "gate", "number": 7}));
        assert_eq!(lines[1].fields["error"], "broken");
        assert_eq!(lines[0].logger, "vms_engine::logs::tests");
    }

    #[test]
    fn libraries_are_heard_where_something_is_wrong() {
        let lines = heard("debug", || {
            tracing::info!(target: "library", "busy");
            tracing::warn!(target: "library", "broken");
            tracing::debug!("ours");
        });
        let said: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(said, ["broken", "ours"]);
        assert!(heard("error", || tracing::warn!("ours")).is_empty());
    }

    #[test]
    fn one_place_does_not_fill_the_log_and_another_is_still_heard() {
        let lines = heard("info", || {
            for number in 0..100 {
                tracing::info!(number, "a stranger knocks");
            }
            tracing::info!("something else");
        });
        assert_eq!(lines.len(), LINES_A_PLACE as usize + 1);
        assert!(lines[LINES_A_PLACE as usize - 1].fields.contains_key("more_like_it_left_out_s"));
        assert_eq!(lines.last().map(|line| line.message.as_str()), Some("something else"));
    }

    #[test]
    fn a_place_is_heard_again_after_a_while() {
        let logs = Logs::new("info").expect("a handle");
        let line = Line { level: "info", logger: String::new(), message: String::new(), fields: Map::new() };
        let now = Instant::now();
        for _ in 0..50 {
            logs.keep(1, line.clone(), now);
        }
        logs.keep(1, line, now + WINDOW);
        assert_eq!(logs.drain().len(), LINES_A_PLACE as usize + 1);
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_told() {
        let logs = Logs::new("info").expect("a handle");
        let line = Line { level: "info", logger: String::new(), message: String::new(), fields: Map::new() };
        for place in 0..MAX_LINES + 3 {
            logs.keep(place, line.clone(), Instant::now());
        }
        let lines = logs.drain();
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(lines.last().map(|line| line.fields["lines"].clone()), Some(json!(3)));
        assert!(logs.drain().is_empty());
    }

    #[test]
    fn long_values_are_cut() {
        let lines = heard("info", || tracing::info!(detail = "é".repeat(4_000), "much"));
        assert!(lines[0].fields["detail"].as_str().is_some_and(|text| text.len() <= LONGEST_VALUE));
    }
}
