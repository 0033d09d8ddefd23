//! TLS towards cameras. They make their own certificates, and many speak 1.2
//! alone: here, and nowhere else in this tree, 1.2 is spoken too (ADR 018).

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::reason::Reason;
use crate::rtsp::Trust;

/// Shakes hands with a camera, or with a machine of the installation whose
/// authority it is.
pub async fn shake_hands(
    socket: TcpStream,
    host: &str,
    trust: &Trust,
    authority: Option<&Path>,
) -> Result<TlsStream<TcpStream>, Reason> {
    let name = match trust {
        // As `vms.trust` writes it into certificates.
        Trust::Node(name) => format!("{name}.media.vms.internal"),
        _ => host.to_owned(),
    };
    let name = ServerName::try_from(name).map_err(|error| Reason::BadUrl { detail: error.to_string() })?;
    let config = config(trust, authority).await?;
    TlsConnector::from(config).connect(name, socket).await.map_err(|error| reason(&error))
}

/// What a handshake that failed means to an operator.
fn reason(error: &io::Error) -> Reason {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => Reason::CertificateRefused { detail: words(why) },
        Some(other) => Reason::Tls { detail: other.to_string() },
        None => Reason::of_connection(error),
    }
}

fn words(why: &CertificateError) -> String {
    match why {
        CertificateError::ApplicationVerificationFailure => "its fingerprint is another".to_owned(),
        other => other.to_string(),
    }
}

async fn config(trust: &Trust, authority: Option<&Path>) -> Result<Arc<ClientConfig>, Reason> {
    static AUTHORITIES: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();
    static ANY: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();
    let failed = |error: rustls::Error| Reason::Tls { detail: error.to_string() };
    let config = match trust {
        Trust::Pinned(pin) => return by_fingerprint(Some(*pin)).map_err(failed),
        Trust::Node(_) => return by_installation(authority).await,
        Trust::Any => ANY.get_or_try_init(|| async { by_fingerprint(None).map_err(failed) }).await?,
        Trust::Authorities => AUTHORITIES.get_or_try_init(by_authorities).await?,
    };
    Ok(config.clone())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn by_fingerprint(pin: Option<[u8; 32]>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = provider();
    let verifier = Arc::new(Fingerprint { pin, provider: provider.clone() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Whom the system trusts, or the file that `SSL_CERT_FILE` names.
async fn by_authorities() -> Result<Arc<ClientConfig>, Reason> {
    let failed = |detail: String| Reason::CertificateRefused { detail };
    let read = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let mut roots = RootCertStore::empty();
    // Some systems carry certificates that nobody can read any more.
    roots.add_parsable_certificates(read.map_err(|error| failed(error.to_string()))?.certs);
    if roots.is_empty() {
        return Err(failed("no certificate authority is trusted here".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The installation's own authority and nobody else. It is read at each
/// handshake: a machine may join while it runs.
async fn by_installation(authority: Option<&Path>) -> Result<Arc<ClientConfig>, Reason> {
    let failed = |detail: String| Reason::CertificateRefused { detail };
    let file = authority.ok_or_else(|| failed("this machine knows no other ones".to_owned()))?.to_owned();
    let read = tokio::task::spawn_blocking(move || CertificateDer::from_pem_file(file)).await;
    let read = read.map_err(|error| failed(error.to_string()))?;
    let certificate = read.map_err(|error| failed(format!("this machine has joined no installation: {error}")))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Knows a certificate by its SHA-256, or takes every one.
#[derive(Debug)]
struct Fingerprint {
    pin: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Fingerprint {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.pin {
            Some(pin) if pin != <[u8; 32]>::from(Sha256::digest(certificate)) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Where any certificate will do, its signature proves nothing; and the
        // certificates that some cameras make cannot be read to check one.
        self.pin.map_or(Ok(HandshakeSignatureValid::assertion()), |_| {
            verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.pin.map_or(Ok(HandshakeSignatureValid::assertion()), |_| {
            verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
