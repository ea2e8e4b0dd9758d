//! A registry in its simplest form: a sorted map of what was registered, and the bytes that it takes. Never sees a reply
//! of the real one; it says what that must be.

use std::collections::BTreeMap;

use crate::contract::{Entry, Meaning, Refused, meaning};
use crate::json::quoted;

/// The largest record, in bytes of its JSON.
const MAX_RECORD: usize = 65_536;

/// What a request must be answered with.
#[derive(Debug)]
pub enum Expected {
    /// These bytes.
    Exactly(String),
    /// The health object, with this time and so many agents.
    Health(String, usize),
    /// A failure.
    Failure(Refused),
}

/// A registry's records: each agent's JSON object by the agent's name.
#[derive(Debug)]
pub struct Model {
    records: BTreeMap<String, String>,
    max_bytes: u64,
}

impl Model {
    /// An empty registry that takes so many bytes of names and records.
    pub fn new(max_bytes: u64) -> Model {
        Model { records: BTreeMap::new(), max_bytes }
    }

    /// The names of its agents, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// Does what `request` asks at `now`.
    pub fn answer(&mut self, request: &[u8], now: &str) -> Expected {
        match meaning(request) {
            Err(refused) => Expected::Failure(refused),
            Ok(Meaning::Health) => Expected::Health(now.to_owned(), self.records.len()),
            Ok(Meaning::Deregister(name)) => {
                let was_there = self.records.remove(&name).is_some();
                Expected::Exactly(format!(r#"{{"status":"success","deregistered":{was_there}}}"#))
            }
            Ok(Meaning::List) => Expected::Exactly(self.list()),
            Ok(Meaning::Lookup(name)) => self.lookup(&name),
            Ok(Meaning::Register(entry)) => self.register(*entry, now),
        }
    }

    /// What `list_agents` must be answered with.
    pub fn list(&self) -> String {
        let names: Vec<String> = self.names().map(quoted).collect();
        format!(r#"{{"status":"success","agents":[{}]}}"#, names.join(","))
    }

    /// What a lookup of `name` must be answered with.
    pub fn lookup(&self, name: &str) -> Expected {
        match self.records.get(name) {
            Some(record) => Expected::Exactly(record.replacen('{', r#"{"status":"success","#, 1)),
            None => {
                let text = Some(format!("Agent {name} not found"));
                Expected::Failure(Refused { code: "not_found", text })
            }
        }
    }

    fn register(&mut self, entry: Entry, now: &str) -> Expected {
        let record = record(&entry, &quoted(now));
        if record.len() > MAX_RECORD {
            return Expected::Failure(Refused::code("too_large"));
        }
        let before = self.bytes();
        let old = self.records.insert(entry.agent_id.clone(), record);
        let after = self.bytes();
        if after > self.max_bytes && after > before {
            match old {
                Some(old) => self.records.insert(entry.agent_id, old),
                None => self.records.remove(&entry.agent_id),
            };
            return Expected::Failure(Refused::code("full"));
        }
        Expected::Exactly(r#"{"status":"success"}"#.to_owned())
    }

    fn bytes(&self) -> u64 {
        self.records.iter().map(|(name, record)| (name.len() + record.len()) as u64).sum()
    }
}

/// The JSON object that is kept of `entry`, with this JSON as its `last_registered`.
pub fn record(entry: &Entry, last_registered: &str) -> String {
    let health_check_port = entry.health_check_port.map_or("null".into(), |port| port.to_string());
    let members = [
        ("host", quoted(&entry.host)),
        ("port", entry.port.to_string()),
        ("health_check_port", health_check_port),
        ("agent_type", quoted(&entry.agent_type)),
        ("capabilities", entry.capabilities.clone()),
        ("metadata", entry.metadata.clone()),
        ("last_registered", last_registered.to_owned()),
    ];
    format!("{{{}}}", members.map(|(name, value)| format!(r#""{name}":{value}"#)).join(","))
}
