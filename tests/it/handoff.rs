//! The hand-off: one port that tells ZMTP from HTTP by a connection's first byte, whoever connects and however the bytes
//! arrive, and keeps nothing of those who go again. Peers of every ZMTP version are spoken by hand (handoff/zmtp.rs).

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::{Agent, Dealer, shown};
use crate::raw::{End, Raw};
use crate::registry::{Registry, Start};
use zmtp::{Peer, VERSIONS, Version};

pub(crate) mod zmtp;

const LOOKUP: &str = r#"{"action":"get_agent_endpoint","agent_name":"Alpha"}"#;
const LIST: &str = r#"{"action":"list_agents"}"#;
const LISTED: &[u8] = br#"{"status":"success","agents":["Alpha"]}"#;
const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: registry\r\n\r\n";

/// Less than the time that a silent connection is given (5 s): who is closed by then was not closed for its silence.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Registers one agent, whose lookup reply is too long for the short form of a frame, and gives that reply.
fn with_an_agent(registry: &Registry) -> Vec<u8> {
    let agent = Agent::connect(registry.port());
    let request = json!({"action": "register_agent", "agent_id": "Alpha", "host": "10.1.2.3", "port": 5000,
        "metadata": {"filler": "x".repeat(1000)}});
    assert_eq!(agent.json(request), json!({"status": "success"}));
    let reply = agent.ask(LOOKUP);
    let start = br#"{"status":"success","host":"10.1.2.3","port":5000,"#;
    assert!(reply.starts_with(start) && reply.len() > 1000, "{}", shown(&reply));
    reply
}

fn assert_health_object(reply: &[u8], of: &str) {
    let start = br#"{"status":"ok","message":"ServiceRegistry is healthy","timestamp":""#;
    assert!(reply.starts_with(start), "{of}: {}", shown(reply));
    let object: Value =
        serde_json::from_slice(reply).unwrap_or_else(|e| panic!("{of}: {e}: {}", shown(reply)));
    assert_eq!(object["ready"], true, "{of}: {object}");
}

fn assert_http_works(mut connection: Raw, of: &str) {
    connection.send(HEALTH);
    let answer = connection.read_answer();
    assert_eq!(answer.status, 200, "{of}: {answer:?}");
    assert_health_object(&answer.body, of);
    assert_eq!(connection.read_to_end(), (vec![], End::Fin), "{of}");
}

/// One after the other on the same connection: a long reply, a short one, and the long one again.
fn assert_registry_answers(peer: &mut Peer<impl std::io::Read + std::io::Write>, lookup: &[u8], of: &str) {
    for (request, expected) in [(LOOKUP, lookup), (LIST, LISTED), (LOOKUP, lookup)] {
        let reply = peer.ask(request.as_bytes());
        assert_eq!(reply, expected, "{of}: {request}: {}", shown(&reply));
    }
}

#[test]
fn every_version_of_zmtp_is_answered_on_both_ports_over_ipv4_and_ipv6() {
    let registry = Registry::with(&["--bind", "127.0.0.1", "--bind", "::1"]);
    let lookup = with_an_agent(&registry);
    for (family, connect) in [("IPv4", Raw::connect as fn(u16) -> Raw), ("IPv6", Raw::connect_v6)] {
        for version in VERSIONS {
            let of = format!("{version:?} over {family}");
            let connection = connect(registry.port());
            assert_registry_answers(&mut Peer::meet(connection.stream(), version), &lookup, &of);
            let connection = connect(registry.health_port());
            let mut checker = Peer::meet(connection.stream(), version);
            assert_health_object(&checker.ask(br#"{"action":"health_check"}"#), &of);
            assert_health_object(&checker.ask(b"\xFFnot JSON"), &of);
        }
        assert_http_works(connect(registry.port()), family);
        assert_http_works(connect(registry.health_port()), family);
    }
    let listed = Agent::connect_v6(registry.port()).ask(LIST);
    assert_eq!(listed, LISTED, "this build's libzmq over IPv6: {}", shown(&listed));
}

#[test]
fn a_zmtp_3_1_peer_that_pings_gets_its_pong() {
    let registry = Registry::start();
    let lookup = with_an_agent(&registry);
    for port in [registry.port(), registry.health_port()] {
        let connection = Raw::connect(port);
        let mut peer = Peer::meet(connection.stream(), Version::V3_1);
        let pong = peer.ping(0, b"context");
        assert!(pong.command && pong.body == b"\x04PONGcontext", "{pong:02x?}");
        assert!(!peer.ask(LOOKUP.as_bytes()).is_empty());
    }
    assert_eq!(Agent::connect(registry.port()).ask(LOOKUP), lookup);
}

#[test]
fn one_ipv6_address_can_be_the_only_one() {
    let registry = Registry::with(&["--bind", "::1"]);
    for (port, name) in [(registry.port(), "registry port"), (registry.health_port(), "health port")] {
        assert_http_works(Raw::connect_v6(port), name);
        assert_health_object(&Agent::connect_v6(port).ask(r#"{"action":"health"}"#), name);
    }
}

#[test]
fn without_bind_both_families_are_served() {
    let registry = Start::bare().args(["--port", "0", "--health-port", "0"]).spawn();
    let lookup = with_an_agent(&registry);
    for connect in [Raw::connect as fn(u16) -> Raw, Raw::connect_v6] {
        let connection = connect(registry.port());
        assert_registry_answers(
            &mut Peer::meet(connection.stream(), Version::V3_1),
            &lookup,
            "default --bind",
        );
        assert_http_works(connect(registry.port()), "registry port");
        assert_http_works(connect(registry.health_port()), "health port");
    }
}

#[test]
fn a_greeting_may_come_a_byte_at_a_time() {
    let registry = Registry::start();
    let lookup = with_an_agent(&registry);
    let other = Agent::connect(registry.port());
    for version in VERSIONS {
        let mut connection = Raw::connect(registry.port());
        for byte in zmtp::greeting(version) {
            connection.send([byte]);
            // Somebody else's round trip in between: the daemon has seen this byte without the next one.
            assert_eq!(other.ask(LIST), LISTED);
        }
        let mut peer = Peer::greeted(connection.stream(), version);
        assert_registry_answers(&mut peer, &lookup, &format!("{version:?}"));
    }
}

#[test]
fn a_first_byte_that_comes_late_decides_all_the_same() {
    let registry = Registry::start();
    let lookup = with_an_agent(&registry);
    let mut to_registry: Vec<Raw> = VERSIONS.iter().map(|_| Raw::connect(registry.port())).collect();
    let mut to_health: Vec<Raw> = VERSIONS.iter().map(|_| Raw::connect(registry.health_port())).collect();
    let (http, http_to_health) = (Raw::connect(registry.port()), Raw::connect(registry.health_port()));
    come_and_be_answered_after_them(&registry);

    for (connection, version) in to_registry.iter_mut().zip(VERSIONS) {
        let mut peer = Peer::meet(connection.stream(), version);
        assert_registry_answers(&mut peer, &lookup, &format!("late {version:?}"));
    }
    for (connection, version) in to_health.iter_mut().zip(VERSIONS) {
        let reply = Peer::meet(connection.stream(), version).ask(LOOKUP.as_bytes());
        assert_health_object(&reply, &format!("late {version:?}"));
    }
    assert_http_works(http, "late HTTP");
    assert_http_works(http_to_health, "late HTTP");
}

/// What connections say before they go again.
fn said_by_visitors() -> [(&'static str, Vec<u8>); 9] {
    let greeting = zmtp::greeting(Version::V3_1);
    [
        ("nothing", vec![]),
        ("the first byte of ZMTP", vec![0xFF]),
        ("the first byte of ZMTP 1.0", vec![0x01]),
        ("the greeting of ZMTP 1.0", zmtp::greeting(Version::V1_0)),
        ("half a greeting", greeting[..32].to_vec()),
        ("a greeting", greeting),
        ("the first byte of HTTP", b"P".to_vec()),
        ("half an HTTP head", b"POST / HTTP/1.1\r\nHost: x\r\nCont".to_vec()),
        ("an HTTP request", HEALTH.into()),
    ]
}

/// How often each of them comes to each port.
const TIMES: usize = 16;

fn descriptors(registry: &Registry) -> usize {
    fs::read_dir(format!("/proc/{}/fd", registry.pid())).expect("the daemon's descriptors").count()
}

/// Waits until there are fewer new descriptors than one for each of [`TIMES`]: the daemon itself may open a few after it
/// is ready.
fn wait_for_descriptors(registry: &Registry, before: usize, what: &str) {
    let most = before + TIMES - 1;
    registry
        .wait_until(&format!("at most {most} descriptors after {what}"), || descriptors(registry) <= most);
}

#[test]
fn who_connects_and_goes_again_leaves_no_descriptor_and_no_warning() {
    let registry = Registry::with(&["--log-level", "debug"]);
    let before = descriptors(&registry);
    let partings = [("closed", drop as fn(Raw)), ("reset", Raw::reset)];
    for (said, bytes) in said_by_visitors() {
        for (parting, leave) in partings {
            for seen in [false, true] {
                let visitors = visit(&registry, &bytes);
                if seen {
                    come_and_be_answered_after_them(&registry);
                }
                visitors.into_iter().for_each(leave);
                wait_for_descriptors(&registry, before, &format!("{said}, {parting}, seen before: {seen}"));
            }
        }
    }
    for connection in visit(&registry, b"") {
        Peer::meet(connection.stream(), Version::V3_0);
        connection.reset();
    }
    wait_for_descriptors(&registry, before, "a handshake, reset");
    come_and_be_answered_after_them(&registry);
    assert_no_complaints(registry);
}

fn visit(registry: &Registry, bytes: &[u8]) -> Vec<Raw> {
    let ports = [registry.port(), registry.health_port()].repeat(TIMES);
    let send = |port| {
        let mut connection = Raw::connect(port);
        connection.send(bytes);
        connection
    };
    ports.into_iter().map(send).collect()
}

/// Whoever connects later is accepted later: what came before has been looked at by then.
fn come_and_be_answered_after_them(registry: &Registry) {
    for port in [registry.port(), registry.health_port()] {
        assert!(!Agent::connect(port).ask(LIST).is_empty());
        assert_http_works(Raw::connect(port), "somebody else");
    }
}

#[test]
fn what_neither_protocol_starts_with_is_closed_at_once() {
    let registry = Registry::with(&["--log-level", "debug"]);
    let tls_hello = b"\x16\x03\x01\x00\xA5\x01\x00\x00\xA1\x03\x03";
    let junk: [&[u8]; 9] = [
        b"\0",
        b"\x02",
        tls_hello,
        b"7",
        b" GET / HTTP/1.1\r\n\r\n",
        b"\r\n",
        b"{\"action\":",
        b"\x7F",
        b"\x80",
    ];
    let before = descriptors(&registry);
    for bytes in junk {
        for port in [registry.port(), registry.health_port()].repeat(TIMES) {
            let mut connection = Raw::connect(port);
            connection.stream().set_read_timeout(Some(AT_ONCE)).expect("a deadline");
            connection.send(bytes);
            let (answer, _end) = connection.read_to_end();
            assert!(answer.is_empty(), "an answer to {}: {}", shown(bytes), shown(&answer));
        }
    }
    wait_for_descriptors(&registry, before, "junk");
    assert_eq!(Agent::connect(registry.port()).ask(LIST), br#"{"status":"success","agents":[]}"#);
    assert_no_complaints(registry);
}

fn assert_no_complaints(registry: Registry) {
    let finished = registry.terminate();
    assert!(finished.status.success(), "{finished}");
    let complaint = |line: &&str| [" WARN ", " ERROR ", "bug"].iter().any(|word| line.contains(word));
    assert_eq!(finished.stderr.lines().find(complaint), None, "{finished}");
}

#[test]
fn silence_ends_a_connection() {
    let registry = Registry::start();
    // Not the first byte of a ZMTP 1.0 peer: that alone is a whole greeting to libzmq.
    let greeting = zmtp::greeting(Version::V3_1);
    let spoken: [&[u8]; 5] = [b"", &greeting[..1], &greeting[..9], &greeting[..10], &greeting];
    let ports = [registry.port(), registry.health_port()];
    let said = ports.into_iter().flat_map(|port| spoken.map(|bytes| (port, bytes)));
    let connections: Vec<(Raw, &[u8])> = said
        .map(|(port, bytes)| {
            let mut connection = Raw::connect(port);
            connection.send(bytes);
            (connection, bytes)
        })
        .collect();
    for (mut connection, bytes) in connections {
        // What has not ended by its deadline panics here. libzmq greets whoever has said one byte of ZMTP.
        let (answer, _end) = connection.read_to_end();
        assert_eq!(answer.is_empty(), bytes.is_empty(), "after {}: {}", shown(bytes), shown(&answer));
    }
    let lookup = with_an_agent(&registry);
    assert_eq!(Agent::connect(registry.port()).ask(LOOKUP), lookup);
}

#[test]
fn sixty_four_clients_with_a_fresh_socket_for_each_request_are_all_answered() {
    let registry = Registry::start();
    let lookup = with_an_agent(&registry);
    let (port, health_port) = (registry.port(), registry.health_port());
    let silent: Vec<Raw> =
        (0..40).map(|n| Raw::connect(if n % 2 == 0 { port } else { health_port })).collect();
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for request in 0..20 {
                    assert_eq!(Agent::connect(port).ask(LOOKUP), lookup, "request {request}");
                }
            });
        }
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_http_works(Raw::connect(port), "the registry port among 64 clients");
                    assert_http_works(Raw::connect(health_port), "the health port among 64 clients");
                    drop(Raw::connect(port));
                }
            });
        }
    });
    drop(silent);
    assert_no_complaints(registry);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let registry = Registry::start();
    with_an_agent(&registry);
    let dealer = Dealer::connect(registry.port());
    for round in 0..10 {
        let names: Vec<String> = (0..100).map(|n| format!("nobody-{round}-{n}")).collect();
        for name in &names {
            dealer
                .send(&[json!({"action": "get_agent_endpoint", "agent_name": name}).to_string().as_bytes()]);
        }
        for name in &names {
            let reply: Value = serde_json::from_slice(&dealer.receive()).expect("JSON");
            assert_eq!(reply["error"], format!("Agent {name} not found"), "{reply}");
        }
    }
}
