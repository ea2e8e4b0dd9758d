//! The names of a store in order, and the `list_agents` reply made from them. Sorting 100,000 names for each list would
//! hold up every lookup behind it, so a list merges only what is new since the last one, and a list of nothing new is a
//! reference. Never sees a record.

use std::sync::Arc;

use crate::wire::render;

/// Sorted names, each once, and their rendered list.
#[derive(Default)]
pub(super) struct Roster {
    sorted: Vec<Arc<str>>,
    reply: Option<Arc<[u8]>>,
}

impl Roster {
    /// Takes in `fresh` names, none of which it has, and gives the whole list's reply.
    pub(super) fn list(&mut self, fresh: Vec<Arc<str>>) -> Arc<[u8]> {
        if !fresh.is_empty() {
            self.merge(fresh);
            self.reply = None;
        }
        let sorted = &self.sorted;
        let render = || render::list(sorted.iter().map(|name| &**name));
        Arc::clone(self.reply.get_or_insert_with(render))
    }

    /// A stable sort finds two ordered runs and merges them: linear when `fresh` is small or the first list comes late.
    fn merge(&mut self, mut fresh: Vec<Arc<str>>) {
        fresh.sort_unstable();
        self.sorted.append(&mut fresh);
        self.sorted.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|&name| Arc::from(name)).collect()
    }

    #[test]
    fn a_list_is_in_the_order_of_bytes() {
        let mut roster = Roster::default();
        assert_eq!(&*roster.list(vec![]), br#"{"status":"success","agents":[]}"#);
        roster.list(names(&["b", "a"]));
        let list = roster.list(names(&["é", "Z", "aa"]));
        assert_eq!(&*list, r#"{"status":"success","agents":["Z","a","aa","b","é"]}"#.as_bytes());
    }

    #[test]
    fn an_unchanged_list_is_the_same_bytes() {
        let mut roster = Roster::default();
        let first = roster.list(names(&["a"]));
        assert!(Arc::ptr_eq(&first, &roster.list(vec![])));
    }
}
