//! The addresses that the sink listens at, and those that peers are told.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use str0m::Candidate;
use str0m::net::TcpType;

use super::{socket, tcp};

/// TCP at the number that UDP has; where any number will do and that one is
/// taken, another.
pub fn listen(wanted: SocketAddr, udp: SocketAddr) -> io::Result<TcpListener> {
    let same = tcp::bind(SocketAddr::new(wanted.ip(), udp.port()));
    if wanted.port() == 0 { same.or_else(|_| tcp::bind(wanted)) } else { same }
}

/// What peers are told of where to connect to: by UDP, else by TCP (RFC 6544).
pub fn candidates(udp: &[SocketAddr], tcp: &[SocketAddr], advertise: &[IpAddr]) -> Vec<String> {
    let told = |addresses: &[SocketAddr]| -> Vec<SocketAddr> {
        addresses.iter().flat_map(|address| reached(*address, advertise)).collect()
    };
    let udp = told(udp).into_iter().filter_map(|address| Candidate::host(address, "udp").ok());
    let tcp = told(tcp)
        .into_iter()
        .filter_map(|address| Candidate::builder().tcp().host(address).tcptype(TcpType::Passive).build().ok());
    udp.chain(tcp).map(|candidate| candidate.to_sdp_string()).collect()
}

/// The addresses that a bound one is reached by.
fn reached(local: SocketAddr, advertise: &[IpAddr]) -> Vec<SocketAddr> {
    let told: Vec<IpAddr> = advertise.iter().copied().filter(|ip| ip.is_ipv4() == local.is_ipv4()).collect();
    let ips = match (told.is_empty(), local.ip().is_unspecified()) {
        (false, _) => told,
        (true, true) => socket::machine_addresses(local.is_ipv4()),
        (true, false) => vec![local.ip()],
    };
    ips.into_iter().map(|ip| SocketAddr::new(ip, local.port())).collect()
}
