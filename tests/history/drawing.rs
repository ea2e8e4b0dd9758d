//! Histories of one name, drawn: a line for each call, with a bar from its start to its end.
//!
//! ```text
//! R register 1    |--|                  what instance R acknowledged
//! M deregister         |--?             no acknowledgement came
//! R lookup 1            |--|            so does a lookup that finds 1
//! M lookup none               |-|  ✗    what must be found wrong
//! ```
//!
//! R and S read from Redis, M and N from their mirrors. A column is a tenth of a second, so that ten are what a mirror may lag.

use crate::checker::call::{Call, Moment, Saw, What};
use crate::checker::promise::{Instance, Look, Reads, Span, bounds};
use crate::checker::{Bound, Strictness, Violation};

/// A column of the drawing.
const COLUMN: Moment = 100_000_000;

/// The first column stands for this, so that there is a time before.
const FIRST: Moment = 60_000_000_000;

pub(crate) struct Drawing {
    calls: Vec<Call>,
    instances: Vec<Instance>,
    /// The places of calls that are wrong where all have one order, and of those that are also wrong where each read is judged
    /// by itself.
    out_of_order: Vec<usize>,
    wrong: Vec<usize>,
    text: String,
}

impl Drawing {
    /// Marks at a line's end: ✗ where a call is wrong in any case, ↯ where it is only because all have one order.
    pub(crate) fn parse(text: &str) -> Drawing {
        let redis = || Instance::new(Reads::Redis);
        let mirror = || Instance::new(Reads::Mirror);
        let mut drawing = Drawing {
            calls: Vec::new(),
            instances: vec![redis(), redis(), mirror(), mirror()],
            out_of_order: Vec::new(),
            wrong: Vec::new(),
            text: text.to_owned(),
        };
        text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| drawing.line(line));
        drawing
    }

    fn line(&mut self, line: &str) {
        let columns: Vec<char> = line.chars().collect();
        let first = columns.iter().position(|c| *c == '|').unwrap_or_else(|| panic!("no bar: {line}"));
        let is_end = |c: &char| matches!(c, '|' | '?');
        let last = columns[first + 1..].iter().position(is_end).unwrap_or_else(|| panic!("no end: {line}"));
        let last = first + 1 + last;
        let moment = |column: usize| FIRST + COLUMN * column as Moment;
        let words: String = columns[..first].iter().collect();
        let (instance, words) = words.trim().split_once(' ').unwrap_or_else(|| panic!("no words: {line}"));
        let instance = "RSMN".find(instance).unwrap_or_else(|| panic!("no instance: {line}"));
        let span = Span { from: moment(first), until: moment(last) };
        if let Some(what) = what(words.trim(), columns[last] == '|') {
            let rest: String = columns[last + 1..].iter().collect();
            match rest.trim() {
                "✗" => self.wrong.push(self.calls.len()),
                "↯" => self.out_of_order.push(self.calls.len()),
                other => assert_eq!(other, "", "no mark: {line}"),
            }
            self.calls.push(Call { instance, start: span.from, end: span.until, what });
            return;
        }
        let instance = &mut self.instances[instance];
        match words.trim() {
            "outage" => instance.outages.push(span),
            "misled" => instance.misled.push(span),
            health @ ("well" | "degraded") => {
                let look = |column| Span { from: moment(column), until: moment(column) + COLUMN };
                let looks = (first..last).map(|column| Look { span: look(column), well: health == "well" });
                instance.looks.extend(looks);
            }
            other => panic!("{other:?} is nothing that can be drawn"),
        }
    }

    /// What is marked is found, and nothing else.
    pub(crate) fn judge(&self, what: &str) {
        let bounds = bounds(&self.calls, &self.instances);
        let out_of_order: Vec<usize> = self.wrong.iter().chain(&self.out_of_order).copied().collect();
        for (strictness, due) in
            [(Strictness::OneOrder, out_of_order), (Strictness::EachRead, self.wrong.clone())]
        {
            let found = strictness.check(&self.calls, &bounds);
            let mut places: Vec<usize> = found.iter().map(|violation| violation.call).collect();
            places.sort_unstable();
            let mut due = due;
            due.sort_unstable();
            assert_eq!(places, due, "{strictness:?}: {what}\n{}\n{}", self.text, self.shown(&found, &bounds));
        }
    }

    fn shown(&self, found: &[Violation], bounds: &[Bound]) -> String {
        found.iter().map(|violation| violation.shown(&self.calls, bounds) + "\n").collect()
    }
}

fn what(words: &str, acknowledged: bool) -> Option<What> {
    let number = |text: &str| text.parse().unwrap_or_else(|e| panic!("{e}: {words}"));
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    Some(match (verb, rest) {
        ("register", serial) => What::Register { serial: number(serial), acknowledged },
        ("deregister", "") if !acknowledged => What::Deregister { found: None },
        ("deregister", "one") => What::Deregister { found: Some(true) },
        ("deregister", "none") => What::Deregister { found: Some(false) },
        ("lookup", "none") => What::Lookup(Saw::NotFound),
        ("lookup", "unavailable") => What::Lookup(Saw::Unavailable),
        ("lookup", serial) => What::Lookup(Saw::Record(number(serial))),
        ("list", "with") => What::List { there: true },
        ("list", "without") => What::List { there: false },
        _ => return None,
    })
}
