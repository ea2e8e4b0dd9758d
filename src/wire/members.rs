//! An object's members that the contract knows, each as raw text in one pass over the JSON; what it doesn't know is checked
//! to be JSON and dropped. And the [`Fault`] that says what is wrong with one. Knows no action and no rule of a record.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::code::Code;
use super::scan::{self, Flaw, MAX_DEPTH};
use crate::quote::shown;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For a program.
    pub code: Code,
    /// For a person: the field, what it must be, what it was.
    pub text: String,
}

pub(super) fn invalid(text: String) -> Fault {
    Fault { code: Code::InvalidRequest, text }
}

pub(super) fn wrong(name: &str, need: &str, was: &RawValue) -> Fault {
    invalid(format!("'{name}' must be {need}, not {}", shown(was.get())))
}

/// Refuses what a JSON parser would let through and the contract doesn't; `what` names the text in a fault.
pub(super) fn flawless(text: &str, what: &str) -> Result<(), Fault> {
    scan::check(text).map_err(|flaw| match flaw {
        Flaw::Depth => invalid(format!("{what} is nested deeper than {MAX_DEPTH} levels")),
        Flaw::LoneSurrogate => invalid(format!("{what} holds a lone surrogate (half of a \\u pair)")),
    })
}

/// The string that `raw` is, without a copy where it has no escape.
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The members of an object that the contract knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Action,
    RegistrationData,
    AgentName,
    AgentId,
    Host,
    Port,
    HealthCheckPort,
    AgentType,
    Capabilities,
    Metadata,
    LastRegistered,
    Deregistered,
}

impl Field {
    const ALL: [Field; 12] = [
        Field::Action,
        Field::RegistrationData,
        Field::AgentName,
        Field::AgentId,
        Field::Host,
        Field::Port,
        Field::HealthCheckPort,
        Field::AgentType,
        Field::Capabilities,
        Field::Metadata,
        Field::LastRegistered,
        Field::Deregistered,
    ];
    /// Those of a record, but for its name.
    pub(super) const OF_A_RECORD: [Field; 6] = [
        Field::Host,
        Field::Port,
        Field::HealthCheckPort,
        Field::AgentType,
        Field::Capabilities,
        Field::Metadata,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Field::Action => "action",
            Field::RegistrationData => "registration_data",
            Field::AgentName => "agent_name",
            Field::AgentId => "agent_id",
            Field::Host => "host",
            Field::Port => "port",
            Field::HealthCheckPort => "health_check_port",
            Field::AgentType => "agent_type",
            Field::Capabilities => "capabilities",
            Field::Metadata => "metadata",
            Field::LastRegistered => "last_registered",
            Field::Deregistered => "deregistered",
        }
    }
}

/// A member's key; `None` is one that the contract doesn't know.
struct Key(Option<Field>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a member's name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(Key(Field::ALL.into_iter().find(|field| field.name() == name)))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

/// An object's known members as raw text, and which of them came twice.
#[derive(Default)]
pub(super) struct Members<'a> {
    raw: [Option<&'a RawValue>; Field::ALL.len()],
    doubled: [bool; Field::ALL.len()],
    pub(super) empty: bool,
}

impl<'a> Members<'a> {
    /// The member, where it was given and isn't null.
    pub(super) fn given(&self, field: Field) -> Option<&'a RawValue> {
        self.raw[field as usize].filter(|raw| raw.get() != "null")
    }

    /// The member, which the action can't do without.
    pub(super) fn required(&self, field: Field, need: &str) -> Result<&'a RawValue, Fault> {
        self.given(field).ok_or_else(|| invalid(format!("Missing '{}': it must be {need}", field.name())))
    }

    /// Refuses a member that came twice.
    pub(super) fn once(&self, field: Field) -> Result<(), Fault> {
        if self.doubled[field as usize] {
            return Err(invalid(format!("'{}' was given twice; it must be given once", field.name())));
        }
        Ok(())
    }

    pub(super) fn wrong(&self, field: Field, need: &str) -> Fault {
        wrong(field.name(), need, self.raw[field as usize].unwrap_or(RawValue::NULL))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Members { empty: true, ..Members::default() };
                while let Some(Key(field)) = map.next_key()? {
                    members.empty = false;
                    let Some(field) = field else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    members.doubled[field as usize] |= members.raw[field as usize].is_some();
                    members.raw[field as usize] = Some(map.next_value()?);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The members of the object that `json` is; `what` names it in a fault.
pub(super) fn object<'a>(json: &'a str, what: &str) -> Result<Members<'a>, Fault> {
    serde_json::from_str(json).map_err(|error| {
        let kind = match json.trim_start_matches([' ', '\t', '\r', '\n']).as_bytes().first() {
            None => return invalid(format!("{what} is empty; it must be one JSON object")),
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "",
        };
        match serde_json::from_str::<IgnoredAny>(json) {
            Ok(IgnoredAny) if !kind.is_empty() => {
                invalid(format!("{what} must be one JSON object, not {kind}: {}", shown(json)))
            }
            Ok(IgnoredAny) => invalid(format!("{what} is not JSON: {error}")),
            // Not `error`, which quotes the whole of a string that is followed by something.
            Err(error) => invalid(format!("{what} is not JSON: {error}")),
        }
    })
}
