//! What passed and what failed, told line by line as it is found out, each failure with what a person needs to understand
//! it. Knows nothing of what is checked.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::machine::Machine;

/// Nothing, or what is wrong.
pub(crate) type Outcome = Result<(), String>;

#[derive(Default)]
pub(crate) struct Checks {
    passed: usize,
    failed: usize,
}

impl Checks {
    /// Passes unless this says, or panics with, what is wrong.
    pub(crate) fn check(&mut self, what: &str, look: impl FnOnce() -> Outcome) {
        let found = catch_unwind(AssertUnwindSafe(look));
        match found.unwrap_or_else(|panic| Err(words_of(panic.as_ref()))) {
            Ok(()) => {
                self.passed += 1;
                println!("  ok: {what}");
            }
            Err(wrong) => {
                self.failed += 1;
                println!("  FAILED: {what}\n    {}", wrong.trim_end().replace('\n', "\n    "));
            }
        }
    }

    /// The same, about a unit of this machine: its status and its journal are shown where something is wrong.
    pub(crate) fn of(&mut self, machine: &Machine, unit: &str, what: &str, look: impl FnOnce() -> Outcome) {
        self.check(what, || {
            let found = catch_unwind(AssertUnwindSafe(look));
            let found = found.unwrap_or_else(|panic| Err(words_of(panic.as_ref())));
            found.map_err(|wrong| format!("{wrong}\n{}", machine.evidence(unit)))
        });
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checks passed, {} failed", self.passed, self.failed)
    }
}

/// Passes where it holds.
pub(crate) fn is(holds: bool, wrong: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(wrong()) }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}
