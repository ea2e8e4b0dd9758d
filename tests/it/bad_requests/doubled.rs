//! A field that the action uses, given twice: whichever a reader took, another would take the other one.

use super::{Bad, bad, refused};

/// Good for the action twice over, so that being there twice is the one fault.
const FIELDS: [(&str, &str, &str); 9] = [
    ("agent_id", "\"A\"", "\"B\""),
    ("agent_id", "\"A\"", "\"A\""),
    ("host", "\"h\"", "\"h\""),
    ("port", "1", "2"),
    ("port", "1", "\"1\""),
    ("health_check_port", "null", "1"),
    ("agent_type", "\"t\"", "null"),
    ("capabilities", "[]", "[\"c\"]"),
    ("metadata", "{}", "{\"m\":1}"),
];

/// The members of a registration in which this field has both values.
fn members(field: &str, first: &str, second: &str) -> String {
    let others = [("agent_id", "\"A\""), ("host", "\"h\""), ("port", "1")];
    let others = others.iter().filter(|(name, _)| *name != field);
    let others: String = others.map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
    format!(r#""{field}":{first}{others},"{field}":{second}"#)
}

#[test]
fn fields_of_a_registration() {
    let mut table = Vec::new();
    for (field, first, second) in FIELDS {
        let members = members(field, first, second);
        for request in [
            format!(r#"{{"action":"register_agent",{members}}}"#),
            format!(r#"{{{members},"action":"register_agent"}}"#),
            format!(r#"{{"action":"register_agent","registration_data":{{{members}}}}}"#),
            // These leave the top level to count.
            format!(r#"{{"action":"register_agent","registration_data":{{}},{members}}}"#),
            format!(r#"{{{members},"registration_data":null,"action":"register_agent"}}"#),
        ] {
            table.push(bad(request, &[field]));
        }
    }
    refused(&table, 45);
}

#[test]
fn names_written_with_escapes_are_the_same_names() {
    let record = r#""agent_id":"A","host":"h","port":1"#;
    let requests = [
        (r#"{"action":"list_agents","\u0061ction":"list_agents"}"#.to_owned(), "action"),
        (r#"{"\u0061ction":"list_agents","act\u0069on":"list_agents"}"#.to_owned(), "action"),
        (format!(r#"{{"action":"register_agent",{record},"p\u006frt":1}}"#), "port"),
        (format!(r#"{{"action":"register_agent",{record},"agent\u005Fid":"A"}}"#), "agent_id"),
        (
            format!(r#"{{"action":"register_agent","registration_data":{{{record},"\u0068ost":"h"}}}}"#),
            "host",
        ),
        (
            format!(
                r#"{{"action":"register_agent","registration_data":{{{record}}},"registration\u005fdata":null}}"#
            ),
            "registration_data",
        ),
        (
            r#"{"action":"get_agent_endpoint","agent_name":"A","agent_n\u0061me":"A"}"#.to_owned(),
            "agent_name",
        ),
    ];
    let table: Vec<Bad> = requests.iter().map(|(request, field)| bad(request, &[field])).collect();
    refused(&table, 7);
}

#[test]
fn the_action_and_the_wrapping() {
    let data = r#"{"agent_id":"A","host":"h","port":1}"#;
    let requests = [
        (r#"{"action":"list_agents","action":"list_agents"}"#.to_owned(), "action"),
        (r#"{"action":"list_agents","x":1,"action":"ping"}"#.to_owned(), "action"),
        (r#"{"action":null,"action":"ping"}"#.to_owned(), "action"),
        (r#"{"action":"ping","action":"ping"}"#.to_owned(), "action"),
        (
            format!(r#"{{"action":"register_agent","registration_data":{data},"registration_data":{data}}}"#),
            "registration_data",
        ),
        (
            format!(r#"{{"registration_data":null,"action":"register_agent","registration_data":{data}}}"#),
            "registration_data",
        ),
        (
            r#"{"action":"register_agent","registration_data":{},"registration_data":{},"agent_id":"A","host":"h","port":1}"#
                .to_owned(),
            "registration_data",
        ),
        (r#"{"action":"get_agent_endpoint","agent_name":"Witness","agent_name":"Witness"}"#.to_owned(), "agent_name"),
        (r#"{"action":"get_agent_endpoint","agent_name":null,"agent_name":"Witness"}"#.to_owned(), "agent_name"),
    ];
    let table: Vec<Bad> = requests.iter().map(|(request, field)| bad(request, &[field])).collect();
    refused(&table, 9);
}
