//! Who may: a stream key's Digest before a stream is told of or shown.

use rtsp_types::headers::{AUTHORIZATION, WWW_AUTHENTICATE};
use rtsp_types::{Method, Request, StatusCode};
use vms_access::{Access, Challenge, Denied, Digest, Kind, Now, Proof, Ticket, Wish};
use vms_hub::StreamKey;

use super::session::{Wanted, reply};

/// Asks who a connection is; one a connection.
pub struct Gate {
    access: Access,
    challenge: Challenge,
}

impl Gate {
    pub fn new(access: Access) -> Self {
        Self { access, challenge: Challenge { nonce: format!("{:032x}", rand::random::<u128>()) } }
    }

    /// Refuses to tell of a stream; `None` lets the request go on. What
    /// concerns no stream is free.
    pub fn refuse(&self, request: &Request<&[u8]>, wanted: Option<&Wanted>) -> Option<Vec<u8>> {
        let tells = matches!(request.method(), Method::Describe | Method::Setup);
        if self.access.is_open() || !tells {
            return None;
        }
        // An address of no stream is asked for a key too: who has none learns nothing.
        let denied = match (digest_of(request), wanted) {
            (None, _) => Denied::Missing,
            (Some(_), None) => return None,
            (Some(digest), Some(wanted)) => {
                let method: &str = request.method().into();
                let wish = Wish { key: &wanted.key, kind: if wanted.recorded { Kind::Playback } else { Kind::Rtsp } };
                self.access.may_describe(wish, &digest, &self.challenge, method, Now::read()).err()?
            }
        };
        Some(self.refusal(request, &denied))
    }

    /// Takes a place for a player that wants to play.
    pub fn enter(&self, request: &Request<&[u8]>, key: &StreamKey, kind: Kind) -> Result<Ticket, Vec<u8>> {
        let digest = digest_of(request);
        let method: &str = request.method().into();
        let proof = match &digest {
            Some(digest) => Proof::Digest { digest, challenge: &self.challenge, method },
            None => Proof::None,
        };
        let wish = Wish { key, kind };
        self.access.enter(wish, proof, Now::read()).map_err(|denied| self.refusal(request, &denied))
    }

    fn refusal(&self, request: &Request<&[u8]>, denied: &Denied) -> Vec<u8> {
        tracing::info!(code = denied.code(), "a player of RTSP was refused");
        match denied {
            Denied::Missing | Denied::WrongKey => {
                reply(request, StatusCode::Unauthorized, &[(WWW_AUTHENTICATE, &self.challenge.header())], &[])
            }
            Denied::Limit { .. } => reply(request, StatusCode::NotEnoughBandwidth, &[], &[]),
            Denied::Dark => reply(request, StatusCode::ServiceUnavailable, &[], &[]),
            // A camera outside the key's cameras does not exist for it.
            _ => reply(request, StatusCode::NotFound, &[], &[]),
        }
    }
}

fn digest_of(request: &Request<&[u8]>) -> Option<Digest> {
    Digest::parse(request.header(&AUTHORIZATION)?.as_str())
}
