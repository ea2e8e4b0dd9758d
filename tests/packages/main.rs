//! `make test-packages`: the packages in a Debian that is really booted, with systemd as its first process: installed, at work,
//! killed, hung, upgraded under load, failing, beside Redis, removed. Needs root, and fails without it.
//!
//! In reading order: `packages` has what is tested, `tree` what machines boot from; a `machine` has `cgroups` of its own.
//! `agents` and `load` are those who ask the registry there. `checks` tells what passed. The other files are the parts.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use checks::{Checks, Outcome};
use machine::Machine;
use packages::{Build, Packages};
use tree::Tree;

// What the tests from outside and those of faults have: see there. Not all of it is needed here.
#[allow(dead_code)]
#[path = "../it/agent.rs"]
mod agent;
#[allow(dead_code)]
#[path = "../it/answer.rs"]
mod answer;
#[allow(dead_code)]
#[path = "../faults/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../it/process.rs"]
mod process;
#[allow(dead_code)]
#[path = "../it/handoff/zmtp.rs"]
mod zmtp;

mod agents;
mod cgroups;
mod checks;
mod contents;
mod failing;
mod figures;
mod load;
mod machine;
mod packages;
mod redis;
mod rpm;
mod service;
mod sockets;
mod tree;
mod upgrade;

const UNIT: &str = "service-registry.service";
const SOCKETS: [&str; 2] = ["service-registry.socket", "service-registry-health.socket"];
const DEFAULTS: &str = "/etc/default/service-registry";
const STATE_FILE: &str = "/var/lib/service-registry/state";

/// What systemd and the daemon do within a second or two, on the slowest machine.
const UNIT_DEADLINE: Duration = Duration::from_secs(20);

/// A part's name, and what it does.
type Part = (&'static str, fn(&Ground, &mut Checks));

const PARTS: [Part; 8] = [
    ("contents", contents::run),
    ("service", service::run),
    ("upgrade", upgrade::run),
    ("sockets", sockets::run),
    ("failing", failing::run),
    ("redis", redis::run),
    ("rpm", rpm::run),
    ("figures", figures::run),
];

/// What every part starts from.
struct Ground {
    tree: Tree,
    packages: Packages,
}

impl Ground {
    /// Where a part may unpack things.
    fn folder(&self) -> &Path {
        self.tree.path.parent().unwrap()
    }

    fn boot(&self) -> Machine {
        Machine::boot(&self.tree.path)
    }

    /// Installs N, and waits until it is active.
    fn install(&self, machine: &Machine) -> Outcome {
        self.dpkg(machine, &self.packages.n)?;
        machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)
    }

    /// Installs N+1 over N. When it returns, dpkg is through.
    fn upgrade(&self, machine: &Machine) -> Outcome {
        self.dpkg(machine, &self.packages.next)
    }

    fn downgrade(&self, machine: &Machine) -> Outcome {
        self.dpkg(machine, &self.packages.n)
    }

    fn dpkg(&self, machine: &Machine, build: &Build) -> Outcome {
        machine.ok(&format!("dpkg -i {}", build.deb_in(machine))).map(drop)
    }
}

fn main() -> ExitCode {
    if !rustix::process::geteuid().is_root() {
        eprintln!("packages: this needs root, to boot a Debian in namespaces");
        return ExitCode::FAILURE;
    }
    let only = env::var("PACKAGES_ONLY").ok().filter(|only| !only.is_empty());
    let known = |only: &String| PARTS.iter().any(|(part, _)| part == only);
    if let Some(unknown) = only.as_ref().filter(|only| !known(only)) {
        eprintln!("packages: PACKAGES_ONLY={unknown} is no part");
        return ExitCode::FAILURE;
    }
    let Ok(packages) = env::var("PACKAGES") else {
        eprintln!("packages: run make test-packages, which builds them");
        return ExitCode::FAILURE;
    };
    let start = Instant::now();
    let ground = Ground { packages: Packages::below(Path::new(&packages)), tree: Tree::unpacked() };
    let mut checks = Checks::default();
    for (part, run) in PARTS.into_iter().filter(|(part, _)| only.as_ref().is_none_or(|only| only == part)) {
        println!("{part}");
        run(&ground, &mut checks);
    }
    println!("{checks} in {:.0?}", start.elapsed());
    if checks.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
