//! `cargo bench --bench registry`: the registry's figures, each beside a bare libzmq echo of the same run, as one
//! table in Markdown. Read docs/performance.md for what they mean.
//!
//! In reading order: `loads`, `crowd`, `churn`, `behind`, `reload` and `still` are the figures, and `growth` the tables
//! of another kind; `contest` and `rounds` are how they are measured, `children` and `redis_server` the processes that
//! are, `filled` a registry that knows its agents. `roles` is what each process is: `load`, `hello`, `bare`, `idle`; an echo
//! and a setter are programs of their own (benches/bare). `connections`, `peer` and `dialect` (`zmtp`, `http`) are how a load generator speaks, `agents` what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod agents;
mod ask;
mod bare;
mod bare_zeromq;
mod behind;
mod children;
mod churn;
mod connections;
mod contest;
mod crowd;
mod dial;
mod dialect;
mod dialogue;
mod disturbance;
mod exec;
mod filled;
mod growth;
mod hello;
mod http;
mod idle;
mod inspect;
mod kept;
mod load;
mod loads;
mod machine;
mod options;
mod pace;
mod peer;
mod pin;
mod redis_server;
mod reload;
mod roles;
mod rounds;
mod sample;
mod still;
mod table;
mod zmtp;

use std::process::ExitCode;

use agents::AGENTS;
use disturbance::Usage;
use filled::Filled;
use loads::LOADS;
use options::Options;
use table::Row;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == exec::FLAG) {
        return exit("role", roles::play(&arguments[1..]).map_err(|error| error.to_string()));
    }
    exit("bench", options::parse(&arguments).map(|options| options.map_or((), run)))
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

/// Measures what is selected, then prints it: standard output holds nothing else.
fn run(options: Options) {
    let before = Usage::now(&[]);
    let (tables, verdict) = if options.growth {
        (growth::tables(options.effort), None)
    } else {
        let rows = match &options.against {
            Some(other) => beside_another_build(other, &options),
            None => figures(&options),
        };
        (table::render(&rows), Some(table::verdict(&rows)))
    };
    println!("{}\n\n{tables}\n\n{}", machine::sentence(), before.sentence());
    if let Some(verdict) = verdict {
        println!("\n{verdict}");
    }
}

fn figures(options: &Options) -> Vec<Row> {
    let mut rows = of_a_filled_registry(options);
    if options.only.holds(reload::BESIDE) {
        rows.push(reload::lookups_beside(options.effort));
    }
    if options.only.holds(reload::LOAD) {
        rows.extend(reload::load());
    }
    if options.only.holds(kept::NAME) {
        rows.extend(kept::rows(options.effort));
    }
    if options.only.holds("rest-redis") {
        eprintln!("at rest behind Redis …");
        rows.push(still::at_rest_behind_redis());
    }
    if options.only.holds("rest") {
        eprintln!("at rest …");
        rows.extend(still::at_rest());
    }
    if options.only.holds("start") {
        eprintln!("start …");
        rows.push(still::start());
    }
    if options.only.holds("executable") {
        rows.push(still::executable());
    }
    rows
}

/// The loads, on this build's registry and on that of another one.
fn beside_another_build(other: &str, options: &Options) -> Vec<Row> {
    eprintln!("filling …");
    let registry = Filled::start("registry", AGENTS, &[]);
    let others = ["other", "second-other"].map(|name| Filled::of(other, name, AGENTS));
    let loads = LOADS.iter().filter(|load| options.only.holds(load.name));
    loads.map(|load| loads::row_beside(load, &registry, &others, options.effort)).collect()
}

/// All that is measured on one registry that knows every agent, lists last: they add to its agents.
fn of_a_filled_registry(options: &Options) -> Vec<Row> {
    let wants = |figure: &str| options.only.holds(figure);
    let loads: Vec<_> = LOADS.iter().filter(|load| wants(load.name)).collect();
    let others = behind::names().chain([crowd::NAME, churn::NAME, "filled"]);
    if loads.is_empty() && !others.into_iter().any(wants) {
        return Vec::new();
    }
    eprintln!("filling …");
    let registry = Filled::start("registry", AGENTS, &[]);
    let memory = wants("filled").then(|| still::memory_filled(&registry.server));
    let mut rows: Vec<Row> =
        loads.into_iter().map(|load| loads::row(load, &registry, options.effort)).collect();
    rows.extend(behind::rows(&registry, wants, options.effort));
    if wants(crowd::NAME) {
        rows.extend(crowd::rows(&registry, options.effort));
    }
    if wants(churn::NAME) {
        rows.extend(churn::rows(&registry, options.effort));
    }
    rows.into_iter().chain(memory).collect()
}
