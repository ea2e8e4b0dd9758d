//! The role `load`: one thread that asks a ZMTP server over many connections and measures the answers. The same
//! code asks the registry and a bare echo; it never knows which.

use std::io;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::agents::{Question, Requests};
use crate::peer::Peer;
use crate::sample::{Sample, Tally};

/// Not counted: connections and caches settle.
const WARM_UP: Duration = Duration::from_millis(100);
/// A server that says nothing for so long is broken.
const SILENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// To fill a registry is bounded by the number of agents, and by this.
const LONGEST: Duration = Duration::from_secs(60);

/// How connections are used.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// They stay; each has `window` requests under way (1: lockstep).
    Kept { connections: usize, window: usize },
    /// Each serves one request: connect, handshake, ask, read, close.
    Fresh { at_once: usize },
}

impl Shape {
    const fn connections(self) -> usize {
        match self {
            Self::Kept { connections, .. } => connections,
            Self::Fresh { at_once } => at_once,
        }
    }

    const fn window(self) -> usize {
        match self {
            Self::Kept { window, .. } => window,
            Self::Fresh { .. } => 1,
        }
    }

    const fn socket_type(self) -> &'static str {
        if self.window() == 1 { "REQ" } else { "DEALER" }
    }
}

/// Everything a load generator is told.
pub(crate) struct Order {
    pub(crate) target: SocketAddrV4,
    pub(crate) shape: Shape,
    pub(crate) question: Question,
    /// The size that every reply must have.
    pub(crate) reply_bytes: usize,
    pub(crate) duration: Duration,
}

/// Runs the order to its end; any wrong answer ends it with an error.
pub(crate) fn run(order: &Order) -> io::Result<Sample> {
    let mut load = Load::start(order)?;
    while load.is_busy() {
        load.turn()?;
    }
    Ok(load.tally.finish())
}

struct Load<'a> {
    order: &'a Order,
    requests: Requests,
    is_exhausted: bool,
    tally: Tally,
    epoll: OwnedFd,
    peers: Vec<Peer>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

impl<'a> Load<'a> {
    fn start(order: &'a Order) -> io::Result<Self> {
        let now = Instant::now();
        let (from, until) = match order.question {
            Question::Fill => (now, now + LONGEST),
            Question::Lookup | Question::Register => (now + WARM_UP, now + WARM_UP + order.duration),
        };
        let connections = order.shape.connections();
        let mut load = Self {
            order,
            requests: Requests::new(order.question, u64::from(std::process::id()) << 20),
            is_exhausted: false,
            tally: Tally::new(order.reply_bytes, from, until),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            peers: Vec::with_capacity(connections),
            events: Vec::with_capacity(connections),
            buffer: vec![0; 64 * 1024],
        };
        for slot in 0..connections {
            let peer = load.connect(slot)?;
            load.peers.push(peer);
        }
        Ok(load)
    }

    /// Over when there is nothing more to ask and each request has its reply: the server is left idle for
    /// whoever is measured next.
    fn is_busy(&self) -> bool {
        !self.is_finished() || self.peers.iter().any(Peer::is_waiting)
    }

    fn is_finished(&self) -> bool {
        self.is_exhausted || self.tally.is_over()
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut events = std::mem::take(&mut self.events);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&SILENCE)) {
            Ok(0) => return Err(self.silence()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            self.serve(event.data.u64() as usize)?;
        }
        self.events = events;
        Ok(())
    }

    fn silence(&self) -> io::Error {
        let outstanding: usize = self.peers.iter().map(Peer::outstanding).sum();
        let waiting = self.peers.iter().filter(|peer| peer.is_waiting()).count();
        io::Error::other(format!(
            "nothing came for {} s: {waiting} connections wait, {outstanding} replies are missing",
            SILENCE.tv_sec
        ))
    }

    fn connect(&self, slot: usize) -> io::Result<Peer> {
        let mut peer = Peer::connect(self.order.target, self.order.shape.socket_type())?;
        let interest = peer.changed_interest().unwrap_or(epoll::EventFlags::IN);
        epoll::add(&self.epoll, &peer, epoll::EventData::new_u64(slot as u64), interest)?;
        Ok(peer)
    }

    /// Takes what a connection has for us, and asks again.
    fn serve(&mut self, slot: usize) -> io::Result<()> {
        let peer = &mut self.peers[slot];
        let was_open = peer.is_open();
        let mut answered = 0;
        peer.receive(&mut self.buffer, |reply, asked| {
            answered += 1;
            self.tally.take(reply, asked)
        })?;
        if answered > 0 && matches!(self.order.shape, Shape::Fresh { .. }) {
            return self.replace(slot);
        }
        let just_opened = peer.is_open() && !was_open;
        self.ask(slot, if just_opened { self.order.shape.window() } else { answered })?;
        self.watch(slot)
    }

    fn ask(&mut self, slot: usize, count: usize) -> io::Result<()> {
        let peer = &mut self.peers[slot];
        let asked = match self.order.shape {
            Shape::Kept { .. } => Instant::now(),
            Shape::Fresh { .. } => peer.began(),
        };
        for _ in 0..count {
            if self.is_exhausted || self.tally.is_over() {
                break;
            }
            match self.requests.next_body() {
                Some(body) => peer.ask(body.as_bytes(), asked),
                None => self.is_exhausted = true,
            }
        }
        peer.flush()
    }

    /// The next connection in the place of one that had its answer; dropping that one closes it.
    fn replace(&mut self, slot: usize) -> io::Result<()> {
        if !self.is_finished() {
            self.peers[slot] = self.connect(slot)?;
        }
        Ok(())
    }

    fn watch(&mut self, slot: usize) -> io::Result<()> {
        let peer = &mut self.peers[slot];
        if let Some(interest) = peer.changed_interest() {
            epoll::modify(&self.epoll, &*peer, epoll::EventData::new_u64(slot as u64), interest)?;
        }
        Ok(())
    }
}
