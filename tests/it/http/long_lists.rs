//! A hundred thousand names as one answer: whole and in order over HTTP and ZMQ, also for those who read slowly.

use std::collections::BTreeSet;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::Value;

use crate::agent::{Agent, shown};
use crate::answer::Answer;
use crate::curl;
use crate::raw::{End, Raw};
use crate::registry::Registry;

use super::{LIST, ask, population, post, request};

fn assert_lists(body: &[u8], names: &[String], by: &str) {
    let listed: Value = serde_json::from_slice(body).unwrap_or_else(|e| panic!("{by}: {e}: {}", shown(body)));
    let agents = listed["agents"].as_array().unwrap_or_else(|| panic!("{by}: {}", shown(body)));
    assert_eq!((listed["status"].as_str(), agents.len()), (Some("success"), names.len()), "{by}");
    let first_difference = agents.iter().zip(names).find(|(listed, name)| *listed != *name);
    assert_eq!(first_difference, None, "{by}");
}

#[test]
fn a_hundred_thousand_names_are_one_answer() {
    let registry = Registry::start();
    let (port, health_port) = (registry.port(), registry.health_port());
    let names = population::register(port, 100_000, 40);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 100_000, "names are different ones");

    let over_zmq = Agent::connect(port).ask(LIST);
    assert_lists(&over_zmq, &names, "ZMQ");
    for (by, answer) in [("curl", curl::post(port, LIST)), ("raw", ask(port, post(LIST)))] {
        assert_eq!(answer.status, 200, "{by}");
        assert!(answer.body == over_zmq, "{by}: not the bytes that ZMQ got");
    }
    read_slowly(port, health_port, &over_zmq);
    deaf_readers_hold_up_nobody(port, health_port, &over_zmq);
    assert_lists(&Agent::connect(port).ask(LIST), &names, "ZMQ again");
}

/// A receive buffer far smaller than the answer, and not so small that loopback crawls.
const SMALL: usize = 32 * 1024;

fn list_with_small_buffer(port: u16) -> Raw {
    let mut connection = Raw::connect(port);
    set_socket_recv_buffer_size(connection.stream(), SMALL).expect("a small receive buffer");
    connection.send(post(LIST));
    connection
}

fn read_slowly(port: u16, health_port: u16, expected: &[u8]) {
    let mut connection = list_with_small_buffer(port);
    let head = connection.read_answer_head();
    assert_eq!(head.header("Content-Length"), Some(expected.len().to_string().as_str()), "{head:?}");
    for (n, piece) in expected.chunks(16 * 1024).enumerate() {
        assert!(connection.read_exact(piece.len()) == piece, "piece {n}");
        if n.is_multiple_of(16) {
            assert_eq!(ask(health_port, request("GET", "/health")).status, 200, "while piece {n} was read");
        }
    }
    assert_eq!(connection.read_to_end(), (vec![], End::Fin));
}

/// They read nothing at all, more of them than the API could have threads for.
fn deaf_readers_hold_up_nobody(port: u16, health_port: u16, expected: &[u8]) {
    let mut deaf: Vec<Raw> = (0..12).map(|_| list_with_small_buffer(port)).collect();
    for _ in 0..4 {
        assert_eq!(ask(health_port, request("GET", "/health")).status, 200);
        assert_eq!(ask(port, request("GET", "/livez")).status, 200);
        assert!(ask(port, post(LIST)).body == expected, "somebody else's list");
    }
    let (bytes, end) = deaf.remove(0).read_to_end();
    assert_eq!(end, End::Fin);
    assert!(Answer::parse(&bytes).body == expected, "the list of who read late");
}
