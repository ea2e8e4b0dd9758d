//! Storms, floods and exhaustion: what the network does to the daemon at its worst, at both ports. Afterwards it takes no
//! more than before, and those who behave have not noticed. `make soak` does the same for longer, and at random, with the
//! same clients (crowd, floods, regulars).

use std::io::{self, Write};

pub(crate) mod crowd;
pub(crate) mod dice;
pub(crate) mod due;
pub(crate) mod few_descriptors;
pub(crate) mod floods;
pub(crate) mod footprint;
pub(crate) mod regulars;

mod changing_lists;
mod connects;
mod deadlines;
mod descriptors;
mod exhaustion;
mod limits;
mod lost_replies;
mod memory;

/// A figure for people to read, also when the test succeeds: nothing is asserted about it.
pub(crate) fn report(test: &str, figure: impl std::fmt::Display) {
    // Not by eprintln, which would be shown for failing tests alone.
    io::stderr().write_all(format!("{test}: {figure}\n").as_bytes()).unwrap();
}
