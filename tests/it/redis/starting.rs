//! The start without Redis: both ports are served, the process is alive, lookups are not answered before something is
//! known; and Redis is joined when it comes.

use std::time::{Duration, Instant};

use super::instance::{Instance, before, put_many};
use super::relay::Relay;
use super::server::{RedisServer, Setup};
use crate::agent::Agent;
use crate::curl;

const UNAVAILABLE: &str = "unavailable";

/// It knows nothing: no answer could be right.
fn assert_knows_nothing(instance: &Instance) {
    let health = instance.health();
    health.assert_unready(instance);
    assert!(health.object["agents"].is_null(), "{}", health.object);
    let caller = instance.caller();
    for _ in 0..2 {
        assert_eq!(caller.port_of("Agent0001"), Err(UNAVAILABLE.to_owned()), "{}", instance.evidence());
        assert_eq!(caller.list(), Err(UNAVAILABLE.to_owned()));
        assert_eq!(caller.try_register("Agent0001", 5000), Err(UNAVAILABLE.to_owned()));
        assert_eq!(caller.deregister("Agent0001"), Err(UNAVAILABLE.to_owned()));
    }
    let over_http = curl::post(instance.registry.port(), super::instance::lookup("Agent0001"));
    assert_eq!((over_http.status, over_http.header("Retry-After")), (503, Some("1")), "{over_http:?}");
    // Both ports and both protocols say the same.
    for port in [instance.registry.port(), instance.registry.health_port()] {
        let said: serde_json::Value =
            serde_json::from_slice(&Agent::connect(port).ask(r#"{"action":"health_check"}"#)).unwrap();
        assert_eq!((&said["status"], &said["ready"]), (&"degraded".into(), &false.into()), "{said}");
        assert_eq!(curl::get(port, "/health").status, 503);
        assert_eq!(curl::get(port, "/readyz").status, 503);
        assert_eq!(curl::get(port, "/livez").status, 200);
    }
}

fn assert_joined(instance: &Instance, server: &RedisServer) {
    instance.wait_until_well();
    let caller = instance.caller();
    assert_eq!(caller.list().unwrap().len(), 50, "{}", server.evidence());
    assert_eq!(caller.port_of("Agent0001"), Ok(2));
    caller.register("Agent0001", 5000);
    assert_eq!(caller.port_of("Agent0001"), Ok(5000));
}

#[test]
fn a_redis_that_is_not_there_is_joined_when_it_comes() {
    let mut server = RedisServer::start();
    server.kill();
    let instance = Instance::serving(before(&server.url()));
    assert_knows_nothing(&instance);
    let message = instance.health().message();
    assert!(message.starts_with(&format!("{} out of reach for ", server.url())), "{message}");
    assert!(message.contains("connection refused"), "{message}");
    server.start_again();
    put_many(&server, "Agent", 50);
    assert_joined(&instance, &server);
}

#[test]
fn a_redis_that_is_silent_is_joined_when_it_speaks() {
    let server = RedisServer::start();
    put_many(&server, "Agent", 50);
    server.pause();
    let instance = Instance::serving(before(&server.url()));
    assert_knows_nothing(&instance);
    server.go_on();
    assert_joined(&instance, &server);
}

#[test]
fn a_redis_that_loads_is_joined_when_it_has_loaded() {
    let mut server = RedisServer::start();
    put_many(&server, "Agent", 50);
    server.command(&["SAVE"]);
    server.kill();
    server.start_loading("key-load-delay 60000\nloading-process-events-interval-bytes 1024\n");
    let instance = Instance::serving(before(&server.url()));
    let loading = instance.wait_for_health("it says why", |h| h.message().to_lowercase().contains("loading"));
    loading.assert_unready(&instance);
    // And not in between either, while it connects again and again.
    for _ in 0..200 {
        instance.health().assert_unready(&instance);
    }
    server.command(&["CONFIG", "SET", "key-load-delay", "0"]);
    assert_joined(&instance, &server);
}

#[test]
fn a_replica_is_not_taken_for_a_master() {
    let master = RedisServer::start();
    put_many(&master, "Agent", 50);
    let replica = Setup::new().replica_of(&master).start();
    master.wait_for_replicas(1);
    let instance = Instance::serving(before(&replica.url()));
    let said = instance.wait_for_health("it says why", |h| h.message().to_lowercase().contains("replica"));
    said.assert_unready(&instance);
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    assert_joined(&instance, &replica);
}

#[test]
fn a_wrong_password_is_right_when_redis_has_it() {
    let mut server = Setup::new().password("right-one").start();
    put_many(&server, "Agent", 50);
    let instance = Instance::serving(before(&server.url_with("default:wrong-one@", 0)));
    let said = instance.wait_for_health("it says why", |health| {
        let message = health.message().to_lowercase();
        ["password", "wrongpass", "auth"].iter().any(|word| message.contains(word))
    });
    said.assert_unready(&instance);
    assert_knows_nothing(&instance);
    server.command(&["CONFIG", "SET", "requirepass", "wrong-one"]);
    server.log_in_as("default", "wrong-one");
    assert_joined(&instance, &server);
    let finished = instance.registry.terminate();
    assert!(!finished.stderr.contains("wrong-one") && !finished.stdout.contains("wrong-one"), "{finished}");
}

/// An answer that never comes, as from a host that was switched off, and a program that speaks no Redis.
#[test]
fn whatever_is_at_that_port_the_ports_are_served_and_a_term_ends_it() {
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = Instance::serving(crate::registry::Start::new());
    let other = format!("redis://127.0.0.1:{}", http.registry.health_port());
    for url in [format!("redis://{}", deaf.local_addr().unwrap()), other] {
        let instance = Instance::serving(before(&url));
        assert_knows_nothing(&instance);
        let finished = instance.registry.terminate();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        assert!(!finished.stderr.contains(" ERROR ") && !finished.stderr.contains("panic"), "{finished}");
    }
}

/// At once where the fault was short, and never in a hurry; nor does a request make it try.
#[test]
fn it_tries_again_soon_and_not_too_often() {
    let mut server = RedisServer::start();
    let relay = Relay::to(server.address());
    server.kill();
    let instance = Instance::serving(before(&relay.url()));
    instance.wait_for_health("it has tried for a while", |_| relay.accepted() >= 3);
    let (start, before, caller) = (Instant::now(), relay.accepted(), instance.caller());
    let mut asked = 0;
    while start.elapsed() < Duration::from_secs(2) {
        assert_eq!(caller.port_of("Agent0001"), Err(UNAVAILABLE.to_owned()));
        assert_eq!(caller.try_register("Agent0001", 5000), Err(UNAVAILABLE.to_owned()));
        asked += 1;
    }
    let tried = relay.accepted() - before;
    assert!((1..=12).contains(&tried), "{tried} times in 2 s, asked {asked} times\n{}", instance.evidence());
    assert!(asked > 100, "asked {asked} times in 2 s");
    server.start_again();
    put_many(&server, "Agent", 50);
    assert_joined(&instance, &server);
}
