//! How much memory those can take who do not read, or send and read slowly. The bounds are the ones that the daemon's
//! memory must keep, whoever comes.

use crate::agent::Agent;
use crate::http::population;
use crate::registry::Registry;

use super::crowd::idle_peers;
use super::floods::{Deaf, LIST, Slow, go_on_slowly, padded, wait_until_cut};
use super::footprint::{self, Connections, Footprint, mebibytes, wait_until_back_at};
use super::regulars::Regulars;
use super::report;

/// The most that memory may grow, in KiB.
const GROWTH: u64 = 96 * 1024;
/// What may stay taken when they have gone, in KiB.
const LEFT_OVER: u64 = 16 * 1024;

const NAMES: usize = 100_000;
/// Of a name, so that a list is longer (6.7 MB) than what the kernel takes for a client that does not read.
const NAME: usize = 64;
/// The daemon's own limit for a peer.
const WAITING_REPLIES: usize = 768;
const PEERS: usize = 16;
/// Clients of one kind at one port.
const SLOW: usize = 200;

/// A daemon, what it takes before a flood, and the list that it gives.
struct Flooded {
    registry: Registry,
    before: Footprint,
    list: Vec<u8>,
}

impl Flooded {
    fn with_names() -> Flooded {
        let registry = Registry::start();
        population::register(registry.port(), NAMES, NAME);
        // Those who behave register as well: what a list is afterwards, it stays.
        drop(Regulars::come(&registry).go());
        let list = Agent::connect(registry.port()).ask(LIST);
        registry.wait_until("nobody is there", || Connections::of(&registry).open == 0);
        footprint::forget_peak(&registry);
        let before = Footprint::of(&registry);
        Flooded { registry, before, list }
    }

    fn assert_list(&self) {
        let list = Agent::connect(self.registry.port()).ask(LIST);
        assert!(list == self.list, "{} bytes, not {}", list.len(), self.list.len());
    }

    fn assert_bounded(&self, what: &str) {
        let peak = footprint::peak(&self.registry);
        let growth = peak.saturating_sub(self.before.resident);
        report(what, format_args!("memory grew by {:.1} MiB, from {}", mebibytes(growth), self.before));
        assert!(growth <= GROWTH, "{what}: by {growth} KiB\n{}", self.registry.evidence());
    }

    /// While they are deaf, others are answered; and in the end they are cut.
    fn withstands(self, what: &str, requests: usize, request: &[u8]) {
        let regulars = Regulars::come(&self.registry);
        let mut deaf = Deaf::peers(self.registry.port(), PEERS, requests, request);
        self.assert_list();
        wait_until_cut(&self.registry, &mut deaf);
        let (asked, connections) =
            (deaf.iter().map(|deaf| deaf.asked).sum::<usize>(), Connections::of(&self.registry));
        report(what, format_args!("{asked} requests; {}; {connections}", regulars.go()));
        // Fewer replies than that may be on their way, in the queues and in the kernel, so that none is lost.
        let must_lose = asked > 2 * PEERS * WAITING_REPLIES;
        let right = (connections.lost_replies > 0 || !must_lose) && connections.timed_out == PEERS as u64;
        assert!(
            right,
            "the {PEERS} cut and their losses are counted: {connections}\n{}",
            self.registry.evidence()
        );
        self.assert_bounded(what);
        drop(deaf);
        wait_until_back_at(&self.registry, &self.before, LEFT_OVER, 0);
        self.assert_list();
    }
}

#[test]
fn peers_that_ask_for_long_lists_and_never_read() {
    let flooded = Flooded::with_names();
    flooded.withstands("unread lists", 3000, LIST.as_bytes());
}

#[test]
fn peers_that_send_the_largest_requests_and_never_read() {
    let flooded = Flooded::with_names();
    flooded.withstands("unread replies to 128 KiB", 1000, &padded(LIST));
}

fn withstand_slow(what: &str, come: fn(usize, u16) -> Slow) {
    let flooded = Flooded::with_names();
    let registry = &flooded.registry;
    let regulars = Regulars::come(registry);
    let ports = [registry.port(), registry.health_port()];
    let mut slow: Vec<Slow> =
        ports.into_iter().flat_map(|port| (0..SLOW).map(move |n| come(n, port))).collect();
    go_on_slowly(registry, &mut slow);
    flooded.assert_list();
    report(what, regulars.go());
    flooded.assert_bounded(what);
    drop(slow);
    wait_until_back_at(registry, &flooded.before, LEFT_OVER, 0);
    flooded.assert_list();
}

#[test]
fn slow_writers() {
    withstand_slow("slow writers", Slow::writer);
}

#[test]
fn slow_readers() {
    withstand_slow("slow readers", Slow::reader);
}

/// Agents that keep their connections, and leave at the same time: a network that was down, a host that restarts.
#[test]
fn crowds_that_come_and_go() {
    const CROWD: usize = 1000;
    let registry = Registry::start();
    drop(idle_peers(registry.port(), 1));
    registry.wait_until("nobody is there", || Connections::of(&registry).open == 0);
    let before = Footprint::of(&registry);
    for wave in 1..=4 {
        let crowd = idle_peers(registry.port(), CROWD);
        report(
            "a crowd that stays",
            format_args!("wave {wave}: {}, from {before}", Footprint::of(&registry)),
        );
        drop(crowd);
        wait_until_back_at(&registry, &before, LEFT_OVER, 0);
    }
}
