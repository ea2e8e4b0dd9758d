//! Lists that change between one question and the next: peers that let them change and read none of them hold a different
//! one each time. They are bounded all the same, and who reads is none of them.

use serde_json::json;

use crate::agent::Agent;
use crate::handoff::zmtp::{self, Peer, VERSIONS, Version};
use crate::http::population;
use crate::raw::Raw;
use crate::registry::Registry;

use super::crowd::come;
use super::due::{PING, assert_healthy};
use super::floods::LIST;
use super::footprint::{self, Connections, Footprint, mebibytes, wait_until_back_at};
use super::report;

/// Lists of 2.5 MB, each of them more than the kernel takes for a client that does not read.
const NAMES: usize = 10_000;
const NAME: usize = 250;
/// Peers that read nothing, and how many lists each of them asks for: as many as may wait, beside the replies to as many
/// registrations. Peers take turns, so that they may all wait for the same lists: those alone would be 300 MB.
const PEERS: usize = 4;
const LISTS: usize = 120;
/// The most that memory may grow, in KiB: what may be unread (64 MiB), and what comes until those who hold the oldest are
/// gone. And what may stay taken.
const GROWTH: u64 = 128 * 1024;
const LEFT_OVER: u64 = 16 * 1024;

/// What is said of each peer that is cut for what it leaves unread.
const CUT: &str = "it left too many different replies unread";

fn with_names() -> Registry {
    let registry = Registry::with(&["--log-level", "debug"]);
    population::register(registry.port(), NAMES, NAME);
    drop(Agent::connect(registry.port()).ask(LIST));
    registry.wait_until("nobody is there", || Connections::of(&registry).open == 0);
    registry
}

/// Somebody that nobody has heard of.
fn newcomer(n: usize) -> String {
    json!({"action": "register_agent", "agent_id": format!("newcomer-{n}"), "host": "h", "port": 1})
        .to_string()
}

/// The version that this peer speaks: a peer of each is cut.
fn version(n: usize) -> Version {
    VERSIONS[n % VERSIONS.len()]
}

/// A peer that reads nothing after the handshake.
fn deaf(n: usize, port: u16) -> Raw {
    let connection = come(n, port);
    Peer::meet(connection.stream(), version(n));
    connection
}

fn request(n: usize, body: &str) -> Vec<u8> {
    zmtp::message(version(n), &[b"", body.as_bytes()])
}

#[test]
fn peers_that_let_the_list_change_ask_again_and_never_read() {
    let registry = with_names();
    let agent = Agent::connect(registry.port());
    assert_healthy(&agent.ask(PING), &registry);
    footprint::forget_peak(&registry);
    let before = Footprint::of(&registry);
    let mut peers: Vec<Raw> = (0..PEERS).map(|n| deaf(n, registry.port())).collect();
    for list in 0..LISTS {
        for (n, peer) in peers.iter_mut().enumerate() {
            let pair = [request(n, &newcomer(PEERS * list + n)), request(n, LIST)].concat();
            // It may have been cut by now.
            let _ = peer.try_send(pair);
        }
    }
    registry.wait_until("all have been asked for, or their peers were cut", || {
        assert_healthy(&agent.ask(PING), &registry);
        Connections::told_to(&agent).open == 1
    });
    // None of them only for its silence, ten seconds later.
    let cut = registry.log_lines(|line| line.contains(CUT));
    assert_eq!(cut.len(), PEERS, "{cut:#?}\n{}", registry.evidence());
    let growth = footprint::peak(&registry).saturating_sub(before.resident);
    report("lists that change", format_args!("memory grew by {:.1} MiB, from {before}", mebibytes(growth)));
    assert!(growth <= GROWTH, "by {growth} KiB\n{}", registry.evidence());
    drop(peers);
    wait_until_back_at(&registry, &before, LEFT_OVER, 1);
}

#[test]
fn who_reads_is_not_cut_with_those_who_do_not() {
    let registry = with_names();
    let agent = Agent::connect(registry.port());
    let mut reader = Peer::meet(come(1, registry.port()).into_stream(), Version::V3_1);
    let mut deaf = deaf(0, registry.port());
    for round in 0..LISTS {
        assert_eq!(agent.ask(newcomer(round)), br#"{"status":"success"}"#, "{}", registry.evidence());
        // It is cut in the end, and that is right.
        let _ = deaf.try_send(request(0, LIST));
        let list = reader.ask(LIST.as_bytes());
        assert!(list.len() > NAMES * NAME, "{} bytes\n{}", list.len(), registry.evidence());
    }
}
