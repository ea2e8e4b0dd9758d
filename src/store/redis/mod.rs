//! The Redis backend: records in a Redis that other instances share, and a mirror of them here. Put together in this file, with
//! what requests and the follower share; docs/architecture.md, "Behind Redis", has the invariants by number.

mod bells;
mod entries;
mod fetch;
mod follower;
mod freshness;
mod keys;
mod lookout;
mod mirror;
mod news;
mod reach;
mod replicas;
mod requests;
mod telling;
mod way;
mod writes;

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime};

use crate::announcer::{Announcer, Reminder};
use crate::health::Health;
use crate::link::subscription::Told;
use crate::state::State;
use crate::wire::registration::Kept;
use fetch::Strangers;
use follower::Follower;
use keys::Keys;
use mirror::{Fetched, Mirror};
use reach::Reach;
use telling::Telling;
pub use way::Way;

/// How many records are noted while lookups wait.
const NOTED_AT_ONCE: usize = 100;

/// What lookups read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The mirror, at most as old as the link to Redis is slow.
    Mirror,
    /// Redis, each time.
    Redis,
}

/// What the backend is made with.
pub struct Settings {
    /// Where Redis is.
    pub way: Way,
    /// What all keys begin with; not empty.
    pub prefix: String,
    /// What lookups read.
    pub reads: Reads,
    /// How many replicas must have a registration before it is acknowledged.
    pub min_replicas: u32,
    /// The most bytes of names and records in the mirror.
    pub max_bytes: u64,
}

/// Records in Redis.
pub struct Redis {
    shared: Arc<Shared>,
    /// Held from a write to the note of it.
    writing: Mutex<()>,
    max_bytes: u64,
    way: Way,
    /// When the state file was last written that all knowledge is from, while that is so.
    written: Arc<Mutex<Option<SystemTime>>>,
}

/// What requests and the follower share.
struct Shared {
    keys: Keys,
    mirror: Arc<Mirror>,
    reach: Reach,
    /// Where Redis is, for a person, without anything secret.
    place: String,
    /// What lookups read.
    reads: Reads,
    /// How many replicas must have what is written.
    min_replicas: u32,
    /// Warns of records that the mirror has no room for.
    full: Reminder,
    /// Where what is known is written down, if anywhere.
    state: OnceLock<Arc<State>>,
    /// Warns where that fails.
    unwritten: Reminder,
}

impl Redis {
    /// The store that `settings` describe, of which nobody knows anything yet; `health` tells.
    pub fn new(settings: Settings, health: &Arc<Health>) -> io::Result<Redis> {
        let Settings { way, prefix, reads, min_replicas, max_bytes } = settings;
        let mirror = Arc::new(Mirror::new(max_bytes, Arc::clone(health)));
        health.forget_agents();
        let place = way.url.to_string();
        let written = Arc::default();
        let telling = Telling {
            place: place.clone(),
            reads,
            mirror: Arc::clone(&mirror),
            health: Arc::clone(health),
            written: Arc::clone(&written),
        };
        let reach = Reach::new(telling.tell())?;
        let shared = Arc::new(Shared {
            keys: Keys::new(&prefix),
            mirror,
            reach,
            place,
            reads,
            min_replicas,
            full: Reminder::default(),
            state: OnceLock::new(),
            unwritten: Reminder::default(),
        });
        Ok(Redis { shared, writing: Mutex::default(), max_bytes, way, written })
    }

    /// Notes what a line of the state file says, which is what was last known.
    pub fn restore(&self, kept: Kept) {
        self.shared.mirror.restore(kept);
    }

    /// Keeps in `state`, which was last written at that moment, what is known from here on. Until Redis has been read, what it
    /// held is what is known.
    pub fn keep_in(&self, state: Arc<State>, written: SystemTime) -> io::Result<()> {
        let mirror = Arc::clone(&self.shared.mirror);
        state.keep_small(move || mirror.held())?;
        if self.shared.mirror.is_complete() {
            *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
            self.shared.reach.know_already();
        }
        // Nobody sets it twice.
        let _ = self.shared.state.set(state);
        Ok(())
    }

    /// How many agents are known.
    pub fn agents(&self) -> usize {
        self.shared.mirror.agents()
    }

    /// Starts to follow Redis. Returns at once, whether Redis is there or not.
    pub fn follow(&self, announcer: Announcer) -> io::Result<()> {
        let follower = Follower {
            shared: Arc::clone(&self.shared),
            way: self.way.clone(),
            strangers: Strangers::new(announcer),
            fetched: Instant::now(),
            pinged: Instant::now(),
            told: Vec::new(),
            told_untracked: false,
            greeted: false,
        };
        thread::Builder::new().name("follower".into()).spawn(move || follower.follow())?;
        Ok(())
    }
}

impl Shared {
    /// Takes in what Redis has told: from then on those names are asked for, until the follower has fetched them.
    fn take_in(&self) {
        let any = self.reach.take_in(|told| match told {
            Told::Keys(keys) => self.mirror.mark(keys.iter().filter_map(|key| self.keys.name(key))),
            Told::Everything => drop(self.mirror.begin_era(true)),
            Told::UpTo(_) => {}
        });
        if any {
            self.reach.bells.ring();
        }
    }

    /// Notes what was fetched.
    fn note(&self, era: u32, mut answers: Vec<(Box<str>, Fetched)>) {
        let mut unheld = 0;
        while !answers.is_empty() {
            let some = answers.split_off(answers.len().saturating_sub(NOTED_AT_ONCE));
            unheld += self.mirror.note(era, some);
        }
        if unheld > 0 {
            self.full.warn(Instant::now(), || {
                "not all records of others fit into --max-bytes: each lookup of one that does not asks Redis".into()
            });
        }
        self.write_down();
    }

    /// Notes that all records are known, as Redis has them.
    fn complete(&self) {
        self.mirror.complete();
        let Some(state) = self.state.get() else { return };
        if self.mirror.collect_lines() {
            // It held what was known before, or nothing.
            state.renew();
        }
    }

    /// Tells the state file what has changed. It is of no use to those who are answered now, so none of them waits for it, and
    /// none is refused for it.
    fn write_down(&self) {
        let Some(state) = self.state.get() else { return };
        let lines = self.mirror.take_lines();
        if lines.is_empty() {
            return;
        }
        if let Err(error) = state.pen().write(&lines) {
            self.unwritten.warn(Instant::now(), || {
                format!("the state file could not be written: {error}; what it holds is old")
            });
            state.renew();
        }
    }
}
