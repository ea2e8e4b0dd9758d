//! The target of what Redis holds: a value that anybody wrote must be read as `contract` reads it, a fault be told in few and
//! printable words, and what a registry writes itself come back byte for byte. Knows no Redis.

use std::borrow::Cow;

use time::OffsetDateTime;

use crate::contract::{self, Entry, Refused};
use crate::model;
use crate::record::Record;
use crate::replies;
use crate::runs;
use crate::wire::registration;
use crate::wire::render::{self, Rendered};

/// Stands between the name and the value. It is legal in neither.
const SEPARATOR: u8 = 0x1E;
/// The name where the input gives none.
const NAME: &[u8] = b"A";

/// Tries one key: its name, if there is one, and its value.
pub fn target(input: &[u8]) {
    let (name, value) = match input.iter().position(|&byte| byte == SEPARATOR) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (NAME, input),
    };
    let (name, value) = (runs::expand(name), runs::expand(value));
    // No other is ever asked for: src/store/redis/keys.rs.
    let Ok(name) = std::str::from_utf8(&name) else { return };
    match (registration::stored(name, &value), contract::stored(name, &value)) {
        (Ok(read), Some((entry, last_registered))) => {
            check(&read, &entry, &last_registered);
            check_again(name, &read);
            check_own(name, &entry);
        }
        (Err(fault), None) => {
            let reply = render::failure(fault.code, &fault.text);
            replies::check_failure(&reply, &Refused::code("invalid_request"));
        }
        (read, meant) => panic!("read as {read:?}, meant {meant:?}"),
    }
}

fn check(read: &Rendered, entry: &Entry, last_registered: &str) {
    let expected = model::record(entry, last_registered);
    assert_eq!(String::from_utf8_lossy(&value(read)), expected);
    assert_eq!(read.name(), entry.agent_id.as_bytes());
    let reply = expected.replacen('{', r#"{"status":"success","#, 1);
    assert_eq!(String::from_utf8_lossy(&read.reply()), reply);
    let endpoint = &expected[1..expected.find(r#","health_check_port":"#).unwrap_or_default()];
    assert_eq!(String::from_utf8_lossy(read.endpoint()), endpoint);
}

/// What was read, written and read again, is the same.
fn check_again(name: &str, read: &Rendered) {
    let again = registration::stored(name, &value(read));
    let again =
        again.unwrap_or_else(|fault| panic!("{}: {}", fault.text, String::from_utf8_lossy(&value(read))));
    assert_eq!(value(&again), value(read));
}

/// What this registry would write of the same agent comes back as it was.
fn check_own(name: &str, entry: &Entry) {
    let record = Record {
        agent_id: Cow::Borrowed(name),
        host: Cow::Borrowed(&entry.host),
        port: entry.port,
        health_check_port: entry.health_check_port,
        agent_type: Cow::Borrowed(&entry.agent_type),
        capabilities: Cow::Borrowed(&entry.capabilities),
        metadata: Cow::Borrowed(&entry.metadata),
    };
    let written = render::record(&record, OffsetDateTime::UNIX_EPOCH);
    check(&written, entry, r#""1970-01-01T00:00:00.000Z""#);
    check_again(name, &written);
}

/// The value as it is kept in Redis.
fn value(record: &Rendered) -> Vec<u8> {
    [b"{", record.members()].concat()
}
