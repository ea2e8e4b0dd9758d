//! The stream of changes: Redis tells which keys below a prefix were touched (CLIENT TRACKING in BCAST mode), and answers a
//! PING behind all that it told before. Keys and pongs out; knows neither records nor what is done about a change.
//!
//! The tracking connection redirects to itself. With a second one for the messages, killing the first would silence the
//! stream without an error; this way whatever ends it is the end of the socket.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use redis::{Value, cmd};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::resp::Said;
use super::{Failure, Link, accepted};

/// Where Redis publishes invalidations for a RESP2 connection.
const CHANNEL: &str = "__redis__:invalidate";
/// More unanswered PINGs than anybody sends.
const MAX_PINGS: usize = 64;

/// What Redis told.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// These keys were written, removed or have expired.
    Keys(Vec<Vec<u8>>),
    /// Any key may have changed: FLUSHDB, FLUSHALL.
    Everything,
    /// All that Redis did before this moment has been told.
    UpTo(Instant),
}

/// A subscribed connection. Nothing here ever waits.
pub struct Subscription {
    link: Link,
    /// PINGs under way, and when each was sent.
    pings: VecDeque<(u64, Instant)>,
    next_ping: u64,
    /// Tells whether there is anything to read.
    epoll: OwnedFd,
    /// Whether all that came has been read, below an encryption as well: only then epoll tells the whole truth.
    dry: bool,
}

/// Whether a server tracks keys for us.
pub enum Tracking {
    /// It does.
    On(Subscription),
    /// It refused, as proxies and some other servers do; why.
    Refused(Failure),
}

impl Subscription {
    /// Turns `link` into the stream of changes to keys that begin with `prefix`, byte for byte.
    pub fn open(mut link: Link, prefix: &str) -> Result<Tracking, Failure> {
        let id = match link.ask(cmd("CLIENT").arg("ID")) {
            Ok(Value::Int(id)) => id,
            Ok(_) => return Err(Failure::Malformed),
            Err(failure) if failure.is_about_the_command() => return Ok(Tracking::Refused(failure)),
            Err(failure) => return Err(failure),
        };
        let mut tracking = cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("REDIRECT").arg(id).arg("BCAST").arg("PREFIX").arg(prefix);
        match link.ask(&tracking) {
            Ok(_) => {}
            Err(failure) if failure.is_about_the_command() => return Ok(Tracking::Refused(failure)),
            Err(failure) => return Err(failure),
        }
        match link.ask(cmd("SUBSCRIBE").arg(CHANNEL)) {
            Ok(_) => {}
            Err(failure) if failure.is_about_the_command() => return Ok(Tracking::Refused(failure)),
            Err(failure) => return Err(failure),
        }
        link.socket.wait_for_nothing().map_err(|error| link.failed(&error))?;
        let epoll = watch(&link).map_err(|error| link.failed(&error.into()))?;
        Ok(Tracking::On(Subscription { link, pings: VecDeque::new(), next_ping: 0, epoll, dry: false }))
    }

    /// Hands on what has come since the last time.
    pub fn take_in(&mut self, mut told: impl FnMut(Told)) -> Result<(), Failure> {
        if self.dry && !self.is_told() {
            return Ok(());
        }
        self.dry = false;
        loop {
            while let Some(said) = self.link.inbox.take().map_err(|_| Failure::Malformed)? {
                match said {
                    Said::Value(value) => match accepted(value) {
                        Ok(value) => told(self.meaning(value)?),
                        Err(failure) => told(self.refused(failure)?),
                    },
                    Said::TooLong(_) => return Err(Failure::Malformed),
                }
            }
            match self.link.inbox.fill(&mut self.link.socket) {
                Ok(0) => return Err(Failure::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.dry = true;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.link.failed(&error)),
            }
        }
    }

    /// Whether there is anything to read. Every lookup asks, so it matters that this takes a third of the time of a read that
    /// finds nothing. Whoever writes to the socket has it on epoll's list before his write returns, so nothing is missed that a
    /// read would find.
    fn is_told(&self) -> bool {
        let mut event =
            [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }];
        let told = epoll::wait(&self.epoll, &mut event, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        told != Ok(0)
    }

    fn meaning(&mut self, value: Value) -> Result<Told, Failure> {
        let Value::Array(mut parts) = value else { return Err(Failure::Malformed) };
        let (content, kind) = (parts.pop(), parts.first());
        match (kind, content) {
            (Some(Value::BulkString(kind)), Some(content)) if kind == b"message" => keys(content),
            (Some(Value::BulkString(kind)), Some(Value::BulkString(number))) if kind == b"pong" => {
                self.pong(&number)
            }
            _ => Err(Failure::Malformed),
        }
    }

    fn pong(&mut self, number: &[u8]) -> Result<Told, Failure> {
        let (expected, sent) = self.pings.pop_front().ok_or(Failure::Malformed)?;
        if expected.to_string().as_bytes() != number {
            return Err(Failure::Malformed);
        }
        Ok(Told::UpTo(sent))
    }

    /// Nothing but PING is ever asked here, and Redis refuses that too while it can't write to its disk (MISCONF). A refusal
    /// stands in its place among what is told, so it says as much as a pong.
    fn refused(&mut self, failure: Failure) -> Result<Told, Failure> {
        match self.pings.pop_front() {
            Some((_, sent)) if !failure.is_fatal() => Ok(Told::UpTo(sent)),
            _ => Err(failure),
        }
    }

    /// Sends a PING at `now`; its answer is [`Told::UpTo`].
    pub fn ping(&mut self, now: Instant) -> Result<(), Failure> {
        if self.pings.len() >= MAX_PINGS {
            return Err(Failure::Silent(self.link.limit));
        }
        self.link.send(&cmd("PING").arg(self.next_ping).get_packed_command())?;
        self.pings.push_back((self.next_ping, now));
        self.next_ping += 1;
        Ok(())
    }

    /// When the oldest PING was sent that hasn't been answered.
    pub fn waits_since(&self) -> Option<Instant> {
        self.pings.front().map(|(_, sent)| *sent)
    }
}

impl AsFd for Subscription {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

fn watch(link: &Link) -> Result<OwnedFd, Errno> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, link, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    Ok(epoll)
}

fn keys(content: Value) -> Result<Told, Failure> {
    match content {
        Value::Nil => Ok(Told::Everything),
        Value::Array(keys) => keys.into_iter().map(key).collect::<Result<_, _>>().map(Told::Keys),
        _ => Err(Failure::Malformed),
    }
}

fn key(value: Value) -> Result<Vec<u8>, Failure> {
    match value {
        Value::BulkString(key) => Ok(key),
        _ => Err(Failure::Malformed),
    }
}
