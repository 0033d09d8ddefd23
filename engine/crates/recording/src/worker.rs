//! A thread that ends when it is told to, and is not waited for without end.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

pub struct Worker {
    name: &'static str,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl Worker {
    pub fn start(name: &'static str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (alive, ended): (Sender<()>, _) = channel();
        let run = move || {
            work();
            // Until here, or until a panic, it is alive.
            drop(alive);
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self { name, thread, ended })
    }

    /// Waits for its end. A thread that waits for a store that is away is
    /// left behind: what it does is finished at the next start.
    pub fn end(self, limit: Duration) {
        if matches!(self.ended.recv_timeout(limit), Err(RecvTimeoutError::Timeout)) {
            tracing::warn!(thread = self.name, "a thread still waits for a disk");
            return;
        }
        // A panic has been reported by its own hook.
        let _ = self.thread.join();
    }
}
