//! WebRTC (WHEP) and RTSP servers over the hub, and frames for workers that decode
//! or transcode.

pub mod frames;
pub mod rtsp;
pub mod sound;
pub mod srt;
pub mod webrtc;
