//! A registry that knows its agents, and the orders that a load generator may have about them.

use std::time::Duration;

use crate::agents::{self, AGENTS, Question};
use crate::ask;
use crate::children::{self, Server};
use crate::load::{Order, Shape};
use crate::redis_server::RedisServer;

pub(crate) struct Filled {
    pub(crate) server: Server,
    agents: u32,
    /// What one lookup is answered with.
    lookup_bytes: usize,
}

impl Filled {
    /// Starts a registry with `more` flags, and registers each of so many agents.
    pub(crate) fn start(name: &str, agents: u32, more: &[&str]) -> Self {
        Self::fill(Server::registry(name, more), agents)
    }

    /// The same of another build, as it is by default.
    pub(crate) fn of(program: &str, name: &str, agents: u32) -> Self {
        Self::fill(Server::of(program, name, &[]), agents)
    }

    fn fill(server: Server, agents: u32) -> Self {
        let filled = Self { server, agents, lookup_bytes: 0 };
        let order = filled.order(Shape::Kept { connections: 4, window: 16 }, Question::Fill, Duration::ZERO);
        let answered = children::load(&order, &filled.server).replies;
        assert_eq!(answered, agents as usize, "registrations answered");
        filled.answering()
    }

    /// Starts a registry with `more` flags that finds all agents in `redis`.
    pub(crate) fn behind(redis: &RedisServer, name: &str, more: &[&str]) -> Self {
        let server = Server::behind(redis, name, more);
        Self { server, agents: AGENTS, lookup_bytes: 0 }.answering()
    }

    fn answering(self) -> Self {
        let lookup = ask::ask(self.server.address(), &agents::lookup(0)).expect("the first lookup");
        Self { lookup_bytes: lookup.len(), ..self }
    }

    /// To ask its agents, or whoever answers as it does.
    pub(crate) fn order(&self, shape: Shape, question: Question, duration: Duration) -> Order {
        let reply_bytes = match question {
            Question::Lookup => self.lookup_bytes,
            Question::Register | Question::Fill => agents::PLAIN_SUCCESS.len(),
        };
        Order { shape, question, agents: self.agents, reply_bytes, duration }
    }
}
