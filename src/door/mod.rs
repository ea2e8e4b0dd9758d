//! The door: one thread that serves every HTTP connection of both ports, from the checked head to the close, and gives
//! whole requests to tiny_http over its lanes. Also keeps the gates' deadlines. Never parses JSON, never sees ZMTP.

mod answers;
mod connection;
mod inbox;
mod lanes;
mod request;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::allocator;
use crate::counters::Counters;
use crate::handoff::{self, Arrival, Gate};
use crate::stop::Stop;
use answers::{Answer, Answers};
use connection::{Connection, Next};
pub use inbox::Inbox;
pub use lanes::open as open_lanes;
use lanes::{Answered, Ask, Lanes};

/// Event data of the inbox; lanes follow, connections start at [`FIRST_CONNECTION`].
const INBOX: u64 = 0;
const FIRST_CONNECTION: u64 = 1 << 16;
/// How many events are taken at once.
const EVENTS: usize = 64;
/// How long clients may go on after the stop has begun.
const FAREWELL: Duration = Duration::from_millis(400);
/// How long after a crowd of peers has left its memory is given back; libzmq needs a moment to clear up.
const CLEARING: Duration = Duration::from_secs(1);

/// The door, before its thread runs.
pub struct Door {
    epoll: OwnedFd,
    inbox: Arc<Inbox>,
    ports: Vec<Port>,
    connections: HashMap<u64, Watched>,
    deadlines: BTreeSet<(Instant, u64)>,
    next_token: u64,
    answered: Vec<Answered>,
    answers: Answers,
    counters: Arc<Counters>,
    clear_at: Option<Instant>,
}

struct Port {
    gate: Arc<Gate>,
    lanes: Lanes,
    lane_data: std::ops::Range<u64>,
}

struct Watched {
    connection: Connection,
    /// What epoll tells of it; `None`: it isn't there.
    interest: Option<EventFlags>,
}

impl Door {
    /// A door for the gates that send to `inbox`; the order of `ports` is the inbox's numbering.
    pub fn new(
        inbox: Arc<Inbox>,
        ports: Vec<(Arc<Gate>, Vec<UnixStream>)>,
        counters: Arc<Counters>,
    ) -> io::Result<Door> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, inbox.bell(), EventData::new_u64(INBOX), EventFlags::IN)?;
        let mut first = INBOX + 1;
        let mut opened = Vec::with_capacity(ports.len());
        for (gate, streams) in ports {
            let lane_data = first..first + streams.len() as u64;
            first = lane_data.end;
            let lanes = Lanes::new(streams, &epoll, lane_data.start)?;
            opened.push(Port { gate, lanes, lane_data });
        }
        Ok(Door {
            epoll,
            inbox,
            ports: opened,
            connections: HashMap::new(),
            deadlines: BTreeSet::new(),
            next_token: FIRST_CONNECTION,
            answered: Vec::new(),
            answers: Answers::default(),
            counters,
            clear_at: None,
        })
    }

    /// Serves until `stop` has begun and the last client is gone, or the farewell is over.
    pub fn serve(mut self, stop: &Stop) -> io::Result<()> {
        let mut farewell = None;
        loop {
            let now = Instant::now();
            let due = self.expire(now);
            if stop.begun() && farewell.is_none() {
                farewell = Some(now + FAREWELL);
            }
            if farewell.is_some_and(|end| self.is_done() || end <= now) {
                return Ok(());
            }
            if self.ports.iter().any(|port| port.lanes.are_lost()) {
                return Err(io::Error::other("an HTTP server has lost its last lane"));
            }
            self.wait(due.into_iter().chain(farewell).min(), now)?;
        }
    }

    /// Whether nobody is here, nor on the way here. In this order: who leaves a gate is in the inbox at once.
    fn is_done(&self) -> bool {
        self.ports.iter().all(|port| port.gate.is_quiet())
            && self.inbox.is_empty()
            && self.connections.is_empty()
    }

    /// Closes what is overdue, and says when to come back.
    fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some(&(deadline, token)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.remove(&(deadline, token));
            if let Some(late) = self.connections.remove(&token) {
                late.connection.is_late();
            }
        }
        if handoff::has_crowd_left() {
            self.clear_at = Some(now + CLEARING);
        }
        if self.clear_at.take_if(|at| *at <= now).is_some() {
            allocator::give_back_now();
        }
        let gates = self.ports.iter().filter_map(|port| port.gate.sweep(now)).min();
        gates
            .into_iter()
            .chain(self.clear_at)
            .chain(self.deadlines.first().map(|(deadline, _)| *deadline))
            .min()
    }

    fn wait(&mut self, until: Option<Instant>, now: Instant) -> io::Result<()> {
        let timeout = until.map(|until| timespec(until.saturating_duration_since(now)));
        let mut events = [MaybeUninit::<Event>::uninit(); EVENTS];
        let events = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let now = Instant::now();
        for event in events {
            match event.data.u64() {
                INBOX => self.take_in(now),
                token if token >= FIRST_CONNECTION => self.step(token, now),
                lane => self.lane(lane),
            }
            self.deliver(now);
        }
        Ok(())
    }

    fn take_in(&mut self, now: Instant) {
        for (port, arrival) in self.inbox.take() {
            self.welcome(port, arrival, now);
        }
    }

    fn welcome(&mut self, port: usize, arrival: Arrival, now: Instant) {
        let token = self.next_token;
        self.next_token += 1;
        let connection = Connection::new(arrival, port, Arc::clone(&self.counters), now);
        self.deadlines.insert((connection.deadline, token));
        self.connections.insert(token, Watched { connection, interest: None });
        self.step(token, now);
    }

    fn step(&mut self, token: u64, now: Instant) {
        self.advance(token, |connection| connection.step(now));
    }

    fn lane(&mut self, data: u64) {
        if let Some(port) = self.ports.iter_mut().find(|port| port.lane_data.contains(&data)) {
            port.lanes.ready(data, &self.epoll, &mut self.answered);
        }
    }

    fn deliver(&mut self, now: Instant) {
        while let Some(Answered { token, answer }) = self.answered.pop() {
            let answer = answer.map(|answer| self.answers.take_in(answer));
            let is_large = answer.as_ref().is_some_and(Answer::is_large);
            self.advance(token, |connection| connection.answer(answer, now));
            while is_large && self.answers.are_over_budget() && self.give_up_oldest() {}
        }
    }

    /// Closes the client that has been reading a large answer for longest; false where there is none.
    fn give_up_oldest(&mut self) -> bool {
        let reading = |token: &u64| {
            self.connections.get(token).is_some_and(|watched| watched.connection.is_reading_much())
        };
        let oldest = self.deadlines.iter().find(|(_, token)| reading(token)).copied();
        let Some((deadline, token)) = oldest else { return false };
        self.deadlines.remove(&(deadline, token));
        if let Some(Watched { connection, .. }) = self.connections.remove(&token) {
            self.counters.lost_replies.add();
            log::debug!("closed {}: too many large answers wait to be read", connection.peer);
        }
        true
    }

    /// Lets a connection take one step, and does what it needs next.
    fn advance(&mut self, token: u64, take: impl FnOnce(&mut Connection) -> Next) {
        // It may have been closed by its deadline, or while its answer was under way.
        let Some(watched) = self.connections.get_mut(&token) else { return };
        let before = watched.connection.deadline;
        let next = take(&mut watched.connection);
        let after = watched.connection.deadline;
        if after != before {
            self.deadlines.remove(&(before, token));
            self.deadlines.insert((after, token));
        }
        let watching = match &next {
            Next::Readable => watched.watch(&self.epoll, token, Some(EventFlags::IN)),
            Next::Writable => watched.watch(&self.epoll, token, Some(EventFlags::OUT)),
            Next::Answer { .. } => watched.watch(&self.epoll, token, None),
            Next::Close => Err(Errno::CONNABORTED),
        };
        let port = watched.connection.port;
        if watching.is_err() {
            self.deadlines.remove(&(after, token));
            self.connections.remove(&token);
            return;
        }
        if let Next::Answer { request, is_head } = next {
            let ask = Ask { token, request, is_head };
            self.ports[port].lanes.ask(ask, &self.epoll, &mut self.answered);
        }
    }
}

impl Watched {
    fn watch(&mut self, epoll: &OwnedFd, token: u64, interest: Option<EventFlags>) -> Result<(), Errno> {
        let stream = &self.connection.stream;
        let data = EventData::new_u64(token);
        match (self.interest, interest) {
            (before, after) if before == after => {}
            (None, Some(flags)) => epoll::add(epoll, stream, data, flags)?,
            (Some(_), Some(flags)) => epoll::modify(epoll, stream, data, flags)?,
            // A client that hangs up while it is being answered would otherwise wake us without end.
            (_, None) => epoll::delete(epoll, stream)?,
        }
        self.interest = interest;
        Ok(())
    }
}

/// A wait, rounded up to the next millisecond: waking too early would mean waiting twice.
fn timespec(wait: Duration) -> Timespec {
    let wait = wait + Duration::from_millis(1);
    Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_millis()) * 1_000_000 }
}
