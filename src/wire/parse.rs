//! Request bytes in, a closed [`Request`] out, or the [`Fault`] that a client reads. One pass: every member this contract
//! knows is kept as raw text, the rest is checked to be JSON and dropped, and only then does the action say which members
//! count. Knows nothing of stores and transports, and allocates only for escaped strings and for what gets stored.

use std::borrow::Cow;

use super::MAX_REQUEST;
use super::code::Code;
pub use super::members::Fault;
use super::members::{Field, Members, flawless, invalid, object, string, wrong};
use super::registration::{record, text};
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

/// Reads one request.
pub fn request(bytes: &[u8]) -> Result<Request<'_>, Fault> {
    if bytes.len() > MAX_REQUEST {
        let text = format!("the request is {} bytes; at most {MAX_REQUEST} are taken", bytes.len());
        return Err(Fault { code: Code::TooLarge, text });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        invalid(format!("the request is not UTF-8: byte {} is wrong", error.valid_up_to()))
    })?;
    flawless(text, "the request")?;
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

    #[test]
    fn a_health_check_port_may_be_0() -> Result<(), Fault> {
        assert_eq!(registered(r#","health_check_port":"0""#)?.health_check_port, Some(0));
        let fault = registered(r#","health_check_port":-1"#).expect_err("a fault");
        assert!(
            fault.text.starts_with("'health_check_port' must be an integer from 0 to 65535"),
            "{fault:?}"
        );
        Ok(())
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
