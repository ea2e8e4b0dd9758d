//! The run: rounds of attacks, some at the same time, with a calm after each. The deck holds each attack once, and
//! only when it is used up there is a new one: a short run, too, has had nearly all of them.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::attacks::{ATTACKS, Attack, PER_ADDRESS};
use super::crowd::{Storm, idle_peers};
use super::dice::Dice;
use super::due::assert_answered;
use super::flat;
use super::floods::LIST;
use super::footprint::{self, Footprint, mebibytes};
use super::plan::Plan;
use super::population;
use super::regulars::{Regulars, Waits};
use super::score::Score;
use super::sight;
use crate::agent::Agent;
use crate::registry::Registry;

const NAMES: usize = 100_000;
/// Of a name, so that a list is longer than what the kernel takes for a client that does not read.
const NAME: usize = 64;
/// Peers that are there all the time and say little.
const IDLE: usize = 7;
/// At each port: fewer than the health port has places for peers, also while those of a storm are still there.
const CROWD: usize = 70;
const AT_ONCE: usize = 3;
/// What an agent that behaves may wait in a storm, beyond what it waits without one: 99 times in a hundred.
const P99: Duration = Duration::from_millis(50);
/// To each port, in the storm that this is measured in.
const CONNECTS: usize = 5000;

pub(crate) fn run(plan: &Plan, score: &Score) {
    let (start, per_address) = (Instant::now(), PER_ADDRESS.to_string());
    let registry =
        Registry::with(&["--max-connections", "1000", "--max-connections-per-address", &per_address]);
    population::register(registry.port(), NAMES, NAME);
    let (over, ended) = mpsc::channel();
    thread::scope(|scope| {
        let (_over, registry) = (over, &registry);
        let watch = move || sight::watch(registry, start, &ended);
        scope.spawn(|| score.check("the line of every ten seconds", watch));
        let waits = score.check("a storm, and its p99", || storm_against_calm(registry));
        score.check("what is taken once and kept", || warm_up(registry));
        all_rounds(plan, start, registry, score);
        println!("{}", sight::line(registry, start));
        waits.inspect(tell_p99);
    });
    score.check("the end", || {
        let finished = registry.terminate();
        assert!(finished.status.success(), "{finished}");
        let bug = finished.stderr.lines().find(|line| line.contains(" ERROR ") || line.contains("panicked"));
        assert_eq!(bug, None, "{finished}");
    });
}

/// How long those who behave waited, without a storm and in one.
fn storm_against_calm(registry: &Registry) -> [Waits; 2] {
    const STAYING: usize = 100;
    let calm = Regulars::come(registry).go();
    let regulars = Regulars::come(registry);
    Storm::new(1, STAYING).rage([registry.port(), registry.health_port()], CONNECTS);
    [calm, regulars.go()]
}

/// What was taken by crowds that have gone, the allocator keeps for the next ones; and the list is kept once it was asked
/// for.
fn warm_up(registry: &Registry) {
    drop(Agent::connect(registry.port()).ask(LIST));
    drop([idle_peers(registry.port(), CROWD), idle_peers(registry.health_port(), CROWD)]);
}

fn tell_p99([calm, storm]: &[Waits; 2]) {
    let verdict = if storm.p99() <= calm.p99() + P99 { "met" } else { "NOT MET" };
    println!("those who behave: without a storm {calm}; in a storm {storm}");
    println!("p99 in a storm at most {P99:?} above p99 without it: {verdict}");
}

fn all_rounds(plan: &Plan, start: Instant, registry: &Registry, score: &Score) {
    let (mut dice, mut deck, mut calms) = (Dice::new(plan.seed), Vec::new(), Vec::new());
    let mut idle = idle_peers(registry.port(), IDLE);
    calms.extend(score.check("the first calm", || footprint::at_rest(registry)));
    while start.elapsed() < plan.length && !calms.is_empty() {
        round(&draw(&mut deck, &mut dice), &mut dice, registry, score);
        score.check("peers that are there all the time", || assert_answered(&mut idle, registry));
        let after = score.check("the calm after a round", || {
            footprint::wait_until_back_at(registry, &calms[0], flat::LEFT_OVER, IDLE as u64);
            Footprint::of(registry)
        });
        // After a failure nothing that comes could be judged.
        let Some(after) = after else { break };
        calms.push(after);
    }
    println!("{}", flat::how_judged());
    score.check("flat memory", || flat::assert_no_drift(&calms));
}

fn draw(deck: &mut Vec<&'static Attack>, dice: &mut Dice) -> Vec<&'static Attack> {
    if deck.is_empty() {
        deck.extend(&ATTACKS);
    }
    let count = dice.between(1, AT_ONCE).min(deck.len());
    (0..count).map(|_| deck.swap_remove(dice.below(deck.len()))).collect()
}

/// These attacks at the same time, and agents that behave all through them.
fn round(attacks: &[&'static Attack], dice: &mut Dice, registry: &Registry, score: &Score) {
    let names: Vec<&str> = attacks.iter().map(|attack| attack.name).collect();
    println!("round: {}", names.join(" + "));
    footprint::forget_peak(registry);
    let regulars = Regulars::come(registry);
    thread::scope(|scope| {
        for attack in attacks {
            let mut dice = Dice::new(dice.next());
            scope.spawn(move || score.check(attack.name, || (attack.run)(registry, &mut dice)));
        }
    });
    let waits = score.check("those who behave", || regulars.go());
    let peak = mebibytes(footprint::peak(registry));
    println!("  peak {peak:.1} MiB; {}", waits.map_or_else(String::new, |waits| waits.to_string()));
}
