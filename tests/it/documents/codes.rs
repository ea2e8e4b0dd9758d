//! The table of codes in docs/protocol.md: the daemon answers with each of them, and with the status beside it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::http::{LIST, ask, post, post_with, request};
use crate::redis::server::RedisServer;
use crate::registry::Registry;

use super::pages;

/// Only a bug brings this about.
const NEVER_SEEN: &str = "internal";

const JSON: &str = "Content-Type: application/json\r\n";

/// What brings each code about.
fn provoked() -> Vec<(&'static str, String)> {
    let register = |filler: usize| {
        let metadata = json!({"filler": "x".repeat(filler)});
        json!({"action": "register_agent", "agent_id": "A", "host": "h", "port": 1, "metadata": metadata})
            .to_string()
    };
    let chunked = format!("POST / HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    vec![
        ("invalid_request", post("no JSON")),
        ("unknown_action", post(r#"{"action":"X"}"#)),
        ("not_found", post(r#"{"action":"get_agent_endpoint","agent_name":"X"}"#)),
        ("not_found", request("GET", "/nowhere")),
        ("forbidden", post_with(&format!("{JSON}Origin: null\r\n"), "{}")),
        ("method_not_allowed", request("GET", "/")),
        ("length_required", chunked),
        ("length_required", format!("POST / HTTP/1.1\r\nHost: x\r\n{JSON}\r\n")),
        ("too_large", post(&register(128 * 1024))),
        ("too_large", post(&register(64 * 1024))),
        ("unsupported_media_type", post_with("Content-Type: text/plain\r\n", "{}")),
        ("headers_too_large", format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(8192))),
        ("not_implemented", request("BREW", "/")),
        ("version_not_supported", "GET / HTTP/2.0\r\nHost: x\r\n\r\n".to_owned()),
        ("full", post(&register(2000))),
    ]
}

#[test]
fn every_code_of_the_table_comes_with_its_status() {
    let rows = pages::read("docs/protocol.md").rows();
    let codes = rows.iter().filter_map(|cells| Some((cells[0].clone(), cells[1].parse::<u16>().ok()?)));
    let mut table: BTreeMap<String, u16> = codes.collect();
    assert!(table.remove(NEVER_SEEN).is_some(), "{NEVER_SEEN} is in the table");
    let registry = Registry::with(&["--max-bytes", "1KiB"]);
    let mut seen = BTreeMap::new();
    let mut redis = RedisServer::start();
    redis.kill();
    let without_redis = Registry::with(&["--backend", "redis", "--redis-url", &redis.url()]);
    let answer = ask(without_redis.port(), post(LIST));
    seen.insert(answer.json()["code"].as_str().unwrap().to_owned(), answer.status);
    for (code, bytes) in provoked() {
        let answer = ask(registry.port(), &bytes);
        assert_eq!(answer.json()["code"], code, "{answer:?}");
        seen.insert(code.to_owned(), answer.status);
    }
    assert_eq!(table, seen, "the table of docs/protocol.md, and what the daemon answers");
}
