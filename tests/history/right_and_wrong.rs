//! Histories that are wrong, each with what must be found in it, and right ones that differ from them by little. They are
//! drawn in `drawings/`, as `drawing` has it: a line that says what is to be seen, and the calls.

use crate::drawing::Drawing;

/// Judges each drawing of a file.
fn judge_all(file: &str) {
    let drawings: Vec<&str> = file.split("\n\n").collect();
    let count = |mark| file.matches(mark).count();
    assert!(drawings.len() > 5 && count('✗') + count('↯') > 2, "too little in\n{file}");
    for drawing in drawings {
        let (what, lines) = drawing.split_once(":\n").unwrap_or_else(|| panic!("no title: {drawing}"));
        Drawing::parse(lines).judge(what);
    }
}

#[test]
fn reads_of_redis() {
    judge_all(include_str!("drawings/reads_of_redis.txt"));
}

#[test]
fn calls_at_the_same_time() {
    judge_all(include_str!("drawings/calls_at_the_same_time.txt"));
}

#[test]
fn writes_without_an_acknowledgement() {
    judge_all(include_str!("drawings/writes_without_an_acknowledgement.txt"));
}

#[test]
fn removals() {
    judge_all(include_str!("drawings/removals.txt"));
}

#[test]
fn reads_of_a_mirror() {
    judge_all(include_str!("drawings/reads_of_a_mirror.txt"));
}

#[test]
fn outages() {
    judge_all(include_str!("drawings/outages.txt"));
}
