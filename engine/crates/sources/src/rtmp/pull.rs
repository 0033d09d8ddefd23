//! Streams that we pull: the address, the connection, the first words.

use url::form_urlencoded;

use super::feed::{Call, Side};
use super::protocol::Client;
use crate::flv::FlvFeed;
use crate::open::Means;
use crate::place::Place;
use crate::reason::Reason;
use crate::tls;
use crate::wire::{Socket, Wire};

/// With the usual ports.
const SCHEMES: &[(&str, u16)] = &[("rtmp", 1935), ("rtmps", 443)];

struct Target {
    place: Place,
    app: String,
    /// The address as far as the application.
    url: String,
    /// The rest, with its query.
    name: String,
}

impl Target {
    fn parse(address: &str) -> Result<Self, Reason> {
        let place = Place::parse(address, SCHEMES)?;
        let (path, query) = place.path.split_once('?').unwrap_or((&place.path, ""));
        let path = path.trim_start_matches('/');
        let (app, name) = path.split_once('/').unwrap_or((path, ""));
        let mut query = query.to_owned();
        if let Some(login) = &place.credentials {
            // As cameras want them: RTMP itself has no such place.
            let login = [("user", &login.name), ("password", &login.password)];
            let login = form_urlencoded::Serializer::new(String::new()).extend_pairs(login).finish();
            query = if query.is_empty() { login } else { format!("{query}&{login}") };
        }
        let name = if query.is_empty() { name.to_owned() } else { format!("{name}?{query}") };
        let url = format!("{}://{}/{app}", place.scheme, place.authority());
        Ok(Self { url, app: app.to_owned(), name, place })
    }
}

/// Connects and asks for the stream; whether it comes is told by its feed.
pub async fn open(address: &str, means: &Means) -> Result<FlvFeed<Call>, Reason> {
    let target = Target::parse(address)?;
    let place = &target.place;
    let socket = means.dialer.connect(&place.host, place.port).await?;
    let socket: Box<dyn Socket> = match place.tls {
        true => Box::new(tls::shake_hands(socket, &place.host, &place.trust, means.dialer.authority()).await?),
        false => Box::new(socket),
    };
    let client = Client::new(target.app, target.url, target.name, rand::random());
    let call = Call { wire: Wire { socket, rest: Vec::new() }, side: Side::Calling(client) };
    Ok(FlvFeed::new(call, means.clock.clone()))
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
            let Target { place, app: a, url: u, name: n } = &target;
            let found = (place.host.as_str(), place.port, a.as_str(), u.as_str(), n.as_str());
            assert_eq!(found, (host, port, app, url, name));
        }
        assert!(matches!(Target::parse("rtmp:///x"), Err(Reason::BadUrl { .. })));
    }
}
