//! `make soak`: everything that tests/it/storms does to a daemon, at random and for ten minutes, while agents that behave
//! are answered and nothing grows. Each line says what it takes; the last one how many checks passed and failed. The
//! clients and the harness are those of tests/it; here are only the order of things and the verdict.
//!
//! SOAK_SECONDS says for how long; without it nothing is done, so that `cargo test` stays quick. SOAK_SEED repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fmt;
use std::process::ExitCode;

use plan::Plan;
use score::Score;

// What the tests from outside have: see there. Not all of it is needed here.
#[allow(dead_code)]
#[path = "../it/agent.rs"]
mod agent;
#[allow(dead_code)]
#[path = "../it/answer.rs"]
mod answer;
#[allow(dead_code)]
#[path = "../it/storms/crowd.rs"]
mod crowd;
#[allow(dead_code)]
#[path = "../it/storms/dice.rs"]
mod dice;
#[allow(dead_code)]
#[path = "../it/storms/due.rs"]
mod due;
#[allow(dead_code)]
#[path = "../it/storms/few_descriptors.rs"]
mod few_descriptors;
#[allow(dead_code)]
#[path = "../it/storms/floods.rs"]
mod floods;
#[allow(dead_code)]
#[path = "../it/storms/footprint.rs"]
mod footprint;
#[allow(dead_code)]
#[path = "../it/http/population.rs"]
mod population;
#[allow(dead_code)]
#[path = "../it/process.rs"]
mod process;
#[allow(dead_code)]
#[path = "../it/raw.rs"]
mod raw;
#[allow(dead_code)]
#[path = "../it/registry.rs"]
mod registry;
#[allow(dead_code)]
#[path = "../it/storms/regulars.rs"]
mod regulars;
#[allow(dead_code)]
#[path = "../it/handoff/zmtp.rs"]
mod zmtp;

/// Where the tests from outside have it.
mod handoff {
    pub(crate) use crate::zmtp;
}

mod attacks;
mod flat;
mod plan;
mod rounds;
mod score;
mod sight;

/// Where the tests from outside say their figures.
fn report(what: &str, figure: impl fmt::Display) {
    println!("  {what}: {figure}");
}

fn main() -> ExitCode {
    let Some(plan) = Plan::from_environment() else {
        println!("soak: nothing is done without SOAK_SECONDS; `make soak` sets it");
        return ExitCode::SUCCESS;
    };
    println!("{plan}");
    let score = Score::default();
    score.check("the run as a whole", || rounds::run(&plan, &score));
    println!("{score}");
    if score.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
