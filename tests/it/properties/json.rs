//! Any JSON, as text: with every way to write a string or a number, white space anywhere, and beside it the same text
//! without that white space.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A JSON text as a client may send it, and as it must come back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fragment {
    pub(super) sent: String,
    pub(super) kept: String,
}

impl Fragment {
    fn token(text: impl Into<String>) -> Fragment {
        let text = text.into();
        Fragment { kept: text.clone(), sent: text }
    }

    fn spaced(self, before: &str, after: &str) -> Fragment {
        Fragment { sent: format!("{before}{}{after}", self.sent), kept: self.kept }
    }

    fn joined(open: &str, parts: &[Fragment], close: &str) -> Fragment {
        let join = |pick: fn(&Fragment) -> &str| {
            let parts: Vec<&str> = parts.iter().map(pick).collect();
            format!("{open}{}{close}", parts.join(","))
        };
        Fragment { sent: join(|part| &part.sent), kept: join(|part| &part.kept) }
    }

    fn member(key: Fragment, value: Fragment) -> Fragment {
        Fragment {
            sent: format!("{}:{}", key.sent, value.sent),
            kept: format!("{}:{}", key.kept, value.kept),
        }
    }
}

fn space() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,2}"
}

fn number() -> impl Strategy<Value = Fragment> {
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?".prop_map(Fragment::token)
}

/// One character of a string: itself where JSON lets it stand, or escaped.
fn character() -> impl Strategy<Value = String> {
    let escaped = |c: char| -> String {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    prop_oneof![
        4 => any::<char>().prop_map(move |c| match c {
            '"' | '\\' | '\0'..='\x1f' => escaped(c),
            c => c.to_string(),
        }),
        1 => any::<char>().prop_map(escaped),
        1 => any::<char>().prop_map(move |c| escaped(c).to_uppercase().replace("\\U", "\\u")),
        1 => select(vec!["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]).prop_map(str::to_owned),
    ]
}

fn string() -> impl Strategy<Value = Fragment> {
    vec(character(), 0..10).prop_map(|characters| Fragment::token(format!("\"{}\"", characters.concat())))
}

fn array_of(value: impl Strategy<Value = Fragment>) -> impl Strategy<Value = Fragment> {
    (vec(value, 0..6), space()).prop_map(|(values, inside)| match values.is_empty() {
        true => Fragment { sent: format!("[{inside}]"), kept: "[]".to_owned() },
        false => Fragment::joined("[", &values, "]"),
    })
}

fn object_of(
    key: impl Strategy<Value = Fragment>,
    value: impl Strategy<Value = Fragment>,
) -> impl Strategy<Value = Fragment> {
    let member = (space(), key, space(), value)
        .prop_map(|(before, key, after, value)| Fragment::member(key.spaced(&before, &after), value));
    (vec(member, 0..6), space()).prop_map(|(members, inside)| match members.is_empty() {
        true => Fragment { sent: format!("{{{inside}}}"), kept: "{}".to_owned() },
        false => Fragment::joined("{", &members, "}"),
    })
}

/// Any JSON value, up to eight levels deep.
fn value() -> impl Strategy<Value = Fragment> {
    let literal =
        select(vec!["null", "true", "false", "0", "-0", "1e400", "[]", "{}"]).prop_map(Fragment::token);
    prop_oneof![literal, number(), string()].prop_recursive(8, 64, 6, |inner| {
        let spaced =
            (space(), inner, space()).prop_map(|(before, value, after)| value.spaced(&before, &after));
        let spaced = spaced.boxed();
        prop_oneof![array_of(spaced.clone()), object_of(string(), spaced)]
    })
}

/// Any JSON object.
pub(super) fn object() -> impl Strategy<Value = Fragment> {
    object_of(string(), value())
}

/// An object whose members have the names that the contract gives, mostly, and any values.
pub(super) fn request() -> impl Strategy<Value = Fragment> {
    let names = [
        "action",
        "agent_id",
        "host",
        "port",
        "health_check_port",
        "agent_type",
        "capabilities",
        "metadata",
        "registration_data",
        "agent_name",
    ];
    let actions =
        ["register_agent", "get_agent_endpoint", "list_agents", "ping", "health", "A", "65535", "0"];
    let quoted = |words: &[&str]| select(words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>());
    let key = prop_oneof![9 => quoted(&names).prop_map(Fragment::token), 1 => string()];
    let word = quoted(&actions).prop_map(Fragment::token);
    object_of(key, prop_oneof![2 => word, 1 => value()])
}
