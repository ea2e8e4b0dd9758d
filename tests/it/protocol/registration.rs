//! Registrations that count: replaced, wrapped, with members left out, and beside all that clients send along.

use crate::conversation::{REGISTERED, Reply, hold};

const LIST: &str = r#"{"action":"list_agents"}"#;
const LOOKUP: &str = r#"{"action":"get_agent_endpoint","agent_name":"A"}"#;
const PLAIN: &str = concat!(
    r#""host":"h","port":1,"health_check_port":null,"agent_type":"service","#,
    r#""capabilities":[],"metadata":{}"#
);
/// A registration of another endpoint, so that the next one is seen to count.
const OTHER: &str =
    r#"{"action":"register_agent","agent_id":"A","host":"other","port":9,"metadata":{"x":1}}"#;

#[test]
fn a_second_registration_replaces_the_whole_record() {
    let full = concat!(
        r#"{"action":"register_agent","agent_id":"A","host":"old","port":2,"health_check_port":3,"#,
        r#""agent_type":"worker","capabilities":["x"],"metadata":{"y":[1]}}"#
    );
    let full_record = concat!(
        r#""host":"old","port":2,"health_check_port":3,"agent_type":"worker","#,
        r#""capabilities":["x"],"metadata":{"y":[1]}"#
    );
    hold(&[
        (full, REGISTERED),
        (LOOKUP, Reply::Record(full_record)),
        (r#"{"action":"register_agent","agent_id":"A","host":"h","port":1}"#, REGISTERED),
        (LOOKUP, Reply::Record(PLAIN)),
        (full, REGISTERED),
        (LOOKUP, Reply::Record(full_record)),
        (LIST, Reply::Is(r#"{"status":"success","agents":["A"]}"#)),
    ]);
}

/// Each of these registers `A` at `h`, port 1, with every default.
fn counts_as_plain(registrations: &[&str]) {
    let steps = registrations.iter().flat_map(|registration| {
        [(OTHER, REGISTERED), (*registration, REGISTERED), (LOOKUP, Reply::Record(PLAIN))]
    });
    let last = (LIST, Reply::Is(r#"{"status":"success","agents":["A"]}"#));
    hold(&steps.chain([last]).collect::<Vec<_>>());
}

#[test]
fn what_is_left_out_or_null_takes_its_default() {
    counts_as_plain(&[
        r#"{"action":"register_agent","agent_id":"A","host":"h","port":1}"#,
        concat!(
            r#"{"action":"register_agent","agent_id":"A","host":"h","port":1,"health_check_port":null,"#,
            r#""agent_type":null,"capabilities":null,"metadata":null}"#
        ),
        r#"{"port":1,"host":"h","agent_id":"A","action":"register_agent"}"#,
        "\r\n\t {\"action\" : \"register_agent\" ,\n\"agent_id\":\t\"A\",\"host\":\"h\",\"port\" : 1 } \n",
        r#"{"\u0061ction":"register\u005fagent","agent_\u0069d":"\u0041","\u0068ost":"\u0068","por\u0074":1}"#,
    ]);
}

#[test]
fn a_wrapped_registration_wins_whole() {
    counts_as_plain(&[
        r#"{"action":"register_agent","registration_data":{"agent_id":"A","host":"h","port":1}}"#,
        // Nothing is taken from the top level, on either side of it.
        concat!(
            r#"{"agent_id":"B","host":"b","port":2,"health_check_port":3,"action":"register_agent","#,
            r#""registration_data":{"agent_id":"A","host":"h","port":1},"#,
            r#""agent_type":"b","capabilities":["b"],"metadata":{"b":1}}"#
        ),
        // Nothing there is checked, nor refused.
        concat!(
            r#"{"action":"register_agent","agent_id":"","host":" ","port":99999,"health_check_port":"x","#,
            r#""registration_data":{"agent_id":"A","host":"h","port":1},"#,
            r#""agent_type":{},"capabilities":"b","metadata":[]}"#
        ),
        concat!(
            r#"{"action":"register_agent","agent_id":"B","agent_id":"C","#,
            r#""registration_data":{"agent_id":"A","host":"h","port":1},"port":2,"port":3}"#
        ),
        // What looks like the top level's own fields means nothing inside.
        concat!(
            r#"{"action":"register_agent","registration_data":{"agent_id":"A","host":"h","port":1,"#,
            r#""action":"list_agents","registration_data":{"agent_id":"B"},"dependencies":["x"]}}"#
        ),
    ]);
}

#[test]
fn a_registration_data_with_nothing_in_it_leaves_the_top_level() {
    counts_as_plain(&[
        r#"{"action":"register_agent","registration_data":null,"agent_id":"A","host":"h","port":1}"#,
        r#"{"action":"register_agent","registration_data":{},"agent_id":"A","host":"h","port":1}"#,
        "{\"action\":\"register_agent\",\"agent_id\":\"A\",\"host\":\"h\",\"port\":1,\"registration_data\":{ \n }}",
    ]);
}

#[test]
fn what_others_send_along_is_ignored_whatever_it_holds() {
    // In a wrapped registration these are levels 3 to 64.
    let deep = "[".repeat(62) + &"]".repeat(62);
    let along = format!(
        concat!(
            r#""source_agent":"S","request_id":12345678901234567890123,"timestamp":1e400,"status":null,"#,
            r#""location":{{"x":[{{}},-0.0,{{"action":"X"}}]}},"dependencies":{deep},"#,
            r#""":"","twice":1,"twice":"2","unit\u0073":"\ud83d\ude00[[[[{{{{""#
        ),
        deep = deep
    );
    let record = r#""agent_id":"A","host":"h","port":1"#;
    counts_as_plain(&[
        &format!(r#"{{{along},"agent_name":7,"action":"register_agent",{record}}}"#),
        &format!(r#"{{"action":"register_agent",{along},"registration_data":{{{record},{along}}}}}"#),
    ]);

    let fields = r#""agent_id":"","agent_id":7,"host":[],"port":-1,"metadata":"","capabilities":0"#;
    let lookup = format!(
        r#"{{{along},"action":"get_agent_endpoint",{fields},"agent_name":"B","registration_data":{{"agent_name":"A"}}}}"#
    );
    let list = format!(
        r#"{{{along},"agent_name":"A",{fields},"agent_name":[],"action":"list_agents","registration_data":7}}"#
    );
    hold(&[
        (OTHER, REGISTERED),
        (&lookup, Reply::Refused("not_found", &["Agent B not found"])),
        (&list, Reply::Is(r#"{"status":"success","agents":["A"]}"#)),
        (&format!(r#"{{{along},{fields},"action":"ping"}}"#), Reply::Health),
    ]);
}

#[test]
fn ports_as_clients_send_them() {
    let cases = [
        (r#""port":1"#, "1", "null"),
        (r#""port":65535"#, "65535", "null"),
        (r#""port":"1""#, "1", "null"),
        (r#""port":"65535""#, "65535", "null"),
        (r#""port":"5000""#, "5000", "null"),
        (r#""port":"0080""#, "80", "null"),
        (r#""port":"\u0038\u0030""#, "80", "null"),
        (r#""port":1,"health_check_port":0"#, "1", "0"),
        (r#""port":1,"health_check_port":"0""#, "1", "0"),
        (r#""port":1,"health_check_port":65535"#, "1", "65535"),
        (r#""port":1,"health_check_port":"6000""#, "1", "6000"),
        (r#""health_check_port":null,"port":1"#, "1", "null"),
    ];
    let steps: Vec<(String, String)> = cases
        .iter()
        .map(|(fields, port, health_check_port)| {
            let registration = format!(r#"{{"action":"register_agent","agent_id":"A","host":"h",{fields}}}"#);
            let record =
                PLAIN.replace(r#""port":1"#, &format!(r#""port":{port}"#)).replace("null", health_check_port);
            (registration, record)
        })
        .collect();
    let conversation: Vec<(&str, Reply<'_>)> = steps
        .iter()
        .flat_map(|(registration, record)| {
            [(OTHER, REGISTERED), (registration.as_str(), REGISTERED), (LOOKUP, Reply::Record(record))]
        })
        .collect();
    hold(&conversation);
}

#[test]
fn the_largest_and_the_oddest_names() {
    let longest = "é".repeat(127) + "a";
    assert_eq!(longest.len(), 255);
    let registration = format!(
        r#"{{"action":"register_agent","agent_id":"{longest}","host":"{longest}","port":1,"agent_type":"{longest}","capabilities":["{longest}",""]}}"#
    );
    let record = format!(
        r#""host":"{longest}","port":1,"health_check_port":null,"agent_type":"{longest}","capabilities":["{longest}",""],"metadata":{{}}"#
    );
    hold(&[
        (&registration, REGISTERED),
        (&format!(r#"{{"action":"get_agent_endpoint","agent_name":"{longest}"}}"#), Reply::Record(&record)),
        (LIST, Reply::Is(&format!(r#"{{"status":"success","agents":["{longest}"]}}"#))),
    ]);
}
