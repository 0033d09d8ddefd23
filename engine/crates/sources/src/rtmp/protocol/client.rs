//! Our side of a stream that we pull.

use vms_media::FlvKind;

use super::Error;
use super::amf0::Value;
use super::chunk::{Message, kind};
use super::connection::{Connection, WINDOW, values_of};

/// How much may come before the first picture must be shown, milliseconds.
const BUFFER_MS: u32 = 0;

const CONNECT: f64 = 1.0;
const CREATE: f64 = 2.0;
const PLAY: f64 = 3.0;

/// What the server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    Media { kind: FlvKind, ms: u32, body: Vec<u8> },
    End,
}

/// One connection, without its socket.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    connecting: bool,
    app: String,
    /// The address as far as the application, which servers want to hear.
    url: String,
    name: String,
}

impl Client {
    pub fn new(app: String, url: String, name: String, random: [u8; 32]) -> Self {
        Self { connection: Connection::calling(random), connecting: false, app, url, name }
    }

    /// What waits to be sent.
    pub fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.connection.unsent
    }

    /// Takes what came, as far as it is whole; says how much that was.
    pub fn input(&mut self, input: &[u8], out: &mut Vec<Pulled>) -> Result<usize, Error> {
        let (mut used, is_open) = self.connection.shake_hands(input)?;
        if !is_open {
            return Ok(used);
        }
        if !self.connecting {
            self.connecting = true;
            self.connect();
        }
        while let Some((taken, message)) = self.connection.take(&input[used..])? {
            used += taken;
            if let Some(message) = message {
                self.message(message, out)?;
            }
        }
        Ok(used)
    }

    fn message(&mut self, message: Message, out: &mut Vec<Pulled>) -> Result<(), Error> {
        match (message.kind, &message.body[..]) {
            // The stream has ended (7.1.7).
            (kind::USER_CONTROL, [0, 1, ..]) => out.push(Pulled::End),
            (kind::AUDIO | kind::VIDEO, _) => {
                out.push(Pulled::Media { kind: FlvKind::of(message.kind), ms: message.ms, body: message.body });
            }
            (kind::COMMAND | kind::COMMAND_AMF3, _) => self.command(&values_of(&message), out)?,
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, values: &[Value], out: &mut Vec<Pulled>) -> Result<(), Error> {
        let [Value::Text(name), Value::Number(id), rest @ ..] = values else { return Ok(()) };
        match name.as_str() {
            "_result" if *id == CONNECT => self.create(),
            "_result" if *id == CREATE => {
                let stream = rest.get(1).and_then(Value::as_number).unwrap_or(1.0);
                self.play(stream.clamp(0.0, f64::from(u32::MAX)) as u32);
            }
            "_error" => return Err(refused(rest)),
            "onStatus" => {
                let about = rest.get(1);
                let field = |name| about.and_then(|about| about.get(name)).and_then(Value::as_text);
                if field("level") == Some("error") {
                    return Err(refused(rest));
                }
                if matches!(field("code"), Some("NetStream.Play.Stop" | "NetStream.Play.UnpublishNotify")) {
                    out.push(Pulled::End);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn connect(&mut self) {
        let about = Value::Object(vec![
            ("app".into(), Value::text(&self.app)),
            ("flashVer".into(), Value::text("LNX 9,0,124,2")),
            ("tcUrl".into(), Value::text(&self.url)),
            ("fpad".into(), Value::Bool(false)),
            ("capabilities".into(), Value::Number(15.0)),
            ("audioCodecs".into(), Value::Number(4071.0)),
            ("videoCodecs".into(), Value::Number(252.0)),
            ("videoFunction".into(), Value::Number(1.0)),
            // Enhanced RTMP: what we take beyond the old numbers.
            ("fourCcList".into(), Value::Array(["hvc1", "avc1", "av01", "vp09"].map(Value::text).into())),
        ]);
        self.connection.command(0, &[Value::text("connect"), Value::Number(CONNECT), about]);
    }

    fn create(&mut self) {
        self.connection.control(kind::WINDOW_SIZE, &WINDOW.to_be_bytes());
        self.connection.command(0, &[Value::text("createStream"), Value::Number(CREATE), Value::Null]);
    }

    fn play(&mut self, stream: u32) {
        // -2000: the live stream, else the recorded one of this name.
        let name = Value::text(&self.name);
        self.connection
            .command(stream, &[Value::text("play"), Value::Number(PLAY), Value::Null, name, Value::Number(-2000.0)]);
        let length = [&[0, 3][..], &stream.to_be_bytes(), &BUFFER_MS.to_be_bytes()].concat();
        self.connection.control(kind::USER_CONTROL, &length);
    }
}

fn refused(rest: &[Value]) -> Error {
    let about = rest.iter().find(|value| value.get("code").is_some());
    let field = |name| about.and_then(|about| about.get(name)).and_then(Value::as_text);
    let words = field("description").filter(|words| !words.is_empty()).or_else(|| field("code"));
    Error::Refused(words.unwrap_or("no reason given").chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::super::amf0;
    use super::super::chunk::{ChunkReader, ChunkWriter};
    use super::*;

    fn answer(client: &mut Client, writer: &mut ChunkWriter, values: &[Value]) -> Result<Vec<Pulled>, Error> {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        writer.put(&mut bytes, 3, &Message { kind: kind::COMMAND, ms: 0, stream: 0, body: amf0::write(values) });
        client.input(&bytes, &mut out)?;
        Ok(out)
    }

    fn said(client: &mut Client) -> Vec<String> {
        let bytes = std::mem::take(client.unsent());
        let (mut reader, mut at, mut names) = (ChunkReader::default(), 0, Vec::new());
        while let Ok(Some((used, message))) = reader.take(&bytes[at..]) {
            at += used;
            let Some(message) = message.filter(|message| message.kind == kind::COMMAND) else { continue };
            names.extend(amf0::read(&message.body)[0].as_text().map(str::to_owned));
        }
        names
    }

    fn connected() -> (Client, ChunkWriter) {
        let url = "rtmp://camera/live".to_owned();
        let mut client = Client::new("live".into(), url, "main".into(), [1; 32]);
        assert_eq!(client.unsent().len(), 1537);
        client.unsent().clear();
        let mut hello = vec![3];
        hello.extend([0; 2 * 1536]);
        client.input(&hello, &mut Vec::new()).expect("it speaks RTMP");
        client.unsent().drain(..1536);
        assert_eq!(said(&mut client), ["connect"]);
        (client, ChunkWriter::default())
    }

    fn status(level: &str, code: &str) -> Value {
        Value::Object(vec![("level".into(), Value::text(level)), ("code".into(), Value::text(code))])
    }

    #[test]
    fn a_stream_is_asked_for_step_by_step() {
        let (mut client, mut writer) = connected();
        let success = status("status", "NetConnection.Connect.Success");
        answer(&mut client, &mut writer, &[Value::text("_result"), Value::Number(1.0), Value::Null, success])
            .expect("sound");
        assert_eq!(said(&mut client), ["createStream"]);
        answer(
            &mut client,
            &mut writer,
            &[Value::text("_result"), Value::Number(2.0), Value::Null, Value::Number(7.0)],
        )
        .expect("sound");
        assert_eq!(said(&mut client), ["play"]);
        let stop = [Value::text("onStatus"), Value::Number(0.0), Value::Null, status("status", "NetStream.Play.Stop")];
        assert_eq!(answer(&mut client, &mut writer, &stop), Ok(vec![Pulled::End]));
    }

    #[test]
    fn a_refusal_has_the_servers_words() {
        let (mut client, mut writer) = connected();
        let failed = status("error", "NetStream.Play.StreamNotFound");
        let values = [Value::text("onStatus"), Value::Number(0.0), Value::Null, failed];
        let refused = Error::Refused("NetStream.Play.StreamNotFound".into());
        assert_eq!(answer(&mut client, &mut writer, &values), Err(refused));
    }
}
