//! Our side of a publisher's connection.

use vms_media::FlvKind;

use super::Error;
use super::amf0::Value;
use super::chunk::{Message, kind};
use super::connection::{Connection, WINDOW, values_of};

/// The only message stream that a publisher is given.
const STREAM: u32 = 1;
/// Paths and keys are short.
const MAX_NAME: usize = 1024;

/// What a publisher did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It wants to publish at this path, with this query; to be answered by
    /// [`Server::accept`] or [`Server::refuse`].
    Publish {
        path: String,
        query: String,
    },
    Media {
        kind: FlvKind,
        ms: u32,
        body: Vec<u8>,
    },
    /// It says that it ends.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Asked,
    Publishing,
}

/// One connection, without its socket.
#[derive(Debug)]
pub struct Server {
    connection: Connection,
    state: State,
    app: String,
}

impl Server {
    pub fn new(random: [u8; 32]) -> Self {
        Self { connection: Connection::called(random), state: State::Connecting, app: String::new() }
    }

    /// What waits to be sent.
    pub fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.connection.unsent
    }

    /// Takes what came, as far as it is whole; says how much that was. It stops
    /// early after an event that wants an answer.
    pub fn input(&mut self, input: &[u8], out: &mut Vec<Event>) -> Result<usize, Error> {
        let (mut used, is_open) = self.connection.shake_hands(input)?;
        while is_open && self.state != State::Asked {
            let Some((taken, message)) = self.connection.take(&input[used..])? else { break };
            used += taken;
            if let Some(message) = message {
                self.message(message, out)?;
            }
        }
        Ok(used)
    }

    /// Lets it publish.
    pub fn accept(&mut self) {
        self.state = State::Publishing;
        self.status("status", "NetStream.Publish.Start", "go on");
    }

    /// Says why it may not; the connection is then to be closed.
    pub fn refuse(&mut self, why: &str) {
        self.status("error", "NetStream.Publish.BadName", why);
    }

    fn message(&mut self, message: Message, out: &mut Vec<Event>) -> Result<(), Error> {
        match message.kind {
            kind::AUDIO | kind::VIDEO if self.state == State::Publishing => {
                out.push(Event::Media { kind: FlvKind::of(message.kind), ms: message.ms, body: message.body });
            }
            kind::COMMAND | kind::COMMAND_AMF3 => self.command(&values_of(&message), out)?,
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, values: &[Value], out: &mut Vec<Event>) -> Result<(), Error> {
        let [Value::Text(name), Value::Number(id), rest @ ..] = values else { return Ok(()) };
        match name.as_str() {
            "connect" => self.connect(*id, rest.first()),
            "createStream" => {
                self.connection.command(
                    0,
                    &[Value::text("_result"), Value::Number(*id), Value::Null, Value::Number(STREAM.into())],
                );
            }
            "publish" => self.publish(rest.get(1), out)?,
            "play" => return Err(Error::Protocol("it wants to play; streams are played by RTSP, HLS and WebRTC")),
            "deleteStream" | "closeStream" | "FCUnpublish" if self.state == State::Publishing => out.push(Event::End),
            "releaseStream" | "FCPublish" => {
                self.connection.command(0, &[Value::text("_result"), Value::Number(*id), Value::Null, Value::Null]);
            }
            _ => {}
        }
        Ok(())
    }

    fn connect(&mut self, id: f64, about: Option<&Value>) {
        let app = about.and_then(|about| about.get("app")).and_then(Value::as_text).unwrap_or_default();
        self.app = app.chars().take(MAX_NAME).collect();
        self.connection.control(kind::WINDOW_SIZE, &WINDOW.to_be_bytes());
        // Its own window should be as large; 2 leaves that to it.
        let bandwidth = [&WINDOW.to_be_bytes()[..], &[2]].concat();
        self.connection.control(kind::PEER_BANDWIDTH, &bandwidth);
        let about_us = Value::Object(vec![
            ("fmsVer".into(), Value::text("FMS/3,0,1,123")),
            ("capabilities".into(), Value::Number(31.0)),
        ]);
        let done = status("status", "NetConnection.Connect.Success", "connected");
        self.connection.command(0, &[Value::text("_result"), Value::Number(id), about_us, done]);
    }

    fn publish(&mut self, name: Option<&Value>, out: &mut Vec<Event>) -> Result<(), Error> {
        if self.state != State::Connecting {
            return Err(Error::Protocol("it publishes twice"));
        }
        let name = name.and_then(Value::as_text).unwrap_or_default();
        if name.len() > MAX_NAME {
            return Err(Error::Protocol("the stream's name is too long"));
        }
        self.state = State::Asked;
        let (path, query) = place(&self.app, name);
        out.push(Event::Publish { path, query });
        Ok(())
    }

    fn status(&mut self, level: &str, code: &str, description: &str) {
        let about = status(level, code, description);
        self.connection.command(STREAM, &[Value::text("onStatus"), Value::Number(0.0), Value::Null, about]);
    }
}

fn status(level: &str, code: &str, description: &str) -> Value {
    Value::Object(vec![
        ("level".into(), Value::text(level)),
        ("code".into(), Value::text(code)),
        ("description".into(), Value::text(description)),
    ])
}

/// Path and query of a publisher. Programs cut an address into application and
/// stream at different slashes, and the query may stand in either.
fn place(app: &str, name: &str) -> (String, String) {
    let (mut path, mut query) = (String::new(), String::new());
    for part in [app, name] {
        let (own, asked) = part.split_once('?').unwrap_or((part, ""));
        for segment in own.split('/').filter(|segment| !segment.is_empty()) {
            path.push_str(if path.is_empty() { "" } else { "/" });
            path.push_str(segment);
        }
        if !asked.is_empty() {
            query.push_str(if query.is_empty() { "" } else { "&" });
            query.push_str(asked);
        }
    }
    (path, query)
}

#[cfg(test)]
mod tests {
    use super::super::amf0;
    use super::super::chunk::{ChunkReader, ChunkWriter};
    use super::super::handshake::Handshake;
    use super::*;

    #[test]
    fn an_address_is_the_same_wherever_a_program_cuts_it() {
        let table = [
            ("gate", "", "gate", ""),
            ("gate?key=a&secret=b", "", "gate", "key=a&secret=b"),
            ("gate", "sub?key=a&secret=b", "gate/sub", "key=a&secret=b"),
            ("gate/sub/", "?key=a", "gate/sub", "key=a"),
            ("gate?key=a", "?secret=b", "gate", "key=a&secret=b"),
        ];
        for (app, name, path, query) in table {
            assert_eq!(place(app, name), (path.to_owned(), query.to_owned()), "{app} {name}");
        }
    }

    /// A publisher that speaks as programs do.
    struct Peer {
        server: Server,
        writer: ChunkWriter,
    }

    impl Peer {
        fn connected() -> Self {
            let mut server = Server::new([1; 32]);
            let mut hello = Vec::new();
            Handshake::client([2; 32], &mut hello);
            hello.extend([0; 1536]);
            let mut out = Vec::new();
            assert_eq!(server.input(&hello, &mut out), Ok(hello.len()));
            assert_eq!(out, []);
            server.unsent().clear();
            Self { server, writer: ChunkWriter::default() }
        }

        fn say(&mut self, kind: u8, body: Vec<u8>) -> Result<Vec<Event>, Error> {
            let (mut bytes, mut out) = (Vec::new(), Vec::new());
            self.writer.put(&mut bytes, 3, &Message { kind, ms: 40, stream: 1, body });
            self.server.input(&bytes, &mut out)?;
            Ok(out)
        }

        fn command(&mut self, values: &[Value]) -> Result<Vec<Event>, Error> {
            self.say(kind::COMMAND, amf0::write(values))
        }

        /// The commands that were answered.
        fn heard(&mut self) -> Vec<String> {
            let bytes = std::mem::take(self.server.unsent());
            let (mut reader, mut at, mut names) = (ChunkReader::default(), 0, Vec::new());
            while let Ok(Some((used, message))) = reader.take(&bytes[at..]) {
                at += used;
                let Some(message) = message.filter(|message| message.kind == kind::COMMAND) else { continue };
                let values = amf0::read(&message.body);
                let code = values.last().and_then(|value| value.get("code")).and_then(Value::as_text);
                names.extend(code.or_else(|| values[0].as_text()).map(str::to_owned));
            }
            names
        }
    }

    fn connect(app: &str) -> Vec<Value> {
        let about = Value::Object(vec![("app".into(), Value::text(app))]);
        vec![Value::text("connect"), Value::Number(1.0), about]
    }

    fn publish(name: &str) -> Vec<Value> {
        vec![Value::text("publish"), Value::Number(4.0), Value::Null, Value::text(name), Value::text("live")]
    }

    #[test]
    fn a_publisher_is_asked_for_and_then_heard() {
        let mut peer = Peer::connected();
        assert_eq!(peer.command(&connect("gate")), Ok(vec![]));
        assert_eq!(peer.command(&[Value::text("createStream"), Value::Number(2.0), Value::Null]), Ok(vec![]));
        assert_eq!(peer.heard(), ["NetConnection.Connect.Success", "_result"]);
        let asked = Event::Publish { path: "gate".into(), query: "key=a".into() };
        assert_eq!(peer.command(&publish("?key=a")), Ok(vec![asked]));
        peer.server.accept();
        assert_eq!(peer.heard(), ["NetStream.Publish.Start"]);
        let media = Event::Media { kind: FlvKind::Video, ms: 40, body: vec![1, 2] };
        assert_eq!(peer.say(kind::VIDEO, vec![1, 2]), Ok(vec![media]));
        let end = [Value::text("deleteStream"), Value::Number(5.0), Value::Null, Value::Number(1.0)];
        assert_eq!(peer.command(&end), Ok(vec![Event::End]));
    }

    #[test]
    fn nothing_is_taken_before_it_may_publish() {
        let mut peer = Peer::connected();
        assert_eq!(peer.say(kind::VIDEO, vec![1]), Ok(vec![]));
        peer.command(&connect("gate")).expect("sound");
        peer.command(&publish("")).expect("sound");
        assert_eq!(peer.say(kind::VIDEO, vec![1]), Ok(vec![]), "it waits for its answer");
        peer.server.refuse("no such stream");
        assert!(peer.heard().contains(&"NetStream.Publish.BadName".to_owned()));
    }

    #[test]
    fn players_are_told_where_to_play() {
        let mut peer = Peer::connected();
        let play = [Value::text("play"), Value::Number(4.0), Value::Null, Value::text("gate")];
        assert!(peer.command(&play).is_err());
    }

    #[test]
    fn pings_are_answered_and_bytes_acknowledged() {
        let mut peer = Peer::connected();
        peer.say(kind::USER_CONTROL, vec![0, 6, 1, 2, 3, 4]).expect("sound");
        assert!(peer.server.unsent().windows(6).any(|bytes| bytes == [0, 7, 1, 2, 3, 4]));
        peer.server.unsent().clear();
        peer.say(kind::WINDOW_SIZE, (1_u32 << 14).to_be_bytes().to_vec()).expect("sound");
        peer.say(kind::VIDEO, vec![0; 1 << 15]).expect("sound");
        assert!(!peer.server.unsent().is_empty());
    }
}
