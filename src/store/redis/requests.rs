//! What requests do: look into the mirror, or ask Redis by the connection that the follower has opened. They never connect, and
//! never wait for a Redis that doesn't answer longer than one of them.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use redis::{Cmd, Value, cmd};

use super::mirror::{Fetched, NEVER, Seen};
use super::news::Phase;
use super::replicas::{REPLICA_LIMIT, replicas, wait};
use super::{Reads, Redis, Shared};
use crate::link::resp::MAX_STRING;
use crate::link::{Failure, accepted};
use crate::store::{Removed, Store, StoreError};
use crate::wire::registration;
use crate::wire::render::Rendered;
use crate::wire::shared::Shared as Bytes;

/// How long a list waits for what has been told to be fetched.
const LIST_LIMIT: Duration = Duration::from_millis(400);

impl Redis {
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
