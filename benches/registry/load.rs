//! The role `load`: one thread that asks a server over many connections and measures the answers. The same code
//! asks the registry and what it is held against; it never knows which.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use crate::agents::{Question, Requests};
use crate::connections::Connections;
use crate::dial::source;
use crate::dialect::Dialect;
use crate::dialogue::Dialogue;
use crate::inspect::{self, ThreadTimes};
use crate::peer::Peer;
use crate::sample::{Sample, Tally};

/// Not counted: caches settle.
pub(crate) const WARM_UP: Duration = Duration::from_millis(100);
/// To fill a registry is bounded by the number of agents, and by this.
const LONGEST: Duration = Duration::from_secs(120);
/// So long, at most, a server may still be busy with connections that have gone before the next one is measured.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// How connections are used.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// They stay; each has `window` requests under way (1: lockstep).
    Kept { connections: usize, window: usize },
    /// Each serves one request: connect, handshake, ask, read, close.
    Fresh { at_once: usize },
    /// The same over HTTP.
    Http { at_once: usize },
}

impl Shape {
    pub(crate) const fn connections(self) -> usize {
        match self {
            Self::Kept { connections, .. } => connections,
            Self::Fresh { at_once } | Self::Http { at_once } => at_once,
        }
    }

    pub(crate) const fn window(self) -> usize {
        match self {
            Self::Kept { window, .. } => window,
            Self::Fresh { .. } | Self::Http { .. } => 1,
        }
    }

    const fn is_kept(self) -> bool {
        matches!(self, Self::Kept { .. })
    }

    const fn dialect(self) -> Dialect {
        match self {
            Self::Http { .. } => Dialect::Http,
            _ if self.window() > 1 => Dialect::Zmtp(Dialogue::new("DEALER")),
            _ => Dialect::Zmtp(Dialogue::new("REQ")),
        }
    }
}

/// Everything a load generator is told.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) shape: Shape,
    pub(crate) question: Question,
    /// How many agents it asks about.
    pub(crate) agents: u32,
    /// The size that every reply must have.
    pub(crate) reply_bytes: usize,
    pub(crate) duration: Duration,
}

impl Order {
    /// One connection's start. Those that stay may be more than an address may hold.
    fn connect(&self, target: SocketAddrV4, slot: usize) -> io::Result<Peer> {
        let source = if self.shape.is_kept() { source(1, slot) } else { Ipv4Addr::LOCALHOST };
        Peer::connect(source, target, self.shape.dialect())
    }

    fn tally(&self) -> Tally {
        let now = Instant::now();
        let (from, until) = match self.question {
            Question::Fill => (now, now + LONGEST),
            Question::Lookup | Question::Register => (now + WARM_UP, now + WARM_UP + self.duration),
        };
        Tally::new(self.reply_bytes, from, until)
    }
}

/// The server that is asked: where, and which process it is.
pub(crate) struct Target {
    pub(crate) address: SocketAddrV4,
    pub(crate) pid: u32,
}

/// Runs the order to its end; any wrong answer ends it with an error. What the server has to do for connections that
/// stay to come and to go is not counted.
pub(crate) fn run(target: &Target, order: &Order) -> io::Result<Sample> {
    let mut connections = Connections::new(order.shape.connections())?;
    if order.shape.is_kept() {
        connections.open(order.shape.connections(), |slot| order.connect(target.address, slot))?;
    }
    let before = ThreadTimes::of(target.pid);
    let seed = u64::from(std::process::id()) << 20;
    let requests = Requests::new(order.question, order.agents, seed);
    let mut load = Load {
        target: target.address,
        order,
        requests,
        is_exhausted: false,
        tally: order.tally(),
        connections,
    };
    load.begin()?;
    let mut ready = Vec::with_capacity(order.shape.connections());
    while load.is_busy() {
        load.connections.wait(&mut ready)?;
        for slot in ready.drain(..) {
            load.serve(slot)?;
        }
    }
    let processor = ThreadTimes::of(target.pid).since(&before);
    let sample = load.tally.finish(processor, inspect::resident_bytes(target.pid));
    drop(load.connections);
    inspect::await_rest(target.pid, LONGEST_REST);
    Ok(sample)
}

struct Load<'a> {
    target: SocketAddrV4,
    order: &'a Order,
    requests: Requests,
    is_exhausted: bool,
    tally: Tally,
    connections: Connections,
}

impl Load<'_> {
    fn begin(&mut self) -> io::Result<()> {
        for slot in 0..self.order.shape.connections() {
            if self.order.shape.is_kept() {
                self.ask(slot, self.order.shape.window())?;
            } else {
                self.replace(slot)?;
            }
        }
        Ok(())
    }

    /// Over when there is nothing more to ask and each request has its reply.
    fn is_busy(&self) -> bool {
        !self.is_finished() || self.connections.are_waiting()
    }

    fn is_finished(&self) -> bool {
        self.is_exhausted || self.tally.is_over()
    }

    /// Takes what a connection has for us, and asks again.
    fn serve(&mut self, slot: usize) -> io::Result<()> {
        let was_open = self.connections.peer(slot).is_open();
        let mut answered = 0;
        self.connections.receive(slot, |reply, asked| {
            answered += 1;
            self.tally.take(reply, asked)
        })?;
        if self.order.shape.is_kept() {
            return self.ask(slot, answered);
        }
        if answered > 0 {
            return if self.is_finished() { self.connections.let_go(slot) } else { self.replace(slot) };
        }
        let just_opened = self.connections.peer(slot).is_open() && !was_open;
        self.ask(slot, usize::from(just_opened))
    }

    fn ask(&mut self, slot: usize, count: usize) -> io::Result<()> {
        let peer = self.connections.peer(slot);
        let asked = if self.order.shape.is_kept() { Instant::now() } else { peer.began() };
        for _ in 0..count {
            if self.is_exhausted || self.tally.is_over() {
                break;
            }
            match self.requests.next_body() {
                Some(body) => peer.ask(body.as_bytes(), asked),
                None => self.is_exhausted = true,
            }
        }
        self.connections.send(slot)
    }

    /// A new connection, which asks at once where nothing has to be heard first.
    fn replace(&mut self, slot: usize) -> io::Result<()> {
        let peer = self.order.connect(self.target, slot)?;
        let is_open = peer.is_open();
        self.connections.put(slot, peer)?;
        if is_open { self.ask(slot, 1) } else { Ok(()) }
    }
}
