//! What waits for a volume's writer, bounded by its bytes.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

pub struct Queue<T> {
    max_bytes: u64,
    inner: Mutex<Inner<T>>,
    news: Condvar,
}

struct Inner<T> {
    jobs: VecDeque<(T, u64)>,
    bytes: u64,
    closed: bool,
}

/// What a wait for the next job ended with.
pub enum Taken<T> {
    Job(T),
    Nothing,
    /// Closed, and all done.
    End,
}

impl<T> Queue<T> {
    pub fn new(max_bytes: u64) -> Self {
        let inner = Inner { jobs: VecDeque::new(), bytes: 0, closed: false };
        Self { max_bytes, inner: Mutex::new(inner), news: Condvar::new() }
    }

    /// Gives the job back where its bytes do not fit. One that has none
    /// always fits: records are few and small.
    pub fn push(&self, job: T, bytes: u64) -> Result<(), T> {
        let mut inner = self.inner.lock();
        if inner.closed || (bytes > 0 && inner.bytes > 0 && inner.bytes + bytes > self.max_bytes) {
            return Err(job);
        }
        inner.jobs.push_back((job, bytes));
        inner.bytes += bytes;
        self.news.notify_one();
        Ok(())
    }

    /// The bytes of a job count until the next one is taken.
    pub fn take(&self, limit: Duration) -> Taken<T> {
        let mut inner = self.inner.lock();
        self.news.wait_while_for(&mut inner, |inner| inner.jobs.is_empty() && !inner.closed, limit);
        match inner.jobs.pop_front() {
            Some((job, bytes)) => {
                inner.bytes -= bytes;
                Taken::Job(job)
            }
            None if inner.closed => Taken::End,
            None => Taken::Nothing,
        }
    }

    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub fn bytes(&self) -> u64 {
        self.inner.lock().bytes
    }

    /// Nothing more is taken in; what waits is still done.
    pub fn close(&self) {
        self.inner.lock().closed = true;
        self.news.notify_all();
    }
}
