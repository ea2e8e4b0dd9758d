//! One connection, lockstep: it greets, asks, and hands over what is answered. Blocking; a load reads from it only
//! where epoll says that something is there. It never knows the protocol, and never what is asked.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::request::Request;
use crate::system::{Answer, Dialogue};

pub(crate) struct Connection {
    stream: TcpStream,
    dialogue: Box<dyn Dialogue>,
    buffer: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
    asked: Instant,
}

impl Connection {
    /// Connects, and greets until the server is ready for requests. An answer that takes longer than `patience` is
    /// none, now and later.
    pub(crate) fn open(
        target: SocketAddrV4,
        dialogue: Box<dyn Dialogue>,
        patience: Duration,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(target)?;
        // A port that nobody listens on yet may be the very one that the system gives to this end.
        if stream.local_addr()? == target.into() {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        let (buffer, asked) = (vec![0; 16 * 1024], Instant::now());
        let mut connection = Self { stream, dialogue, buffer, input: Vec::new(), output: Vec::new(), asked };
        connection.dialogue.greet(&mut connection.output);
        connection.wait(|answer| expect(answer, &Answer::Ready))?;
        Ok(connection)
    }

    /// Tells a new server what it must know before it can know agents.
    pub(crate) fn prepare(&mut self) -> io::Result<()> {
        self.dialogue.prepare(&mut self.output);
        if self.output.is_empty() { Ok(()) } else { self.wait(|answer| expect(answer, &Answer::Ready)) }
    }

    pub(crate) fn ask(&mut self, request: &Request) -> io::Result<()> {
        self.asked = Instant::now();
        self.dialogue.ask(request, &mut self.output);
        self.flush()
    }

    /// When the last request was asked.
    pub(crate) const fn asked(&self) -> Instant {
        self.asked
    }

    /// Reads once, and hands each answer over that is whole: how many.
    pub(crate) fn receive(
        &mut self,
        mut take: impl FnMut(&Answer<'_>) -> io::Result<()>,
    ) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer)? {
            0 => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
            read => self.input.extend_from_slice(&self.buffer[..read]),
        }
        let (mut used, mut answers) = (0, 0);
        while let Some(heard) = self.dialogue.hear(&self.input[used..], &mut self.output)? {
            used += heard.used;
            if let Some(answer) = heard.answer {
                take(&answer)?;
                answers += 1;
            }
        }
        self.input.drain(..used);
        self.flush()?;
        Ok(answers)
    }

    /// Sends what is queued, and waits for the answer.
    pub(crate) fn wait(&mut self, mut take: impl FnMut(&Answer<'_>) -> io::Result<()>) -> io::Result<()> {
        self.flush()?;
        while self.receive(&mut take)? == 0 {}
        Ok(())
    }

    /// Parts politely, so that the server is done with this connection when another server is measured.
    pub(crate) fn close(mut self) -> io::Result<()> {
        self.dialogue.part(&mut self.output);
        if self.output.is_empty() { Ok(()) } else { self.wait(|_| Ok(())) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// An error unless the answer is the one that belongs here.
pub(crate) fn expect(answer: &Answer<'_>, expected: &Answer<'_>) -> io::Result<()> {
    let is_it = answer == expected;
    is_it.then_some(()).ok_or_else(|| io::Error::other(format!("{answer:?} instead of {expected:?}")))
}
