//! Whoever a shard serves: one who watches, one who publishes, or one who talks.

use std::sync::atomic::AtomicUsize;

use vms_hub::StreamKey;
use vms_sources::Reason;

use super::link::{Context, Flow, Link, Remote};
use super::metrics::Counters;
use super::publisher::Publisher;
use super::shard::Datagram;
use super::talk::Talker;
use super::viewer::Viewer;

pub enum Peer {
    Viewer(Box<Viewer>),
    Publisher(Box<Publisher>),
    Talker(Box<Talker>),
}

/// Why a session ends from this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its peer asked for it, or is gone.
    Left,
    /// It was not heard of.
    Silent,
    /// Its right was withdrawn.
    Revoked,
    /// It was not renewed.
    RanOut,
    /// Its stream left the configuration.
    Removed,
    /// This machine stops.
    Stopped,
}

impl Ending {
    /// What a stream is told whose publisher's session ended.
    fn reason(self) -> Reason {
        match self {
            Self::Left | Self::Removed | Self::Stopped => Reason::CameraClosed,
            Self::Silent => Reason::Timeout,
            Self::Revoked | Self::RanOut => {
                Reason::Protocol { detail: "its stream key may publish no more".to_owned() }
            }
        }
    }
}

impl Peer {
    #[must_use]
    pub fn link(&self) -> &Link {
        match self {
            Self::Viewer(viewer) => &viewer.link,
            Self::Publisher(publisher) => &publisher.link,
            Self::Talker(talker) => &talker.link,
        }
    }

    fn link_mut(&mut self) -> &mut Link {
        match self {
            Self::Viewer(viewer) => &mut viewer.link,
            Self::Publisher(publisher) => &mut publisher.link,
            Self::Talker(talker) => &mut talker.link,
        }
    }

    /// Whether it ends when that stream does.
    #[must_use]
    pub fn is_of(&self, key: &StreamKey) -> bool {
        match self {
            Self::Viewer(viewer) => viewer.is_of(key),
            Self::Publisher(publisher) => publisher.key() == key,
            Self::Talker(talker) => talker.key() == key,
        }
    }

    /// Where such sessions are counted.
    #[must_use]
    pub fn count<'a>(&self, counters: &'a Counters) -> &'a AtomicUsize {
        match self {
            Self::Viewer(_) => &counters.viewers,
            Self::Publisher(_) => &counters.publishers,
            Self::Talker(_) => &counters.talkers,
        }
    }

    /// Takes a datagram; `new_address` is told of an address not seen before.
    pub fn receive(
        &mut self,
        datagram: &Datagram,
        context: &mut Context<'_>,
        new_address: impl FnOnce(Remote),
    ) -> Flow {
        match self.link_mut().receive(datagram, context, new_address) {
            None => Flow::Wait,
            Some(false) => Flow::Close,
            Some(true) if self.link().is_due(context.now) => self.tick(context),
            Some(true) => self.drain(context),
        }
    }

    /// Sends what the library has ready and acts on what has come.
    fn drain(&mut self, context: &mut Context<'_>) -> Flow {
        match self {
            Self::Viewer(viewer) => viewer.drain(context),
            Self::Publisher(publisher) => publisher.drain(context),
            Self::Talker(talker) => talker.drain(context),
        }
    }

    pub fn tick(&mut self, context: &mut Context<'_>) -> Flow {
        match self {
            Self::Viewer(viewer) => viewer.tick(context),
            Self::Publisher(publisher) => publisher.tick(context),
            Self::Talker(talker) => talker.tick(context),
        }
    }

    /// Sends what the hub has for a viewer.
    pub fn pump(&mut self, context: &mut Context<'_>) -> Flow {
        match self {
            Self::Viewer(viewer) => viewer.pump(context),
            Self::Publisher(_) | Self::Talker(_) => Flow::Wait,
        }
    }

    /// Sends a viewer nothing, or goes on.
    pub fn pause(&mut self, paused: bool, context: &mut Context<'_>) -> Flow {
        match self {
            Self::Viewer(viewer) => viewer.pause(paused, context),
            Self::Publisher(_) | Self::Talker(_) => Flow::Wait,
        }
    }

    pub fn close(&mut self, ending: Ending, context: &mut Context<'_>) {
        match self {
            Self::Viewer(viewer) => viewer.close(context),
            Self::Publisher(publisher) => publisher.close(ending.reason(), context),
            Self::Talker(talker) => talker.close(ending, context),
        }
    }
}
