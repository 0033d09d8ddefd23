//! Runs a farm until standard input ends: `farm CONFIG.json`, or
//! `farm CAMERAS MAIN.h264 SUB.h264 [FPS]`. Prints its address; each line on
//! standard input is a fault command.

use std::io::BufRead;
use std::process::ExitCode;

use vms_camsim::{Farm, FarmConfig};

fn config() -> Result<FarmConfig, Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    Ok(match args.as_slice() {
        [path] => serde_json::from_slice(&std::fs::read(path)?)?,
        [cameras, main, sub, rest @ ..] => {
            let fps = rest.first().map_or(Ok(25.0), |fps| fps.parse())?;
            FarmConfig {
                bind: std::net::Ipv4Addr::LOCALHOST.into(),
                port: 0,
                cameras: cameras.parse()?,
                main: main.into(),
                sub: sub.into(),
                main_fps: fps,
                sub_fps: fps,
                audio: false,
                sound: vms_camsim::Sound::default(),
                user: None,
            }
        }
        _ => return Err("usage: farm CONFIG.json | farm CAMERAS MAIN SUB [FPS]".into()),
    })
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let farm = Farm::start(config()?)?;
    println!("{}", farm.addr());
    for line in std::io::stdin().lock().lines() {
        if let Err(error) = farm.fault(&line?) {
            eprintln!("{error}");
        }
    }
    farm.stop();
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
