//! How each kind of reply looks, whatever was asked: one JSON object with the members of docs/protocol.md, "Replies", in
//! their order. Panics where a reply looks otherwise.

use crate::contract::Refused;
use crate::json::{self, Json, quoted};

/// The words that may stand in `code`, each with its HTTP status.
const CODES: [(&str, u16); 14] = [
    ("invalid_request", 400),
    ("unknown_action", 400),
    ("not_found", 404),
    ("forbidden", 403),
    ("method_not_allowed", 405),
    ("length_required", 411),
    ("too_large", 413),
    ("unsupported_media_type", 415),
    ("headers_too_large", 431),
    ("internal", 500),
    ("not_implemented", 501),
    ("unavailable", 503),
    ("version_not_supported", 505),
    ("full", 507),
];
/// More than any text needs, in bytes: a name of 255, or 64 characters each escaped, and the rule that they break.
const MAX_TEXT: usize = 1024;

/// A reply's members, in their order.
pub fn members(reply: &[u8]) -> Vec<(String, Json)> {
    let shown = || String::from_utf8_lossy(reply);
    let text = std::str::from_utf8(reply).unwrap_or_else(|error| panic!("{error}: {}", shown()));
    match json::read(text) {
        Some(Json::Object(members)) => members.into_iter().map(|(key, value)| (key.value, value)).collect(),
        other => panic!("the reply is no JSON object but {other:?}: {}", shown()),
    }
}

/// A failure, with the code and, where the contract fixes it, the text of `refused`.
pub fn check_failure(reply: &[u8], refused: &Refused) {
    let members = members(reply);
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["status", "error", "code"], "{members:?}");
    let texts: Vec<&str> = members.iter().filter_map(|(_, value)| value.text()).collect();
    let [status, text, code] = texts[..] else { panic!("not three strings: {members:?}") };
    assert_eq!((status, code), ("error", refused.code), "{text}");
    assert!(status_of(code).is_some(), "unknown code {code}");
    assert!(!text.is_empty() && text.len() <= MAX_TEXT, "a text of {} bytes: {text}", text.len());
    match &refused.text {
        Some(fixed) => assert_eq!(text, fixed),
        None => assert!(is_printable(text), "a text that is not printable: {text:?}"),
    }
}

/// Whether `text` shows on one line, and in the order that it has: no control characters, Unicode's line ends and marks
/// of direction included.
pub fn is_printable(text: &str) -> bool {
    let moves = |c| matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.contains(|c: char| c.is_control() || moves(c))
}

/// The HTTP status that goes with a code.
pub fn status_of(code: &str) -> Option<u16> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, status)| *status)
}

/// The health object at `now` of a registry that holds so many agents. More members may follow.
pub fn check_health(reply: &[u8], now: &str, agents: usize) {
    let start = format!(
        r#"{{"status":"ok","message":"ServiceRegistry is healthy","timestamp":{},"ready":true,"#,
        quoted(now)
    );
    assert!(reply.starts_with(start.as_bytes()), "{}", String::from_utf8_lossy(reply));
    let members = members(reply);
    for known in ["version", "uptime_seconds", "backend"] {
        assert!(members.iter().any(|(name, _)| name == known), "no {known}: {members:?}");
    }
    let told = members.iter().find(|(name, _)| name == "agents").map(|(_, value)| value.compact());
    assert_eq!(told, Some(agents.to_string()), "{members:?}");
}
