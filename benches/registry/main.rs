//! `cargo bench --bench registry`: the registry's figures, each beside a bare libzmq echo of the same run, as one
//! table in Markdown. Read docs/performance.md for what they mean.
//!
//! In reading order: `loads` and `still` are the figures, `children` the processes that are measured, `roles` what
//! each process is, `load` and `echo` the two roles; `peer` and `zmtp` are how a load generator speaks, `agents`
//! what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod agents;
mod ask;
mod children;
mod disturbance;
mod echo;
mod inspect;
mod load;
mod loads;
mod options;
mod peer;
mod pin;
mod roles;
mod sample;
mod still;
mod table;
mod zmtp;

use std::fs;
use std::process::{Command, ExitCode};
use std::thread;

use agents::Question;
use children::Server;
use disturbance::Usage;
use loads::LOADS;
use options::Options;
use table::Row;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == roles::FLAG) {
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

/// Measures what is selected, then prints it: standard output holds the table alone.
fn run(options: Options) {
    let before = Usage::now(&[]);
    let mut rows = under_load(&options);
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
    println!("{}\n\n{}\n\n{}", machine(), table::render(&rows), before.sentence());
    println!("\n{}", table::verdict(&rows));
}

/// All that is measured on one registry that knows every agent.
fn under_load(options: &Options) -> Vec<Row> {
    let loads: Vec<_> = LOADS.iter().filter(|load| options.only.holds(load.name)).collect();
    let wants_memory = options.only.holds("filled");
    if loads.is_empty() && !wants_memory {
        return Vec::new();
    }
    eprintln!("filling …");
    let registry = Server::registry();
    still::fill(&registry);
    let memory = wants_memory.then(|| still::memory_filled(&registry));
    let lookup = ask::ask(registry.address(), &agents::lookup(0)).expect("the first lookup");
    let measure = |work: &loads::Work| {
        eprintln!("{} …", work.name);
        let reply_bytes = match work.question {
            Question::Lookup => lookup.len(),
            Question::Register | Question::Fill => agents::PLAIN_SUCCESS.len(),
        };
        loads::measure(work, &registry, reply_bytes, options.effort)
    };
    loads.into_iter().map(measure).chain(memory).collect()
}

/// When and where: what a reader must know to compare.
fn machine() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        output.map_or_else(String::new, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!(
        "{}; {} × {}; Linux {}; {}",
        said("date", &["-u", "+%F %H:%M UTC"]),
        thread::available_parallelism().map_or(0, usize::from),
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        said("rustc", &["--version"]),
    )
}
