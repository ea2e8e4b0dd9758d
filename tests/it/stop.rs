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
use crate::storms::footprint::Connections;

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
fn thousands_of_hups_under_load_end_nothing() {
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
        // In bursts: a signal does harm only in the instant before the daemon waits for nothing.
        for _ in 0..300 {
            (0..1000).for_each(|_| registry.signal(Signal::HUP));
            ask_for_the_list(&mut peer);
        }
    });
    registry.wait_for_log(|line| line.contains("SIGHUP"));
    let finished = registry.terminate();
    let last_lines: Vec<&str> = finished.stderr.lines().rev().take(10).collect();
    assert_eq!(finished.status.code(), Some(0), "{}, {last_lines:#?}", finished.command);
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

/// A connection that has said this when the stop begins, and in which version of ZMTP if it isn't HTTP.
struct Waiting {
    connection: Raw,
    said: Vec<u8>,
    version: Option<Version>,
}

impl Waiting {
    fn connect(port: u16, said: impl Into<Vec<u8>>, version: Option<Version>) -> Waiting {
        let (mut connection, said) = (Raw::connect(port), said.into());
        connection.send(&said);
        Waiting { connection, said, version }
    }

    fn assert_answered(&mut self, registry: &Registry) {
        let Some(version) = self.version else {
            let answer = http::last_answer(&mut self.connection, &self.said);
            assert_eq!(answer.status, 200, "{answer:?}\n{}", registry.evidence());
            return;
        };
        let reply = Peer::blurted(self.connection.stream(), version).reply();
        assert_eq!(reply, NOBODY, "{version:?}: {}\n{}", shown(&reply), registry.evidence());
    }
}

/// Few enough to be served within the time that a stop may take, on a busy machine too; done again, because it is the
/// scheduler who decides how many of them are still in the queue when the stop begins.
const AT_ONCE: usize = 16;
const ROUNDS: usize = 5;

#[test]
fn whole_requests_in_the_queue_at_the_stop_are_answered() {
    (0..ROUNDS).for_each(|_| ask_and_stop());
}

fn ask_and_stop() {
    let mut registry = Registry::start();
    let (port, health_port) = (registry.port(), registry.health_port());
    let mut waiting = Vec::new();
    before_a_term(&registry, || {
        for _ in 0..AT_ONCE {
            waiting.push(Waiting::connect(port, http::post(LIST), None));
            waiting.push(Waiting::connect(port, http::request("GET", "/health"), None));
            waiting.push(Waiting::connect(health_port, http::request("GET", "/health"), None));
            // The versions whose peers need no word of the other side before they ask.
            for version in [Version::V1_0, Version::V2_0] {
                let said = zmtp::blurt(version, &[b"", LIST.as_bytes()]);
                waiting.push(Waiting::connect(port, said, Some(version)));
            }
        }
    });
    waiting.iter_mut().for_each(|connection| connection.assert_answered(&registry));
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

/// These ask only after the daemon's half of the handshake, as libzmq's own do: none of their requests is there when the
/// stop begins, and whether one still comes in time is theirs to hurry. They are not turned away, though.
#[test]
fn zmq_peers_in_the_queue_at_the_stop_are_let_in() {
    (0..ROUNDS).for_each(|_| greet_and_stop());
}

fn greet_and_stop() {
    let mut registry = Registry::start();
    let port = registry.port();
    let mut waiting = Vec::new();
    before_a_term(&registry, || {
        for version in [Version::V3_0, Version::V3_1].repeat(AT_ONCE) {
            let mut connection = Raw::connect(port);
            connection.send(zmtp::blurt(version, &[]));
            waiting.push((connection, version));
        }
    });
    for (connection, version) in &waiting {
        Peer::blurted(connection.stream(), *version);
    }
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

/// One wait of the stop for further requests (50 ms), and a little.
const ONE_WAIT: Duration = Duration::from_millis(55);
/// On a busy machine a thread of either side may be late for the next one, so one of these must do.
const TRIES: usize = 10;

#[test]
fn who_begins_to_speak_during_the_stop_may_go_on() {
    let answered = (0..TRIES).any(|_| begin_to_speak_and_ask());
    assert!(answered, "a peer that had said a byte was never waited for");
}

/// Whether a peer was answered that had connected before the stop, said its first byte soon after, and the rest a wait later.
fn begin_to_speak_and_ask() -> bool {
    let mut registry = Registry::start();
    let said = zmtp::blurt(Version::V2_0, &[b"", LIST.as_bytes()]);
    let (first_byte, rest) = said.split_at(1);
    let mut silent = Raw::connect(registry.port());
    registry.signal(Signal::TERM);
    registry.wait_for_log(|line| line.ends_with("stopping: SIGTERM"));
    // Who is given up meanwhile shows it by what it hears.
    let _ = silent.try_send(first_byte);
    thread::sleep(ONE_WAIT);
    let _ = silent.try_send(rest);
    let (heard, _end) = silent.read_to_end();
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
    heard.ends_with(NOBODY)
}

/// Peers that have greeted, and of which one after the other says who it is, from before the registry's socket closes (50 ms
/// after the stop began) until after it.
const GREETED: usize = 200;
const BETWEEN: Duration = Duration::from_micros(400);

#[test]
fn who_says_who_it_is_while_the_socket_closes_ends_nothing() {
    (0..ROUNDS).for_each(|_| stop_while_peers_say_who_they_are());
}

fn stop_while_peers_say_who_they_are() {
    let mut registry = Registry::start();
    let said = zmtp::blurt(Version::V2_0, &[]);
    let (identity, greeting) =
        said.split_last_chunk::<2>().map(|(greeting, identity)| (identity, greeting)).expect("an identity");
    let mut peers: Vec<Raw> = (0..GREETED).map(|_| Raw::connect(registry.port())).collect();
    peers.iter_mut().for_each(|peer| peer.send(greeting));
    // All of them are libzmq's by then, each with a pipe of its own.
    registry.wait_until("all have come", || Connections::of(&registry).open == GREETED as u64);
    registry.signal(Signal::TERM);
    registry.wait_for_log(|line| line.ends_with("stopping: SIGTERM"));
    for peer in &mut peers {
        let _ = peer.try_send(identity);
        thread::sleep(BETWEEN);
    }
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}
