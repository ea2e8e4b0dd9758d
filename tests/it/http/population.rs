//! Many agents, registered quickly: through a DEALER that sends ahead of its replies by a bounded number of requests.

use std::iter;

use serde_json::json;

use crate::agent::Dealer;

/// How far ahead: what a peer may have outstanding without losing replies is bounded by the registry's queues.
const WINDOW: usize = 64;

/// Registers so many agents, out of order, with names as long as this, and gives the names sorted by bytes.
pub(crate) fn register(port: u16, count: usize, name_length: usize) -> Vec<String> {
    let dealer = Dealer::connect(port);
    let mut names: Vec<String> = (0..count).map(|n| name(scattered(n, count), name_length)).collect();
    for batch in names.chunks(WINDOW) {
        for name in batch {
            let request =
                json!({"action": "register_agent", "agent_id": name, "host": "localhost", "port": 5000});
            dealer.send(&[request.to_string().as_bytes()]);
        }
        for name in batch {
            assert_eq!(dealer.receive(), br#"{"status":"success"}"#, "registering {name}");
        }
    }
    names.sort_unstable();
    names
}

/// Each number below the count once, in an order that is none.
fn scattered(n: usize, count: usize) -> usize {
    const PRIME: usize = 7919;
    assert!(!count.is_multiple_of(PRIME), "or numbers would repeat");
    n * PRIME % count
}

/// Some begin with a letter of two bytes, which sorts behind every ASCII one.
fn name(n: usize, length: usize) -> String {
    let start = if n.is_multiple_of(10) { "é" } else { "a" };
    let number = format!("{start}{n:06}");
    let filler = iter::repeat_n('.', length.saturating_sub(number.len()));
    number.chars().chain(filler).collect()
}
