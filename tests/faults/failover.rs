//! Three instances, a master with two replicas, and three sentinels. One fault after another, most of which make another
//! server master. What was acknowledged by as many replicas as are asked for may not be lost, and nothing may be acknowledged
//! while too few replicas could have it; without that, what is lost is counted.
//!
//! One replica of two is enough where the old master is dead, or alone. It is not where the old master goes on beside the
//! other replica while the first one becomes master: an operator who asks for a failover does that, or a pause that ends at
//! the wrong moment. Then only who asks for all replicas loses nothing.

use std::time::Duration;

use crate::agents::Work;
use crate::checker::Strictness;
use crate::checker::promise::Reads;
use crate::dice::Dice;
use crate::fleet::Fleet;
use crate::history::Account;
use crate::masters::{Fault, Masters, ROOMS, SERVERS, Step};
use crate::network::Network;
use crate::stage;
use crate::verdict::Verdict;

const NAMES: usize = 12;
/// One registration in so many is of a name that is never touched again, so that each one that is lost is seen.
const KEPT: usize = 8;
const READS: [Reads; SERVERS] = [Reads::Redis, Reads::Mirror, Reads::Redis];

/// What is asked for, and what is done.
pub(crate) struct Part {
    min_replicas: u32,
    faults: fn(&mut Dice) -> Vec<Fault>,
    /// Nothing may be lost; otherwise it is counted.
    guarded: bool,
}

/// A replica must have what is acknowledged, and the old master is dead or alone whenever another one takes its place.
pub(crate) const ONE_REPLICA: Part = Part { min_replicas: 1, faults: of_all_kinds, guarded: true };
/// All replicas must have it, and the old master lives on beside one.
pub(crate) const ALL_REPLICAS: Part = Part { min_replicas: 2, faults: with_two_masters, guarded: true };
/// One replica must have it, which is not enough for that.
pub(crate) const TOO_FEW: Part = Part { min_replicas: 1, faults: with_two_masters, guarded: false };
/// No replica needs to.
pub(crate) const NO_REPLICA: Part = Part { min_replicas: 0, faults: of_masters, guarded: false };

pub(crate) fn run(part: &Part, mut dice: Dice, verdict: &mut Verdict) {
    let network = Network::with_rooms(ROOMS);
    let mut masters = Masters::start(&network);
    let min_replicas = part.min_replicas.to_string();
    let flags = ["--redis-min-replicas", &min_replicas];
    let fleet = Fleet::start(&network.rooms[..SERVERS], &READS, &masters.url(), &flags);
    let steps: Vec<Step> = (part.faults)(&mut dice).into_iter().map(|fault| step(fault, &mut dice)).collect();
    println!("  --redis-min-replicas {min_replicas}, faults:");
    let work = Work::new(masters.clock, NAMES, KEPT);
    let mut account = Account::of(&READS);
    stage::play(&fleet, &work, &mut dice, &mut account, |account| {
        masters.commit_all(&steps, &fleet, account);
    });
    let complaints = fleet.stop();
    account.tell();
    verdict.check("no instance complains of itself, and all stop when they are told to", &complaints);
    if part.min_replicas > 0 {
        let unbacked = account.acknowledged_in(&masters.lonely);
        verdict.check("nothing was acknowledged while no replica could have it", &unbacked);
    }
    let (acknowledged, lost) = account.lost();
    println!(
        "  {acknowledged} registrations of names never touched again were acknowledged, {} of them are lost",
        lost.len()
    );
    if part.guarded {
        verdict.check("nothing that was acknowledged is lost", &lost);
        account.judge(Strictness::EachRead, verdict);
    }
}

/// Each once, in any order.
fn of_all_kinds(dice: &mut Dice) -> Vec<Fault> {
    let mut instance = || dice.below(READS.len());
    let mut faults = vec![
        Fault::KillMaster,
        Fault::PauseMaster,
        Fault::PauseMasterBriefly,
        Fault::PartMasterWith(instance()),
        Fault::KillReplica,
        Fault::KillReplicas,
        Fault::PauseReplicas,
        Fault::KillSentinel,
        Fault::Disconnect(instance()),
        Fault::KillInstance(instance()),
        Fault::PauseInstance(instance()),
    ];
    (1..faults.len()).rev().for_each(|last| faults.swap(last, dice.below(last + 1)));
    faults
}

fn of_masters(dice: &mut Dice) -> Vec<Fault> {
    vec![Fault::KillMaster, Fault::PauseMaster, Fault::PartMasterWith(dice.below(READS.len()))]
}

fn with_two_masters(_dice: &mut Dice) -> Vec<Fault> {
    vec![Fault::AskForFailover, Fault::PauseMasterUntilReplaced]
}

fn step(fault: Fault, dice: &mut Dice) -> Step {
    let millis = match fault {
        Fault::PauseMaster => dice.between(0, 3000),
        // Less than the sentinels need to notice.
        Fault::PauseMasterBriefly => dice.between(100, 700),
        Fault::PartMasterWith(_) => dice.between(3000, 6000),
        Fault::KillMaster => dice.between(2500, 4000),
        Fault::PauseMasterUntilReplaced => 0,
        _ => dice.between(500, 3000),
    };
    Step { fault, lasts: Duration::from_millis(millis as u64) }
}
