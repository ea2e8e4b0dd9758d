//! The history checker: given what many clients asked of several instances and what they were told, it says whether the
//! promises of docs/high-availability.md were kept. Each name is checked by itself. It is pure: it starts nothing, asks
//! nothing, and reads no clock, so that it can be tried on histories that are wrong.
//!
//! In reading order: `call` is what is checked; `promise` says from which moment on a read's answer may have been right;
//! `order` looks for one order of calls on a name that explains every answer; `latest` judges each read by itself. Which of
//! the two is due is for `Strictness` to say.

pub(crate) mod call;
pub(crate) mod latest;
pub(crate) mod order;
pub(crate) mod promise;

use std::collections::BTreeMap;
use std::fmt;

use call::{Call, Moment, Saw, What};

/// How strictly a history is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// All writes, and all reads that may not lag, have one order. A read that may lag is judged by itself.
    OneOrder,
    /// Each read is judged by itself: where there are failovers, what was never acknowledged may be seen and then be gone.
    EachRead,
}

impl Strictness {
    /// What is wrong with these calls on one name, which nobody had registered before.
    pub(crate) fn check(self, calls: &[Call], bounds: &[Bound]) -> Vec<Violation> {
        let mut wrong = latest::check(calls, bounds);
        if self == Strictness::OneOrder {
            let may_lag = |place: usize| bounds[place].from < calls[place].start;
            wrong.retain(|violation| may_lag(violation.call));
            let mut prompt = calls.to_vec();
            let lagging = prompt.iter_mut().enumerate().filter(|(place, _)| may_lag(*place));
            lagging.for_each(|(_, call)| call.what = What::Lookup(Saw::Unavailable));
            wrong.extend(order::check(&prompt, bounds));
        }
        wrong
    }
}

/// How a call is bound to the others beyond its own start and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    /// A read's answer must have been right at some moment from then until the read's end. A write's is its start.
    pub(crate) from: Moment,
    /// A read must be no older than these writes, by their places in the history.
    pub(crate) after: Vec<usize>,
}

/// An answer that nothing explains, by the call's place in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) call: usize,
    pub(crate) why: String,
}

impl Violation {
    /// The call among those that tell what it should have been, for a person: the last writes that were acknowledged, the
    /// last that weren't, and what its instance said before.
    pub(crate) fn shown(&self, calls: &[Call], bounds: &[Bound]) -> String {
        let wrong = &calls[self.call];
        let is_like_it = |call: &Call| {
            call.instance == wrong.instance && !call.is_list() && call.end >= bounds[self.call].from
        };
        let mut shown = last(calls, wrong, Call::is_acknowledged_write);
        shown.extend(last(calls, wrong, |call| call.is_write() && !call.is_acknowledged_write()));
        shown.extend(last(calls, wrong, |call| !call.is_write() && is_like_it(call)));
        shown.push(self.call);
        shown.sort_by_key(|place| (calls[*place].start, *place));
        shown.dedup();
        let line = |place: &usize| {
            let mark = if *place == self.call { "→" } else { " " };
            format!("\n  {mark} {}", calls[*place])
        };
        format!("{self}{}", shown.iter().map(line).collect::<String>())
    }
}

/// The last few calls like this that began before the end of that one, by their places.
fn last(calls: &[Call], before: &Call, is_like: impl Fn(&Call) -> bool) -> Vec<usize> {
    /// More of a kind nobody reads.
    const FEW: usize = 8;
    let is_one = |place: &usize| calls[*place].start <= before.end && is_like(&calls[*place]);
    let mut places: Vec<usize> = (0..calls.len()).filter(is_one).collect();
    places.sort_by_key(|place| calls[*place].start);
    places.split_off(places.len().saturating_sub(FEW))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// Lookups that gave a record which nobody had begun to register by their end.
fn never_written(calls: &[Call]) -> Vec<Violation> {
    let mut begun = BTreeMap::new();
    for call in calls {
        if let What::Register { serial, .. } = call.what {
            assert_eq!(begun.insert(serial, call.start), None, "two registrations with serial {serial}");
        }
    }
    let place_if_wrong = |(place, call): (usize, &Call)| match call.what {
        What::Lookup(Saw::Record(serial)) => {
            let why = match begun.get(&serial) {
                None => "nobody ever registered this",
                Some(start) if *start > call.end => "this was registered only later",
                Some(_) => return None,
            };
            Some(Violation { call: place, why: why.to_owned() })
        }
        _ => None,
    };
    calls.iter().enumerate().filter_map(place_if_wrong).collect()
}
