//! Which fault happens when, for how long, and to whom: drawn in advance, so that the same seed gives the same ones. Two hands
//! work at the same time, one at Redis and the network, one at the instances; each does one thing after another.

use std::fmt;
use std::time::Duration;

use crate::dice::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    KillRedis,
    PauseRedis,
    /// Nobody reaches Redis.
    DisconnectRedis,
    /// One instance reaches nothing.
    Disconnect(usize),
    /// Redis closes all connections of clients, or those that follow its changes, or the others.
    CloseConnections(&'static str),
    /// Redis keeps all clients waiting, or those that write.
    HoldClients,
    HoldWriters,
    KillInstance(usize),
    PauseInstance(usize),
}

/// A fault, how long after the end of the one before it begins, and how long it lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) fault: Fault,
    pub(crate) lasts: Duration,
}

impl Step {
    pub(crate) fn length(&self) -> Duration {
        self.after + self.lasts
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { after, fault, lasts } = self;
        write!(f, "after {:.1} s {fault:?} for {:.2} s", after.as_secs_f64(), lasts.as_secs_f64())
    }
}

/// Faults of Redis and of the network, for so long.
pub(crate) fn of_redis(dice: &mut Dice, instances: usize, length: Duration) -> Vec<Step> {
    draw(dice, length, |dice| match dice.below(10) {
        0 | 1 => Fault::KillRedis,
        2 | 3 => Fault::PauseRedis,
        4 => Fault::DisconnectRedis,
        5 | 6 => Fault::Disconnect(dice.below(instances)),
        7 => [Fault::HoldClients, Fault::HoldWriters][dice.below(2)],
        _ => Fault::CloseConnections(["normal", "pubsub", "all"][dice.below(3)]),
    })
}

/// Faults of instances, for so long.
pub(crate) fn of_instances(dice: &mut Dice, instances: usize, length: Duration) -> Vec<Step> {
    draw(dice, length, |dice| {
        let instance = dice.below(instances);
        if dice.below(2) == 0 { Fault::KillInstance(instance) } else { Fault::PauseInstance(instance) }
    })
}

fn draw(dice: &mut Dice, length: Duration, fault: impl Fn(&mut Dice) -> Fault) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut left = length;
    loop {
        // Most often into the recovery from the one before, sometimes after a calm in which nothing is excused.
        let after = if dice.below(4) > 0 { dice.between(0, 2500) } else { dice.between(6000, 8000) };
        let after = Duration::from_millis(after as u64);
        let lasts = match dice.below(3) {
            0 => dice.between(10, 400),
            1 => dice.between(400, 1500),
            _ => dice.between(1500, 6000),
        };
        let step = Step { after, fault: fault(dice), lasts: Duration::from_millis(lasts as u64) };
        match left.checked_sub(step.length()) {
            Some(rest) => left = rest,
            None => return steps,
        }
        steps.push(step);
    }
}
