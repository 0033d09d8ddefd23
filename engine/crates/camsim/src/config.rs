//! What a farm is made of.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::audio::Sound;

/// A farm: so many cameras, all showing the same two scenes, each at a moment
/// of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FarmConfig {
    #[serde(default = "loopback")]
    pub bind: IpAddr,
    /// 0 picks a free one.
    #[serde(default)]
    pub port: u16,
    pub cameras: usize,
    /// An Annex B file that is played in a loop, beginning with a key frame;
    /// H.265 if it is named `.h265`.
    pub main: PathBuf,
    pub sub: PathBuf,
    #[serde(default = "default_fps")]
    pub main_fps: f32,
    #[serde(default = "default_fps")]
    pub sub_fps: f32,
    /// Cameras have sound.
    #[serde(default)]
    pub audio: bool,
    /// Which sound that is.
    #[serde(default)]
    pub sound: Sound,
    /// Name and password; asked for by Digest.
    #[serde(default)]
    pub user: Option<(String, String)>,
}

fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

fn default_fps() -> f32 {
    25.0
}

/// Why a farm could not be started or commanded.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error("cannot start the farm's thread: {0}")]
    Thread(std::io::Error),
    #[error("cannot read scene {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("scene {path}: {problem}")]
    Scene { path: PathBuf, problem: &'static str },
    #[error("{key} is {value}; allowed: {allowed}")]
    Config { key: &'static str, value: String, allowed: &'static str },
    #[error("there is no camera {0}")]
    NoSuchCamera(usize),
    #[error("not a fault: {0}")]
    BadFault(String),
}

impl FarmConfig {
    pub(crate) fn check(&self) -> Result<(), FarmError> {
        if self.cameras == 0 || self.cameras > 10_000 {
            return Err(FarmError::Config { key: "cameras", value: self.cameras.to_string(), allowed: "1 to 10000" });
        }
        for (key, fps) in [("main_fps", self.main_fps), ("sub_fps", self.sub_fps)] {
            if !(0.1..=240.0).contains(&fps) {
                return Err(FarmError::Config { key, value: fps.to_string(), allowed: "0.1 to 240" });
            }
        }
        Ok(())
    }
}
