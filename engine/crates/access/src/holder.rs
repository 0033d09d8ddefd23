//! Who holds a running session, and whether he may go on.

use std::time::Instant;

use vms_hub::StreamName;

use crate::access::{Cut, Wish};
use crate::address::{Address, Kind, ViewName};
use crate::places::Seat;
use crate::rules::Rules;

pub type End = Box<dyn FnOnce(Cut) + Send>;

/// What a session was opened by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nobody was asked.
    Open,
    /// A signed address, for this view.
    Address(ViewName),
    /// The stream key of this name; the session lasts as long as the key.
    Key(String),
}

/// Who holds a running session.
pub struct Holder {
    pub seat: Seat,
    pub session: String,
    pub camera: String,
    pub kind: Kind,
    pub right: Right,
    /// `None`: it need not be renewed.
    pub until: Option<Instant>,
    pub label: String,
    /// What another who wishes to talk is told.
    pub called: String,
    /// As the audit names whoever talks.
    pub actor: String,
    pub end: Option<End>,
    pub cut: Option<Cut>,
}

impl Holder {
    fn new(wish: Wish<'_>, city: String, viewer: String, right: Right) -> Self {
        Self {
            seat: Seat { stream: seat_stream(&wish.key.camera, wish.key.stream), viewer, city },
            session: String::new(),
            camera: wish.key.camera.to_string(),
            kind: wish.kind,
            right,
            until: None,
            label: String::new(),
            called: String::new(),
            actor: String::new(),
            end: None,
            cut: None,
        }
    }

    pub fn anyone(wish: Wish<'_>, city: String) -> Self {
        Self::new(wish, city, "anyone".to_owned(), Right::Open)
    }

    pub fn by_key(wish: Wish<'_>, city: String, id: &str) -> Self {
        Self::new(wish, city, format!("key:{id}"), Right::Key(id.to_owned()))
    }

    pub fn by_address(wish: Wish<'_>, address: &Address) -> Self {
        Self {
            session: address.session.clone(),
            called: address.called.clone(),
            actor: address.actor.clone(),
            ..Self::new(wish, address.city.clone(), address.viewer.clone(), Right::Address(address.view))
        }
    }

    /// Publishers take no viewer's place.
    pub fn views(&self) -> bool {
        self.kind != Kind::Publish
    }

    /// Whether the rules would let him in now, as they did.
    pub fn may_stay(&self, rules: &Rules, now_s: u64) -> bool {
        match &self.right {
            Right::Open => true,
            Right::Address(view) => rules.shows(&self.camera, &self.seat.city, *view).is_ok(),
            Right::Key(id) => {
                let rule = rules.stream_keys.iter().find(|rule| rule.id == *id);
                rule.is_some_and(|rule| rules.opens(rule, &self.camera, self.kind, now_s).is_ok())
            }
        }
    }
}

pub fn seat_stream(camera: &str, stream: StreamName) -> String {
    format!("{camera}/{}", stream.as_str())
}

/// Whether a session of this seat was opened by an address of the same viewer
/// for the same.
pub fn opened(address: &Address, seat: &Seat, kind: Kind) -> bool {
    let stream = seat_stream(&address.camera, address.stream);
    seat.viewer == address.viewer && seat.stream == stream && kind == address.kind
}
