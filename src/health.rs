//! What this process knows of its own health, to be told at any moment: the health object of docs/protocol.md. Stores
//! write into it, every transport reads it; it never asks a store, never waits for a lock that a request may hold.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use time::OffsetDateTime;

use crate::wire::render;
use crate::wire::reply::{Body, Reply};

/// The daemon's version, as `--version` and the health object tell it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is known without asking.
pub struct Health {
    started: Instant,
    backend: &'static str,
    agents: AtomicUsize,
}

impl Health {
    /// The health of a process that starts now with the backend of this name.
    pub fn new(backend: &'static str) -> Health {
        Health { started: Instant::now(), backend, agents: AtomicUsize::new(0) }
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
                r#""version":"{}","uptime_seconds":{},"backend":"{}","agents":{}}}"#
            ),
            render::timestamp(now),
            VERSION,
            self.started.elapsed().as_secs(),
            self.backend,
            self.agents.load(Ordering::Relaxed),
        );
        Reply::success(Body::Owned(object.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_starts_as_checkers_expect() {
        let health = Health::new("memory");
        health.set_agents(3);
        let reply = health.reply(OffsetDateTime::UNIX_EPOCH);
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let start = concat!(
            r#"{"status":"ok","message":"ServiceRegistry is healthy","timestamp":"1970-01-01T00:00:00.000Z","#,
            r#""ready":true,"version":"0."#
        );
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with(r#""uptime_seconds":0,"backend":"memory","agents":3}"#), "{text}");
    }
}
