//! Requests at the size limit of 128 KiB and beyond it.

use super::Court;
use crate::agent::{Agent, Watched, shown};
use crate::conversation::{ask_curl, refusal};

const LIMIT: usize = 128 * 1024;

/// A list of exactly so many bytes. White space is part of a request.
fn list_of(bytes: usize, filler: &str) -> String {
    let (head, tail) = match filler {
        " " => (r#"{"action":"list_agents""#, "}"),
        _ => (r#"{"action":"list_agents","x":""#, r#""}"#),
    };
    format!("{head}{}{tail}", filler.repeat(bytes - head.len() - tail.len()))
}

#[test]
fn exactly_the_limit_is_answered() {
    let court = Court::open();
    for filler in ["x", " "] {
        let request = list_of(LIMIT, filler);
        assert_eq!(request.len(), LIMIT);
        assert_eq!(shown(&court.agent.ask(&request)), shown(&court.list), "over ZMQ");
        assert_eq!(
            shown(&ask_curl(court.registry.port(), request.as_bytes())),
            shown(&court.list),
            "over HTTP"
        );
    }
}

#[test]
fn one_byte_more_over_http() {
    let court = Court::open();
    for size in [LIMIT + 1, 200_000, 900_000] {
        let reply = ask_curl(court.registry.port(), list_of(size, "x").as_bytes());
        refusal(&reply, "too_large", &format!("{size} bytes over HTTP"));
        court.unchanged("too large a request over HTTP");
    }
    let nested = "[".repeat(200_000);
    refusal(&ask_curl(court.registry.port(), nested.as_bytes()), "too_large", "200,000 brackets");
    court.unchanged("200,000 brackets");
}

#[test]
fn one_byte_more_over_zmq() {
    let court = Court::open();
    let nested = "[".repeat(200_000) + &"]".repeat(200_000);
    for request in [list_of(LIMIT + 1, "x"), list_of(1_000_000, "x"), nested] {
        let watched = Watched::connect(court.registry.port());
        watched.is_dropped_for(request.as_bytes());
        court.unchanged("too large a request over ZMQ");
        let fresh = Agent::connect(court.registry.port());
        assert_eq!(shown(&fresh.ask(super::LIST)), shown(&court.list), "on a fresh connection");
    }
}
