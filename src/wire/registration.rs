//! The record in an object, whoever wrote it: an agent that registers, or another writer of the same store. The rules are
//! those of [`record`](crate::record); what is no record is a [`Fault`] that says why. Knows no action and no store.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::members::{Fault, Field, Members, flawless, invalid, object, string, wrong};
use super::render::{self, Rendered};
use super::scan;
use crate::record::{Record, Rule};

/// The record that a request registers.
pub(super) fn record<'a>(members: &Members<'a>) -> Result<Record<'a>, Fault> {
    members.once(Field::AgentId)?;
    let agent_id = text(members.required(Field::AgentId, Rule::Name.text())?, Field::AgentId, Rule::Name)?;
    record_of(agent_id, members)
}

/// What a line of a state file says.
#[derive(Clone, Debug)]
pub enum Kept {
    /// This agent is registered so.
    Registered(Rendered),
    /// The agent of this name is registered no more.
    Deregistered(Box<str>),
}

/// A line of a state file: a record with its `agent_id`, or `agent_id` and `"deregistered":true`.
pub fn kept(line: &[u8]) -> Result<Kept, Fault> {
    let members = members(line, "the line")?;
    members.once(Field::AgentId)?;
    let name = text(members.required(Field::AgentId, Rule::Name.text())?, Field::AgentId, Rule::Name)?;
    members.once(Field::Deregistered)?;
    match members.given(Field::Deregistered).map(RawValue::get) {
        None => registered(name, &members).map(Kept::Registered),
        Some("true") => Ok(Kept::Deregistered(name.into())),
        Some(_) => Err(members.wrong(Field::Deregistered, "true, or not there")),
    }
}

/// The record of `name` as a store that others write into holds it: `json`, whatever it is. Host and port suffice; a
/// `last_registered` that is a string is passed on as it is.
pub fn stored(name: &str, json: &[u8]) -> Result<Rendered, Fault> {
    if !Rule::Name.allows(name) {
        return Err(invalid(format!("the name must be {}", Rule::Name.text())));
    }
    registered(Cow::Borrowed(name), &members(json, "the value")?)
}

fn members<'a>(json: &'a [u8], what: &str) -> Result<Members<'a>, Fault> {
    let json = std::str::from_utf8(json).map_err(|_| invalid(format!("{what} is not UTF-8")))?;
    flawless(json, what)?;
    object(json, what)
}

fn registered(name: Cow<'_, str>, members: &Members<'_>) -> Result<Rendered, Fault> {
    let record = record_of(name, members)?;
    members.once(Field::LastRegistered)?;
    let stamp = match members.given(Field::LastRegistered) {
        None => "null",
        Some(raw) if raw.get().starts_with('"') => raw.get(),
        Some(raw) => return Err(wrong(Field::LastRegistered.name(), "a string or null", raw)),
    };
    Ok(render::stored(&record, stamp))
}

fn record_of<'a>(agent_id: Cow<'a, str>, members: &Members<'a>) -> Result<Record<'a>, Fault> {
    for field in Field::OF_A_RECORD {
        members.once(field)?;
    }
    Ok(Record {
        agent_id,
        host: text(members.required(Field::Host, Rule::Host.text())?, Field::Host, Rule::Host)?,
        port: port(members.required(Field::Port, PORT)?, 1)
            .ok_or_else(|| members.wrong(Field::Port, PORT))?,
        health_check_port: match members.given(Field::HealthCheckPort) {
            None => None,
            Some(raw) => {
                Some(port(raw, 0).ok_or_else(|| members.wrong(Field::HealthCheckPort, HEALTH_CHECK_PORT))?)
            }
        },
        agent_type: match members.given(Field::AgentType) {
            None => Cow::Borrowed("service"),
            Some(raw) => text(raw, Field::AgentType, Rule::Type)?,
        },
        capabilities: capabilities(members)?,
        metadata: match members.given(Field::Metadata) {
            None => Cow::Borrowed("{}"),
            Some(raw) if raw.get().starts_with('{') => Cow::Owned(scan::compact(raw.get())),
            Some(raw) => return Err(wrong("metadata", "an object or null", raw)),
        },
    })
}

fn capabilities<'a>(members: &Members<'a>) -> Result<Cow<'a, str>, Fault> {
    const NEED: &str = "an array of strings or null";
    let Some(raw) = members.given(Field::Capabilities) else { return Ok(Cow::Borrowed("[]")) };
    let items: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| wrong("capabilities", NEED, raw))?;
    match items.iter().all(|item| item.get().starts_with('"')) {
        false => Err(wrong("capabilities", NEED, raw)),
        true => Ok(Cow::Owned(scan::compact(raw.get()))),
    }
}

const PORT: &str = "an integer from 1 to 65535 or a string of its digits";
const HEALTH_CHECK_PORT: &str = "an integer from 0 to 65535, a string of its digits, or null";

/// A port as JSON integer or string of digits, `least` or more.
fn port(raw: &RawValue, least: u16) -> Option<u16> {
    let digits = if raw.get().starts_with('"') { string(raw)? } else { Cow::Borrowed(raw.get()) };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = plain.then(|| digits.parse::<u16>().ok())??;
    (port >= least).then_some(port)
}

/// A string that obeys `rule`.
pub(super) fn text<'a>(raw: &'a RawValue, field: Field, rule: Rule) -> Result<Cow<'a, str>, Fault> {
    string(raw).filter(|text| rule.allows(text)).ok_or_else(|| wrong(field.name(), rule.text(), raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_an_integer_or_its_digits() {
        let raw = |json: &'static str| serde_json::from_str::<&RawValue>(json).expect(json);
        for (json, expected) in
            [("1", 1), ("65535", 65535), ("\"1\"", 1), ("\"65535\"", 65535), ("\"\\u0038\"", 8)]
        {
            assert_eq!(port(raw(json), 1), Some(expected), "{json}");
        }
        for json in [
            "0", "\"0\"", "65536", "-1", "1.5", "1e3", "\"+80\"", "\"\"", "\" 80\"", "\"80a\"", "true",
            "[80]", "\"٣\"",
        ] {
            assert_eq!(port(raw(json), 1), None, "{json}");
        }
        assert_eq!(port(raw("0"), 0), Some(0));
    }

    fn read(json: &str) -> Result<String, String> {
        let rendered = stored("A", json.as_bytes()).map_err(|fault| fault.text)?;
        Ok(String::from_utf8_lossy(&[b"{", rendered.members()].concat()).into_owned())
    }

    #[test]
    fn a_stored_record_needs_a_host_and_a_port() {
        assert_eq!(
            read(r#"{"host":"h","port":1}"#).as_deref(),
            Ok(concat!(
                r#"{"host":"h","port":1,"health_check_port":null,"agent_type":"service","capabilities":[],"#,
                r#""metadata":{},"last_registered":null}"#
            ))
        );
        assert!(read(r#"{"host":"h"}"#).expect_err("a fault").starts_with("Missing 'port'"));
        assert!(read(r#"{"port":1}"#).expect_err("a fault").starts_with("Missing 'host'"));
    }

    #[test]
    fn what_another_writer_stored_is_read() {
        let theirs = concat!(
            "{\"host\": \"h\", \"port\": \"80\", \"agent_type\": null, \"capabilities\": [\"a\", \"b c\"], ",
            "\"metadata\": {\"k\": [1, 1e400]}, \"status\": \"up\", \"last_registered\": \"2025-07-03T12:34:56.789012\"}"
        );
        assert_eq!(
            read(theirs).as_deref(),
            Ok(concat!(
                r#"{"host":"h","port":80,"health_check_port":null,"agent_type":"service","capabilities":["a","b c"],"#,
                r#""metadata":{"k":[1,1e400]},"last_registered":"2025-07-03T12:34:56.789012"}"#
            ))
        );
    }

    #[test]
    fn what_a_stored_record_calls_itself_is_ignored() {
        for name in [r#""B""#, "7", r#"null,"agent_id":"C""#] {
            let json = format!(r#"{{"agent_id":{name},"host":"h","port":1}}"#);
            let rendered = stored("A", json.as_bytes()).expect(&json);
            assert_eq!(rendered.name(), b"A", "{json}");
        }
    }

    #[test]
    fn what_was_stored_here_comes_back_as_it_was() {
        let ours = concat!(
            r#"{"host":"h\"","port":65535,"health_check_port":0,"agent_type":"é","capabilities":["\u00e9"],"#,
            r#""metadata":{"a":"b c"},"last_registered":"2025-07-03T12:34:56.789Z"}"#
        );
        assert_eq!(read(ours).as_deref(), Ok(ours));
    }

    #[test]
    fn what_is_no_record_says_why() {
        for (json, why) in [
            ("", "the value is empty"),
            ("[]", "the value must be one JSON object, not an array"),
            ("{", "the value is not JSON"),
            (r#"{"host":"a b","port":1}"#, "'host' must be"),
            (r#"{"host":"h","port":0}"#, "'port' must be"),
            (r#"{"host":"h","port":1,"capabilities":[1]}"#, "'capabilities' must be"),
            (
                r#"{"host":"h","port":1,"last_registered":7}"#,
                "'last_registered' must be a string or null, not 7",
            ),
            (r#"{"host":"h","port":1,"port":2}"#, "'port' was given twice"),
            (r#"{"host":"\ud800","port":1}"#, "the value holds a lone surrogate"),
        ] {
            let text = read(json).expect_err(json);
            assert!(text.starts_with(why), "{json}: {text}");
        }
        assert_eq!(stored("A", b"\xff").expect_err("a fault").text, "the value is not UTF-8");
        assert!(stored("a\n", b"{}").expect_err("a fault").text.starts_with("the name must be"));
    }
}
