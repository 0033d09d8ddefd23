//! Streams that we pull: the address, the connection, the first words.

use super::feed::{RtmpFeed, Side, Socket, Wire};
use super::protocol::Client;
use crate::flv::FlvFrames;
use crate::open::Means;
use crate::reason::Reason;
use crate::rtsp::Trust;
use crate::tls;

const PORT: u16 = 1935;
const TLS_PORT: u16 = 443;

struct Target {
    host: String,
    port: u16,
    tls: Option<Trust>,
    app: String,
    /// The address as far as the application.
    url: String,
    /// The rest, with its query.
    name: String,
}

impl Target {
    fn parse(address: &str) -> Result<Self, Reason> {
        let bad = |detail: String| Reason::BadUrl { detail };
        let mut url = url::Url::parse(address.trim()).map_err(|error| bad(error.to_string()))?;
        let trust = Trust::take(&mut url).map_err(|error| bad(error.to_string()))?;
        let is_tls = url.scheme() == "rtmps";
        let host = match url.host() {
            Some(url::Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => return Err(bad("no host".to_owned())),
        };
        let port = url.port().unwrap_or(if is_tls { TLS_PORT } else { PORT });
        let path = url.path().trim_start_matches('/');
        let (app, name) = path.split_once('/').unwrap_or((path, ""));
        let mut query = url.query().map(str::to_owned).unwrap_or_default();
        if !url.username().is_empty() {
            // As cameras want them: RTMP itself has no such place.
            let login = format!("user={}&password={}", url.username(), url.password().unwrap_or_default());
            query = if query.is_empty() { login } else { format!("{query}&{login}") };
        }
        let name = if query.is_empty() { name.to_owned() } else { format!("{name}?{query}") };
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        Ok(Self {
            url: format!("{}://{shown}:{port}/{app}", url.scheme()),
            app: app.to_owned(),
            name,
            host,
            port,
            tls: is_tls.then_some(trust),
        })
    }
}

/// Connects and asks for the stream; whether it comes is told by its feed.
pub async fn open(address: &str, means: &Means) -> Result<RtmpFeed, Reason> {
    let target = Target::parse(address)?;
    let socket = means.dialer.connect(&target.host, target.port).await?;
    let socket: Box<dyn Socket> = match target.tls {
        Some(trust) => Box::new(tls::shake_hands(socket, &target.host, trust).await?),
        None => Box::new(socket),
    };
    let client = Client::new(target.app, target.url, target.name, rand::random());
    let wire = Wire { socket, rest: Vec::new() };
    Ok(RtmpFeed::new(wire, Side::Calling(client), FlvFrames::new(means.clock.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_into_what_servers_want_to_hear() {
        let table = [
            ("rtmp://camera/live/main", "camera", 1935, "live", "rtmp://camera:1935/live", "main"),
            (
                "rtmp://admin:p%40ss@10.0.0.1/bcs/channel0_main.bcs?channel=0&stream=0",
                "10.0.0.1",
                1935,
                "bcs",
                "rtmp://10.0.0.1:1935/bcs",
                "channel0_main.bcs?channel=0&stream=0&user=admin&password=p%40ss",
            ),
            ("rtmps://[fd00::1]:444/a/b/c?x=1&tls=verify", "fd00::1", 444, "a", "rtmps://[fd00::1]:444/a", "b/c?x=1"),
        ];
        for (address, host, port, app, url, name) in table {
            let target = Target::parse(address).expect(address);
            let Target { host: h, port: p, app: a, url: u, name: n, .. } = &target;
            assert_eq!((h.as_str(), *p, a.as_str(), u.as_str(), n.as_str()), (host, port, app, url, name));
        }
        assert!(matches!(Target::parse("rtmp:///x"), Err(Reason::BadUrl { .. })));
    }
}
