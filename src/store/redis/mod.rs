//! The Redis backend: records in a Redis that other instances share, and a mirror of them here. Requests come in, and look
//! into the mirror or ask Redis by a connection that the follower has opened; they never connect, and never wait for a Redis
//! that doesn't answer longer than one of them. docs/architecture.md, "Behind Redis", has the invariants by number.

mod bells;
mod fetch;
mod follower;
mod freshness;
mod keys;
mod mirror;
mod news;
mod reach;
mod replicas;
mod telling;
mod way;
mod writes;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Cmd, Value, cmd};

use super::{Removed, Store, StoreError};
use crate::announcer::{Announcer, Reminder};
use crate::health::Health;
use crate::link::resp::MAX_STRING;
use crate::link::subscription::Told;
use crate::link::{Failure, accepted};
use crate::wire::registration;
use crate::wire::render::Rendered;
use crate::wire::shared::Shared as Bytes;
use fetch::Strangers;
use follower::Follower;
use keys::Keys;
use mirror::{Fetched, Mirror, NEVER, Seen};
use news::Phase;
use reach::Reach;
use replicas::{REPLICA_LIMIT, replicas, wait};
use telling::telling;
pub use way::Way;

/// How long a list waits for what has been told to be fetched.
const LIST_LIMIT: Duration = Duration::from_millis(400);
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
}

impl Redis {
    /// Starts to follow the Redis of `settings`. Returns at once, whether Redis is there or not; `health` tells.
    pub fn start(settings: Settings, health: &Arc<Health>, announcer: Announcer) -> io::Result<Redis> {
        let Settings { way, prefix, reads, min_replicas, max_bytes } = settings;
        let mirror = Arc::new(Mirror::new(max_bytes, Arc::clone(health)));
        health.forget_agents();
        let place = way.url.to_string();
        let reach = Reach::new(telling(place.clone(), reads, Arc::clone(&mirror), Arc::clone(health)))?;
        let shared = Arc::new(Shared {
            keys: Keys::new(&prefix),
            mirror,
            reach,
            place,
            reads,
            min_replicas,
            full: Reminder::default(),
        });
        let follower = Follower {
            shared: Arc::clone(&shared),
            way,
            strangers: Strangers::new(announcer),
            fetched: Instant::now(),
            pinged: Instant::now(),
            told: Vec::new(),
            told_untracked: false,
            greeted: false,
        };
        thread::Builder::new().name("follower".into()).spawn(move || follower.follow())?;
        Ok(Redis { shared, writing: Mutex::default(), max_bytes })
    }

    /// The record of `name` as Redis has it now.
    fn ask_for(&self, name: &str) -> Result<Option<Bytes>, Failure> {
        if self.is_too_long_still(name)? {
            return Ok(None);
        }
        let mut replies = self.ask(&[cmd("GET").arg(self.shared.keys.key(name)).to_owned()])?;
        let record = match accepted(replies.pop().unwrap_or_default()) {
            Ok(Value::BulkString(json)) => self.read(name, &json),
            Ok(Value::Nil) => None,
            Ok(_) => return Err(Failure::Malformed),
            Err(failure) if failure.is_wrong_type() => None,
            Err(failure) => return Err(failure),
        };
        if !self.shared.reach.is_tracked() {
            // Nobody tells of changes, so this is what will be known when Redis is gone.
            let seen = record.clone().map_or(Fetched::Nothing, |record| Fetched::Record(record, NEVER));
            self.shared.mirror.note(self.shared.mirror.era(), vec![(name.into(), seen)]);
        }
        Ok(record.map(|record| record.reply()))
    }

    /// Whether `name` has a value that was too long to be a record, and is: it isn't sent again for each who asks.
    fn is_too_long_still(&self, name: &str) -> Result<bool, Failure> {
        if !matches!(self.shared.mirror.look(name, self.shared.reach.now()), Seen::TooLong) {
            return Ok(false);
        }
        let length = self.ask(&[cmd("STRLEN").arg(self.shared.keys.key(name)).to_owned()])?.pop();
        Ok(matches!(length, Some(Value::Int(length)) if length > MAX_STRING as i64))
    }

    /// Most often it is what the mirror has, rendered already.
    fn read(&self, name: &str, json: &[u8]) -> Option<Rendered> {
        let last = self.shared.mirror.last(name);
        let same = last.filter(|last| json.split_first() == Some((&b'{', last.members())));
        same.or_else(|| registration::stored(name, json).ok())
    }

    fn ask(&self, commands: &[Cmd]) -> Result<Vec<Value>, Failure> {
        self.shared.reach.ask(commands)
    }

    /// Has Redis do it, and as many replicas as are asked for. Who asks here for that name from then on asks Redis, until it
    /// is fetched. After an error it may have been done.
    fn write(&self, name: &str, command: Cmd, record: Option<Rendered>) -> Result<Value, StoreError> {
        self.reachable()?;
        let Shared { reach, mirror, min_replicas, .. } = &*self.shared;
        if reach.writes.is_short() {
            return Err(self.refused(&reach.why()));
        }
        if reach.writes.is_barred(reach.now()) {
            return Err(self.refused(&"it did not answer the last one"));
        }
        let mut commands = vec![command];
        if *min_replicas > 0 {
            commands.push(wait(*min_replicas, REPLICA_LIMIT));
        }
        // What is noted last is what Redis did last.
        let in_turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.ask(&commands).map_err(|failure| {
            if matches!(failure, Failure::Silent(_)) {
                reach.writes.bar(reach.now());
            }
            self.unavailable(&failure)
        });
        let mut replies = asked?.into_iter();
        let done = accepted(replies.next().unwrap_or_default());
        match &done {
            Ok(_) => mirror.wrote(name, record),
            Err(_) => mirror.mark([name]),
        }
        drop(in_turn);
        reach.bells.ring();
        let done = done.map_err(|failure| {
            reach.refuse(failure.to_string(), false);
            self.refused(&failure)
        })?;
        if *min_replicas > 0 {
            let replicas = replicas(replies.next().unwrap_or_default());
            self.shared.refuse_without(replicas);
            if replicas < *min_replicas {
                return Err(self.refused(&self.shared.too_few(replicas)));
            }
        } else {
            reach.accept();
        }
        Ok(done)
    }

    fn refused(&self, why: &dyn std::fmt::Display) -> StoreError {
        StoreError::Unavailable(format!("{} takes nothing that is written: {why}", self.shared.place))
    }

    fn reachable(&self) -> Result<(), StoreError> {
        if self.shared.reach.phase().is_reachable() {
            return Ok(());
        }
        let why = self.shared.reach.why();
        Err(self.unavailable(&if why.is_empty() { "not connected yet".to_owned() } else { why }))
    }

    fn unavailable(&self, why: &dyn std::fmt::Display) -> StoreError {
        StoreError::Unavailable(format!("{} is out of reach: {why}", self.shared.place))
    }

    fn last_known(&self, name: &str, why: &dyn std::fmt::Display) -> Result<Option<Bytes>, StoreError> {
        match self.shared.mirror.look(name, self.shared.reach.now()) {
            Seen::Known(reply) | Seen::Old(reply) | Seen::Marked(reply) => Ok(Some(reply)),
            Seen::TooLong => Ok(None),
            Seen::Nothing => Err(self.unavailable(why)),
        }
    }

    /// Whether what was told, and is fetched, is all that Redis did before now.
    fn catch_up(&self) -> bool {
        let Shared { reach, mirror, .. } = &*self.shared;
        let now = Instant::now();
        let end = now + LIST_LIMIT;
        let told = match self.shared.reads {
            Reads::Mirror => reach.is_fresh(reach.now()),
            Reads::Redis => false,
        };
        if !told && !reach.wait_to_hear(now, end) {
            return false;
        }
        self.shared.take_in();
        reach.wait_to_settle(mirror.marks(), end)
    }
}

impl Store for Redis {
    fn put(&self, record: Rendered) -> Result<Option<Rendered>, StoreError> {
        let Shared { mirror, keys, .. } = &*self.shared;
        if self.shared.reach.phase().is_reachable() && !mirror.has_room(&record) {
            return Err(StoreError::Full { limit: self.max_bytes });
        }
        let name = String::from_utf8_lossy(record.name());
        let old = mirror.last(&name);
        let json = [b"{", record.members()].concat();
        self.write(&name, cmd("SET").arg(keys.key(&name)).arg(json).to_owned(), Some(record.clone()))?;
        Ok(old)
    }

    fn remove(&self, name: &str) -> Result<Option<Removed>, StoreError> {
        let old = self.shared.mirror.last(name);
        let removed = self.write(name, cmd("DEL").arg(self.shared.keys.key(name)).to_owned(), None)?;
        Ok((removed != Value::Int(0)).then_some(Removed { old }))
    }

    fn get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let Shared { reach, mirror, .. } = &*self.shared;
        if self.shared.reads == Reads::Redis {
            self.reachable()?;
            return self.ask_for(name).map_err(|failure| self.unavailable(&failure));
        }
        if !reach.phase().is_reachable() {
            return self.last_known(name, &reach.why());
        }
        self.shared.take_in();
        let now = reach.now();
        let fresh = reach.is_fresh(now);
        match mirror.look(name, now) {
            Seen::Known(reply) if fresh => Ok(Some(reply)),
            Seen::Old(reply) if reach.was_fresh(now) => Ok(Some(reply)),
            Seen::TooLong if fresh => Ok(None),
            _ => self.ask_for(name).or_else(|failure| self.last_known(name, &failure)),
        }
    }

    fn list(&self) -> Result<Bytes, StoreError> {
        let Shared { reach, mirror, .. } = &*self.shared;
        let caught_up = match reach.phase() {
            Phase::Live => self.catch_up(),
            // Where nobody tells of changes, a list is what is read for it.
            Phase::Loading if !reach.is_tracked() => self.catch_up(),
            Phase::Loading if mirror.is_void() => {
                reach.wait_to_live(Instant::now() + LIST_LIMIT) && self.catch_up()
            }
            _ => false,
        };
        if !caught_up && (self.shared.reads == Reads::Redis || !mirror.is_complete()) {
            self.reachable()?;
            return Err(self.unavailable(&"its records are being read"));
        }
        Ok(mirror.list(reach.now()))
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
    }
}
