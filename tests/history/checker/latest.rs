//! Does each read, judged by itself, give what the latest acknowledged write left, or one under way at the same time? A
//! write that wasn't acknowledged may count or not, for each read anew: where a master is lost before its replicas have
//! such a write, it was there for a while and then never has been. So this allows more than `order`, and what was
//! acknowledged must still be there.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Call, Moment, Saw, Serial, What};
use super::{Bound, Violation, never_written};

/// All calls on one name, which nobody had registered before. Reads that were told nothing are passed over.
pub(crate) fn check(calls: &[Call], bounds: &[Bound]) -> Vec<Violation> {
    let mut wrong = never_written(calls);
    let unwritten: BTreeSet<usize> = wrong.iter().map(|violation| violation.call).collect();
    let written = Written::by(calls);
    for (place, (call, bound)) in calls.iter().zip(bounds).enumerate() {
        let own = bound.after.iter().map(|write| calls[*write].start).max();
        let latest = written.latest_before(bound.from).max(own);
        if !unwritten.contains(&place) && !written.explains(call, latest) {
            let why = "an acknowledged write is missing in this".to_owned();
            wrong.push(Violation { call: place, why });
        }
    }
    wrong
}

/// A write's beginning and end; without an acknowledgement it never ends.
type Stretch = (Moment, Moment);

/// The writes of a history.
struct Written {
    /// Ends of acknowledged ones, each with the latest beginning among those that ended by then.
    latest: Vec<(Moment, Moment)>,
    registrations: BTreeMap<Serial, Stretch>,
    any_registration: Ends,
    any_removal: Ends,
}

/// Ends of writes, each with the earliest beginning among those that ended then or later.
struct Ends(Vec<(Moment, Moment)>);

impl Ends {
    fn of(writes: impl Iterator<Item = Stretch>) -> Ends {
        let mut ends: Vec<(Moment, Moment)> = writes.map(|(start, end)| (end, start)).collect();
        ends.sort_unstable();
        let mut earliest = Moment::MAX;
        for (_, start) in ends.iter_mut().rev() {
            earliest = earliest.min(*start);
            *start = earliest;
        }
        Ends(ends)
    }

    /// Whether one has begun by `until` and wasn't over before `since`.
    fn has(&self, since: Moment, until: Moment) -> bool {
        let first = self.0.partition_point(|(end, _)| *end < since);
        self.0.get(first).is_some_and(|(_, earliest)| *earliest <= until)
    }
}

impl Written {
    fn by(calls: &[Call]) -> Written {
        let span =
            |call: &Call| (call.start, if call.is_acknowledged_write() { call.end } else { Moment::MAX });
        let registration = |call: &Call| match call.what {
            What::Register { serial, .. } => Some((serial, span(call))),
            _ => None,
        };
        let is_removal = |call: &&Call| matches!(call.what, What::Deregister { .. });
        let registrations: BTreeMap<Serial, Stretch> = calls.iter().filter_map(registration).collect();
        let acknowledged = calls.iter().filter(|call| call.is_acknowledged_write());
        let mut latest: Vec<(Moment, Moment)> = acknowledged.map(|call| (call.end, call.start)).collect();
        latest.sort_unstable();
        let mut latest_start = 0;
        for (_, start) in &mut latest {
            latest_start = latest_start.max(*start);
            *start = latest_start;
        }
        let any_registration = Ends::of(registrations.values().copied());
        let any_removal = Ends::of(calls.iter().filter(is_removal).map(span));
        Written { latest, registrations, any_registration, any_removal }
    }

    /// Of all acknowledged writes that were over before this moment, the latest beginning: what was over before that one
    /// began is no longer right.
    fn latest_before(&self, moment: Moment) -> Option<Moment> {
        let count = self.latest.partition_point(|(end, _)| *end < moment);
        Some(self.latest[..count].last()?.1)
    }

    /// Whether some write that wasn't over before `latest` explains what this read says.
    fn explains(&self, read: &Call, latest: Option<Moment>) -> bool {
        let since = latest.unwrap_or_default();
        match read.what {
            What::Lookup(Saw::Record(serial)) => {
                self.registrations.get(&serial).is_some_and(|(_, end)| *end >= since)
            }
            What::List { there: true } => self.any_registration.has(since, read.end),
            // Nobody had registered it to begin with.
            What::Lookup(Saw::NotFound) | What::List { there: false } => {
                latest.is_none() || self.any_removal.has(since, read.end)
            }
            What::Lookup(Saw::Unavailable) | What::Register { .. } | What::Deregister { .. } => true,
        }
    }
}
