//! The load client of the benchmarks.
//!
//! Data flow: `rtsp` or `webrtc` opens many viewers of one server, each feeds
//! its packets to a [`watch::Watch`] that finds frames, losses and delays, and
//! [`report`] sums them up as one JSON line. `relay` is a UDP relay that loses
//! packets, for tests of what loss does to a player; `archive` makes recordings
//! of days gone by, for those who read them.
//!
//! What is absent: pictures are not decoded, passwords are not sent.

mod archive;
mod args;
mod process;
mod relay;
mod report;
mod rtsp;
mod run;
mod viewers;
mod watch;
mod webrtc;
mod whep;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use args::Command;

/// What stops a run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{0}")]
    Usage(String),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("{0}")]
    Server(String),
}

impl LoadError {
    fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }
}

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(LoadError::Usage(text)) => {
            eprintln!("{text}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("vms-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), LoadError> {
    match command {
        Command::Rtsp(options) => print(&rtsp::run(options)?),
        Command::WebRtc(options) => print(&webrtc::run(options)?),
        Command::Archive(options) => print(&archive::run(&options)?),
        Command::Relay(options) => relay::run(&options, |listening| print(&listening)),
    }
}

fn print(value: &impl serde::Serialize) -> Result<(), LoadError> {
    let text = serde_json::to_string(value).map_err(|error| LoadError::Server(error.to_string()))?;
    println!("{text}");
    Ok(())
}
