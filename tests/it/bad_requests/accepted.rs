//! What is just good enough: were any of it refused, the tables beside this file would prove nothing.

use super::{with_field, wrapped};
use crate::conversation::{REGISTERED, Reply, hold};

#[test]
fn registrations_at_their_limits() {
    let longest = format!("\"{}\"", "x".repeat(255));
    let longest_in_bytes = format!("\"{}a\"", "é".repeat(127));
    let fields = [
        ("agent_id", longest.as_str()),
        ("agent_id", longest_in_bytes.as_str()),
        ("agent_id", "\"a b\u{a0}c\""),
        ("agent_id", r#""\ud83d\ude00""#),
        ("host", longest.as_str()),
        ("host", "\"::1\""),
        ("host", "\"fe80::1%eth0\""),
        ("host", "\"xn--e1afmkfd.example\""),
        ("host", "\"приклад\""),
        ("port", "1"),
        ("port", "65535"),
        ("port", "\"1\""),
        ("port", "\"65535\""),
        ("health_check_port", "0"),
        ("health_check_port", "65535"),
        ("health_check_port", "\"0\""),
        ("agent_type", longest.as_str()),
        ("agent_type", "\" \""),
        ("capabilities", r#"["","a","a","\u0000"]"#),
        ("metadata", r#"{"x":null}"#),
        ("ignored", r#"{"x":[1e400,"\ud83d\ude00"]}"#),
    ];
    let requests: Vec<String> = fields
        .iter()
        .map(|(field, value)| with_field(field, value))
        .flat_map(|flat| [wrapped(&flat), flat])
        .collect();
    let conversation: Vec<(&str, Reply<'_>)> = requests.iter().map(|r| (r.as_str(), REGISTERED)).collect();
    hold(&conversation);
}

#[test]
fn sixty_four_levels_where_nobody_looks() {
    // The request's own object is the first level.
    let arrays = "[".repeat(63) + &"]".repeat(63);
    let objects = r#"{"x":"#.repeat(63) + "1" + &"}".repeat(63);
    let nobody = Reply::Is(r#"{"status":"success","agents":[]}"#);
    let brackets = "[{".repeat(1_000);
    hold(&[
        (&format!(r#"{{"action":"list_agents","x":{arrays}}}"#), nobody),
        (&format!(r#"{{"x":{objects},"action":"list_agents"}}"#), nobody),
        (&format!(r#"{{"action":"list_agents","x":{arrays},"y":{objects}}}"#), nobody),
        (&format!(r#"{{"action":"list_agents","x":"{brackets}","{brackets}":1}}"#), nobody),
        (&format!(r#"{{"action":"list_agents","x":"\"{brackets}\\"}}"#), nobody),
        (&format!(r#"{{"action":"list_agents","x":[{}[]]}}"#, "[],{},".repeat(10_000)), nobody),
    ]);
}
