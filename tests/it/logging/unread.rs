//! A log whose reader has stalled: a stopped terminal, a pager, a collector that hangs. Nothing waits for it, and what it
//! has missed is counted.

use crate::agent::Agent;
use crate::http;
use crate::process::DEADLINE;
use crate::registry::Registry;

use super::{SUCCESS, register, registration};
use rustix::process::Signal;

/// Agents that register, each of them twice: the second time is a debug line, and those are not bounded.
const AGENTS: usize = 500;

/// A registry whose log is full, and with whom all of them have registered.
fn unread() -> Registry {
    let registry = Registry::with(&["--log-level", "debug"]);
    let (port, health_port) = (registry.port(), registry.health_port());
    registry.fill_its_log();
    let agent = Agent::connect(port);
    for n in 0..AGENTS {
        let name = format!("agent-{n}");
        register(&agent, &name, 5000);
        let answer = http::ask(port, http::post(&registration(&name, 5000)));
        assert_eq!(answer.body, SUCCESS, "{answer:?}");
    }
    for port in [port, health_port] {
        // Refused, which is a debug line on another thread.
        assert_eq!(http::ask(port, http::request("BREW", "/")).status, 501);
        assert_eq!(http::ask(port, http::request("GET", "/health")).status, 200);
        let health = Agent::connect(port).ask(r#"{"action":"health"}"#);
        assert!(health.starts_with(br#"{"status":"ok""#), "{health:?}");
    }
    registry
}

#[test]
fn a_log_that_nobody_reads_stops_neither_the_registry_nor_its_stop() {
    let mut registry = unread();
    registry.signal(Signal::TERM);
    assert!(registry.ends_within(DEADLINE), "it waits for its log\n{}", registry.evidence());
    let finished = registry.finish(DEADLINE);
    assert_eq!(finished.status.code(), Some(0), "{finished}");
}

/// N of `N lines of this log were lost`.
fn lost_in(line: &str) -> Option<usize> {
    let (before, _) = line.split_once(" lines of this log were lost: nobody was reading it")?;
    before.rsplit(' ').next()?.parse().ok()
}

#[test]
fn who_reads_the_log_again_is_told_how_many_lines_are_missing() {
    let registry = unread();
    registry.read_its_log_again();
    let agent = Agent::connect(registry.port());
    let lost = |line: &str| lost_in(line).is_some();
    registry.wait_until("the lines that were lost are counted", || {
        register(&agent, "Late", 5000);
        !registry.log_lines(lost).is_empty()
    });
    let finished = registry.terminate();
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    let lines: Vec<&str> = finished.stderr.lines().filter(|line| lost(line)).collect();
    let count: usize = lines.iter().filter_map(|line| lost_in(line)).sum();
    assert!(count > AGENTS, "{count} lines were lost, says {lines:?}");
    assert!(lines.iter().all(|line| line.contains(" WARN ")), "{lines:?}");
    let late = finished.stderr.lines().filter(|line| line.contains(": Late at 10.0.0.1:5000"));
    assert!(late.count() > 0, "what is logged after that is there\n{finished}");
}
