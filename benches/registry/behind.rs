//! The figures of a registry behind Redis under load: lookups from its mirror beside those of a registry that keeps its
//! agents itself, and what has to ask Redis beside a client that does nothing else.

use std::cell::RefCell;

use crate::agents::AGENTS;
use crate::agents::Question::{self, Lookup, Register};
use crate::children::{self, Server};
use crate::contest::{Bar, Company, Work, contest_in};
use crate::filled::Filled;
use crate::load::Shape;
use crate::pace::Pace;
use crate::pin::Placement;
use crate::redis_server::RedisServer;
use crate::rounds::Effort;
use crate::table::{Row, Spread};

/// What a registry is held against that keeps its agents itself.
const MEMORY: &str = "memory";

/// Lookups from the mirror.
const MIRROR: [Work; 4] = [
    Work {
        name: "mirror-16-shared",
        title: "lookups from a mirror of Redis, 16 connections lockstep, one processor",
        ..work(Lookup, 16, Placement::Shared, Bar::NullMinus(0.06))
    },
    Work {
        name: "mirror-64-shared",
        title: "lookups from a mirror of Redis, 64 connections lockstep, one processor",
        ..work(Lookup, 64, Placement::Shared, Bar::NullMinus(0.06))
    },
    Work {
        name: "mirror-16",
        title: "lookups from a mirror of Redis, 16 connections lockstep, server and load on a processor each",
        ..work(Lookup, 16, Placement::Apart, Bar::NullMinus(0.06))
    },
    Work {
        name: "mirror-64",
        title: "lookups from a mirror of Redis, 64 connections lockstep, server and load on a processor each",
        ..work(Lookup, 64, Placement::Apart, Bar::NullMinus(0.06))
    },
];

/// The same while the records change. The memory backend can't have the changes, but the rest of it: another instance,
/// its client and its Redis work beside either, on the processor of the load.
const CHANGING: [Work; 2] = [
    Work {
        name: "changing-16",
        title: "lookups from a mirror, 16 connections lockstep, while another instance registers 1,000 agents/s, server and load on a processor each; as many are registered beside the memory backend, in a Redis of their own",
        ..work(Lookup, 16, Placement::Apart, Bar::OfNull(0.85))
    },
    Work {
        name: "changing-64",
        title: "the same, 64 connections lockstep",
        ..work(Lookup, 64, Placement::Apart, Bar::OfNull(0.85))
    },
];

/// What asks Redis each time, beside a client that does nothing else. A registration is a round trip of ZeroMQ's and one to
/// Redis, and the first alone takes longer than the second: where all share a processor the ratio says no more than that, and
/// is told. With a processor each both have two waits for the other processor, as between two hosts.
const ASKING: [Work; 4] = [
    Work {
        name: "asking-16-shared",
        title: "lookups that ask Redis, 16 connections lockstep, one processor",
        ..work(Lookup, 16, Placement::Shared, Bar::OfNull(0.6))
    },
    Work {
        name: "asking-16",
        title: "lookups that ask Redis, 16 connections lockstep, servers and load on a processor each",
        ..work(Lookup, 16, Placement::Apart, Bar::OfNull(0.6))
    },
    Work {
        name: "writing-1-shared",
        title: "registrations in Redis, 1 connection lockstep, one processor",
        ..work(Register, 1, Placement::Shared, Bar::None)
    },
    Work {
        name: "writing-1",
        title: "registrations in Redis, 1 connection lockstep, servers and load on a processor each",
        ..work(Register, 1, Placement::Apart, Bar::OfNull(0.6))
    },
];

/// Registrations beside the least that a ZeroMQ server can do with them.
const WRITING: [Work; 2] = [
    Work {
        name: "writing-zmq-1",
        title: "registrations in Redis, 1 connection lockstep, one processor",
        ..work(Register, 1, Placement::Shared, Bar::OfNull(0.6))
    },
    Work {
        name: "writing-zmq-16",
        title: "registrations in Redis, 16 connections lockstep, one processor",
        ..work(Register, 16, Placement::Shared, Bar::OfNull(0.6))
    },
];

const fn work(question: Question, connections: usize, placement: Placement, bar: Bar) -> Work {
    let shape = Shape::Kept { connections, window: 1 };
    Work { name: "", title: "", question, shape, placement, is_steady: true, bar }
}

/// For the command line.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MIRROR.iter().chain(&CHANGING).chain(&ASKING).chain(&WRITING).map(|work| work.name)
}

/// All of these that are wanted. `memory` keeps its agents itself.
pub(crate) fn rows(memory: &Filled, wants: impl Fn(&str) -> bool, effort: Effort) -> Vec<Row> {
    let wanted = |works: &'static [Work]| works.iter().filter(|work| wants(work.name)).collect::<Vec<_>>();
    let [mirror, changing, asking, writing] = [&MIRROR[..], &CHANGING, &ASKING, &WRITING].map(wanted);
    if [&mirror, &changing, &asking, &writing].into_iter().all(Vec::is_empty) {
        return Vec::new();
    }
    eprintln!("Redis …");
    let redis = RedisServer::filled("redis");
    let registry = Filled::behind(&redis, "mirror", &[]);
    let mut rows = Vec::new();
    if !(mirror.is_empty() && changing.is_empty()) {
        let second = Filled::start("second-memory", AGENTS, &[]);
        let contestants = [&registry, memory, &second];
        rows.extend(mirror.into_iter().map(|work| from_the_mirror(work, contestants, &redis, effort)));
        rows.extend(beside_registrations(&changing, contestants, &redis, effort));
    }
    if !(asking.is_empty() && writing.is_empty()) {
        let bare = ["redis-bare", "redis-second-bare"].map(RedisServer::filled);
        rows.extend(beside_a_bare_client(&asking, &registry, &redis, &bare, effort));
        rows.extend(writing.into_iter().map(|work| beside_a_setter(work, &registry, &redis, &bare, effort)));
    }
    rows
}

fn from_the_mirror(work: &Work, contestants: [&Filled; 3], redis: &RedisServer, effort: Effort) -> Row {
    let pids = contestants.map(|contestant| contestant.server.pid());
    let company = Company { servers: &pids, beside: &[redis.pid()] };
    contest_in(work, company, MEMORY, effort, |index| {
        let order = contestants[index].order(work.shape, work.question, effort.each);
        children::load(&order, &contestants[index].server)
    })
}

/// A registry with a mirror hears of changes even while another one is measured. So there are two instances that are
/// registered at, each with a Redis of its own.
fn beside_registrations(
    works: &[&Work],
    contestants: [&Filled; 3],
    redis: &RedisServer,
    effort: Effort,
) -> Vec<Row> {
    if works.is_empty() {
        return Vec::new();
    }
    let elsewhere = RedisServer::filled("redis-elsewhere");
    let others = [redis, &elsewhere].map(|redis| Filled::behind(redis, "other", &[]).server);
    let paces = others.each_ref().map(|other| RefCell::new(Pace::start(other)));
    let pids = contestants.map(|contestant| contestant.server.pid());
    let beside = [redis.pid(), elsewhere.pid(), others[0].pid(), others[1].pid()];
    let company = Company { servers: &pids, beside: &beside };
    let row = |work: &&Work| {
        let mut rates = Vec::new();
        let mut row = contest_in(work, company, MEMORY, effort, |index| {
            let order = contestants[index].order(work.shape, work.question, effort.each);
            let pace = &paces[usize::from(index > 0)];
            let load = || children::load(&order, &contestants[index].server);
            let (sample, rate) = pace.borrow_mut().beside(load);
            rates.push(rate);
            sample
        });
        row.registry += &format!(", beside {:.0} registrations/s", Spread::of(rates).median);
        row
    };
    works.iter().map(row).collect()
}

/// Each bare client asks a Redis of its own: nobody follows what it changes.
fn beside_a_bare_client(
    works: &[&Work],
    mirror: &Filled,
    redis: &RedisServer,
    bare: &[RedisServer; 2],
    effort: Effort,
) -> Vec<Row> {
    if works.is_empty() {
        return Vec::new();
    }
    let asking = Filled::behind(redis, "asking", &["--reads", "redis"]);
    let row = |work: &&Work| {
        let (registry, against) = match work.question {
            Lookup => (&asking, "bare GET"),
            _ => (mirror, "bare SET"),
        };
        let servers = [registry.server.pid(), redis.pid(), bare[0].pid(), bare[1].pid()];
        let order = registry.order(work.shape, work.question, effort.each);
        let company = Company { servers: &servers, beside: &[] };
        contest_in(work, company, against, effort, |index| match index {
            0 => children::load(&order, &registry.server),
            _ => children::bare(work.question, &bare[index - 1], effort.each),
        })
    };
    works.iter().map(row).collect()
}

/// So does each setter.
fn beside_a_setter(
    work: &Work,
    registry: &Filled,
    redis: &RedisServer,
    bare: &[RedisServer; 2],
    effort: Effort,
) -> Row {
    let [first, second] =
        [(&bare[0], "setter"), (&bare[1], "second-setter")].map(|(redis, name)| Server::setter(name, redis));
    let contestants = [&registry.server, &first, &second];
    let [one, other, another] = contestants.map(Server::pid);
    let servers = [one, other, another, redis.pid(), bare[0].pid(), bare[1].pid()];
    let order = registry.order(work.shape, work.question, effort.each);
    let company = Company { servers: &servers, beside: &[] };
    contest_in(work, company, "setter", effort, |index| children::load(&order, contestants[index]))
}
