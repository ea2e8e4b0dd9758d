//! What is not JSON, not UTF-8, not an object, or too deep.

use super::{Bad, Court, WITNESS, bad, refused};
use crate::agent::shown;
use crate::conversation::refusal;

/// Texts that are no JSON value, wherever they stand.
const NO_VALUES: [&str; 38] = [
    "",
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "nul",
    "nulll",
    "True",
    "undefined",
    "'x'",
    "x",
    "01",
    "-01",
    "1.",
    ".5",
    "+1",
    "-",
    "0x10",
    "1e",
    "1e+",
    "1_000",
    "1,",
    "[1,]",
    "[1 2]",
    "[,1]",
    "[1",
    "1]",
    r#"{"a"}"#,
    r#"{"a":1,}"#,
    "{a:1}",
    r#""a" "b""#,
    r#""\x""#,
    r#""\u12""#,
    r#""\u12g4""#,
    "\"a\nb\"",
    "\"a\tb\"",
    "\"a\0b\"",
    "\"\x1f\"",
];

#[test]
fn values_that_are_not_json_wherever_they_stand() {
    let table: Vec<Bad> = NO_VALUES
        .iter()
        .flat_map(|value| {
            [
                format!(r#"{{"action":"list_agents","x":{value}}}"#),
                format!(r#"{{"action":"register_agent","agent_id":"A","host":"h","port":1,"metadata":{{"x":{value}}}}}"#),
                format!(
                    r#"{{"action":"register_agent","registration_data":{{"agent_id":"A","host":"h","port":1,"x":{value}}}}}"#
                ),
            ]
        })
        .map(|request| bad(request, &["JSON|control character"]))
        .collect();
    refused(&table, 100);
}

#[test]
fn whole_requests_that_are_not_json() {
    let requests = [
        "",
        " ",
        "\n",
        "\0",
        "hello",
        "{",
        "}",
        "{,}",
        "{\"",
        "<action>list_agents</action>",
        "action=list_agents",
        "GET / HTTP/1.1\r\n\r\n",
        r#"'{"action":"list_agents"}'"#,
        "{'action':'list_agents'}",
        r#"{action:"list_agents"}"#,
        r#"{"action":list_agents}"#,
        r#"{"action":"list_agents",}"#,
        r#"{,"action":"list_agents"}"#,
        r#"{"action" "list_agents"}"#,
        r#"{"action"="list_agents"}"#,
        r#"{"action":"list_agents";"x":1}"#,
        r#"{"action":"list_agents" "x":1}"#,
        r#"{"action":"list_agents","x"}"#,
        r#"{"action":"list_agents",1:2}"#,
        r#"{"action":"list_agents",null:2}"#,
        r#"{"action":"list_agents",["x"]:2}"#,
        r#"{"action":"list_agents"/*comment*/}"#,
        "{\"action\":\"list_agents\"//comment\n}",
        r#"{"action":"list_agents"]"#,
        "{\"action\":\"list_agents\",\"x\ny\":1}",
        "{\"action\":\"list_agents\",\u{a0}\"x\":1}",
        "{\"action\":\"list_agents\",\x0c\"x\":1}",
    ];
    let table: Vec<Bad> = requests.iter().map(|r| bad(r, &["JSON|control character|empty"])).collect();
    refused(&table, 30);
}

#[test]
fn anything_after_the_object() {
    let tails =
        ["x", "{}", "]", "}", ",", "\0", " null", "\n{\"action\":\"list_agents\"}", " //", "\u{feff}"];
    let table: Vec<Bad> = tails
        .iter()
        .map(|tail| bad(format!(r#"{{"action":"list_agents"}}{tail}"#), &["JSON|trailing|after"]))
        .collect();
    refused(&table, 10);
}

#[test]
fn other_encodings() {
    let list = r#"{"action":"list_agents"}"#;
    let utf16 = |order: fn(u16) -> [u8; 2]| list.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let table = [
        bad(format!("\u{feff}{list}"), &["JSON|byte order mark|BOM"]),
        bad(utf16(u16::to_le_bytes), &["JSON|UTF-8"]),
        bad(utf16(u16::to_be_bytes), &["JSON|UTF-8"]),
        bad([&b"\xff\xfe"[..], &utf16(u16::to_le_bytes)].concat(), &["UTF-8"]),
        bad(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00", &["JSON|UTF-8"]),
    ];
    refused(&table, 5);
}

#[test]
fn bytes_that_are_not_utf_8() {
    let sequences: [&[u8]; 6] =
        [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"caf\xe9"];
    let places = [
        r#"{"action":"list_agents","x":"@"}"#,
        r#"{"action":"list_agents","@":1}"#,
        r#"{"action":"list_agents","x":[{"y":{"@":"@"}}]}"#,
        r#"{"action":"@"}"#,
        r#"{"action":"get_agent_endpoint","agent_name":"@"}"#,
        r#"{"action":"register_agent","agent_id":"@","host":"h","port":1}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"metadata":{"x":"@"}}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"metadata":{"@":1}}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"capabilities":["@"]}"#,
        r#"{"action":"register_agent","registration_data":{"agent_id":"A","host":"h","port":1,"x":"@"}}"#,
        r#"{"action":"list_agents"} @"#,
    ];
    let table: Vec<Bad> = places
        .iter()
        .flat_map(|place| sequences.map(|sequence| bad(put(place, sequence), &["UTF-8"])))
        .collect();
    refused(&table, 60);
}

fn put(place: &str, sequence: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = place.split('@').map(str::as_bytes).collect();
    parts.join(sequence)
}

#[test]
fn what_is_not_an_object() {
    let values = [
        "[]",
        r#"[{"action":"list_agents"}]"#,
        r#"["register_agent","A","h",1]"#,
        r#""list_agents""#,
        r#""{\"action\":\"list_agents\"}""#,
        "7",
        "-1.5e3",
        "null",
        "true",
        " false ",
    ];
    let table: Vec<Bad> = values.iter().map(|value| bad(value, &["object"])).collect();
    refused(&table, 10);
}

#[test]
fn deeper_than_sixty_four_levels() {
    // The request's own object is the first level.
    let arrays = |n: usize| "[".repeat(n) + &"]".repeat(n);
    let objects = |n: usize| r#"{"x":"#.repeat(n) + "1" + &"}".repeat(n);
    let mut table: Vec<Bad> = Vec::new();
    for value in [arrays(64), objects(64), arrays(1_000), objects(10_000), arrays(60_000)] {
        table.push(bad(format!(r#"{{"action":"list_agents","x":{value}}}"#), &["64"]));
        table.push(bad(format!(r#"{{"x":{value},"action":"list_agents"}}"#), &["64"]));
    }
    let fields = r#""agent_id":"A","host":"h","port":1"#;
    for metadata in [objects(64), objects(1_000), format!(r#"{{"x":{}}}"#, arrays(63))] {
        table.push(bad(format!(r#"{{"action":"register_agent",{fields},"metadata":{metadata}}}"#), &["64"]));
    }
    for metadata in [objects(63), format!(r#"{{"x":{}}}"#, arrays(62))] {
        let inside = format!(r#"{{{fields},"metadata":{metadata}}}"#);
        table.push(bad(format!(r#"{{"action":"register_agent","registration_data":{inside}}}"#), &["64"]));
    }
    table.push(bad("[".repeat(130_000), &["64|JSON|object"]));
    table.push(bad(r#"{"x":"#.repeat(26_000), &["64|JSON"]));
    table.push(bad(format!(r#"{{"action":"list_agents","x":{}"#, "[".repeat(130_000)), &["64|JSON"]));
    refused(&table, 18);
}

#[test]
fn every_cut_of_a_good_request() {
    let court = Court::open();
    for length in 0..WITNESS.len() {
        let cut = &WITNESS[..length];
        refusal(&court.agent.ask(cut), "invalid_request", &shown(cut.as_bytes()));
    }
    court.unchanged("every cut of the witness's registration");
}
