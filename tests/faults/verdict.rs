//! What passed and what failed, told line by line as it is found out.

use std::fmt;

/// More than these of one kind nobody reads.
const SHOWN: usize = 3;

#[derive(Default)]
pub(crate) struct Verdict {
    passed: usize,
    failed: usize,
}

impl Verdict {
    /// Passes where nothing is wrong.
    pub(crate) fn check(&mut self, what: &str, wrong: &[String]) {
        if wrong.is_empty() {
            self.passed += 1;
            println!("  ok: {what}");
            return;
        }
        self.failed += 1;
        println!("  FAILED: {what}: {} times not so", wrong.len());
        wrong.iter().take(SHOWN).for_each(|wrong| println!("    {}", wrong.replace('\n', "\n    ")));
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checks passed, {} failed", self.passed, self.failed)
    }
}
