//! Names to keys of Redis and back. Pure. A prefix is data wherever it stands: also in a pattern.

use crate::record::Rule;

/// The keys of all agents: those that begin with a prefix.
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Keys {
        Keys { prefix: prefix.to_owned() }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of the agent of this name.
    pub(super) fn key(&self, name: &str) -> String {
        [&self.prefix, name].concat()
    }

    /// The name in a key; `None` for one that no agent can have.
    pub(super) fn name<'a>(&self, key: &'a [u8]) -> Option<&'a str> {
        let name = std::str::from_utf8(key.strip_prefix(self.prefix.as_bytes())?).ok()?;
        Rule::Name.allows(name).then_some(name)
    }

    /// A pattern of SCAN's MATCH that all keys match, and none that begins otherwise.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::new();
        for character in self.prefix.chars() {
            if matches!(character, '\\' | '*' | '?' | '[' | ']') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "*"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_key() {
        let keys = Keys::new("a*:");
        assert_eq!(keys.key("é[x]"), "a*:é[x]");
        assert_eq!(keys.name("a*:é[x]".as_bytes()), Some("é[x]"));
        let strangers: [&[u8]; 5] = [b"a*:", b"a*", b"b*:x", b"a*:\xff", b"a*:\n"];
        assert_eq!(strangers.map(|key| keys.name(key)), [None; 5]);
        assert_eq!(keys.name(format!("a*:{}", "x".repeat(256)).as_bytes()), None);
    }

    #[test]
    fn what_a_pattern_means_something_by_is_escaped() {
        assert_eq!(Keys::new(r"a\b*c?d[e]:").pattern(), r"a\\b\*c\?d\[e\]:*");
    }
}
