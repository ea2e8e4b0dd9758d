//! What is promised of a read, as the earliest moment at which its answer may have been right:
//!
//! - A read of an instance with `--reads redis`, and whatever says `not found` to a lookup: the read's own start.
//! - A record that an instance with `--reads mirror` gives, and what its lists say: LAG and the delay of the link to Redis
//!   before the read's start. In an outage it is as long before the outage's start: what was right then, or at any moment
//!   since. An outage is from the moment before a fault until RECOVERY after its end, as the one knows who made the fault.
//!   Where health said all the while that all is well, there was none.
//! - Whoever has registered or deregistered with an instance finds that there, or something later: at once, and always.
//! - An instance that is with a master in whose place there is another one knows no better, be it that both are cut off from
//!   the rest, or that a sentinel didn't know of the new one yet. What it says was right when the fault began, or later.

use super::Bound;
use super::call::{Call, Moment, Saw, What};

const SECOND: Moment = 1_000_000_000;

/// By how much a mirror may lag behind Redis when its link is silent.
pub(crate) const LAG: Moment = SECOND;

/// How long after a fault's end an instance may need to have joined Redis again: the longest wait between two attempts, an
/// attempt that was under way and has to time out, and a load.
pub(crate) const RECOVERY: Moment = 5 * SECOND;

/// A look at health proves nothing of what was further away from it: an instance may have lost Redis, found it again and
/// loaded all in between.
pub(crate) const BETWEEN_LOOKS: Moment = 35_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    Redis,
    Mirror,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

/// One look at an instance's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) span: Span,
    /// It said that all is well. No answer is none.
    pub(crate) well: bool,
}

/// What is known of one instance, apart from its answers.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) reads: Reads,
    /// The delay of its link to Redis.
    pub(crate) link: Moment,
    pub(crate) outages: Vec<Span>,
    /// When it may have been with a master in whose place there was another one.
    pub(crate) misled: Vec<Span>,
    /// In the order of time, one after another.
    pub(crate) looks: Vec<Look>,
}

impl Instance {
    pub(crate) fn new(reads: Reads) -> Instance {
        Instance { reads, link: 0, outages: Vec::new(), misled: Vec::new(), looks: Vec::new() }
    }

    fn with_joined_spans(&self) -> Instance {
        let (outages, misled) = (joined(&self.outages), joined(&self.misled));
        Instance { outages, misled, ..self.clone() }
    }

    fn earliest(&self, call: &Call) -> Moment {
        let beginning = |spans: &[Span]| {
            let overlapping = spans.iter().find(|span| span.from <= call.end && call.start <= span.until);
            overlapping.map_or(call.start, |span| span.from.min(call.start))
        };
        let misled = beginning(&self.misled);
        let from_mirror = matches!(call.what, What::Lookup(Saw::Record(_)) | What::List { .. });
        if self.reads == Reads::Redis || !from_mirror {
            return misled;
        }
        let outage = if self.was_well(call) { call.start } else { beginning(&self.outages) };
        misled.min(outage).saturating_sub(LAG + self.link)
    }

    /// Whether health said so before, during and after this call, without a gap.
    fn was_well(&self, call: &Call) -> bool {
        let first = self.looks.partition_point(|look| look.span.until <= call.start);
        let last = self.looks.partition_point(|look| look.span.from < call.end);
        let Some(around) = first.checked_sub(1).and_then(|first| self.looks.get(first..=last)) else {
            return false;
        };
        let is_close = |pair: &[Look]| pair[1].span.from.saturating_sub(pair[0].span.until) <= BETWEEN_LOOKS;
        around.iter().all(|look| look.well) && around.windows(2).all(is_close)
    }
}

/// Those that overlap as one: what begins in the recovery from another one may keep an instance out of reach all the while.
fn joined(spans: &[Span]) -> Vec<Span> {
    let mut sorted = spans.to_vec();
    sorted.sort_by_key(|span| span.from);
    let mut joined: Vec<Span> = Vec::new();
    for span in sorted {
        match joined.last_mut() {
            Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
            _ => joined.push(span),
        }
    }
    joined
}

/// How each of these calls on one name is bound.
pub(crate) fn bounds(calls: &[Call], instances: &[Instance]) -> Vec<Bound> {
    let own_writes: Vec<OwnWrites> =
        (0..instances.len()).map(|number| OwnWrites::of(number, calls)).collect();
    let instances: Vec<Instance> = instances.iter().map(Instance::with_joined_spans).collect();
    let bound = |call: &Call| {
        if call.is_write() {
            return Bound { from: call.start, after: Vec::new() };
        }
        let from = instances[call.instance].earliest(call);
        // What was over before that is behind it anyway.
        Bound { from, after: own_writes[call.instance].ended(from, call.start) }
    };
    calls.iter().map(bound).collect()
}

/// What an instance has acknowledged: ends and places in the history, in the order of time.
struct OwnWrites(Vec<(Moment, usize)>);

impl OwnWrites {
    fn of(instance: usize, calls: &[Call]) -> OwnWrites {
        let own = calls.iter().enumerate().filter(|(_, call)| call.instance == instance);
        let acknowledged = own.filter(|(_, call)| call.is_acknowledged_write());
        let mut ends: Vec<(Moment, usize)> = acknowledged.map(|(place, call)| (call.end, place)).collect();
        ends.sort_unstable();
        OwnWrites(ends)
    }

    fn ended(&self, since: Moment, before: Moment) -> Vec<usize> {
        let place = |moment: Moment| self.0.partition_point(|(end, _)| *end < moment);
        let (first, last) = (place(since), place(before));
        self.0.get(first..last).unwrap_or_default().iter().map(|(_, place)| *place).collect()
    }
}
