//! The target of the request parser: it must read a request as `contract` does, and tell of a fault in few and printable
//! words. Never asks what a request does.

use crate::contract::{self, Entry, Meaning};
use crate::json::quoted;
use crate::record::Record;
use crate::replies;
use crate::runs;
use crate::wire::MAX_REQUEST;
use crate::wire::parse::{self, Request};
use crate::wire::render;

/// Tries one request.
pub fn target(input: &[u8]) {
    let bytes = runs::expand(input);
    let meaning = contract::meaning(&bytes);
    match (parse::request(&bytes), &meaning) {
        (Ok(Request::Register(record)), Ok(Meaning::Register(entry))) => {
            assert_eq!(&read(&record), &**entry);
            check_rewritten(&rewritten(entry), &record);
        }
        (Ok(Request::Lookup(name)), Ok(Meaning::Lookup(expected)))
        | (Ok(Request::Deregister(name)), Ok(Meaning::Deregister(expected))) => assert_eq!(&name, expected),
        (Ok(Request::List), Ok(Meaning::List)) | (Ok(Request::Health), Ok(Meaning::Health)) => {}
        (Err(fault), Err(refused)) => {
            replies::check_failure(&render::failure(fault.code, &fault.text), refused);
        }
        (read, meant) => panic!("read as {read:?}, meant {meant:?}"),
    }
}

/// What was read, written and read again, is the same.
fn check_rewritten(request: &str, record: &Record<'_>) {
    // With its defaults spelt out it may be longer than it was.
    if request.len() <= MAX_REQUEST {
        assert_eq!(parse::request(request.as_bytes()), Ok(Request::Register(Box::new(record.clone()))));
    }
}

fn read(record: &Record<'_>) -> Entry {
    Entry {
        agent_id: record.agent_id.to_string(),
        host: record.host.to_string(),
        port: record.port,
        health_check_port: record.health_check_port,
        agent_type: record.agent_type.to_string(),
        capabilities: record.capabilities.to_string(),
        metadata: record.metadata.to_string(),
    }
}

/// The same registration with every member, and none but the escapes that it needs.
fn rewritten(entry: &Entry) -> String {
    let Entry { agent_id, host, port, health_check_port, agent_type, capabilities, metadata } = entry;
    let (agent_id, host, agent_type) = (quoted(agent_id), quoted(host), quoted(agent_type));
    let health_check_port = health_check_port.map_or("null".into(), |port| port.to_string());
    format!(
        concat!(
            r#"{{"action":"register_agent","agent_id":{},"host":{},"port":"{}","health_check_port":{},"#,
            r#""agent_type":{},"capabilities":{},"metadata":{}}}"#
        ),
        agent_id, host, port, health_check_port, agent_type, capabilities, metadata
    )
}
