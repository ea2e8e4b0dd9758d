//! What this process knows of its own health, to be told at any moment: the health object of docs/protocol.md. Stores
//! write into it, every transport reads it; it never asks a store, never waits for a lock that a request may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use time::OffsetDateTime;

use crate::counters::Counters;
use crate::slots::Slots;
use crate::wire::render;
use crate::wire::reply::{Body, Reply};

/// The daemon's version, as `--version` and the health object tell it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is known without asking.
pub struct Health {
    started: Instant,
    backend: &'static str,
    agents: AtomicUsize,
    connections: Arc<Slots>,
    counters: Arc<Counters>,
}

impl Health {
    /// The health of a process that starts now with the backend of this name, where `connections` are the registry port's.
    pub fn new(backend: &'static str, connections: Arc<Slots>, counters: Arc<Counters>) -> Health {
        Health { started: Instant::now(), backend, agents: AtomicUsize::new(0), connections, counters }
    }

    /// Notes how many agents a lookup would find.
    pub fn set_agents(&self, agents: usize) {
        self.agents.store(agents, Ordering::Relaxed);
    }

    /// The health object as a reply, at `now`.
    pub fn reply(&self, now: OffsetDateTime) -> Reply {
        let object = format!(
            concat!(
                r#"{{"status":"ok","message":"ServiceRegistry is healthy","timestamp":"{}","ready":true,"#,
                r#""version":"{}","uptime_seconds":{},"backend":"{}","agents":{},"connections":{}}}"#
            ),
            render::timestamp(now),
            VERSION,
            self.started.elapsed().as_secs(),
            self.backend,
            self.agents.load(Ordering::Relaxed),
            self.connections(),
        );
        Reply::success(Body::Owned(object.into_bytes()))
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
