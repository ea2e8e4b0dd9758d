//! What Redis holds, byte for byte: what an instance writes, and what it makes of records that others wrote.

use super::instance::{Instance, PREFIX, success};
use super::server::{RedisServer, Reply};
use crate::agent::shown;

/// What the reply to a lookup has before the record's members.
const HEAD: &str = r#"{"status":"success","#;

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn what_is_stored_is_the_record_and_the_reply_is_the_same_bytes() {
    let server = RedisServer::start();
    let (a, b) = (Instance::of(&server), Instance::of(&server));
    let strict = Instance::with(&server, &["--reads", "redis"]);
    for (members, stored) in [
        (
            r#""host":"h","port":1"#,
            r#""host":"h","port":1,"health_check_port":null,"agent_type":"service","capabilities":[],"metadata":{}"#,
        ),
        (
            r#""host" : "10.0.0.1", "port" : "5000", "health_check_port" : 0, "agent_type":"Ärzte",
               "capabilities" : [ "a b" , "\u00e9\n" ], "metadata" : {}"#,
            r#""host":"10.0.0.1","port":5000,"health_check_port":0,"agent_type":"Ärzte","capabilities":["a b","\u00e9\n"],"metadata":{}"#,
        ),
        (
            r#""host":"h","port":2,"metadata":{ "n" : 1E400, "big" : 123456789012345678901234567890, "x" : -0.0,
               "esc" : "\u00e9\/\"\\ \ud83d\ude00", "twice" : 1, "twice" : [ null , true ], "" : { } }"#,
            concat!(
                r#""host":"h","port":2,"health_check_port":null,"agent_type":"service","capabilities":[],"#,
                r#""metadata":{"n":1E400,"big":123456789012345678901234567890,"x":-0.0,"#,
                r#""esc":"\u00e9\/\"\\ \ud83d\ude00","twice":1,"twice":[null,true],"":{}}"#
            ),
        ),
    ] {
        let request = format!(r#"{{"action":"register_agent","agent_id":"Alpha",{members}}}"#);
        assert_eq!(a.caller().ask(&request), br#"{"status":"success"}"#, "{request}");
        let reply = text(a.caller().lookup("Alpha"));
        let value = text(server.get(key("Alpha")).expect("a value"));
        let record = reply.strip_prefix(HEAD).unwrap_or_else(|| panic!("no success: {reply}"));
        assert_eq!(value, format!("{{{record}"));
        assert!(
            value.starts_with(&format!(r#"{{{stored},"last_registered":"2"#)),
            "wanted {stored}, got {value}"
        );
        assert_eq!(text(strict.caller().lookup("Alpha")), reply);
        b.wait_for(
            || if b.caller().lookup("Alpha") == reply.as_bytes() { Ok(()) } else { Err(reply.clone()) },
        );
    }
    assert_eq!(server.command(&["PTTL", &key("Alpha")]), Reply::Integer(-1));
    assert_eq!(server.command(&["KEYS", "*"]).array().len(), 1);
}

/// As the first system wrote them: Python's `json.dumps`, and time stamps in microseconds without a zone.
#[test]
fn records_of_the_first_system_are_passed_on() {
    let server = RedisServer::start();
    let theirs = concat!(
        r#"{"host": "localhost", "port": 5000, "health_check_port": null, "agent_type": "service", "#,
        r#""capabilities": ["one", "two"], "metadata": {"version": "1.0.0", "k\u00e9y": [1.50, {}]}, "#,
        r#""last_registered": "2025-07-03T12:34:56.789012"}"#
    );
    server.set(key("Theirs"), theirs);
    let instances = [Instance::of(&server), Instance::with(&server, &["--reads", "redis"])];
    server.set(key("Later"), theirs);
    let due = concat!(
        r#"{"status":"success","host":"localhost","port":5000,"health_check_port":null,"agent_type":"service","#,
        r#""capabilities":["one","two"],"metadata":{"version":"1.0.0","k\u00e9y":[1.50,{}]},"#,
        r#""last_registered":"2025-07-03T12:34:56.789012"}"#
    );
    for instance in instances {
        for name in ["Theirs", "Later"] {
            assert_eq!(text(instance.caller().lookup(name)), due, "{}", instance.evidence());
        }
        instance.wait_for_list(&["Later", "Theirs"]);
    }
    assert_eq!(server.get(key("Theirs")).as_deref(), Some(theirs.as_bytes()), "left as it was");
}

/// Values of others that are read, and what a lookup then says before the time stamp.
const READ: [(&str, &str, &str); 9] = [
    ("Least", r#"{"host":"h","port":1}"#, DEFAULTS),
    ("Reversed", r#"{"port":1,"host":"h"}"#, DEFAULTS),
    ("Digits", r#"{"host":"h","port":"1","health_check_port":"0065"}"#, HEALTH_CHECKED),
    (
        "Nulls",
        r#"{"host":"h","port":1,"health_check_port":null,"agent_type":null,"capabilities":null,"metadata":null,"last_registered":null}"#,
        DEFAULTS,
    ),
    (
        "Unknown",
        r#"{"host":"h","port":1,"ttl_of_theirs":7,"dependencies":["x"],"registered_by":{"a":[1e999]},"status":"up"}"#,
        DEFAULTS,
    ),
    ("Spaced", " \t\r\n{ \"host\" : \"h\" ,\n\"port\" : 1 }\n", DEFAULTS),
    ("Zero", r#"{"host":"h","port":1,"health_check_port":0}"#, UNCHECKED),
    ("Escaped", r#"{"h\u006fst":"\u0068","port":1}"#, DEFAULTS),
    ("Unicode Zürich", r#"{"host":"h","port":1}"#, DEFAULTS),
];
const DEFAULTS: &str =
    r#""host":"h","port":1,"health_check_port":null,"agent_type":"service","capabilities":[],"metadata":{}"#;
const HEALTH_CHECKED: &str =
    r#""host":"h","port":1,"health_check_port":65,"agent_type":"service","capabilities":[],"metadata":{}"#;
const UNCHECKED: &str =
    r#""host":"h","port":1,"health_check_port":0,"agent_type":"service","capabilities":[],"metadata":{}"#;

#[test]
fn a_host_and_a_port_suffice() {
    let server = RedisServer::start();
    for (name, value, _) in READ {
        server.set(key(name), value);
    }
    for instance in [Instance::of(&server), Instance::with(&server, &["--reads", "redis"])] {
        let caller = instance.caller();
        for (name, value, due) in READ {
            let reply = caller.lookup(name);
            success(&reply)
                .unwrap_or_else(|code| panic!("{code}: {name} is {value}\n{}", instance.evidence()));
            let start = format!(r#"{HEAD}{due},"last_registered":null}}"#);
            assert!(reply.starts_with(start.as_bytes()), "{name}: wanted {start}, got {}", shown(&reply));
        }
        let mut names: Vec<&str> = READ.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        instance.wait_for_list(&names);
        let warnings =
            instance.registry.log_lines(|line| line.contains(" WARN ") || line.contains(" ERROR "));
        assert!(warnings.is_empty(), "{warnings:#?}");
    }
}
