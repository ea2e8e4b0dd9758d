//! What thousands of peers cost that only stay connected: memory, and the lookups of the others. Held against the
//! same registry without them.

use crate::agents::{AGENTS, Question};
use crate::children::{self, Server};
use crate::contest::{Bar, Work, contest};
use crate::filled::Filled;
use crate::inspect;
use crate::load::Shape;
use crate::pin::Placement;
use crate::rounds::Effort;
use crate::table::{MIB, Row, mebibytes};

/// For the command line.
pub(crate) const NAME: &str = "idle";

const PEERS: usize = 4000;
const MOST_MIB: f64 = 150.0;

const SHARED: Work = Work {
    name: NAME,
    title: "lookups, 16 connections lockstep, beside 4,000 idle peers, one processor",
    question: Question::Lookup,
    shape: Shape::Kept { connections: 16, window: 1 },
    placement: Placement::Shared,
    is_steady: true,
    bar: Bar::NullMinus(0.06),
};

const APART: Work = Work {
    title: "lookups, 16 connections lockstep, beside 4,000 idle peers, server and load on a processor each",
    placement: Placement::Apart,
    ..SHARED
};

/// Memory is read last, so that it holds all that lookups beside the peers left.
pub(crate) fn rows(registry: &Filled, effort: Effort) -> Vec<Row> {
    eprintln!("{PEERS} idle peers …");
    let without = ["without", "second-without"].map(|name| Filled::start(name, AGENTS, &[]));
    let servers = [&registry.server, &without[0].server, &without[1].server];
    let _peers = children::idle_peers(&registry.server, PEERS);
    let order = registry.order(SHARED.shape, SHARED.question, effort.each);
    let beside = [SHARED, APART].map(|work| contest(&work, &order, servers, "without them", effort));
    [memory(servers[0], servers[1])].into_iter().chain(beside).collect()
}

fn memory(crowded: &Server, without: &Server) -> Row {
    let [crowded, without] = [crowded, without].map(|server| inspect::resident_bytes(server.pid()) as f64);
    let a_peer = (crowded - without) / 1024.0 / PEERS as f64;
    Row {
        work: "resident memory, 100,000 records and 4,000 idle peers".to_owned(),
        registry: format!("{}, {a_peer:.1} KiB a peer", mebibytes(crowded)),
        compared_with: format!("without them {}", mebibytes(without)),
        ratio: None,
        null: None,
        must_be: format!("≤ {MOST_MIB} MiB"),
        is_met: crowded <= MOST_MIB * MIB,
    }
}
