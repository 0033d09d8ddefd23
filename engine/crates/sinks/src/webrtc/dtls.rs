//! DTLS for the WebRTC library, with one configuration for all sessions.
//!
//! The library's own provider makes a configuration a session, and each one
//! begins with a self-test of the cryptography (key exchanges on three curves,
//! signatures, hashes), which costs more than the handshake itself.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use dimpl::{Config, Dtls};
use parking_lot::Mutex;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider};

static PROVIDER: Provider = Provider { config: Mutex::new(None) };

/// The library's cryptography with this module's DTLS.
#[must_use]
pub fn crypto_provider() -> CryptoProvider {
    CryptoProvider { dtls_provider: &PROVIDER, ..str0m::crypto::from_feature_flags() }
}

#[derive(Debug)]
struct Provider {
    config: Mutex<Option<Arc<Config>>>,
}

impl Provider {
    /// `mtu` is the same for all sessions, so all but the first share.
    fn config(&self, mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
        let mut kept = self.config.lock();
        if let Some(config) = kept.as_ref().filter(|config| mtu.is_none_or(|mtu| mtu == config.mtu())) {
            return Ok(config.clone());
        }
        // ICE has shown where the peer is before DTLS begins, which is what
        // the cookie of RFC 6347, 4.2.1, is for.
        let mut builder = Config::builder().use_server_cookie(false);
        if let Some(mtu) = mtu {
            builder = builder.mtu(mtu);
        }
        let config = builder.build().map_err(|e| CryptoError::Other(format!("no DTLS with these settings: {e}")))?;
        Ok(kept.insert(Arc::new(config)).clone())
    }
}

impl DtlsProvider for Provider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let config = self.config(mtu)?;
        let dtls = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, cert.clone(), now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, cert.clone(), now),
            DtlsVersion::Auto => Dtls::new_auto(config, cert.clone(), now),
            other => return Err(CryptoError::Other(format!("{other} is not known here"))),
        };
        Ok(Box::new(Instance(dtls)))
    }
}

struct Instance(Dtls);

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DTLS")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<(), DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_share_a_configuration() {
        let provider = Provider { config: Mutex::new(None) };
        let first = provider.config(Some(1150)).expect("a configuration");
        assert!(Arc::ptr_eq(&first, &provider.config(Some(1150)).expect("the same")));
        assert!(Arc::ptr_eq(&first, &provider.config(None).expect("the same")));
        assert_eq!(provider.config(Some(1200)).expect("another").mtu(), 1200);
        assert!(!first.use_server_cookie());
    }
}
