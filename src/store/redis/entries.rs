//! What a mirror holds, behind its lock: records and how each stands, and what is kept in step with them. Plain values and their
//! changes; knows no lock and no Redis.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::mirror::{MARKED, Millis, NEVER};
use crate::state::line;
use crate::store::by_name::{ByName, cost};
use crate::store::roster::Changes;
use crate::wire::render::Rendered;

#[derive(Default)]
pub(super) struct Entries {
    pub(super) agents: HashMap<ByName, Standing>,
    /// Names for whose records there was no room, and when those expire; whoever wants one asks Redis.
    pub(super) unheld: HashMap<Box<str>, Millis>,
    /// Names for which there is something too long to be a record.
    pub(super) too_long: HashSet<Box<str>>,
    /// Records and names that are held.
    pub(super) bytes: u64,
    /// Whether all records have ever been read.
    pub(super) complete: bool,
    /// The present era, and the first whose records may still be right: what was fetched before is marked as a whole.
    pub(super) era: u32,
    pub(super) floor: u32,
    pub(super) marks: Marks,
    pub(super) expiring: BTreeSet<(Millis, Box<str>)>,
    /// Since the last list.
    pub(super) changes: Changes,
    /// What a state file has to be told, since that was last taken; none where nobody keeps one, or not yet.
    pub(super) lines: Option<Vec<u8>>,
}

/// Names that have changed and haven't been fetched since.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) names: HashSet<Box<str>>,
    /// Those of them that were written here last.
    pub(super) own: HashSet<Box<str>>,
    /// How many marks there have ever been.
    pub(super) count: u64,
}

/// How an entry stands.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) era: u32,
    pub(super) expires: Millis,
}

impl Entries {
    pub(super) fn put(
        &mut self,
        name: Box<str>,
        record: Rendered,
        era: u32,
        expires: Millis,
        max_bytes: u64,
    ) {
        let new_cost = cost(&record);
        let old = self.agents.get_key_value(name.as_bytes()).map(|(old, _)| old.0.clone());
        if !self.take(&name) {
            self.changes.came(&name);
        }
        if expires != NEVER {
            self.expiring.insert((expires, name.clone()));
        }
        if self.bytes + new_cost > max_bytes {
            if let (Some(lines), true) = (&mut self.lines, old.is_some()) {
                line::deregistered(lines, &name);
            }
            self.unheld.insert(name, expires);
            return;
        }
        if let Some(lines) = &mut self.lines
            && old.is_none_or(|old| old.members() != record.members())
        {
            line::registered(lines, &record);
        }
        self.bytes += new_cost;
        // A change told since this was fetched: what was fetched is only what was last seen.
        let era = if self.marks.names.contains(&name) { MARKED } else { era };
        self.agents.insert(ByName(record), Standing { era, expires });
    }

    pub(super) fn remove(&mut self, name: &str) {
        let held = self.agents.contains_key(name.as_bytes());
        if self.take(name) {
            self.changes.went(name);
        }
        if let (Some(lines), true) = (&mut self.lines, held) {
            line::deregistered(lines, name);
        }
    }

    /// Takes a name out, held or not; what is listed is the caller's to see to.
    pub(super) fn take(&mut self, name: &str) -> bool {
        let held = self.agents.remove_entry(name.as_bytes()).map(|(old, standing)| {
            self.bytes -= cost(&old.0);
            standing.expires
        });
        let expires = held.or_else(|| self.unheld.remove(name));
        if let Some(expires) = expires.filter(|&expires| expires != NEVER) {
            self.expiring.remove(&(expires, name.into()));
        }
        expires.is_some()
    }

    /// Redis tells late, up to minutes, that a key has expired; it is gone all the same.
    pub(super) fn expire(&mut self, now: Millis) {
        while self.expiring.first().is_some_and(|(expires, _)| *expires <= now) {
            let Some((_, name)) = self.expiring.pop_first() else { return };
            self.remove(&name);
        }
    }
}
