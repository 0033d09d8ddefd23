//! One who talks to a camera: his sound, as it comes, goes to its loudspeaker.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Event;
use vms_access::{Ticket, Who};
use vms_hub::StreamKey;
use vms_media::Law;
use vms_sources::{Reason, Spoken, TalkLine, Talks};

use super::answer;
use super::link::{Context, Failed, Flow, Link};
use super::peer::{Ending, Peer};
use super::refusal::unusable;
use super::sdp::Offer;
use super::session;
use super::talked::{Past, TalkEnd, Talked};
use super::{Answer, Inner, Way, WebRtc, WhepError, WhepErrorKind, session_id, session_name};

/// Who is not heard for so long has forgotten that he talks.
pub const SILENT_AFTER: Duration = Duration::from_secs(60);
/// What is quieter than this, of 32,124, is silence: 42 dB below the loudest.
const QUIET: u16 = 256;
/// A camera that hung up is noticed in time.
const IDLE_TICK: Duration = Duration::from_millis(20);

pub struct Talker {
    pub link: Link,
    key: StreamKey,
    payload_type: u8,
    law: Law,
    line: TalkLine,
    /// When he was heard last.
    heard: Instant,
    who: Who,
    past: Arc<Past>,
    /// Why it ends, where that is known here.
    end: Option<TalkEnd>,
}

impl Talker {
    #[must_use]
    pub fn key(&self) -> &StreamKey {
        &self.key
    }

    pub fn tick(&mut self, context: &mut Context<'_>) -> Flow {
        self.end = self.due_end(context.now);
        if self.end.is_some() || !self.link.tick(context.now) {
            return Flow::Close;
        }
        self.drain(context)
    }

    fn due_end(&self, now: Instant) -> Option<TalkEnd> {
        if !self.line.is_open() {
            let moved = self.line.ended() == Some(&Reason::Disabled);
            return Some(if moved { TalkEnd::CameraChanged } else { TalkEnd::CameraClosed });
        }
        Self::is_silent(self.heard, now).then_some(TalkEnd::Silent)
    }

    /// Tells of the end before the browser sees it, so that it may ask why.
    pub fn close(&mut self, ending: Ending, context: &mut Context<'_>) {
        let talked = Talked {
            session: session_name(self.link.id),
            camera: self.key.camera.to_string(),
            who: self.who.clone(),
            lasted: context.now.saturating_duration_since(self.link.created),
            end: self.end.unwrap_or_else(|| ending.into()),
        };
        self.past.note(talked, context.now);
        self.link.close(context);
    }

    /// Takes what has come, sends what the library has ready.
    pub fn drain(&mut self, context: &mut Context<'_>) -> Flow {
        let mut flow = Flow::Wait;
        loop {
            match self.link.poll(context) {
                Ok(Some(Event::RtpPacket(packet))) if *packet.header.payload_type == self.payload_type => {
                    self.hear(packet.time.numer() as i64, packet.payload.clone(), context.now);
                }
                Ok(Some(Event::Connected)) => flow = Flow::Connected,
                Ok(Some(Event::Closed)) => flow = Flow::Close,
                Ok(Some(_)) => {}
                Ok(None) => return flow,
                Err(Failed) => return Flow::Close,
            }
        }
    }

    fn hear(&mut self, timestamp: i64, payload: Arc<[u8]>, now: Instant) {
        Self::note(&mut self.heard, self.law, &payload, now);
        self.line.say(Spoken { law: self.law, timestamp, payload });
    }

    /// Whether nothing came for too long that an ear would hear.
    pub fn is_silent(heard: Instant, now: Instant) -> bool {
        now.saturating_duration_since(heard) > SILENT_AFTER
    }

    /// Notes that something is heard, if it is.
    pub fn note(heard: &mut Instant, law: Law, sound: &[u8], now: Instant) {
        if sound.iter().any(|byte| law.linear(*byte).unsigned_abs() >= QUIET) {
            *heard = now;
        }
    }
}

impl WebRtc {
    /// Answers the offer of `peer`, who talks to a stream's camera: the camera
    /// is called first. The session keeps its ticket, and ends when that says so
    /// or the camera does.
    ///
    /// # Errors
    /// With the kind that decides the HTTP status and words for the caller.
    pub async fn talk(
        &self,
        key: &StreamKey,
        sdp: &str,
        peer: IpAddr,
        ticket: Ticket,
        talks: &Talks,
    ) -> Result<Answer, WhepError> {
        let result = self.inner.talk(key, sdp, peer, ticket, talks).await;
        self.inner.counted(result)
    }

    /// Why a talk is over, `None` while it goes on; known for a minute.
    ///
    /// # Errors
    /// Where there is no such talk, or is none any more.
    pub fn talk_end(&self, session: &str) -> Result<Option<TalkEnd>, WhepError> {
        if let Some(end) = self.inner.past.end_of(session, Instant::now()) {
            return Ok(Some(end));
        }
        let goes_on = session_id(session).is_some_and(|id| self.inner.shared.registry.lock().contains_key(&id));
        if goes_on { Ok(None) } else { Err(WhepError::new(WhepErrorKind::NotFound, "there is no such talk")) }
    }
}

impl Inner {
    async fn talk(
        self: &Arc<Self>,
        key: &StreamKey,
        text: &str,
        peer: IpAddr,
        ticket: Ticket,
        talks: &Talks,
    ) -> Result<Answer, WhepError> {
        let offer = Offer::parse(text).map_err(unusable)?;
        let heard = |law| answer::hear(&offer, law).ok_or_else(no_sound);
        // No camera is called for an offer that is of no use.
        heard(Law::Mu)?;
        let half_open = self.permit(peer)?;
        let line = talks.open(&key.camera).await.map_err(|reason| {
            let message = format!("{}: nobody is heard at this camera ({})", key.camera, reason.code());
            WhepError::new(WhepErrorKind::Camera(reason), message)
        })?;
        let (agreed, law) = heard(line.law())?;
        let (place, now) = (self.place(), Instant::now());
        let (rtc, sdp) = session::build_talk(self.side(&place), &offer, &agreed, now).map_err(unusable)?;
        let ufrag = place.creds.ufrag.clone();
        let answer = self.register(&place, offer.ice.ufrag.clone(), &ticket, Way::In, sdp);
        let (who, past) = (ticket.who(), self.past.clone());
        let link = Link::new(place.id, ufrag, rtc, half_open, ticket, IDLE_TICK, now);
        let payload_type = agreed.pt;
        let talker = Talker { link, key: key.clone(), payload_type, law, line, heard: now, who, past, end: None };
        self.join(&place, Peer::Talker(Box::new(talker)));
        Ok(answer)
    }
}

fn no_sound() -> WhepError {
    unusable("it has no audio line that sends PCMU or PCMA, which are what cameras take")
}
