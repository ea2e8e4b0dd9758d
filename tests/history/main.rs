//! The history checker of `make test-faults` is itself tested here: on histories that are wrong and must be found, on right
//! ones beside them that must pass, and against a plain search through all orders. No process and no socket is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

// tests/faults has it too, and uses more of it.
#[allow(dead_code)]
mod checker;

#[allow(dead_code)]
#[path = "../it/storms/dice.rs"]
mod dice;
mod drawing;
mod every_order;
mod properties;
mod right_and_wrong;
