//! How fast it is while Redis is not there: these figures are promised, so they are measured. A machine that is busy with
//! something else may spoil one try, hence each has two.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::instance::{Instance, put, put_many, registration};
use super::server::{RedisServer, Setup};
use super::witness::Witnesses;
use crate::http;
use crate::raw::Raw;
use crate::storms::report;

/// What the one request that waits may wait.
const ONE_WAITS: Duration = Duration::from_millis(500);
/// "At once", for a debug build on a machine with other work.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Two tries at what is measured; the second one counts if the first was too slow.
fn within(limit: Duration, what: &str, mut measure: impl FnMut() -> Duration) {
    let first = measure();
    report(what, format_args!("{first:.1?}, of {limit:?}"));
    if first > limit {
        let second = measure();
        assert!(second <= limit, "{what}: {first:?}, and again {second:?}; promised: {limit:?}");
    }
}

#[test]
fn one_write_waits_for_a_dead_redis_and_no_other() {
    let server = RedisServer::start();
    put(&server, "Known", 1);
    let instance = Instance::of(&server);
    let caller = instance.caller();
    let refused_after = |name: &str| {
        let asked = Instant::now();
        assert_eq!(caller.try_register(name, 2), Err("unavailable".to_owned()), "{}", instance.evidence());
        asked.elapsed()
    };
    within(ONE_WAITS, "the first write", || {
        pause_in_good_health(&server, &instance);
        refused_after("First")
    });
    within(AT_ONCE, "any further write", || {
        let mut waits: Vec<Duration> = (0..50).map(|_| refused_after("Later")).collect();
        waits.sort_unstable();
        assert!(waits[49] < ONE_WAITS / 2, "another one waited: {waits:?}");
        waits[25]
    });
    server.go_on();
}

/// Whatever an earlier try has left behind is over: writes are taken, and then Redis is silent.
fn pause_in_good_health(server: &RedisServer, instance: &Instance) {
    server.go_on();
    instance.wait_until_well();
    instance.wait_for(|| instance.caller().try_register("Before", 1));
    server.pause();
}

/// Eight at once over HTTP, while health is asked.
#[test]
fn health_answers_while_writes_wait() {
    const WRITERS: usize = 8;
    let server = RedisServer::start();
    put(&server, "Known", 1);
    let instance = Instance::of(&server);
    let port = instance.registry.port();
    let mut slowest_write = Duration::ZERO;
    within(AT_ONCE, "/health with 8 POSTs in flight", || {
        pause_in_good_health(&server, &instance);
        let answered = AtomicUsize::new(0);
        let mut connections: Vec<Raw> = (0..WRITERS).map(|_| Raw::connect(port)).collect();
        let sent = Instant::now();
        for (n, connection) in connections.iter_mut().enumerate() {
            connection.send(http::post(&registration(&format!("Agent{n}"), 5000)));
        }
        let mut waits: Vec<Duration> = thread::scope(|scope| {
            for mut connection in connections {
                let answered = &answered;
                scope.spawn(move || {
                    assert_eq!(connection.read_answer().status, 503);
                    answered.fetch_add(1, Ordering::Relaxed);
                });
            }
            let in_flight = || answered.load(Ordering::Relaxed) < WRITERS;
            std::iter::from_fn(|| in_flight().then(|| instance.health().took)).collect()
        });
        slowest_write = sent.elapsed();
        waits.sort_unstable();
        report("health while writes wait", format_args!("asked {} times", waits.len()));
        assert!(waits.len() >= 3, "they did not wait: {waits:?}");
        waits[(waits.len() - 1) * 99 / 100]
    });
    report("8 POSTs to a dead Redis", format_args!("answered within {slowest_write:.1?}"));
    assert!(
        slowest_write < 2 * ONE_WAITS,
        "all of them wait as one: {slowest_write:?}\n{}",
        instance.evidence()
    );
    server.go_on();
}

#[test]
fn a_term_ends_it_within_a_second_while_redis_is_silent() {
    let server = RedisServer::start();
    put(&server, "Known", 1);
    within(Duration::from_secs(1), "from TERM to the end", || {
        server.go_on();
        let Instance { mut registry } = Instance::of(&server);
        server.pause();
        let mut waiting = Raw::connect(registry.port());
        waiting.send(http::post(&registration("Agent", 5000)));
        let asked = Instant::now();
        registry.signal(Signal::TERM);
        let finished = registry.finish(crate::process::DEADLINE);
        let took = asked.elapsed();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        assert!(finished.stderr.contains("stopped"), "{finished}");
        took
    });
    // The same where it has been out of reach for a while, and where it never was in reach.
    within(Duration::from_secs(1), "from TERM to the end, unknown", || {
        let Instance { mut registry } = Instance::serving(super::instance::before(&server.url()));
        let asked = Instant::now();
        registry.signal(Signal::TERM);
        let finished = registry.finish(crate::process::DEADLINE);
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        asked.elapsed()
    });
    server.go_on();
}

/// For how many seconds Redis is away; `make soak` has it away for longer than every test may take.
fn away() -> u64 {
    let seconds = std::env::var("REDIS_AWAY_SECONDS").ok().filter(|seconds| !seconds.is_empty());
    seconds.map_or(10, |seconds| seconds.parse().expect("a number of seconds"))
}

/// Silent for half of the time, then dead for the other half, then back.
#[test]
fn without_redis_every_lookup_is_answered() {
    let away = away();
    let half = Duration::from_secs(away) / 2;
    let mut server = Setup::new().line("appendonly yes").line("appendfsync always").start();
    let names = put_many(&server, "Agent", 500);
    let instance = Instance::of(&server);
    let witnesses = Witnesses::of(&instance, "Agent0041", 42);
    server.pause();
    thread::sleep(half);
    instance.health().assert_degraded_and_ready(&instance);
    server.kill();
    thread::sleep(half);
    let health = instance.health();
    health.assert_degraded_and_ready(&instance);
    let outage = super::instance::Outage::parse(&health.message(), &server.url());
    assert!((away - 2..=away + 1).contains(&outage.seconds), "{outage:?}");
    assert_eq!(instance.caller().list().unwrap(), names);
    server.start_again();
    instance.wait_until_well();
    let seen = witnesses.say();
    report(&format!("{away} s without Redis"), format_args!("{seen:?}"));
    assert!(seen.slowest < ONE_WAITS, "{seen:?}\n{}", instance.evidence());
}
