//! The registry and its store, asked by the main thread and by HTTP's at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use service_registry::act::Registry;
use service_registry::announcer::Announcer;
use service_registry::health::Health;
use service_registry::slots::Slots;
use service_registry::store::memory::Memory;
use time::OffsetDateTime;

use crate::{ROUNDS, THREADS, together};

/// An agent that every thread registers.
const SHARED: &str = "shared";

fn registry(max_bytes: u64) -> Registry {
    let health = Arc::new(Health::new("memory", Slots::new(1, 1), Arc::default()));
    let store = Arc::new(Memory::new(max_bytes, Arc::clone(&health)));
    Registry::new(store, health, OffsetDateTime::now_utc, Announcer::default())
}

fn ask(registry: &Registry, request: &Value) -> Value {
    let body = registry.answer(request.to_string().as_bytes()).body;
    serde_json::from_slice(&body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&body)))
}

fn register(registry: &Registry, name: &str, port: usize, filler: usize) -> Value {
    let metadata = json!({"port": port, "filler": "x".repeat(filler)});
    let request = json!({"action": "register_agent", "agent_id": name, "host": "h", "port": port, "metadata": metadata});
    ask(registry, &request)
}

fn look_up(registry: &Registry, name: &str) -> Value {
    ask(registry, &json!({"action": "get_agent_endpoint", "agent_name": name}))
}

fn list(registry: &Registry) -> Vec<String> {
    let reply = ask(registry, &json!({"action": "list_agents"}));
    serde_json::from_value(reply["agents"].clone()).unwrap_or_else(|e| panic!("{e}: {reply}"))
}

fn name(thread: usize, round: usize) -> String {
    format!("agent-{thread}-{round}")
}

/// One round of one thread: what it has registered is found and listed from then on, and no record is a mixture.
fn round(registry: &Registry, thread: usize, round: usize) {
    let port = 1 + thread * ROUNDS + round;
    assert_eq!(register(registry, &name(thread, round), port, 0)["status"], "success");
    assert_eq!(look_up(registry, &name(thread, round))["port"], port);
    assert_eq!(register(registry, SHARED, port, port % 300)["status"], "success");
    let shared = look_up(registry, SHARED);
    assert_eq!(shared["port"], shared["metadata"]["port"], "{shared}");
    let filler = shared["metadata"]["filler"].as_str().map(str::len);
    assert_eq!(filler, shared["port"].as_u64().map(|port| port as usize % 300), "{shared}");
    if round.is_multiple_of(10) {
        let listed = list(registry);
        assert!(listed.is_sorted_by(|a, b| a < b), "sorted, each name once: {listed:?}");
        let own = (0..=round).map(|round| name(thread, round));
        let missing: Vec<String> = own.filter(|name| listed.binary_search(name).is_err()).collect();
        assert!(missing.is_empty(), "{missing:?} not in {listed:?}");
    }
}

#[test]
fn who_has_registered_is_found_and_listed_from_then_on() {
    let registry = registry(1 << 30);
    together(|thread| (0..ROUNDS).for_each(|number| round(&registry, thread, number)));
    let mut expected: BTreeSet<String> =
        (0..THREADS).flat_map(|thread| (0..ROUNDS).map(move |round| name(thread, round))).collect();
    expected.insert(SHARED.to_owned());
    assert_eq!(list(&registry), expected.iter().cloned().collect::<Vec<_>>());
    assert_eq!(ask(&registry, &json!({"action": "health"}))["agents"], expected.len());
}

/// What the records that are there count for: their names, and their JSON as it is stored.
fn total(registry: &Registry) -> usize {
    let cost = |name: &String| {
        let request = json!({"action": "get_agent_endpoint", "agent_name": name}).to_string();
        let reply = registry.answer(request.as_bytes()).body;
        name.len() + reply.len() - r#""status":"success","#.len()
    };
    list(registry).iter().map(cost).sum()
}

#[test]
fn a_store_stays_within_its_limit_and_its_count_does_not_drift() {
    const LIMIT: usize = 64 * 1024;
    const NAMES: usize = 20;
    let registry = registry(LIMIT as u64);
    let refused = AtomicUsize::new(0);
    together(|thread| {
        for number in 0..ROUNDS {
            // Few names and many sizes: records grow and shrink where the limit is.
            let size = (thread * ROUNDS + number) * 7 % 6000;
            let reply = register(&registry, &name(0, number % NAMES), 1, size);
            match reply["code"].as_str() {
                None => {}
                Some("full") => {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                Some(_) => panic!("{reply}"),
            }
        }
    });
    assert!(refused.into_inner() > 0, "it was never full, so this shows nothing");
    assert!(total(&registry) <= LIMIT, "{} bytes where {LIMIT} are the limit", total(&registry));
    for number in 0..NAMES {
        assert_eq!(register(&registry, &name(0, number), 1, 0)["status"], "success", "a smaller record fits");
    }
    let before = total(&registry);
    assert_eq!(register(&registry, "last", 1, 0)["status"], "success");
    let room = LIMIT - total(&registry);
    for (filler, code) in [(room + 1, Value::from("full")), (room, Value::Null)] {
        let reply = register(&registry, "last", 1, filler);
        assert_eq!(
            reply["code"], code,
            "{filler} bytes more, where {room} are left; {before} before\n{reply}"
        );
    }
}
