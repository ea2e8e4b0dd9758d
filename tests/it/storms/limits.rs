//! Full houses: a port that has all the connections it may have, an address that has, and who still gets in. Whoever is in
//! already never notices.

use std::thread;
use std::time::Instant;

use crate::agent::Agent;
use crate::handoff::zmtp::{self, VERSIONS, Version};
use crate::process::DEADLINE;
use crate::raw::Raw;
use crate::registry::Registry;

use super::crowd::{HALF_A_HEAD, address, come, come_from, idle_peers};
use super::due::{
    PING, assert_answered, assert_closed, assert_healthy, assert_http_served, assert_served, assert_told,
    assert_told_without_body, peers_of,
};
use super::footprint::Connections;

/// Connections of the registry port, in the tests that fill it.
const LIMIT: usize = 20;
/// Connections of the health port, which nobody can set.
const HEALTH_LIMIT: usize = 256;
const REST_OF_HEAD: &str = "ent-Length: 17\r\n\r\n{\"action\":\"ping\"}";
const TWO: u8 = 2;
const THREE: u8 = 3;

/// With so many connections at most, all of which may be one address's.
fn limited_to(limit: usize) -> Registry {
    let limit = limit.to_string();
    Registry::with(&["--max-connections", &limit, "--max-connections-per-address", &limit])
}

fn wait_for_open(registry: &Registry, open: usize) {
    registry.wait_for(DEADLINE, || {
        let connections = Connections::of(registry);
        let right = connections.open == open as u64;
        right.then_some(()).ok_or_else(|| format!("{open} should be open: {connections}"))
    });
}

fn greeting() -> Vec<u8> {
    zmtp::greeting(Version::V3_1)
}

/// Since `start`, when nobody had been refused yet, there is one warning a minute; the first one says all of these.
fn assert_one_warning(registry: &Registry, start: Instant, words: &[&str]) {
    let warnings = registry.log_lines(|line| line.contains(" WARN "));
    let minutes = usize::try_from(start.elapsed().as_secs() / 60).unwrap();
    assert!((1..=1 + minutes).contains(&warnings.len()), "{warnings:#?}\n{}", registry.evidence());
    for word in words {
        assert!(warnings[0].contains(word), "{word:?} in {:?}", warnings[0]);
    }
}

#[test]
fn a_full_port_serves_those_it_has_and_tells_the_others() {
    let registry = limited_to(LIMIT);
    let (port, start) = (registry.port(), Instant::now());
    let mut peers = idle_peers(port, LIMIT / 2);
    let busiest = 9;
    let mut clients: Vec<Raw> = (peers.len()..LIMIT).map(|_| come_from(busiest, port)).collect();
    clients.iter_mut().for_each(|client| client.send(HALF_A_HEAD));
    wait_for_open(&registry, LIMIT);
    for round in 0..10 {
        assert_told(address(round), port, &registry);
        let version = VERSIONS[round % VERSIONS.len()];
        assert_closed(&zmtp::greeting(version), address(round), port, &registry);
    }
    assert_answered(&mut peers, &registry);
    for client in &mut clients {
        client.send(REST_OF_HEAD);
        let answer = client.read_answer();
        assert_eq!(answer.status, 200, "{answer:?}\n{}", registry.evidence());
    }
    wait_for_open(&registry, peers.len());
    assert_served(busiest, port, &registry);
    let connections = Connections::of(&registry);
    assert_eq!((connections.refused, connections.limit), (20, LIMIT as u64), "{connections}");
    assert_one_warning(
        &registry,
        start,
        &["(--max-connections)", "registry port", "it has 20", "10 of them from 127.0.0.9"],
    );
    assert_answered(&mut peers, &registry);
    drop((peers, clients));
    wait_for_open(&registry, 0);
}

#[test]
fn a_silent_client_past_the_limit_is_closed() {
    let registry = limited_to(LIMIT);
    let mut peers = idle_peers(registry.port(), LIMIT);
    assert_closed(b"", address(0), registry.port(), &registry);
    assert_answered(&mut peers, &registry);
    let connections = Connections::of(&registry);
    assert_eq!((connections.open, connections.refused), (LIMIT as u64, 1), "{connections}");
}

#[test]
fn a_zmq_client_that_comes_back_gets_in_when_one_has_left() {
    let registry = limited_to(LIMIT);
    let mut peers = idle_peers(registry.port(), LIMIT);
    thread::scope(|scope| {
        let late = scope.spawn(|| Agent::connect(registry.port()).ask(PING));
        registry.wait_until("it was refused twice", || Connections::of(&registry).refused >= 2);
        assert!(!late.is_finished(), "answered past the limit\n{}", registry.evidence());
        assert_answered(&mut peers, &registry);
        drop(peers.pop());
        assert_healthy(&late.join().unwrap(), &registry);
    });
    assert_answered(&mut peers, &registry);
    drop(peers);
    wait_for_open(&registry, 0);
}

#[test]
fn an_address_that_is_full_leaves_room_for_others() {
    let registry = Registry::with(&["--max-connections", &LIMIT.to_string()]);
    let (port, start) = (registry.port(), Instant::now());
    let mut peers = peers_of(TWO, port, LIMIT / 2);
    for _ in 0..10 {
        assert_told(TWO, port, &registry);
        assert_closed(&greeting(), TWO, port, &registry);
        assert_served(THREE, port, &registry);
        assert_served(1, port, &registry);
    }
    assert_one_warning(
        &registry,
        start,
        &["(--max-connections-per-address)", "registry port", "127.0.0.2, which holds 10"],
    );
    assert_served(TWO, registry.health_port(), &registry);
    assert_answered(&mut peers, &registry);
    drop(peers.pop());
    wait_for_open(&registry, peers.len());
    let mut others = peers_of(THREE, port, LIMIT / 2);
    assert_told(THREE, port, &registry);
    // Only one more of the first address has room, until the daemon has noticed that it has gone.
    assert_http_served(TWO, port, &registry);
    wait_for_open(&registry, peers.len() + others.len());
    peers.extend(peers_of(TWO, port, 1));
    assert_answered(&mut peers, &registry);
    assert_answered(&mut others, &registry);
    drop((peers, others));
    wait_for_open(&registry, 0);
}

#[test]
fn a_full_registry_port_does_not_hide_health() {
    let registry = limited_to(LIMIT);
    let mut peers = idle_peers(registry.port(), LIMIT);
    assert_told(address(0), registry.port(), &registry);
    assert_told_without_body(address(0), registry.port(), &registry);
    (0..10).for_each(|n| assert_served(address(n), registry.health_port(), &registry));
    assert_answered(&mut peers, &registry);
}

/// All the peers that the health port has places for, and as many who are silent.
#[test]
fn a_full_health_port_does_not_hide_the_registry() {
    let registry = Registry::start();
    let (health_port, start) = (registry.health_port(), Instant::now());
    let agent = Agent::connect(registry.port());
    let mut checkers = idle_peers(health_port, HEALTH_LIMIT / 2);
    let silent: Vec<Raw> = (0..HEALTH_LIMIT / 2).map(|n| come(n, health_port)).collect();
    assert_told(address(1), health_port, &registry);
    assert_closed(&greeting(), address(2), health_port, &registry);
    (0..10).for_each(|n| assert_served(address(n), registry.port(), &registry));
    assert_answered(&mut checkers, &registry);
    let refused = Connections::told_to(&agent).refused;
    assert_eq!(refused, 2, "{}", registry.evidence());
    assert_one_warning(&registry, start, &["health port", "it has 256", "4 of them from 127.0.0.1"]);
    drop((checkers, silent));
    wait_for_open(&registry, 1);
}

#[test]
fn peers_that_idle_at_the_health_port_keep_no_http_check_out() {
    let registry = Registry::start();
    let (health_port, start) = (registry.health_port(), Instant::now());
    let mut checkers = idle_peers(health_port, HEALTH_LIMIT / 2);
    for n in 0..10 {
        assert_closed(&greeting(), address(n), health_port, &registry);
        assert_http_served(address(n), health_port, &registry);
    }
    assert_answered(&mut checkers, &registry);
    assert_eq!(Connections::of(&registry).refused, 10, "{}", registry.evidence());
    assert_one_warning(&registry, start, &["health port", "it has 128 that speak ZMTP"]);
}

#[test]
fn half_of_the_health_port_is_all_that_an_address_gets() {
    let registry = Registry::start();
    let (health_port, start) = (registry.health_port(), Instant::now());
    let mut checkers = peers_of(TWO, health_port, HEALTH_LIMIT / 4);
    let silent: Vec<Raw> = (0..HEALTH_LIMIT / 4).map(|_| come_from(TWO, health_port)).collect();
    assert_told(TWO, health_port, &registry);
    assert_closed(&greeting(), TWO, health_port, &registry);
    assert_served(THREE, health_port, &registry);
    assert_answered(&mut checkers, &registry);
    assert_one_warning(&registry, start, &["health port", "127.0.0.2, which holds 128"]);
    drop(silent);
}
