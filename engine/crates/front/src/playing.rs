//! Recorded video by WebRTC: WHEP on a recording, and a session that is looked
//! at and steered while it plays.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use parking_lot::Mutex;
use vms_access::{Access, Now};
use vms_hub::StreamKey;
use vms_recording::play::{Play, PlayState, Player, Steer, Terms};
use vms_recording::{CallError, CallKind};
use vms_sinks::webrtc::{Keeps, Way, WebRtc};

use crate::credential;
use crate::problem::{Body, Problem, full};
use crate::recorded;
use crate::whep;

const SESSIONS: &str = "/playback/sessions";

/// What plays, by session.
pub struct Playing {
    player: Arc<Player>,
    plays: Mutex<HashMap<String, Arc<Play>>>,
}

/// Reads how it is to begin from a query: `at`, `speed`, `paused`.
pub fn begin(query: Option<&str>) -> Result<Steer, Problem> {
    let bad = |name: &str, what: &str| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", format!("{name} is missing or not {what}"))
    };
    let mut steer = Steer::default();
    for (name, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "at" => steer.at_us = Some(value.parse().map_err(|_| bad(name, "microseconds of UTC"))?),
            "speed" => steer.speed = Some(value.parse().map_err(|_| bad(name, "a number"))?),
            "paused" => steer.paused = Some(value.parse().map_err(|_| bad(name, "true or false"))?),
            _ => {}
        }
    }
    match steer.at_us {
        Some(at_us) if at_us >= 0 => Ok(steer),
        _ => Err(bad("at", "microseconds of UTC")),
    }
}

fn refusal(error: &CallError) -> Problem {
    let status = match (error.kind, error.code) {
        (_, "not_allowed") => StatusCode::FORBIDDEN,
        (CallKind::Invalid, _) => StatusCode::BAD_REQUEST,
        (CallKind::NotFound, _) => StatusCode::NOT_FOUND,
        (CallKind::Conflict, _) => StatusCode::CONFLICT,
        (CallKind::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
        (CallKind::Internal, _) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.code, error.message.clone())
}

fn state(play: &Play) -> Result<Response<Body>, Problem> {
    let state: PlayState = play.state();
    let text = serde_json::to_string(&state)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))?;
    let mut response = Response::new(full(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Playing {
    pub fn new(player: Arc<Player>) -> Self {
        Self { player, plays: Mutex::default() }
    }

    /// Opens a session that plays from an instant on.
    pub async fn offer(
        &self,
        webrtc: &WebRtc,
        access: &Access,
        key: StreamKey,
        request: Request<Body>,
        peer: IpAddr,
    ) -> Result<Response<Body>, Problem> {
        let (head, body) = request.into_parts();
        let query = head.uri.query();
        let wish = begin(query)?;
        let token = recorded::token(&head.headers, query);
        let (ticket, bounds) = access
            .enter_playback(&key, token, wish.at_us.unwrap_or(0), Now::read())
            .map_err(|denied| credential::denied(&denied))?;
        let sdp = whep::sdp(&head.headers, body).await?;
        let (player, terms) = (self.player.clone(), Terms { audio: ticket.audio(), bounds, paced: true });
        // It reads from disks, beside the threads that move requests.
        let opened = tokio::task::spawn_blocking(move || player.open(&key, wish, terms)).await;
        let failed =
            |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "reading failed; the log says why");
        let play = opened.map_err(failed)?.map_err(|error| refusal(&error))?;
        let answer = webrtc.offer(play.key(), Keeps::Always, &sdp, peer, ticket).map_err(|error| {
            play.stop();
            whep::refusal(&error)
        })?;
        let mut plays = self.plays.lock();
        plays.retain(|_, play| !play.is_over());
        plays.insert(answer.session.clone(), play);
        drop(plays);
        whep::created(SESSIONS, answer)
    }

    /// Answers about a session, for whoever opened it.
    pub async fn session(
        &self,
        webrtc: &WebRtc,
        access: &Access,
        id: &str,
        request: Request<Body>,
    ) -> Result<Response<Body>, Problem> {
        let token = recorded::token(request.headers(), request.uri().query());
        access.owns(id, token, Now::read()).map_err(|denied| credential::denied(&denied))?;
        let found = self.plays.lock().get(id).filter(|play| !play.is_over()).cloned();
        let play = found.ok_or_else(|| {
            let words = "there is no such playback; it may have ended";
            Problem::new(StatusCode::NOT_FOUND, "no_session", words)
        })?;
        match *request.method() {
            Method::GET => state(&play),
            Method::DELETE => {
                play.stop();
                whep::end(webrtc, id)
            }
            _ if whep::is_json(request.headers()) => {
                let body = whep::read(request.into_body()).await?;
                let steer: Steer = serde_json::from_str(&body)
                    .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid", error.to_string()))?;
                play.steer(steer).map_err(|error| refusal(&error))?;
                state(&play)
            }
            _ => {
                let (head, body) = request.into_parts();
                whep::trickle(webrtc, Way::Out, id, &head.headers, body).await
            }
        }
    }
}

/// Said where nothing is recorded.
pub fn records_nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_recording", "this machine records nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_to_begin_is_read_and_nonsense_is_told() {
        let steer = |at_us, speed, paused| Steer { at_us: Some(at_us), speed, paused, mark: None };
        assert_eq!(begin(Some("at=5")).expect("good"), steer(5, None, None));
        assert_eq!(
            begin(Some("token=v1.x&at=5&speed=-2.5&paused=true")).expect("good"),
            steer(5, Some(-2.5), Some(true))
        );
        for bad in [None, Some("speed=1"), Some("at=x"), Some("at=-1"), Some("at=1&speed=fast"), Some("at=1&paused=1")]
        {
            assert_eq!(begin(bad).expect_err("nonsense").status.as_u16(), 400, "{bad:?}");
        }
    }
}
