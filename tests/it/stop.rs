//! The stop and signals under load: what comes between two instructions of the daemon, and who is still in the kernel's
//! queues when it ends.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::Signal;

use crate::agent::shown;
use crate::handoff::zmtp::{self, Peer, VERSIONS, Version};
use crate::http::{self, LIST, NOBODY, population};
use crate::process::DEADLINE;
use crate::raw::Raw;
use crate::registry::Registry;
use crate::signals::{STOPPED, assert_stopped, before_a_term};

/// Tells those who go on until it is over, also when it ends by a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn ask_for_the_list(peer: &mut Peer<&TcpStream>) {
    let reply = peer.ask(LIST.as_bytes());
    assert_eq!(reply, NOBODY, "{}", shown(&reply));
}

#[test]
fn three_thousand_hups_under_load_end_nothing() {
    let registry = Registry::start();
    let port = registry.port();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over = Over(&over);
        for version in VERSIONS {
            let over = &over;
            scope.spawn(move || {
                let connection = Raw::connect(port);
                let mut peer = Peer::meet(connection.stream(), version);
                while !over.load(Ordering::Relaxed) {
                    ask_for_the_list(&mut peer);
                }
            });
        }
        let connection = Raw::connect(port);
        let mut peer = Peer::meet(connection.stream(), Version::V3_1);
        for _ in 0..3000 {
            registry.signal(Signal::HUP);
            ask_for_the_list(&mut peer);
        }
    });
    registry.wait_for_log(|line| line.contains("SIGHUP"));
    assert_stopped(&registry.terminate(), "SIGTERM");
}

#[test]
fn hups_during_the_stop_change_nothing_of_it() {
    let mut registry = Registry::start();
    population::register(registry.port(), 3000, 250);
    // Its replies fill every buffer there is, so that the stop waits for it until it waits no more.
    let deaf = Raw::connect(registry.port());
    set_socket_recv_buffer_size(deaf.stream(), 16 * 1024).expect("a small receive buffer");
    let mut peer = Peer::meet(deaf.stream(), Version::V3_0);
    (0..20).for_each(|_| peer.send_request(LIST.as_bytes()));
    let others = Raw::connect(registry.port());
    let mut other = Peer::meet(others.stream(), Version::V3_0);
    // Peers take turns: after so many of another's, all of those have been received.
    (0..30).for_each(|_| drop(other.ask(br#"{"action":"ping"}"#)));
    registry.signal(Signal::TERM);
    registry.wait_for_log(|line| line.ends_with("stopping: SIGTERM"));
    let deadline = Instant::now() + DEADLINE;
    while !registry.ends_within(Duration::from_millis(1)) {
        assert!(Instant::now() < deadline, "it does not end\n{}", registry.evidence());
        registry.signal(Signal::HUP);
    }
    assert_stopped(&registry.finish(DEADLINE), "SIGTERM");
}

#[test]
fn http_clients_in_the_queue_at_the_stop_are_answered() {
    let mut registry = Registry::start();
    let (post, get) = (http::post(LIST), http::request("GET", "/health"));
    let asked = [(registry.port(), &post), (registry.port(), &get), (registry.health_port(), &get)];
    let mut waiting: Vec<(Raw, &String)> = Vec::new();
    before_a_term(&registry, || {
        for (port, request) in asked.repeat(100) {
            let mut connection = Raw::connect(port);
            connection.send(request);
            waiting.push((connection, request));
        }
    });
    for (connection, request) in &mut waiting {
        let answer = http::last_answer(connection, request.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}\n{}", registry.evidence());
    }
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

/// Of the versions whose peers need no word of the other side before they ask.
#[test]
fn zmq_requests_in_the_queue_at_the_stop_are_answered() {
    let mut registry = Registry::start();
    let versions = [Version::V1_0, Version::V2_0].repeat(10);
    let mut connections: Vec<Raw> = Vec::new();
    before_a_term(&registry, || connections = in_the_queue(&registry, &versions, &[b"", LIST.as_bytes()]));
    for (connection, version) in connections.iter().zip(versions) {
        let mut peer = Peer::blurted(connection.stream(), version);
        let reply = peer.reply();
        assert_eq!(reply, NOBODY, "{version:?}: {}\n{}", shown(&reply), registry.evidence());
    }
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

/// Connections that have said so much already.
fn in_the_queue(registry: &Registry, versions: &[Version], frames: &[&[u8]]) -> Vec<Raw> {
    let say = |version: &Version| {
        let mut connection = Raw::connect(registry.port());
        connection.send(zmtp::blurt(*version, frames));
        connection
    };
    versions.iter().map(say).collect()
}

#[test]
fn zmq_peers_in_the_queue_at_the_stop_may_still_ask() {
    let mut registry = Registry::start();
    let versions = [Version::V3_0, Version::V3_1].repeat(10);
    let mut connections: Vec<Raw> = Vec::new();
    before_a_term(&registry, || connections = in_the_queue(&registry, &versions, &[]));
    thread::scope(|scope| {
        for (connection, version) in connections.iter().zip(versions) {
            scope.spawn(move || ask_for_the_list(&mut Peer::blurted(connection.stream(), version)));
        }
    });
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}
