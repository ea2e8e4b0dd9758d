//! Addresses to listeners: bound, listening, non-blocking. Never accepts.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Connections the kernel holds for us until they are accepted; it cuts this to net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// After how long without a word a peer's host is asked whether it is there, and how long it has to say so.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(10));
/// How long a peer may take nothing of what was sent to it, in milliseconds; then the kernel gives the connection up, closed
/// ones included (tcp(7), TCP_USER_TIMEOUT). It makes one unanswered keepalive probe enough.
const UNTAKEN: u32 = 10_000;

/// An address that could not be listened on.
#[derive(Debug)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl ListenError {
    fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot listen on {}", self.address)
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// How often a port is picked anew that the first address had free and another one has not.
const PICKS: usize = 16;

/// Listens on `port` of each address, or of every address of the host where there is none. Port 0 is picked once, by
/// the first.
pub fn listen(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let mut picks = 1;
    loop {
        match listen_once(addresses, port) {
            Err(error) if port == 0 && error.is_in_use() && picks < PICKS => picks += 1,
            result => return result,
        }
    }
}

/// A listener that somebody else has opened, made like our own.
pub fn adopt(listener: &TcpListener) -> Result<(), ListenError> {
    let made_alike = || {
        listener.set_nonblocking(true)?;
        inherited_by_connections(listener)?;
        // Called again it only sets how many may wait (listen(2)).
        Ok(rustix::net::listen(listener, BACKLOG)?)
    };
    let address = listener.local_addr().unwrap_or_else(|_| (Ipv4Addr::UNSPECIFIED, 0).into());
    made_alike().map_err(|source| ListenError { address, source })
}

fn listen_once(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let failed = |ip: IpAddr, port: u16| {
        move |errno: Errno| ListenError { address: (ip, port).into(), source: errno.into() }
    };
    if addresses.is_empty() {
        let any = IpAddr::from(Ipv6Addr::UNSPECIFIED);
        let listener = match open(any, port, false) {
            // A kernel without IPv6, or with it switched off.
            Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => {
                let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
                open(any, port, false).map_err(failed(any, port))
            }
            other => other.map_err(failed(any, port)),
        }?;
        return Ok(vec![listener]);
    }
    let mut listeners: Vec<TcpListener> = Vec::new();
    let has_ipv4 = addresses.iter().any(IpAddr::is_ipv4);
    for &ip in addresses {
        let port =
            listeners.first().and_then(|first| first.local_addr().ok()).map_or(port, |first| first.port());
        listeners.push(open(ip, port, has_ipv4).map_err(failed(ip, port))?);
    }
    Ok(listeners)
}

/// `v6_only` keeps `::` from taking the IPv4 address that has a listener of its own.
fn open(ip: IpAddr, port: u16, v6_only: bool) -> Result<TcpListener, Errno> {
    let family = if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // A restarted registry gets its port back while old connections are still in TIME_WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if ip.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, v6_only)?;
    }
    inherited_by_connections(&socket)?;
    rustix::net::bind(&socket, &SocketAddr::from((ip, port)))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// What is accepted from `listener` inherits these. libzmq's own keepalive options do nothing in the way it is built here.
fn inherited_by_connections(listener: impl AsFd) -> Result<(), Errno> {
    sockopt::set_socket_keepalive(&listener, true)?;
    sockopt::set_tcp_keepidle(&listener, KEEPALIVE.0)?;
    sockopt::set_tcp_keepintvl(&listener, KEEPALIVE.1)?;
    sockopt::set_tcp_user_timeout(&listener, UNTAKEN)
}
