//! Talking to a camera: an offer as with WHIP, of sound alone, and its session.

use std::net::IpAddr;

use http::{HeaderMap, Response};
use serde_json::json;
use vms_access::{Access, Kind, Now, Proof, Ticket, Wish};
use vms_hub::StreamKey;
use vms_sinks::webrtc::{TalkEnd, WebRtc};
use vms_sources::Talks;

use crate::credential;
use crate::problem::{Body, Problem};
use crate::whep;

/// Takes the offer of who talks; the camera is called before it is answered.
pub async fn offer(
    (webrtc, access, talks): (&WebRtc, &Access, &Talks),
    key: &StreamKey,
    headers: &HeaderMap,
    body: Body,
    peer: IpAddr,
) -> Result<Response<Body>, Problem> {
    let ticket = enter(access, key, headers)?;
    let sdp = whep::sdp(headers, body).await?;
    let answer = webrtc.talk(key, &sdp, peer, ticket, talks).await.map_err(|error| whep::refusal(&error))?;
    whep::created("/talk/sessions", answer)
}

/// By a signed address alone, so that who talks has been written down.
fn enter(access: &Access, key: &StreamKey, headers: &HeaderMap) -> Result<Ticket, Problem> {
    let proof = credential::bearer(headers).map_or(Proof::None, Proof::Address);
    access.enter(Wish { key, kind: Kind::Talk }, proof, Now::read()).map_err(|why| credential::denied(&why))
}

/// Tells whoever talked why it ended, or that it goes on.
pub fn look(webrtc: &WebRtc, access: &Access, session: &str, headers: &HeaderMap) -> Result<String, Problem> {
    access.owns(session, credential::bearer(headers), Now::read()).map_err(|why| credential::denied(&why))?;
    let end = webrtc.talk_end(session).map_err(|error| whep::refusal(&error))?;
    Ok(json!({ "ended": end.map(TalkEnd::code) }).to_string())
}

/// Whoever began to talk may end it, by the same address.
pub fn end(webrtc: &WebRtc, access: &Access, session: &str, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
    access.owns(session, credential::bearer(headers), Now::read()).map_err(|why| credential::denied(&why))?;
    whep::ended(webrtc.unpublish(session))
}
