//! WebRTC (WHEP) and RTSP servers over the hub.

pub mod rtsp;
pub mod webrtc;
