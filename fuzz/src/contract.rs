//! What docs/protocol.md says a request means, and what a value in Redis does, told a second time and without regard to
//! speed. Shares no code with `wire`: where the two differ, one of them is wrong.

use crate::json::{self, Json};

/// The largest request, in bytes.
const MAX_REQUEST: usize = 131_072;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// `register_agent`.
    Register(Box<Entry>),
    /// `get_agent_endpoint`, and the name.
    Lookup(String),
    /// `deregister_agent`, and the name.
    Deregister(String),
    /// `list_agents`.
    List,
    /// `ping`, `health` and `health_check`.
    Health,
}

/// A registration, with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `agent_id`.
    pub agent_id: String,
    /// `host`.
    pub host: String,
    /// `port`.
    pub port: u16,
    /// `health_check_port`.
    pub health_check_port: Option<u16>,
    /// `agent_type`.
    pub agent_type: String,
    /// `capabilities`, as sent but for white space.
    pub capabilities: String,
    /// `metadata`, as sent but for white space.
    pub metadata: String,
}

/// Why a request is refused: the reply's `code`, and its `error` where the contract fixes that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For a program.
    pub code: &'static str,
    /// One of the texts that stay.
    pub text: Option<String>,
}

impl Refused {
    /// A refusal whose text may be improved.
    pub fn code(code: &'static str) -> Refused {
        Refused { code, text: None }
    }
}

fn invalid() -> Refused {
    Refused::code("invalid_request")
}

/// What `request` means.
pub fn meaning(request: &[u8]) -> Result<Meaning, Refused> {
    if request.len() > MAX_REQUEST {
        return Err(Refused::code("too_large"));
    }
    let json = std::str::from_utf8(request).ok().and_then(json::read);
    let Some(Json::Object(members)) = json else { return Err(invalid()) };
    match given(&members, "action")?.and_then(Json::text) {
        None => Err(invalid()),
        Some("register_agent") => registration(&members).map(Box::new).map(Meaning::Register),
        Some("get_agent_endpoint") => name_asked_for(&members).map(Meaning::Lookup),
        Some("deregister_agent") => {
            let name = given(&members, "agent_id")?.ok_or_else(invalid)?;
            string(name, char::is_control).map(Meaning::Deregister)
        }
        Some("list_agents") => Ok(Meaning::List),
        Some("ping" | "health" | "health_check") => Ok(Meaning::Health),
        Some(other) => {
            // A plain word comes back whole; how others are shown may be improved.
            let plain = other.len() <= 64 && other.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let text = plain.then(|| format!("Unknown action: {other}"));
            Err(Refused { code: "unknown_action", text })
        }
    }
}

type Members = [(json::Text, Json)];

/// The member of this name, where it isn't null.
fn given<'a>(members: &'a Members, name: &str) -> Result<Option<&'a Json>, Refused> {
    let mut all = members.iter().filter(|(key, _)| key.value == name).map(|(_, value)| value);
    let first = all.next();
    match all.next() {
        Some(_) => Err(invalid()),
        None => Ok(first.filter(|value| !matches!(value, Json::Word("null")))),
    }
}

fn name_asked_for(members: &Members) -> Result<String, Refused> {
    match given(members, "agent_name")? {
        None => Err(Refused { text: Some("Missing 'agent_name'".into()), ..invalid() }),
        Some(Json::Text(text)) if text.value.is_empty() => {
            Err(Refused { text: Some("Missing 'agent_name'".into()), ..invalid() })
        }
        Some(name) => string(name, char::is_control),
    }
}

fn registration(members: &Members) -> Result<Entry, Refused> {
    match given(members, "registration_data")? {
        Some(Json::Object(wrapped)) if !wrapped.is_empty() => named_entry(wrapped),
        None | Some(Json::Object(_)) => named_entry(members),
        Some(_) => Err(invalid()),
    }
}

fn named_entry(members: &Members) -> Result<Entry, Refused> {
    let agent_id = given(members, "agent_id")?.ok_or_else(invalid)?;
    entry(string(agent_id, char::is_control)?, members)
}

/// What a value in Redis says of the agent `name`, whoever wrote it: the registration, and its `last_registered` as it is
/// written there. What the value says of a name is one of the further members, which say nothing.
pub fn stored(name: &str, value: &[u8]) -> Option<(Entry, String)> {
    let Json::Object(members) = json::read(std::str::from_utf8(value).ok()?)? else { return None };
    let may_be_asked_for = (1..=255).contains(&name.len()) && !name.contains(char::is_control);
    let last_registered = match given(&members, "last_registered").ok()? {
        None => "null".to_owned(),
        Some(text @ Json::Text(_)) => text.compact(),
        Some(_) => return None,
    };
    may_be_asked_for.then_some((entry(name.to_owned(), &members).ok()?, last_registered))
}

fn entry(agent_id: String, members: &Members) -> Result<Entry, Refused> {
    let required = |name| given(members, name)?.ok_or_else(invalid);
    let capabilities = match given(members, "capabilities")? {
        None => "[]".to_owned(),
        Some(Json::Array(items)) if items.iter().any(|item| item.text().is_none()) => return Err(invalid()),
        Some(array @ Json::Array(_)) => array.compact(),
        Some(_) => return Err(invalid()),
    };
    let metadata = match given(members, "metadata")? {
        None => "{}".to_owned(),
        Some(object @ Json::Object(_)) => object.compact(),
        Some(_) => return Err(invalid()),
    };
    Ok(Entry {
        agent_id,
        host: string(required("host")?, |c| c.is_control() || c.is_whitespace())?,
        port: port(required("port")?, 1)?,
        health_check_port: given(members, "health_check_port")?.map(|given| port(given, 0)).transpose()?,
        agent_type: match given(members, "agent_type")? {
            None => "service".to_owned(),
            Some(given) => string(given, |_| false)?,
        },
        capabilities,
        metadata,
    })
}

/// A string of 1 to 255 bytes without what is `forbidden`.
fn string(json: &Json, forbidden: fn(char) -> bool) -> Result<String, Refused> {
    let text = json.text().filter(|text| (1..=255).contains(&text.len()) && !text.contains(forbidden));
    text.map(str::to_owned).ok_or_else(invalid)
}

/// An integer from `least` to 65535, or a string of its digits.
fn port(json: &Json, least: u64) -> Result<u16, Refused> {
    let digits = match json {
        Json::Number(number) => number,
        Json::Text(text) => &text.value,
        _ => return Err(invalid()),
    };
    if digits.is_empty() || digits.contains(|c: char| !c.is_ascii_digit()) {
        return Err(invalid());
    }
    let significant = digits.trim_start_matches('0');
    // More than five digits are more than 65535.
    let port = if significant.len() > 5 { u64::MAX } else { significant.parse().unwrap_or(0) };
    u16::try_from(port).ok().filter(|&port| u64::from(port) >= least).ok_or_else(invalid)
}
