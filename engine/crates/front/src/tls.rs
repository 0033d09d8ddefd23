//! TLS 1.3 of the listeners: handshakes within bounds, and a certificate that
//! is read again when its files change.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vms_crowd::{Crowd, Most};

use crate::quic;

/// From the connection to the end of the handshake.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Handshakes at once: of all clients, where more wait, and of one address, so
/// that one that stalls cannot take the places of all others.
const MOST_HANDSHAKES: usize = 512;
const MOST_OF_AN_ADDRESS: usize = 64;
/// How often the files are looked at. They are read when two looks in a row
/// see the same, so that a pair is not read while it is being written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
const HTTP3: &[u8] = b"h3";

/// The pair of PEM files: a chain, the server's own certificate first, and its
/// key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Who this machine is among those of its installation (`node.json`), where
    /// it has joined: what is shown to who asks for it by that name.
    pub node: Option<PathBuf>,
}

/// The names in the certificates of machines (ADR 017).
const NODES: &str = ".vms.internal";

/// Of `node.json`, what is shown: PEM.
#[derive(Deserialize)]
struct NodeFile {
    key: String,
    certificate: String,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path} cannot be read as PEM: {error}", path = path.display())]
    File { path: PathBuf, error: pem::Error },
    #[error("{path} cannot be read: {error}", path = path.display())]
    Node { path: PathBuf, error: String },
    #[error("{path} holds no certificate", path = path.display())]
    NoCertificate { path: PathBuf },
    #[error("{certificate} with {key}: {error}", certificate = certificate.display(), key = key.display())]
    Refused { certificate: PathBuf, key: PathBuf, error: rustls::Error },
}

/// When a file was written, as far as its system tells; `None` where there is none.
type Look = [Option<(SystemTime, u64)>; 3];

/// The pair, as each way of shaking hands wants it.
#[derive(Clone, Debug)]
struct Served {
    tcp: Arc<ServerConfig>,
    quic: Arc<quinn::ServerConfig>,
}

/// Shakes hands with clients, by one pair of files.
pub struct Tls {
    files: TlsFiles,
    served: Mutex<Served>,
    look: Look,
    places: Semaphore,
    /// Those who shake hands, and those who wait to.
    shaking: Crowd,
}

impl Tls {
    /// Reads the pair.
    ///
    /// # Errors
    /// When the files cannot be read, or used.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        // Before they are read: a change in between is seen as one.
        let look = look(&files);
        let served = Mutex::new(load(&files)?);
        let places = Semaphore::new(MOST_HANDSHAKES);
        let shaking = Crowd::new(Most { in_all: usize::MAX, of_one: MOST_OF_AN_ADDRESS });
        Ok(Self { files, served, look, places, shaking })
    }

    /// Shakes hands, within the limits.
    ///
    /// # Errors
    /// When the client is too slow, one of too many, or speaks no TLS 1.3.
    pub async fn accept(&self, socket: TcpStream, peer: IpAddr) -> io::Result<TlsStream<TcpStream>> {
        let config = self.served.lock().tcp.clone();
        self.within_limits(peer, TlsAcceptor::from(config).accept(socket)).await
    }

    /// How hands are shaken by QUIC, with the pair that is served now.
    pub fn quic(&self) -> Arc<quinn::ServerConfig> {
        self.served.lock().quic.clone()
    }

    /// Whether so many shake hands that who comes should prove its address.
    pub fn is_crowded(&self) -> bool {
        self.places.available_permits() < MOST_HANDSHAKES - MOST_OF_AN_ADDRESS
    }

    /// Gives a handshake its place and its time.
    ///
    /// # Errors
    /// When it fails, lasts too long, or is one of too many.
    pub async fn within_limits<T>(
        &self,
        peer: IpAddr,
        handshake: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let _one_of_its_address =
            self.shaking.enter(peer).ok_or_else(|| io::Error::other("too many handshakes of one address at once"))?;
        let shaken = tokio::time::timeout(HANDSHAKE_LIMIT, async {
            let _place = self.places.acquire().await.map_err(io::Error::other)?;
            handshake.await
        });
        shaken.await?
    }

    /// Serves the pair anew whenever it changes, for ever; a pair that cannot
    /// be used leaves the last one in place.
    pub async fn follow(&self) {
        let (mut served, mut before) = (self.look, self.look);
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let files = self.files.clone();
            let now = tokio::task::spawn_blocking(move || look(&files)).await.unwrap_or(before);
            if now != served && now == before {
                served = now;
                self.renew().await;
            }
            before = now;
        }
    }

    async fn renew(&self) {
        let files = self.files.clone();
        match tokio::task::spawn_blocking(move || load(&files)).await {
            Ok(Ok(config)) => {
                *self.served.lock() = config;
                tracing::info!(certificate = %self.files.certificate.display(), "the new certificate is served");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the new certificate cannot be used; the last one is kept");
            }
            Err(error) => tracing::error!(%error, "the new certificate could not be read"),
        }
    }
}

fn look(files: &TlsFiles) -> Look {
    let of = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    [of(&files.certificate), of(&files.key), files.node.as_deref().and_then(of)]
}

fn load(files: &TlsFiles) -> Result<Served, TlsError> {
    let unread = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::File { path, error }
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(unread(&files.certificate))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: files.certificate.clone() });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unread(&files.key))?;
    let refused = |error| TlsError::Refused { certificate: files.certificate.clone(), key: files.key.clone(), error };
    let usual = certified(chain, key).map_err(refused)?;
    let node = files.node.as_deref().map(load_node).transpose()?.flatten();
    configure(ByName { usual, node }).map_err(refused)
}

/// Reads who this machine is; nothing where it has not joined.
fn load_node(path: &Path) -> Result<Option<Arc<CertifiedKey>>, TlsError> {
    let bad = |error: String| TlsError::Node { path: path.to_owned(), error };
    let content = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| bad(error.to_string()))?,
    };
    let file: NodeFile = serde_json::from_slice(&content).map_err(|error| bad(error.to_string()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(file.certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| bad(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(file.key.as_bytes()).map_err(|error| bad(error.to_string()))?;
    certified(chain, key).map(Some).map_err(|error| bad(error.to_string()))
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, rustls::Error> {
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map(Arc::new)
}

/// Shows the certificate of whom the client asks for.
#[derive(Debug)]
struct ByName {
    usual: Arc<CertifiedKey>,
    node: Option<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_node = hello.server_name().is_some_and(|name| name.ends_with(NODES));
        let node = self.node.as_ref().filter(|_| is_node);
        Some(node.unwrap_or(&self.usual).clone())
    }
}

fn configure(shown: ByName) -> Result<Served, rustls::Error> {
    let mut tcp = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    tcp.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    // Clients keep their sessions in tickets, so that none are kept here.
    tcp.ticketer = aws_lc_rs::Ticketer::new()?;
    tcp.send_tls13_tickets = 1;
    let mut quic = tcp.clone();
    quic.alpn_protocols = vec![HTTP3.to_vec()];
    let quic = quic::configure(quic).map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(Served { tcp: Arc::new(tcp), quic: Arc::new(quic) })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_pair_is_said() {
        let missing = TlsFiles {
            certificate: "/nonexistent/certificate.pem".into(),
            key: "/nonexistent/key.pem".into(),
            node: None,
        };
        let error = Tls::load(missing).err().expect("there is no such file").to_string();
        assert!(error.contains("/nonexistent/certificate.pem cannot be read"), "{error}");
        let empty = TlsFiles { certificate: "/dev/null".into(), key: "/dev/null".into(), node: None };
        let error = Tls::load(empty).err().expect("nothing is in it").to_string();
        assert!(error.contains("/dev/null holds no certificate"), "{error}");
    }

    /// Writes a pair for a host; returns where.
    fn write_pair(folder: &Path, name: &str, host: &str) -> TlsFiles {
        std::fs::create_dir_all(folder).expect("a folder");
        let pair = rcgen::generate_simple_self_signed(vec![host.to_owned()]).expect("a certificate");
        let files = TlsFiles {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
            node: None,
        };
        let pem = |kind: &str, der: &[u8]| {
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
        };
        std::fs::write(&files.certificate, pem("CERTIFICATE", pair.cert.der())).expect("a file");
        std::fs::write(&files.key, pem("PRIVATE KEY", pair.signing_key.serialized_der())).expect("a file");
        files
    }

    #[tokio::test]
    async fn a_broken_new_pair_leaves_the_last_one() {
        let folder = std::env::temp_dir().join(format!("vms-front-pairs-{}", std::process::id()));
        let (files, other) = (write_pair(&folder, "served", "localhost"), write_pair(&folder, "other", "localhost"));
        let tls = Tls::load(files.clone()).expect("a good pair");
        let first = tls.served.lock().tcp.clone();
        std::fs::copy(&other.key, &files.key).expect("a copy");
        let error = load(&files).expect_err("the key is another's").to_string();
        assert!(error.contains("served.pem with"), "{error}");
        tls.renew().await;
        assert!(Arc::ptr_eq(&first, &tls.served.lock().tcp), "the last one is kept");
        std::fs::copy(&other.certificate, &files.certificate).expect("a copy");
        tls.renew().await;
        assert!(!Arc::ptr_eq(&first, &tls.served.lock().tcp), "a whole pair is served");
        std::fs::remove_dir_all(&folder).expect("a folder of ours");
    }

    /// Whether a client that trusts this certificate alone gets through to whom
    /// it asks for.
    async fn is_shown(tls: &Tls, name: &str, certificate: &Path) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).expect("a certificate")).expect("a good one");
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = rustls::pki_types::ServerName::try_from(name.to_owned()).expect("a name");
        let (near, far) = tokio::io::duplex(1 << 16);
        let acceptor = TlsAcceptor::from(tls.served.lock().tcp.clone());
        let (asked, _) =
            tokio::join!(tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, near), acceptor.accept(far));
        asked.is_ok()
    }

    #[tokio::test]
    async fn a_machine_that_joins_is_shown_to_who_asks_for_it_by_its_name() {
        const NODE: &str = "media-2.media.vms.internal";
        let folder = std::env::temp_dir().join(format!("vms-front-node-{}", std::process::id()));
        let (mut usual, machine) = (write_pair(&folder, "usual", "localhost"), write_pair(&folder, "machine", NODE));
        let file = folder.join("node.json");
        usual.node = Some(file.clone());
        let tls = Tls::load(usual.clone()).expect("it has not joined");
        assert!(!is_shown(&tls, NODE, &machine.certificate).await);
        let text = |path: &Path| std::fs::read_to_string(path).expect("a file");
        let (key, certificate) = (text(&machine.key), text(&machine.certificate));
        let joined = serde_json::json!({"key": key, "certificate": certificate, "authority": "", "control": ""});
        let before = look(&usual);
        std::fs::write(&file, joined.to_string()).expect("a file");
        assert_ne!(before, look(&usual), "that it has joined is noticed");
        tls.renew().await;
        assert!(is_shown(&tls, NODE, &machine.certificate).await);
        assert!(is_shown(&tls, "localhost", &usual.certificate).await, "others see what they saw");
        std::fs::write(&file, "{").expect("a file");
        let error = load(&usual).expect_err("it is broken").to_string();
        assert!(error.contains("node.json cannot be read"), "{error}");
        std::fs::remove_dir_all(&folder).expect("a folder of ours");
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_takes_too_long_is_dropped() {
        let folder = std::env::temp_dir().join(format!("vms-front-slow-{}", std::process::id()));
        let tls = Tls::load(write_pair(&folder, "slow", "localhost")).expect("a good pair");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let _silent = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
        let (socket, peer) = listener.accept().await.expect("a connection");
        let begun = tokio::time::Instant::now();
        let error = tls.accept(socket, peer.ip()).await.expect_err("nothing was said");
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (io::ErrorKind::TimedOut, HANDSHAKE_LIMIT.as_secs()));
        assert_eq!(tls.places.available_permits(), MOST_HANDSHAKES);
        assert_eq!(tls.shaking.there(), 0);
        std::fs::remove_dir_all(&folder).expect("a folder of ours");
    }
}
