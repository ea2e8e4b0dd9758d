//! How many checks passed, and how many failed. A check fails by a panic, whose message the panic hook has printed by
//! then; those that come after it are made all the same.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(crate) struct Score {
    passed: AtomicUsize,
    failed: AtomicUsize,
}

impl Score {
    /// Makes a check; None where it failed.
    pub(crate) fn check<T>(&self, what: &str, make: impl FnOnce() -> T) -> Option<T> {
        let outcome = panic::catch_unwind(AssertUnwindSafe(make)).ok();
        let counter = if outcome.is_some() { &self.passed } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        if outcome.is_none() {
            println!("FAILED: {what}");
        }
        outcome
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.failed.load(Ordering::Relaxed) == 0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [passed, failed] = [&self.passed, &self.failed].map(|count| count.load(Ordering::Relaxed));
        write!(f, "{passed} passed, {failed} failed")
    }
}
