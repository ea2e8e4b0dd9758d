//! The names of a store in order, and the `list_agents` reply made from them. Sorting 100,000 names for each list would
//! hold up every lookup behind it, so a list merges only what is new since the last one, and a list of nothing new is a
//! reference. Never sees a record.

use crate::wire::render;
use crate::wire::shared::Shared;

/// What stands behind each name in a run of names: no name holds a control character.
const END: char = '\n';

/// What stands before a name that is gone, for the same reason.
const GONE: char = '\u{1}';

/// A log that is shorter is not worth compacting, in bytes.
const WORTH_COMPACTING: usize = 64 * 1024;

/// Names that came and went since the last list, in the order in which they did.
#[derive(Default)]
pub(super) struct Changes {
    log: String,
    /// How long it was when it was last compacted, in bytes.
    compacted: usize,
}

impl Changes {
    /// A name that wasn't there is there now.
    pub(super) fn came(&mut self, name: &str) {
        self.log.push_str(name);
        self.log.push(END);
    }

    /// A name that was there is gone. Agents that come and go where nobody ever lists them take no more than is there; and
    /// what can't be made shorter must have tripled before that is tried again.
    pub(super) fn went(&mut self, name: &str) {
        self.log.push(GONE);
        self.came(name);
        if self.log.len() > WORTH_COMPACTING + 2 * self.compacted {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut net = Changes::default();
        for (name, is_there) in self.net() {
            if !is_there {
                net.log.push(GONE);
            }
            net.came(name);
        }
        net.compacted = net.log.len();
        *self = net;
    }

    /// The names that have changed in the end, in order, and whether they are there now. A name comes and goes in turns, so
    /// one whose first change is not its last one is again what it was.
    fn net(&self) -> Vec<(&str, bool)> {
        let change = |entry| match str::strip_prefix(entry, GONE) {
            Some(name) => (name, false),
            None => (entry, true),
        };
        let mut changes: Vec<(&str, bool)> = self.log.split_terminator(END).map(change).collect();
        changes.sort_by_key(|(name, _)| *name);
        let of_each_name = changes.chunk_by(|(one, _), (other, _)| one == other);
        of_each_name.filter(|changes| changes.len() % 2 == 1).map(|changes| changes[0]).collect()
    }
}

/// Sorted names, each once, and their rendered list.
#[derive(Default)]
pub(super) struct Roster {
    /// All names in order, in a row: an allocation or an index for each would take several times as much, and to read
    /// them one after the other is what memory is fast at.
    names: String,
    reply: Option<Shared>,
}

impl Roster {
    /// Takes in what has changed since the last list, and gives the whole list's reply.
    pub(super) fn list(&mut self, changes: &Changes) -> Shared {
        let net = changes.net();
        if !net.is_empty() {
            self.merge(&net);
            self.reply = None;
        }
        let names = &self.names;
        // Quotes and commas are as much again only where names are short.
        let room = 40 + 2 * names.len();
        self.reply.get_or_insert_with(|| render::list(names.split_terminator(END), room)).clone()
    }

    fn merge(&mut self, changes: &[(&str, bool)]) {
        let came: usize =
            changes.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name.len() + 1).sum();
        let mut merged = String::with_capacity(self.names.len() + came);
        let mut rest = self.names.as_str();
        for (name, is_there) in changes {
            let (before, after) = rest.split_at(place(rest, name));
            merged.push_str(before);
            rest = after;
            if *is_there {
                merged.push_str(name);
                merged.push(END);
            } else {
                // It stands right here.
                rest = rest.split_once(END).map_or("", |(_, after)| after);
            }
        }
        merged.push_str(rest);
        self.names = merged;
    }
}

/// Where `name` belongs among sorted `names`, by bisection of the run itself.
fn place(names: &str, name: &str) -> usize {
    let bytes = names.as_bytes();
    let end = END as u8;
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = bytes[low..middle].iter().rposition(|&byte| byte == end).map_or(low, |at| low + at + 1);
        let length = bytes[start..high].iter().position(|&byte| byte == end).unwrap_or(high - start - 1);
        if bytes[start..start + length] < *name.as_bytes() {
            low = start + length + 1;
        } else {
            high = start;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each name as it comes; one after a minus goes.
    fn changes<'a>(names: impl IntoIterator<Item = &'a str>) -> Changes {
        let mut changes = Changes::default();
        for name in names {
            match name.strip_prefix('-') {
                Some(name) => changes.went(name),
                None => changes.came(name),
            }
        }
        changes
    }

    #[test]
    fn a_list_is_in_the_order_of_bytes() {
        let mut roster = Roster::default();
        assert_eq!(&*roster.list(&changes([])), br#"{"status":"success","agents":[]}"#);
        roster.list(&changes(["b", "a"]));
        let list = roster.list(&changes(["é", "Z", "aa"]));
        assert_eq!(&*list, r#"{"status":"success","agents":["Z","a","aa","b","é"]}"#.as_bytes());
    }

    #[test]
    fn every_order_of_arrival_gives_the_same_list() {
        let names = ["a", "ab", "abc", "b", "ba", "c", "z", "é", "éa"];
        let sorted = render::list(names.into_iter(), 0);
        for step in [1, 2, 4, 5, 7, 8] {
            for at_once in 1..=names.len() {
                let mut roster = Roster::default();
                let order: Vec<&str> = (0..names.len()).map(|n| names[n * step % names.len()]).collect();
                for some in order.chunks(at_once) {
                    roster.list(&changes(some.iter().copied()));
                }
                assert_eq!(*roster.list(&changes([])), *sorted, "{order:?}, {at_once} at a time");
            }
        }
    }

    #[test]
    fn who_goes_is_gone_and_who_comes_back_is_there() {
        let mut roster = Roster::default();
        roster.list(&changes(["a", "ab", "b", "c"]));
        for (steps, left) in [
            (&["-a"][..], r#"["ab","b","c"]"#),
            (&["-c", "a"], r#"["a","ab","b"]"#),
            (&["-ab", "ab", "d", "-d"], r#"["a","ab","b"]"#),
            (&["-ab", "ab", "-ab", "d", "-d", "d"], r#"["a","b","d"]"#),
            (&["-a", "-b", "-d"], "[]"),
        ] {
            let list = roster.list(&changes(steps.iter().copied()));
            assert_eq!(
                std::str::from_utf8(&list),
                Ok(format!(r#"{{"status":"success","agents":{left}}}"#).as_str())
            );
        }
    }

    #[test]
    fn who_comes_and_goes_unlisted_takes_no_room() {
        let mut changed = changes(["stays"]);
        for number in 0..100_000 {
            let name = format!("agent-{number}");
            changed.came(&name);
            changed.went(&name);
            assert!(changed.log.len() < 4 * WORTH_COMPACTING, "{number}");
        }
        changed.compact();
        assert_eq!(changed.log, "stays\n");
    }

    /// A name of 14 bytes: 15 in the log when it comes, 16 when it goes.
    fn named(number: usize) -> String {
        format!("agent-{number:08}")
    }

    #[test]
    fn a_log_of_more_than_64_kib_is_compacted() {
        let mut changed = changes(["a"]);
        for number in 0..2115 {
            assert_eq!(changed.log.len(), 2 + 31 * number);
            changed.came(&named(number));
            changed.went(&named(number));
        }
        assert_eq!(changed.log, "a\n");
    }

    /// Else a crowd that leaves, where nobody lists, would have the whole log sorted for each who does.
    #[test]
    fn a_log_that_got_no_shorter_is_left_alone_until_it_has_tripled() {
        let mut changed = Changes::default();
        for count in 1..=12_291 {
            let last = named(20_000 - count);
            changed.went(&last);
            let is_in_order = !changed.log.ends_with(&format!("{last}\n"));
            assert_eq!(is_in_order, [4_097, 12_291].contains(&count), "{count}");
        }
    }

    #[test]
    fn what_is_left_of_many_changes_is_told_in_order() {
        let mut changed = changes(["b", "-c", "a", "-a", "-d", "d"]);
        assert_eq!(changed.net(), [("b", true), ("c", false)]);
        changed.compact();
        assert_eq!((changed.log.as_str(), changed.compacted), ("b\n\u{1}c\n", 5));
    }

    #[test]
    fn an_unchanged_list_is_the_same_bytes() {
        let mut roster = Roster::default();
        let first = roster.list(&changes(["a"]));
        assert_eq!(first.as_ptr(), roster.list(&changes([])).as_ptr());
        assert_eq!(first.as_ptr(), roster.list(&changes(["b", "-b"])).as_ptr());
    }
}
