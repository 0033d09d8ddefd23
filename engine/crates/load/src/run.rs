//! The course of a run: viewers join at their rate, are measured, leave.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::LoadError;
use crate::args::Viewing;
use crate::process::{Usage, raise_descriptor_limit, usage};
use crate::report::{Outcome, Report, Samples};
use crate::viewers::Run;

/// How long the last viewers may take to connect before measuring begins.
const SETTLE: Duration = Duration::from_secs(10);

/// Told to a viewer when the run is over.
pub type Stop = watch::Receiver<bool>;

/// One viewer: its number, the run, the signal to leave.
pub type View = fn(usize, Arc<Viewing>, Arc<Run>, Stop) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Runs viewers to the end and sums them up.
///
/// # Errors
/// When the process under test is gone or threads cannot be started.
pub fn run(kind: &'static str, options: Viewing, view: View) -> Result<Report, LoadError> {
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .enable_all()
        .build()
        .map_err(|error| LoadError::io("the runtime", error))?;
    runtime.block_on(course(kind, Arc::new(options), view))
}

struct Sampler {
    pid: Option<u32>,
    own: Samples,
    process: Samples,
}

impl Sampler {
    fn take(&mut self, place: fn(&mut Samples) -> &mut Usage) -> Result<(), LoadError> {
        *place(&mut self.own) = usage(std::process::id())?;
        if let Some(pid) = self.pid {
            *place(&mut self.process) = usage(pid)?;
        }
        Ok(())
    }
}

async fn course(kind: &'static str, options: Arc<Viewing>, view: View) -> Result<Report, LoadError> {
    let run = Arc::new(Run::default());
    let (stop, stopped) = watch::channel(false);
    let mut sampler = Sampler { pid: options.pid, own: Samples::default(), process: Samples::default() };
    let mut tasks = JoinSet::new();
    let join = |index: usize, tasks: &mut JoinSet<()>| {
        let viewing = view(index, options.clone(), run.clone(), stopped.clone());
        let run = run.clone();
        tasks.spawn(async move {
            if let Err(why) = viewing.await {
                run.failed(why);
            }
        });
    };
    sampler.take(|s| &mut s.start)?;
    let begun = Instant::now();
    let every = Duration::from_secs_f64(1.0 / options.joins_per_second.max(0.001));
    let mut clock = tokio::time::interval(every);
    let mut joined = 0;
    if options.stay.is_none() {
        while joined < options.viewers {
            clock.tick().await;
            join(joined, &mut tasks);
            joined += 1;
        }
        settle(&run, options.viewers).await;
    }
    let joining = begun.elapsed();
    sampler.take(|s| &mut s.joined)?;
    let measured = Instant::now();
    run.measure(true);
    let end = tokio::time::sleep(options.seconds);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            _ = clock.tick(), if options.stay.is_some() => {
                join(joined, &mut tasks);
                joined += 1;
            }
        }
    }
    run.measure(false);
    let measured = measured.elapsed();
    sampler.take(|s| &mut s.end)?;
    run.end();
    // Nobody listens when all have left already.
    stop.send_replace(true);
    while tasks.join_next().await.is_some() {}
    let outcome = Outcome {
        kind,
        viewers: joined,
        connected: run.connected.load(Ordering::Relaxed),
        closed: run.closed.load(Ordering::Relaxed),
        failures: run.failures(),
        figures: run.results(),
        measured,
        joining,
        own: sampler.own,
        process: sampler.pid.map(|pid| (pid, sampler.process)),
    };
    Ok(outcome.report())
}

/// Waits until all viewers are in or have failed.
async fn settle(run: &Run, viewers: usize) {
    let deadline = Instant::now() + SETTLE;
    let arrived = || run.connected.load(Ordering::Relaxed) as usize + run.failures().len();
    while arrived() < viewers && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
