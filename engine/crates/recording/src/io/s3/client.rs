//! Requests to one bucket, each signed (SigV4) and answered before it returns.
//!
//! Once a request failed in a way that says something of the whole store, the
//! others fail at once with the same words, until one that probes it succeeds:
//! nobody waits for a store that is away.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusty_s3::actions::{CreateMultipartUpload, ListObjectsV2};
use rusty_s3::{Bucket, Credentials, S3Action};
use ureq::Agent;
use ureq::http::{Method, Request};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use url::Url;

use super::tls::Tls;
use crate::config::S3Config;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Until an answer begins: a large object that is put together takes its time.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// For a whole request: 16 MiB at a megabit a second.
const REQUEST_LIMIT: Duration = Duration::from_secs(150);
const AGAIN_AFTER: Duration = Duration::from_millis(300);
/// How long a signature holds.
const SIGNED_FOR: Duration = Duration::from_secs(900);
/// No answer but an object's is longer.
const MOST_TEXT: u64 = 16 << 20;

/// What is wrong with the store as a whole, and who waits for news of it.
#[derive(Default)]
pub struct Trouble {
    said: Mutex<Said>,
    news: Condvar,
}

#[derive(Default)]
struct Said {
    trouble: Option<String>,
    look: bool,
    stop: bool,
}

impl Trouble {
    pub fn get(&self) -> Option<String> {
        self.said.lock().trouble.clone()
    }

    fn tell(&self, trouble: Option<String>) {
        let mut said = self.said.lock();
        said.look |= trouble.is_some() && said.trouble.is_none();
        said.trouble = trouble;
        self.news.notify_all();
    }

    /// Waits until there is trouble that was not looked at; true where it is
    /// time to stop.
    pub fn wait(&self, limit: Duration) -> bool {
        let mut said = self.said.lock();
        self.news.wait_while_for(&mut said, |said| !said.look && !said.stop, limit);
        said.look = false;
        said.stop
    }

    pub fn stop(&self) {
        self.said.lock().stop = true;
        self.news.notify_all();
    }
}

/// Whether a request is made while the store is known to be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Working,
    /// It finds out whether the store works again.
    Always,
}

struct Reply {
    status: u16,
    etag: String,
    body: Vec<u8>,
}

struct Asked<'a> {
    method: Method,
    headers: &'a [(&'a str, String)],
    body: &'a [u8],
    /// The answer's length.
    most: u64,
}

const GET: Asked<'static> = Asked { method: Method::GET, headers: &[], body: &[], most: MOST_TEXT };

pub struct Client {
    agent: Agent,
    bucket: Bucket,
    config: S3Config,
    credentials: Mutex<Option<Arc<Credentials>>>,
    pub trouble: Trouble,
}

impl Client {
    pub fn new(config: S3Config) -> Result<Self, String> {
        let bucket = config.bucket()?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // What is configured is called, whatever the environment says.
            .proxy(None)
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_recv_response(Some(ANSWER_LIMIT))
            .timeout_global(Some(REQUEST_LIMIT))
            .user_agent("vms-enterprise")
            .build();
        let connector = ().chain(TcpConnector::default()).chain(Tls::new(config.ca_file.clone()));
        let agent = Agent::with_parts(agent, connector, DefaultResolver::default());
        Ok(Self { agent, bucket, config, credentials: Mutex::default(), trouble: Trouble::default() })
    }

    /// Reads the keys from their files again with the next request.
    pub fn forget_keys(&self) {
        *self.credentials.lock() = None;
    }

    fn credentials(&self) -> io::Result<Arc<Credentials>> {
        let mut known = self.credentials.lock();
        if let Some(credentials) = &*known {
            return Ok(credentials.clone());
        }
        let read = |path: &std::path::Path| match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Ok(_) => Err(io::Error::other(format!("{} is empty", path.display()))),
            Err(error) => Err(io::Error::other(format!("{}: {error}", path.display()))),
        };
        let (key, secret) = (read(&self.config.access_key_file)?, read(&self.config.secret_key_file)?);
        Ok(known.insert(Arc::new(Credentials::new(key, secret))).clone())
    }

    fn once(&self, url: &Url, asked: &Asked<'_>) -> io::Result<Reply> {
        let mut request = Request::builder().method(asked.method.clone()).uri(url.as_str());
        for (name, value) in asked.headers {
            request = request.header(*name, value);
        }
        let sent = if matches!(asked.method, Method::PUT | Method::POST) {
            self.agent.run(request.body(asked.body).map_err(io::Error::other)?)
        } else {
            self.agent.run(request.body(()).map_err(io::Error::other)?)
        };
        let mut response = sent.map_err(failed)?;
        let status = response.status().as_u16();
        let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        let most = asked.most.max(MOST_TEXT);
        let body = response.body_mut().with_config().limit(most).read_to_vec().map_err(failed)?;
        Ok(Reply { status, etag, body })
    }

    fn request(&self, when: When, asked: &Asked<'_>, sign: impl Fn(&Credentials) -> Url) -> io::Result<Reply> {
        if let (When::Working, Some(trouble)) = (when, self.trouble.get()) {
            return Err(io::Error::other(trouble));
        }
        let tried = || {
            let reply = self.credentials().and_then(|keys| self.once(&sign(&keys), asked))?;
            if reply.status < 300 { Ok(reply) } else { Err(self.refusal(&reply)) }
        };
        let mut result = tried();
        // What is asked twice does the same again.
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::Other) {
            std::thread::sleep(AGAIN_AFTER);
            result = tried();
        }
        match &result {
            Err(error) if !is_of_one_object(error) => self.trouble.tell(Some(error.to_string())),
            // It answered.
            _ => self.trouble.tell(None),
        }
        result
    }

    /// What the store's refusal means, in words that tell no secrets.
    fn refusal(&self, reply: &Reply) -> io::Error {
        let text = String::from_utf8_lossy(&reply.body);
        let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
        let bucket = self.bucket.name();
        let denied = |what: &str| io::Error::new(io::ErrorKind::PermissionDenied, format!("S3: {what}"));
        match (reply.status, code) {
            (404, "NoSuchBucket") => {
                io::Error::new(io::ErrorKind::InvalidInput, format!("S3: there is no bucket {bucket:?}"))
            }
            (404, _) => io::ErrorKind::NotFound.into(),
            (409 | 412, _) => io::ErrorKind::AlreadyExists.into(),
            (_, "InvalidAccessKeyId") => denied("the access key is not known there"),
            (_, "SignatureDoesNotMatch") => denied("the secret key is wrong"),
            (_, "RequestTimeTooSkewed") => denied("its clock and ours differ too much"),
            (401 | 403, _) => denied(&format!("the access key may not do this in bucket {bucket:?} ({code})")),
            (status @ 400..500, _) => {
                io::Error::new(io::ErrorKind::InvalidInput, format!("S3: refused with {status} {code}"))
            }
            (status, _) => io::Error::other(format!("S3: answered {status} {code}")),
        }
    }

    /// Bytes of an object from `offset` on.
    pub fn get(&self, when: When, key: &str, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let range = [("range", format!("bytes={offset}-{}", offset + len - 1))];
        let asked = Asked { headers: &range, most: len + 1, ..GET };
        let reply = self.request(when, &asked, |keys| self.bucket.get_object(Some(keys), key).sign(SIGNED_FOR))?;
        if reply.status != 206 && (offset > 0 || reply.body.len() as u64 > len) {
            return Err(io::Error::other("S3: it does not answer ranges"));
        }
        Ok(reply.body)
    }

    /// A small object as a whole.
    pub fn get_whole(&self, when: When, key: &str) -> io::Result<Vec<u8>> {
        Ok(self.request(when, &GET, |keys| self.bucket.get_object(Some(keys), key).sign(SIGNED_FOR))?.body)
    }

    /// Puts an object in place of whatever is there; `anew`: only where
    /// nothing is, else it is an error.
    pub fn put(&self, when: When, key: &str, bytes: &[u8], anew: bool) -> io::Result<()> {
        let only_new = [("if-none-match", "*".to_owned())];
        let headers: &[_] = if anew { &only_new } else { &[] };
        let asked = Asked { method: Method::PUT, headers, body: bytes, most: MOST_TEXT };
        self.request(when, &asked, |keys| self.bucket.put_object(Some(keys), key).sign(SIGNED_FOR)).map(drop)
    }

    pub fn delete(&self, key: &str) -> io::Result<()> {
        let asked = Asked { method: Method::DELETE, ..GET };
        let sign = |keys: &Credentials| self.bucket.delete_object(Some(keys), key).sign(SIGNED_FOR);
        self.request(When::Working, &asked, sign).map(drop)
    }

    /// All objects below a prefix, with their sizes; `told` may end it early.
    pub fn list(&self, prefix: &str, mut told: impl FnMut(String, u64) -> io::Result<()>) -> io::Result<()> {
        let mut token: Option<String> = None;
        loop {
            let reply = self.request(When::Always, &GET, |keys| {
                let mut list = self.bucket.list_objects_v2(Some(keys));
                list.with_prefix(prefix);
                if let Some(token) = &token {
                    list.with_continuation_token(token.as_str());
                }
                list.sign(SIGNED_FOR)
            })?;
            let page = ListObjectsV2::parse_response(&String::from_utf8_lossy(&reply.body))
                .map_err(|error| io::Error::other(format!("S3: its list cannot be read: {error}")))?;
            for object in page.contents {
                told(object.key, object.size.unwrap_or(0))?;
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// Begins an object in pieces; answers the upload's name.
    pub fn begin(&self, key: &str) -> io::Result<String> {
        let asked = Asked { method: Method::POST, ..GET };
        let sign = |keys: &Credentials| self.bucket.create_multipart_upload(Some(keys), key).sign(SIGNED_FOR);
        let reply = self.request(When::Working, &asked, sign)?;
        let answer = CreateMultipartUpload::parse_response(&String::from_utf8_lossy(&reply.body))
            .map_err(|error| io::Error::other(format!("S3: its answer cannot be read: {error}")))?;
        Ok(answer.upload_id().to_owned())
    }

    /// Sends a piece; they are numbered from 1. Answers its tag.
    pub fn piece(&self, key: &str, upload: &str, number: u16, bytes: &[u8]) -> io::Result<String> {
        let asked = Asked { method: Method::PUT, body: bytes, ..GET };
        let sign = |keys: &Credentials| self.bucket.upload_part(Some(keys), key, number, upload).sign(SIGNED_FOR);
        Ok(self.request(When::Working, &asked, sign)?.etag)
    }

    /// Puts the pieces together: the object is there when this returns.
    pub fn complete(&self, key: &str, upload: &str, tags: &[String]) -> io::Result<()> {
        let tags = || tags.iter().map(String::as_str);
        let body = self.bucket.complete_multipart_upload(None, key, upload, tags()).body();
        let asked = Asked { method: Method::POST, body: body.as_bytes(), ..GET };
        let sign = |keys: &Credentials| {
            self.bucket.complete_multipart_upload(Some(keys), key, upload, tags()).sign(SIGNED_FOR)
        };
        let reply = self.request(When::Working, &asked, sign)?;
        // It may fail behind a status that says it did not.
        if String::from_utf8_lossy(&reply.body).contains("<Error>") { Err(self.refusal(&reply)) } else { Ok(()) }
    }

    pub fn abort(&self, key: &str, upload: &str) -> io::Result<()> {
        let asked = Asked { method: Method::DELETE, ..GET };
        let sign = |keys: &Credentials| self.bucket.abort_multipart_upload(Some(keys), key, upload).sign(SIGNED_FOR);
        self.request(When::Always, &asked, sign).map(drop)
    }

    /// Waits a while, or until there is trouble; true where it is time to stop.
    pub fn wait(&self, until: Instant) -> bool {
        self.trouble.wait(until.saturating_duration_since(Instant::now()))
    }
}

/// Says nothing of the store as a whole.
fn is_of_one_object(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
}

fn failed(error: ureq::Error) -> io::Error {
    let why = match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "it did not answer in time".to_owned(),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "it cannot be reached".to_owned(),
        // Others may carry the address, which is signed.
        ureq::Error::BadUri(_) => "its address is wrong".to_owned(),
        ureq::Error::Protocol(error) => error.to_string(),
        _ => "the request failed".to_owned(),
    };
    io::Error::other(format!("S3: {why}"))
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = &text[text.find(from)? + from.len()..];
    rest.get(..rest.find(to)?)
}
