//! Camera sources with one state machine and jittered reconnects.
//!
//! Data flow: [`Source`] runs one stream of one camera. `open` makes a [`Feed`]
//! of its address, or [`Arrivals`] brings the feed of a publisher; what a feed
//! gives goes to a publisher of the hub. `state` decides, without IO, what the
//! source does next.
//!
//! RTSP: `dial` opens the sockets, `tls` and `pipe` make of them what an address
//! asks for, `link` moves their bytes, `rtsp` speaks the
//! protocol without IO, `session` ties the three together; `depacketise` of
//! `vms-media` makes frames, `clock` gives each its time.
//!
//! SRT: `srt` calls, and makes frames of what publishers bring to the listener
//! of `vms-sinks`; the protocol itself is `vms-srt`. Likewise `webrtc`, of what
//! publishers bring to the WebRTC sink.
//!
//! `talk` goes the other way: it brings sound to cameras that listen.
//!
//! Files: `file` reads what lies in one folder, and plays it like a camera.
//!
//! Invariants: a source never gives up; every change of state carries a
//! reason; audio never stops video; no socket is opened but by `dial`, and no file
//! outside of that folder.

mod arrivals;
mod clock;
mod describe;
mod dial;
mod entry;
mod failover;
mod feed;
mod file;
mod flv;
mod frames;
mod http;
mod link;
mod open;
mod os_clock;
mod pair;
mod pipe;
mod place;
mod reason;
mod relayed;
mod rtmp;
mod rtsp;
mod session;
mod source;
mod srt;
mod state;
mod talk;
mod tls;
mod webrtc;
mod wire;

pub use arrivals::{Arrivals, NotTaken};
pub use clock::{ClockReading, ServerClock, StreamClock};
pub use dial::{BadNetwork, DialError, Dialer, Network, Policy};
pub use entry::{Entry, Handshake, Secured};
pub use feed::{Feed, Item, TimedTrack};
pub use reason::Reason;
pub use rtmp::{Reception, RtmpMetrics, RtmpServer};
pub use source::{Shared, Source, SourceConfig, SourceStatus, StateChange, Timeouts, Transport};
pub use srt::{Given, Giver, Intake, Line as SrtLine, give};
pub use state::{BackOff, Input, Machine, State};
pub use talk::{Spoken, TalkLine, Talks};
pub use webrtc::{Arrived, RtpIntake};
