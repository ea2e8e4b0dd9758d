//! One connection of a load generator, from its connect to its last reply, without blocking and without
//! libzmq. Which requests are sent, and when, is its owner's business; what they look like, its dialect's.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::event::epoll::EventFlags;
use rustix::net::SocketFlags;

use crate::dial::dial;
use crate::dialect::{Dialect, unexpected};

/// A client that asks.
pub(crate) struct Peer {
    stream: TcpStream,
    dialect: Dialect,
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
    /// Starts to connect.
    pub(crate) fn connect(source: Ipv4Addr, target: SocketAddrV4, dialect: Dialect) -> io::Result<Self> {
        let began = Instant::now();
        let mut peer = Self {
            stream: dial(source, target, SocketFlags::NONBLOCK)?,
            output: dialect.opening(),
            dialect,
            input: Vec::new(),
            asked: VecDeque::new(),
            began,
            interest: EventFlags::empty(),
        };
        peer.flush()?;
        Ok(peer)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.dialect.is_open()
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
        self.dialect.put_request(body, &mut self.output);
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
        let mut used = 0;
        while let Some(piece) = self.dialect.take(&self.input[used..], &mut self.output)? {
            used += piece.size;
            if let Some(body) = piece.reply {
                let asked = self.asked.pop_front();
                reply(body, asked.ok_or_else(|| unexpected("a reply that nobody asked for", body))?)?;
            }
        }
        self.input.drain(..used);
        Ok(())
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
