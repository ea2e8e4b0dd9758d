//! The history checker: given what many clients asked of several instances and what they were told, it says whether the
//! promises of docs/high-availability.md were kept. Each name is checked by itself. It is pure: it starts nothing, asks
//! nothing, and reads no clock, so that it can be tried on histories that are wrong.
//!
//! In reading order: `call` is what is checked; `promise` says from which moment on a read's answer may have been right;
//! `order` looks for one order of all calls on a name that explains every answer; `latest` judges each read by itself,
//! where a failover may take back what was never acknowledged.

pub(crate) mod call;
pub(crate) mod latest;
pub(crate) mod order;
pub(crate) mod promise;

use std::collections::BTreeMap;
use std::fmt;

use call::{Call, Moment, Saw, What};

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
    /// The call among those around it, for a person.
    pub(crate) fn shown(&self, calls: &[Call], bounds: &[Bound]) -> String {
        /// More than these nobody reads.
        const LINES: usize = 40;
        let wrong = &calls[self.call];
        let (from, until) = (bounds[self.call].from, wrong.end);
        let near = |call: &Call| {
            (call.end >= from && call.start <= until) || (call.is_write() && call.start <= until)
        };
        let mut around: Vec<usize> = (0..calls.len()).filter(|place| near(&calls[*place])).collect();
        around.sort_by_key(|place| calls[*place].start);
        let cut = around.len().saturating_sub(LINES);
        let line = |place: &usize| {
            let mark = if *place == self.call { "→" } else { " " };
            format!("\n  {mark} {}", calls[*place])
        };
        let left_out = (cut > 0).then(|| format!("\n    … {cut} earlier ones …"));
        let lines: String = left_out.into_iter().chain(around[cut..].iter().map(line)).collect();
        format!("{self}{lines}")
    }
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
