//! How many replicas have what was written, by Redis's own count (WAIT): a write is acknowledged only where they are enough,
//! and where they aren't, none is tried until the follower has seen that they are.

use std::time::Duration;

use redis::{Cmd, Value, cmd};

use super::Shared;
use crate::link::{Failure, Link};

/// How long a write waits for replicas.
pub(super) const REPLICA_LIMIT: Duration = Duration::from_millis(100);
/// How long the follower does, when it looks whether they are back.
const PROBE_LIMIT: Duration = Duration::from_millis(20);

impl Shared {
    /// How many replicas have all that Redis has, as far as is asked for.
    pub(super) fn count_replicas(&self, link: &mut Link) -> Result<u32, Failure> {
        if self.min_replicas == 0 {
            return Ok(0);
        }
        // WAIT is about what its connection did last; a command that reads makes that the present.
        let replies = link.ask_all(&[cmd("ROLE"), wait(self.min_replicas, PROBE_LIMIT)])?;
        Ok(replicas(replies.into_iter().next_back().unwrap_or_default()))
    }

    /// Refuses writes where too few replicas have what was written.
    pub(super) fn refuse_without(&self, replicas: u32) {
        match replicas < self.min_replicas {
            true => self.reach.refuse(self.too_few(replicas), true),
            false if self.min_replicas > 0 => self.reach.accept(),
            false => {}
        }
    }

    pub(super) fn too_few(&self, replicas: u32) -> String {
        format!("{replicas} replicas have it, of {} that must (--redis-min-replicas)", self.min_replicas)
    }
}

/// Waits until so many replicas have what this connection did last, for `limit` at most; Redis answers how many do.
pub(super) fn wait(replicas: u32, limit: Duration) -> Cmd {
    cmd("WAIT").arg(replicas).arg(limit.as_millis() as u64).to_owned()
}

pub(super) fn replicas(reply: Value) -> u32 {
    match reply {
        Value::Int(count) => u32::try_from(count).unwrap_or(0),
        _ => 0,
    }
}
