//! What this process knows of its own health, to be told at any moment: the health object of docs/protocol.md. Stores
//! write into it, every transport reads it; it never asks a store, never waits for a lock that a request may hold.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::bell::Bell;
use crate::counters::Counters;
use crate::quote::count;
use crate::slots::Slots;
use crate::wire::code::Code;
use crate::wire::render;
use crate::wire::reply::{Body, Outcome, Reply};

/// The daemon's version, as `--version` and the health object tell it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a store can't do at the moment.
pub struct Trouble {
    /// Since when.
    pub since: Instant,
    /// Whether lookups are answered all the same.
    pub ready: bool,
    /// Whether that is only because nobody knows yet whether anything is wrong.
    pub passing: bool,
    /// How the store is, in a word or two.
    pub word: &'static str,
    /// What a person should know, told of how long it has lasted.
    pub text: Box<dyn Fn(Duration) -> String + Send>,
}

/// Where nobody has counted yet.
const UNKNOWN: usize = usize::MAX;

/// What is known without asking.
pub struct Health {
    started: Instant,
    backend: &'static str,
    agents: AtomicUsize,
    trouble: Mutex<Option<Trouble>>,
    connections: Arc<Slots>,
    counters: Arc<Counters>,
}

impl Health {
    /// The health of a process that starts now with the backend of this name, where `connections` are the registry port's.
    pub fn new(backend: &'static str, connections: Arc<Slots>, counters: Arc<Counters>) -> Health {
        let (started, agents, trouble) = (Instant::now(), AtomicUsize::new(0), Mutex::default());
        Health { started, backend, agents, trouble, connections, counters }
    }

    /// Notes that nobody knows how many agents there are.
    pub fn forget_agents(&self) {
        self.set_agents(UNKNOWN);
    }

    /// Notes what is wrong with the store, or that nothing is. The lock is held for no longer than that takes.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        self.bell().ring();
    }

    /// What rings when anything changes that [`status`](Health::status) tells.
    pub fn bell(&self) -> &Bell {
        self.connections.bell()
    }

    /// Whether it is known where the store stands, well or not.
    pub fn is_settled(&self) -> bool {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().is_none_or(|trouble| !trouble.passing)
    }

    /// How it is, in a line for a person: `1,204 agents, redis live, 37 peers`.
    pub fn status(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match trouble.as_ref().map(|trouble| trouble.word) {
            Some(word) => Some(word),
            None if self.backend == "redis" => Some("redis live"),
            None => None,
        };
        drop(trouble);
        let agents = match self.agents.load(Ordering::Relaxed) {
            UNKNOWN => None,
            agents => Some(count(agents, "agent")),
        };
        let peers = count(self.connections.open(), "peer");
        let parts = [agents.as_deref(), store, Some(peers.as_str())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Whether lookups are answered.
    pub fn is_ready(&self) -> bool {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().is_none_or(|trouble| trouble.ready)
    }

    /// Status and message, as JSON strings, and whether lookups are answered.
    fn standing(&self) -> (&'static str, String, bool) {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match &*trouble {
            None => ("ok", r#""ServiceRegistry is healthy""#.into(), true),
            Some(trouble) => {
                let mut message = Vec::new();
                render::string(&mut message, &(trouble.text)(trouble.since.elapsed()));
                ("degraded", String::from_utf8_lossy(&message).into_owned(), trouble.ready)
            }
        }
    }

    /// Notes how many agents a lookup would find.
    pub fn set_agents(&self, agents: usize) {
        if self.agents.swap(agents, Ordering::Relaxed) != agents {
            self.bell().ring();
        }
    }

    /// The health object as a reply, at `now`.
    pub fn reply(&self, now: OffsetDateTime) -> Reply {
        let (status, message, ready) = self.standing();
        let agents = self.agents.load(Ordering::Relaxed);
        let object = format!(
            concat!(
                r#"{{"status":"{}","message":{},"timestamp":"{}","ready":{},"#,
                r#""version":"{}","uptime_seconds":{},"backend":"{}","agents":{},"connections":{}}}"#
            ),
            status,
            message,
            render::timestamp(now),
            ready,
            VERSION,
            self.started.elapsed().as_secs(),
            self.backend,
            if agents == UNKNOWN { "null".into() } else { agents.to_string() },
            self.connections(),
        );
        let outcome = if ready { Outcome::Success } else { Outcome::Failure(Code::Unavailable) };
        Reply { outcome, body: Body::Owned(object.into_bytes()) }
    }

    fn connections(&self) -> String {
        let Counters { refused, timed_out, bad_requests, lost_replies, accept_pauses } = &*self.counters;
        format!(
            concat!(
                r#"{{"open":{},"limit":{},"refused":{},"timed_out":{},"bad_requests":{},"#,
                r#""lost_replies":{},"accept_pauses":{}}}"#
            ),
            self.connections.open(),
            self.connections.limit(),
            refused.get(),
            timed_out.get(),
            bad_requests.get(),
            lost_replies.get(),
            accept_pauses.get(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_starts_as_checkers_expect() {
        let counters = Arc::new(Counters::default());
        let health = Health::new("memory", Slots::new(7, 4), Arc::clone(&counters));
        health.set_agents(3);
        counters.lost_replies.add();
        let reply = health.reply(OffsetDateTime::UNIX_EPOCH);
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let start = concat!(
            r#"{"status":"ok","message":"ServiceRegistry is healthy","timestamp":"1970-01-01T00:00:00.000Z","#,
            r#""ready":true,"version":"0."#
        );
        assert!(text.starts_with(start), "{text}");
        let end = concat!(
            r#""uptime_seconds":0,"backend":"memory","agents":3,"connections":{"open":0,"limit":7,"refused":0,"#,
            r#""timed_out":0,"bad_requests":0,"lost_replies":1,"accept_pauses":0}}"#
        );
        assert!(text.ends_with(end), "{text}");
    }
}
