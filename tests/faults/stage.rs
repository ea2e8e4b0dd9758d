//! What is the same in all parts: agents at every instance and a look at its health now and then, while somebody commits the
//! faults; and when all is over, what each instance says of every name.

use std::thread;
use std::time::Duration;

use crate::agents::{Agent, Diary, Name, Work};
use crate::checker::call::What;
use crate::checker::promise::LAG;
use crate::client::Speech;
use crate::dice::Dice;
use crate::fleet::{Fleet, PORT};
use crate::history::Account;

/// Of each instance: half of them speak HTTP, half ZMTP.
const AGENTS: usize = 4;

/// Ends the work, also when whoever has it ends by a panic.
struct Over<'a>(&'a Work);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Has all of them work until `faults` is through.
pub(crate) fn play(
    fleet: &Fleet<'_>,
    work: &Work,
    dice: &mut Dice,
    account: &mut Account,
    faults: impl FnOnce(&mut Account),
) {
    thread::scope(|scope| {
        let over = Over(work);
        let mut agents = Vec::new();
        let mut looks = Vec::new();
        for (number, instance) in fleet.instances.iter().enumerate() {
            for speech in [Speech::Http, Speech::Zmtp].repeat(AGENTS / 2) {
                let dice = Dice::new(dice.next());
                agents.push(scope.spawn(move || {
                    instance.room.enter();
                    Agent::new(work, number, PORT, speech).live(dice)
                }));
            }
            looks.push(scope.spawn(move || instance.watch(work)));
        }
        faults(account);
        drop(over);
        agents.into_iter().for_each(|agent| account.add(agent.join().unwrap()));
        account.looks = looks.into_iter().map(|looks| looks.join().unwrap()).collect();
    });
    // By then no mirror may say anything older than the last write.
    thread::sleep(Duration::from_nanos(LAG));
    last_looks(fleet, work, account);
}

fn last_looks(fleet: &Fleet<'_>, work: &Work, account: &mut Account) {
    let shared = (0..work.shared).map(Name::Shared);
    let names: Vec<Name> = shared.chain(account.kept().map(|(name, _)| name)).collect();
    let look = |number: usize| -> Diary {
        fleet.instances[number].room.enter();
        let mut agent = Agent::new(work, number, PORT, Speech::Http);
        names.iter().for_each(|name| agent.look_up(*name));
        agent.diary
    };
    let diaries: Vec<Diary> = thread::scope(|scope| {
        let look = &look;
        let threads = (0..fleet.instances.len()).map(|number| scope.spawn(move || look(number)));
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    diaries.into_iter().for_each(|diary| account.add(diary));
}

impl Account {
    /// Names that were registered once, and whether that was acknowledged.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (Name, bool)> + '_ {
        self.calls().iter().filter_map(|(name, calls)| match (name, calls.first()?.what) {
            (Name::Kept(_), What::Register { acknowledged, .. }) => Some((*name, acknowledged)),
            _ => None,
        })
    }
}
