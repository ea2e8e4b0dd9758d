//! Signals: how it stops, what it still does then, and which ones are none of its business.

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::agent::{Agent, Dealer, shown};
use crate::handoff::zmtp::{self, Peer, VERSIONS, Version};
use crate::http::{self, LIST, NOBODY, population};
use crate::process::{self, DEADLINE};
use crate::raw::{End, Raw};
use crate::registry::{Finished, Registry};

/// Long past the second within which it is to stop, and short of the time that silent peers are given.
pub(crate) const STOPPED: Duration = Duration::from_secs(4);

/// An address of this host on which no other test listens: who finds a port of it taken found this daemon.
const ADDRESS: &str = "127.0.0.83";

fn agent(port: u16) -> Agent {
    Agent::connect_to(&format!("tcp://{ADDRESS}:{port}"))
}

pub(crate) fn assert_stopped(finished: &Finished, signal: &str) {
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    let told = |end: &str| finished.stderr.lines().filter(|line| line.ends_with(end)).count();
    assert_eq!((told(&format!("stopping: {signal}")), told("] stopped")), (1, 1), "{finished}");
    assert!(!finished.stderr.contains(" WARN ") && !finished.stderr.contains(" ERROR "), "{finished}");
}

#[test]
fn term_and_int_end_it_and_free_its_ports() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let mut registry = Registry::with(&["--bind", ADDRESS]);
        let ports = [registry.port(), registry.health_port()];
        assert_eq!(agent(ports[0]).ask(LIST), NOBODY);
        registry.signal(signal);
        assert_stopped(&registry.finish(STOPPED), name);
        for port in ports {
            let refused = TcpStream::connect((ADDRESS, port)).expect_err("nobody listens any more");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{refused}");
        }
    }
}

#[test]
fn a_stopped_registry_can_be_started_again_on_its_ports_at_once() {
    let registry = Registry::with(&["--bind", ADDRESS]);
    let (port, health_port) = (registry.port(), registry.health_port());
    let idle = agent(port);
    assert_eq!(idle.ask(LIST), NOBODY);
    // The registry closes these first, so its side of them lingers in TIME_WAIT.
    for to in [port, health_port].repeat(5) {
        let mut connection = Raw::connect_to(format!("{ADDRESS}:{to}").parse().expect("an address"));
        connection.send(http::request("GET", "/health"));
        assert_eq!(connection.read_answer().status, 200);
        assert_eq!(connection.read_to_end(), (vec![], End::Fin));
    }
    assert_stopped(&registry.terminate(), "SIGTERM");
    let ports = [port, health_port].map(|port| port.to_string());
    let registry = Registry::with(&["--bind", ADDRESS, "--port", &ports[0], "--health-port", &ports[1]]);
    assert_eq!((registry.port(), registry.health_port()), (port, health_port));
    // libzmq's agents come back by themselves.
    assert_eq!(idle.ask(LIST), NOBODY);
}

fn lookup(name: &str) -> String {
    json!({"action": "get_agent_endpoint", "agent_name": name}).to_string()
}

fn assert_not_found(reply: &[u8], name: &str) {
    let reply: Value = serde_json::from_slice(reply).unwrap_or_else(|e| panic!("{e}: {}", shown(reply)));
    assert_eq!(reply["error"], format!("Agent {name} not found"), "{reply}");
}

/// Lets this happen while the daemon is held by the kernel, and then a TERM: all of it is there before the signal is.
pub(crate) fn before_a_term(registry: &Registry, what_happens: impl FnOnce()) {
    registry.signal(Signal::STOP);
    what_happens();
    registry.signal(Signal::TERM);
    registry.signal(Signal::CONT);
}

#[test]
fn requests_that_were_sent_before_the_signal_are_answered() {
    let mut registry = Registry::start();
    let connections: Vec<Raw> = VERSIONS.iter().map(|_| Raw::connect(registry.port())).collect();
    let streams = connections.iter().map(Raw::stream).zip(VERSIONS);
    let mut peers: Vec<Peer<&TcpStream>> =
        streams.map(|(stream, version)| Peer::meet(stream, version)).collect();
    peers.iter_mut().for_each(|peer| assert_eq!(peer.ask(LIST.as_bytes()), NOBODY));
    let names: Vec<String> = (0..200).map(|n| format!("nobody-{n}")).collect();
    before_a_term(&registry, || {
        for peer in &mut peers {
            names.iter().for_each(|name| peer.send_request(lookup(name).as_bytes()));
        }
    });
    for peer in &mut peers {
        names.iter().for_each(|name| assert_not_found(&peer.reply(), name));
    }
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

#[test]
fn http_requests_that_were_whole_before_the_signal_are_answered() {
    let mut registry = Registry::start();
    let requests = [http::post(LIST), http::request("GET", "/health")];
    let mut under_way: Vec<(Raw, &[u8])> = Vec::new();
    for (port, request) in [(registry.port(), &requests[0]), (registry.health_port(), &requests[1])] {
        let (begun, rest) = request.as_bytes().split_at(20);
        let mut connection = Raw::connect(port);
        connection.send(begun);
        // Whoever connects after it is accepted after it.
        assert_eq!(http::ask(port, &requests[1]).status, 200);
        under_way.push((connection, rest));
    }
    before_a_term(&registry, || {
        under_way.iter_mut().for_each(|(connection, rest)| connection.send(rest));
    });
    for (mut connection, rest) in under_way {
        assert_eq!(http::last_answer(&mut connection, rest).status, 200);
    }
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

#[test]
fn a_libzmq_dealer_loses_no_reply_to_the_signal() {
    let mut registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    let names: Vec<String> = (0..200).map(|n| format!("nobody-{n}")).collect();
    names.iter().for_each(|name| dealer.send(&[lookup(name).as_bytes()]));
    // The last one's reply is due only after all have been received; half of them are still unread here.
    names[..100].iter().for_each(|name| assert_not_found(&dealer.receive(), name));
    registry.signal(Signal::TERM);
    names[100..].iter().for_each(|name| assert_not_found(&dealer.receive(), name));
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

/// A registry whose list no kernel buffers alone can hold.
fn with_a_long_list() -> (Registry, usize) {
    let registry = Registry::start();
    let names = population::register(registry.port(), 30_000, 250);
    let length = Agent::connect(registry.port()).ask(LIST).len();
    assert!(length > names.len() * 250, "{length} bytes");
    (registry, length)
}

fn list_read_slowly(registry: &Registry) -> Raw {
    let mut connection = Raw::connect(registry.port());
    set_socket_recv_buffer_size(connection.stream(), 128 * 1024).expect("a small receive buffer");
    connection.send(http::post(LIST));
    connection
}

#[test]
fn an_answer_under_way_is_finished_and_one_that_nobody_reads_is_not_waited_for() {
    let (mut registry, length) = with_a_long_list();
    let mut read_on = list_read_slowly(&registry);
    let deaf: Vec<Raw> = (0..4).map(|_| list_read_slowly(&registry)).collect();
    let head = read_on.read_answer_head();
    assert_eq!(head.header("Content-Length"), Some(length.to_string().as_str()), "{head:?}");
    registry.signal(Signal::TERM);
    registry.wait_for_log(|line| line.ends_with("stopping: SIGTERM"));
    let (body, end) = read_on.read_to_end();
    assert_eq!((body.len(), end), (length, End::Fin), "{}", registry.evidence());
    let finished = registry.finish(STOPPED);
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    drop(deaf);
}

#[test]
fn peers_that_say_nothing_do_not_keep_it() {
    let mut registry = Registry::start();
    let ports = [registry.port(), registry.health_port()];
    let agents = ports.map(Agent::connect);
    agents.iter().for_each(|agent| drop(agent.ask(LIST)));
    let mut kept = Vec::new();
    for port in ports {
        let halves = VERSIONS.map(|version| zmtp::greeting(version)[..1].to_vec());
        let greeting = zmtp::greeting(Version::V3_1);
        let request = http::post(LIST);
        let other = [&b""[..], &greeting[..32], &greeting, b"P", &request.as_bytes()[..20]];
        let bodiless = request.as_bytes()[..request.len() - 5].to_vec();
        for bytes in halves.into_iter().chain(other.map(<[u8]>::to_vec)).chain([bodiless]) {
            let mut connection = Raw::connect(port);
            connection.send(&bytes);
            kept.push(connection);
        }
    }
    // Whoever connects after them is accepted after them.
    agents.iter().for_each(|agent| drop(agent.ask(LIST)));
    assert_eq!(http::ask(ports[0], http::post(LIST)).body, NOBODY);
    registry.signal(Signal::TERM);
    assert_stopped(&registry.finish(STOPPED), "SIGTERM");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [(Signal::TERM, Signal::INT), (Signal::INT, Signal::TERM)] {
        let mut registry = Registry::start();
        assert_eq!(Agent::connect(registry.port()).ask(LIST), NOBODY);
        // Stopped by the kernel, it finds both waiting when it goes on: the second cannot come too late.
        registry.signal(Signal::STOP);
        registry.signal(first);
        registry.signal(second);
        registry.signal(Signal::CONT);
        let finished = registry.finish(STOPPED);
        assert!(cut_short(&finished), "ended as if there had been one signal\n{finished}");
    }
}

#[test]
fn a_second_signal_of_the_same_kind_ends_it_too() {
    // It waits a second at most for those who don't read: should this test have slept that long between the two
    // signals, the first one had its way, and it is done again. Ignored, the second one fails every time.
    let cut = (0..5).map(|_| ended_by_two_terms()).any(|finished| {
        eprintln!("{finished}");
        cut_short(&finished)
    });
    assert!(cut, "a second TERM made no difference");
}

fn ended_by_two_terms() -> Finished {
    let (mut registry, _length) = with_a_long_list();
    let mut deaf: Vec<Raw> = (0..4).map(|_| list_read_slowly(&registry)).collect();
    deaf.iter_mut().for_each(|connection| drop(connection.read_answer_head()));
    registry.signal(Signal::TERM);
    registry.wait_for_log(|line| line.ends_with("stopping: SIGTERM"));
    registry.signal(Signal::TERM);
    registry.finish(STOPPED)
}

/// Not an orderly stop.
fn cut_short(finished: &Finished) -> bool {
    finished.status.code() != Some(0) && !finished.stderr.contains("] stopped")
}

#[test]
fn hup_is_one_line_and_changes_nothing() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    assert_eq!(agent.ask(LIST), NOBODY);
    for n in 1..=3 {
        registry.signal(Signal::HUP);
        registry.wait_until("a line for each HUP", || {
            registry.log_lines(|line| line.contains("SIGHUP")).len() == n
        });
        assert_eq!(agent.ask(LIST), NOBODY);
    }
    let finished = registry.terminate();
    let lines: Vec<&str> = finished.stderr.lines().filter(|line| line.contains("SIGHUP")).collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.contains(" INFO ")), "{finished}");
    assert_stopped(&finished, "SIGTERM");
}

#[test]
fn pipe_is_nothing() {
    let registry = Registry::start();
    let before = registry.log();
    for _ in 0..10 {
        registry.signal(Signal::PIPE);
    }
    assert_eq!(Agent::connect(registry.port()).ask(LIST), NOBODY);
    assert_eq!(registry.log(), before);
    assert_stopped(&registry.terminate(), "SIGTERM");
}

/// A daemon whose log the test itself holds the other end of.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        if self.0.try_wait().expect("its status").is_none() {
            self.0.kill().expect("ending it");
            self.0.wait().expect("its end");
        }
    }
}

/// Starts one on this address, reads its log until it is ready, and then closes our end; gives its registry port.
fn start_and_close_its_log(level: &str) -> (Unread, u16) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service-registry"));
    command.args(["--bind", ADDRESS, "--port", "0", "--health-port", "0", "--log-level", level]);
    let mut child = Unread(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the daemon"));
    let log = BufReader::new(child.0.stderr.take().expect("its log"));
    let mut lines = log.lines().map(|line| line.expect("a line"));
    let after_port = |line: String| line.split_once("registry port ").map(|(_, rest)| rest.to_owned());
    let rest = lines.by_ref().find_map(after_port).expect("a line with the port");
    let port = rest.split(' ').next().and_then(|digits| digits.parse().ok()).expect("the port");
    assert!(lines.any(|line| line.ends_with("ready")), "it said that it is ready");
    (child, port)
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() {
    for level in ["info", "trace"] {
        let (mut registry, port) = start_and_close_its_log(level);
        let agent = agent(port);
        for n in 0..200 {
            let request =
                json!({"action": "register_agent", "agent_id": format!("A{n}"), "host": "h", "port": 1});
            assert_eq!(agent.json(request), json!({"status": "success"}));
        }
        process::signal(&registry.0, Signal::HUP);
        assert_eq!(
            agent.json(json!({"action": "list_agents"}))["agents"].as_array().map(Vec::len),
            Some(200)
        );
        process::signal(&registry.0, Signal::TERM);
        let status = process::wait(&mut registry.0, DEADLINE).expect("it ends");
        assert_eq!(status.code(), Some(0), "--log-level {level}: {status}");
    }
}
