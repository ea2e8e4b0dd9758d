//! Out of disk, out of processes: what can go on goes on.

use std::fs::File;
use std::io;
use std::thread;

use rustix::process::Signal;
use serde_json::json;

use crate::agent::Agent;
use crate::http::{self, request};
use crate::process::DEADLINE;
use crate::raw::Raw;
use crate::registry::{Registry, Start, free_port};

use super::footprint::Footprint;

const AGENTS: usize = 300;

/// Registers somebody new, which is a line of the log, and finds it again; over HTTP as well.
fn register_and_find(port: u16, n: usize) {
    let agent = Agent::connect(port);
    let name = format!("agent-{n}");
    let registered =
        agent.json(json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 5000}));
    assert_eq!(registered, json!({"status": "success"}), "{name}");
    let found =
        http::ask(port, http::post(&json!({"action": "get_agent_endpoint", "agent_name": name}).to_string()));
    assert_eq!((found.status, &found.json()["host"]), (200, &json!("h")), "{found:?}");
}

#[test]
fn a_log_on_a_full_disk_stops_nothing() {
    let [port, health_port] = [free_port(), free_port()];
    let args = ["--port".to_owned(), port.to_string(), "--health-port".to_owned(), health_port.to_string()];
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut registry = Start::new().args(args).args(["--log-level", "debug"]).spawn_on(full, io::empty());
    // A client of libzmq waits for the port by itself.
    register_and_find_when_ready(port);
    (0..AGENTS).for_each(|n| register_and_find(port, n));
    for port in [port, health_port] {
        assert_eq!(http::ask(port, request("BREW", "/health")).status, 501);
        assert_eq!(http::ask(port, request("GET", "/health")).status, 200);
    }
    registry.signal(Signal::TERM);
    let finished = registry.finish(DEADLINE);
    assert_eq!(finished.status.code(), Some(0), "{finished}");
}

fn register_and_find_when_ready(port: u16) {
    let reply = Agent::connect(port).ask(r#"{"action":"ping"}"#);
    assert!(reply.starts_with(br#"{"status":"ok""#), "{reply:?}");
}

/// So that it never needs one that the system would not give.
#[test]
fn traffic_starts_no_thread() {
    let registry = Registry::start();
    let before = Footprint::of(&registry).threads;
    let (port, health_port) = (registry.port(), registry.health_port());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..32)
            .map(|client| {
                scope.spawn(move || {
                    for n in 0..10 {
                        register_and_find(port, 10 * client + n);
                        assert_eq!(http::ask(health_port, request("GET", "/health")).status, 200);
                        Raw::connect(port).reset();
                    }
                })
            })
            .collect();
        registry.wait_until("all of them have asked", || {
            let threads = Footprint::of(&registry).threads;
            assert!(threads <= before, "{threads} threads, before {before}\n{}", registry.evidence());
            clients.iter().all(|client| client.is_finished())
        });
    });
}
