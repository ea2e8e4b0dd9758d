//! Listening sockets that the supervisor has opened before this process was there (sd_listen_fds(3)): each belongs to the port
//! that its name says. Checks that they are what they should be; never accepts.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::quote::shown;

/// What was handed over.
#[derive(Default)]
pub struct Inherited {
    /// For the registry port; empty where it is to be opened here.
    pub registry: Vec<TcpListener>,
    /// For the health port.
    pub health: Vec<TcpListener>,
}

/// Why that won't do.
#[derive(Debug)]
pub enum Wrong {
    /// The variables themselves.
    Io(io::Error),
    /// A name that no port has.
    Name(String),
    /// What it is instead of a listening TCP socket.
    Kind(String, &'static str),
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Io(error) => write!(formatter, "{error}"),
            Wrong::Name(name) => write!(
                formatter,
                "a socket is named \"{}\"; FileDescriptorName= must be registry or health",
                shown(name)
            ),
            Wrong::Kind(name, what) => {
                write!(
                    formatter,
                    "the socket named {name} {what}; it must be a TCP socket that listens (ListenStream=)"
                )
            }
        }
    }
}

impl std::error::Error for Wrong {}

/// Takes over what was handed to this process. To be called once, before anything else is opened.
pub fn take() -> Result<Inherited, Wrong> {
    let mut inherited = Inherited::default();
    for (number, name) in sd_notify::listen_fds_with_names().map_err(Wrong::Io)? {
        // SAFETY: the supervisor has opened this descriptor for this process (LISTEN_PID is checked above) and nobody else here
        // knows its number; this is called once, so it gets one owner.
        let socket = unsafe { OwnedFd::from_raw_fd(number) };
        let port = match name.as_str() {
            "registry" => &mut inherited.registry,
            "health" => &mut inherited.health,
            _ => return Err(Wrong::Name(name)),
        };
        port.push(listener(socket).map_err(|what| Wrong::Kind(name, what))?);
    }
    Ok(inherited)
}

fn listener(socket: OwnedFd) -> Result<TcpListener, &'static str> {
    let family = rustix::net::getsockname(&socket).map_err(|_| "is no socket")?.address_family();
    if !matches!(family, AddressFamily::INET | AddressFamily::INET6) {
        return Err("is no Internet socket");
    }
    if sockopt::socket_type(&socket) != Ok(SocketType::STREAM) {
        return Err("is no TCP socket");
    }
    if sockopt::socket_acceptconn(&socket) != Ok(true) {
        return Err("does not listen");
    }
    Ok(socket.into())
}
