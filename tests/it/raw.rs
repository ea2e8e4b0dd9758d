//! A TCP connection in the test's own hands: for what no decent client does. Every wait has a deadline, and the end of
//! the connection is told apart: a FIN is an answer, a reset may have eaten one.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use crate::agent::shown;
use crate::answer::{self, Answer};
use crate::process::DEADLINE;

/// How the other side ended the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Reset,
}

pub(crate) struct Raw {
    stream: TcpStream,
    /// Read already, but not asked for yet.
    ahead: Vec<u8>,
}

impl Raw {
    pub(crate) fn connect(port: u16) -> Raw {
        Raw::connect_to(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// `None` where nobody listens.
    pub(crate) fn try_connect(port: u16) -> Option<Raw> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(Raw::over)
    }

    pub(crate) fn connect_v6(port: u16) -> Raw {
        Raw::connect_to(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port))
    }

    pub(crate) fn connect_to(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)
            .unwrap_or_else(|e| panic!("cannot connect to {address}: {e}"));
        Raw::over(stream)
    }

    /// From the address 127.0.0.`last`: to the daemon it is another host's, and it has ports of its own.
    pub(crate) fn connect_from(last: u8, port: u16) -> Raw {
        // A daemon that inherited it would keep it open.
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        connect(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .unwrap_or_else(|e| panic!("cannot connect from 127.0.0.{last} to port {port}: {e}"));
        Raw::over(socket.into())
    }

    fn over(stream: TcpStream) -> Raw {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Raw { stream, ahead: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(&bytes).unwrap_or_else(|e| panic!("cannot send {}: {e}", shown(bytes.as_ref())));
    }

    /// For what the other side may refuse in the middle.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// No more from us; the other direction stays open.
    pub(crate) fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    /// One HTTP answer and not a byte more: head, and as much body as its Content-Length says.
    pub(crate) fn read_answer(&mut self) -> Answer {
        let head = self.read_head();
        let length = answer::content_length(&head).unwrap_or_else(|| panic!("no length: {}", shown(&head)));
        let body = self.read_exact(length);
        Answer::parse(&[&head[..], b"\r\n\r\n", &body].concat())
    }

    /// The head of an HTTP answer and nothing else, as after HEAD or for `100 Continue`.
    pub(crate) fn read_answer_head(&mut self) -> Answer {
        Answer::parse_head(&self.read_head())
    }

    fn read_head(&mut self) -> Vec<u8> {
        loop {
            if let Some((head, rest)) = answer::split_head(&self.ahead) {
                let (head, rest) = (head.to_vec(), rest.to_vec());
                self.ahead = rest;
                return head;
            }
            self.more("the end of a head");
        }
    }

    pub(crate) fn read_exact(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            self.more(&format!("{length} bytes"));
        }
        self.ahead.drain(..length).collect()
    }

    /// Waits until the other side has said something.
    pub(crate) fn wait_for_some(&mut self) {
        while self.ahead.is_empty() {
            self.more("anything");
        }
    }

    fn more(&mut self, wanted: &str) {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(0) => panic!("closed before {wanted} after {}", shown(&self.ahead)),
            Ok(n) => self.ahead.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => panic!("{e} before {wanted} after {}", shown(&self.ahead)),
        }
    }

    /// Everything until the other side ends the connection, and how it does that.
    pub(crate) fn read_to_end(&mut self) -> (Vec<u8>, End) {
        let mut buffer = vec![0; 65536];
        let end = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break End::Fin,
                Ok(n) => self.ahead.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => break End::Reset,
                Err(e) => panic!("{e} while waiting for the end after {}", shown(&self.ahead)),
            }
        };
        (std::mem::take(&mut self.ahead), end)
    }
}
