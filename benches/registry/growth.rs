//! How the cost of a lookup grows, with the agents that a registry knows and with the peers that ask it. Two tables,
//! and no figure that must be met. Everything shares one processor, where rounds lie close together.

use crate::agents::{AGENTS, Question};
use crate::children::{self, Server};
use crate::contest::Company;
use crate::filled::Filled;
use crate::inspect;
use crate::load::Shape;
use crate::pin::{Pinned, Placement};
use crate::rounds::{Effort, Rounds};
use crate::table::{grouped, markdown, mebibytes};

const AGENTS_OF_EACH: [u32; 5] = [1, 100, 10_000, AGENTS, 1_000_000];
const PEERS_OF_EACH: [usize; 6] = [1, 16, 64, 256, 1000, 4000];

const LOCKSTEP: Shape = Shape::Kept { connections: 16, window: 1 };
const PIPELINED: Shape = Shape::Kept { connections: 16, window: 16 };

/// Both tables, as Markdown.
pub(crate) fn tables(effort: Effort) -> String {
    let effort = effort.for_steady();
    let by_agents = by_agents(effort);
    let by_peers = by_peers(effort);
    format!("With the agents:\n\n{by_agents}\n\nWith the peers, each lockstep, 100,000 agents:\n\n{by_peers}")
}

/// All registries and an echo take turns, so that whatever the machine does meanwhile happens to each of them.
fn by_agents(effort: Effort) -> String {
    let registries = AGENTS_OF_EACH.map(|agents| {
        eprintln!("agents: {} …", grouped(agents.into()));
        Filled::start(&format!("of-{agents}"), agents, &["--max-bytes", "1GiB"])
    });
    let memory = registries.each_ref().map(|registry| inspect::resident_bytes(registry.server.pid()));
    let reply_bytes = registries[0].order(LOCKSTEP, Question::Lookup, effort.each).reply_bytes;
    let echo = Server::echo("echo", reply_bytes);
    let shapes = [LOCKSTEP, PIPELINED].map(|shape| lookups(&registries, &echo, shape, effort));
    let row = |index: usize, of: String, memory: String| {
        let of_echo = |rounds: &Rounds| rounds.ratio(index, registries.len()).to_string();
        let figures = shapes.iter().flat_map(|rounds| [rounds.cost(index), of_echo(rounds)]);
        [of, memory].into_iter().chain(figures).collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = (0..registries.len())
        .map(|index| row(index, grouped(AGENTS_OF_EACH[index].into()), mebibytes(memory[index] as f64)))
        .collect();
    rows.push(row(registries.len(), "bare echo".to_owned(), "–".to_owned()));
    let head = [
        "agents",
        "resident memory",
        "16 connections lockstep",
        "of the echo",
        "16 × 16 pipelined",
        "of the echo",
    ];
    markdown(&head, &rows)
}

/// The echo is the last contestant.
fn lookups(registries: &[Filled], echo: &Server, shape: Shape, effort: Effort) -> Rounds {
    eprintln!("lookups on each in turn …");
    let servers: Vec<&Server> = registries.iter().map(|registry| &registry.server).chain([echo]).collect();
    let pids: Vec<u32> = servers.iter().map(|server| server.pid()).collect();
    let _pinned = Pinned::to(Placement::Shared, Company { servers: &pids, beside: &[] });
    Rounds::run(effort.rounds, servers.len(), &pids, |contestant| {
        let registry = &registries[contestant.min(registries.len() - 1)];
        children::load(&registry.order(shape, Question::Lookup, effort.each), servers[contestant])
    })
}

fn by_peers(effort: Effort) -> String {
    let registry = Filled::start("registry", AGENTS, &[]);
    let reply_bytes = registry.order(LOCKSTEP, Question::Lookup, effort.each).reply_bytes;
    let servers = [&registry.server, &Server::echo("echo", reply_bytes)];
    let pids = servers.map(Server::pid);
    let _pinned = Pinned::to(Placement::Shared, Company { servers: &pids, beside: &[] });
    let rows = PEERS_OF_EACH.map(|connections| {
        eprintln!("peers: {} …", grouped(connections as u64));
        let order = registry.order(Shape::Kept { connections, window: 1 }, Question::Lookup, effort.each);
        let rounds =
            Rounds::run(effort.rounds, servers.len(), &pids, |index| children::load(&order, servers[index]));
        let [registry, echo] = [0, 1].map(|index| rounds.figures(index));
        let memory = mebibytes(rounds.resident_bytes(0));
        vec![grouped(connections as u64), memory, registry, echo, rounds.ratio(0, 1).to_string()]
    });
    markdown(&["peers", "resident memory", "registry", "bare echo", "ratio"], &rows)
}
