//! The socket below a connection to Redis: TCP, with TLS or without, or Unix, opened within a time limit, and dead when its
//! other end is. Knows addresses and time-outs, and not a byte of what is said.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::tls::Tls;
use super::url::{Endpoint, Place};

/// When the kernel first asks a silent peer whether it is there, and how often it asks again before it gives up.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;
/// How long what we sent may go unacknowledged by the other host, in milliseconds.
const UNACKNOWLEDGED: u32 = 5_000;

/// An open socket.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<dyn Encrypted>),
}

/// TCP below encryption.
pub(super) trait Encrypted: Read + Write + AsFd + Send {}

impl<T: Read + Write + AsFd + Send> Encrypted for T {}

impl Socket {
    fn tcp(endpoint: &Endpoint, end: Instant) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (endpoint.host.as_str(), endpoint.port).to_socket_addrs()? {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Socket::prepare(&stream).map(|()| stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn prepare(stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
        sockopt::set_tcp_keepintvl(stream, KEEPALIVE)?;
        sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
        sockopt::set_tcp_user_timeout(stream, UNACKNOWLEDGED)?;
        Ok(())
    }

    /// A Unix socket whose queue is full lets who connects wait: by its send time-out, and no longer.
    fn unix(path: &Path, limit: Duration) -> io::Result<Socket> {
        let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(limit))?;
        net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Socket::Unix(socket.into()))
    }

    /// Opens the one server that `place` names, encrypted where `tls` is there; a Sentinel has to be asked first.
    pub(super) fn open(place: &Place, tls: Option<&Tls>, limit: Duration) -> io::Result<Socket> {
        let end = Instant::now() + limit;
        match place {
            Place::Tcp(endpoint) => match (Socket::tcp(endpoint, end)?, tls) {
                (stream, Some(tls)) => tls.over(stream, &endpoint.host, end).map(Socket::Tls),
                (stream, None) => Ok(Socket::Tcp(stream)),
            },
            Place::Unix(path) => Socket::unix(path, limit),
            Place::Sentinel { .. } => Err(io::Error::other("a Sentinel is no server")),
        }
    }

    /// How long a read and a write may wait.
    pub(super) fn set_limits(&self, limit: Duration) -> io::Result<()> {
        // 0 would mean for ever.
        let limit = Some(limit.max(Duration::from_millis(1)));
        sockopt::set_socket_timeout(self, sockopt::Timeout::Recv, limit)?;
        sockopt::set_socket_timeout(self, sockopt::Timeout::Send, limit)?;
        Ok(())
    }

    /// From now on a read gives what is there, and waits for nothing.
    pub(super) fn wait_for_nothing(&self) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(self, true)?)
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(bytes),
            Socket::Unix(stream) => stream.read(bytes),
            Socket::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
            Socket::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
            Socket::Tls(stream) => stream.as_fd(),
        }
    }
}
