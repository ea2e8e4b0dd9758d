//! What this instance knows of the records in Redis, and whether each still holds: a `HashMap` behind a `RwLock`, told by the
//! follower what is there and by anybody what has changed. Guards never leave this file. Knows no connection and no Redis.
//!
//! An entry is known if it was fetched in the present era and hasn't been marked since. A mark made while a fetch is under
//! way outlives it, so a value that was read before the change never passes for one read after it.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::entries::Entries;
use crate::health::Health;
use crate::store::by_name::cost;
use crate::store::roster::Roster;
use crate::wire::registration::Kept;
use crate::wire::render::Rendered;
use crate::wire::shared::Shared;

/// Milliseconds on the clock of whoever owns the mirror.
pub(super) type Millis = u64;
/// A record that doesn't expire does so then.
pub(super) const NEVER: Millis = Millis::MAX;
/// The era of an entry that has been marked: before all others.
pub(super) const MARKED: u32 = 0;

/// The mirror.
pub(super) struct Mirror {
    entries: Arc<RwLock<Entries>>,
    roster: Mutex<Roster>,
    health: Arc<Health>,
    max_bytes: u64,
}

/// What is known of a name.
pub(super) enum Seen {
    /// The reply of a lookup, as Redis had it when it was last heard.
    Known(Shared),
    /// As it was before the connection was lost; not told of any change before that.
    Old(Shared),
    /// As it was before a change that has been told.
    Marked(Shared),
    /// What is there is too long to be a record, and not worth asking for.
    TooLong,
    /// Nothing.
    Nothing,
}

/// What a fetch brought.
pub(super) enum Fetched {
    /// A record, and when it expires.
    Record(Rendered, Millis),
    /// There is no such key, or none that anybody could read.
    Nothing,
    /// There is more than anybody would read.
    TooLong,
}

/// What is to be fetched: names, the era and the number of marks when they were taken.
pub(super) struct Batch {
    pub(super) names: Vec<Box<str>>,
    pub(super) era: u32,
    pub(super) marks: u64,
}

impl Mirror {
    pub(super) fn new(max_bytes: u64, health: Arc<Health>) -> Mirror {
        Mirror { entries: Arc::default(), roster: Mutex::default(), health, max_bytes }
    }

    // Each change is one call that can't stop half way, so poison is passed over.
    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of `name` at `now`.
    pub(super) fn look(&self, name: &str, now: Millis) -> Seen {
        let entries = self.read();
        match entries.agents.get_key_value(name.as_bytes()) {
            Some((record, standing)) if now < standing.expires => {
                let reply = record.0.reply();
                match standing.era {
                    era if era == entries.era => Seen::Known(reply),
                    era if era >= entries.floor && era != MARKED => Seen::Old(reply),
                    _ => Seen::Marked(reply),
                }
            }
            _ if entries.too_long.contains(name) && !entries.marks.names.contains(name) => Seen::TooLong,
            _ => Seen::Nothing,
        }
    }

    /// The record of `name` as it was last seen, however long ago.
    pub(super) fn last(&self, name: &str) -> Option<Rendered> {
        self.read().agents.get_key_value(name.as_bytes()).map(|(record, _)| record.0.clone())
    }

    /// Notes that these have changed.
    pub(super) fn mark<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let mut entries = self.write();
        for name in names {
            if let Some(standing) = entries.agents.get_mut(name.as_bytes()) {
                standing.era = MARKED;
            }
            if !entries.marks.names.contains(name) {
                entries.marks.names.insert(name.into());
            }
        }
        entries.marks.count += 1;
    }

    /// Notes what was written here, if it was a record, as what was last seen; it has to be fetched as any other change.
    pub(super) fn wrote(&self, name: &str, record: Option<Rendered>) {
        let mut entries = self.write();
        entries.marks.names.insert(name.into());
        entries.marks.own.insert(name.into());
        entries.marks.count += 1;
        match record {
            // With its mark it is not known, in whatever era.
            Some(record) => entries.put(name.into(), record, MARKED, NEVER, self.max_bytes),
            None => entries.remove(name),
        }
        self.health.set_agents(entries.agents.len() + entries.unheld.len());
    }

    /// Begins an era in which nothing is known yet. After `everything` has changed what was known before is of no use, except
    /// as what was last seen.
    pub(super) fn begin_era(&self, everything: bool) -> u32 {
        let mut entries = self.write();
        entries.era += 1;
        entries.too_long.clear();
        if everything {
            entries.floor = entries.era;
        }
        entries.marks.count += 1;
        entries.era
    }

    /// Whether everything changed in the present era: nothing that was seen before is worth a list.
    pub(super) fn is_void(&self) -> bool {
        let entries = self.read();
        entries.floor == entries.era
    }

    /// The present era.
    pub(super) fn era(&self) -> u32 {
        self.read().era
    }

    /// Notes what a state file says, which Redis may know better.
    pub(super) fn restore(&self, kept: Kept) {
        let mut entries = self.write();
        entries.complete = true;
        match kept {
            Kept::Registered(record) => {
                let name = String::from_utf8_lossy(record.name()).into();
                entries.put(name, record, MARKED, NEVER, self.max_bytes);
            }
            Kept::Deregistered(name) => entries.remove(&name),
        }
        self.health.set_agents(entries.agents.len() + entries.unheld.len());
    }

    /// All records that are held.
    pub(super) fn held(&self) -> Vec<Rendered> {
        self.read().agents.keys().map(|record| record.0.clone()).collect()
    }

    /// Collects lines for a state file from now on; false where it does already.
    pub(super) fn collect_lines(&self) -> bool {
        let mut entries = self.write();
        let begins = entries.lines.is_none();
        entries.lines.get_or_insert_default();
        begins
    }

    /// What a state file has to be told since this was last called.
    pub(super) fn take_lines(&self) -> Vec<u8> {
        if self.read().lines.as_ref().is_none_or(Vec::is_empty) {
            return Vec::new();
        }
        self.write().lines.as_mut().map(mem::take).unwrap_or_default()
    }

    /// Notes that all records have been read.
    pub(super) fn complete(&self) {
        let mut entries = self.write();
        entries.complete = true;
        // Where there is none, nothing was noted.
        self.health.set_agents(entries.agents.len() + entries.unheld.len());
    }

    /// Whether all records have ever been read.
    pub(super) fn is_complete(&self) -> bool {
        self.read().complete
    }

    /// How many marks there have been.
    pub(super) fn marks(&self) -> u64 {
        self.read().marks.count
    }

    /// All names that have changed since the last time.
    pub(super) fn take_marked(&self) -> Batch {
        let mut entries = self.write();
        let names = mem::take(&mut entries.marks.names).into_iter().collect();
        entries.marks.own.clear();
        Batch { names, era: entries.era, marks: entries.marks.count }
    }

    /// Marks what the present era hasn't shown, since a scan that is through would have.
    pub(super) fn mark_unseen(&self) {
        let entries = self.read();
        let unseen = entries.agents.iter().filter(|(_, standing)| standing.era != entries.era);
        let unseen = unseen.map(|(record, _)| String::from_utf8_lossy(record.0.name()).into());
        let names: Vec<Box<str>> = unseen.chain(entries.unheld.keys().cloned()).collect();
        // Collected while lookups go on; only who calls this makes an entry known, so none is by now.
        drop(entries);
        self.mark(names.iter().map(|name| &**name));
    }

    /// Notes what was fetched in `era`. Gives the names for whose records there is no room, and weren't before.
    pub(super) fn note(&self, era: u32, fetched: Vec<(Box<str>, Fetched)>) -> usize {
        let mut entries = self.write();
        let unheld = entries.unheld.len();
        for (name, fetched) in fetched {
            // What was written here since then was seen last.
            if entries.marks.own.contains(&name) {
                continue;
            }
            entries.too_long.remove(&name);
            match fetched {
                Fetched::Record(record, expires) => entries.put(name, record, era, expires, self.max_bytes),
                Fetched::Nothing => entries.remove(&name),
                Fetched::TooLong => {
                    entries.remove(&name);
                    entries.too_long.insert(name);
                }
            }
        }
        self.health.set_agents(entries.agents.len() + entries.unheld.len());
        entries.unheld.len().saturating_sub(unheld)
    }

    /// Whether a new record fits.
    pub(super) fn has_room(&self, record: &Rendered) -> bool {
        let entries = self.read();
        let old = entries.agents.get_key_value(record.name()).map_or(0, |(old, _)| cost(&old.0));
        entries.bytes - old + cost(record) <= self.max_bytes
    }

    /// How many agents a list would show.
    pub(super) fn agents(&self) -> usize {
        let entries = self.read();
        entries.agents.len() + entries.unheld.len()
    }

    /// The reply to `list_agents` at `now`.
    pub(super) fn list(&self, now: Millis) -> Shared {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.write();
        entries.expire(now);
        self.health.set_agents(entries.agents.len() + entries.unheld.len());
        let changes = mem::take(&mut entries.changes);
        drop(entries);
        roster.list(&changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::slots::Slots;
    use crate::wire::render;
    use std::borrow::Cow;

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
        render::stored(&record, "null")
    }

    fn mirror(max_bytes: u64) -> Mirror {
        Mirror::new(max_bytes, Arc::new(Health::new("redis", Slots::new(1, 1), Arc::default())))
    }

    fn note(mirror: &Mirror, era: u32, name: &str, fetched: Fetched) -> usize {
        mirror.note(era, vec![(name.into(), fetched)])
    }

    fn found(name: &str, host: &str) -> Fetched {
        Fetched::Record(rendered(name, host), NEVER)
    }

    /// How the record of `a` stands at the moment 0, in a word, and its host's first letter.
    fn seen(mirror: &Mirror) -> String {
        let host = |reply: Shared| String::from_utf8_lossy(&reply[28..29]).into_owned();
        match mirror.look("a", 0) {
            Seen::Known(reply) => "known ".to_owned() + &host(reply),
            Seen::Old(reply) => "old ".to_owned() + &host(reply),
            Seen::Marked(reply) => "marked ".to_owned() + &host(reply),
            Seen::TooLong => "too long".into(),
            Seen::Nothing => "nothing".into(),
        }
    }

    fn listed(mirror: &Mirror, now: Millis) -> String {
        let list = mirror.list(now);
        let text = std::str::from_utf8(&list).expect("UTF-8");
        text.strip_prefix(r#"{"status":"success","agents":["#)
            .expect(text)
            .trim_end_matches("]}")
            .replace('"', "")
    }

    #[test]
    fn a_mark_lasts_until_a_fetch_that_began_after_it() {
        let mirror = mirror(1 << 20);
        let era = mirror.begin_era(false);
        note(&mirror, era, "a", found("a", "1"));
        assert_eq!(seen(&mirror), "known 1");
        mirror.mark(["a"]);
        assert_eq!(seen(&mirror), "marked 1");
        let batch = mirror.take_marked();
        assert_eq!((batch.names, batch.era), (vec![Box::from("a")], era));
        // It changes again while it is fetched: what comes is what was last seen, and no more.
        mirror.mark(["a"]);
        note(&mirror, batch.era, "a", found("a", "2"));
        assert_eq!(seen(&mirror), "marked 2");
        let batch = mirror.take_marked();
        note(&mirror, batch.era, "a", found("a", "3"));
        assert_eq!(seen(&mirror), "known 3");
        assert!(mirror.take_marked().names.is_empty());
    }

    #[test]
    fn what_was_written_here_is_what_was_last_seen() {
        let mirror = mirror(1 << 20);
        let era = mirror.begin_era(false);
        note(&mirror, era, "a", found("a", "1"));
        mirror.wrote("a", Some(rendered("a", "2")));
        assert_eq!((seen(&mirror).as_str(), listed(&mirror, 0).as_str()), ("marked 2", "a"));
        // What was read before it comes after it.
        note(&mirror, era, "a", found("a", "1"));
        assert_eq!(seen(&mirror), "marked 2");
        let batch = mirror.take_marked();
        note(&mirror, batch.era, "a", found("a", "3"));
        assert_eq!(seen(&mirror), "known 3");
        mirror.wrote("a", None);
        note(&mirror, era, "a", found("a", "3"));
        assert_eq!((seen(&mirror).as_str(), listed(&mirror, 0).as_str()), ("nothing", ""));
        assert_eq!(mirror.take_marked().names, vec![Box::from("a")]);
    }

    #[test]
    fn an_era_makes_old_what_is_not_marked() {
        let mirror = mirror(1 << 20);
        let first = mirror.begin_era(false);
        note(&mirror, first, "a", found("a", "1"));
        let second = mirror.begin_era(false);
        assert_eq!(seen(&mirror), "old 1");
        // A fetch that began in the first era says nothing about the second.
        note(&mirror, first, "a", found("a", "2"));
        assert_eq!(seen(&mirror), "old 2");
        note(&mirror, second, "a", found("a", "3"));
        assert_eq!(seen(&mirror), "known 3");
        mirror.begin_era(true);
        assert_eq!(seen(&mirror), "marked 3");
        mirror.begin_era(false);
        assert_eq!(seen(&mirror), "marked 3");
    }

    #[test]
    fn what_a_scan_has_not_shown_is_asked_for() {
        let mirror = mirror(1 << 20);
        let era = mirror.begin_era(false);
        mirror.note(era, vec![("a".into(), found("a", "1")), ("b".into(), found("b", "1"))]);
        let era = mirror.begin_era(false);
        note(&mirror, era, "a", found("a", "1"));
        mirror.mark_unseen();
        let batch = mirror.take_marked();
        assert_eq!(batch.names, vec![Box::from("b")]);
        note(&mirror, era, "b", Fetched::Nothing);
        assert_eq!(listed(&mirror, 0), "a");
    }

    #[test]
    fn what_has_no_room_is_listed_and_not_held() {
        let each = cost(&rendered("a", "1"));
        let mirror = mirror(2 * each);
        let era = mirror.begin_era(false);
        for (name, unheld) in [("b", 0), ("c", 0), ("a", 1), ("a", 0)] {
            assert_eq!(note(&mirror, era, name, found(name, "1")), unheld, "{name}");
        }
        assert_eq!((listed(&mirror, 0).as_str(), mirror.agents()), ("a,b,c", 3));
        assert_eq!(seen(&mirror), "nothing");
        assert!(!mirror.has_room(&rendered("d", "1")) && mirror.has_room(&rendered("b", "2")));
        note(&mirror, era, "b", Fetched::Nothing);
        note(&mirror, era, "a", found("a", "2"));
        assert_eq!(seen(&mirror), "known 2");
        note(&mirror, era, "c", Fetched::Nothing);
        note(&mirror, era, "a", Fetched::Nothing);
        assert_eq!((listed(&mirror, 0).as_str(), mirror.read().bytes), ("", 0));
    }

    #[test]
    fn what_expires_is_gone_in_time() {
        let mirror = mirror(1 << 20);
        let era = mirror.begin_era(false);
        note(&mirror, era, "a", Fetched::Record(rendered("a", "1"), 10));
        note(&mirror, era, "b", Fetched::Record(rendered("b", "1"), 20));
        assert!(
            matches!(mirror.look("a", 9), Seen::Known(_)) && matches!(mirror.look("a", 10), Seen::Nothing)
        );
        assert_eq!(listed(&mirror, 9), "a,b");
        // It was registered again, without an end.
        note(&mirror, era, "a", found("a", "1"));
        assert_eq!(listed(&mirror, 19), "a,b");
        assert_eq!(listed(&mirror, 20), "a");
        assert!(mirror.read().expiring.is_empty());
    }

    #[test]
    fn what_is_too_long_is_not_asked_for_until_it_changes() {
        let mirror = mirror(1 << 20);
        let era = mirror.begin_era(false);
        note(&mirror, era, "a", found("a", "1"));
        note(&mirror, era, "a", Fetched::TooLong);
        assert_eq!((seen(&mirror).as_str(), listed(&mirror, 0).as_str()), ("too long", ""));
        mirror.mark(["a"]);
        assert_eq!(seen(&mirror), "nothing");
        let batch = mirror.take_marked();
        note(&mirror, batch.era, "a", found("a", "2"));
        assert_eq!(seen(&mirror), "known 2");
    }
}
