//! The one place where this engine opens sockets towards cameras.
//!
//! A name is resolved once, every address is held against the policy, and the
//! connection goes to an address that was checked, so that neither a name that
//! changes its mind nor a redirect leads elsewhere.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use tokio::net::{TcpStream, UdpSocket};

/// Where clouds tell a machine's secrets: never dialled, whatever is allowed.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];
/// Receive buffer of a UDP socket: a key frame of 4K. The system may give less.
const UDP_BUFFER: usize = 2 << 20;
/// Tries to find two free ports in a row.
const PORT_TRIES: usize = 64;

/// A network in CIDR form; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network; write it like 10.0.0.0/8 or fd12::/16")]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.trim().parse().map_err(|_| bad())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.trim().parse().ok().filter(|prefix| *prefix <= longest).ok_or_else(bad)?,
            None => longest,
        };
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = BadNetwork;

    fn try_from(text: String) -> Result<Self, BadNetwork> {
        text.parse()
    }
}

impl Network {
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = u32::from(network) ^ u32::from(address);
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = u128::from(network) ^ u128::from(address);
                differing.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

/// Which addresses may be dialled; all but the metadata of clouds by default.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    allowed: Option<Arc<[Network]>>,
}

impl Policy {
    /// Only these networks.
    #[must_use]
    pub fn only(networks: &[Network]) -> Self {
        Self { allowed: Some(networks.into()) }
    }

    pub fn check(&self, address: IpAddr) -> Result<(), DialError> {
        // `::ffff:10.0.0.1` reaches 10.0.0.1.
        let address = address.to_canonical();
        let allowed = self.allowed.as_ref();
        let refused = METADATA.contains(&address)
            || allowed.is_some_and(|networks| !networks.iter().any(|network| network.contains(address)));
        if refused { Err(DialError::Refused(address)) } else { Ok(()) }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("the name cannot be resolved: {0}")]
    Dns(io::Error),
    #[error("{0} is outside of the allowed networks")]
    Refused(IpAddr),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Two sockets for one track: RTP on an even port, RTCP on the next.
#[derive(Debug)]
pub struct UdpPair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub ports: (u16, u16),
}

/// Opens sockets as its policy allows.
#[derive(Clone, Debug, Default)]
pub struct Dialer {
    policy: Policy,
    authority: Option<PathBuf>,
}

impl Dialer {
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, authority: None }
    }

    /// Knows machines of the installation by the certificate of its authority, PEM.
    #[must_use]
    pub fn with_authority(self, authority: Option<PathBuf>) -> Self {
        Self { authority, ..self }
    }

    /// Where the certificate of the installation's authority lies.
    pub(crate) fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// Connects to the first allowed address that answers.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.map_err(DialError::Dns)?.collect();
        let mut failure = DialError::Dns(io::ErrorKind::NotFound.into());
        for address in addresses {
            if let Err(refused) = self.policy.check(address.ip()) {
                failure = refused;
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }

    /// A UDP socket that talks to the first allowed address of a name alone.
    pub async fn connect_udp(&self, host: &str, port: u16) -> Result<UdpSocket, DialError> {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.map_err(DialError::Dns)?.collect();
        let mut failure = DialError::Dns(io::ErrorKind::NotFound.into());
        for address in addresses {
            if let Err(refused) = self.policy.check(address.ip()) {
                failure = refused;
                continue;
            }
            let any: IpAddr =
                if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let socket = bind(any, 0)?;
            socket.connect(address).await?;
            return Ok(socket);
        }
        Err(failure)
    }

    /// May media come from this address, and punches go there?
    pub fn allows(&self, address: IpAddr) -> bool {
        self.policy.check(address).is_ok()
    }

    /// Two ports for a camera's media, on the address that reaches it.
    pub fn udp_pair(&self, local: IpAddr) -> Result<UdpPair, DialError> {
        let mut last = io::Error::other("no even UDP port is free");
        for _ in 0..PORT_TRIES {
            let rtp = bind(local, 0)?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            match bind(local, port + 1) {
                Ok(rtcp) => return Ok(UdpPair { rtp, rtcp, ports: (port, port + 1) }),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }
}

fn bind(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((ip, port))?;
    socket.set_nonblocking(true)?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(UDP_BUFFER)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect(text)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("fd12::/16", "fd12:1::5", true),
            ("fd12::/16", "fd13::5", false),
            ("::/0", "::1", true),
        ];
        for (text, address, expected) in table {
            assert_eq!(network(text).contains(ip(address)), expected, "{text} {address}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "host", "10.0.0.0/x"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_of_clouds_is_refused_whatever_is_allowed() {
        for policy in [Policy::default(), Policy::only(&[network("0.0.0.0/0"), network("::/0")])] {
            for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"] {
                assert!(matches!(policy.check(ip(address)), Err(DialError::Refused(_))), "{address}");
            }
            assert!(policy.check(ip("10.0.0.1")).is_ok() && policy.check(ip("::1")).is_ok());
        }
    }

    #[test]
    fn only_allowed_networks_are_dialled() {
        let policy = Policy::only(&[network("10.0.0.0/8")]);
        assert!(policy.check(ip("10.1.2.3")).is_ok());
        assert!(policy.check(ip("::ffff:10.1.2.3")).is_ok());
        assert!(policy.check(ip("127.0.0.1")).is_err());
        assert!(policy.check(ip("::1")).is_err());
    }

    #[tokio::test]
    async fn a_refused_address_is_never_connected_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("bound").port();
        let dialer = Dialer::new(Policy::only(&[network("10.0.0.0/8")]));
        for host in ["127.0.0.1", "localhost"] {
            let refused = dialer.connect(host, port).await.expect_err("it is outside");
            assert!(matches!(refused, DialError::Refused(address) if address.is_loopback()), "{host}: {refused}");
        }
        let accepted = listener.accept().map_err(|error| error.kind());
        assert_eq!(accepted.map(|_| ()), Err(io::ErrorKind::WouldBlock));
        let refused = dialer.connect_udp("127.0.0.1", port).await.expect_err("it is outside");
        assert!(matches!(refused, DialError::Refused(address) if address.is_loopback()), "{refused}");
        let error = dialer.connect("no-such-host.invalid", 1).await.expect_err("no such name");
        assert!(matches!(error, DialError::Dns(_)), "{error}");
    }

    #[tokio::test]
    async fn media_ports_come_in_pairs() {
        let pair = Dialer::default().udp_pair(ip("127.0.0.1")).expect("free ports");
        assert_eq!((pair.ports.0 % 2, pair.ports.1), (0, pair.ports.0 + 1));
        assert_eq!(pair.rtcp.local_addr().expect("bound").port(), pair.ports.1);
    }
}
