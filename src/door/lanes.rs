//! The lanes to a tiny_http server: a few connected socket pairs over which the door sends one whole, checked request at
//! a time and reads the whole answer at once, so that no client ever holds up a handler. Knows tokens, not clients.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType};

/// How long a lane's first answer may take. It needs a millisecond on an idle machine.
const TRIAL_TIME: Duration = Duration::from_secs(5);
/// How much of an answer is read at a time.
const CHUNK: usize = 64 * 1024;

/// `count` lanes, and the listener from which tiny_http accepts their other ends, and nothing else ever.
///
/// tiny_http takes connections from a listener only, and a listener has a name that any process of the host could connect
/// to. So its queue has room for exactly our lanes, they fill it, and it is shut down before anybody accepts: Linux then
/// refuses new connections and still hands out the queued ones (unix(7); af_unix.c, unix_stream_connect, unix_accept).
pub fn open(count: usize) -> io::Result<(UnixListener, Vec<UnixStream>)> {
    let listener = socket()?;
    rustix::net::bind(&listener, &SocketAddrUnix::new_unnamed())?;
    // The kernel lets one more wait than the backlog says.
    rustix::net::listen(&listener, count as i32 - 1)?;
    let name = rustix::net::getsockname(&listener)?;
    let mut lanes = Vec::with_capacity(count);
    for _ in 0..count {
        let lane = socket()?;
        rustix::io::ioctl_fionbio(&lane, true)?;
        // Would block: somebody else has taken a place, and must not be accepted.
        rustix::net::connect(&lane, &name)?;
        lanes.push(UnixStream::from(lane));
    }
    rustix::net::shutdown(&listener, Shutdown::Both)?;
    Ok((listener.into(), lanes))
}

/// Shows that the server behind `lanes` answers on each of them, before anybody is told that it does.
fn prove(lanes: &[UnixStream]) -> io::Result<()> {
    for mut lane in lanes {
        lane.set_nonblocking(false)?;
        lane.set_read_timeout(Some(TRIAL_TIME))?;
        lane.write_all(b"GET /livez HTTP/1.1\r\n\r\n")?;
        let mut answer = Vec::new();
        while answer_length(&answer, false)?.is_none_or(|length| answer.len() < length) {
            let mut chunk = [0; 1024];
            match lane.read(&mut chunk)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => answer.extend_from_slice(&chunk[..count]),
            }
        }
        lane.set_nonblocking(true)?;
    }
    Ok(())
}

fn socket() -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// One request for tiny_http.
pub(super) struct Ask {
    /// Whom the answer is for.
    pub(super) token: u64,
    /// Head and body.
    pub(super) request: Vec<u8>,
    /// It was HEAD: the answer ends with its head.
    pub(super) is_head: bool,
}

/// What came back; `None` when a lane broke.
pub(super) struct Answered {
    pub(super) token: u64,
    pub(super) answer: Option<Vec<u8>>,
}

/// A server's lanes, and the requests that wait for one.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    waiting: VecDeque<Ask>,
}

struct Lane {
    stream: UnixStream,
    data: u64,
    work: Option<Work>,
    /// The request fills the lane; epoll tells when there is room.
    blocked: bool,
}

struct Work {
    ask: Ask,
    sent: usize,
    answer: Vec<u8>,
    /// The answer's whole length, once its head is there.
    length: Option<usize>,
}

impl Lanes {
    /// Tries each of `streams` and watches it in `epoll`, with event data from `first` on.
    pub(super) fn new(streams: Vec<UnixStream>, epoll: &OwnedFd, first: u64) -> io::Result<Lanes> {
        prove(&streams)?;
        let mut lanes = Vec::with_capacity(streams.len());
        for (index, stream) in streams.into_iter().enumerate() {
            let data = first + index as u64;
            epoll::add(epoll, &stream, EventData::new_u64(data), EventFlags::IN)?;
            lanes.push(Lane { stream, data, work: None, blocked: false });
        }
        Ok(Lanes { lanes, waiting: VecDeque::new() })
    }

    /// Sends `ask` over a free lane, or keeps it until one is free. What can't be answered at all goes to `answered`.
    pub(super) fn ask(&mut self, ask: Ask, epoll: &OwnedFd, answered: &mut Vec<Answered>) {
        self.waiting.push_back(ask);
        self.dispatch(epoll, answered);
    }

    /// Takes an event of the lane with this event data; what is answered by it goes to `answered`.
    pub(super) fn ready(&mut self, data: u64, epoll: &OwnedFd, answered: &mut Vec<Answered>) {
        let Some(index) = self.lanes.iter().position(|lane| lane.data == data) else { return };
        let lane = &mut self.lanes[index];
        match lane.send(epoll).and_then(|()| lane.receive()) {
            Ok(whole) => answered.extend(whole),
            Err(error) => self.lose(index, &error, answered),
        }
        self.dispatch(epoll, answered);
    }

    /// Whether there is none left.
    pub(super) fn are_lost(&self) -> bool {
        self.lanes.is_empty()
    }

    fn dispatch(&mut self, epoll: &OwnedFd, answered: &mut Vec<Answered>) {
        while let Some(index) = self.lanes.iter().position(|lane| lane.work.is_none()) {
            let Some(ask) = self.waiting.pop_front() else { return };
            let lane = &mut self.lanes[index];
            lane.work = Some(Work { ask, sent: 0, answer: Vec::new(), length: None });
            if let Err(error) = lane.send(epoll) {
                self.lose(index, &error, answered);
            }
        }
        if self.lanes.is_empty() {
            // Without a lane nobody would ever answer.
            answered.extend(self.waiting.drain(..).map(|ask| Answered { token: ask.token, answer: None }));
        }
    }

    fn lose(&mut self, index: usize, error: &io::Error, answered: &mut Vec<Answered>) {
        log::error!("this is a bug, please report it: a lane to the HTTP server is lost: {error}");
        let lane = self.lanes.swap_remove(index);
        answered.extend(lane.work.map(|work| Answered { token: work.ask.token, answer: None }));
    }
}

impl Lane {
    fn send(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        let Some(work) = &mut self.work else { return Ok(()) };
        while work.sent < work.ask.request.len() {
            match self.stream.write(&work.ask.request[work.sent..]) {
                Ok(sent) => work.sent += sent,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    epoll::modify(
                        epoll,
                        &self.stream,
                        EventData::new_u64(self.data),
                        EventFlags::IN | EventFlags::OUT,
                    )?;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        if std::mem::take(&mut self.blocked) {
            epoll::modify(epoll, &self.stream, EventData::new_u64(self.data), EventFlags::IN)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Option<Answered>> {
        loop {
            let Some(work) = &mut self.work else { return self.idle() };
            if work.is_done()? {
                let work = self.work.take();
                return Ok(work.map(|work| Answered { token: work.ask.token, answer: Some(work.answer) }));
            }
            let start = work.answer.len();
            work.answer.resize(start + work.wanted(), 0);
            let received = self.stream.read(&mut work.answer[start..]);
            work.answer.truncate(start + received.as_ref().map_or(0, |&count| count));
            match received {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Nothing may come on a lane that wasn't asked.
    fn idle(&mut self) -> io::Result<Option<Answered>> {
        match self.stream.read(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Err(io::Error::other("bytes that nobody asked for")),
            Err(error) => Err(error),
        }
    }
}

impl Work {
    /// How much to read next: all that is missing, where that is known.
    fn wanted(&self) -> usize {
        self.length.map_or(4096, |length| length - self.answer.len()).clamp(1, CHUNK)
    }

    /// Whether the answer is whole, and the request as well: a server may answer what it has not read to its end.
    fn is_done(&mut self) -> io::Result<bool> {
        if self.length.is_none() {
            self.length = answer_length(&self.answer, self.ask.is_head)?;
            if let Some(length) = self.length {
                self.answer.reserve_exact(length.saturating_sub(self.answer.len()));
            }
        }
        let whole = self.length.is_some_and(|length| self.answer.len() >= length);
        Ok(whole && self.sent == self.ask.request.len())
    }
}

/// The length of the answer that starts with `received`; `None` while its head isn't whole.
fn answer_length(received: &[u8], is_head: bool) -> io::Result<Option<usize>> {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut answer = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head) = answer.parse(received).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let length = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case("Content-Length"));
    let length = length.and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<usize>().ok());
    match length {
        Some(length) => Ok(Some(head + if is_head { 0 } else { length })),
        None => Err(io::Error::other("an answer without a length")),
    }
}
