//! An S3 store in a thread, for faults that a real one cannot be asked for.
//! What S3 is, the tests with a real server say.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::S3Config;

/// What it does wrong from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// It answers 503 to whatever is asked.
    Away,
    /// It answers 403 and that the key is unknown.
    Key,
    /// It flips a bit of what is put.
    Flips,
    /// It answers 503 to whatever pieces of an upload.
    Pieces,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    pieces: BTreeMap<String, Vec<u8>>,
    fault: Fault,
    asked: u64,
    open_uploads: u64,
}

#[derive(Clone)]
pub struct Store {
    state: Arc<Mutex<State>>,
    address: String,
}

struct Told {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Store {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let store = Self { state: Arc::default(), address };
        let own = store.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, own) = (stream.expect("a connection"), own.clone());
                std::thread::spawn(move || own.serve(&stream));
            }
        });
        store
    }

    /// With key files in `folder`.
    pub fn config(&self, folder: &Path) -> S3Config {
        for name in ["access", "secret"] {
            std::fs::write(folder.join(name), name).expect("a key");
        }
        S3Config {
            name: "bucket".to_owned(),
            endpoint: self.address.clone(),
            bucket: "tests".to_owned(),
            prefix: "one/".to_owned(),
            region: "us-east-1".to_owned(),
            access_key_file: folder.join("access"),
            secret_key_file: folder.join("secret"),
            ca_file: None,
            virtual_hosted: false,
            max_bytes: None,
        }
    }

    pub fn fault(&self, fault: Fault) {
        self.state.lock().fault = fault;
    }

    pub fn names(&self) -> Vec<String> {
        self.state.lock().objects.keys().cloned().collect()
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.state.lock().objects.insert(name.to_owned(), bytes.to_vec());
    }

    /// Requests since the last time it was asked.
    pub fn asked(&self) -> u64 {
        std::mem::take(&mut self.state.lock().asked)
    }

    /// Uploads that were neither put together nor given up.
    pub fn open_uploads(&self) -> u64 {
        self.state.lock().open_uploads
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(told) = read(&mut reader) {
            let (status, body, headers) = self.answer(&told);
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
            let mut writer = stream;
            if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
                return;
            }
        }
    }

    fn answer(&self, told: &Told) -> (u16, Vec<u8>, String) {
        let mut state = self.state.lock();
        state.asked += 1;
        let error = |status: u16, code: &str| {
            (status, format!("<Error><Code>{code}</Code></Error>").into_bytes(), String::new())
        };
        let fine = |body: Vec<u8>| (200, body, String::new());
        match state.fault {
            Fault::Away => return error(503, "ServiceUnavailable"),
            Fault::Key => return error(403, "InvalidAccessKeyId"),
            _ => {}
        }
        let name = told.path.strip_prefix("/tests").unwrap_or_default().trim_start_matches('/').to_owned();
        let upload = told.query.get("uploadId").cloned();
        match (&*told.method, upload) {
            ("GET", _) if told.query.contains_key("list-type") => fine(list(&state, told)),
            ("GET", _) => match state.objects.get(&name) {
                None => error(404, "NoSuchKey"),
                Some(bytes) => ranged(bytes, told.headers.get("range").map(String::as_str)),
            },
            ("POST", None) => {
                state.open_uploads += 1;
                let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
                let text = format!(
                    "<InitiateMultipartUploadResult xmlns=\"{xmlns}\"><UploadId>{name}</UploadId>\
                     </InitiateMultipartUploadResult>"
                );
                fine(text.into_bytes())
            }
            ("PUT", Some(_)) if state.fault == Fault::Pieces => error(503, "SlowDown"),
            ("PUT", Some(upload)) => {
                let number: u32 = told.query["partNumber"].parse().expect("a number");
                state.pieces.insert(format!("{upload} {number:05}"), told.body.clone());
                (200, Vec::new(), format!("etag: \"{number}\"\r\n"))
            }
            ("POST", Some(upload)) => {
                state.open_uploads -= 1;
                let pieces = std::mem::take(&mut state.pieces);
                let own = pieces.into_iter().filter(|(of, _)| of.starts_with(&upload)).flat_map(|(_, bytes)| bytes);
                state.objects.insert(name, own.collect());
                fine(b"<CompleteMultipartUploadResult/>".to_vec())
            }
            ("DELETE", Some(_)) => {
                state.open_uploads -= 1;
                (204, Vec::new(), String::new())
            }
            ("DELETE", None) => {
                state.objects.remove(&name);
                (204, Vec::new(), String::new())
            }
            ("PUT", None) if told.headers.contains_key("if-none-match") && state.objects.contains_key(&name) => {
                error(412, "PreconditionFailed")
            }
            ("PUT", None) => {
                let mut body = told.body.clone();
                if let (Fault::Flips, Some(last)) = (state.fault, body.last_mut()) {
                    *last ^= 1;
                }
                state.objects.insert(name, body);
                fine(Vec::new())
            }
            _ => error(400, "InvalidRequest"),
        }
    }
}

fn ranged(bytes: &[u8], range: Option<&str>) -> (u16, Vec<u8>, String) {
    let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((from, to)) = range else { return (200, bytes.to_vec(), String::new()) };
    let (from, to): (usize, usize) = (from.parse().expect("a number"), to.parse().expect("a number"));
    (206, bytes[from.min(bytes.len())..(to + 1).min(bytes.len())].to_vec(), String::new())
}

/// Two names a page, so that pages are turned.
fn list(state: &State, told: &Told) -> Vec<u8> {
    let (prefix, after) = (&told.query["prefix"], told.query.get("continuation-token"));
    let mut own =
        state.objects.iter().filter(|(name, _)| name.starts_with(prefix) && after.is_none_or(|after| *name > after));
    let page: Vec<_> = own.by_ref().take(2).collect();
    let contents: String = page
        .iter()
        .map(|(name, bytes)| format!("<Contents><Key>{name}</Key><Size>{}</Size></Contents>", bytes.len()))
        .collect();
    let last = page.last().map(|(name, _)| name.to_string()).unwrap_or_default();
    let more = own.next().map(|_| format!("<NextContinuationToken>{last}</NextContinuationToken>"));
    format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>{}</IsTruncated>\
         {}{contents}</ListBucketResult>",
        more.is_some(),
        more.unwrap_or_default()
    )
    .into_bytes()
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Told> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, address) = (words.next()?, words.next()?);
    let url = url::Url::parse(&format!("http://store{address}")).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let len = headers.get("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Some(Told { method, path: url.path().to_owned(), query, headers, body })
}
