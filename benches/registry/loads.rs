//! The figures under load: what is asked in which way, and what must come of it, beside a server that does the least
//! that one of its kind can do.

use std::thread;
use std::time::{Duration, Instant};

use crate::agents::AGENTS;
use crate::agents::Question::{self, Lookup, Register};
use crate::children::Server;
use crate::contest::{Bar, Work, contest};
use crate::filled::Filled;
use crate::load::Shape;
use crate::pin::Placement;
use crate::rounds::Effort;
use crate::table::Row;

/// In the order of the table.
pub(crate) const LOADS: [Work; 12] = [
    shared("lookup-1", "lookups, 1 connection lockstep, one processor", 1),
    shared("lookup-16-shared", "lookups, 16 connections lockstep, one processor", 16),
    shared("lookup-64-shared", "lookups, 64 connections lockstep, one processor", 64),
    apart(Work {
        name: "lookup-16",
        title: "lookups, 16 connections lockstep, server and load on a processor each",
        ..kept(Lookup, 16, 1, Bar::NullMinus(0.06))
    }),
    apart(Work {
        name: "lookup-64",
        title: "lookups, 64 connections lockstep, server and load on a processor each",
        ..kept(Lookup, 64, 1, Bar::NullMinus(0.06))
    }),
    Work {
        name: "lookup-16-free",
        title: "lookups, 16 connections lockstep, as the scheduler likes",
        ..kept(Lookup, 16, 1, Bar::None)
    },
    Work {
        name: "lookup-64-free",
        title: "lookups, 64 connections lockstep, as the scheduler likes",
        ..kept(Lookup, 64, 1, Bar::None)
    },
    apart(Work {
        name: "fresh",
        title: "lookups, a fresh connection for each, 16 at a time, server and load on a processor each",
        shape: Shape::Fresh { at_once: 16 },
        ..kept(Lookup, 16, 1, Bar::OfNull(0.85))
    }),
    Work {
        name: "pipelined",
        title: "lookups, 16 connections × 16 pipelined",
        is_steady: true,
        ..kept(Lookup, 16, 16, Bar::OfNull(0.6))
    },
    apart(Work {
        name: "pipelined-apart",
        title: "lookups, 16 connections × 16 pipelined, server and load on a processor each",
        ..kept(Lookup, 16, 16, Bar::OfNull(0.6))
    }),
    apart(Work {
        name: "register",
        title: "registrations, 16 connections lockstep, logged to a file, server and load on a processor each",
        ..kept(Register, 16, 1, Bar::OfNull(0.8))
    }),
    Work {
        name: "http",
        title: "lookups over HTTP, a connection for each, 16 at a time",
        shape: Shape::Http { at_once: 16 },
        ..kept(Lookup, 16, 1, Bar::OfNull(0.6))
    },
];

/// Lookups where everything shares one processor.
const fn shared(name: &'static str, title: &'static str, connections: usize) -> Work {
    let work = kept(Lookup, connections, 1, Bar::NullMinus(0.06));
    Work { name, title, placement: Placement::Shared, is_steady: true, ..work }
}

const fn apart(work: Work) -> Work {
    Work { placement: Placement::Apart, is_steady: true, ..work }
}

/// Connections that stay, scheduled as the machine likes.
const fn kept(question: Question, connections: usize, window: usize, bar: Bar) -> Work {
    Work {
        name: "",
        title: "",
        question,
        shape: Shape::Kept { connections, window },
        placement: Placement::Free,
        is_steady: false,
        bar,
    }
}

/// Measures one kind of load.
pub(crate) fn row(work: &Work, registry: &Filled, effort: Effort) -> Row {
    let order = registry.order(work.shape, work.question, effort.each);
    let (role, start): (_, fn(&str, usize) -> Server) = match work.shape {
        Shape::Http { .. } => ("hello", Server::hello),
        _ => ("echo", Server::echo),
    };
    let plain = start(role, order.reply_bytes);
    let second = start(&format!("second-{role}"), order.reply_bytes);
    let row = contest(work, &order, [&registry.server, &plain, &second], role, effort);
    if work.question == Register {
        must_have_logged(&registry.server);
    }
    row
}

/// Measures one kind of load on this build's registry, and on two of another build.
pub(crate) fn row_beside(work: &Work, registry: &Filled, others: &[Filled; 2], effort: Effort) -> Row {
    let order = registry.order(work.shape, work.question, effort.each);
    let [other, second] = others.each_ref().map(|other| &other.server);
    // No build may be slower than the one before, whatever both are beside an echo.
    let work = Work { bar: Bar::NullMinus(0.06), ..*work };
    contest(&work, &order, [&registry.server, other, second], "the other build", effort)
}

/// The figure is stated for a registry that logs what it does by default, to a file: else it would say too much.
/// What is beyond a hundred lines a second is told at the end of that second.
fn must_have_logged(registry: &Server) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while told_of(&registry.said()) <= u64::from(AGENTS) {
        let log = registry.said();
        assert!(Instant::now() < deadline, "the log tells of no registration but the first ones:\n{log}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// How many registrations a log tells of, `and 900 more` included.
fn told_of(log: &str) -> u64 {
    let of_line = |line: &str| {
        let (_, message) = line.split_once(" INFO  [service_registry] ")?;
        let more = message.strip_prefix("and ").and_then(|rest| rest.strip_suffix(" more")?.parse().ok());
        let is_one = message.starts_with("agent registered: ") || message.starts_with("agent moved: ");
        more.or(is_one.then_some(1))
    };
    log.lines().filter_map(of_line).sum()
}
