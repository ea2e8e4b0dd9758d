//! Three instances and one Redis, which loses nothing that it has acknowledged: it has written that to its file by then, and
//! nobody cuts the power here, so that no disk need be waited for. Everything is killed, paused, disconnected and closed at
//! random, and all that anybody was told must have one order.

use std::net::IpAddr;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::agents::{Clock, Work};
use crate::checker::Strictness;
use crate::checker::call::Moment;
use crate::checker::promise::{LAG, RECOVERY, Reads, Span};
use crate::dice::Dice;
use crate::fleet::Fleet;
use crate::history::Account;
use crate::network::Network;
use crate::schedule::{self, Fault, Step};
use crate::server::{RedisServer, Setup};
use crate::stage;
use crate::verdict::Verdict;

const LENGTH: Duration = Duration::from_secs(100);
const NAMES: usize = 24;
const READS: [Reads; 3] = [Reads::Redis, Reads::Mirror, Reads::Mirror];
/// How much longer an instance may refuse writes after they were held, while all else went on.
const BAR: Moment = 10_000_000_000;
/// The room of Redis; the instances have those before it.
const REDIS: usize = READS.len();

/// Where the faults happen.
struct Scene<'a> {
    network: &'a Network,
    redis: Mutex<RedisServer>,
    fleet: Fleet<'a>,
    clock: Clock,
}

pub(crate) fn run(mut dice: Dice, verdict: &mut Verdict) {
    let network = Network::with_rooms(4);
    let room = &network.rooms[REDIS];
    let lines = ["appendonly yes", "appendfsync no", "auto-aof-rewrite-percentage 0"];
    let setup = lines.into_iter().fold(Setup::new().on(IpAddr::from(room.address)), Setup::line);
    let redis = room.inside(|| setup.start());
    let url = redis.url();
    let fleet = Fleet::start(&network.rooms[..REDIS], &READS, &url, &[]);
    let scene = Scene { network: &network, redis: Mutex::new(redis), fleet, clock: Clock::start() };
    let hands = [
        ("Redis and the network", schedule::of_redis(&mut dice, READS.len(), LENGTH)),
        ("instances", schedule::of_instances(&mut dice, READS.len(), LENGTH)),
    ];
    for (hand, steps) in &hands {
        println!("  faults of {hand}, {} in all:", steps.len());
        steps.iter().for_each(|step| println!("    {step}"));
    }
    let work = Work::new(scene.clock, NAMES, 0);
    let mut account = Account::of(&READS);
    stage::play(&scene.fleet, &work, &mut dice, &mut account, |account| scene.commit_all(&hands, account));
    let complaints = scene.fleet.stop();
    account.tell();
    verdict.check("no instance complains of itself, and all stop when they are told to", &complaints);
    account.judge(Strictness::OneOrder, verdict);
}

impl Scene<'_> {
    fn commit_all(&self, hands: &[(&str, Vec<Step>)], account: &mut Account) {
        thread::scope(|scope| {
            let hands: Vec<_> = hands.iter().map(|(_, steps)| scope.spawn(|| self.hand(steps))).collect();
            for hand in hands {
                hand.join().unwrap().into_iter().for_each(|(whom, span)| account.outage(&whom, span));
            }
        });
        self.fleet.wait_until_well(Duration::from_nanos(RECOVERY));
        // Into a calm in which nothing is excused.
        thread::sleep(Duration::from_nanos(RECOVERY + 2 * LAG));
    }

    /// One fault after another; gives when each was, and whose Redis was out of reach then.
    fn hand(&self, steps: &[Step]) -> Vec<(Vec<usize>, Span)> {
        let outage = |step: &Step| {
            thread::sleep(step.after);
            let from = self.clock.now();
            self.commit(step);
            let bar = if step.fault == Fault::HoldWriters { BAR } else { 0 };
            (step.fault.whom(), Span { from, until: self.clock.now() + RECOVERY + bar })
        };
        steps.iter().map(outage).collect()
    }

    fn commit(&self, step: &Step) {
        let redis = || self.redis.lock().unwrap();
        let at_redis = |work: &dyn Fn(&mut RedisServer)| {
            self.network.rooms[REDIS].inside(|| work(&mut redis()));
        };
        let wait = || thread::sleep(step.lasts);
        match step.fault {
            Fault::KillRedis => {
                at_redis(&|redis| redis.kill());
                wait();
                at_redis(&|redis| redis.start_again());
            }
            Fault::PauseRedis => {
                redis().pause();
                wait();
                redis().go_on();
            }
            Fault::DisconnectRedis => self.network.disconnect_for(&[REDIS], step.lasts),
            Fault::Disconnect(instance) => self.network.disconnect_for(&[instance], step.lasts),
            Fault::CloseConnections(kind) => at_redis(&|redis| close_connections(redis, kind)),
            Fault::HoldClients | Fault::HoldWriters => {
                let whom = if step.fault == Fault::HoldClients { "ALL" } else { "WRITE" };
                let millis = step.lasts.as_millis().to_string();
                at_redis(&|redis| drop(redis.command(&["CLIENT", "PAUSE", &millis, whom])));
                wait();
            }
            Fault::KillInstance(instance) => self.fleet.instances[instance].kill_for(step.lasts),
            Fault::PauseInstance(instance) => self.fleet.instances[instance].pause_for(step.lasts),
        }
    }
}

fn close_connections(redis: &RedisServer, kind: &str) {
    let kinds: &[&str] = if kind == "all" { &["normal", "pubsub"] } else { &[kind] };
    for kind in kinds {
        redis.command(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
    }
}

impl Fault {
    /// The instances that may not reach Redis, or that don't answer.
    fn whom(self) -> Vec<usize> {
        match self {
            Fault::Disconnect(instance) | Fault::KillInstance(instance) | Fault::PauseInstance(instance) => {
                vec![instance]
            }
            _ => (0..READS.len()).collect(),
        }
    }
}
