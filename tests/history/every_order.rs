//! The plain way to look for an order of calls: try every one. Only for histories of a handful of calls.

use crate::checker::Bound;
use crate::checker::call::{Call, Saw, Serial, What};

/// Whether what a removal says it found must be right as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removals {
    Judged,
    Taken,
}

/// Whether some order of these calls, in which each stands between its start and its end, explains every answer.
/// Unacknowledged writes may stand anywhere after their start, or nowhere.
pub(crate) fn is_explained(calls: &[Call], bounds: &[Bound], removals: Removals) -> bool {
    let left: Vec<usize> = (0..calls.len()).collect();
    search(calls, bounds, removals, &left, None)
}

fn search(
    calls: &[Call],
    bounds: &[Bound],
    removals: Removals,
    left: &[usize],
    record: Option<Serial>,
) -> bool {
    if left.iter().all(|place| may_be_left_out(&calls[*place])) {
        return true;
    }
    left.iter().any(|place| {
        let must_wait = left.iter().any(|other| {
            let ends_before = !may_be_left_out(&calls[*other]) && calls[*other].end < bounds[*place].from;
            ends_before || bounds[*place].after.contains(other)
        });
        let others: Vec<usize> = left.iter().copied().filter(|other| other != place).collect();
        !must_wait
            && outcome(&calls[*place].what, removals, record)
                .is_some_and(|next| search(calls, bounds, removals, &others, next))
    })
}

fn may_be_left_out(call: &Call) -> bool {
    call.what == What::Lookup(Saw::Unavailable) || (call.is_write() && !call.is_acknowledged_write())
}

/// The record after this call; `None` where the call says what isn't so.
fn outcome(what: &What, removals: Removals, record: Option<Serial>) -> Option<Option<Serial>> {
    let (is_right, next) = match *what {
        What::Register { serial, .. } => (true, Some(serial)),
        What::Deregister { found: Some(found) } if removals == Removals::Judged => {
            (found == record.is_some(), None)
        }
        What::Deregister { .. } => (true, None),
        What::Lookup(Saw::Record(serial)) => (record == Some(serial), record),
        What::Lookup(Saw::NotFound) => (record.is_none(), record),
        What::Lookup(Saw::Unavailable) => (true, record),
        What::List { there } => (there == record.is_some(), record),
    };
    is_right.then_some(next)
}
