//! Whether what a daemon takes stays flat, judged by what it took in the calm after each round. Pure.

use super::footprint::{Footprint, mebibytes};

/// What may be taken at any calm moment beyond the first one, in KiB: what the allocator keeps for the next flood.
pub(crate) const LEFT_OVER: u64 = 16 * 1024;
/// How much more the least of the last third of the calm moments may be than the least of the first third, in KiB. What
/// the allocator keeps comes and goes; what leaks only comes.
const DRIFT: u64 = 4 * 1024;

/// In words, for the last lines of a run.
pub(crate) fn how_judged() -> String {
    format!(
        "flat is: after each round no more descriptors and threads than before the first, and at most {:.0} MiB more memory; and \
         the least memory of the last third of the rounds is at most {:.0} MiB above the least of the first third",
        mebibytes(LEFT_OVER),
        mebibytes(DRIFT)
    )
}

pub(crate) fn assert_no_drift(calms: &[Footprint]) {
    let third = calms.len().div_ceil(3);
    let least = |calms: &[Footprint]| calms.iter().map(|calm| calm.resident).min().unwrap_or_default();
    let (first, last) = (least(&calms[..third]), least(&calms[calms.len() - third..]));
    println!(
        "least memory in the first third {:.1} MiB, in the last {:.1} MiB",
        mebibytes(first),
        mebibytes(last)
    );
    assert!(last <= first + DRIFT, "memory drifts: {first} KiB at first, {last} KiB in the end: {calms:?}");
}
