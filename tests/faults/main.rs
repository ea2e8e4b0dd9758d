//! `make test-faults`: three instances behind Redis, many agents, and faults at random: everything is killed, paused and
//! disconnected. Every call is written down, and the checker says whether what is promised was kept. Needs root, for
//! network namespaces, and fails without it.
//!
//! In reading order: `plan` is what was asked for; `network` has the rooms; `fleet` the instances, `agents` and `client`
//! those who ask them, all on one `stage`. `schedule` draws the faults of `one_redis`, which commits them; `failover` does
//! the same where there are `masters` and sentinels. `history` puts together what was said and has it judged, `verdict` tells.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::process::ExitCode;

use plan::{PARTS, Plan};
use verdict::Verdict;

// What the tests from outside have: see there. Not all of it is needed here.
#[allow(dead_code)]
#[path = "../it/agent.rs"]
mod agent;
#[allow(dead_code)]
#[path = "../it/answer.rs"]
mod answer;
#[allow(dead_code)]
#[path = "../it/storms/dice.rs"]
mod dice;
#[allow(dead_code)]
#[path = "../it/process.rs"]
mod process;
#[allow(dead_code)]
#[path = "../it/registry.rs"]
mod registry;
#[allow(dead_code, unused_imports)]
#[path = "../it/redis/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../it/handoff/zmtp.rs"]
mod zmtp;

#[path = "../history/checker/mod.rs"]
mod checker;

mod agents;
mod client;
mod failover;
mod fleet;
mod history;
mod masters;
mod network;
mod one_redis;
mod plan;
mod schedule;
mod stage;
mod verdict;

fn main() -> ExitCode {
    if !rustix::process::geteuid().is_root() {
        eprintln!("faults: this needs root, for network namespaces");
        return ExitCode::FAILURE;
    }
    let plan = Plan::from_environment();
    println!("{plan}");
    let mut verdict = Verdict::default();
    for part in PARTS.into_iter().filter(|part| plan.has(part)) {
        println!("{part}");
        let dice = plan.dice(part);
        match part {
            "one-redis" => one_redis::run(dice, &mut verdict),
            "one-replica" => failover::run(&failover::ONE_REPLICA, dice, &mut verdict),
            "all-replicas" => failover::run(&failover::ALL_REPLICAS, dice, &mut verdict),
            "too-few-replicas" => failover::run(&failover::TOO_FEW, dice, &mut verdict),
            "no-replica" => failover::run(&failover::NO_REPLICA, dice, &mut verdict),
            other => panic!("{other} is no part"),
        }
    }
    println!("{verdict}");
    if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
