//! Several instances in front of one Redis: what is written at one is found at all, and none of them matters.

use std::time::Instant;

use super::instance::{Instance, PREFIX};
use super::server::RedisServer;
use crate::storms::report;

const MANY: u16 = 1000;

#[test]
fn a_new_name_is_found_at_once_at_every_instance() {
    let server = RedisServer::start();
    let (a, mirror, asking) = (Instance::of(&server), Instance::of(&server), reading(&server));
    let (writer, readers) = (a.caller(), [mirror.caller(), asking.caller()]);
    let mut names: Vec<String> = (0..1000).map(|n| format!("Agent{:04}", n * 389 % 1000)).collect();
    for (name, port) in names.iter().zip(1..) {
        writer.register(name, port);
        for reader in &readers {
            assert_eq!(reader.port_in_redis(name), Ok(port), "{name}\n{}", mirror.evidence());
        }
    }
    names.sort_unstable();
    let due: Vec<&str> = names.iter().map(String::as_str).collect();
    for instance in [&a, &mirror, &asking] {
        instance.wait_for_list(&due);
        assert_eq!(instance.health().object["agents"], MANY, "{}", instance.evidence());
    }
}

fn reading(server: &RedisServer) -> Instance {
    Instance::with(server, &["--reads", "redis"])
}

#[test]
fn a_changed_record_is_found_changed() {
    let server = RedisServer::start();
    let (a, mirror, asking) = (Instance::of(&server), Instance::of(&server), reading(&server));
    let (writer, following, strict) = (a.caller(), mirror.caller(), asking.caller());
    let mut late = 0;
    for port in 1..=MANY {
        let name = format!("Agent{}", port % 10);
        writer.register(&name, port);
        let at_once = following.port_of(&name);
        assert_eq!(strict.port_in_redis(&name), Ok(port), "{name}, --reads redis\n{}", asking.evidence());
        // Whoever has registered here reads it here.
        assert_eq!(writer.port_of(&name), Ok(port), "{name}, where it was registered\n{}", a.evidence());
        if at_once != Ok(port) {
            late += 1;
            let due = Instant::now();
            mirror.wait_for_port(&name, Ok(port));
            report("a changed record", format_args!("{name} was late by {:?}", due.elapsed()));
        }
    }
    report("a changed record", format_args!("asked at once, the mirror was late for {late} of {MANY}"));
    // That Redis tells before it answers the writer is how it is built, and no promise. Who didn't look first at what it
    // has told would be late for one in ten or more.
    assert!(late * 50 < MANY, "late for {late} of {MANY}\n{}", mirror.evidence());
}

#[test]
fn all_agents_deregister_anywhere() {
    let server = RedisServer::start();
    let (a, b, asking) = (Instance::of(&server), Instance::of(&server), reading(&server));
    let (here, there, strict) = (a.caller(), b.caller(), asking.caller());
    for name in ["Alpha", "Beta"] {
        here.register(name, 5000);
        assert_eq!(there.port_of(name), Ok(5000));
    }
    assert_eq!(here.deregister("Alpha"), Ok(true));
    assert_eq!(strict.port_of("Alpha"), Err("not_found".to_owned()));
    assert_eq!(here.port_of("Alpha"), Err("not_found".to_owned()));
    b.wait_for_port("Alpha", Err("not_found"));
    for instance in [&a, &b, &asking] {
        instance.wait_for_list(&["Beta"]);
    }
    // Who lost the reply may ask again, and anywhere.
    assert_eq!(there.deregister("Alpha"), Ok(false));
    assert_eq!(here.deregister("Nobody"), Ok(false));
    assert_eq!(server.get(format!("{PREFIX}Alpha")), None);
    assert!(server.get(format!("{PREFIX}Beta")).is_some());
    assert_eq!(there.deregister("Beta"), Ok(true));
    a.wait_for_list(&[]);
    here.register("Alpha", 5001);
    assert_eq!(there.port_of("Alpha"), Ok(5001));
}

#[test]
fn an_instance_that_is_killed_takes_nothing_with_it() {
    let server = RedisServer::start();
    let (a, b) = (Instance::of(&server), Instance::of(&server));
    let writer = a.caller();
    let names: Vec<String> = (0..200).map(|n| format!("Agent{n:03}")).collect();
    for (name, port) in names.iter().zip(1..) {
        writer.register(name, port);
    }
    a.kill();
    let after = Instance::of(&server);
    let due: Vec<&str> = names.iter().map(String::as_str).collect();
    for instance in [&b, &after] {
        let caller = instance.caller();
        for (name, port) in names.iter().zip(1..) {
            assert_eq!(caller.port_of(name), Ok(port), "{}", instance.evidence());
        }
        instance.wait_for_list(&due);
    }
    // And what the new one has loaded is kept without Redis.
    let mut server = server;
    server.kill();
    after.wait_until_degraded();
    assert_eq!(after.caller().list().unwrap(), names);
    assert_eq!(after.caller().port_of("Agent199"), Ok(200));
}
