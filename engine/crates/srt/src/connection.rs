//! One connection: datagrams and time in, datagrams and payloads out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::caller::{Agreement, Answered, Caller};
use crate::crypto::{Keys, Passphrase};
use crate::handshake::{Handshake, Kind, Reject};
use crate::packet::{AckDetail, Control, Data, HEADER, MAX_PAYLOAD, Outgoing, Packet, Seq, write_data_header};
use crate::rate::Bucket;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::settings::{Identity, Settings};
use crate::stats::Stats;

/// A full acknowledgement is sent so long after the data it is for.
const ACK_AFTER: Duration = Duration::from_millis(10);
/// Between two of them, one light one is sent for so many packets.
const LIGHT_ACK_PACKETS: u32 = 64;
/// Acknowledgements that are remembered until they are acknowledged themselves.
const MOST_ACKS: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Control packets that may wait to be sent.
const MOST_CONTROL: usize = 256;
/// The pace lets so many bytes go at once.
const BURST_BYTES: u64 = 64 << 10;
/// State word of a key response: the passphrase is another (libsrt's name is BADSECRET).
const KEY_WRONG: u32 = 4;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Our side closed it.
    Closed,
    /// The peer said goodbye.
    PeerClosed,
    /// The peer fell silent.
    Idle,
    /// Nobody answered.
    Unanswered,
    /// The listener, or we, did not agree to it.
    Refused(Reject),
}

#[derive(Debug)]
enum Stage {
    Calling(Box<Caller>),
    Open,
    Ended(End),
}

/// Round trip, smoothed (draft, section 4.10).
#[derive(Clone, Copy, Debug)]
struct RoundTrip {
    mean: Duration,
    variance: Duration,
    is_measured: bool,
}

impl RoundTrip {
    fn new() -> Self {
        Self { mean: Duration::from_millis(100), variance: Duration::from_millis(50), is_measured: false }
    }

    fn sample(&mut self, sample: Duration) {
        if self.is_measured {
            self.variance = (self.variance * 3 + self.mean.abs_diff(sample)) / 4;
            self.mean = (self.mean * 7 + sample) / 8;
        } else {
            (self.mean, self.variance, self.is_measured) = (sample, sample / 2, true);
        }
    }

    /// Within this time an answer should have come.
    fn patience(&self) -> Duration {
        if self.is_measured { self.mean + self.variance * 4 } else { Duration::from_millis(20) }
    }
}

/// The acknowledgements we send.
#[derive(Debug)]
struct Acks {
    number: u32,
    /// Not yet answered: number, when, position.
    open: VecDeque<(u32, Instant, Seq)>,
    /// Up to here the sender knows that we know.
    confirmed: Seq,
    sent: Option<(Seq, Instant)>,
    due: Option<Instant>,
    packets: u32,
}

/// The keys we send with.
#[derive(Debug)]
struct OutKeys {
    keys: Keys,
    passphrase: Passphrase,
    active: u8,
    /// Packets encrypted with the active key.
    used: u64,
    /// The message that tells of the next key, until it is answered.
    told: Option<Vec<u8>>,
    told_at: Option<Instant>,
    next_is_known: bool,
}

#[derive(Debug)]
pub struct Connection {
    start: Instant,
    settings: Settings,
    stage: Stage,
    own: u32,
    peer: u32,
    sender: Sender,
    receiver: Receiver,
    keys_out: Option<OutKeys>,
    keys_in: Option<Keys>,
    /// Number of the key of the newest packet.
    key_in: u8,
    /// The key message that was read last, and our answer.
    last_key_request: Option<(Vec<u8>, Vec<u8>)>,
    round_trip: RoundTrip,
    acks: Acks,
    control: VecDeque<Outgoing>,
    heard: Instant,
    said: Instant,
    pace: Bucket,
    messages: u32,
    /// A listener's last word of the handshake, said again when asked again.
    answer: Option<Vec<u8>>,
    stats: Stats,
}

impl Connection {
    /// Calls a listener.
    #[must_use]
    pub fn call(settings: Settings, identity: Identity, now: Instant) -> Self {
        let caller = Caller::new(identity, now);
        Self::new(settings, Stage::Calling(Box::new(caller)), identity, now)
    }

    /// A caller that a listener has agreed with; `answer` is what it is told.
    pub(crate) fn accepted(
        settings: Settings,
        identity: Identity,
        agreement: Agreement,
        answer: Vec<u8>,
        now: Instant,
    ) -> Self {
        let mut connection = Self::new(settings, Stage::Open, identity, now);
        connection.open(agreement, identity.first, now);
        connection.control.push_back(Outgoing::handshake(answer.clone()));
        connection.answer = Some(answer);
        connection
    }

    fn new(settings: Settings, stage: Stage, identity: Identity, now: Instant) -> Self {
        let Identity { socket, first } = identity;
        Self {
            start: now,
            stage,
            own: socket,
            peer: 0,
            sender: Sender::new(first, 0, settings.latency),
            receiver: Receiver::new(first, settings.latency, settings.delivery, now),
            keys_out: None,
            keys_in: None,
            key_in: 0,
            last_key_request: None,
            round_trip: RoundTrip::new(),
            acks: Acks { number: 0, open: VecDeque::new(), confirmed: first, sent: None, due: None, packets: 0 },
            control: VecDeque::new(),
            heard: now,
            said: now,
            pace: Bucket::new(settings.rate, BURST_BYTES, now),
            messages: 0,
            answer: None,
            stats: Stats::default(),
            settings,
        }
    }

    fn open(&mut self, agreement: Agreement, first: Seq, now: Instant) {
        self.stage = Stage::Open;
        self.peer = agreement.peer;
        self.sender = Sender::new(first, agreement.window, agreement.sends);
        self.receiver.latency = agreement.receives;
        self.stats.latency = agreement.receives.max(agreement.sends);
        self.heard = now;
        if let (Some(keys), Some(passphrase)) = (agreement.keys, self.settings.passphrase.clone()) {
            self.keys_in = Some(keys.duplicate());
            let active = keys.first();
            self.keys_out =
                Some(OutKeys { keys, passphrase, active, used: 0, told: None, told_at: None, next_is_known: false });
        }
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// Why it ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        match self.stage {
            Stage::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// The number that datagrams for this connection carry.
    #[must_use]
    pub fn socket(&self) -> u32 {
        self.own
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { rtt: self.round_trip.mean, ..self.stats }
    }

    /// Says goodbye.
    pub fn close(&mut self) {
        if self.is_open() {
            self.control.push_back(Outgoing::shutdown());
        }
        if self.end().is_none() {
            self.stage = Stage::Ended(End::Closed);
        }
    }

    /// Sends a payload; false when there is no room, or it is too long.
    pub fn send(&mut self, payload: &[u8], now: Instant) -> bool {
        if !self.is_open() || payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return false;
        }
        self.sender.drop_late(now, &mut self.stats);
        let Some(seq) = self.sender.next() else { return false };
        let (payload, key) = match &mut self.keys_out {
            None => (Bytes::copy_from_slice(payload), 0),
            Some(keys) => {
                let mut sealed = payload.to_vec();
                if !keys.keys.apply(keys.active, seq, &mut sealed) {
                    return false;
                }
                keys.used += 1;
                (Bytes::from(sealed), keys.active)
            }
        };
        self.sender.push(payload, key, now);
        true
    }

    /// The next payload whose time has come.
    pub fn take(&mut self, now: Instant) -> Option<Bytes> {
        self.receiver.take(now, &mut self.stats)
    }

    /// Takes a datagram of the peer's address.
    pub fn input(&mut self, datagram: &[u8], now: Instant) {
        match Packet::parse(datagram) {
            Some(Packet::Data(data)) if data.to == self.own && self.is_open() => self.data(&data, now),
            Some(Packet::Control { timestamp, to, control }) if to == self.own || self.answer.is_some() && to == 0 => {
                self.control(control, timestamp, now);
            }
            _ => {}
        }
    }

    fn data(&mut self, data: &Data<'_>, now: Instant) {
        self.heard = now;
        let time = self.learn(data.timestamp, data.resent, now);
        self.stats.received_packets += 1;
        self.stats.received_bytes += data.payload.len() as u64;
        if !self.receiver.wants(data.seq, &mut self.stats) {
            // The sender may have missed what said that it came.
            self.acks.due.get_or_insert(now + ACK_AFTER);
            return;
        }
        let Some(payload) = self.opened(data) else {
            self.stats.undecrypted += 1;
            return;
        };
        if !data.resent && data.key != std::mem::replace(&mut self.key_in, data.key) {
            self.stats.key_changes += 1;
        }
        self.receiver.put(data.seq, time, payload, &mut self.stats);
        self.acks.due.get_or_insert(now + ACK_AFTER);
        self.acks.packets += 1;
        if self.acks.packets >= LIGHT_ACK_PACKETS {
            self.acks.packets = 0;
            self.say(Outgoing::light_ack(self.receiver.acknowledged()));
        }
    }

    fn opened(&self, data: &Data<'_>) -> Option<Bytes> {
        match (data.key, &self.keys_in) {
            (0, None) => Some(Bytes::copy_from_slice(data.payload)),
            // Nothing plain is taken where both sides agreed to encrypt.
            (0, Some(_)) | (_, None) => None,
            (key, Some(keys)) => {
                let mut plain = data.payload.to_vec();
                keys.apply(key, data.seq, &mut plain).then(|| Bytes::from(plain))
            }
        }
    }

    /// What was sent again says nothing about the way.
    fn learn(&mut self, timestamp: u32, resent: bool, now: Instant) -> i64 {
        let time = self.receiver.base.unwrap(timestamp);
        if !resent {
            self.receiver.base.learn(time, now);
        }
        time
    }

    fn control(&mut self, control: Control<'_>, timestamp: u32, now: Instant) {
        if let Control::Handshake(body) = control {
            return self.handshake(body, timestamp, now);
        }
        if !self.is_open() {
            return;
        }
        self.heard = now;
        self.learn(timestamp, false, now);
        match control {
            Control::Ack { number, next, detail } => self.acknowledged(number, next, detail),
            Control::Nak(list) => self.asked(list),
            Control::AckAck(number) => self.ack_acked(number, now),
            Control::Drop { first, last } => self.receiver.give_up(first, last, &mut self.stats),
            Control::KeyRequest(message) => self.key_request(message),
            Control::KeyResponse(message) => self.key_response(message),
            Control::Shutdown => self.stage = Stage::Ended(End::PeerClosed),
            Control::Handshake(_) | Control::KeepAlive | Control::Other => {}
        }
    }

    fn handshake(&mut self, body: &[u8], timestamp: u32, now: Instant) {
        let Some(handshake) = Handshake::parse(body) else { return };
        match &mut self.stage {
            Stage::Calling(caller) => match caller.answer(&handshake, &self.settings, now) {
                Answered::Goes => {}
                Answered::Refused(reject) => self.stage = Stage::Ended(End::Refused(reject)),
                Answered::Open(agreement) => {
                    self.open(*agreement, self.acks.confirmed, now);
                    self.learn(timestamp, false, now);
                }
            },
            Stage::Open if handshake.kind == Kind::Conclusion => {
                if let Some(answer) = self.answer.clone() {
                    self.say(Outgoing::handshake(answer));
                }
            }
            _ => {}
        }
    }

    /// Learns from the packet that brought a caller's conclusion.
    pub(crate) fn learn_start(&mut self, timestamp: u32, now: Instant) {
        self.learn(timestamp, false, now);
    }

    fn acknowledged(&mut self, number: u32, next: Seq, detail: Option<AckDetail>) {
        self.sender.acknowledge(next, detail.map(|detail| detail.room));
        if let Some(detail) = detail {
            if !self.round_trip.is_measured {
                self.round_trip.mean = Duration::from_micros(u64::from(detail.rtt_us));
                self.round_trip.variance = Duration::from_micros(u64::from(detail.rtt_variance_us));
            }
            if number != 0 {
                self.say(Outgoing::ack_ack(number));
            }
        }
    }

    fn asked(&mut self, list: crate::packet::LossList<'_>) {
        for (first, last) in list.ranges() {
            if let Some((first, last)) = self.sender.lost(first, last) {
                self.say(Outgoing::drop(first, last));
            }
        }
    }

    fn ack_acked(&mut self, number: u32, now: Instant) {
        let Some(place) = self.acks.open.iter().position(|(open, ..)| *open == number) else { return };
        let (_, sent, position) = self.acks.open[place];
        self.round_trip.sample(now.saturating_duration_since(sent));
        self.acks.confirmed = position;
        self.acks.open.drain(..=place);
    }

    /// The peer tells its next key. Reading it costs a millisecond, so what
    /// was read is answered from memory.
    fn key_request(&mut self, message: &[u8]) {
        let known =
            self.last_key_request.as_ref().filter(|(last, _)| last == message).map(|(_, answer)| answer.clone());
        let answer = known.unwrap_or_else(|| {
            let read = self.settings.passphrase.as_ref().map(|passphrase| Keys::parse(message, passphrase));
            match (read, &mut self.keys_in) {
                (Some(Ok(newer)), Some(keys)) => {
                    keys.update(newer);
                    message.to_vec()
                }
                _ => KEY_WRONG.to_be_bytes().to_vec(),
            }
        });
        self.last_key_request = Some((message.to_vec(), answer.clone()));
        self.say(Outgoing::key_response(answer));
    }

    fn key_response(&mut self, message: &[u8]) {
        if let Some(keys) = &mut self.keys_out
            && keys.told.as_deref() == Some(message)
        {
            keys.told = None;
            keys.next_is_known = true;
        }
    }

    fn say(&mut self, outgoing: Outgoing) {
        if self.control.len() < MOST_CONTROL {
            self.control.push_back(outgoing);
        }
    }

    /// Appends the next datagram to `out`; false when nothing is to be sent now.
    pub fn poll_output(&mut self, out: &mut Vec<u8>, now: Instant) -> bool {
        self.tick(now);
        let timestamp = self.micros(now);
        if let Some(control) = self.control.pop_front() {
            control.write(out, timestamp, self.peer);
            self.said = now;
            return true;
        }
        if !self.is_open() || !self.sender.wants_to_send() || !self.pace.take((HEADER + MAX_PAYLOAD) as u64, now) {
            return false;
        }
        let (start, peer) = (self.start, self.peer);
        let Some(leaving) = self.sender.take(now) else { return false };
        if leaving.resent {
            self.stats.resent_packets += 1;
        } else {
            self.messages += 1;
            self.stats.sent_packets += 1;
            self.stats.sent_bytes += leaving.payload.len() as u64;
        }
        let data = Data {
            seq: leaving.seq,
            key: leaving.key,
            resent: leaving.resent,
            message: self.messages,
            timestamp: since(start, leaving.at),
            to: peer,
            payload: leaving.payload,
        };
        write_data_header(out, &data);
        out.extend_from_slice(data.payload);
        self.said = now;
        true
    }

    fn micros(&self, at: Instant) -> u32 {
        since(self.start, at)
    }

    /// All that time alone causes.
    fn tick(&mut self, now: Instant) {
        match &mut self.stage {
            Stage::Ended(_) => {}
            Stage::Calling(caller) => {
                if now.saturating_duration_since(self.start) >= self.settings.connect {
                    self.stage = Stage::Ended(End::Unanswered);
                } else if let Some(question) = caller.ask(now) {
                    self.say(Outgoing::handshake(question));
                }
            }
            Stage::Open if now.saturating_duration_since(self.heard) >= self.settings.idle => {
                self.close();
                self.stage = Stage::Ended(End::Idle);
            }
            Stage::Open => self.tick_open(now),
        }
    }

    fn tick_open(&mut self, now: Instant) {
        if self.acks.due.is_some_and(|due| due <= now) {
            self.acknowledge(now);
        }
        let patience = self.round_trip.patience();
        if self.receiver.report_deadline(patience).is_some_and(|due| due <= now) {
            let ranges = self.receiver.report(now, patience);
            if !ranges.is_empty() {
                self.say(Outgoing::nak(&ranges));
            }
        }
        self.sender.drop_late(now, &mut self.stats);
        if self.sender.probe_deadline(self.probe_pause()).is_some_and(|due| due <= now) {
            self.sender.probe();
        }
        self.renew_key(now);
        if now.saturating_duration_since(self.said) >= KEEP_ALIVE && self.control.is_empty() {
            self.say(Outgoing::keep_alive());
        }
    }

    /// An acknowledgement of the newest packet should have come by then.
    fn probe_pause(&self) -> Duration {
        self.round_trip.patience() + ACK_AFTER
    }

    fn acknowledge(&mut self, now: Instant) {
        let position = self.receiver.acknowledged();
        self.acks.due = None;
        if position == self.acks.confirmed {
            return;
        }
        let again = self.acks.sent.filter(|(sent, _)| *sent == position).map(|(_, at)| at + self.round_trip.patience());
        if let Some(again) = again
            && now < again
        {
            self.acks.due = Some(again);
            return;
        }
        self.acks.number = self.acks.number.wrapping_add(1).max(1);
        self.acks.open.push_back((self.acks.number, now, position));
        if self.acks.open.len() > MOST_ACKS {
            self.acks.open.pop_front();
        }
        self.acks.sent = Some((position, now));
        self.acks.packets = 0;
        self.acks.due = Some(now + self.round_trip.patience().max(ACK_AFTER));
        let micros = |duration: Duration| u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        let detail = AckDetail {
            rtt_us: micros(self.round_trip.mean),
            rtt_variance_us: micros(self.round_trip.variance),
            room: self.receiver.room(),
        };
        let seconds = now.saturating_duration_since(self.start).as_secs().max(1);
        let rate = |count: u64| u32::try_from(count / seconds).unwrap_or(u32::MAX);
        let rates = (rate(self.stats.received_packets), rate(self.stats.received_bytes));
        self.say(Outgoing::full_ack(self.acks.number, position, detail, rates));
    }

    /// Makes, tells and takes up the next key (draft, section 6.1.6).
    fn renew_key(&mut self, now: Instant) {
        let (after, before) = self.settings.key_refresh;
        let pause = self.round_trip.patience().max(ACK_AFTER);
        let Some(keys) = &mut self.keys_out else { return };
        let next = 3 - keys.active;
        if keys.used >= after && keys.next_is_known {
            keys.active = next;
            (keys.used, keys.next_is_known) = (0, false);
            return;
        }
        if keys.used.saturating_add(before) < after || keys.next_is_known {
            return;
        }
        if keys.told.is_none() {
            keys.keys.renew(next);
            keys.told = keys.keys.message(&keys.passphrase);
            keys.told_at = None;
        }
        if keys.told_at.is_none_or(|at| now.saturating_duration_since(at) >= pause) {
            keys.told_at = Some(now);
            if let Some(message) = keys.told.clone() {
                self.say(Outgoing::key_request(message));
            }
        }
    }

    /// When to call `poll_output` and `take` again, without any input.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let payload = self.receiver.deadline();
        let rest = match &self.stage {
            Stage::Ended(_) => None,
            Stage::Calling(caller) => Some(caller.next_try.min(self.start + self.settings.connect)),
            Stage::Open => {
                let patience = self.round_trip.patience();
                let pace = self.sender.wants_to_send().then(|| self.pace.ready((HEADER + MAX_PAYLOAD) as u64));
                let told = self.keys_out.as_ref().filter(|keys| keys.told.is_some()).and_then(|keys| keys.told_at);
                [
                    Some(self.heard + self.settings.idle),
                    Some(self.said + KEEP_ALIVE),
                    self.acks.due,
                    self.receiver.report_deadline(patience),
                    self.sender.late_deadline(),
                    self.sender.probe_deadline(self.probe_pause()),
                    pace,
                    told.map(|at| at + patience.max(ACK_AFTER)),
                ]
                .into_iter()
                .flatten()
                .min()
            }
        };
        payload.into_iter().chain(rest).min()
    }
}

/// A timestamp wraps after 71 minutes.
fn since(start: Instant, at: Instant) -> u32 {
    at.saturating_duration_since(start).as_micros() as u32
}
