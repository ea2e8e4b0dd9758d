//! What the registry keeps of an agent, and the rules its parts obey. Pure: no clock, no JSON parsing, no store. The
//! rules are those of docs/protocol.md, "register_agent"; each rule's text is what a refused client reads.

use std::borrow::Cow;

/// The longest name, host or type, in bytes of UTF-8.
pub const MAX_TEXT: usize = 255;
/// The largest record, in bytes of its JSON as a store keeps it.
pub const MAX_RECORD: usize = 64 * 1024;

/// A checked registration, all but its time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The name others ask by.
    pub agent_id: Cow<'a, str>,
    /// Host name or address, passed on as it came.
    pub host: Cow<'a, str>,
    /// 1–65535.
    pub port: u16,
    /// 0–65535; some agents say "none" with 0.
    pub health_check_port: Option<u16>,
    /// A free word, `service` where the agent says nothing.
    pub agent_type: Cow<'a, str>,
    /// A JSON array of strings, without white space outside them.
    pub capabilities: Cow<'a, str>,
    /// A JSON object, byte for byte as it came but for white space outside strings.
    pub metadata: Cow<'a, str>,
}

/// A rule that a text must obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An agent's name.
    Name,
    /// A host name or address.
    Host,
    /// An agent's type.
    Type,
}

impl Rule {
    /// The rule in words, to follow "must be".
    pub fn text(self) -> &'static str {
        match self {
            Rule::Name => "a string of 1 to 255 bytes without control characters",
            Rule::Host => "a string of 1 to 255 bytes without white space or control characters",
            Rule::Type => "a string of 1 to 255 bytes or null",
        }
    }

    /// Whether `text` obeys it.
    pub fn allows(self, text: &str) -> bool {
        let forbidden = |c: char| match self {
            Rule::Name => c.is_control(),
            Rule::Host => c.is_control() || c.is_whitespace(),
            Rule::Type => false,
        };
        (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bytes() {
        for rule in [Rule::Name, Rule::Host, Rule::Type] {
            assert!(!rule.allows(""));
            assert!(rule.allows(&"a".repeat(255)));
            assert!(!rule.allows(&"a".repeat(256)));
            assert!(!rule.allows(&"é".repeat(128)));
        }
    }

    #[test]
    fn each_rule_forbids_its_own_characters() {
        for control in ["a\nb", "a\u{85}b", "\u{7f}", "\0"] {
            assert!(!Rule::Name.allows(control));
            assert!(!Rule::Host.allows(control));
            assert!(Rule::Type.allows(control));
        }
        for space in ["a b", "a\u{2003}b", "a\u{3000}"] {
            assert!(Rule::Name.allows(space));
            assert!(!Rule::Host.allows(space));
        }
    }
}
