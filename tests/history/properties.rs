//! Both checks on histories that nobody thought of: small ones, which every order is tried for, and long ones made from an
//! order, which are right until one answer is changed.

use proptest::prelude::*;

use crate::checker::call::{Call, Moment, Saw, Serial, What};
use crate::checker::{Bound, latest, order};
use crate::dice::Dice;
use crate::every_order::{Removals, is_explained};

/// Most calls of a small history: the plain search takes the factorial of it.
const MOST: usize = 7;

fn any_what(serial: Serial) -> impl Strategy<Value = What> {
    let seen = 0..MOST as Serial;
    prop_oneof![
        4 => any::<bool>().prop_map(move |acknowledged| What::Register { serial, acknowledged }),
        2 => any::<Option<bool>>().prop_map(|found| What::Deregister { found }),
        4 => seen.prop_map(|serial| What::Lookup(Saw::Record(serial))),
        2 => Just(What::Lookup(Saw::NotFound)),
        1 => any::<bool>().prop_map(|there| What::List { there }),
        1 => Just(What::Lookup(Saw::Unavailable)),
    ]
}

/// A read may have its place so much earlier than it began, and may come after some of the writes that ended before it.
fn small_history() -> impl Strategy<Value = (Vec<Call>, Vec<Bound>)> {
    let call = |serial| (10_u64..22, 0_u64..6, any_what(serial), 0_u64..6, any::<u8>());
    let calls: Vec<_> = (0..MOST as Serial).map(call).collect();
    (1..=MOST, calls).prop_map(|(count, drawn)| {
        let call = |(start, length, what, ..): &(u64, u64, What, u64, u8)| Call {
            instance: 0,
            start: *start,
            end: start + length,
            what: *what,
        };
        let calls: Vec<Call> = drawn[..count].iter().map(call).collect();
        let bound = |(call, (.., early, after)): (&Call, &(u64, u64, What, u64, u8))| {
            if call.is_write() {
                return Bound { from: call.start, after: vec![] };
            }
            let is_before = |write: &Call| write.is_acknowledged_write() && write.end < call.start;
            let after = (0..count).filter(|place| after >> place & 1 == 1 && is_before(&calls[*place]));
            Bound { from: call.start - early, after: after.collect() }
        };
        let bounds = calls.iter().zip(&drawn).map(bound).collect();
        (calls, bounds)
    })
}

/// The writes and one read.
fn with_one_read(calls: &[Call], read: usize) -> Vec<Call> {
    let mut calls = calls.to_vec();
    let others = calls.iter_mut().enumerate().filter(|(place, call)| !call.is_write() && *place != read);
    others.for_each(|(_, call)| call.what = What::Lookup(Saw::Unavailable));
    calls
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn an_order_is_found_where_there_is_one((calls, bounds) in small_history()) {
        let wrong = order::check(&calls, &bounds);
        prop_assert_eq!(wrong.is_empty(), is_explained(&calls, &bounds, Removals::Judged), "{:?}", wrong);
    }

    #[test]
    fn a_read_is_right_where_it_has_a_place_among_the_writes((calls, bounds) in small_history()) {
        let wrong: Vec<usize> = latest::check(&calls, &bounds).iter().map(|wrong| wrong.call).collect();
        for read in (0..calls.len()).filter(|place| !calls[*place].is_write()) {
            let alone = with_one_read(&calls, read);
            prop_assert_eq!(!wrong.contains(&read), is_explained(&alone, &bounds, Removals::Taken), "call {}", read);
        }
    }

    #[test]
    fn what_order_explains_is_right_for_each_read((calls, bounds) in small_history()) {
        if order::check(&calls, &bounds).is_empty() {
            prop_assert_eq!(latest::check(&calls, &bounds), vec![]);
        }
    }
}

/// Calls that a long history is made of.
const CALLS: usize = 400;
/// How far a call reaches to both sides of its place, at most.
const REACH: usize = 40;
/// By how much the reads of a mirror may lag.
const LAG: usize = 200;

/// A right history: each call has its place, and says what was so then, or for a mirror's read at some moment before.
fn long_history(dice: &mut Dice) -> (Vec<Call>, Vec<Bound>) {
    let mut records: Vec<(Moment, Option<Serial>)> = vec![(0, None)];
    let (mut calls, mut bounds) = (Vec::new(), Vec::new());
    let mut now = 10_000;
    for serial in 0..CALLS as Serial {
        now += dice.below(REACH) as Moment;
        let start = now - dice.below(REACH) as Moment;
        let end = now + dice.below(REACH) as Moment;
        let record = records.last().unwrap().1;
        let is_acknowledged = dice.below(5) > 0;
        let lag = if dice.below(2) == 0 { LAG } else { 0 };
        let then = now - dice.below(lag + 1) as Moment;
        let seen = records.iter().rev().find(|(since, _)| *since <= then).unwrap().1;
        let happens = is_acknowledged || dice.below(2) == 0;
        let (from, what) = match dice.below(10) {
            0..3 => (start, What::Register { serial, acknowledged: is_acknowledged }),
            3 => (start, What::Deregister { found: is_acknowledged.then_some(record.is_some()) }),
            4 => (start - lag as Moment, What::List { there: seen.is_some() }),
            _ => (start - lag as Moment, What::Lookup(seen.map_or(Saw::NotFound, Saw::Record))),
        };
        match what {
            What::Register { .. } if happens => records.push((now, Some(serial))),
            What::Deregister { .. } if happens => records.push((now, None)),
            _ => {}
        }
        let mut call = Call { instance: 0, start, end, what };
        if call.is_write() && !is_acknowledged {
            // Nobody waits for it.
            call.end = start;
        }
        calls.push(call);
        bounds.push(Bound { from, after: vec![] });
    }
    (calls, bounds)
}

/// Another answer for a read of a record, by which an acknowledged write is missing.
fn made_stale(calls: &[Call], bounds: &[Bound], dice: &mut Dice) -> Option<(usize, What)> {
    let acknowledged: Vec<&Call> = calls.iter().filter(|call| call.is_acknowledged_write()).collect();
    let reads = |place: &usize| matches!(calls[*place].what, What::Lookup(_));
    let reads: Vec<usize> = (0..calls.len()).filter(reads).collect();
    let read = *dice.one_of(&reads);
    let is_superseded = |write: &&&Call| {
        let is_over = |later: &&Call| later.start > write.end && later.end < bounds[read].from;
        acknowledged.iter().any(is_over)
    };
    let superseded: Vec<&&Call> = acknowledged.iter().filter(is_superseded).collect();
    if superseded.is_empty() {
        return None;
    }
    match dice.one_of(&superseded).what {
        What::Register { serial, .. } => Some((read, What::Lookup(Saw::Record(serial)))),
        _ => None,
    }
}

#[test]
fn a_long_history_is_right_until_an_answer_is_changed() {
    let mut changed = 0;
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let (mut calls, bounds) = long_history(&mut dice);
        assert_eq!(order::check(&calls, &bounds), vec![], "seed {seed}");
        assert_eq!(latest::check(&calls, &bounds), vec![], "seed {seed}");
        let Some((read, what)) = made_stale(&calls, &bounds, &mut dice) else { continue };
        calls[read].what = what;
        for wrong in [order::check(&calls, &bounds), latest::check(&calls, &bounds)] {
            let places: Vec<usize> = wrong.iter().map(|wrong| wrong.call).collect();
            assert!(places.contains(&read), "seed {seed}: {} is not among {wrong:?}", calls[read]);
        }
        changed += 1;
    }
    assert!(changed > 30, "only {changed} histories were changed");
}

/// Otherwise the properties above would say little.
#[test]
fn many_small_histories_are_right_and_many_are_wrong() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    const TRIES: usize = 1000;
    let mut runner = TestRunner::deterministic();
    let mut draw = || small_history().new_tree(&mut runner).unwrap().current();
    let is_right = |(calls, bounds): (Vec<Call>, Vec<Bound>)| order::check(&calls, &bounds).is_empty();
    let right = (0..TRIES).filter(|_| is_right(draw())).count();
    assert!((TRIES / 5..TRIES * 4 / 5).contains(&right), "{right} of {TRIES}");
}
