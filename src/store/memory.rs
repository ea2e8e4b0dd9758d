//! The in-memory backend: a `HashMap` behind a `RwLock`, bounded in bytes, and kept in a state file where there is one. Guards
//! never leave this file, and the map's lock is never held while anything is rendered or written to a disk.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::by_name::{ByName, cost};
use super::roster::{Changes, Roster};
use super::{Removed, Store, StoreError};
use crate::health::{Health, Trouble};
use crate::state::{Pen, State, line};
use crate::wire::registration::Kept;
use crate::wire::render::Rendered;
use crate::wire::shared::Shared;

/// Records in memory.
pub struct Memory {
    agents: Arc<RwLock<Agents>>,
    /// Changed only while `agents` is locked for writing, so that both always tell the same.
    ledger: Mutex<Ledger>,
    roster: Mutex<Roster>,
    health: Arc<Health>,
    max_bytes: u64,
    state: Option<Arc<State>>,
    /// Held by whoever writes, from before he looks until all is done: what he saw stays so while a disk takes its time.
    writing: Mutex<()>,
    /// Whether the state file didn't take what was last written.
    failing: AtomicBool,
}

/// Records, each its own key: it holds its name, and a lookup has one place less to fetch from.
type Agents = HashMap<ByName, ()>;

/// What is counted and noted of each change to the map.
#[derive(Default)]
struct Ledger {
    /// Names and records together.
    bytes: u64,
    /// Since the last list.
    changes: Changes,
}

impl Memory {
    /// An empty store of at most `max_bytes` of names and records, which tells `health` how many agents it holds.
    pub fn new(max_bytes: u64, health: Arc<Health>) -> Memory {
        let (agents, ledger, roster, writing, failing) = Default::default();
        Memory { agents, ledger, roster, health, max_bytes, state: None, writing, failing }
    }

    /// Does again what a line of the state file says, also where that is more than there is room for.
    pub fn restore(&self, kept: Kept) {
        match kept {
            Kept::Registered(record) => drop(self.insert(record)),
            Kept::Deregistered(name) => drop(self.take(&name)),
        }
    }

    /// From here on nothing is acknowledged before it is in `state`.
    pub fn keep_in(&mut self, state: Arc<State>) -> io::Result<()> {
        let agents = Arc::clone(&self.agents);
        state.keep_small(move || {
            let agents = agents.read().unwrap_or_else(PoisonError::into_inner);
            agents.keys().map(|record| record.0.clone()).collect()
        })?;
        self.state = Some(state);
        Ok(())
    }

    /// How many agents there are.
    pub fn agents(&self) -> usize {
        self.read().len()
    }

    fn insert(&self, record: Rendered) -> Option<Rendered> {
        let new_cost = cost(&record);
        let mut agents = self.write();
        let mut ledger = self.ledger();
        let old = agents.remove_entry(record.name()).map(|(old, ())| old.0);
        ledger.bytes = ledger.bytes - old.as_ref().map_or(0, cost) + new_cost;
        if old.is_none() {
            ledger.changes.came(&String::from_utf8_lossy(record.name()));
        }
        agents.insert(ByName(record), ());
        self.health.set_agents(agents.len());
        old
    }

    fn take(&self, name: &str) -> Option<Rendered> {
        let mut agents = self.write();
        let (ByName(old), ()) = agents.remove_entry(name.as_bytes())?;
        let mut ledger = self.ledger();
        ledger.bytes -= cost(&old);
        ledger.changes.went(name);
        self.health.set_agents(agents.len());
        Some(old)
    }

    /// Appends a line to the state file, where there is one. Its pen is to be held until what the line says is so.
    fn note(&self, line: impl FnOnce(&mut Vec<u8>)) -> Result<Option<Pen<'_>>, StoreError> {
        let Some(state) = &self.state else { return Ok(None) };
        let mut text = Vec::with_capacity(512);
        line(&mut text);
        let mut pen = state.pen();
        let written = pen.write(&text);
        self.tell_of(&written);
        match written {
            Ok(()) => Ok(Some(pen)),
            Err(error) => Err(StoreError::Unavailable(not_written(&error))),
        }
    }

    /// Tells health when the state file begins to fail, and the log too when it is good again; of each failure in between who asked
    /// is told.
    fn tell_of(&self, written: &io::Result<()>) {
        let Err(error) = written else {
            if self.failing.swap(false, Ordering::Relaxed) {
                self.health.set_trouble(None);
                log::info!("the state file can be written again, and registrations are taken");
            }
            return;
        };
        if !self.failing.swap(true, Ordering::Relaxed) {
            let why = not_written(error);
            let text = move |age: Duration| {
                format!("registrations are refused for {} s: {why}; lookups go on", age.as_secs())
            };
            let (since, text) = (Instant::now(), Box::new(text));
            let word = "registrations refused";
            self.health.set_trouble(Some(Trouble { since, ready: true, passing: false, word, text }));
        }
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A panic elsewhere can't leave the map half changed: each change is one call. So poison is passed over.
    fn read(&self) -> RwLockReadGuard<'_, Agents> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Agents> {
        self.agents.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_written(error: &io::Error) -> String {
    format!("the state file could not be written: {error}")
}

impl Store for Memory {
    fn put(&self, record: Rendered) -> Result<Option<Rendered>, StoreError> {
        let _writing = self.writing();
        let (old, new) =
            (self.read().get_key_value(record.name()).map_or(0, |(old, ())| cost(&old.0)), cost(&record));
        // A replacement that is no larger always fits, also where a state file held more than there is room for.
        if new > old && self.ledger().bytes - old + new > self.max_bytes {
            return Err(StoreError::Full { limit: self.max_bytes });
        }
        let _pen = self.note(|out| line::registered(out, &record))?;
        Ok(self.insert(record))
    }

    fn remove(&self, name: &str) -> Result<Option<Removed>, StoreError> {
        let _writing = self.writing();
        if !self.read().contains_key(name.as_bytes()) {
            return Ok(None);
        }
        let _pen = self.note(|out| line::deregistered(out, name))?;
        Ok(self.take(name).map(|old| Removed { old: Some(old) }))
    }

    fn get(&self, name: &str) -> Result<Option<Shared>, StoreError> {
        Ok(self.read().get_key_value(name.as_bytes()).map(|(record, ())| record.0.reply()))
    }

    fn list(&self) -> Result<Shared, StoreError> {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = mem::take(&mut self.ledger().changes);
        Ok(roster.list(&changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::slots::Slots;
    use crate::wire::render;
    use proptest::prelude::*;
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use time::OffsetDateTime;

    fn rendered(name: &str, host: &str) -> Rendered {
        let record = Record {
            agent_id: Cow::Borrowed(name),
            host: Cow::Borrowed(host),
            port: 1,
            health_check_port: None,
            agent_type: Cow::Borrowed("service"),
            capabilities: Cow::Borrowed("[]"),
            metadata: Cow::Borrowed("{}"),
        };
        render::record(&record, OffsetDateTime::UNIX_EPOCH)
    }

    fn store(max_bytes: u64) -> Memory {
        Memory::new(max_bytes, Arc::new(Health::new("memory", Slots::new(1, 1), Arc::default())))
    }

    #[test]
    fn the_limit_holds_for_new_names_and_for_larger_replacements() -> Result<(), StoreError> {
        let small = cost(&rendered("a", "h"));
        let memory = store(2 * small + 1);
        memory.put(rendered("a", "h"))?;
        memory.put(rendered("b", "h"))?;
        let full = StoreError::Full { limit: 2 * small + 1 };
        assert_eq!(memory.put(rendered("c", "h")).map(|_| ()), Err(full.clone()));
        memory.put(rendered("a", "hh"))?;
        assert_eq!(memory.put(rendered("b", "hh")).map(|_| ()), Err(full));
        memory.put(rendered("a", "h"))?;
        memory.put(rendered("b", "hh"))?;
        assert_eq!(memory.ledger().bytes, 2 * small + 1);
        assert_eq!(&*memory.list()?, br#"{"status":"success","agents":["a","b"]}"#);
        Ok(())
    }

    #[test]
    fn a_replacement_gives_back_what_was_there() -> Result<(), StoreError> {
        let memory = store(1 << 20);
        assert!(memory.put(rendered("a", "old"))?.is_none());
        let old = memory.put(rendered("a", "new"))?.expect("the old record");
        assert_eq!(old.endpoint(), rendered("a", "old").endpoint());
        let found = memory.get("a")?.expect("the new record");
        assert_eq!(*found, *rendered("a", "new").reply());
        assert!(memory.get("b")?.is_none());
        Ok(())
    }

    #[test]
    fn who_is_removed_is_gone_and_makes_room() -> Result<(), StoreError> {
        let memory = store(cost(&rendered("a", "h")));
        memory.put(rendered("a", "h"))?;
        assert!(memory.remove("b")?.is_none());
        let old = memory.remove("a")?.and_then(|removed| removed.old).expect("the record that was there");
        assert_eq!(old.reply().to_vec(), rendered("a", "h").reply().to_vec());
        assert!(memory.remove("a")?.is_none() && memory.get("a")?.is_none());
        assert_eq!(&*memory.list()?, br#"{"status":"success","agents":[]}"#);
        assert!(memory.put(rendered("b", "h"))?.is_none());
        assert_eq!(&*memory.list()?, br#"{"status":"success","agents":["b"]}"#);
        Ok(())
    }

    fn list_of<'a>(names: impl Iterator<Item = &'a String>) -> String {
        let names = serde_json::to_string(&names.collect::<Vec<_>>()).expect("JSON");
        format!(r#"{{"status":"success","agents":{names}}}"#)
    }

    /// More than a hash table's group of slots, so that names meet others whose hashes look alike.
    #[test]
    fn many_agents_are_kept_apart() -> Result<(), StoreError> {
        let memory = store(1 << 24);
        let names: Vec<String> = (10_000..15_000).map(|number| number.to_string()).collect();
        for name in &names {
            assert!(memory.put(rendered(name, name))?.is_none(), "{name}");
        }
        for name in &names {
            let found = memory.get(name)?.map(|reply| reply.to_vec());
            assert_eq!(found, Some(rendered(name, name).reply().to_vec()), "{name}");
        }
        assert_eq!(std::str::from_utf8(&memory.list()?), Ok(list_of(names.iter()).as_str()));
        Ok(())
    }

    /// Puts the same record into both, which must take or refuse it alike.
    fn put_into_both(memory: &Memory, model: &mut BTreeMap<String, Rendered>, name: &str, host: &str) {
        let record = rendered(name, host);
        let held: u64 = model.values().map(cost).sum();
        let freed = model.get(name).map_or(0, cost);
        let fits = held - freed + cost(&record) <= memory.max_bytes;
        let put = memory.put(record.clone()).map(|old| old.map(|old| old.reply().to_vec()));
        if fits {
            let old = model.insert(name.to_owned(), record).map(|old| old.reply().to_vec());
            assert_eq!(put, Ok(old), "{name} at {host}");
        } else {
            assert_eq!(put, Err(StoreError::Full { limit: memory.max_bytes }), "{name} at {host}");
        }
    }

    proptest! {
        #[test]
        fn it_is_a_bounded_map(
            steps in prop::collection::vec(("[a-c]{1,2}", prop::option::weighted(0.7, "h{1,40}"), any::<bool>()), 0..60)
        ) {
            let memory = store(8 * cost(&rendered("a", "h")));
            let mut model = BTreeMap::new();
            for (name, host, listed) in steps {
                match host {
                    Some(host) => put_into_both(&memory, &mut model, &name, &host),
                    None => {
                        let removed = memory.remove(&name).expect("an answer");
                        let removed = removed.and_then(|removed| removed.old).map(|old| old.reply().to_vec());
                        prop_assert_eq!(removed, model.remove(&name).map(|old| old.reply().to_vec()));
                    }
                }
                if listed {
                    let list = memory.list().expect("a list");
                    prop_assert_eq!(std::str::from_utf8(&list)?, list_of(model.keys()));
                }
            }
            for name in ["a", "b", "c", "aa", "ab", "cc"] {
                let found = memory.get(name).expect("an answer").map(|reply| reply.to_vec());
                prop_assert_eq!(found, model.get(name).map(|record| record.reply().to_vec()));
            }
            prop_assert_eq!(memory.ledger().bytes, model.values().map(cost).sum::<u64>());
        }
    }
}
