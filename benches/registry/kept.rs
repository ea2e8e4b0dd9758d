//! What a state file costs: registrations beside those of the same registry without one, and the start that reads it.

use std::fs;
use std::path::Path;

use crate::agents::{AGENTS, Question};
use crate::children;
use crate::contest::{Bar, Work, contest};
use crate::filled::Filled;
use crate::load::Shape;
use crate::pin::Placement;
use crate::rounds::Effort;
use crate::still;
use crate::table::Row;

/// For the command line.
pub(crate) const NAME: &str = "kept";

const MOST_MILLIS: f64 = 500.0;

const ONE: Work = Work {
    name: NAME,
    title: "registrations with a state file, 1 connection lockstep, one processor",
    question: Question::Register,
    shape: Shape::Kept { connections: 1, window: 1 },
    placement: Placement::Shared,
    is_steady: true,
    bar: Bar::OfNull(0.85),
};

const SIXTEEN: Work = Work {
    title: "registrations with a state file, 16 connections lockstep, server and load on a processor each",
    shape: Shape::Kept { connections: 16, window: 1 },
    placement: Placement::Apart,
    ..ONE
};

/// On the disk that the target folder is on.
pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    eprintln!("a state file …");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-state");
    let _ = fs::remove_file(&path);
    let flags = ["--state-file", path.to_str().expect("a path of UTF-8")];
    let kept = Filled::start("kept", AGENTS, &flags);
    let without = ["without", "second-without"].map(|name| Filled::start(name, AGENTS, &[]));
    let servers = [&kept.server, &without[0].server, &without[1].server];
    let measured = [ONE, SIXTEEN].map(|work| {
        let order = kept.order(work.shape, work.question, effort.each);
        contest(&work, &order, servers, "without it", effort)
    });
    drop(kept);
    let start = still::start_with(
        "100,000 records in a state file",
        &|| children::registry_command(&flags),
        MOST_MILLIS,
    );
    let _ = fs::remove_file(&path);
    measured.into_iter().chain([start]).collect()
}
