//! Sockets of clients: from which loopback address they come, and whether they block. It never sends.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

/// A registry lets one address have half of its connections at most, so many clients come from several.
const CLIENTS_PER_ADDRESS: usize = 1000;

/// Where client `number` comes from, when the first of them come from 127.0.0.`first`.
pub(crate) fn source(first: u8, number: usize) -> Ipv4Addr {
    let beyond = u8::try_from(number / CLIENTS_PER_ADDRESS).expect("some thousand clients");
    Ipv4Addr::new(127, 0, 0, first + beyond)
}

/// A connection to `target`, or the start of one where `flags` say not to block. TCP_NODELAY, as libzmq sets it on
/// its own sockets.
pub(crate) fn dial(source: Ipv4Addr, target: SocketAddrV4, flags: SocketFlags) -> io::Result<TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?;
    // The system's choice anyway. A port that bind picks is free towards every target, which is more than is needed,
    // and a fresh connection for each lookup would run out of those.
    if source != Ipv4Addr::LOCALHOST {
        bind(&socket, &SocketAddrV4::new(source, 0))?;
    }
    match connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}
