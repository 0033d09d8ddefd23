//! Tests of the WebRTC sink: negotiation, pacing and sockets by themselves,
//! and whole sessions with a real client over loopback.

mod client;
mod live;
mod narrow;
mod negotiation;
mod parts;
mod stream;
mod talk;
mod whip;
