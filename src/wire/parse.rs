//! Request bytes in, a closed [`Request`] out, or the [`Fault`] that a client reads. One pass: every member this contract
//! knows is kept as raw text, the rest is checked to be JSON and dropped, and only then does the action say which members
//! count. Knows nothing of stores and transports, and allocates only for escaped strings and for what gets stored.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::MAX_REQUEST;
use super::code::Code;
use super::scan::{self, Flaw, MAX_DEPTH};
use crate::quote::shown;
use crate::record::{Record, Rule};

/// Everything an agent may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// `register_agent`.
    Register(Box<Record<'a>>),
    /// `get_agent_endpoint`, with the name asked for.
    Lookup(Cow<'a, str>),
    /// `deregister_agent`, with the name to be removed.
    Deregister(Cow<'a, str>),
    /// `list_agents`.
    List,
    /// `ping`, `health` and `health_check`.
    Health,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For a program.
    pub code: Code,
    /// For a person: the field, what it must be, what it was.
    pub text: String,
}

/// Reads one request.
pub fn request(bytes: &[u8]) -> Result<Request<'_>, Fault> {
    if bytes.len() > MAX_REQUEST {
        let text = format!("the request is {} bytes; at most {MAX_REQUEST} are taken", bytes.len());
        return Err(Fault { code: Code::TooLarge, text });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        invalid(format!("the request is not UTF-8: byte {} is wrong", error.valid_up_to()))
    })?;
    scan::check(text).map_err(|flaw| match flaw {
        Flaw::Depth => invalid(format!("the request is nested deeper than {MAX_DEPTH} levels")),
        Flaw::LoneSurrogate => invalid("the request holds a lone surrogate (half of a \\u pair)".into()),
    })?;
    let members = object(text, "the request")?;
    members.once(Field::Action)?;
    match action(&members)?.as_ref() {
        "get_agent_endpoint" => lookup(&members),
        "register_agent" => register(&members),
        "deregister_agent" => deregister(&members),
        "list_agents" => Ok(Request::List),
        "ping" | "health" | "health_check" => Ok(Request::Health),
        other => Err(Fault { code: Code::UnknownAction, text: format!("Unknown action: {}", shown(other)) }),
    }
}

/// The fault of a request that came as `frames` frames.
pub fn multipart(frames: usize) -> Fault {
    invalid(format!("a request must be one frame, not {frames}"))
}

fn action<'a>(members: &Members<'a>) -> Result<Cow<'a, str>, Fault> {
    const NEED: &str = "a string such as \"list_agents\"";
    let Some(raw) = members.given(Field::Action) else {
        return Err(invalid(format!("Missing 'action': it must be {NEED}")));
    };
    string(raw).ok_or_else(|| wrong("action", NEED, raw))
}

fn lookup<'a>(members: &Members<'a>) -> Result<Request<'a>, Fault> {
    members.once(Field::AgentName)?;
    let Some(raw) = members.given(Field::AgentName).filter(|raw| raw.get() != "\"\"") else {
        return Err(invalid("Missing 'agent_name'".into()));
    };
    text(raw, Field::AgentName, Rule::Name).map(Request::Lookup)
}

fn deregister<'a>(members: &Members<'a>) -> Result<Request<'a>, Fault> {
    members.once(Field::AgentId)?;
    let raw = members.required(Field::AgentId, Rule::Name.text())?;
    text(raw, Field::AgentId, Rule::Name).map(Request::Deregister)
}

fn register<'a>(members: &Members<'a>) -> Result<Request<'a>, Fault> {
    members.once(Field::RegistrationData)?;
    let record = match members.given(Field::RegistrationData) {
        None => record(members)?,
        Some(raw) if raw.get().starts_with('{') => {
            let wrapped = object(raw.get(), "'registration_data'")?;
            if wrapped.empty { record(members)? } else { record(&wrapped)? }
        }
        Some(raw) => return Err(wrong("registration_data", "an object or null", raw)),
    };
    Ok(Request::Register(Box::new(record)))
}

fn record<'a>(members: &Members<'a>) -> Result<Record<'a>, Fault> {
    for field in Field::OF_A_REGISTRATION {
        members.once(field)?;
    }
    Ok(Record {
        agent_id: text(members.required(Field::AgentId, Rule::Name.text())?, Field::AgentId, Rule::Name)?,
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
fn text<'a>(raw: &'a RawValue, field: Field, rule: Rule) -> Result<Cow<'a, str>, Fault> {
    string(raw).filter(|text| rule.allows(text)).ok_or_else(|| wrong(field.name(), rule.text(), raw))
}

/// The string that `raw` is, without a copy where it has no escape.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

fn invalid(text: String) -> Fault {
    Fault { code: Code::InvalidRequest, text }
}

fn wrong(name: &str, need: &str, was: &RawValue) -> Fault {
    invalid(format!("'{name}' must be {need}, not {}", shown(was.get())))
}

/// The members of an object that the contract knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
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
}

impl Field {
    const ALL: [Field; 10] = [
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
    ];
    const OF_A_REGISTRATION: [Field; 7] = [
        Field::AgentId,
        Field::Host,
        Field::Port,
        Field::HealthCheckPort,
        Field::AgentType,
        Field::Capabilities,
        Field::Metadata,
    ];

    fn name(self) -> &'static str {
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
struct Members<'a> {
    raw: [Option<&'a RawValue>; Field::ALL.len()],
    doubled: [bool; Field::ALL.len()],
    empty: bool,
}

impl<'a> Members<'a> {
    /// The member, where it was given and isn't null.
    fn given(&self, field: Field) -> Option<&'a RawValue> {
        self.raw[field as usize].filter(|raw| raw.get() != "null")
    }

    /// The member, which the action can't do without.
    fn required(&self, field: Field, need: &str) -> Result<&'a RawValue, Fault> {
        self.given(field).ok_or_else(|| invalid(format!("Missing '{}': it must be {need}", field.name())))
    }

    /// Refuses a member that came twice.
    fn once(&self, field: Field) -> Result<(), Fault> {
        if self.doubled[field as usize] {
            return Err(invalid(format!("'{}' was given twice; it must be given once", field.name())));
        }
        Ok(())
    }

    fn wrong(&self, field: Field, need: &str) -> Fault {
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
fn object<'a>(json: &'a str, what: &str) -> Result<Members<'a>, Fault> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(bytes: &[u8]) -> String {
        request(bytes).expect_err("a fault").text
    }

    #[test]
    fn what_needs_no_copy_is_borrowed() {
        let name = |bytes| match request(bytes) {
            Ok(Request::Lookup(name)) => name,
            other => panic!("{other:?}"),
        };
        let plain = name(br#"{"action":"get_agent_endpoint","agent_name":"A"}"#);
        assert!(matches!(plain, Cow::Borrowed("A")), "{plain:?}");
        assert_eq!(name(br#"{"\u0061ction":"get_agent_endpoint","agent_name":"\u0041"}"#), "A");
    }

    #[test]
    fn only_what_the_action_uses_is_refused() {
        let list = br#"{"action":"list_agents","port":"x","port":[],"agent_name":7}"#;
        assert_eq!(request(list), Ok(Request::List));
        let wrapped = br#"{"action":"register_agent","port":"x","port":0,"registration_data":
            {"agent_id":"A","host":"h","port":"0080"}}"#;
        let Ok(Request::Register(record)) = request(wrapped) else { panic!("{:?}", request(wrapped)) };
        assert_eq!((record.port, record.health_check_port), (80, None));
        assert_eq!((&*record.agent_type, &*record.capabilities, &*record.metadata), ("service", "[]", "{}"));
    }

    #[test]
    fn a_fault_names_the_field_the_need_and_the_value() {
        let register = |rest: &str| refused(format!(r#"{{"action":"register_agent",{rest}}}"#).as_bytes());
        assert_eq!(
            register(r#""agent_id":"A","host":"h","port":70000"#),
            "'port' must be an integer from 1 to 65535 or a string of its digits, not 70000"
        );
        assert!(register(r#""agent_id":"A","agent_id":"B""#).starts_with("'agent_id' was given twice"));
        assert!(register(r#""registration_data":[]"#).starts_with("'registration_data' must be an object"));
        assert!(refused(b"").starts_with("the request is empty"));
        assert!(refused(b"[1]").starts_with("the request must be one JSON object, not an array"));
        assert!(refused(b"{}x").starts_with("the request is not JSON"));
        assert!(refused(b"\xff").starts_with("the request is not UTF-8"));
    }

    /// The record that a registration of A at h:1 with these further members would leave.
    fn registered(members: &str) -> Result<Record<'static>, Fault> {
        let json =
            format!(r#"{{"action":"register_agent","agent_id":"A","host":"h","port":1{members}}}"#).leak();
        request(json.as_bytes()).map(|request| match request {
            Request::Register(record) => *record,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_request_of_the_limit_is_read_and_a_larger_one_is_not() {
        let list = r#"{"action":"list_agents"}"#;
        let padded = |length: usize| format!("{list}{}", " ".repeat(length - list.len())).into_bytes();
        assert_eq!(request(&padded(MAX_REQUEST)), Ok(Request::List));
        let text = "the request is 131073 bytes; at most 131072 are taken".to_owned();
        assert_eq!(request(&padded(MAX_REQUEST + 1)), Err(Fault { code: Code::TooLarge, text }));
    }

    #[test]
    fn an_action_is_known_by_its_name() {
        for (name, expected) in [
            ("list_agents", Request::List),
            ("ping", Request::Health),
            ("health", Request::Health),
            ("health_check", Request::Health),
        ] {
            assert_eq!(request(format!(r#"{{"action":"{name}"}}"#).as_bytes()), Ok(expected), "{name}");
        }
        let text = "Unknown action: Ping".to_owned();
        assert_eq!(request(br#"{"action":"Ping"}"#), Err(Fault { code: Code::UnknownAction, text }));
        for none in ["{}", r#"{"action":null}"#] {
            assert_eq!(
                refused(none.as_bytes()),
                "Missing 'action': it must be a string such as \"list_agents\""
            );
        }
        assert!(refused(br#"{"action":[]}"#).starts_with("'action' must be a string"));
        assert!(refused(br#"{"action":"ping","action":"ping"}"#).starts_with("'action' was given twice"));
    }

    #[test]
    fn a_lookup_needs_a_name() {
        let refused = |rest: &str| refused(format!(r#"{{"action":"get_agent_endpoint"{rest}}}"#).as_bytes());
        for none in ["", r#","agent_name":null"#, r#","agent_name":"""#, r#","agent_id":"A""#] {
            assert_eq!(refused(none), "Missing 'agent_name'", "{none}");
        }
        assert_eq!(
            refused(r#","agent_name":7"#),
            "'agent_name' must be a string of 1 to 255 bytes without control characters, not 7"
        );
        assert!(refused(r#","agent_name":"A","agent_name":"A""#).starts_with("'agent_name' was given twice"));
    }

    #[test]
    fn a_deregistration_needs_the_agents_name() {
        let request = |rest: &str| format!(r#"{{"action":"deregister_agent"{rest}}}"#);
        let refused = |rest: &str| refused(request(rest).as_bytes());
        assert_eq!(
            super::request(request(r#","agent_id":"A","agent_name":7"#).as_bytes()),
            Ok(Request::Deregister(Cow::Borrowed("A")))
        );
        for none in ["", r#","agent_id":null"#, r#","agent_name":"A""#] {
            assert!(
                refused(none).starts_with("Missing 'agent_id': it must be a string of 1 to 255 bytes"),
                "{none}"
            );
        }
        assert!(refused(r#","agent_id":"""#).starts_with("'agent_id' must be a string of 1 to 255 bytes"));
        assert!(refused(r#","agent_id":"A","agent_id":"A""#).starts_with("'agent_id' was given twice"));
    }

    #[test]
    fn a_registration_needs_a_name_a_host_and_a_port() {
        for (members, missing) in [
            (r#""host":"h","port":1"#, "Missing 'agent_id': it must be a string"),
            (r#""agent_id":"A","port":1,"host":null"#, "Missing 'host': it must be a string"),
            (r#""agent_id":"A","host":"h""#, "Missing 'port': it must be an integer"),
        ] {
            let text = refused(format!(r#"{{"action":"register_agent",{members}}}"#).as_bytes());
            assert!(text.starts_with(missing), "{text}");
        }
    }

    #[test]
    fn a_port_is_an_integer_or_its_digits() -> Result<(), Fault> {
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
        assert_eq!(registered(r#","health_check_port":"0""#)?.health_check_port, Some(0));
        let fault = registered(r#","health_check_port":-1"#).expect_err("a fault");
        assert!(
            fault.text.starts_with("'health_check_port' must be an integer from 0 to 65535"),
            "{fault:?}"
        );
        Ok(())
    }

    #[test]
    fn what_may_be_left_out_is_kept_as_it_came() -> Result<(), Fault> {
        let record = registered(
            r#","agent_type":"t","capabilities":[ "a", "\u0062" ],"metadata":{ "n": 1e400, "s": " " }"#,
        )?;
        assert_eq!(record.agent_type, "t");
        assert_eq!(record.capabilities, r#"["a","\u0062"]"#);
        assert_eq!(record.metadata, r#"{"n":1e400,"s":" "}"#);
        let bare = registered("")?;
        assert_eq!(bare, registered(r#","agent_type":null,"capabilities":null,"metadata":null"#)?);
        for (members, need) in [
            (r#","agent_type":7"#, "'agent_type' must be a string of 1 to 255 bytes or null, not 7"),
            (r#","capabilities":"a""#, "'capabilities' must be an array of strings or null, not \"a\""),
            (
                r#","capabilities":["a",1]"#,
                "'capabilities' must be an array of strings or null, not [\"a\",1]",
            ),
            (r#","metadata":[]"#, "'metadata' must be an object or null, not []"),
        ] {
            assert_eq!(registered(members).expect_err(members).text, need);
        }
        Ok(())
    }

    #[test]
    fn wrapped_data_wins_whole_unless_it_is_empty() -> Result<(), Fault> {
        let bare = registered("")?;
        for none in ["null", "{}", "{ }"] {
            assert_eq!(registered(&format!(r#","registration_data":{none}"#))?, bare, "{none}");
        }
        let fault = registered(r#","registration_data":{"port":1}"#).expect_err("a fault");
        assert!(fault.text.starts_with("Missing 'agent_id'"), "{fault:?}");
        let fault = registered(r#","registration_data":"{}""#).expect_err("a fault");
        assert_eq!(fault.text, "'registration_data' must be an object or null, not \"{}\"");
        let fault = registered(r#","registration_data":{},"registration_data":{}"#).expect_err("a fault");
        assert!(fault.text.starts_with("'registration_data' was given twice"), "{fault:?}");
        Ok(())
    }

    #[test]
    fn what_is_no_object_is_named() {
        for (json, kind) in [
            (" [ 1 ]", "an array"),
            ("\"a\"", "a string"),
            ("-1", "a number"),
            ("0", "a number"),
            ("9", "a number"),
            ("true", "a boolean"),
            ("\r\n\tfalse", "a boolean"),
            ("null", "null"),
        ] {
            let expected = format!("the request must be one JSON object, not {kind}: ");
            assert!(refused(json.as_bytes()).starts_with(&expected), "{json}: {}", refused(json.as_bytes()));
        }
        for none in ["", " \t\r\n"] {
            assert_eq!(refused(none.as_bytes()), "the request is empty; it must be one JSON object");
        }
        for broken in ["[1", "\"a", "-", "tru", "nul", "{", "{}{}", "x", "NaN"] {
            let text = refused(broken.as_bytes());
            assert!(text.starts_with("the request is not JSON: "), "{broken}: {text}");
        }
        assert!(refused(b"[1").contains("EOF while parsing a list"), "{}", refused(b"[1"));
        let long = format!("\"{}\" x", "a".repeat(1000));
        assert!(refused(long.as_bytes()).len() < 100, "{}", refused(long.as_bytes()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"[{}\[\]",:\\u0-9a-f ]{0,60}"#) {
            let _ = request(&bytes);
            let _ = request(text.as_bytes());
            let _ = request(format!(r#"{{"action":"register_agent","metadata":{text}}}"#).as_bytes());
        }
    }
}
