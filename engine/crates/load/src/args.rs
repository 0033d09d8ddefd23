//! The command line.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::LoadError;

pub const USAGE: &str = "\
vms-load rtsp   --url rtsp://HOST:PORT/CAMERA --readers N --seconds S
vms-load webrtc --whep http://HOST:PORT/CAMERA/whep --viewers N --seconds S
vms-load relay  --to HOST:PORT [--listen HOST:PORT] [--loss PERCENT] [--seed N] [--delay-ms N]
vms-load archive --data FOLDER --video FILE.h264 --from-us US --hours N [--every N] [--seconds S]
                [--cameras N] [--fps F] [--city C]

archive writes recordings of cameras cam1, cam2 and so on into the data folder of a product that
does not run: S seconds (3600) of every N-th hour, of a video that repeats.

Both viewers' commands also take
  --joins-per-second N  how fast viewers join (50)
  --pid P               the process under test, whose CPU and memory are told
  --threads N           threads of this client (2)
  --watch N             look for delays in N viewers alone, spread over all (all)
webrtc also takes
  --stay S              each viewer leaves after S seconds; joins go on
  --via HOST:PORT       a relay that stands in for the server's UDP address
In addresses `{}` stands for the viewer's number from 1 on, modulo --cameras N.";

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Rtsp(Viewing),
    WebRtc(Viewing),
    Relay(Relaying),
    Archive(Archiving),
}

/// Options of the commands that view.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewing {
    pub url: String,
    pub viewers: usize,
    pub seconds: Duration,
    pub joins_per_second: f64,
    pub pid: Option<u32>,
    pub threads: usize,
    pub watch: usize,
    pub cameras: usize,
    pub stay: Option<Duration>,
    pub via: Option<SocketAddr>,
}

impl Viewing {
    /// The address of a viewer, counted from 0.
    #[must_use]
    pub fn url_of(&self, viewer: usize) -> String {
        self.url.replace("{}", &(viewer % self.cameras.max(1) + 1).to_string())
    }

    /// Whether a viewer, counted from 0, is one of those looked at. They are
    /// spread over all, because who joined first is served first.
    #[must_use]
    pub fn watches(&self, viewer: usize) -> bool {
        let all = self.viewers.max(1);
        viewer % all * self.watch % all < self.watch
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Relaying {
    pub listen: SocketAddr,
    pub to: SocketAddr,
    pub loss_percent: f64,
    pub seed: u64,
    pub delay: Duration,
}

/// Recordings of days gone by.
#[derive(Clone, Debug, PartialEq)]
pub struct Archiving {
    /// Of a product that does not run.
    pub data: PathBuf,
    /// H.264 or H.265, Annex B; it repeats.
    pub video: PathBuf,
    pub cameras: usize,
    pub city: String,
    pub from_us: i64,
    pub hours: usize,
    /// An hour of so many is recorded.
    pub every: usize,
    /// Of each hour that is recorded.
    pub seconds: i64,
    /// Frames in a thousand seconds.
    pub millifps: i64,
}

/// Reads the command line without the program's name.
///
/// # Errors
/// With the usage and what is wrong.
pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Command, LoadError> {
    let command = words.next().ok_or_else(|| usage("a command is needed"))?;
    let mut options = Options::read(words)?;
    let command = match command.as_str() {
        "rtsp" => Command::Rtsp(viewing(&mut options, "url", "readers")?),
        "webrtc" => Command::WebRtc(viewing(&mut options, "whep", "viewers")?),
        "relay" => Command::Relay(relaying(&mut options)?),
        "archive" => Command::Archive(archiving(&mut options)?),
        other => return Err(usage(format!("there is no command {other:?}"))),
    };
    options.all_used()?;
    Ok(command)
}

fn usage(problem: impl std::fmt::Display) -> LoadError {
    LoadError::Usage(format!("vms-load: {problem}\n\n{USAGE}"))
}

fn viewing(options: &mut Options, url: &str, count: &str) -> Result<Viewing, LoadError> {
    let viewers = options.needed(count)?;
    Ok(Viewing {
        url: options.needed(url)?,
        viewers,
        seconds: seconds(options.needed("seconds")?)?,
        joins_per_second: options.or("joins-per-second", 50.0)?,
        pid: options.take("pid")?,
        threads: options.or("threads", 2)?,
        watch: options.or("watch", viewers)?,
        cameras: options.or("cameras", 1)?,
        stay: options.take("stay")?.map(seconds).transpose()?,
        via: options.take("via")?,
    })
}

fn seconds(value: f64) -> Result<Duration, LoadError> {
    Duration::try_from_secs_f64(value).map_err(|_| usage(format!("{value} is no number of seconds")))
}

fn relaying(options: &mut Options) -> Result<Relaying, LoadError> {
    Ok(Relaying {
        listen: options.or("listen", SocketAddr::from(([127, 0, 0, 1], 0)))?,
        to: options.needed("to")?,
        loss_percent: options.or("loss", 0.0)?,
        seed: options.or("seed", 1)?,
        delay: Duration::from_millis(options.or("delay-ms", 0)?),
    })
}

fn archiving(options: &mut Options) -> Result<Archiving, LoadError> {
    let fps: f64 = options.or("fps", 25.0)?;
    if !(0.1..=240.0).contains(&fps) {
        return Err(usage(format!("{fps} is no number of frames a second")));
    }
    Ok(Archiving {
        data: options.needed("data")?,
        video: options.needed("video")?,
        cameras: options.or("cameras", 1)?,
        city: options.or("city", "local".to_owned())?,
        from_us: options.needed("from-us")?,
        hours: options.needed("hours")?,
        every: options.or("every", 1)?,
        seconds: options.or("seconds", 3600)?,
        millifps: (fps * 1000.0) as i64,
    })
}

struct Options {
    values: HashMap<String, String>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, LoadError> {
        let mut values = HashMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| usage(format!("{word:?} is not an option")))?;
            let value = words.next().ok_or_else(|| usage(format!("--{name} needs a value")))?;
            values.insert(name.to_owned(), value);
        }
        Ok(Self { values })
    }

    fn take<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, LoadError> {
        let Some(value) = self.values.remove(name) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| usage(format!("--{name} cannot be {value:?}")))
    }

    fn needed<T: FromStr>(&mut self, name: &str) -> Result<T, LoadError> {
        self.take(name)?.ok_or_else(|| usage(format!("--{name} is needed")))
    }

    fn or<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, LoadError> {
        Ok(self.take(name)?.unwrap_or(default))
    }

    fn all_used(&self) -> Result<(), LoadError> {
        match self.values.keys().next() {
            Some(name) => Err(usage(format!("there is no option --{name} here"))),
            None => Ok(()),
        }
    }
}
