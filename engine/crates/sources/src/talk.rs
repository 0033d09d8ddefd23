//! Talking to cameras: the back channel of ONVIF, in an RTSP session of its own.
//!
//! Data flow: [`Talks::open`] dials the camera and gives a [`TalkLine`]; what is
//! said into it goes to the camera as RTP until the line is dropped, the camera
//! ends it, or the camera's address is another.
//!
//! Invariants: only a talk ever asks for the back channel, so that a camera which
//! stumbles over it goes on being recorded; each refusal is told once and nothing
//! is tried again; sound that comes too late is left out, never queued.

mod packer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;
use vms_media::{G711_RATE, Law};

use crate::dial::Dialer;
use crate::link::Link;
use crate::reason::Reason;
use crate::rtsp::{Address, Description, Habit, Step, Wanted};
use crate::session::{GOODBYE, describe};
use packer::Packer;

/// Packets that may wait for a task that is behind: a second.
const MOST_WAITING: usize = 50;

/// Some sound, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    pub law: Law,
    /// In samples, extended beyond 32 bits.
    pub timestamp: i64,
    pub payload: Arc<[u8]>,
}

/// The way to a camera's loudspeaker; dropping it ends the talk.
#[derive(Clone, Debug)]
pub struct TalkLine {
    law: Law,
    sound: mpsc::Sender<Spoken>,
    ended: Arc<OnceLock<Reason>>,
}

impl TalkLine {
    /// What the camera takes; the other law is converted.
    #[must_use]
    pub fn law(&self) -> Law {
        self.law
    }

    /// Says something; what the camera is too slow for is left out.
    pub fn say(&self, spoken: Spoken) {
        if self.sound.try_send(spoken).is_err() {
            tracing::debug!("sound was left out: the camera is behind, or gone");
        }
    }

    /// Whether the camera still listens.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.sound.is_closed()
    }

    /// Why the camera listens no more; `Disabled` where its address is another,
    /// or it has none.
    #[must_use]
    pub fn ended(&self) -> Option<&Reason> {
        self.ended.get()
    }
}

/// The RTSP addresses of cameras that are switched on, by camera.
type Addresses = BTreeMap<String, String>;

/// All talks of an engine.
#[derive(Clone)]
pub struct Talks {
    dialer: Dialer,
    /// From dialling to the answer to PLAY.
    limit: Duration,
    runtime: Handle,
    addresses: Arc<watch::Sender<Addresses>>,
    running: TaskTracker,
}

impl Talks {
    #[must_use]
    pub fn new(dialer: Dialer, limit: Duration, runtime: Handle) -> Self {
        Self { dialer, limit, runtime, addresses: Arc::default(), running: TaskTracker::new() }
    }

    /// Replaces what is known of cameras; a talk whose camera changed ends.
    pub fn apply(&self, addresses: BTreeMap<String, String>) {
        self.addresses.send_replace(addresses);
    }

    /// Has a camera listen.
    ///
    /// # Errors
    /// With the reason; it is not tried again.
    pub async fn open(&self, camera: &str) -> Result<TalkLine, Reason> {
        let mut addresses = self.addresses.subscribe();
        let address = addresses.borrow_and_update().get(camera).cloned().ok_or(Reason::NoBackChannel)?;
        let (tell, told) = oneshot::channel();
        let (dialer, limit, camera) = (self.dialer.clone(), self.limit, camera.to_owned());
        let task = async move {
            let opening = Talk::open(&address, &dialer);
            let opened = tokio::time::timeout(limit, opening).await.unwrap_or(Err(Reason::Timeout));
            let (sound, mut spoken) = mpsc::channel(MOST_WAITING);
            let why = Arc::new(OnceLock::new());
            let (talk, answer) = match opened {
                Ok(talk) => {
                    let line = TalkLine { law: talk.packer.law(), sound, ended: why.clone() };
                    (Some(talk), Ok(line))
                }
                Err(reason) => (None, Err(reason)),
            };
            // Whoever asked may have gone: his line is then dropped here, and the talk ends at once.
            drop(tell.send(answer));
            let Some(talk) = talk else { return };
            let moved = addresses.wait_for(|now| now.get(&camera) != Some(&address));
            let (talk, ended) = talk.run(&mut spoken, async { drop(moved.await) }).await;
            tracing::info!(camera, because = ended.as_ref().map_or("left", Reason::code), "a talk ended");
            if let Some(reason) = ended {
                // Nobody else sets it.
                let _ = why.set(reason);
            }
            // Only now the line is seen to be closed: whoever sees that knows why.
            drop(spoken);
            talk.link.say_goodbye(GOODBYE).await;
        };
        self.running.spawn_on(task, &self.runtime);
        told.await.unwrap_or(Err(Reason::Disabled))
    }

    /// Ends all talks, and waits until their cameras were told.
    pub async fn stop(&self) {
        self.apply(Addresses::new());
        self.running.close();
        self.running.wait().await;
    }
}

/// A session with a camera that listens.
struct Talk {
    link: Link,
    packer: Packer,
}

impl Talk {
    async fn open(address: &str, dialer: &Dialer) -> Result<Self, Reason> {
        let address = Address::parse(address)?;
        if address.relayed {
            // The camera is another node's to call.
            return Err(Reason::NoBackChannel);
        }
        let (mut link, description) = describe(address, dialer, Habit::default(), true).await?;
        let listens = Listens::find(&description)?;
        let wanted = Wanted { media: listens.media, optional: false, ports: None };
        link.client.set_up(&description, &[wanted], Instant::now());
        loop {
            match link.step(&mut |_, _| {}).await {
                Ok(Step::Playing { .. }) => break,
                Ok(step) => tracing::debug!(?step, "not expected before PLAY"),
                Err(reason) => {
                    link.say_goodbye(GOODBYE).await;
                    return Err(reason);
                }
            }
        }
        Ok(Self { link, packer: Packer::new(listens.law, listens.payload_type, rand::random()) })
    }

    /// Sends what is spoken until nobody speaks any more, `over`, or the camera
    /// ends it; answers why, where it was the camera.
    async fn run(
        mut self,
        spoken: &mut mpsc::Receiver<Spoken>,
        over: impl Future<Output = ()>,
    ) -> (Self, Option<Reason>) {
        let mut over = std::pin::pin!(over);
        let ended = loop {
            let link = &mut self.link;
            tokio::select! {
                said = spoken.recv() => match said {
                    Some(said) => self.packer.take(&said),
                    None => break None,
                },
                moved = poll_fn(|cx| link.poll(cx, &mut |_, _| {})) => if let Err(reason) = moved {
                    break Some(reason);
                },
                () = &mut over => break Some(Reason::Disabled),
            }
            while let Some(packet) = self.packer.next_packet() {
                self.link.client.send_packet(0, &packet);
            }
        };
        (self, ended)
    }
}

/// The track that a camera listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listens {
    /// Its place in the description.
    media: usize,
    payload_type: u8,
    law: Law,
}

impl Listens {
    /// The first audio that we may send: where a camera names several, a second
    /// one breaks its SETUP. `sendonly` is said from our side.
    fn find(description: &Description) -> Result<Self, Reason> {
        let lines = description.media.iter().enumerate();
        let (media, line) = lines
            .into_iter()
            .find(|(_, line)| line.kind == "audio" && line.is_sendonly)
            .ok_or(Reason::NoBackChannel)?;
        let of_ours = line.formats.iter().find_map(|format| {
            let law = Law::from_rtpmap(&format.encoding).filter(|_| format.clock_rate == G711_RATE)?;
            Some(Self { media, payload_type: format.payload_type, law })
        });
        of_ours.ok_or_else(|| Reason::UnknownCodec { codec: line.encoding.to_uppercase() })
    }
}
