//! A record as its own key in a map: it holds its name, and a lookup has one place less to fetch from. And what it counts
//! for. Knows no map.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use crate::wire::render::Rendered;

/// A record, which is the same key as any other of its name.
pub(super) struct ByName(pub(super) Rendered);

impl Borrow<[u8]> for ByName {
    fn borrow(&self) -> &[u8] {
        self.0.name()
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &ByName) -> bool {
        self.0.name() == other.0.name()
    }
}

impl Eq for ByName {}

/// What `record` counts for, in bytes.
pub(super) fn cost(record: &Rendered) -> u64 {
    (record.name().len() + record.record_length()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
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

    #[test]
    fn a_record_counts_for_its_name_and_itself() {
        let record = rendered("name", "h");
        let lookup = record.reply().len() - r#""status":"success","#.len();
        assert_eq!(cost(&record), 4 + lookup as u64);
    }

    #[test]
    fn a_record_is_the_same_key_as_another_of_its_name() {
        assert!(ByName(rendered("a", "h")) == ByName(rendered("a", "elsewhere")));
        assert!(ByName(rendered("a", "h")) != ByName(rendered("b", "h")));
    }
}
