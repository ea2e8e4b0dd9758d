//! One HTTP client's connection, from its first byte to its close: what it is doing, until when it may, and what comes
//! next. Reads and writes its own socket; never waits, never knows the lanes or other clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::net::sockopt;

use super::answers::Answer;
use super::request::{self, Head, Refusal};
use crate::admission::Pass;
use crate::counters::Counters;
use crate::handoff::Arrival;
use crate::wire::code::Code;

/// How long a request may take to be whole.
const REQUEST: Duration = Duration::from_secs(10);
/// How long the registry itself may take; only a bug comes near.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a client may take to read its answer.
const READING: Duration = Duration::from_secs(10);
/// How long, and how many bytes, a refused client is heard out, so that it reads the answer instead of a reset.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 2 * 1024 * 1024);
/// How much is read at a time.
const CHUNK: usize = 16 * 1024;

/// A client that speaks HTTP.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// Which of the door's ports it came through.
    pub(super) port: usize,
    /// When it is closed unless something happens.
    pub(super) deadline: Instant,
    phase: Phase,
    pass: Pass,
    counters: Arc<Counters>,
}

enum Phase {
    Request {
        received: Vec<u8>,
        head: Option<Head>,
    },
    /// The request is with the HTTP server.
    Waiting {
        more_was_sent: bool,
    },
    Answer {
        answer: Answer,
        sent: usize,
        more_was_sent: bool,
    },
    Lingering {
        discarded: usize,
        /// There may be much that it has yet to take: it has its answer's time, not the second of others.
        is_reading: bool,
    },
}

/// What the connection needs next.
pub(super) enum Next {
    /// To be told when it is readable.
    Readable,
    /// To be told when it is writable.
    Writable,
    /// An answer to this whole request.
    Answer { request: Vec<u8>, is_head: bool },
    /// To be closed.
    Close,
}

impl Connection {
    pub(super) fn new(arrival: Arrival, port: usize, counters: Arc<Counters>, now: Instant) -> Connection {
        let Arrival { stream, peer, pass } = arrival;
        // An answer that waits for a full segment waits for nothing.
        let _ = stream.set_nodelay(true);
        let phase = Phase::Request { received: Vec::new(), head: None };
        Connection { stream, peer, port, deadline: now + REQUEST, phase, pass, counters }
    }

    /// Goes on as far as it can without waiting.
    pub(super) fn step(&mut self, now: Instant) -> Next {
        match &mut self.phase {
            Phase::Request { received, .. } if self.pass.is_refusal() => {
                // No more of it is looked at than whether its answer may have a body, and nothing is waited for.
                let mut method = [0; b"HEAD ".len()];
                let count = self.stream.read(&mut method).unwrap_or_default();
                received.extend_from_slice(&method[..count]);
                let text = "there is no room for this connection now; try again later".into();
                self.refuse(&Refusal { code: Code::Unavailable, text }, now)
            }
            Phase::Request { .. } => self.read_request(now),
            Phase::Waiting { .. } => Next::Close, // It was asked about in vain: the client is gone.
            Phase::Answer { .. } => self.write_answer(now),
            Phase::Lingering { .. } => self.discard(),
        }
    }

    /// Notes that its deadline has passed.
    pub(super) fn is_late(&self) {
        let what = match self.phase {
            Phase::Request { .. } => "its HTTP request was not whole after 10 s",
            Phase::Waiting { .. } => "its answer was not ready after 10 s",
            Phase::Answer { .. } => "it did not read its answer within 10 s",
            Phase::Lingering { is_reading: true, .. } => "it did not take its answer within 10 s",
            Phase::Lingering { is_reading: false, .. } => "it did not close within 1 s of its answer",
        };
        log::debug!("closed {}: {what}", self.peer);
        match self.phase {
            // Whoever was answered has lost nothing by being closed.
            Phase::Lingering { is_reading: false, .. } => return,
            // What the kernel still keeps for it goes with the connection: several MiB, of everybody who doesn't read.
            Phase::Lingering { .. } | Phase::Answer { .. } => {
                let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
            }
            _ => {}
        }
        self.counters.timed_out.add();
    }

    /// Whether it has a large answer yet to read.
    pub(super) fn is_reading_much(&self) -> bool {
        matches!(&self.phase, Phase::Answer { answer, .. } if answer.is_large())
    }

    fn read_request(&mut self, now: Instant) -> Next {
        let Phase::Request { received, head } = &mut self.phase else { return Next::Close };
        loop {
            match advance(received, head) {
                Err(refusal) => return self.refuse(&refusal, now),
                Ok(Want::Nothing) => return self.ask(now),
                Ok(Want::Continue) => {
                    // A short line into an empty send buffer: what doesn't fit at once has no reader.
                    if self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
                        return Next::Close;
                    }
                }
                Ok(Want::Bytes) => {}
            }
            let start = received.len();
            received.resize(start + CHUNK, 0);
            let result = self.stream.read(&mut received[start..]);
            received.truncate(start + result.as_ref().map_or(0, |&count| count));
            match result {
                Ok(0) => {
                    let text = "the connection was half closed before the request was whole";
                    return self.refuse(&Refusal { code: Code::InvalidRequest, text: text.into() }, now);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Next::Readable,
                Err(_) => return Next::Close,
            }
        }
    }

    fn ask(&mut self, now: Instant) -> Next {
        let Phase::Request { received, head: Some(head) } = &mut self.phase else { return Next::Close };
        let end = head.length + head.body;
        let mut request = std::mem::take(&mut head.forwarded);
        request.extend_from_slice(&received[head.length..end]);
        let is_head = head.is_head;
        let more_was_sent = received.len() > end;
        self.phase = Phase::Waiting { more_was_sent };
        self.deadline = now + ANSWER;
        Next::Answer { request, is_head }
    }

    /// Sends the HTTP server's whole answer; `None` is a server that can't.
    pub(super) fn answer(&mut self, answer: Option<Answer>, now: Instant) -> Next {
        let Phase::Waiting { more_was_sent } = self.phase else { return Next::Close };
        let Some(mut answer) = answer else {
            let text = "the HTTP server can't answer now".into();
            return self.refuse(&Refusal { code: Code::Unavailable, text }, now);
        };
        answer.close_after();
        // A client that was refused may still be sending what nobody asked for, a body without a length for one.
        let refused = answer.rest(0).get(9).is_some_and(|&status| status >= b'4');
        self.send(answer, more_was_sent || refused, now)
    }

    fn refuse(&mut self, refusal: &Refusal, now: Instant) -> Next {
        log::debug!("refused {}: {}", self.peer, refusal.text);
        if refusal.code.is_bad_request() {
            self.counters.bad_requests.add();
        }
        let received = if let Phase::Request { received, .. } = &self.phase { &received[..] } else { &[] };
        let answer = Answer::small(refusal.answer(received, SystemTime::now()));
        self.send(answer, true, now)
    }

    fn send(&mut self, answer: Answer, more_was_sent: bool, now: Instant) -> Next {
        self.phase = Phase::Answer { answer, sent: 0, more_was_sent };
        self.deadline = now + READING;
        self.write_answer(now)
    }

    fn write_answer(&mut self, now: Instant) -> Next {
        let Phase::Answer { answer, sent, more_was_sent } = &mut self.phase else { return Next::Close };
        while !answer.rest(*sent).is_empty() {
            match self.stream.write(answer.rest(*sent)) {
                Ok(count) => *sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Next::Writable,
                Err(_) => return Next::Close,
            }
        }
        // Closing over unread bytes is a reset, which can take the answer from the client again.
        let (is_reading, more_was_sent) = (answer.is_large(), *more_was_sent);
        if !is_reading && !more_was_sent && self.nothing_unread() {
            return Next::Close;
        }
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return Next::Close;
        }
        self.phase = Phase::Lingering { discarded: 0, is_reading };
        if !is_reading {
            self.deadline = now + LINGER.0;
        }
        self.discard()
    }

    fn nothing_unread(&mut self) -> bool {
        let read = self.stream.read(&mut [0; 1]);
        matches!(read, Ok(0)) || read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    fn discard(&mut self) -> Next {
        let Phase::Lingering { discarded, .. } = &mut self.phase else { return Next::Close };
        let mut chunk = [0; CHUNK];
        while *discarded < LINGER.1 {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Next::Close,
                Ok(count) => *discarded += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Next::Readable,
                Err(_) => return Next::Close,
            }
        }
        Next::Close
    }
}

enum Want {
    Bytes,
    /// Bytes, which the client sends once it is told to.
    Continue,
    Nothing,
}

/// Looks at what was received so far.
fn advance(received: &[u8], head: &mut Option<Head>) -> Result<Want, Refusal> {
    let Some(head) = head else {
        *head = request::head(received)?;
        let Some(head) = head else { return Ok(Want::Bytes) };
        let missing = received.len() < head.length + head.body;
        return Ok(match (missing, head.expects_continue) {
            (false, _) => Want::Nothing,
            // RFC 9110, section 10.1.1: not where part of the body is there already.
            (true, true) if received.len() == head.length => Want::Continue,
            (true, _) => Want::Bytes,
        });
    };
    Ok(if received.len() < head.length + head.body { Want::Bytes } else { Want::Nothing })
}
