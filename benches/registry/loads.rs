//! The figures under load: what is asked in which way, and what must come of it. Each is measured on the
//! registry, on a bare echo and on a second echo in turn; the two echoes against each other, the null, say how
//! much of a difference is this machine's.

use std::time::Duration;

use crate::agents::Question;
use crate::children::{self, Server};
use crate::disturbance::Usage;
use crate::inspect;
use crate::load::{Order, Shape};
use crate::pin::Pinned;
use crate::sample::Sample;
use crate::table::{Row, Spread, grouped};

/// One kind of load.
pub(crate) struct Work {
    /// For the command line.
    pub(crate) name: &'static str,
    title: &'static str,
    pub(crate) question: Question,
    shape: Shape,
    /// Whether everything shares one processor.
    is_pinned: bool,
    /// Whether its rounds lie so close together that a third of them is enough.
    is_steady: bool,
    /// The least share of the bare echo's throughput, where one is demanded.
    at_least: Option<f64>,
}

/// In the order of the table.
pub(crate) const LOADS: [Work; 8] = [
    Work {
        name: "lookup-1",
        title: "lookups, 1 connection lockstep, one processor",
        question: Question::Lookup,
        shape: Shape::Kept { connections: 1, window: 1 },
        is_pinned: true,
        is_steady: true,
        at_least: None,
    },
    Work {
        name: "lookup-16-pinned",
        title: "lookups, 16 connections lockstep, one processor",
        question: Question::Lookup,
        shape: Shape::Kept { connections: 16, window: 1 },
        is_pinned: true,
        is_steady: true,
        at_least: Some(0.92),
    },
    Work {
        name: "lookup-64-pinned",
        title: "lookups, 64 connections lockstep, one processor",
        question: Question::Lookup,
        shape: Shape::Kept { connections: 64, window: 1 },
        is_pinned: true,
        is_steady: true,
        at_least: Some(0.92),
    },
    Work {
        name: "lookup-16",
        title: "lookups, 16 connections lockstep",
        question: Question::Lookup,
        shape: Shape::Kept { connections: 16, window: 1 },
        is_pinned: false,
        is_steady: false,
        at_least: Some(0.92),
    },
    Work {
        name: "lookup-64",
        title: "lookups, 64 connections lockstep",
        question: Question::Lookup,
        shape: Shape::Kept { connections: 64, window: 1 },
        is_pinned: false,
        is_steady: false,
        at_least: Some(0.92),
    },
    Work {
        name: "fresh",
        title: "lookups, a fresh connection for each, 16 at a time",
        question: Question::Lookup,
        shape: Shape::Fresh { at_once: 16 },
        is_pinned: false,
        is_steady: false,
        at_least: Some(0.85),
    },
    Work {
        name: "pipelined",
        title: "lookups, 16 connections × 16 pipelined",
        question: Question::Lookup,
        shape: Shape::Kept { connections: 16, window: 16 },
        is_pinned: false,
        is_steady: true,
        at_least: None,
    },
    Work {
        name: "register",
        title: "registrations, 16 connections lockstep",
        question: Question::Register,
        shape: Shape::Kept { connections: 16, window: 1 },
        is_pinned: false,
        is_steady: false,
        at_least: None,
    },
];

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) each: Duration,
}

/// What one server did in one round.
struct Measured {
    sample: Sample,
    processor: Duration,
}

/// One round, under the same load.
struct Round {
    /// The registry, the echo, the second echo.
    measured: [Measured; 3],
    /// Processor ticks that other programs had meanwhile.
    others: u64,
}

impl Round {
    fn per_second(&self, index: usize) -> f64 {
        self.measured[index].sample.per_second()
    }
}

/// Measures one kind of load. `reply_bytes` is the size of the registry's reply to it.
pub(crate) fn measure(work: &Work, registry: &Server, reply_bytes: usize, effort: Effort) -> Row {
    let _pinned = work.is_pinned.then(|| Pinned::with(registry.pid()));
    let (echo, second) = (Server::echo("echo", reply_bytes), Server::echo("second-echo", reply_bytes));
    let run = |server: &Server| {
        let order = Order {
            target: server.address(),
            shape: work.shape,
            question: work.question,
            reply_bytes,
            duration: effort.each,
        };
        let before = inspect::processor_time(server.pid());
        let sample = children::load(&order, server);
        Measured { sample, processor: inspect::processor_time(server.pid()) - before }
    };
    let servers = [registry, &echo, &second];
    let count = if work.is_steady { effort.rounds.div_ceil(3) } else { effort.rounds };
    let rounds = (0..count).map(|number| round(number, run, servers)).collect();
    row(work, &calmest(rounds))
}

/// Every other round runs backwards, so that a machine that slowly changes favours nobody; the echo is always in
/// the middle, next to both that are compared with it.
fn round(number: usize, run: impl Fn(&Server) -> Measured, servers: [&Server; 3]) -> Round {
    let pids = servers.map(Server::pid);
    let before = Usage::now(&pids);
    let measured = if number.is_multiple_of(2) {
        servers.map(run)
    } else {
        let [registry, echo, second] = servers;
        let [second, echo, registry] = [second, echo, registry].map(run);
        [registry, echo, second]
    };
    Round { measured, others: before.others(&Usage::now(&pids)) }
}

/// The half of the rounds in which other programs did least. What was measured has no say in it, but that on a
/// very busy machine a process may not have run at all.
fn calmest(mut rounds: Vec<Round>) -> Vec<Round> {
    rounds.retain(|round| round.measured.iter().all(|measured| measured.sample.requests > 0));
    assert!(!rounds.is_empty(), "in every round a server or its load got no processor time");
    rounds.sort_by_key(|round| round.others);
    rounds.truncate(rounds.len().div_ceil(2));
    rounds
}

fn row(work: &Work, rounds: &[Round]) -> Row {
    let against_echo =
        |index: usize| Spread::of(rounds.iter().map(|round| round.per_second(index) / round.per_second(1)));
    let (ratio, null) = (against_echo(0), against_echo(2));
    Row {
        work: work.title.to_owned(),
        registry: figures(rounds, 0),
        echo: figures(rounds, 1),
        ratio: Some(ratio),
        null: Some(null),
        must_be: work.at_least.map_or("–".to_owned(), |share| format!("≥ {share} of the null")),
        met: work.at_least.map(|share| ratio.median / null.median >= share),
    }
}

/// Medians: throughput, the slowest hundredth, the server's processor time for a request.
fn figures(rounds: &[Round], index: usize) -> String {
    let median = |figure: &dyn Fn(&Measured) -> f64| {
        Spread::of(rounds.iter().map(|round| figure(&round.measured[index]))).median
    };
    let per_second = median(&|measured| measured.sample.per_second());
    let p99 = median(&|measured| measured.sample.p99.as_secs_f64() * 1e3);
    let micros = median(&|measured| measured.processor.as_secs_f64() * 1e6 / measured.sample.replies as f64);
    format!("{}/s, p99 {p99:.2} ms, CPU {micros:.1} µs", grouped(per_second as u64))
}
