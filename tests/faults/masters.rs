//! A master, two replicas and three sentinels behind the instances, and what can be done to all of them: one fault after
//! another, each followed by a wait until all is as before. It notes whom each fault excuses; what is right then is for the
//! checker to say.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::agents::Clock;
use crate::checker::call::Moment;
use crate::checker::promise::{LAG, RECOVERY, Span};
use crate::fleet::Fleet;
use crate::history::Account;
use crate::network::Network;
use crate::server::{RedisServer, Reply, SentinelGroup, Setup};

/// The first of the rooms behind those of the instances: those of the servers, and that of the sentinels.
pub(crate) const SERVERS: usize = 3;
const SENTINELS: usize = SERVERS + 3;
pub(crate) const ROOMS: u8 = SENTINELS as u8 + 1;

/// How long all may take to be as before: an old master is made a replica by the sentinels no sooner than 8 s after it came
/// back.
const WHOLE: Duration = Duration::from_secs(60);

/// How long an instance may need to leave an old master, once a sentinel names another one and all can be reached.
const LEAVING: Moment = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    KillMaster,
    /// Until another one is there for all, and for so long after that.
    PauseMaster,
    /// No longer than it takes to make a replica master, so that there are two, and the other replica is the old one's.
    PauseMasterUntilReplaced,
    PauseMasterBriefly,
    /// The master and this instance hear each other, and nobody else.
    PartMasterWith(usize),
    AskForFailover,
    KillReplica,
    KillReplicas,
    PauseReplicas,
    KillSentinel,
    Disconnect(usize),
    KillInstance(usize),
    PauseInstance(usize),
}

/// A fault, and how long it lasts.
pub(crate) struct Step {
    pub(crate) fault: Fault,
    pub(crate) lasts: Duration,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {:.2} s", self.fault, self.lasts.as_secs_f64())
    }
}

pub(crate) struct Masters<'a> {
    network: &'a Network,
    servers: Vec<RedisServer>,
    sentinels: SentinelGroup,
    pub(crate) clock: Clock,
    /// When no replica could have anything new, and of which instance's writes that is said where not of all.
    pub(crate) lonely: Vec<(Option<usize>, Span)>,
}

impl<'a> Masters<'a> {
    pub(crate) fn start(network: &'a Network) -> Masters<'a> {
        let start = |number: usize, master: Option<&RedisServer>| {
            let room = &network.rooms[SERVERS + number];
            let setup =
                Setup::new().on(IpAddr::from(room.address)).line("appendonly yes").line("appendfsync no");
            let setup = master.into_iter().fold(setup, Setup::replica_of);
            room.inside(|| setup.start())
        };
        let master = start(0, None);
        let replicas = [start(1, Some(&master)), start(2, Some(&master))];
        network.rooms[SERVERS].inside(|| master.wait_for_replicas(2));
        let room = &network.rooms[SENTINELS];
        let sentinels = room.inside(|| {
            let sentinels = SentinelGroup::watch_from(IpAddr::from(room.address), &master, None, "");
            // Every ten seconds otherwise, so that all takes longer.
            sentinels.tell_all(&["SENTINEL", "DEBUG", "info-period", "1000"]);
            sentinels.wait_for_replicas(2);
            sentinels
        });
        let servers = [master].into_iter().chain(replicas).collect();
        Masters { network, servers, sentinels, clock: Clock::start(), lonely: Vec::new() }
    }

    pub(crate) fn url(&self) -> String {
        self.sentinels.url_with("", "/0")
    }

    pub(crate) fn commit_all(&mut self, steps: &[Step], fleet: &Fleet<'_>, account: &mut Account) {
        for step in steps {
            let from = self.clock.now();
            let master = self.master();
            self.commit(step, master, fleet);
            let healed = self.clock.now();
            let (new, named) = self.wait_until_whole();
            let until = self.clock.now();
            println!(
                "    at {:.1} s {step}; {}, and all is as before {:.1} s after it",
                from as f64 / 1e9,
                if new == master { "the same master" } else { "another master" },
                (until - healed) as f64 / 1e9
            );
            account.outage(&[0, 1, 2], Span { from, until: until + RECOVERY });
            if new != master {
                // Until then an instance may not have heard of it, and be with an old master that lives.
                account.misled(&[0, 1, 2], Span { from, until: named + LEAVING });
            }
            if let Fault::PartMasterWith(instance) = step.fault {
                // It may not be told by its sentinel what that said meanwhile, but only by the old master's end as such.
                account.misled(&[instance], Span { from, until });
            }
            fleet.wait_until_well(Duration::from_nanos(RECOVERY));
            thread::sleep(Duration::from_millis(500));
        }
        // Into a calm in which nothing is excused.
        thread::sleep(Duration::from_nanos(RECOVERY + 2 * LAG));
    }

    /// Does something to this server, or asks it, in its room.
    fn at<T>(&mut self, server: usize, work: impl FnOnce(&mut RedisServer) -> T) -> T {
        let room = &self.network.rooms[SERVERS + server];
        room.inside(|| work(&mut self.servers[server]))
    }

    /// The master, as the first sentinel has it.
    fn master(&self) -> usize {
        let port = self.network.rooms[SENTINELS].inside(|| self.sentinels.master(0));
        self.servers.iter().position(|server| server.port() == port).expect("one of ours")
    }

    fn commit(&mut self, step: &Step, master: usize, fleet: &Fleet<'_>) {
        let wait = || thread::sleep(step.lasts);
        let replicas = [(master + 1) % 3, (master + 2) % 3];
        match step.fault {
            Fault::KillMaster => self.kill_for(&[master], step.lasts),
            Fault::PauseMasterBriefly => self.pause_for(&[master], step.lasts),
            Fault::PauseMaster => {
                self.servers[master].pause();
                self.wait_until_replaced(master, 2);
                wait();
                self.servers[master].go_on();
            }
            Fault::PauseMasterUntilReplaced => {
                self.servers[master].pause();
                self.wait_until_replaced(master, 1);
                self.servers[master].go_on();
            }
            Fault::KillReplica => self.kill_for(&replicas[..1], step.lasts),
            Fault::KillReplicas => self.kill_for(&replicas, step.lasts),
            Fault::PauseReplicas => self.pause_for(&replicas, step.lasts),
            Fault::PartMasterWith(instance) => {
                let rooms = [instance, SERVERS + master];
                self.network.disconnect(&rooms);
                let from = self.clock.now();
                wait();
                self.lonely.push((Some(instance), Span { from, until: self.clock.now() }));
                self.network.connect_again(&rooms);
            }
            Fault::AskForFailover => self.network.rooms[SENTINELS].inside(|| {
                self.sentinels.fail_over();
                self.sentinels.wait_for_another_master(self.servers[master].port(), &[0, 1, 2]);
            }),
            Fault::KillSentinel => self.network.rooms[SENTINELS].inside(|| {
                self.sentinels.kill(0);
                wait();
                self.sentinels.start_again(0);
            }),
            Fault::Disconnect(instance) => self.network.disconnect_for(&[instance], step.lasts),
            Fault::KillInstance(instance) => fleet.instances[instance].kill_for(step.lasts),
            Fault::PauseInstance(instance) => fleet.instances[instance].pause_for(step.lasts),
        }
    }

    fn kill_for(&mut self, servers: &[usize], lasts: Duration) {
        servers.iter().for_each(|server| self.at(*server, RedisServer::kill));
        self.let_it_last(servers, lasts);
        servers.iter().for_each(|server| self.at(*server, RedisServer::start_again));
    }

    fn pause_for(&mut self, servers: &[usize], lasts: Duration) {
        servers.iter().for_each(|server| self.servers[*server].pause());
        servers.iter().for_each(|server| wait_until_stopped(self.servers[*server].pid()));
        self.let_it_last(servers, lasts);
        servers.iter().for_each(|server| self.servers[*server].go_on());
    }

    fn let_it_last(&mut self, servers: &[usize], lasts: Duration) {
        let from = self.clock.now();
        thread::sleep(lasts);
        // Both replicas; or a master, whose replicas go on.
        if servers.len() == 2 {
            self.lonely.push((None, Span { from, until: self.clock.now() }));
        }
    }

    /// Waits until so many of the other two are, or follow, another master than this one.
    fn wait_until_replaced(&mut self, master: usize, count: usize) {
        let deadline = Instant::now() + WHOLE;
        let old = i64::from(self.servers[master].port());
        loop {
            // A sentinel that makes a server master cuts its connections, ours too.
            let has_left = |role: &io::Result<Reply>| match role {
                Ok(Reply::Array(role)) => !matches!(role.get(2), Some(Reply::Integer(port)) if *port == old),
                _ => false,
            };
            let others = [(master + 1) % 3, (master + 2) % 3];
            let roles = others.map(|server| self.at(server, |server| server.try_command(&["ROLE"])));
            if roles.iter().filter(|role| has_left(role)).count() >= count {
                return;
            }
            assert!(Instant::now() < deadline, "not replaced after {WHOLE:?}: {roles:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until all sentinels have the same master, and that one has two replicas; which one that is, and since when a
    /// sentinel says so.
    fn wait_until_whole(&mut self) -> (usize, Moment) {
        let deadline = Instant::now() + WHOLE;
        let mut said = Vec::new();
        loop {
            said.push((self.clock.now(), self.named()));
            let wrong = match self.whole() {
                Ok(master) => {
                    let port = self.servers[master].port();
                    let first = said.iter().find(|(_, named)| named.contains(&port));
                    return (master, first.map_or_else(|| self.clock.now(), |(moment, _)| *moment));
                }
                Err(wrong) => wrong,
            };
            let evidence = || self.servers.iter().map(RedisServer::evidence).collect::<Vec<_>>().join("\n");
            assert!(Instant::now() < deadline, "not whole after {WHOLE:?}: {wrong}\n{}", evidence());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The port of the master, as each sentinel has it.
    fn named(&self) -> Vec<u16> {
        self.network.rooms[SENTINELS].inside(|| (0..3).map(|n| self.sentinels.master(n)).collect())
    }

    fn whole(&mut self) -> Result<usize, String> {
        let masters = self.named();
        if masters.iter().any(|master| *master != masters[0]) {
            return Err(format!("the sentinels have masters {masters:?}"));
        }
        let master = self.master();
        for server in 0..3 {
            let role = self.at(server, |server| server.try_command(&["ROLE"])).map_err(|e| e.to_string())?;
            let Reply::Array(role) = role else { return Err(role.to_string()) };
            let is_right = match role.as_slice() {
                [name, _, Reply::Array(replicas)] if server == master => {
                    *name == Reply::Bulk(b"master".to_vec()) && replicas.len() == 2
                }
                [_, _, Reply::Integer(port), state, _] if server != master => {
                    *port == i64::from(masters[0]) && *state == Reply::Bulk(b"connected".to_vec())
                }
                _ => false,
            };
            if !is_right {
                return Err(format!("server {server}, with {master} as master, has the role {role:?}"));
            }
        }
        self.network.rooms[SENTINELS].inside(|| self.sentinels.wait_for_replicas(2));
        Ok(master)
    }
}

/// A signal that stops a process may reach it a little later.
fn wait_until_stopped(pid: u32) {
    let deadline = Instant::now() + crate::process::DEADLINE;
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        if stat.rsplit_once(") ").unwrap().1.starts_with('T') {
            return;
        }
        assert!(Instant::now() < deadline, "it does not stop: {stat}");
        thread::sleep(Duration::from_millis(1));
    }
}
