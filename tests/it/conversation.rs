//! What is asked and what must come back, whichever way it travels: the same conversation is held over libzmq, over
//! pyzmq and over curl, and judged by the wire contract. Knows the shape of replies, and no single test's purpose.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::agent::{Agent, shown};
use crate::registry::Registry;
use crate::{curl, python};

/// The ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Libzmq,
    Pyzmq,
    Curl,
}

impl Transport {
    /// Asks all of these, one after another and over one connection where the transport has such, and gives the
    /// replies.
    pub(crate) fn ask_all(self, port: u16, requests: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let replies: Vec<Vec<u8>> = match self {
            Transport::Libzmq => {
                let agent = Agent::connect(port);
                requests.iter().map(|request| agent.ask(request)).collect()
            }
            Transport::Pyzmq => ask_pyzmq(port, requests),
            Transport::Curl => requests.iter().map(|request| ask_curl(port, request)).collect(),
        };
        assert_eq!(replies.len(), requests.len(), "one reply a request over {self:?}");
        replies
    }
}

fn ask_pyzmq(port: u16, requests: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let lines: String = requests.iter().map(|request| hex(request) + "\n").collect();
    python::run_with_input("ask.py", &[&port.to_string()], lines).lines().map(unhex).collect()
}

/// The body of the answer, whose status must be the one that belongs to the body.
pub(crate) fn ask_curl(port: u16, request: &[u8]) -> Vec<u8> {
    let answer = curl::post(port, request);
    let due = code(&answer.body).map_or(200, |code| http_status(&code));
    assert_eq!(answer.status, due, "the status of {answer:?} to {}", shown(request));
    answer.body
}

/// The code of an error reply. Not by `Value`: the metadata of other replies may hold numbers that no `Value` can.
fn code(reply: &[u8]) -> Option<String> {
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(reply).unwrap_or_else(|e| panic!("not a JSON object: {e}: {}", shown(reply)));
    members.get("code").map(|code| serde_json::from_str(code.get()).expect("a code is a string"))
}

/// Which HTTP status each code goes with.
fn http_status(code: &str) -> u16 {
    match code {
        "invalid_request" | "unknown_action" => 400,
        "forbidden" => 403,
        "not_found" => 404,
        "method_not_allowed" => 405,
        "length_required" => 411,
        "too_large" => 413,
        "unsupported_media_type" => 415,
        "headers_too_large" => 431,
        "not_implemented" => 501,
        "unavailable" => 503,
        "version_not_supported" => 505,
        "full" => 507,
        other => panic!("a code that the contract does not have: {other:?}"),
    }
}

/// What must come back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply<'a> {
    /// These bytes.
    Is(&'a str),
    /// A lookup's reply: these members, byte for byte, between the status and the time stamp.
    Record(&'a str),
    /// The health object.
    Health,
    /// An error of this code, whose text holds all of these.
    Refused(&'a str, &'a [&'a str]),
}

/// The reply to a registration.
pub(crate) const REGISTERED: Reply<'static> = Reply::Is(r#"{"status":"success"}"#);

/// Holds the conversation with a new registry for each of the transports.
pub(crate) fn hold(conversation: &[(&str, Reply<'_>)]) {
    for transport in [Transport::Libzmq, Transport::Pyzmq, Transport::Curl] {
        let registry = Registry::start();
        let requests: Vec<Vec<u8>> =
            conversation.iter().map(|(request, _)| request.as_bytes().to_vec()).collect();
        let before = now();
        let replies = transport.ask_all(registry.port(), &requests);
        let moment = Moment { before, after: now() };
        for ((request, due), reply) in conversation.iter().zip(replies) {
            judge(&reply, *due, &moment, &format!("over {transport:?}, to {request}"));
        }
    }
}

/// Between these two the replies were made.
pub(crate) struct Moment {
    pub(crate) before: String,
    pub(crate) after: String,
}

/// Compares one reply with what is due.
pub(crate) fn judge(reply: &[u8], due: Reply<'_>, moment: &Moment, context: &str) {
    match due {
        Reply::Is(exact) => assert_eq!(shown(reply), shown(exact.as_bytes()), "{context}"),
        Reply::Record(members) => judge_record(reply, members, moment, context),
        Reply::Health => judge_health(reply, moment, context),
        Reply::Refused(code, fragments) => {
            let text = refusal(reply, code, context);
            for fragment in fragments {
                assert!(text.contains(fragment), "{fragment:?} is in {text:?} {context}");
            }
        }
    }
}

fn judge_record(reply: &[u8], members: &str, moment: &Moment, context: &str) {
    let text = std::str::from_utf8(reply).unwrap_or_else(|e| panic!("{e}: {} {context}", shown(reply)));
    let head = format!(r#"{{"status":"success",{members},"last_registered":""#);
    let stamp = text.strip_prefix(&head).and_then(|rest| rest.strip_suffix("\"}"));
    let stamp = stamp.unwrap_or_else(|| panic!("wanted {head}…\"}}\n   got {text}\n{context}"));
    assert_stamp(stamp, moment, context);
}

/// The health object: its first three members exactly, and the further ones.
pub(crate) fn judge_health(reply: &[u8], moment: &Moment, context: &str) {
    let text = std::str::from_utf8(reply).unwrap_or_else(|e| panic!("{e}: {} {context}", shown(reply)));
    let head = r#"{"status":"ok","message":"ServiceRegistry is healthy","timestamp":""#;
    let rest = text.strip_prefix(head).unwrap_or_else(|| panic!("not a health object: {text} {context}"));
    let (stamp, _) = rest.split_once('"').expect(text);
    assert_stamp(stamp, moment, context);
    let health = parse(reply);
    assert_eq!(health["ready"], true, "{text} {context}");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"), "{text} {context}");
    assert!(health["uptime_seconds"].as_f64().is_some_and(|s| s >= 0.0), "{text} {context}");
    assert_eq!(health["backend"], "memory", "{text} {context}");
    assert!(health["agents"].is_u64() || health["agents"].is_null(), "{text} {context}");
}

/// The text of an error reply of this code. Every error has exactly three members, in this order, and a text that a
/// terminal can show.
pub(crate) fn refusal(reply: &[u8], code: &str, context: &str) -> String {
    let value = parse(reply);
    let text =
        value["error"].as_str().unwrap_or_else(|| panic!("no error: {} {context}", shown(reply))).to_owned();
    assert_eq!(value["code"], code, "{} {context}", shown(reply));
    let escaped = reply.strip_prefix(br#"{"status":"error","error":""#.as_slice());
    let tail = format!(r#"","code":"{code}"}}"#);
    assert!(escaped.is_some_and(|e| e.ends_with(tail.as_bytes())), "the form of {} {context}", shown(reply));
    assert_eq!(value.as_object().unwrap().len(), 3, "{} {context}", shown(reply));
    assert!(
        !text.is_empty() && !text.chars().any(char::is_control),
        "a text for a person: {text:?} {context}"
    );
    text
}

pub(crate) fn parse(reply: &[u8]) -> Value {
    serde_json::from_slice(reply).unwrap_or_else(|e| panic!("not JSON: {e}: {}", shown(reply)))
}

/// The moment as the contract writes it: UTC, RFC 3339, milliseconds, `Z`. Text of this shape sorts as time does.
pub(crate) fn now() -> String {
    let t = OffsetDateTime::now_utc();
    let (date, month) = (t.date(), u8::from(t.month()));
    let (hour, minute, second) = (t.hour(), t.minute(), t.second());
    format!(
        "{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        date.year(),
        date.day(),
        t.millisecond()
    )
}

fn assert_stamp(stamp: &str, moment: &Moment, context: &str) {
    let shape: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "the shape of {stamp} {context}");
    let Moment { before, after } = moment;
    let inside = before.as_str() <= stamp && stamp <= after.as_str();
    assert!(inside, "{stamp} is between {before} and {after} {context}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(line: &str) -> Vec<u8> {
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).expect(line)).unwrap();
    line.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}
