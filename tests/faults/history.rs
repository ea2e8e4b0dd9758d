//! What all agents were told in one part of the run, put together by name, and judged by the checker.

use std::collections::BTreeMap;

use crate::agents::{Diary, Name, Unserved};
use crate::checker::call::{Call, Moment, Saw, What, seconds};
use crate::checker::promise::{self, Instance, Look, Reads, Span};
use crate::checker::{Bound, Strictness, Violation};
use crate::verdict::Verdict;

/// Health takes a tenth of it, where the machine has time.
const SLOW: Moment = 50_000_000;
/// Longer than anybody waits for Redis.
const MOMENT: Moment = 1_000_000_000;

pub(crate) struct Account {
    reads: Vec<Reads>,
    outages: Vec<Vec<Span>>,
    /// When an instance may have been with a master in whose place there was another one.
    misled: Vec<Vec<Span>>,
    pub(crate) looks: Vec<Vec<Look>>,
    calls: BTreeMap<Name, Vec<Call>>,
    unserved: Vec<Unserved>,
    odd: Vec<String>,
}

impl Account {
    pub(crate) fn of(reads: &[Reads]) -> Account {
        let none = || reads.iter().map(|_| Vec::new()).collect();
        Account {
            reads: reads.to_vec(),
            outages: none(),
            misled: none(),
            looks: reads.iter().map(|_| Vec::new()).collect(),
            calls: BTreeMap::new(),
            unserved: Vec::new(),
            odd: Vec::new(),
        }
    }

    pub(crate) fn outage(&mut self, instances: &[usize], span: Span) {
        instances.iter().for_each(|instance| self.outages[*instance].push(span));
    }

    pub(crate) fn misled(&mut self, instances: &[usize], span: Span) {
        instances.iter().for_each(|instance| self.misled[*instance].push(span));
    }

    pub(crate) fn add(&mut self, diary: Diary) {
        for (name, call) in diary.calls {
            self.calls.entry(name).or_default().push(call);
        }
        self.unserved.extend(diary.unserved);
        self.odd.extend(diary.odd);
    }

    pub(crate) fn calls(&self) -> &BTreeMap<Name, Vec<Call>> {
        &self.calls
    }

    fn instances(&self) -> Vec<Instance> {
        let instance = |(number, reads): (usize, &Reads)| Instance {
            outages: self.outages[number].clone(),
            misled: self.misled[number].clone(),
            looks: self.looks[number].clone(),
            ..Instance::new(*reads)
        };
        self.reads.iter().enumerate().map(instance).collect()
    }

    pub(crate) fn judge(&self, strictness: Strictness, verdict: &mut Verdict) {
        verdict.check("no answer that is none", &self.odd);
        verdict.check("everybody was served where there was no fault", &self.unserved_in_calm());
        let instances = self.instances();
        self.tell_of_misled(strictness, &instances);
        let (mut wrong, mut not_own) = (Vec::new(), Vec::new());
        for (name, calls) in &self.calls {
            let bounds = promise::bounds(calls, &instances);
            let shown =
                |violation: &Violation| format!("{}: {}", name.text(), violation.shown(calls, &bounds));
            // The same as if no instance had to know what it has acknowledged itself.
            let apart: Vec<Bound> =
                bounds.iter().map(|bound| Bound { from: bound.from, after: Vec::new() }).collect();
            let found = strictness.check(calls, &apart);
            wrong.extend(found.iter().map(shown));
            let is_new = |violation: &&Violation| found.iter().all(|earlier| earlier.call != violation.call);
            not_own.extend(strictness.check(calls, &bounds).iter().filter(is_new).map(shown));
        }
        verdict.check("every answer is explained by what was promised", &wrong);
        verdict.check("what an instance has acknowledged itself, it gives from then on", &not_own);
    }

    /// Counts the reads that were right only before another master was there, which nothing but that excuses.
    fn tell_of_misled(&self, strictness: Strictness, instances: &[Instance]) {
        if self.misled.iter().all(Vec::is_empty) {
            return;
        }
        let unexcused = |instance: &Instance| Instance { misled: Vec::new(), ..instance.clone() };
        let unexcused: Vec<Instance> = instances.iter().map(unexcused).collect();
        let mut reads: BTreeMap<(usize, Moment), (usize, Moment)> = BTreeMap::new();
        for calls in self.calls.values() {
            for violation in strictness.check(calls, &promise::bounds(calls, &unexcused)) {
                let call = &calls[violation.call];
                let mut spans = self.misled[call.instance].iter();
                let Some(span) = spans.rfind(|span| span.from <= call.end) else { continue };
                let (count, last) = reads.entry((call.instance, span.from)).or_default();
                *count += 1;
                *last = call.end.max(*last);
            }
        }
        for ((instance, from), (count, last)) in reads {
            println!(
                "  instance {instance}: {count} reads of an old master, the last {:.2} s after the fault at {:.1} s began",
                (last - from) as f64 / 1e9,
                from as f64 / 1e9
            );
        }
    }

    /// How many registrations of names that were never touched again were acknowledged, and which of them an instance didn't
    /// have in the end.
    pub(crate) fn lost(&self) -> (usize, Vec<String>) {
        let acknowledged = || self.kept().filter(|(_, acknowledged)| *acknowledged);
        let is_lost = |(name, _): &(Name, bool)| {
            let calls = &self.calls[name];
            calls.iter().any(|call| call.what == What::Lookup(Saw::NotFound))
        };
        let shown = |(name, _): (Name, bool)| {
            let calls = self.calls[&name].iter().map(|call| format!("\n  {call}"));
            name.text() + &calls.collect::<String>()
        };
        (acknowledged().count(), acknowledged().filter(is_lost).map(shown).collect())
    }

    /// Writes that were acknowledged within one of these spans: by any instance, or by the one that is named.
    pub(crate) fn acknowledged_in(&self, spans: &[(Option<usize>, Span)]) -> Vec<String> {
        let is_within = |call: &Call| {
            spans.iter().any(|(instance, span)| {
                instance.is_none_or(|instance| instance == call.instance)
                    && call.start >= span.from
                    && call.end <= span.until
            })
        };
        let all = self.calls.iter().flat_map(|(name, calls)| calls.iter().map(move |call| (name, call)));
        let within = all.filter(|(_, call)| call.is_acknowledged_write() && is_within(call));
        within.map(|(name, call)| format!("{}: {call}", name.text())).collect()
    }

    /// The figures of the run.
    pub(crate) fn tell(&self) {
        let calls = || self.calls.values().flatten();
        let count = |holds: &dyn Fn(&Call) -> bool| calls().filter(|call| holds(call)).count();
        let read = |call: &Call| matches!(call.what, What::Lookup(saw) if saw != Saw::Unavailable);
        println!(
            "  {} calls: {} writes acknowledged, {} not; {} lookups answered, {} not; {} names",
            count(&|_| true),
            count(&Call::is_acknowledged_write),
            count(&|call| call.is_write() && !call.is_acknowledged_write()),
            count(&read),
            count(&|call| call.what == What::Lookup(Saw::Unavailable)),
            self.calls.len()
        );
        for (number, reads) in self.reads.iter().enumerate() {
            let mut took: Vec<u64> = calls()
                .filter(|call| call.instance == number && read(call))
                .map(|call| call.end - call.start)
                .collect();
            took.sort_unstable();
            let at = |share: usize| took.get(took.len() * share / 1000).copied().unwrap_or_default() / 1000;
            let looks = &self.looks[number];
            println!(
                "  instance {number} ({reads:?}): lookups µs p50 {} p99 {} p99.9 {} most {}; {} looks at its health, {} well",
                at(500),
                at(990),
                at(999),
                took.last().copied().unwrap_or_default() / 1000,
                looks.len(),
                looks.iter().filter(|look| look.well).count()
            );
        }
    }

    /// Calls without an answer that no fault excuses, nor a machine that had no time.
    fn unserved_in_calm(&self) -> Vec<String> {
        let is_excused = |unserved: &&Unserved| {
            let overlaps = |span: &Span| span.from <= unserved.end && unserved.start <= span.until;
            self.outages[unserved.instance].iter().any(overlaps)
        };
        let calm = self.unserved.iter().filter(|unserved| !is_excused(unserved));
        let (slow, prompt): (Vec<&Unserved>, Vec<&Unserved>) = calm.partition(|one| self.was_slow(one));
        if !slow.is_empty() {
            println!("  {} calls were not served because the machine had no time", slow.len());
        }
        let line = |Unserved { instance, start, end, why }: &Unserved| {
            format!("{} … {}  instance {instance}  {why}", seconds(*start), seconds(*end))
        };
        prompt.into_iter().map(line).collect()
    }

    /// Whether health, which waits for nobody, was answered slowly about then, by any instance that was not paused. A
    /// connection to Redis may have been given up because of that.
    fn was_slow(&self, unserved: &Unserved) -> bool {
        let near = |span: &Span| span.from <= unserved.end + MOMENT && unserved.start <= span.until + MOMENT;
        let has_slow = |(looks, outages): (&Vec<Look>, &Vec<Span>)| {
            let is_paused = |look: &Look| {
                outages.iter().any(|span| span.from <= look.span.until && look.span.from <= span.until)
            };
            let slow = looks.iter().filter(|look| look.span.until - look.span.from > SLOW);
            slow.filter(|look| near(&look.span)).any(|look| !is_paused(look))
        };
        self.looks.iter().zip(&self.outages).any(has_slow)
    }
}
