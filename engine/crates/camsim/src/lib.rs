//! A simulated camera farm with faults on command.
//!
//! Data flow: `scene` packetises an Annex B file once; `server` answers RTSP
//! and puts sessions on a stream; `pacer` ticks each playing stream at its
//! camera's rate; `session` writes a frame to one client, one write a frame
//! over TCP, after `mangle` has spoilt it where a [`Fault`] says so; `command`
//! reads the faults that are put on and taken back while the farm runs; `talk`
//! hears who talks to a camera.
//!
//! Everything runs on one thread: a farm of 200 cameras costs a fifth of a
//! core. What is absent: encoding (the scenes come from files, AAC from two
//! frames), audio other than G.711 and AAC, RTSP session time-outs (a session ends with its connection).

#![forbid(unsafe_code)]

mod audio;
mod auth;
mod command;
mod config;
mod farm;
mod fault;
mod lists;
mod mangle;
mod pacer;
mod scene;
mod sdp;
mod server;
mod session;
mod spoil;
mod talk;

pub use audio::Sound;
pub use config::{FarmConfig, FarmError};
pub use farm::{Farm, FarmStats};
pub use fault::{BadSdp, Fault};
pub use spoil::{BadAnswer, BadPayload};
pub use talk::{BadTalk, Heard};
