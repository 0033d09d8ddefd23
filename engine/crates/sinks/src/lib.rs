//! WebRTC (WHEP), RTSP and HLS servers over the hub, and frames for workers that decode
//! or transcode.

pub mod choice;
pub mod frames;
pub mod hls;
pub mod rtsp;
pub mod socket;
pub mod srt;
pub mod transcode;
pub mod webrtc;
