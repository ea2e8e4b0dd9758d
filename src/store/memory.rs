//! The in-memory backend: a `HashMap` behind a `RwLock`, bounded in bytes. Guards never leave this file, and the map's
//! lock is never held while anything is rendered.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::by_name::{ByName, cost};
use super::roster::{Changes, Roster};
use super::{Removed, Store, StoreError};
use crate::health::Health;
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
        let (agents, ledger, roster) = Default::default();
        Memory { agents, ledger, roster, health, max_bytes }
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

impl Store for Memory {
    fn put(&self, record: Rendered) -> Result<Option<Rendered>, StoreError> {
        let new_cost = cost(&record);
        let mut agents = self.write();
        let mut ledger = self.ledger();
        let old_cost = agents.get_key_value(record.name()).map_or(0, |(old, ())| cost(&old.0));
        let bytes = ledger.bytes - old_cost + new_cost;
        // What is there never exceeds the limit, so a replacement that is no larger always fits.
        if bytes > self.max_bytes {
            return Err(StoreError::Full { limit: self.max_bytes });
        }
        ledger.bytes = bytes;
        let old = agents.remove_entry(record.name()).map(|(old, ())| old.0);
        if old.is_none() {
            ledger.changes.came(&String::from_utf8_lossy(record.name()));
        }
        agents.insert(ByName(record), ());
        self.health.set_agents(agents.len());
        Ok(old)
    }

    fn remove(&self, name: &str) -> Result<Option<Removed>, StoreError> {
        let mut agents = self.write();
        let Some((ByName(old), ())) = agents.remove_entry(name.as_bytes()) else { return Ok(None) };
        let mut ledger = self.ledger();
        ledger.bytes -= cost(&old);
        ledger.changes.went(name);
        self.health.set_agents(agents.len());
        Ok(Some(Removed { old: Some(old) }))
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
