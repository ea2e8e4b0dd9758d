//! Peers of ZMQ that do what libzmq's own sockets never would, or what ZMTP of old does: they are answered as far as they
//! can be, and nobody else notices them.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::{Agent, shown};
use crate::handoff::zmtp::{self, Peer, VERSIONS, Version};
use crate::process::DEADLINE;
use crate::raw::Raw;
use crate::registry::Registry;

const HEALTH: &str = r#"{"action":"health"}"#;

fn assert_healthy(reply: &[u8], of: &str, registry: &Registry) {
    let health: Value = serde_json::from_slice(reply)
        .unwrap_or_else(|e| panic!("{of}: {e}: {}\n{}", shown(reply), registry.evidence()));
    assert_eq!(health["status"], "ok", "{of}: {health}\n{}", registry.evidence());
}

/// What libzmq counts up from to name peers that have no identity: zero and four bytes. It takes the beginning from
/// `rand()`, which it never seeds: these are glibc's first numbers, two for each socket of a process.
const COUNTED_FROM: [u32; 5] = [0x6b8b_4567, 0xe43c_9869, 0xf4b0_dc51, 0x2ae8_944a, 0xa38e_1f29];

fn as_libzmq_names_them() -> Vec<Vec<u8>> {
    let named = |from: u32| (1..=60).map(move |n| [&[0][..], &from.wrapping_add(n).to_be_bytes()].concat());
    COUNTED_FROM.into_iter().flat_map(named).collect()
}

/// Peers that call themselves so are answered, and so are those who come without a name while they stay. They are so
/// few at a time that the health port has room for all.
fn assert_harmless(version: Version, identities: &[Vec<u8>]) {
    identities.chunks(60).for_each(|few| assert_few_harmless(version, few));
}

fn assert_few_harmless(version: Version, identities: &[Vec<u8>]) {
    let registry = Registry::start();
    for port in [registry.port(), registry.health_port()] {
        let connections: Vec<Raw> = identities.iter().map(|_| Raw::connect(port)).collect();
        for (connection, identity) in connections.iter().zip(identities) {
            let reply = Peer::meet_as(connection.stream(), version, identity).ask(HEALTH.as_bytes());
            assert_healthy(&reply, &format!("{version:?} as {identity:02x?}"), &registry);
        }
        for n in 0..80 {
            let reply = Agent::connect(port).ask(HEALTH);
            assert_healthy(&reply, &format!("number {n} that came without a name"), &registry);
        }
    }
    let finished = registry.terminate();
    assert!(finished.status.success(), "{finished}");
}

#[test]
fn who_calls_himself_what_libzmq_calls_others_harms_nobody() {
    assert_harmless(Version::V3_0, &as_libzmq_names_them());
}

#[test]
fn nor_does_he_in_zmtp_2_0() {
    assert_harmless(Version::V2_0, &as_libzmq_names_them());
}

#[test]
fn other_names_that_only_libzmq_may_give_harm_nobody_either() {
    let identities = [&[0][..], &[0; 2], &[0; 4], &[0; 5], &[0; 6], &[0; 255], b"\0agent"].repeat(5);
    let identities: Vec<Vec<u8>> = identities.into_iter().map(<[u8]>::to_vec).collect();
    for version in [Version::V2_0, Version::V3_0, Version::V3_1] {
        assert_harmless(version, &identities);
    }
}

#[test]
fn of_two_peers_with_one_identity_the_one_that_came_last_is_answered() {
    let registry = Registry::start();
    for port in [registry.port(), registry.health_port()] {
        let mut open = Vec::new();
        for n in 0..=50 {
            let agent = Agent::connect_as(port, b"agent-1");
            assert_healthy(&agent.ask(HEALTH), &format!("number {n} of that identity"), &registry);
            open.push(agent);
        }
        assert_healthy(&Agent::connect(port).ask(HEALTH), "one without an identity", &registry);
    }
}

/// Often enough for the registry to read a request when its peer has gone already.
const ROUNDS: usize = 30;

fn leave_without_a_delimiter(version: Version, leave: fn(Raw)) {
    let registry = Registry::start();
    for port in [registry.port(), registry.health_port()] {
        let agent = Agent::connect(port);
        assert_healthy(&agent.ask(HEALTH), "the agent, beforehand", &registry);
        for round in 1..=ROUNDS {
            let mut connections = [Raw::connect(port), Raw::connect(port)];
            Peer::meet(connections[0].stream(), version).send(&[HEALTH.as_bytes()]);
            connections[1].send(zmtp::blurt(version, &[HEALTH.as_bytes()]));
            connections.into_iter().for_each(leave);
            let of = format!("{version:?} without a delimiter for the {round}. time");
            assert_healthy(&agent.ask(HEALTH), &format!("the agent during {of}"), &registry);
            assert_healthy(&Agent::connect(port).ask(HEALTH), &format!("who came after {of}"), &registry);
            assert_healthy(&agent.ask(HEALTH), &format!("the agent after {of}"), &registry);
        }
    }
}

#[test]
fn who_forgets_the_delimiter_and_leaves_takes_no_reply_from_others() {
    for version in VERSIONS {
        leave_without_a_delimiter(version, drop);
        leave_without_a_delimiter(version, Raw::reset);
    }
}

/// Longer than a handshake may take, which is 5 s.
const LONGER_THAN_A_HANDSHAKE: Duration = Duration::from_millis(6500);
/// Between a reply and the next request.
const PACE: Duration = Duration::from_millis(100);

/// Asks again and again, until a handshake would have been over for long.
fn keep_asking(registry: &Registry, port: u16, version: Version) {
    let connection = Raw::connect(port);
    let mut peer = Peer::meet(connection.stream(), version);
    let start = Instant::now();
    let mut over = false;
    while !over {
        over = start.elapsed() > LONGER_THAN_A_HANDSHAKE;
        let of = format!("{version:?} after {:?}", start.elapsed());
        assert_healthy(&peer.ask(HEALTH.as_bytes()), &of, registry);
        assert_left_alone(connection.stream(), &of);
    }
}

/// The other side neither says anything nor closes the connection.
fn assert_left_alone(mut stream: &TcpStream, of: &str) {
    stream.set_read_timeout(Some(PACE)).expect("a pace");
    let heard = stream.read(&mut [0]);
    // Without a signal's doing, too, a read with a time-out can be interrupted.
    let nothing = [ErrorKind::WouldBlock, ErrorKind::Interrupted];
    assert!(matches!(&heard, Err(e) if nothing.contains(&e.kind())), "{of}: {heard:?}");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
}

#[test]
fn who_keeps_asking_is_served_for_longer_than_a_handshake_may_take() {
    let registry = Registry::start();
    thread::scope(|scope| {
        for port in [registry.port(), registry.health_port()] {
            for version in VERSIONS {
                let registry = &registry;
                scope.spawn(move || keep_asking(registry, port, version));
            }
        }
    });
}

/// Tenths of a second that in milliseconds take more than 16 bits, of which 64 ms and less would be left.
const LONG_TTLS: [u16; 3] = [656, 1311, 64_881];
/// Longer than that.
const SOON: Duration = Duration::from_millis(500);

#[test]
fn a_ping_that_gives_itself_a_minute_is_not_over_at_once() {
    let registry = Registry::start();
    let connections = LONG_TTLS.map(|_| Raw::connect(registry.port()));
    let mut peers: Vec<_> =
        connections.iter().map(|connection| Peer::meet(connection.stream(), Version::V3_1)).collect();
    for (peer, ttl) in peers.iter_mut().zip(LONG_TTLS) {
        assert!(peer.ping(ttl, b"").command, "the PONG to a TTL of {ttl}");
    }
    thread::sleep(SOON);
    for (peer, ttl) in peers.iter_mut().zip(LONG_TTLS) {
        assert_healthy(
            &peer.ask(HEALTH.as_bytes()),
            &format!("a TTL of {ttl} tenths of a second"),
            &registry,
        );
    }
}
