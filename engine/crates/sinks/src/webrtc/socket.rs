//! The UDP socket that all viewers of a bound address share: many datagrams a
//! system call in both directions, and one buffer a run of equal packets where
//! the kernel can cut it (UDP GSO).

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Larger datagrams are no WebRTC; they are cut and then refused.
pub const MAX_DATAGRAM: usize = 2048;
const RECEIVE_BATCH: usize = 32;
/// Runs in one system call.
const SEND_BATCH: usize = 64;
/// The kernel takes at most 64 segments and one IP datagram of bytes.
const MAX_SEGMENTS: usize = 64;
const MAX_RUN_BYTES: usize = 63 << 10;
/// A batch this large is sent before more is added.
const FLUSH_BYTES: usize = 256 << 10;
const BUFFER_BYTES: usize = 4 << 20;
/// How long a full socket buffer is waited for before a packet is given up.
const SEND_PATIENCE: Duration = Duration::from_millis(2);

/// One bound address.
#[derive(Debug)]
pub struct SharedSocket {
    socket: UdpSocket,
    local: SocketAddr,
    wildcard: bool,
    gso: AtomicBool,
}

impl SharedSocket {
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // Best effort: the system may allow less.
        for result in [socket.set_recv_buffer_size(BUFFER_BYTES), socket.set_send_buffer_size(BUFFER_BYTES)] {
            if let Err(error) = result {
                tracing::debug!(%error, "UDP buffer size was refused");
            }
        }
        socket.bind(&address.into())?;
        let socket: UdpSocket = socket.into();
        let local = socket.local_addr()?;
        let wildcard = local.ip().is_unspecified();
        if wildcard {
            ask_for_destination(&socket, local.is_ipv6())?;
        }
        Ok(Self { socket, local, wildcard, gso: AtomicBool::new(cfg!(target_os = "linux")) })
    }

    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends runs packet by packet from now on.
    pub fn disable_gso(&self) {
        self.gso.store(false, Ordering::Relaxed);
    }

    #[must_use]
    pub fn gso(&self) -> bool {
        self.gso.load(Ordering::Relaxed)
    }
}

/// On a wildcard address the kernel must say which address was written to,
/// because an answer has to leave from there.
fn ask_for_destination(socket: &UdpSocket, v6: bool) -> io::Result<()> {
    let (level, name) =
        if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open and the value is an int of the size given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&on).cast(),
            mem::size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Space for control messages, aligned as the kernel wants it.
#[derive(Clone, Copy)]
struct Control([u64; 12]);

const CONTROL_BYTES: usize = mem::size_of::<Control>();

/// Buffers of one receiving thread.
pub struct ReceiveBatch {
    buffers: Vec<[u8; MAX_DATAGRAM]>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        // SAFETY: a zeroed sockaddr_storage is a valid, unspecified address.
        let name = unsafe { MaybeUninit::<libc::sockaddr_storage>::zeroed().assume_init() };
        Self {
            buffers: vec![[0; MAX_DATAGRAM]; RECEIVE_BATCH],
            names: vec![name; RECEIVE_BATCH],
            controls: vec![Control([0; 12]); RECEIVE_BATCH],
        }
    }
}

impl ReceiveBatch {
    /// Reads what waits, at most one batch: source, destination, bytes.
    /// Returns how many were read; 0 when nothing waits.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn receive(
        &mut self,
        socket: &SharedSocket,
        mut each: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) -> io::Result<usize> {
        let mut vectors: [libc::iovec; RECEIVE_BATCH] = std::array::from_fn(|i| libc::iovec {
            iov_base: self.buffers[i].as_mut_ptr().cast(),
            iov_len: MAX_DATAGRAM,
        });
        let mut headers: [libc::mmsghdr; RECEIVE_BATCH] = std::array::from_fn(|i| {
            let mut header = empty_header(&mut vectors[i], &mut self.names[i]);
            if socket.wildcard {
                header.msg_hdr.msg_control = self.controls[i].0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
            }
            header
        });
        // SAFETY: every header points at buffers of this batch, which live
        // through the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.fd(),
                headers.as_mut_ptr(),
                RECEIVE_BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            let nothing = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            return if nothing { Ok(0) } else { Err(error) };
        }
        let count = count as usize;
        for (i, header) in headers.iter().enumerate().take(count) {
            let Some(source) = address_of(&self.names[i]) else {
                continue;
            };
            let destination = if socket.wildcard {
                // SAFETY: the kernel filled the header's control space.
                let ip = unsafe { destination_of(&header.msg_hdr) };
                ip.map_or(socket.local, |ip| SocketAddr::new(ip, socket.local.port()))
            } else {
                socket.local
            };
            let len = (header.msg_len as usize).min(MAX_DATAGRAM);
            each(source, destination, &self.buffers[i][..len]);
        }
        Ok(count)
    }
}

fn empty_header(vector: &mut libc::iovec, name: &mut libc::sockaddr_storage) -> libc::mmsghdr {
    // SAFETY: a zeroed header is valid: null pointers with zero lengths.
    let mut header = unsafe { MaybeUninit::<libc::mmsghdr>::zeroed().assume_init() };
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
    header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header
}

fn address_of(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let pointer = std::ptr::from_ref(name);
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage holds a sockaddr_in.
            let v4 = unsafe { &*pointer.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::new(ip.into(), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the storage holds a sockaddr_in6.
            let v6 = unsafe { &*pointer.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::new(ip.into(), u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}

/// The address that a datagram was written to.
///
/// # Safety
/// The header's control space must have been filled by the kernel.
unsafe fn destination_of(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: by the caller; the CMSG macros walk within msg_controllen.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            match (control.cmsg_level, control.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = std::ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                    return Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = std::ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                    return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                _ => message = libc::CMSG_NXTHDR(header, message),
            }
        }
    }
    None
}

/// What sending did not manage, counted for the metrics.
#[derive(Debug, Default)]
pub struct SendCounters {
    pub packets: AtomicU64,
    pub bytes: AtomicU64,
    pub dropped: AtomicU64,
    pub calls: AtomicU64,
}

/// Packets of equal length to one viewer; the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    socket: usize,
    source: IpAddr,
    destination: SocketAddr,
    start: usize,
    len: usize,
    segment: usize,
    packets: usize,
    open: bool,
}

/// Collects packets of many viewers and sends them together.
pub struct SendBatch {
    sockets: Arc<[SharedSocket]>,
    counters: Arc<SendCounters>,
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

impl SendBatch {
    #[must_use]
    pub fn new(sockets: Arc<[SharedSocket]>, counters: Arc<SendCounters>) -> Self {
        Self { sockets, counters, bytes: Vec::with_capacity(FLUSH_BYTES + MAX_RUN_BYTES), runs: Vec::new() }
    }

    /// Adds a packet that leaves by a socket from `source`, an address of this
    /// machine (it matters on wildcard sockets).
    pub fn push(&mut self, socket: usize, source: IpAddr, destination: SocketAddr, packet: &[u8]) {
        if self.bytes.len() + packet.len() > FLUSH_BYTES {
            self.flush();
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(packet);
        if let Some(run) = self.runs.last_mut()
            && run.open
            && run.destination == destination
            && run.source == source
            && run.socket == socket
            && packet.len() <= run.segment
            && run.packets < MAX_SEGMENTS
            && run.len + packet.len() <= MAX_RUN_BYTES
        {
            run.len += packet.len();
            run.packets += 1;
            run.open = packet.len() == run.segment;
            return;
        }
        self.runs.push(Run {
            socket,
            source,
            destination,
            start,
            len: packet.len(),
            segment: packet.len(),
            packets: 1,
            open: true,
        });
    }

    /// Sends all that was collected.
    pub fn flush(&mut self) {
        let mut from = 0;
        while from < self.runs.len() {
            let socket = self.runs[from].socket;
            let same = self.runs[from..].iter().take(SEND_BATCH).take_while(|run| run.socket == socket).count();
            let runs = &self.runs[from..from + same];
            from += if self.sockets[socket].gso() { self.send_runs(socket, runs) } else { self.send_packets(runs) };
        }
        self.runs.clear();
        self.bytes.clear();
    }

    /// Sends runs in one call; returns how many are done with.
    fn send_runs(&self, socket: usize, runs: &[Run]) -> usize {
        let socket = &self.sockets[socket];
        let mut names: Vec<SockAddr> = runs.iter().map(|run| run.destination.into()).collect();
        let mut vectors: Vec<libc::iovec> = runs
            .iter()
            .map(|run| libc::iovec { iov_base: self.bytes[run.start..].as_ptr().cast_mut().cast(), iov_len: run.len })
            .collect();
        let mut controls = vec![Control([0; 12]); runs.len()];
        let mut headers: Vec<libc::mmsghdr> = (0..runs.len())
            .map(|i| {
                let segment = (runs[i].packets > 1).then_some(runs[i].segment as u16);
                let source = socket.wildcard.then_some(runs[i].source);
                send_header(&mut vectors[i], &mut names[i], &mut controls[i], segment, source)
            })
            .collect();
        // SAFETY: headers point at names, vectors and controls that live
        // through the call, and at bytes that are only read.
        let sent = unsafe { libc::sendmmsg(socket.fd(), headers.as_mut_ptr(), runs.len() as libc::c_uint, 0) };
        self.counters.calls.fetch_add(1, Ordering::Relaxed);
        if sent > 0 {
            self.count(&runs[..sent as usize]);
            return sent as usize;
        }
        self.first_failed(socket, &runs[0], &io::Error::last_os_error())
    }

    /// Decides what becomes of the run that the kernel refused: returns how
    /// many runs are done with, 0 to try again.
    fn first_failed(&self, socket: &SharedSocket, run: &Run, error: &io::Error) -> usize {
        match error.raw_os_error() {
            Some(libc::EINTR) => 0,
            Some(libc::EAGAIN) if wait_for_room(socket.fd()) => 0,
            Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP) if run.packets > 1 => {
                tracing::info!(%error, address = %socket.local, "no UDP segmentation here, sending packet by packet");
                socket.disable_gso();
                0
            }
            _ => {
                self.counters.dropped.fetch_add(run.packets as u64, Ordering::Relaxed);
                1
            }
        }
    }

    /// The fall back: a call a packet.
    fn send_packets(&self, runs: &[Run]) -> usize {
        for run in runs {
            for packet in self.bytes[run.start..run.start + run.len].chunks(run.segment) {
                let single = Run { len: packet.len(), packets: 1, ..*run };
                if self.send_packet(&single, packet) {
                    self.count(&[single]);
                } else {
                    self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        runs.len()
    }

    fn send_packet(&self, run: &Run, packet: &[u8]) -> bool {
        let socket = &self.sockets[run.socket];
        let mut name: SockAddr = run.destination.into();
        let mut control = Control([0; 12]);
        let mut vector = libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() };
        let source = socket.wildcard.then_some(run.source);
        let header = send_header(&mut vector, &mut name, &mut control, None, source);
        for _ in 0..2 {
            // SAFETY: the header points at locals that live through the call.
            let sent = unsafe { libc::sendmsg(socket.fd(), &raw const header.msg_hdr, 0) };
            self.counters.calls.fetch_add(1, Ordering::Relaxed);
            if sent >= 0 {
                return true;
            }
            let error = io::Error::last_os_error().raw_os_error();
            let again = error == Some(libc::EINTR) || (error == Some(libc::EAGAIN) && wait_for_room(socket.fd()));
            if !again {
                return false;
            }
        }
        false
    }

    fn count(&self, runs: &[Run]) {
        let packets: usize = runs.iter().map(|run| run.packets).sum();
        let bytes: usize = runs.iter().map(|run| run.len).sum();
        self.counters.packets.fetch_add(packets as u64, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

fn send_header(
    vector: &mut libc::iovec,
    name: &mut SockAddr,
    control: &mut Control,
    segment: Option<u16>,
    source: Option<IpAddr>,
) -> libc::mmsghdr {
    // SAFETY: a zeroed header is valid: null pointers with zero lengths.
    let mut header = unsafe { MaybeUninit::<libc::mmsghdr>::zeroed().assume_init() };
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
    header.msg_hdr.msg_namelen = name.len();
    if segment.is_none() && source.is_none() {
        return header;
    }
    header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
    header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
    let mut used = 0;
    // SAFETY: Control has room for both messages, is aligned and zeroed.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&raw const header.msg_hdr);
        if let Some(size) = segment {
            used += write_control(message, libc::SOL_UDP, libc::UDP_SEGMENT, size);
            message = libc::CMSG_NXTHDR(&raw const header.msg_hdr, message);
        }
        used += match source {
            Some(IpAddr::V4(ip)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from(ip).to_be() },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                write_control(message, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
            }
            Some(IpAddr::V6(ip)) => {
                let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
                write_control(message, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
            }
            None => 0,
        };
    }
    header.msg_hdr.msg_controllen = used as _;
    header
}

/// Writes one control message; returns the space it takes.
///
/// # Safety
/// `message` must point at zeroed control space with room for `T`.
unsafe fn write_control<T>(message: *mut libc::cmsghdr, level: i32, kind: i32, value: T) -> usize {
    let size = mem::size_of::<T>() as libc::c_uint;
    // SAFETY: by the caller.
    unsafe {
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        (*message).cmsg_len = libc::CMSG_LEN(size) as _;
        std::ptr::write_unaligned(libc::CMSG_DATA(message).cast(), value);
        libc::CMSG_SPACE(size) as usize
    }
}

/// Waits briefly for room in a socket's buffer; false when there is none.
fn wait_for_room(fd: RawFd) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, SEND_PATIENCE.as_millis() as libc::c_int) > 0 }
}

/// The machine's own addresses of a family, for a socket on a wildcard.
#[must_use]
pub fn machine_addresses(v4: bool) -> Vec<IpAddr> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: on success the list is owned by us until freed below.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: the list is valid until freeifaddrs; addresses may be null.
    while let Some(interface) = unsafe { next.as_ref() } {
        next = interface.ifa_next;
        // SAFETY: as above; the family decides how many bytes are read.
        if let Some(ip) = unsafe { interface_address(interface) }
            && ip.is_ipv4() == v4
            && !found.contains(&ip)
        {
            found.push(ip);
        }
    }
    // SAFETY: `first` came from getifaddrs.
    unsafe { libc::freeifaddrs(first) };
    found
}

/// # Safety
/// The entry must be one of a living `getifaddrs` list.
unsafe fn interface_address(interface: &libc::ifaddrs) -> Option<IpAddr> {
    let address = interface.ifa_addr;
    if address.is_null() {
        return None;
    }
    // SAFETY: by the caller; the family tells the kind of address.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                // Link-local addresses need a zone that a browser lacks.
                (!ip.is_unicast_link_local()).then_some(ip.into())
            }
            _ => None,
        }
    }
}
