//! WebRTC (WHEP) and RTSP servers over the hub, and frames for workers that decode.

pub mod frames;
pub mod rtsp;
pub mod webrtc;
