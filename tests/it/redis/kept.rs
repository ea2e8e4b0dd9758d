//! The state file behind Redis: an instance that starts while Redis is away answers from what it knew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::instance::{Instance, PREFIX, before, put, put_many};
use super::server::{Folder, RedisServer};
use crate::process::DEADLINE;

const UNAVAILABLE: &str = "unavailable";

fn start(server: &RedisServer, state: &Path) -> Instance {
    Instance::serving(before(&server.url()).arg("--state-file").arg(state))
}

/// The port of everybody whom the file has as registered.
fn kept(state: &Path) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(state).unwrap();
    let mut kept = BTreeMap::new();
    for line in text.lines().skip(1) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let name = line["agent_id"].as_str().unwrap().to_owned();
        match line["port"].as_u64() {
            Some(port) => kept.insert(name, port),
            None => kept.remove(&name),
        };
    }
    kept
}

fn wait_until_kept(instance: &Instance, state: &Path, wanted: &BTreeMap<String, u64>) {
    instance.wait_for(|| {
        let kept = kept(state);
        if kept == *wanted { Ok(()) } else { Err(format!("the file has {kept:?}, and not {wanted:?}")) }
    });
}

fn kill(mut instance: Instance) {
    instance.registry.signal(Signal::KILL);
    instance.registry.finish(DEADLINE);
}

#[test]
fn an_instance_that_starts_without_redis_answers_from_its_file() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    let mut server = RedisServer::start();
    let names = put_many(&server, "Agent", 20);
    let instance = start(&server, &state);
    instance.wait_until_well();
    let mut all: BTreeMap<String, u64> = names.iter().cloned().zip(1..).collect();
    wait_until_kept(&instance, &state, &all);
    // What changes from then on, whoever changed it.
    instance.caller().register("Agent0003", 5000);
    put(&server, "Agent0004", 6000);
    put(&server, "Another", 7000);
    server.command(&["DEL", &format!("{PREFIX}Agent0005")]);
    instance.caller().deregister("Agent0006").unwrap();
    all.extend([("Agent0003".into(), 5000), ("Agent0004".into(), 6000), ("Another".into(), 7000)]);
    all.retain(|name, _| !["Agent0005", "Agent0006"].contains(&name.as_str()));
    wait_until_kept(&instance, &state, &all);
    kill(instance);
    server.kill();

    let instance = start(&server, &state);
    let message = instance.wait_until_degraded();
    assert!(message.starts_with(&format!("{} out of reach for ", server.url())), "{message}");
    assert!(message.contains("lookups answered from 19 records of the state file, written "), "{message}");
    assert_eq!(instance.status_of("/health"), 200);
    let caller = instance.caller();
    assert_eq!(caller.list().unwrap().len(), 19);
    assert_eq!((caller.port_of("Agent0003"), caller.port_of("Another")), (Ok(5000), Ok(7000)));
    assert_eq!(caller.port_of("Agent0005"), Err(UNAVAILABLE.to_owned()));
    assert_eq!(caller.try_register("Agent0003", 1), Err(UNAVAILABLE.to_owned()));
    assert_eq!(kept(&state), all);

    // It comes back empty, and with somebody new.
    server.start_again();
    put(&server, "New", 8000);
    instance.wait_until_well();
    assert_eq!(caller.list().unwrap(), ["New"]);
    wait_until_kept(&instance, &state, &[("New".to_owned(), 8000)].into());
}

#[test]
fn a_file_that_says_nothing_is_no_knowledge() {
    let folder = Folder::new();
    let mut server = RedisServer::start();
    server.kill();
    let instance = start(&server, &folder.path().join("state"));
    instance.health().assert_unready(&instance);
    assert_eq!(instance.caller().list(), Err(UNAVAILABLE.to_owned()));
}

#[test]
fn what_is_read_again_is_not_written_again() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    let server = RedisServer::start();
    let names = put_many(&server, "Agent", 100);
    let instance = start(&server, &state);
    instance.wait_until_well();
    let all: BTreeMap<String, u64> = names.iter().cloned().zip(1..).collect();
    wait_until_kept(&instance, &state, &all);
    let length = || fs::metadata(&state).unwrap().len();
    let before = length();
    for round in 1..=3 {
        server.command(&["CLIENT", "KILL", "TYPE", "PUBSUB"]);
        instance.registry.wait_until("it is back", || {
            instance.registry.log_lines(|line| line.contains(" is back after ")).len() == round
        });
    }
    assert_eq!(length(), before);
}

/// As large as Redis may hold one, it is still a line that can be read.
#[test]
fn the_largest_record_of_another_writer_is_no_damage() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    let mut server = RedisServer::start();
    let rest = r#"{"host":"h","port":1,"metadata":{"filler":""}}"#.len();
    let filler = "x".repeat((1 << 20) - rest);
    server.set(
        format!("{PREFIX}large"),
        format!(r#"{{"host":"h","port":1,"metadata":{{"filler":"{filler}"}}}}"#),
    );
    let instance = start(&server, &state);
    instance.wait_until_well();
    wait_until_kept(&instance, &state, &[("large".to_owned(), 1)].into());
    kill(instance);
    server.kill();
    let instance = start(&server, &state);
    instance.wait_until_degraded();
    assert_eq!(instance.caller().port_of("large"), Ok(1));
}

/// Where Redis tells of no changes, what lookups bring is written down all the same.
#[test]
fn what_is_asked_for_each_time_is_written_down_too() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "untracked", "on", ">pw", "~*", "+@all", "-client|tracking"]);
    put_many(&server, "Agent", 5);
    let start = before(&server.url_with("untracked:pw@", 0)).arg("--state-file").arg(&state);
    let instance = Instance::serving(start);
    instance.registry.wait_for_log(|line| line.contains("does not tell of changes"));
    instance.wait_until_well();
    put(&server, "Agent0001", 5000);
    assert_eq!(instance.caller().port_of("Agent0001"), Ok(5000));
    instance.wait_for(|| match kept(&state).get("Agent0001") {
        Some(5000) => Ok(()),
        other => Err(format!("the file has it at {other:?}")),
    });
}
