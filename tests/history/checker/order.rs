//! Is there one order of all calls on a name that explains every answer? Each call has its place in the order somewhere
//! between its start and its end (a mirror's read may have it earlier, see `promise`); a write that wasn't acknowledged
//! has its place anywhere after its start, or none.
//!
//! The search goes through time and keeps all states that the name may be in. A call is put in its place no sooner than
//! something needs it: when it ends, or when another one that ends can be explained in no other way. That keeps the states
//! few, and when none is left, the call that ended just then is the one that nothing explains.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Call, Moment, Saw, Serial, What};
use super::{Bound, Violation, never_written};

/// Stands for the record of any registration that no lookup ever saw.
const UNSEEN: Serial = Serial::MAX;

/// What the name may be like at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// The record there is.
    record: Option<Serial>,
    /// Writes under way that have happened already.
    happened: BTreeSet<usize>,
    /// Reads under way that have their answer already.
    answered: BTreeSet<usize>,
    /// Unacknowledged registrations with a serial that somebody saw, which have happened.
    used: BTreeSet<usize>,
    /// How many of the other unacknowledged registrations and deregistrations have happened: which ones makes no difference.
    unseen: usize,
    removals: usize,
}

impl State {
    /// Whether whatever the other allows, this one allows as well.
    fn is_as_good_as(&self, other: &State) -> bool {
        self.record == other.record
            && self.happened == other.happened
            && self.answered.is_superset(&other.answered)
            && self.used.is_subset(&other.used)
            && self.unseen <= other.unseen
            && self.removals <= other.removals
    }
}

/// The calls under way, and the unacknowledged writes that have begun.
struct Search<'a> {
    calls: &'a [Call],
    bounds: &'a [Bound],
    writes: BTreeSet<usize>,
    reads: BTreeSet<usize>,
    /// Acknowledged writes that are not yet over, whether begun or not.
    unfinished: BTreeSet<usize>,
    /// For each record that a lookup gave, the last to end of those.
    last_seen: BTreeMap<Serial, usize>,
    /// Unacknowledged registrations of such records, until that lookup is over.
    seen: BTreeMap<usize, Serial>,
    unseen: usize,
    removals: usize,
}

/// All calls on one name, which nobody had registered before. Reads that were told nothing are passed over.
pub(crate) fn check(calls: &[Call], bounds: &[Bound]) -> Vec<Violation> {
    let mut wrong = never_written(calls);
    let unwritten: BTreeSet<usize> = wrong.iter().map(|violation| violation.call).collect();
    let mut search = Search::new(calls, bounds);
    let mut states = vec![State::default()];
    for (_, is_end, place) in events(calls, bounds, &unwritten) {
        if !is_end {
            search.begin(place, calls);
            states.iter_mut().for_each(|state| search.answer_reads(state));
            continue;
        }
        let mut explained = search.explain(place, &states);
        if explained.is_empty() {
            let possible: BTreeSet<String> = states.iter().map(|state| shown(state.record)).collect();
            let possible = Vec::from_iter(possible).join(" or ");
            wrong.push(Violation { call: place, why: format!("nothing explains this: {possible} was due") });
            explained = search.pass_over(place, states);
        }
        search.end(place, &mut explained);
        states = explained;
        states.iter_mut().for_each(|state| search.answer_reads(state));
        keep_the_best(&mut states);
    }
    wrong
}

fn shown(record: Option<Serial>) -> String {
    match record {
        None => "not found".to_owned(),
        Some(UNSEEN) => "an unacknowledged one".to_owned(),
        Some(serial) => serial.to_string(),
    }
}

/// Beginnings and ends in the order of time. What ends at the moment at which another begins overlaps with it.
fn events(calls: &[Call], bounds: &[Bound], left_out: &BTreeSet<usize>) -> Vec<(Moment, bool, usize)> {
    let mut events = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        if call.what == What::Lookup(Saw::Unavailable) || left_out.contains(&place) {
            continue;
        }
        events.push((bounds[place].from, false, place));
        if !call.is_write() || call.is_acknowledged_write() {
            events.push((call.end, true, place));
        }
    }
    events.sort_unstable();
    events
}

/// Drops each state that another one is as good as.
fn keep_the_best(states: &mut Vec<State>) {
    states.sort_unstable();
    states.dedup();
    let all = std::mem::take(states);
    for (place, state) in all.iter().enumerate() {
        // Of two that are as good as each other the first stays: equal ones are gone already.
        let others = all.iter().enumerate().filter(|(other, _)| *other != place);
        if !others.into_iter().any(|(_, other)| other.is_as_good_as(state)) {
            states.push(state.clone());
        }
    }
}

impl<'a> Search<'a> {
    fn new(calls: &'a [Call], bounds: &'a [Bound]) -> Search<'a> {
        let unfinished = (0..calls.len()).filter(|place| calls[*place].is_acknowledged_write()).collect();
        let mut by_end: Vec<usize> = (0..calls.len()).collect();
        by_end.sort_by_key(|place| calls[*place].end);
        let record = |place: usize| match calls[place].what {
            What::Lookup(Saw::Record(serial)) => Some((serial, place)),
            _ => None,
        };
        let last_seen = by_end.into_iter().filter_map(record).collect();
        Search {
            calls,
            bounds,
            writes: BTreeSet::new(),
            reads: BTreeSet::new(),
            unfinished,
            last_seen,
            seen: BTreeMap::new(),
            unseen: 0,
            removals: 0,
        }
    }

    fn begin(&mut self, place: usize, calls: &[Call]) {
        match calls[place].what {
            What::Lookup(_) | What::List { .. } => {
                self.reads.insert(place);
            }
            What::Register { acknowledged: true, .. } | What::Deregister { found: Some(_) } => {
                self.writes.insert(place);
            }
            What::Deregister { found: None } => self.removals += 1,
            What::Register { serial, .. } => match self.last_seen.get(&serial) {
                Some(_) => drop(self.seen.insert(place, serial)),
                None => self.unseen += 1,
            },
        }
    }

    /// This call is over, in all these states.
    fn end(&mut self, place: usize, states: &mut [State]) {
        self.writes.remove(&place);
        self.reads.remove(&place);
        self.unfinished.remove(&place);
        // The last read of a record is over, so its registration has happened, whatever else has.
        let What::Lookup(Saw::Record(serial)) = self.calls[place].what else { return };
        if self.last_seen.get(&serial) == Some(&place) {
            self.seen.retain(|_, seen| *seen != serial);
            states.iter_mut().for_each(|state| state.used.retain(|used| self.seen.contains_key(used)));
        }
    }

    /// The states after the end of this call, in which it has its place.
    fn explain(&self, place: usize, states: &[State]) -> Vec<State> {
        let is_in_place = |state: &State| state.happened.contains(&place) || state.answered.contains(&place);
        let mut tried: Vec<State> = Vec::new();
        let mut left: Vec<State> = states.to_vec();
        let mut explained = Vec::new();
        while let Some(mut state) = left.pop() {
            if is_in_place(&state) {
                state.happened.remove(&place);
                state.answered.remove(&place);
                explained.push(state);
            } else if !tried.iter().any(|tried| tried.is_as_good_as(&state)) {
                left.extend(self.steps(&state));
                tried.push(state);
            }
        }
        explained
    }

    /// All states as they would be if this call, which nothing explains, had been right: so that the search can go on.
    fn pass_over(&self, place: usize, mut states: Vec<State>) -> Vec<State> {
        if let What::Deregister { .. } = self.calls[place].what {
            states.iter_mut().for_each(|state| state.record = None);
        }
        states
    }

    /// What each one write more that may happen now makes of this state.
    fn steps(&self, state: &State) -> Vec<State> {
        let mut steps = Vec::new();
        let mut step = |record: Option<Serial>, change: &dyn Fn(&mut State)| {
            let mut next = State { record, ..state.clone() };
            change(&mut next);
            self.answer_reads(&mut next);
            steps.push(next);
        };
        for place in self.writes.difference(&state.happened).copied() {
            let happens = |next: &mut State| next.happened.extend([place]);
            match self.calls[place].what {
                What::Register { serial, .. } => step(Some(serial), &happens),
                What::Deregister { found } if found == Some(state.record.is_some()) => step(None, &happens),
                _ => {}
            }
        }
        // A write without an acknowledgement happens only just before a call that it explains.
        for (place, serial) in self.seen.iter().filter(|(place, _)| !state.used.contains(place)) {
            if self.is_wanted(state, Some(*serial)) {
                step(Some(*serial), &|next| next.used.extend([*place]));
            }
        }
        if state.unseen < self.unseen && self.is_wanted(state, Some(UNSEEN)) {
            step(Some(UNSEEN), &|next| next.unseen += 1);
        }
        if state.removals < self.removals && self.is_wanted(state, None) {
            step(None, &|next| next.removals += 1);
        }
        steps
    }

    /// Whether some call under way would find its place if this were the record now, and does not as it is.
    fn is_wanted(&self, state: &State, record: Option<Serial>) -> bool {
        let is_read = |place: &usize| self.fits(*place, record) && !self.fits(*place, state.record);
        let is_removal = |place: &usize| {
            let due = What::Deregister { found: Some(record.is_some()) };
            self.calls[*place].what == due && record.is_some() != state.record.is_some()
        };
        self.reads.difference(&state.answered).any(is_read)
            || self.writes.difference(&state.happened).any(is_removal)
    }

    /// Whether this read would say this of this record.
    fn fits(&self, place: usize, record: Option<Serial>) -> bool {
        match self.calls[place].what {
            What::Lookup(Saw::Record(serial)) => record == Some(serial),
            What::Lookup(Saw::NotFound) => record.is_none(),
            What::List { there } => there == record.is_some(),
            _ => false,
        }
    }

    /// Gives their place to all reads under way that this state explains: sooner is never worse than later.
    fn answer_reads(&self, state: &mut State) {
        let is_free = |after: &usize| !self.unfinished.contains(after) || state.happened.contains(after);
        let explained =
            |place: &usize| self.fits(*place, state.record) && self.bounds[*place].after.iter().all(is_free);
        let answered: Vec<usize> =
            self.reads.difference(&state.answered).copied().filter(explained).collect();
        state.answered.extend(answered);
    }
}
