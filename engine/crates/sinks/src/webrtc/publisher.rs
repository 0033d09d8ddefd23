//! One who sends pictures in by WHIP: his packets become frames for the source
//! that waits for them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Event;
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::rtp::RtpPacket;
use vms_access::Ticket;
use vms_hub::{Hub, StreamKey};
use vms_media::{DropReason, Track};
use vms_sources::{Arrivals, Arrived, Giver, Item, NotTaken, Reason, RtpIntake, ServerClock, give};

use super::answer;
use super::link::{Context, Failed, Flow, Link};
use super::peer::Peer;
use super::refusal::{not_sent, not_taken, unusable};
use super::sdp::Offer;
use super::{Answer, Inner, Way, WebRtc, WhepError, WhepErrorKind, session};

/// Who has shown no picture so long after he connected shows none.
const VIDEO_WITHIN: Duration = Duration::from_secs(10);
/// How often a key frame is asked for at most: making one takes a round trip.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Lost packets and key frames are asked for in time.
pub const IDLE_TICK: Duration = Duration::from_millis(20);

/// Where publishers and their streams meet, and the time of what they bring.
#[derive(Clone)]
pub struct Publishing {
    pub arrivals: Arrivals,
    pub clock: Arc<ServerClock>,
}

/// What a publisher agreed to send.
pub struct Sends {
    pub key: StreamKey,
    pub video: Mid,
    /// By the places of the tracks.
    pub payload_types: Vec<u8>,
    pub tracks: Vec<Track>,
}

pub struct Publisher {
    pub link: Link,
    sends: Sends,
    arrivals: Arrivals,
    hub: Hub,
    intake: RtpIntake,
    giver: Option<Giver>,
    /// The source stood still, and lost something that it was not told of yet.
    missed: bool,
    /// When a key frame was asked for last.
    asked: Option<Instant>,
    /// How often the stream's readers had asked for one by then.
    readers_asked: u64,
    connected: Option<Instant>,
}

impl Publisher {
    /// `None` where a codec is not understood.
    #[must_use]
    pub fn new(link: Link, sends: Sends, publishing: Publishing, hub: Hub) -> Option<Self> {
        let intake = RtpIntake::new(sends.tracks.clone(), publishing.clock)?;
        Some(Self {
            link,
            sends,
            arrivals: publishing.arrivals,
            hub,
            intake,
            giver: None,
            missed: false,
            asked: None,
            readers_asked: 0,
            connected: None,
        })
    }

    #[must_use]
    pub fn key(&self) -> &StreamKey {
        &self.sends.key
    }

    pub fn tick(&mut self, context: &mut Context<'_>) -> Flow {
        if !self.link.tick(context.now) {
            return Flow::Close;
        }
        self.intake.release(context.now);
        self.ask_for_key(context.now);
        self.drain(context)
    }

    /// Takes what has come, sends what the library has ready.
    pub fn drain(&mut self, context: &mut Context<'_>) -> Flow {
        let mut flow = Flow::Wait;
        loop {
            match self.link.poll(context) {
                Ok(Some(Event::RtpPacket(packet))) => self.take(&packet, context.now),
                Ok(Some(Event::Connected)) => {
                    self.connected = Some(context.now);
                    flow = Flow::Connected;
                }
                Ok(Some(Event::Closed)) => flow = Flow::Close,
                Ok(Some(_)) => {}
                Ok(None) => return if self.hand_on(context.now) { flow } else { Flow::Close },
                Err(Failed) => return Flow::Close,
            }
        }
    }

    fn take(&mut self, packet: &RtpPacket, now: Instant) {
        let payload_type = *packet.header.payload_type;
        let Some(track) = self.sends.payload_types.iter().position(|own| *own == payload_type) else { return };
        let arrived = Arrived {
            sequence: *packet.seq_no,
            timestamp: packet.time.numer() as i64,
            marker: packet.header.marker,
            payload: packet.payload.clone(),
        };
        self.intake.push(track, arrived, now);
    }

    /// Asks for a key frame where nothing can be shown without one, or a reader
    /// of the stream waits for one.
    fn ask_for_key(&mut self, now: Instant) {
        let readers_ask = self.hub.stream(&self.sends.key).map_or(0, |stream| stream.key_requests());
        let is_needed = self.intake.needs_key() || readers_ask != self.readers_asked;
        let recently = self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < ASK_EVERY);
        if !is_needed || recently || self.connected.is_none() {
            return;
        }
        // There is nobody to ask before his first packet, unless he named it.
        if let Some(stream) = self.link.rtc.direct_api().stream_rx_by_mid(self.sends.video, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            (self.asked, self.readers_asked) = (Some(now), readers_ask);
        }
    }

    /// Gives the frames that are complete to the source; false where nobody
    /// wants them, or none come.
    fn hand_on(&mut self, now: Instant) -> bool {
        if self.giver.as_ref().is_some_and(Giver::take_reset) {
            self.intake.reset_clocks();
        }
        while let Some(item) = self.intake.pop() {
            if self.giver.is_none() && !self.begins_with(&item) {
                continue;
            }
            if self.giver.is_none() && !self.arrive() {
                return false;
            }
            let Some(giver) = &self.giver else { return false };
            self.missed = self.missed && !giver.give(Item::Lost(DropReason::TooManyPackets));
            self.missed |= !giver.give(item);
        }
        match (&self.giver, self.connected) {
            (Some(giver), _) => giver.is_wanted(),
            (None, Some(connected)) => now.saturating_duration_since(connected) < VIDEO_WITHIN,
            (None, None) => true,
        }
    }

    /// A stream begins with a picture that can be shown: who has none must not
    /// take the place of who has.
    fn begins_with(&self, item: &Item) -> bool {
        matches!(item, Item::Frame(frame) if frame.key && frame.track == 0)
    }

    fn arrive(&mut self) -> bool {
        let (giver, given) = give(self.intake.tracks());
        match self.arrivals.offer(&self.sends.key, Box::new(given)) {
            Ok(()) => self.giver = Some(giver),
            Err(not_taken) => {
                tracing::info!(stream = %self.sends.key, reason = %not_taken, "a publisher of WebRTC was not taken");
            }
        }
        self.giver.is_some()
    }

    /// Says goodbye to both sides.
    pub fn close(&mut self, reason: Reason, context: &mut Context<'_>) {
        if let Some(giver) = self.giver.take() {
            giver.end(reason);
        }
        self.link.close(context);
    }
}

impl WebRtc {
    /// Answers a WHIP offer of `peer`, who sends a stream in. Like a viewer's
    /// session it keeps its ticket, and ends when that says so.
    ///
    /// # Errors
    /// With the kind that decides the HTTP status and words for the caller.
    pub fn publish(&self, key: &StreamKey, sdp: &str, peer: IpAddr, ticket: Ticket) -> Result<Answer, WhepError> {
        let result = self.inner.publish(key, sdp, peer, ticket);
        self.inner.counted(result)
    }
}

impl Inner {
    fn publish(
        self: &Arc<Self>,
        key: &StreamKey,
        text: &str,
        peer: IpAddr,
        ticket: Ticket,
    ) -> Result<Answer, WhepError> {
        let publishing = self.publishing.clone().ok_or_else(|| not_taken(key, NotTaken::NotWaited))?;
        publishing.arrivals.would_take(key).map_err(|why| not_taken(key, why))?;
        let offer = Offer::parse(text).map_err(unusable)?;
        let agreed = answer::take(&offer).map_err(|refusal| not_sent(&refusal))?;
        let (place, permit) = (self.place(), self.permit(peer)?);
        let now = Instant::now();
        let built = session::build_intake(self.side(&place), &offer, &agreed, now).map_err(unusable)?;
        let ufrag = place.creds.ufrag.clone();
        let link = Link::new(place.id, ufrag, built.rtc, permit, ticket, IDLE_TICK, now);
        let sends = Sends {
            key: key.clone(),
            video: built.video,
            payload_types: agreed.lines().iter().map(|line| line.pt).collect(),
            tracks: agreed.lines().iter().map(|line| line.track()).collect(),
        };
        let publisher = Publisher::new(link, sends, publishing, self.hub.clone())
            .ok_or_else(|| WhepError::new(WhepErrorKind::Invalid, "the offer has a codec that is not understood"))?;
        let ticket = &publisher.link.ticket;
        let answer = self.register(&place, offer.ice.ufrag.clone(), ticket, Way::In, built.answer);
        self.join(&place, Peer::Publisher(Box::new(publisher)));
        Ok(answer)
    }
}
