//! Fields that are missing, of the wrong type, or out of range; actions that do not exist.

use super::{Bad, Court, bad, refused, with_field, wrapped};
use crate::conversation::{ask_curl, refusal};

/// The value as JSON (none at all where it is empty), and a fragment of it that the error's text must show.
type Values = &'static [(&'static str, &'static str)];

const NAMES: Values = &[
    ("", ""),
    ("null", ""),
    ("7", "7"),
    ("1.5e300", "1.5e300"),
    ("true", "true"),
    ("[]", "[]"),
    (r#"["A"]"#, "A"),
    ("{}", "{}"),
    ("\"\"", ""),
];

const PORTS: Values = &[
    ("65536", "65536"),
    ("-1", "-1"),
    ("1.5", "1.5"),
    ("1e3", "1e3"),
    ("1e400", "1e400"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("\"123456789012345678901234567890\"", "123456789012345678901234567890"),
    ("\"65536\"", "65536"),
    ("\"\"", ""),
    ("\" 80\"", " 80"),
    ("\"80 \"", "80 "),
    ("\"80a\"", "80a"),
    ("\"-1\"", "-1"),
    ("\"+80\"", "+80"),
    ("\"0x50\"", "0x50"),
    ("\"1e3\"", "1e3"),
    ("\"8_0\"", "8_0"),
    ("\"80.0\"", "80.0"),
    ("\"http\"", "http"),
    ("\"٣٤\"", ""),
    ("true", "true"),
    ("[80]", "[80]"),
    ("{}", "{}"),
];

const OTHERS: [(&str, Values); 3] = [
    ("agent_type", &[("\"\"", ""), ("7", "7"), ("false", "false"), ("[]", "[]"), ("{}", "{}")]),
    (
        "capabilities",
        &[
            ("\"feature\"", "feature"),
            ("7", "7"),
            ("true", "true"),
            ("{}", "{}"),
            ("[7]", "7"),
            (r#"["a","b",null]"#, ""),
            (r#"["a",["b"]]"#, ""),
            ("[{}]", ""),
            ("[true]", ""),
        ],
    ),
    ("metadata", &[("[]", "[]"), ("[1,2]", "[1,2]"), ("\"text\"", "text"), ("7", "7"), ("true", "true")]),
];

/// Each of the values in this field, at the top level and wrapped.
fn rows(field: &'static str, values: Values) -> Vec<Bad> {
    let flat = values.iter().map(|(value, shown)| (with_field(field, value), *shown));
    flat.flat_map(|(flat, shown)| [bad(wrapped(&flat), &[field, shown]), bad(flat, &[field, shown])])
        .collect()
}

#[test]
fn names_and_hosts() {
    let mut table = rows("agent_id", NAMES);
    table.extend(rows("host", NAMES));
    for name in ["x".repeat(256), "é".repeat(128), "x".repeat(60_000)] {
        for field in ["agent_id", "host", "agent_type"] {
            let start = name.chars().take(60).collect::<String>();
            let flat = with_field(field, &format!("\"{name}\""));
            table.push(bad(wrapped(&flat), &[field, &start]));
            table.push(bad(flat, &[field, &start]));
        }
        let lookup = format!(r#"{{"action":"get_agent_endpoint","agent_name":"{name}"}}"#);
        table.push(bad(lookup, &["agent_name"]));
    }
    refused(&table, 50);
}

#[test]
fn ports() {
    let zeros: Values = &[("", ""), ("null", ""), ("0", "0"), ("\"0\"", "0"), ("\"000\"", "000")];
    let mut table = rows("port", zeros);
    table.extend(rows("port", PORTS));
    table.extend(rows("health_check_port", PORTS));
    refused(&table, 90);
}

#[test]
fn types_capabilities_and_metadata() {
    let table: Vec<Bad> = OTHERS.iter().flat_map(|(field, values)| rows(field, values)).collect();
    refused(&table, 36);
}

#[test]
fn wrappings_that_are_not_an_object() {
    let values = ["[]", "[1]", "\"\"", "\"text\"", "0", "7", "true", "false", r#"[{"agent_id":"A"}]"#];
    let good = r#""agent_id":"A","host":"h","port":1"#;
    let mut table: Vec<Bad> = values
        .iter()
        .flat_map(|value| {
            [
                format!(r#"{{"action":"register_agent","registration_data":{value},{good}}}"#),
                format!(r#"{{{good},"registration_data":{value},"action":"register_agent"}}"#),
            ]
        })
        .map(|request| bad(request, &["registration_data"]))
        .collect();
    // An object with anything in it wins whole, however good the top level is.
    let wins = |inside: &str, missing: &str| {
        bad(format!(r#"{{"action":"register_agent",{good},"registration_data":{inside}}}"#), &[missing])
    };
    table.push(wins(r#"{"x":1}"#, "agent_id|host|port"));
    table.push(wins(r#"{"":null}"#, "agent_id|host|port"));
    table.push(wins(r#"{"host":"h","port":1}"#, "agent_id"));
    table.push(wins(r#"{"agent_id":"A","port":1}"#, "host"));
    table.push(wins(r#"{"agent_id":"A","host":"h"}"#, "port"));
    refused(&table, 23);
}

#[test]
fn lookups_without_a_good_name() {
    let lookup = |members: &str| format!(r#"{{"action":"get_agent_endpoint"{members}}}"#);
    let mut table: Vec<Bad> =
        ["", r#","agent_name":null"#, r#","agent_name":"""#, r#","agent_id":"Witness""#]
            .iter()
            .map(|members| bad(lookup(members), &["Missing 'agent_name'"]))
            .collect();
    for value in ["7", "-0.5", "true", "[]", r#"["Witness"]"#, "{}", r#"{"agent_name":"Witness"}"#] {
        let shown = value.split('"').next().unwrap();
        table.push(bad(lookup(&format!(r#","agent_name":{value}"#)), &["agent_name", shown]));
    }
    refused(&table, 11);
}

#[test]
fn actions_that_are_none() {
    let mut table: Vec<Bad> = ["{}", r#"{"x":1}"#, r#"{"Action":"list_agents"}"#, r#"{"":"list_agents"}"#]
        .iter()
        .map(|request| bad(request, &["action"]))
        .collect();
    for (value, shown) in [("null", ""), ("7", "7"), ("true", "true"), ("[]", "[]"), ("{}", "{}")] {
        table.push(bad(format!(r#"{{"action":{value}}}"#), &["action", shown]));
        table.push(bad(format!(r#"{{"agent_name":"Witness","action":{value}}}"#), &["action", shown]));
    }
    refused(&table, 14);
}

#[test]
fn unknown_actions() {
    let unknown = |action: &str, shown: &str| Bad {
        code: "unknown_action",
        ..bad(format!(r#"{{"action":"{action}"}}"#), &[&format!("Unknown action: {shown}")])
    };
    let cut = "x".repeat(64);
    let table = [
        unknown("X", "X"),
        unknown("LIST_AGENTS", "LIST_AGENTS"),
        unknown(" list_agents", " list_agents"),
        unknown("list_agents ", "list_agents "),
        unknown("list_agents\\u0000", "list_agents"),
        unknown("a\\nb", "a"),
        unknown("registerAgent", "registerAgent"),
        unknown("é😀", "é😀"),
        unknown(&"x".repeat(64), &cut),
        unknown(&"x".repeat(65), &cut),
        unknown(&"x".repeat(100_000), &cut),
        unknown(&"é".repeat(1_000), &"é".repeat(64)),
    ];
    refused(&table, 12);
}

/// The reply shows 64 characters of a long value, and not one more.
fn cut(court: &Court, request: &str, code: &str) {
    for reply in [court.agent.ask(request), ask_curl(court.registry.port(), request.as_bytes())] {
        let text = refusal(&reply, code, request);
        // A string may be shown with its quote, which is then the first of the 64.
        assert!(text.contains(&"x".repeat(63)), "shows what was given: {text}");
        assert!(!text.contains(&"x".repeat(65)), "cut at 64 characters: {text}");
    }
}

#[test]
fn what_was_given_is_cut_at_64_characters() {
    let court = Court::open();
    let long = "x".repeat(5_000);
    cut(&court, &format!(r#"{{"action":"{long}"}}"#), "unknown_action");
    for field in ["agent_id", "host", "port", "health_check_port", "agent_type", "capabilities", "metadata"] {
        cut(&court, &with_field(field, &format!("\"{long}\"")), "invalid_request");
    }
    cut(&court, &format!(r#"{{"action":"get_agent_endpoint","agent_name":"{long}"}}"#), "invalid_request");
    let wrapping = format!(r#"{{"action":"register_agent","registration_data":"{long}"}}"#);
    cut(&court, &wrapping, "invalid_request");
}

/// `Agent X not found` is exact, as clients compare it: X is the name as it was asked for, of whatever length.
#[test]
fn a_name_that_is_not_found_is_told_whole() {
    let court = Court::open();
    let lookup = |name: &str| format!(r#"{{"action":"get_agent_endpoint","agent_name":"{name}"}}"#);
    for name in ["x".repeat(64), "x".repeat(255), "é\u{202e}'".to_owned()] {
        let text = refusal(&court.agent.ask(lookup(&name)), "not_found", &name);
        assert_eq!(text, format!("Agent {name} not found"));
    }
}
