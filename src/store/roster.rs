//! The names of a store in order, and the `list_agents` reply made from them. Sorting 100,000 names for each list would
//! hold up every lookup behind it, so a list merges only what is new since the last one, and a list of nothing new is a
//! reference. Never sees a record.

use std::ops::Range;

use crate::wire::render;
use crate::wire::shared::Shared;

/// What stands behind each name in a run of names: no name holds a control character.
pub(super) const END: char = '\n';

/// Sorted names, each once, and their rendered list.
#[derive(Default)]
pub(super) struct Roster {
    /// All names in a row. 100,000 allocations of a dozen bytes would take three times as much.
    names: String,
    /// Where each name is, in the order of the names.
    sorted: Vec<Range<usize>>,
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
        let sorted = self.sorted.iter().map(|name| &names[name.clone()]);
        self.reply.get_or_insert_with(|| render::list(sorted)).clone()
    }

    fn merge(&mut self, fresh: &str) {
        let known = self.sorted.len();
        for name in fresh.split_terminator(END) {
            let start = self.names.len();
            self.names.push_str(name);
            self.sorted.push(start..self.names.len());
        }
        let names = &self.names;
        self.sorted[known..].sort_unstable_by(|a, b| names[a.clone()].cmp(&names[b.clone()]));
        // A stable sort finds the two sorted runs and merges them.
        self.sorted.sort_by(|a, b| names[a.clone()].cmp(&names[b.clone()]));
    }
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
    fn an_unchanged_list_is_the_same_bytes() {
        let mut roster = Roster::default();
        let first = roster.list("a\n");
        assert_eq!(first.as_ptr(), roster.list("").as_ptr());
    }
}
