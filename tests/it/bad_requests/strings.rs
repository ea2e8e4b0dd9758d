//! Strings that no reader could show or pass on: lone surrogates anywhere, control characters and white space in names.

use super::{Bad, bad, refused, with_field, wrapped};

#[test]
fn lone_surrogates_in_any_string() {
    let places = [
        r#"{"action":"list_agents","x":"@"}"#,
        r#"{"action":"list_agents","@":1}"#,
        r#"{"action":"list_agents","x":[{"y":["@"]}]}"#,
        r#"{"action":"list_agents","x":{"@":{}}}"#,
        r#"{"action":"@"}"#,
        r#"{"action":"get_agent_endpoint","agent_name":"@"}"#,
        r#"{"action":"register_agent","agent_id":"@","host":"h","port":1}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"@","port":1}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":"@"}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"agent_type":"@"}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"capabilities":["@"]}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"metadata":{"x":"@"}}"#,
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"metadata":{"x":[{"@":1}]}}"#,
        r#"{"action":"register_agent","registration_data":{"agent_id":"A","host":"h","port":1,"x":"@"}}"#,
        r#"{"action":"register_agent","agent_id":"@","registration_data":{"agent_id":"A","host":"h","port":1}}"#,
    ];
    let surrogates = [
        r"\ud800",
        r"\uDFFF",
        r"a\ud83d",
        r"\ud83dx",
        r"\ud83d\n",
        r"\ud83d\ud83d",
        r"\ude00\ud83d",
        r"\ud83d\u0041",
        r"\ud83d\\ude00",
    ];
    let mut table: Vec<Bad> = Vec::new();
    for (n, place) in places.iter().enumerate() {
        // Every kind in the first place, and three kinds in each of the others.
        let some = surrogates.iter().enumerate().filter(|(kind, _)| n == 0 || kind % 3 == n % 3);
        table.extend(some.map(|(_, kind)| bad(place.replace('@', kind), &["surrogate"])));
    }
    refused(&table, 50);
}

/// Texts with a control character in them, as JSON writes it.
const CONTROLS: [&str; 9] =
    [r"\u0000", r"a\u0007b", r"a\nb", r"a\rb", r"\t", r"\u001b[31m", r"a\u007f", r"\u0085", r"a\u009fb"];

#[test]
fn control_characters_in_names() {
    let mut table: Vec<Bad> = Vec::new();
    for control in CONTROLS {
        for field in ["agent_id", "host"] {
            let flat = with_field(field, &format!("\"{control}\""));
            table.push(bad(wrapped(&flat), &[field]));
            table.push(bad(flat, &[field]));
        }
        let lookup = format!(r#"{{"action":"get_agent_endpoint","agent_name":"{control}"}}"#);
        table.push(bad(lookup, &["agent_name"]));
    }
    // The same without an escape, where JSON allows that.
    for control in ["a\u{7f}b", "\u{85}", "a\u{9f}"] {
        table.push(bad(with_field("agent_id", &format!("\"{control}\"")), &["agent_id"]));
        table.push(bad(with_field("host", &format!("\"{control}\"")), &["host"]));
    }
    refused(&table, 50);
}

#[test]
fn white_space_in_hosts() {
    let spaces = [
        " ",
        "h ",
        " h",
        "a b",
        "a\u{a0}b",
        "\u{1680}",
        "\u{2003}x",
        "a\u{2009}b",
        "\u{2028}",
        "a\u{2029}",
        "\u{202f}",
        "a\u{205f}b",
        "\u{3000}",
    ];
    let table: Vec<Bad> = spaces
        .iter()
        .flat_map(|host| {
            let flat = with_field("host", &format!("\"{host}\""));
            [bad(wrapped(&flat), &["host"]), bad(flat, &["host"])]
        })
        .collect();
    refused(&table, 26);
}
