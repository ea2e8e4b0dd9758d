//! An instance at the end of a long or a silent link: what it may be late by, and what it never is. The relay in between
//! takes as long for each byte as a network would; the instance that writes has no relay.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::instance::{Caller, Instance, before, put, registration};
use super::relay::Relay;
use super::server::RedisServer;
use crate::http;
use crate::storms::report;

/// What a busy machine may add to a delay: at the median, and at worst.
const NOISE: Duration = Duration::from_millis(30);
const HICCUP: Duration = Duration::from_secs(1);

/// Both kinds of readers at the end of a link with this delay, and a writer without one.
struct Distance {
    delay: Duration,
    _server: RedisServer,
    _relay: Relay,
    near: Instance,
    mirror: Instance,
    strict: Instance,
}

impl Distance {
    fn of(delay: Duration) -> Distance {
        let server = RedisServer::start();
        let relay = Relay::with_delay(server.address(), delay);
        let near = Instance::of(&server);
        let mirror = Instance::live(before(&relay.url()));
        let strict = Instance::live(before(&relay.url()).args(["--reads", "redis"]));
        Distance { delay, _server: server, _relay: relay, near, mirror, strict }
    }

    /// Who asks Redis is never late, however long that takes.
    fn assert_never_stale(&self, tries: u16) {
        let (writer, reader) = (self.near.caller(), self.strict.caller());
        for port in 1..=tries {
            let name = format!("Agent{}", port % 5);
            writer.register(&name, port);
            assert_eq!(
                reader.port_of(&name),
                Ok(port),
                "stale at {:?}\n{}",
                self.delay,
                self.strict.evidence()
            );
        }
    }

    /// Who follows is late by the link: whatever is asked after that is answered as it is.
    fn assert_late_by_the_link(&self, tries: u16) {
        let (writer, reader) = (self.near.caller(), self.mirror.caller());
        for name in 0..5 {
            writer.register(&format!("Agent{name}"), 1);
        }
        let mut lags: Vec<Duration> =
            (2..tries + 2).map(|port| lag(&writer, &reader, &format!("Agent{}", port % 5), port)).collect();
        lags.sort_unstable();
        let (median, most) = (lags[lags.len() / 2], lags[lags.len() - 1]);
        report(
            "the mirror at the end of a link",
            format_args!("{:?}: late by {median:.1?}, at most {most:.1?}", self.delay),
        );
        assert!(median <= self.delay + NOISE, "{:?}: {lags:?}\n{}", self.delay, self.mirror.evidence());
        assert!(most <= self.delay + HICCUP, "{:?}: {lags:?}\n{}", self.delay, self.mirror.evidence());
    }

    fn assert_new_names_are_found_at_once(&self, tries: u16) {
        let writer = self.near.caller();
        let readers = [self.mirror.caller(), self.strict.caller()];
        for port in 1..=tries {
            let name = format!("New{port}");
            writer.register(&name, port);
            for reader in &readers {
                assert_eq!(reader.port_in_redis(&name), Ok(port), "missed at {:?}", self.delay);
            }
            assert_eq!(writer.deregister(&name), Ok(true));
            assert_eq!(readers[1].port_in_redis(&name), Err("not_found".to_owned()), "{:?}", self.delay);
        }
    }
}

/// How long after its acknowledgement a change was still not answered to who asked then.
fn lag(writer: &Caller, reader: &Caller, name: &str, port: u16) -> Duration {
    writer.register(name, port);
    let acknowledged = Instant::now();
    let mut last_stale = Duration::ZERO;
    loop {
        let asked = acknowledged.elapsed();
        if reader.port_of(name) == Ok(port) {
            return last_stale;
        }
        last_stale = asked;
        assert!(asked < Duration::from_secs(20), "{name} never changed");
    }
}

#[test]
fn half_a_millisecond_away() {
    let distance = Distance::of(Duration::from_micros(500));
    distance.assert_never_stale(2000);
    distance.assert_late_by_the_link(200);
    distance.assert_new_names_are_found_at_once(100);
}

#[test]
fn five_milliseconds_away() {
    let distance = Distance::of(Duration::from_millis(5));
    distance.assert_never_stale(300);
    distance.assert_late_by_the_link(50);
    distance.assert_new_names_are_found_at_once(30);
}

#[test]
fn fifty_milliseconds_away() {
    let distance = Distance::of(Duration::from_millis(50));
    distance.assert_never_stale(20);
    distance.assert_late_by_the_link(15);
    distance.assert_new_names_are_found_at_once(5);
}

/// Lists are held to the same, while others write at the same instance: what it is told arrives by their requests as well.
#[test]
fn a_list_of_who_asks_redis_is_never_stale() {
    for (delay, names) in [(Duration::ZERO, 200), (Duration::from_millis(5), 30)] {
        let distance = Distance::of(delay);
        let busy = distance.strict.caller();
        busy.register("Zulu", 1);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _over = Over(&over);
            let port = distance.strict.registry.port();
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    http::ask(port, http::post(&registration("Zulu", 1)));
                }
            });
            distance.assert_lists_are_never_stale(names);
        });
    }
}

/// Tells the others that it is over, also when it ends by a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Distance {
    /// Beside Zulu, who is always there.
    fn assert_lists_are_never_stale(&self, names: usize) {
        let (writer, strict) = (self.near.caller(), self.strict.caller());
        let mut due = vec!["Zulu".to_owned()];
        for n in 0..names {
            let name = format!("Agent{n:03}");
            writer.register(&name, 5000);
            due.insert(n, name);
            assert_eq!(strict.list().as_ref(), Ok(&due), "{:?}\n{}", self.delay, self.strict.evidence());
        }
        for _ in 0..names {
            assert_eq!(writer.deregister(&due.remove(0)), Ok(true));
            assert_eq!(strict.list().as_ref(), Ok(&due), "{:?}\n{}", self.delay, self.strict.evidence());
        }
    }
}

/// Nothing arrives, and nothing ends: only time tells.
#[test]
fn behind_a_silent_link_nothing_older_than_a_second_is_told_without_a_word() {
    const PROMISE: Duration = Duration::from_secs(1);
    let server = RedisServer::start();
    put(&server, "Alpha", 1);
    let (near, relay) = (Instance::of(&server), Relay::to(server.address()));
    let far = Instance::live(before(&relay.url()));
    let (writer, reader) = (near.caller(), far.caller());
    for round in 0..2 {
        let port = 100 + round;
        let old = reader.port_of("Alpha");
        relay.stall_all();
        let silent = Instant::now();
        writer.register("Alpha", port);
        let mut stale_and_admitted = 0;
        while silent.elapsed() < 2 * PROMISE {
            let asked = silent.elapsed();
            let got = reader.port_of("Alpha");
            let health = far.health();
            assert_eq!(got, old, "nothing new can have come\n{}", far.evidence());
            if asked > PROMISE {
                health.assert_degraded_and_ready(&far);
                stale_and_admitted += 1;
            }
        }
        assert!(stale_and_admitted > 0, "{}", far.evidence());
        assert_eq!(reader.try_register("Beta", 5000), Err("unavailable".to_owned()));
        relay.flow();
        far.wait_until_well();
        assert_eq!(reader.port_of("Alpha"), Ok(port), "{}", far.evidence());
    }
}

/// While nobody asks, nobody needs to know; who then asks is not told what is old.
#[test]
fn who_asks_after_a_long_silence_is_not_told_what_is_old() {
    let server = RedisServer::start();
    put(&server, "Alpha", 1);
    let (near, relay) = (Instance::of(&server), Relay::to(server.address()));
    let far = Instance::live(before(&relay.url()));
    relay.stall_all();
    near.caller().register("Alpha", 2);
    thread::sleep(Duration::from_millis(1500));
    let got = far.caller().port_of("Alpha");
    let health = far.health();
    assert_eq!(got, Ok(1));
    health.assert_degraded_and_ready(&far);
    relay.flow();
    far.wait_until_well();
    assert_eq!(far.caller().port_of("Alpha"), Ok(2));
}

/// What Redis tells comes by another connection than its answers, and may come later.
#[test]
fn who_has_registered_reads_it_though_nothing_has_been_told_yet() {
    let server = RedisServer::start();
    put(&server, "Alpha", 1);
    let relay = Relay::to(server.address());
    let far = Instance::live(before(&relay.url()));
    let caller = far.caller();
    for port in 2..5 {
        let subscriber = server.clients().into_iter().find(|one| one.subscribes()).expect("a subscriber");
        assert_eq!(caller.port_of("Alpha"), Ok(port - 1));
        relay.hold(subscriber.member("addr").parse().unwrap());
        caller.register("Alpha", port);
        assert_eq!(caller.port_of("Alpha"), Ok(port), "{}", far.evidence());
        assert_eq!(caller.deregister("Alpha"), Ok(true));
        assert_eq!(caller.port_of("Alpha"), Err("not_found".to_owned()), "{}", far.evidence());
        caller.register("Alpha", port);
        relay.flow();
        far.wait_until_well();
    }
}
