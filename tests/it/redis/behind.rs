//! What happens behind the instances' backs: somebody changes, removes or lets expire what is in Redis, or ends their
//! connections to it. The mirror learns of it, and of all of it.

use std::time::{Duration, Instant};

use super::instance::{Instance, PREFIX, put, put_many, record};
use super::server::{RedisServer, Reply};
use super::witness::Witnesses;

const NOT_FOUND: &str = "not_found";

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

#[test]
fn flushed_records_are_gone_at_every_instance() {
    let server = RedisServer::start();
    for flush in ["FLUSHDB", "FLUSHALL"] {
        put_many(&server, "Agent", 300);
        let (a, b) = (Instance::of(&server), Instance::of(&server));
        a.caller().register("Late", 5000);
        assert_eq!(b.caller().port_of("Late"), Ok(5000));
        server.command(&[flush]);
        for instance in [&a, &b] {
            instance.wait_for_list(&[]);
            assert_eq!(instance.caller().port_of("Agent0007"), Err(NOT_FOUND.to_owned()), "{flush}");
            instance.wait_until_well();
            instance.wait_for_health("it has none", |health| health.object["agents"] == 0);
        }
        a.caller().register("After", 5001);
        assert_eq!(b.caller().port_of("After"), Ok(5001));
        a.wait_for_list(&["After"]);
        server.command(&["DEL", &key("After")]);
        b.wait_for_list(&[]);
    }
}

/// A command of another client, and the records there are afterwards.
type Step<'a> = (&'a [&'a str], &'a [(&'a str, u16)]);

/// Every way in which another client may change what is there.
#[test]
fn whoever_changes_a_key_by_whatever_command_is_noticed() {
    let server = RedisServer::start();
    put(&server, "Alpha", 1);
    let instance = Instance::of(&server);
    let (alpha, beta, gamma) = (key("Alpha"), key("Beta"), key("Gamma"));
    let (two, three) = (record(2), record(3));
    let script = "return redis.call('SET', KEYS[1], ARGV[1])";
    let steps: [Step; 12] = [
        (&["SET", &alpha, &two], &[("Alpha", 2)]),
        (&["MSET", &alpha, &three, &beta, &two], &[("Alpha", 3), ("Beta", 2)]),
        (&["RENAME", &beta, &gamma], &[("Alpha", 3), ("Gamma", 2)]),
        (&["COPY", &gamma, &alpha, "REPLACE"], &[("Alpha", 2), ("Gamma", 2)]),
        (&["EVAL", script, "1", &beta, &three], &[("Alpha", 2), ("Beta", 3), ("Gamma", 2)]),
        (&["GETDEL", &gamma], &[("Alpha", 2), ("Beta", 3)]),
        (&["SETRANGE", &alpha, "0", "x"], &[("Beta", 3)]),
        (&["SETRANGE", &alpha, "0", "{"], &[("Alpha", 2), ("Beta", 3)]),
        (&["UNLINK", &alpha], &[("Beta", 3)]),
        (&["MOVE", &beta, "5"], &[]),
        (&["SET", "elsewhere", &two], &[]),
        (&["RENAME", "elsewhere", &alpha], &[("Alpha", 2)]),
    ];
    for (command, due) in steps {
        server.command(command);
        instance.wait_for_list(&due.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (name, port) in due {
            instance.wait_for_port(name, Ok(*port));
        }
    }
    let mut client = server.client();
    let transaction = [&["MULTI"][..], &["SET", &alpha, &three], &["SET", &beta, &three], &["EXEC"]];
    client.ask_all(&transaction.map(|words| words.to_vec())).unwrap();
    instance.wait_for_list(&["Alpha", "Beta"]);
    instance.wait_for_port("Alpha", Ok(3));
    instance.wait_until_well();
}

/// Redis may tell of what has expired minutes later: here it never does.
#[test]
fn what_has_expired_is_gone_though_nobody_says_so() {
    let server = RedisServer::start();
    server.command(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    let soon = "1200";
    put(&server, "Alpha", 1);
    server.command(&["SET", &key("Loaded"), &record(2), "PX", "3000"]);
    let instances = [Instance::of(&server), Instance::with(&server, &["--reads", "redis"])];
    let looking = Instance::of(&server);
    server.command(&["SET", &key("Noticed"), &record(3), "PX", soon]);
    server.command(&["PEXPIRE", &key("Alpha"), soon]);
    server.command(&["SET", &key("Kept"), &record(4), "PX", soon]);
    server.command(&["PERSIST", &key("Kept")]);
    for (name, port) in [("Alpha", 1), ("Loaded", 2), ("Noticed", 3)] {
        assert_eq!(looking.caller().port_of(name), Ok(port), "{}", looking.evidence());
    }
    for instance in &instances {
        assert_eq!(instance.caller().port_of("Kept"), Ok(4));
    }
    // Lists first: asking Redis for a key that has expired would make Redis tell.
    for due in [&["Kept", "Loaded"][..], &["Kept"]] {
        instances.iter().for_each(|instance| instance.wait_for_list(due));
    }
    // Nobody has listed here, nor asked Redis anywhere.
    for name in ["Alpha", "Loaded", "Noticed"] {
        let found = looking.caller().port_of(name);
        assert_eq!(found, Err(NOT_FOUND.to_owned()), "{name}\n{}", looking.evidence());
    }
    for instance in &instances {
        for name in ["Alpha", "Loaded", "Noticed"] {
            assert_eq!(
                instance.caller().port_of(name),
                Err(NOT_FOUND.to_owned()),
                "{name}\n{}",
                instance.evidence()
            );
        }
        assert_eq!(instance.caller().port_of("Kept"), Ok(4));
    }
    // Whoever registers again stays.
    server.command(&["SET", &key("Again"), &record(5), "PX", soon]);
    instances[0].caller().register("Again", 6);
    assert_eq!(server.command(&["PTTL", &key("Again")]), Reply::Integer(-1));
}

#[test]
fn each_kind_of_connection_may_be_killed() {
    let server = RedisServer::start();
    put(&server, "Known", 1);
    put(&server, "Changing", 2);
    let instance = Instance::of(&server);
    let witnesses = Witnesses::of(&instance, "Known", 1);
    let kinds = server.clients().len();
    assert!((2..=4).contains(&kinds), "{:#?}", server.clients());
    let mut port = 100;
    for kind in 0..kinds {
        let mut connections = server.clients();
        assert_eq!(connections.len(), kinds, "{connections:#?}");
        connections.sort_by_key(|one| (one.subscribes(), one.id()));
        let killed = &connections[kind];
        assert_eq!(server.command(&["CLIENT", "KILL", "ID", killed.member("id")]), Reply::Integer(1));
        // What changes while it doesn't listen isn't missed.
        port += 1;
        put(&server, "Changing", port);
        let new = format!("New{kind}");
        put(&server, &new, port);
        instance.wait_for_port("Changing", Ok(port));
        instance.wait_for_port(&new, Ok(port));
        let caller = instance.caller();
        instance.wait_for(|| caller.try_register("Writer", port));
        instance.wait_until_well();
        server.wait_until("all connections stand again", || server.clients().len() == kinds);
        put(&server, "Changing", port + 1000);
        instance.wait_for_port("Changing", Ok(port + 1000));
    }
    server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    put(&server, "Changing", 5000);
    instance.wait_for_port("Changing", Ok(5000));
    instance.wait_until_well();
    assert!(witnesses.say().answers > 0);
}

/// A subscriber that Redis has more to tell than it may hold is cut.
#[test]
fn a_subscriber_that_is_cut_for_its_length_misses_nothing() {
    let server = RedisServer::start();
    let names = put_many(&server, "Agent", 2000);
    put(&server, "Known", 1);
    let instance = Instance::of(&server);
    let witnesses = Witnesses::of(&instance, "Known", 1);
    let subscriber = server.clients().into_iter().find(|one| one.subscribes()).expect("a subscriber");
    server.command(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1024 0 0"]);
    // One message with all their names.
    let mut words = vec!["MSET".to_owned()];
    words.extend(names.iter().flat_map(|name| [key(name), record(6000)]));
    server.command(&words);
    server.wait_until("it is cut", || server.clients().iter().all(|one| one.id() != subscriber.id()));
    for name in ["Agent0000", "Agent1000", "Agent1999"] {
        instance.wait_for_port(name, Ok(6000));
    }
    server.command(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60"]);
    instance.wait_until_well();
    let caller = instance.caller();
    for name in &names {
        assert_eq!(caller.port_of(name), Ok(6000), "{name}\n{}", instance.evidence());
    }
    assert_eq!(instance.health().object["agents"], 2001);
    witnesses.say();
}

/// Redis tells nobody of SWAPDB. A strict reader sees it at once; a mirror with its next load, not before it is due.
#[test]
fn swapped_databases_are_seen_by_those_who_ask() {
    let server = RedisServer::start();
    put(&server, "Alpha", 1);
    let mut other = server.client();
    other.ask(&["SELECT", "1"]).unwrap();
    other.ask(&["SET", &key("Alpha"), &record(2)]).unwrap();
    let (mirror, strict) = (Instance::of(&server), Instance::with(&server, &["--reads", "redis"]));
    server.command(&["SWAPDB", "0", "1"]);
    assert_eq!(strict.caller().port_of("Alpha"), Ok(2), "{}", strict.evidence());
    for connection in server.clients().iter().filter(|one| one.subscribes()) {
        server.command(&["CLIENT", "KILL", "ID", connection.member("id")]);
    }
    mirror.wait_for_port("Alpha", Ok(2));
    mirror.wait_until_well();
}

/// All commands are held up, or writes alone, while every connection stays open.
#[test]
fn a_pause_of_clients_holds_up_no_lookup() {
    let server = RedisServer::start();
    put(&server, "Known", 1);
    for what in ["ALL", "WRITE"] {
        let instance = Instance::of(&server);
        let caller = instance.caller();
        let witnesses = Witnesses::of(&instance, "Known", 1);
        server.command(&["CLIENT", "PAUSE", "2500", what]);
        let asked = Instant::now();
        assert_eq!(
            caller.try_register("Beta", 2),
            Err("unavailable".to_owned()),
            "{what}\n{}",
            instance.evidence()
        );
        // What this figure is at its best is measured in `pace`.
        assert!(asked.elapsed() < Duration::from_secs(5), "{what}: {:?}", asked.elapsed());
        assert_eq!(caller.port_of("Known"), Ok(1));
        assert_eq!(caller.list().unwrap(), ["Known"], "{what}");
        instance.wait_for(|| caller.try_register("Beta", 3));
        instance.wait_until_well();
        assert_eq!(caller.port_of("Beta"), Ok(3));
        witnesses.say();
        server.command(&["DEL", &key("Beta")]);
    }
}
