//! What is due to one client, whatever others do at the same time: to be served, to be told that there is no room, or to be
//! closed. Each asks for it, and shows the daemon's log when it gets anything else.

use std::net::TcpStream;

use super::crowd::come_from;
use crate::agent::shown;
use crate::answer::Answer;
use crate::handoff::zmtp::{Peer, Version};
use crate::raw::End;
use crate::registry::Registry;

pub(crate) const PING: &[u8] = br#"{"action":"ping"}"#;
const CHECK: &str = "GET /livez HTTP/1.1\r\nHost: registry\r\n\r\n";

/// Peers that have shaken hands, from this address.
pub(crate) fn peers_of(address: u8, port: u16, count: usize) -> Vec<Peer<TcpStream>> {
    (0..count).map(|_| Peer::meet(come_from(address, port).into_stream(), Version::V3_1)).collect()
}

pub(crate) fn assert_healthy(reply: &[u8], registry: &Registry) {
    assert!(reply.starts_with(br#"{"status":"ok","#), "{}\n{}", shown(reply), registry.evidence());
}

/// These peers, who are there already, are answered.
pub(crate) fn assert_answered(peers: &mut [Peer<TcpStream>], registry: &Registry) {
    peers.iter_mut().for_each(|peer| assert_healthy(&peer.ask(PING), registry));
}

/// Who comes from this address is let in and answered, whatever he speaks.
pub(crate) fn assert_served(address: u8, port: u16, registry: &Registry) {
    assert_http_served(address, port, registry);
    assert_answered(&mut peers_of(address, port, 1), registry);
}

pub(crate) fn assert_http_served(address: u8, port: u16, registry: &Registry) {
    let mut client = come_from(address, port);
    client.send(CHECK);
    let answer = client.read_answer();
    assert_eq!(answer.status, 200, "127.0.0.{address}: {answer:?}\n{}", registry.evidence());
}

/// An HTTP client of this address is told to come back in a second.
pub(crate) fn assert_told(address: u8, port: u16, registry: &Registry) {
    let mut client = come_from(address, port);
    client.send(CHECK);
    let (bytes, end) = client.read_to_end();
    assert_eq!(end, End::Fin, "127.0.0.{address}: {}\n{}", shown(&bytes), registry.evidence());
    let answer = Answer::parse(&bytes);
    assert_eq!(answer.status, 503, "127.0.0.{address}: {answer:?}\n{}", registry.evidence());
    assert_eq!(answer.header("Retry-After"), Some("1"), "{answer:?}");
    assert_eq!(answer.json()["code"], "unavailable", "{answer:?}");
}

/// And over HEAD as well, whose answer is the same without the body (RFC 9110, section 9.3.2).
pub(crate) fn assert_told_without_body(address: u8, port: u16, registry: &Registry) {
    let mut client = come_from(address, port);
    client.send(CHECK.replacen("GET", "HEAD", 1));
    let answer = client.read_answer_head();
    assert_eq!(answer.status, 503, "127.0.0.{address}: {answer:?}\n{}", registry.evidence());
    assert_ne!(answer.header("Content-Length"), Some("0"), "{answer:?}");
    assert_eq!(client.read_to_end(), (vec![], End::Fin), "{answer:?}\n{}", registry.evidence());
}

/// A client of this address that says this is closed, and hears nothing.
pub(crate) fn assert_closed(said: &[u8], address: u8, port: u16, registry: &Registry) {
    let mut client = come_from(address, port);
    // It may be closed before it has said it.
    let _ = client.try_send(said);
    let (bytes, _end) = client.read_to_end();
    assert!(
        bytes.is_empty(),
        "127.0.0.{address}: {} to {}\n{}",
        shown(&bytes),
        shown(said),
        registry.evidence()
    );
}
