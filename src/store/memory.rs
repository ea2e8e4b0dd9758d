//! The in-memory backend: a `HashMap` behind a `RwLock`, bounded in bytes. Guards never leave this file, and the map's
//! lock is held for a hash and a move, never while anything is rendered or freed.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::roster::Roster;
use super::{Store, StoreError};
use crate::health::Health;
use crate::wire::render::Rendered;

/// Records in memory.
pub struct Memory {
    agents: Arc<RwLock<HashMap<Arc<str>, Rendered>>>,
    /// Changed only while `agents` is locked for writing, so that both always tell the same.
    ledger: Mutex<Ledger>,
    roster: Mutex<Roster>,
    health: Arc<Health>,
    max_bytes: u64,
}

/// What is counted and noted of each change to the map.
#[derive(Default)]
struct Ledger {
    /// Names and records together.
    bytes: u64,
    /// Names that are new since the last list.
    fresh: Vec<Arc<str>>,
}

impl Memory {
    /// An empty store of at most `max_bytes` of names and records, which tells `health` how many agents it holds.
    pub fn new(max_bytes: u64, health: Arc<Health>) -> Memory {
        let (agents, ledger, roster) = Default::default();
        Memory { agents, ledger, roster, health, max_bytes }
    }

    // A panic elsewhere can't leave the map half changed: each change is one call. So poison is passed over.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Rendered>> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Rendered>> {
        self.agents.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `record` under `name` counts for, in bytes.
fn cost(name: &str, record: &Rendered) -> u64 {
    (name.len() + record.record_length()) as u64
}

impl Store for Memory {
    fn put(&self, name: &str, record: Rendered) -> Result<Option<Rendered>, StoreError> {
        let new_cost = cost(name, &record);
        let mut agents = self.write();
        let mut ledger = self.ledger();
        let old_cost = agents.get(name).map_or(0, |old| cost(name, old));
        let bytes = ledger.bytes - old_cost + new_cost;
        // A replacement that is no larger always fits: it can't make a full registry fuller.
        if bytes > self.max_bytes && new_cost > old_cost {
            return Err(StoreError::Full { limit: self.max_bytes });
        }
        ledger.bytes = bytes;
        if let Some(kept) = agents.get_mut(name) {
            return Ok(Some(mem::replace(kept, record)));
        }
        let name: Arc<str> = Arc::from(name);
        ledger.fresh.push(Arc::clone(&name));
        agents.insert(name, record);
        self.health.set_agents(agents.len());
        Ok(None)
    }

    fn get(&self, name: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        Ok(self.read().get(name).map(|record| Arc::clone(record.reply())))
    }

    fn list(&self) -> Result<Arc<[u8]>, StoreError> {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = mem::take(&mut self.ledger().fresh);
        Ok(roster.list(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::wire::render;
    use std::borrow::Cow;
    use time::OffsetDateTime;

    fn rendered(host: &str) -> Rendered {
        let record = Record {
            agent_id: Cow::Borrowed(""),
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
        Memory::new(max_bytes, Arc::new(Health::new("memory")))
    }

    #[test]
    fn the_limit_holds_for_new_names_and_for_larger_replacements() -> Result<(), StoreError> {
        let small = cost("a", &rendered("h"));
        let memory = store(2 * small + 1);
        memory.put("a", rendered("h"))?;
        memory.put("b", rendered("h"))?;
        let full = StoreError::Full { limit: 2 * small + 1 };
        assert_eq!(memory.put("c", rendered("h")).map(|_| ()), Err(full.clone()));
        memory.put("a", rendered("hh"))?;
        assert_eq!(memory.put("b", rendered("hh")).map(|_| ()), Err(full));
        memory.put("a", rendered("h"))?;
        memory.put("b", rendered("hh"))?;
        assert_eq!(memory.ledger().bytes, 2 * small + 1);
        assert_eq!(&*memory.list()?, br#"{"status":"success","agents":["a","b"]}"#);
        Ok(())
    }

    #[test]
    fn a_replacement_gives_back_what_was_there() -> Result<(), StoreError> {
        let memory = store(1 << 20);
        assert!(memory.put("a", rendered("old"))?.is_none());
        let old = memory.put("a", rendered("new"))?.expect("the old record");
        assert_eq!(old.endpoint(), rendered("old").endpoint());
        let found = memory.get("a")?.expect("the new record");
        assert_eq!(&found, rendered("new").reply());
        assert!(memory.get("b")?.is_none());
        Ok(())
    }
}
