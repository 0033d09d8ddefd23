//! The Transport header (RFC 2326, section 12.39), and the Session header.

use std::net::IpAddr;
use std::time::Duration;

/// Where the media of a track go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into the connection, on the channel asked for.
    Tcp { channel: u8 },
    /// To our own ports.
    Udp { rtp: u16, rtcp: u16 },
}

impl Way {
    /// The header line of a SETUP.
    pub fn header(self) -> String {
        match self {
            Self::Tcp { channel } => {
                format!("Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{}\r\n", channel.saturating_add(1))
            }
            Self::Udp { rtp, rtcp } => format!("Transport: RTP/AVP;unicast;client_port={rtp}-{rtcp}\r\n"),
        }
    }
}

/// What we take of a camera's answer; all of it may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// First and second interleaved channel.
    pub channels: Option<(u8, u8)>,
    pub server_ports: Option<(u16, u16)>,
    pub source: Option<IpAddr>,
    pub ssrc: Option<u32>,
}

impl Agreed {
    /// Parameters count in any order and whatever protocol is named before.
    pub fn parse(value: &str) -> Self {
        let mut agreed = Self::default();
        let first = value.split(',').next().unwrap_or_default();
        for parameter in first.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "interleaved" => agreed.channels = pair(value, u8::checked_add),
                "server_port" => agreed.server_ports = pair(value, u16::checked_add).filter(|ports| ports.0 > 0),
                "source" => agreed.source = value.parse().ok(),
                // Some cameras write it in decimal: ten digits are no hexadecimal SSRC.
                "ssrc" if value.len() <= 8 => agreed.ssrc = u32::from_str_radix(value, 16).ok(),
                "ssrc" => agreed.ssrc = value.parse().ok(),
                _ => {}
            }
        }
        agreed
    }
}

/// Reads `0-1`, or `0` with the next number for the second.
fn pair<T: std::str::FromStr + Copy + From<u8>>(text: &str, add: fn(T, T) -> Option<T>) -> Option<(T, T)> {
    let (first, second) = text.split_once('-').unwrap_or((text, ""));
    let first: T = first.trim().parse().ok()?;
    let second = second.trim().parse().ok().or_else(|| add(first, T::from(1)))?;
    Some((first, second))
}

/// Id and time-out of a Session header.
pub fn session(value: &str) -> (String, Option<Duration>) {
    let (id, rest) = value.split_once(';').unwrap_or((value, ""));
    let seconds = rest.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("timeout").then(|| value.trim().parse::<u32>().ok())?
    });
    let timeout = seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(u64::from(seconds)));
    (id.trim().to_owned(), timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_setup_are_read_as_cameras_write_them() {
        let channels = |first, second| Agreed { channels: Some((first, second)), ..Agreed::default() };
        let table = [
            ("as asked", "RTP/AVP/TCP;unicast;interleaved=0-1", channels(0, 1)),
            ("other channels", "RTP/AVP/TCP;unicast;interleaved=4-5", channels(4, 5)),
            ("one channel alone", "RTP/AVP/TCP;unicast;interleaved=0", channels(0, 1)),
            ("without /TCP", "RTP/AVP;unicast;interleaved=2-3", channels(2, 3)),
            ("odd order and blanks", "interleaved=0-1; unicast ;RTP/AVP/TCP", channels(0, 1)),
            ("nothing at all", "RTP/AVP/TCP;unicast", Agreed::default()),
            ("no server_port", "RTP/AVP;unicast;client_port=5000-5001", Agreed::default()),
            ("junk", "interleaved=x;server_port=;ssrc=zz", Agreed::default()),
        ];
        for (name, value, expected) in table {
            assert_eq!(Agreed::parse(value), expected, "{name}");
        }
        let udp = Agreed::parse("RTP/AVP/UDP;source=10.0.0.7;server_port=6000-6001;ssrc= 00C0FFEE");
        assert_eq!((udp.server_ports, udp.ssrc), (Some((6000, 6001)), Some(0x00c0_ffee)));
        assert_eq!(udp.source, Some(IpAddr::from([10, 0, 0, 7])));
        assert_eq!(Agreed::parse("server_port=6000").server_ports, Some((6000, 6001)));
        assert_eq!(Agreed::parse("server_port=0-1").server_ports, None);
        assert_eq!(Agreed::parse("ssrc=3235822222").ssrc, Some(3_235_822_222));
    }

    #[test]
    fn what_we_ask_for() {
        assert_eq!(Way::Tcp { channel: 2 }.header(), "Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n");
        let udp = Way::Udp { rtp: 5000, rtcp: 5001 };
        assert_eq!(udp.header(), "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n");
    }

    #[test]
    fn a_session_has_an_id_and_a_timeout() {
        assert_eq!(session("abc"), ("abc".into(), None));
        assert_eq!(session(" abc ; Timeout = 10 "), ("abc".into(), Some(Duration::from_secs(10))));
        assert_eq!(session("abc;timeout=0"), ("abc".into(), None));
    }
}
