//! How a load is measured: on each contestant in turn, over many rounds, of which the calmest count. It never knows
//! what a figure must be.

use std::time::Duration;

use crate::disturbance::Usage;
use crate::sample::Sample;
use crate::table::{Spread, grouped};

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) each: Duration,
}

impl Effort {
    /// Where rounds lie so close together that a third of them is enough.
    pub(crate) const fn for_steady(self) -> Self {
        Self { rounds: self.rounds.div_ceil(3), ..self }
    }
}

/// One round: the same load on each contestant.
struct Round {
    samples: Vec<Sample>,
    /// Processor ticks that other programs had meanwhile.
    others: u64,
}

/// The calmest rounds.
pub(crate) struct Rounds(Vec<Round>);

impl Rounds {
    /// `measure` measures a contestant by its number; `pids` are the servers that work meanwhile. Every other round
    /// runs backwards, so that a machine that slowly changes favours nobody. Of three, the one that both others are
    /// held against belongs in the middle, next to both.
    pub(crate) fn run(
        rounds: usize,
        contestants: usize,
        pids: &[u32],
        mut measure: impl FnMut(usize) -> Sample,
    ) -> Self {
        let mut round = |number: usize| {
            let before = Usage::now(pids);
            let samples = if number.is_multiple_of(2) {
                (0..contestants).map(&mut measure).collect()
            } else {
                let mut samples: Vec<Sample> = (0..contestants).rev().map(&mut measure).collect();
                samples.reverse();
                samples
            };
            Round { samples, others: before.others(&Usage::now(pids)) }
        };
        Self(calmest((0..rounds).map(&mut round).collect()))
    }

    /// The throughput of one contestant by another's of the same round.
    pub(crate) fn ratio(&self, one: usize, other: usize) -> Spread {
        self.spread(|round| round[one].per_second() / round[other].per_second())
    }

    /// The slowest hundredth of a contestant's requests took so many milliseconds or more.
    pub(crate) fn p99_millis(&self, contestant: usize) -> Spread {
        self.spread(|round| round[contestant].p99.as_secs_f64() * 1e3)
    }

    /// The slowest hundredth of one contestant's requests, by another's of the same round.
    pub(crate) fn p99_times(&self, one: usize, other: usize) -> Spread {
        self.spread(|round| round[one].p99.as_secs_f64() / round[other].p99.as_secs_f64())
    }

    /// Medians: throughput, the slowest hundredth, the server's processor time for a request.
    pub(crate) fn figures(&self, contestant: usize) -> String {
        let (rate, p99) = (self.per_second(contestant), self.p99_millis(contestant).median);
        format!("{rate}/s, p99 {p99:.2} ms, CPU {:.1} µs", self.micros(contestant))
    }

    /// The same without the slowest.
    pub(crate) fn cost(&self, contestant: usize) -> String {
        format!("{}/s, CPU {:.2} µs", self.per_second(contestant), self.micros(contestant))
    }

    pub(crate) fn per_second(&self, contestant: usize) -> String {
        grouped(self.spread(|round| round[contestant].per_second()).median as u64)
    }

    /// The most memory that a server took.
    pub(crate) fn resident_bytes(&self, contestant: usize) -> f64 {
        self.spread(|round| round[contestant].resident_bytes as f64).max
    }

    fn micros(&self, contestant: usize) -> f64 {
        self.spread(|round| round[contestant].processor_micros()).median
    }

    fn spread(&self, figure: impl Fn(&[Sample]) -> f64) -> Spread {
        Spread::of(self.0.iter().map(|round| figure(&round.samples)))
    }
}

/// The half of the rounds in which other programs did least. What was measured has no say in it, but that on a
/// very busy machine a process may not have run at all.
fn calmest(mut rounds: Vec<Round>) -> Vec<Round> {
    rounds.retain(|round| round.samples.iter().all(|sample| sample.requests > 0));
    assert!(!rounds.is_empty(), "in every round a server or its load got no processor time");
    rounds.sort_by_key(|round| round.others);
    rounds.truncate(rounds.len().div_ceil(2));
    rounds
}
