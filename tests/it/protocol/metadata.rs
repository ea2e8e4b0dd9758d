//! Metadata comes back byte for byte; only white space outside strings goes.

use crate::conversation::{REGISTERED, Reply, hold};

/// What is sent, and what must come back.
const CASES: [(&str, &str); 14] = [
    ("{}", "{}"),
    ("\t{ \r\n }", "{}"),
    (r#"{"big":123456789012345678901234567890}"#, r#"{"big":123456789012345678901234567890}"#),
    (
        r#"{"u64":18446744073709551616,"i":-9223372036854775809}"#,
        r#"{"u64":18446744073709551616,"i":-9223372036854775809}"#,
    ),
    (
        r#"{"huge":1e400,"tiny":-1E-400,"one":1.0,"zero":-0,"e":1E+05}"#,
        r#"{"huge":1e400,"tiny":-1E-400,"one":1.0,"zero":-0,"e":1E+05}"#,
    ),
    (
        r#"{"precise":0.1000000000000000055511151231257827}"#,
        r#"{"precise":0.1000000000000000055511151231257827}"#,
    ),
    (r#"{"esc":"\u00e9\n\/\"\\\b\f\t\r\u0000\u001F"}"#, r#"{"esc":"\u00e9\n\/\"\\\b\f\t\r\u0000\u001F"}"#),
    (
        r#"{"plain":"é😀/","pair":"\ud83d\ude00\uD83D\uDE00"}"#,
        r#"{"plain":"é😀/","pair":"\ud83d\ude00\uD83D\uDE00"}"#,
    ),
    ("{ \"a b\" :\t\" c  d \" ,\r\n\"e\": [ 1 , 2 ,\n{ } ] }", r#"{"a b":" c  d ","e":[1,2,{}]}"#),
    (r#"{"quote":"\" , : { }","end":"\\"  , "n" : null }"#, r#"{"quote":"\" , : { }","end":"\\","n":null}"#),
    (r#"{"z":1,"a":2,"m":{"y":3,"b":4}}"#, r#"{"z":1,"a":2,"m":{"y":3,"b":4}}"#),
    (r#"{"twice":1,"twice":2,"":{"":""}}"#, r#"{"twice":1,"twice":2,"":{"":""}}"#),
    (r#"{"brackets":"[[[[{{{{","t":true,"f":false}"#, r#"{"brackets":"[[[[{{{{","t":true,"f":false}"#),
    (
        r#"{"\u006bey":"\\ud800","status":"error","last_registered":"never"}"#,
        r#"{"\u006bey":"\\ud800","status":"error","last_registered":"never"}"#,
    ),
];

const LOOKUP: &str = r#"{"action":"get_agent_endpoint","agent_name":"A"}"#;

fn come_back(cases: &[(&str, &str)], wrapped: bool) {
    let steps: Vec<(String, String)> = cases
        .iter()
        .map(|(sent, kept)| {
            let fields = format!(r#""agent_id":"A","host":"h","port":1,"metadata":{sent}"#);
            let inside = if wrapped { format!(r#""registration_data":{{{fields}}}"#) } else { fields };
            let record = concat!(
                r#""host":"h","port":1,"health_check_port":null,"agent_type":"service","capabilities":[],"#,
                r#""metadata":"#
            );
            (format!(r#"{{"action":"register_agent",{inside}}}"#), format!("{record}{kept}"))
        })
        .collect();
    let conversation: Vec<(&str, Reply<'_>)> = steps
        .iter()
        .flat_map(|(registration, record)| {
            [(registration.as_str(), REGISTERED), (LOOKUP, Reply::Record(record))]
        })
        .collect();
    hold(&conversation);
}

#[test]
fn byte_for_byte_without_white_space() {
    come_back(&CASES, false);
}

#[test]
fn in_a_wrapped_registration_too() {
    come_back(&CASES, true);
}

#[test]
fn sixty_four_levels() {
    // The request is the first level, metadata the second.
    let deep = format!(r#"{{"d":{}{}}}"#, "[".repeat(62), "]".repeat(62));
    come_back(&[(&deep, &deep)], false);
    let deep = format!(r#"{{"d":{}{}}}"#, r#"{"x":"#.repeat(60) + "[", "]".to_owned() + &"}".repeat(60));
    come_back(&[(&deep, &deep)], true);
}
