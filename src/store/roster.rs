//! The names of a store in order, and the `list_agents` reply made from them. Sorting 100,000 names for each list would
//! hold up every lookup behind it, so a list merges only what is new since the last one, and a list of nothing new is a
//! reference. Never sees a record.

use crate::wire::render;
use crate::wire::shared::Shared;

/// What stands behind each name in a run of names: no name holds a control character.
pub(super) const END: char = '\n';

/// Sorted names, each once, and their rendered list.
#[derive(Default)]
pub(super) struct Roster {
    /// All names in order, in a row: an allocation or an index for each would take several times as much, and to read
    /// them one after the other is what memory is fast at.
    names: String,
    reply: Option<Shared>,
}

impl Roster {
    /// Takes in `fresh` names, each followed by [`END`] and none of them here yet, and gives the whole list's reply.
    pub(super) fn list(&mut self, fresh: &str) -> Shared {
        if !fresh.is_empty() {
            self.merge(fresh);
            self.reply = None;
        }
        let names = &self.names;
        // Quotes and commas are as much again only where names are short.
        let room = 40 + 2 * names.len();
        self.reply.get_or_insert_with(|| render::list(names.split_terminator(END), room)).clone()
    }

    fn merge(&mut self, fresh: &str) {
        let mut names: Vec<&str> = fresh.split_terminator(END).collect();
        names.sort_unstable();
        let mut merged = String::with_capacity(self.names.len() + fresh.len());
        let mut rest = self.names.as_str();
        for name in names {
            let (before, after) = rest.split_at(place(rest, name));
            merged.push_str(before);
            merged.push_str(name);
            merged.push(END);
            rest = after;
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

    #[test]
    fn a_list_is_in_the_order_of_bytes() {
        let mut roster = Roster::default();
        assert_eq!(&*roster.list(""), br#"{"status":"success","agents":[]}"#);
        roster.list("b\na\n");
        let list = roster.list("é\nZ\naa\n");
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
                    roster.list(&some.iter().map(|name| format!("{name}\n")).collect::<String>());
                }
                assert_eq!(*roster.list(""), *sorted, "{order:?}, {at_once} at a time");
            }
        }
    }

    #[test]
    fn an_unchanged_list_is_the_same_bytes() {
        let mut roster = Roster::default();
        let first = roster.list("a\n");
        assert_eq!(first.as_ptr(), roster.list("").as_ptr());
    }
}
