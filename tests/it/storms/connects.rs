//! Thousands of connects that come to nothing: reset, closed, stalled, given up in the middle of a greeting.

use crate::registry::Registry;

use super::crowd::{Storm, idle_peers};
use super::due::assert_answered;
use super::footprint::{Connections, at_rest, wait_until_back_at};
use super::regulars::Regulars;
use super::report;

/// To each port.
const CONNECTS: usize = 5000;
/// Enough to have taken all that is taken once and kept.
const FOR_A_START: usize = 500;
const IDLE: usize = 7;
/// Of those that stay, so many are there at the same time, half of them at each port: no port is full.
const STAYING: usize = 120;
/// Memory that a storm may leave taken, in KiB: what the allocator keeps for the next one.
const LEFT_OVER: u64 = 8 * 1024;

/// Those of the storm that stay are still there when this is over: it is the daemon that must have sent them away.
fn weather(registry: &Registry, seed: u64, connects: usize) -> Storm {
    let mut storm = Storm::new(seed, STAYING);
    storm.rage([registry.port(), registry.health_port()], connects);
    storm
}

#[test]
fn a_storm_leaves_nothing_behind_and_keeps_nobody_waiting() {
    let registry = Registry::start();
    let mut idle = idle_peers(registry.port(), IDLE);
    let calm = Regulars::come(&registry).go();
    drop(weather(&registry, 1, FOR_A_START));
    registry.wait_until("nobody but the idle", || Connections::of(&registry).open == IDLE as u64);
    let (timed_out, before) = (Connections::of(&registry).timed_out, at_rest(&registry));

    let regulars = Regulars::come(&registry);
    let storm = weather(&registry, 2, CONNECTS);
    let waits = regulars.go();
    report("a storm of connects", format_args!("{waits}; without it {calm}"));
    wait_until_back_at(&registry, &before, LEFT_OVER, IDLE as u64);
    let connections = Connections::of(&registry);
    assert!(connections.timed_out > timed_out, "{connections}\n{}", registry.evidence());
    drop(storm);

    assert_answered(&mut idle, &registry);
    drop(idle);
    registry.wait_until("nobody at all", || Connections::of(&registry).open == 0);
}
