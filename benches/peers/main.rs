//! `cargo bench --bench peers`: the same lookups and registrations on the registry, by itself and behind Redis, on Redis,
//! NATS, ZooKeeper and etcd, and on a bare libzmq echo, as one table in Markdown. Read docs/performance.md for what they
//! mean.
//!
//! In reading order: `system` is what a server is here, `registry`, `redis`, `nats`, `zookeeper` and `etcd` (with
//! `http2`) are the servers, a protocol each; `place` and `server` run them, `request`, `connection` and `load` ask
//! them, `contest` holds the rounds and `comparison` the table. What both benchmarks need is the other one's.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod comparison;
mod connection;
mod contest;
mod etcd;
mod http2;
mod load;
mod nats;
mod options;
mod place;
mod redis;
mod registry;
mod request;
mod roles;
mod server;
mod system;
mod zookeeper;

#[allow(dead_code)]
#[path = "../registry/agents.rs"]
mod agents;
#[path = "../registry/bare_zeromq.rs"]
mod bare_zeromq;
#[allow(dead_code)]
#[path = "../registry/disturbance.rs"]
mod disturbance;
#[path = "../registry/exec.rs"]
mod exec;
#[allow(dead_code)]
#[path = "../registry/inspect.rs"]
mod inspect;
#[path = "../registry/machine.rs"]
mod machine;
#[allow(dead_code)]
#[path = "../registry/table.rs"]
mod table;
#[path = "../registry/zmtp.rs"]
mod zmtp;

use std::process::ExitCode;

use disturbance::Usage;
use options::Options;
use system::System;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == exec::FLAG) {
        return exit("role", roles::play(&arguments[1..]).map_err(|error| error.to_string()));
    }
    exit("bench", options::parse(&arguments).and_then(|options| options.map_or(Ok(()), |it| run(&it))))
}

fn exit(what: &str, outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{what}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The servers that can be compared, in the order of the table.
fn systems() -> Vec<Box<dyn System>> {
    vec![
        Box::new(registry::Registry::Memory),
        Box::new(registry::Registry::Mirror),
        Box::new(registry::Registry::Asking),
        Box::new(redis::Redis),
        Box::new(nats::Nats),
        Box::new(zookeeper::ZooKeeper),
        Box::new(etcd::Etcd),
    ]
}

/// Measures, then prints: standard output holds the table and what a reader needs beside it.
fn run(options: &Options) -> Result<(), String> {
    let systems: Vec<_> = systems().into_iter().filter(|system| options.wants(system.key())).collect();
    let needed = systems.iter().filter_map(|system| system.needs());
    let mut programs = systems.iter().map(|system| system.program()).chain(needed.map(System::program));
    if let Some(program) = programs.find(|program| !program.exists()) {
        return Err(format!("{} is missing: `make bench-peers` installs it", program.display()));
    }
    place::remove_leftovers();
    let before = Usage::now(&[]);
    let rows = contest::hold(&systems, options.effort);
    println!("{}\n\n{}\n", machine::sentence(), comparison::render(&rows));
    println!("{}\n\n{}", comparison::HOW_TO_READ, before.sentence());
    Ok(())
}
