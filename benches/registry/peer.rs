//! One connection of a load generator, from its connect to its last reply, without blocking and without
//! libzmq. Which requests are sent, and when, is its owner's business.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::zmtp;

#[derive(PartialEq, Eq)]
enum Phase {
    Greeting,
    Handshake,
    Open,
}

/// A ZMTP peer that asks.
pub(crate) struct Peer {
    stream: TcpStream,
    phase: Phase,
    socket_type: &'static str,
    input: Vec<u8>,
    output: Vec<u8>,
    /// When each request that has no reply yet was asked, the oldest first.
    asked: VecDeque<Instant>,
    /// When it started to connect.
    began: Instant,
    /// What epoll was last told to watch for.
    interest: EventFlags,
}

impl Peer {
    /// Starts to connect. TCP_NODELAY, as libzmq sets it on its own sockets.
    pub(crate) fn connect(target: SocketAddrV4, socket_type: &'static str) -> io::Result<Self> {
        let began = Instant::now();
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let mut peer = Self {
            stream,
            phase: Phase::Greeting,
            socket_type,
            input: Vec::new(),
            output: zmtp::GREETING.to_vec(),
            asked: VecDeque::new(),
            began,
            interest: EventFlags::empty(),
        };
        peer.flush()?;
        Ok(peer)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.asked.len()
    }

    /// Whether the server owes it something.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.is_open() || !self.asked.is_empty()
    }

    pub(crate) const fn began(&self) -> Instant {
        self.began
    }

    /// What epoll should watch for, where that differs from what it was told: room to write only while there is
    /// something to write.
    pub(crate) fn changed_interest(&mut self) -> Option<EventFlags> {
        let room = if self.output.is_empty() { EventFlags::empty() } else { EventFlags::OUT };
        let interest = EventFlags::IN | room;
        (interest != self.interest).then(|| {
            self.interest = interest;
            interest
        })
    }

    /// Queues one request, asked at `asked`; `flush` sends what is queued.
    pub(crate) fn ask(&mut self, body: &[u8], asked: Instant) {
        zmtp::put_envelope(body, &mut self.output);
        self.asked.push_back(asked);
    }

    /// Sends what can be sent now.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(sent) => drop(self.output.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, once, and hands each whole reply, with the time it was asked, to `reply`.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        mut reply: impl FnMut(&[u8], Instant) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.stream.read(buffer) {
            Ok(0) => {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            Ok(read) => self.input.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        let input = std::mem::take(&mut self.input);
        let mut used = 0;
        while let Some(size) = self.step(&input[used..], &mut reply)? {
            used += size;
        }
        self.input = input;
        self.input.drain(..used);
        Ok(())
    }

    /// Takes one greeting, command or frame from the input: its size, or none when it isn't whole yet.
    fn step(
        &mut self,
        input: &[u8],
        reply: &mut impl FnMut(&[u8], Instant) -> io::Result<()>,
    ) -> io::Result<Option<usize>> {
        if self.phase == Phase::Greeting {
            return self.greeted(input);
        }
        let Some(frame) = zmtp::frame(input) else { return Ok(None) };
        if self.phase == Phase::Handshake {
            let is_ready = frame.is_command && frame.body.starts_with(b"\x05READY");
            self.phase = Phase::Open;
            return if is_ready { Ok(Some(frame.size)) } else { Err(unexpected("no READY", frame.body)) };
        }
        if frame.more && frame.body.is_empty() {
            return Ok(Some(frame.size));
        }
        let asked = match self.asked.pop_front() {
            Some(asked) if !frame.more && !frame.is_command => asked,
            _ => return Err(unexpected("not a reply of one frame", frame.body)),
        };
        reply(frame.body, asked)?;
        Ok(Some(frame.size))
    }

    fn greeted(&mut self, input: &[u8]) -> io::Result<Option<usize>> {
        let size = zmtp::GREETING.len();
        if input.len() < size {
            return Ok(None);
        }
        if input[0] != 0xFF || input[10] < 3 || !input[12..].starts_with(b"NULL\0") {
            return Err(unexpected("not a ZMTP 3 greeting", &input[..size]));
        }
        self.output.extend_from_slice(&zmtp::ready(self.socket_type));
        self.phase = Phase::Handshake;
        Ok(Some(size))
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// An error that shows what came.
pub(crate) fn unexpected(what: &str, bytes: &[u8]) -> io::Error {
    let shown = &bytes[..bytes.len().min(300)];
    io::Error::new(ErrorKind::InvalidData, format!("{what}: {} bytes: {}", bytes.len(), shown.escape_ascii()))
}
