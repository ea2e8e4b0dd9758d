//! How requests arrive and connections end: in pieces, in pairs, half closed, many at once, and slowly.

use std::thread;

use crate::agent::{Agent, shown};
use crate::answer::Answer;
use crate::raw::{End, Raw};
use crate::registry::Registry;

use super::{LIST, NOBODY, REGISTER, ask, assert_unchanged, last_answer, post, request};

fn assert_is_the_empty_list(answer: &Answer) {
    assert_eq!((answer.status, &answer.body[..]), (200, NOBODY), "{answer:?}");
}

#[test]
fn a_request_may_come_a_byte_at_a_time() {
    let registry = Registry::start();
    let other = Agent::connect(registry.port());
    let bytes = post(LIST);
    let mut connection = Raw::connect(registry.port());
    for byte in bytes.bytes() {
        connection.send([byte]);
        // Somebody else's round trip in between: the daemon has seen this byte without the next one.
        assert_eq!(other.ask(LIST), NOBODY);
    }
    assert_is_the_empty_list(&last_answer(&mut connection, bytes.as_bytes()));
    let mut connection = Raw::connect(registry.health_port());
    let bytes = request("GET", "/health");
    bytes.bytes().for_each(|byte| connection.send([byte]));
    assert_eq!(last_answer(&mut connection, bytes.as_bytes()).status, 200);
}

#[test]
fn of_pipelined_requests_the_first_is_answered_and_nothing_else_done() {
    let registry = Registry::start();
    let pairs = [
        [request("GET", "/health"), request("GET", "/health")],
        [post(LIST), post(REGISTER)],
        [request("HEAD", "/livez"), post(REGISTER)],
    ];
    for pair in &pairs {
        for _ in 0..10 {
            // last_answer takes one answer and its length in bytes, then a FIN: a second answer would be too many.
            assert_eq!(ask(registry.port(), pair.concat()).status, 200, "{pair:?}");
        }
    }
    let health_pair = &pairs[0];
    assert_eq!(ask(registry.health_port(), health_pair.concat()).status, 200);
    let hundred = request("GET", "/health").repeat(100);
    assert_eq!(ask(registry.health_port(), hundred).status, 200);
    assert_unchanged(&registry);
}

#[test]
fn keep_alive_is_declined() {
    let registry = Registry::start();
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let bytes = format!("GET /health {version}\r\nHost: registry\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(ask(registry.health_port(), &bytes).status, 200, "{bytes}");
        assert_eq!(ask(registry.port(), &bytes).status, 200, "{bytes}");
    }
}

#[test]
fn a_client_that_has_closed_its_half_gets_its_answer() {
    let registry = Registry::start();
    for (port, bytes) in [
        (registry.port(), post(LIST)),
        (registry.port(), request("GET", "/health")),
        (registry.health_port(), request("GET", "/health")),
    ] {
        let mut connection = Raw::connect(port);
        connection.send(&bytes);
        connection.half_close();
        assert_eq!(last_answer(&mut connection, bytes.as_bytes()).status, 200, "{bytes}");
    }
}

#[test]
fn half_a_request_and_no_more_to_come_is_no_reason_to_wait() {
    let registry = Registry::start();
    let whole = post(REGISTER);
    let ends = [
        1,
        4,
        15,
        17,
        40,
        whole.find("\r\n\r\n").expect("a head") + 2,
        whole.len() - REGISTER.len(),
        whole.len() - 1,
    ];
    for port in [registry.port(), registry.health_port()] {
        for end in ends {
            let mut connection = Raw::connect(port);
            connection.send(&whole[..end]);
            connection.half_close();
            // Not answered at all, or refused: what hangs panics in here.
            let (bytes, _end) = connection.read_to_end();
            let refused = bytes.is_empty() || (400..500).contains(&Answer::parse(&bytes).status);
            assert!(refused, "{:?}: {}", &whole[..end], shown(&bytes));
        }
    }
    assert_unchanged(&registry);
}

#[test]
fn slow_senders_hold_up_nobody() {
    let registry = Registry::start();
    let (port, health_port) = (registry.port(), registry.health_port());
    let listed = post(LIST);
    let asked = request("GET", "/health");
    let slow: Vec<(Raw, &[u8])> = (0..50)
        .map(|n| {
            let (to, whole) = if n % 2 == 0 { (port, &listed) } else { (health_port, &asked) };
            let (sent, kept) = whole.as_bytes().split_at(1 + n * (whole.len() - 2) / 50);
            let mut connection = Raw::connect(to);
            connection.send(sent);
            (connection, kept)
        })
        .collect();
    thread::scope(|scope| {
        for _ in 0..25 {
            scope.spawn(|| {
                for _ in 0..4 {
                    assert_eq!(ask(health_port, &asked).status, 200);
                    assert_is_the_empty_list(&ask(port, &listed));
                    assert_eq!(Agent::connect(port).ask(LIST), NOBODY);
                }
            });
        }
    });
    for (mut connection, kept) in slow {
        connection.send(kept);
        assert_eq!(last_answer(&mut connection, b"a slow request").status, 200);
    }
}

#[test]
fn who_goes_without_its_answer_disturbs_nobody() {
    let registry = Registry::start();
    for _ in 0..50 {
        for port in [registry.port(), registry.health_port()] {
            let mut connection = Raw::connect(port);
            connection.send(request("GET", "/health"));
            connection.reset();
            let mut connection = Raw::connect(port);
            connection.send(post(LIST));
            drop(connection);
        }
    }
    for _ in 0..10 {
        assert_eq!(ask(registry.health_port(), request("GET", "/health")).status, 200);
    }
    assert_unchanged(&registry);
    let finished = registry.terminate();
    assert!(finished.status.success(), "{finished}");
    assert!(!finished.stderr.contains(" WARN ") && !finished.stderr.contains(" ERROR "), "{finished}");
}

#[test]
fn an_answer_ends_with_a_fin_also_while_the_client_still_sends() {
    let registry = Registry::start();
    let mut connection = Raw::connect(registry.port());
    connection.send(request("GET", "/nowhere"));
    let answer = connection.read_answer();
    assert_eq!(answer.status, 404, "{answer:?}");
    // What comes after the answer is discarded; whether all of it can still be sent is the kernel's business.
    let _ = connection.try_send(vec![b'x'; 64 * 1024]);
    let (rest, end) = connection.read_to_end();
    assert_eq!((shown(&rest), end), (shown(b""), End::Fin));
}
