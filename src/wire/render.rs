//! Replies and records as bytes. A lookup's reply is rendered once, when the record is written, and kept; so this room
//! runs at registrations, lists and failures, and a lookup never enters it.

use std::sync::Arc;

use serde_json::to_writer;
use time::OffsetDateTime;

use super::code::Code;
use super::shared::Shared;
use crate::record::Record;

/// The reply to a registration that was taken.
pub const SUCCESS: &[u8] = br#"{"status":"success"}"#;
/// The reply to a deregistration of an agent that was there.
pub const DEREGISTERED: &[u8] = br#"{"status":"success","deregistered":true}"#;
/// The reply to a deregistration of an agent that was not.
pub const NOT_THERE: &[u8] = br#"{"status":"success","deregistered":false}"#;
/// What a lookup's reply has in front of the record's members.
const LOOKUP_START: &[u8] = br#"{"status":"success","#;

/// A record as a store keeps it: its name and the whole reply to a lookup, of which the record's own JSON is the tail. All
/// in one piece of memory, since a lookup among many agents is as fast as it has few places to fetch from:
/// name's length (1 byte), endpoint's length (2 bytes, little endian), name, reply.
#[derive(Clone, Debug)]
pub struct Rendered(Arc<[u8]>);

/// The lengths in front.
const LENGTHS: usize = 3;

impl Rendered {
    /// The agent's name, UTF-8.
    pub fn name(&self) -> &[u8] {
        &self.0[LENGTHS..self.reply_start()]
    }

    /// The whole reply to a lookup.
    pub fn reply(&self) -> Shared {
        Shared::from(Arc::clone(&self.0), self.reply_start())
    }

    /// `"host":…,"port":…`: what a client connects to.
    pub fn endpoint(&self) -> &[u8] {
        let start = self.reply_start() + LOOKUP_START.len();
        let length = u16::from_le_bytes([self.0[1], self.0[2]]);
        &self.0[start..start + usize::from(length)]
    }

    /// The record's own JSON object without its opening brace.
    pub fn members(&self) -> &[u8] {
        &self.0[self.reply_start() + LOOKUP_START.len()..]
    }

    /// The length of the record's own JSON object, in bytes.
    pub fn record_length(&self) -> usize {
        self.members().len() + 1
    }

    fn reply_start(&self) -> usize {
        LENGTHS + usize::from(self.0[0])
    }
}

/// Renders `record` as registered at `now`.
pub fn record(record: &Record<'_>, now: OffsetDateTime) -> Rendered {
    rendered(record, |out| {
        out.push(b'"');
        out.extend_from_slice(timestamp(now).as_bytes());
        out.push(b'"');
    })
}

/// Renders `record` with this as its `last_registered`, a JSON string or null.
pub fn stored(record: &Record<'_>, last_registered: &str) -> Rendered {
    rendered(record, |out| out.extend_from_slice(last_registered.as_bytes()))
}

fn rendered(record: &Record<'_>, last_registered: impl FnOnce(&mut Vec<u8>)) -> Rendered {
    let name = record.agent_id.as_bytes();
    let mut out = Vec::with_capacity(512 + record.capabilities.len() + record.metadata.len());
    // A name has at most 255 bytes (record::MAX_TEXT).
    out.extend_from_slice(&[name.len() as u8, 0, 0]);
    out.extend_from_slice(name);
    out.extend_from_slice(LOOKUP_START);
    let endpoint = out.len();
    out.extend_from_slice(b"\"host\":");
    string(&mut out, &record.host);
    out.extend_from_slice(b",\"port\":");
    out.extend_from_slice(record.port.to_string().as_bytes());
    // A host has at most 255 bytes, and an escape makes two of one.
    let endpoint_length = (out.len() - endpoint) as u16;
    out[1..LENGTHS].copy_from_slice(&endpoint_length.to_le_bytes());
    out.extend_from_slice(b",\"health_check_port\":");
    match record.health_check_port {
        Some(port) => out.extend_from_slice(port.to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"agent_type\":");
    string(&mut out, &record.agent_type);
    out.extend_from_slice(b",\"capabilities\":");
    out.extend_from_slice(record.capabilities.as_bytes());
    out.extend_from_slice(b",\"metadata\":");
    out.extend_from_slice(record.metadata.as_bytes());
    out.extend_from_slice(b",\"last_registered\":");
    last_registered(&mut out);
    out.push(b'}');
    Rendered(out.into())
}

/// A failure's reply: `{"status":"error","error":…,"code":…}`.
pub fn failure(code: Code, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + text.len());
    out.extend_from_slice(br#"{"status":"error","error":"#);
    string(&mut out, text);
    out.extend_from_slice(b",\"code\":\"");
    out.extend_from_slice(code.text().as_bytes());
    out.extend_from_slice(b"\"}");
    out
}

/// The reply to `list_agents`; `names` come in their order, and `room` bytes are likely to hold it.
pub fn list<'a>(names: impl Iterator<Item = &'a str>, room: usize) -> Shared {
    let mut out = Vec::with_capacity(room);
    out.extend_from_slice(br#"{"status":"success","agents":["#);
    for (index, name) in names.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(&mut out, name);
    }
    out.extend_from_slice(b"]}");
    Shared::from(out.into(), 0)
}

/// `text` as a JSON string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    // Plain names are nearly all there are, and copying them whole is several times faster than byte by byte.
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // Writing a str into a Vec can't fail: neither the sink nor the serialisation has an error to give.
    let written = to_writer(&mut *out, text);
    debug_assert!(written.is_ok());
}

/// `now` as RFC 3339 in UTC with milliseconds: `2025-07-03T12:34:56.789Z`.
pub fn timestamp(now: OffsetDateTime) -> String {
    let now = now.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::MAX_TEXT;
    use std::borrow::Cow;

    fn at(nanoseconds: i128) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).expect("a time")
    }

    #[test]
    fn a_record_is_the_contracts_example() {
        let example = Record {
            agent_id: Cow::Borrowed("MyAgent"),
            host: Cow::Borrowed("localhost"),
            port: 5000,
            health_check_port: Some(6000),
            agent_type: Cow::Borrowed("service"),
            capabilities: Cow::Borrowed(r#"["feature1","feature2"]"#),
            metadata: Cow::Borrowed(r#"{"version":"1.0.0"}"#),
        };
        let rendered = record(&example, at(1_751_546_096_789_999_999));
        let expected = concat!(
            r#"{"status":"success","host":"localhost","port":5000,"health_check_port":6000,"agent_type":"service","#,
            r#""capabilities":["feature1","feature2"],"metadata":{"version":"1.0.0"},"#,
            r#""last_registered":"2025-07-03T12:34:56.789Z"}"#
        );
        assert_eq!(std::str::from_utf8(&rendered.reply()), Ok(expected));
        assert_eq!(rendered.name(), b"MyAgent");
        assert_eq!(rendered.endpoint(), br#""host":"localhost","port":5000"#);
        assert_eq!(rendered.record_length(), expected.len() - r#""status":"success","#.len());
    }

    #[test]
    fn the_longest_name_and_host_keep_their_places() {
        let name = "n".repeat(MAX_TEXT);
        let host = "\"".repeat(MAX_TEXT);
        let longest = Record {
            agent_id: Cow::Borrowed(&name),
            host: Cow::Borrowed(&host),
            port: 65535,
            health_check_port: None,
            agent_type: Cow::Borrowed("service"),
            capabilities: Cow::Borrowed("[]"),
            metadata: Cow::Borrowed("{}"),
        };
        let rendered = record(&longest, at(0));
        assert_eq!(rendered.name(), name.as_bytes());
        let endpoint = format!(r#""host":"{}","port":65535"#, "\\\"".repeat(MAX_TEXT));
        assert_eq!(rendered.endpoint(), endpoint.as_bytes());
        assert_eq!(rendered.record_length(), rendered.reply().len() - r#""status":"success","#.len());
    }

    #[test]
    fn a_string_is_escaped_where_json_asks_for_it() {
        for text in [
            "", "plain", " ~", "\"", "\\", "\n", "\u{1f}", "\"\"\"", "\\\\\\", "\n\n\n", "a\"", "a\\", "a\n",
            "é\u{7f}",
        ] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(String::from_utf8(out).ok(), serde_json::to_string(text).ok(), "{text:?}");
        }
    }

    #[test]
    fn a_time_stamp_is_utc_and_has_every_digit() {
        let early = at(1_000_000);
        assert_eq!(timestamp(early), "1970-01-01T00:00:00.001Z");
        let east = time::UtcOffset::from_hms(2, 30, 0).expect("an offset");
        assert_eq!(timestamp(early.to_offset(east)), timestamp(early));
    }

    #[test]
    fn a_failure_escapes_its_text() {
        assert_eq!(
            failure(Code::NotFound, "Agent \"x\"\n not found"),
            br#"{"status":"error","error":"Agent \"x\"\n not found","code":"not_found"}"#
        );
    }

    #[test]
    fn a_list_is_names_between_commas() {
        let names = ["a", "b\"", "é"];
        assert_eq!(
            &*list(names.iter().copied(), 9),
            r#"{"status":"success","agents":["a","b\"","é"]}"#.as_bytes()
        );
        assert_eq!(&*list(std::iter::empty::<&str>(), 0), br#"{"status":"success","agents":[]}"#);
    }
}
