//! A camera that is called: one socket, one connection.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use vms_media::Track;

use super::intake::Intake;
use super::line::Line;
use crate::feed::{Feed, Item};
use crate::open::Means;
use crate::reason::Reason;

pub struct SrtCall {
    line: Line,
    intake: Intake,
}

impl SrtCall {
    /// Calls, and waits until the camera has said what it sends.
    pub async fn open(address: &str, means: &Means) -> Result<Self, Reason> {
        let line = Line::call(address, &means.dialer).await?;
        let mut call = Self { line, intake: Intake::new(means.clock.clone()) };
        poll_fn(|cx| {
            loop {
                if call.intake.is_ready() {
                    return Poll::Ready(Ok(()));
                }
                match call.turn(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(reason)) => return Poll::Ready(Err(reason)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await?;
        Ok(call)
    }

    /// Moves what can be moved; ready when it is worth another look.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let more = self.line.receive(cx)?;
        let now = Instant::now();
        let mut taken = false;
        while let Some(payload) = self.line.connection.take(now) {
            taken = true;
            self.intake.push(&payload, now);
        }
        self.line.send(now)?;
        if taken || more {
            return Poll::Ready(Ok(()));
        }
        match self.line.ended() {
            Some(reason) => Poll::Ready(Err(reason)),
            None => self.line.poll_due(cx).map(Ok),
        }
    }
}

impl Feed for SrtCall {
    fn tracks(&self) -> &[Track] {
        self.intake.tracks()
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        loop {
            if let Some(item) = self.intake.pop() {
                return Poll::Ready(Ok(item));
            }
            match self.turn(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Poll::Ready(Err(reason)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn reset_clocks(&mut self) {
        self.intake.reset_clocks();
    }
}
