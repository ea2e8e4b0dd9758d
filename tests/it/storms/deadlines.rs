//! What takes too long is ended and counted, and what a peer does not read is lost to that peer alone.

use std::net::TcpStream;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::agent::{Agent, Dealer, shown};
use crate::handoff::zmtp::{self, Peer, Version};
use crate::http::{self, population};
use crate::process::DEADLINE;
use crate::raw::Raw;
use crate::registry::Registry;

use super::crowd::{HALF_A_HEAD, come};
use super::due::{PING, assert_healthy};
use super::floods::LIST;
use super::footprint::{Connections, SLOWEST};

/// How often each of them comes to each port.
const TIMES: usize = 5;
/// Of the names that make a list long.
const NAME: usize = 250;
const NAMES: usize = 300;
/// What a peer asks for without reading: far more than the 256 replies that may wait for it.
const ASKED: usize = 1500;

#[test]
fn whoever_takes_too_long_is_closed_and_counted() {
    let registry = Registry::start();
    let (greeting, greeting_2_0) = (zmtp::greeting(Version::V3_1), zmtp::greeting(Version::V2_0));
    // The old versions have greeted with their first bytes, and then must say who they are.
    let said: [&[u8]; 8] =
        [b"", &greeting[..1], &greeting[..32], &greeting, &greeting_2_0[..12], &[1], HALF_A_HEAD, b"P"];
    let ports = [registry.port(), registry.health_port()];
    let mut clients: Vec<Raw> =
        (0..TIMES * said.len() * ports.len()).map(|n| come(n, ports[n % 2])).collect();
    clients.iter_mut().enumerate().for_each(|(n, client)| client.send(said[n / 2 % said.len()]));
    for client in &mut clients {
        // What has not ended by its deadline panics here.
        client.read_to_end();
    }
    let connections = Connections::of(&registry);
    assert_eq!((connections.timed_out, connections.open), (clients.len() as u64, 0), "{connections}");
    assert_eq!(registry.log_lines(|line| line.contains(" WARN ")), [""; 0], "{}", registry.evidence());
}

/// Lists of 75 kB.
fn with_long_lists() -> (Registry, Vec<u8>) {
    let registry = Registry::start();
    population::register(registry.port(), NAMES, NAME);
    let list = Agent::connect(registry.port()).ask(LIST);
    assert!(list.len() > NAMES * NAME, "{}", shown(&list));
    registry.wait_until("nobody is there", || Connections::of(&registry).open == 0);
    (registry, list)
}

/// Asks for far more than it reads.
fn ask_on(mut peer: Peer<&TcpStream>) -> Peer<&TcpStream> {
    (0..ASKED).for_each(|_| peer.send_request(LIST.as_bytes()));
    peer
}

fn is_readable(stream: &TcpStream) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&now)).unwrap() > 0
}

/// Sends ahead of its replies, but no further than it may, and gets every one of them.
fn assert_gets_all(port: u16, list: &[u8]) {
    let dealer = Dealer::connect(port);
    for round in 0..20 {
        (0..16).for_each(|_| dealer.send(&[LIST.as_bytes()]));
        for n in 0..16 {
            let reply = dealer.receive();
            assert!(reply == list, "number {n} of round {round}: {}", shown(&reply));
        }
    }
}

#[test]
fn a_peer_that_asks_for_more_than_may_wait_loses_its_own_replies_which_are_counted() {
    let (registry, list) = with_long_lists();
    let connection = come(0, registry.port());
    let mut deaf = ask_on(Peer::meet(connection.stream(), Version::V3_1));
    thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| assert_gets_all(registry.port(), &list))));
    });
    let mut received = 0;
    registry.wait_for(DEADLINE, || {
        while is_readable(connection.stream()) {
            assert!(deaf.reply() == list, "reply {received}");
            received += 1;
        }
        let lost = Connections::of(&registry).lost_replies;
        let all = lost > 0 && received >= 256 && received + lost == ASKED as u64;
        all.then_some(()).ok_or_else(|| format!("{received} received and {lost} lost are {ASKED}"))
    });
    deaf.send_request(PING);
    assert_healthy(&deaf.reply(), &registry);
}

#[test]
fn a_peer_that_stops_reading_is_cut() {
    let (registry, list) = with_long_lists();
    let connection = come(0, registry.port());
    ask_on(Peer::meet(connection.stream(), Version::V3_1));
    let asks = Agent::connect(registry.port());
    registry.wait_for(SLOWEST, || {
        assert!(asks.ask(LIST) == list, "{}", registry.evidence());
        let connections = Connections::told_to(&asks);
        let cut = connections.open == 1 && connections.timed_out == 1;
        cut.then_some(()).ok_or_else(|| format!("the deaf peer is cut: {connections}"))
    });
    drop(connection);
}

#[test]
fn an_http_client_that_does_not_take_its_answer_is_cut() {
    let registry = Registry::start();
    // Longer than what the kernel takes for a client that reads nothing.
    population::register(registry.port(), 40_000, NAME);
    let mut deaf = come(0, registry.port());
    set_socket_recv_buffer_size(deaf.stream(), 4096).unwrap();
    deaf.send(http::post(LIST));
    registry.wait_for(SLOWEST, || {
        let connections = Connections::of(&registry);
        let cut = connections.open == 0 && connections.timed_out == 1;
        cut.then_some(()).ok_or_else(|| format!("the deaf client is cut: {connections}"))
    });
}
