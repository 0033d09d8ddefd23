//! What is known of the requests of one HTTP/2 or HTTP/3 connection: when it is idle,
//! and when its client gives up so many that it only makes work.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::problem::{Body, BodyError};

/// A connection without a request is closed after this.
const IDLE_LIMIT: Duration = Duration::from_secs(180);
/// Requests given up, over those answered. A page that is left gives up what it
/// had asked for; a rapid reset attack gives up all (CVE-2023-44487).
const MOST_GIVEN_UP: usize = 256;

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Idle,
    GivenUp,
}

struct State {
    running: usize,
    idle_since: Instant,
    given_up: usize,
}

/// The requests of one connection.
pub struct Streams {
    state: Mutex<State>,
    changed: Notify,
}

impl Streams {
    pub fn new() -> Arc<Self> {
        let state = State { running: 0, idle_since: Instant::now(), given_up: 0 };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    pub fn begin(self: &Arc<Self>) -> Stream {
        self.state.lock().running += 1;
        Stream { of: self.clone(), answered: false }
    }

    /// Returns when the connection is to end.
    pub async fn over(&self) -> End {
        loop {
            let rest = {
                let state = self.state.lock();
                if state.given_up > MOST_GIVEN_UP {
                    return End::GivenUp;
                }
                if state.running > 0 { IDLE_LIMIT } else { IDLE_LIMIT.saturating_sub(state.idle_since.elapsed()) }
            };
            if rest.is_zero() {
                return End::Idle;
            }
            // Late is no error: then it is looked again.
            let _ = tokio::time::timeout(rest, self.changed.notified()).await;
        }
    }
}

/// A request, from its head to the end of its answer.
pub struct Stream {
    of: Arc<Streams>,
    answered: bool,
}

impl Stream {
    /// The answer as it goes out; the request ends with it.
    pub fn answer(mut self, body: Body) -> Body {
        self.answered = true;
        Counted { body, _stream: self }.boxed()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.of.state.lock();
        state.running -= 1;
        state.idle_since = Instant::now();
        if self.answered {
            state.given_up = state.given_up.saturating_sub(1);
        } else {
            state.given_up += 1;
            if state.given_up > MOST_GIVEN_UP {
                self.of.changed.notify_one();
            }
        }
    }
}

struct Counted {
    body: Body,
    _stream: Stream,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::full;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_without_requests() {
        let streams = Streams::new();
        let answer = streams.begin().answer(full("x"));
        let busy = tokio::time::timeout(IDLE_LIMIT * 3, streams.over()).await;
        assert!(busy.is_err(), "an answer is still going out");
        drop(answer);
        let begun = Instant::now();
        assert_eq!(streams.over().await, End::Idle);
        assert_eq!(begun.elapsed().as_secs(), IDLE_LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_all_is_ended_and_who_gives_up_some_is_not() {
        let streams = Streams::new();
        for _ in 0..MOST_GIVEN_UP * 4 {
            drop(streams.begin());
            drop(streams.begin().answer(full("x")));
        }
        assert_eq!(streams.over().await, End::Idle);
        for _ in 0..=MOST_GIVEN_UP {
            drop(streams.begin());
        }
        assert_eq!(streams.over().await, End::GivenUp);
    }
}
