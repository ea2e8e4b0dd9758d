//! A state file's life: made, kept over restarts, written anew, locked, and whose it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;

use crate::agent::Agent;
use crate::process::DEADLINE;
use crate::registry::Registry;

use super::folder::{HEADER, State, deregister, list, port_of, register};

#[test]
fn a_restart_loses_nobody_and_brings_nobody_back() {
    let state = State::new();
    let registry = state.start();
    let agent = Agent::connect(registry.port());
    let metadata = r#"{"big":123456789012345678901234567890,"text":"\u00e9\ud83d\ude00","list":[1.50,null]}"#;
    let odd = format!(
        r#"{{"action":"register_agent","agent_id":"an \"odd\" näme","host":"h","port":"7","metadata":{metadata}}}"#
    );
    agent.ask(odd);
    for (name, port) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
        assert_eq!(register(&agent, name, port), json!({"status": "success"}));
    }
    deregister(&agent, "b");
    let lookup = r#"{"action":"get_agent_endpoint","agent_name":"an \"odd\" näme"}"#;
    let (odd, listed) = (agent.ask(lookup), list(&agent));
    registry.terminate();
    let registry = state.start();
    let agent = Agent::connect(registry.port());
    assert_eq!((agent.ask(lookup), list(&agent)), (odd, listed));
    assert_eq!(["a", "b", "c"].map(|name| port_of(&agent, name)), [Some(3), None, Some(4)]);
    registry
        .wait_for_log(|line| line.ends_with(&format!("the state file {}: 3 agents", state.path().display())));
}

#[test]
fn a_line_is_an_agent_as_it_registered_or_word_that_it_is_gone() {
    let state = State::new();
    let registry = state.start();
    let agent = Agent::connect(registry.port());
    register(&agent, "a", 1);
    deregister(&agent, "nobody");
    deregister(&agent, "a");
    let text = state.text();
    let stamp = text.split("last_registered\":\"").nth(1).unwrap().split('"').next().unwrap();
    let expected = format!(
        "{HEADER}{{\"agent_id\":\"a\",\"host\":\"h\",\"port\":1,\"health_check_port\":null,\"agent_type\":\"service\",\
         \"capabilities\":[],\"metadata\":{{}},\"last_registered\":\"{stamp}\"}}\n{{\"agent_id\":\"a\",\"deregistered\":true}}\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn nobody_else_may_read_it() {
    let mode =
        |state: &State, name: &str| fs::metadata(state.folder.path().join(name)).unwrap().mode() & 0o777;
    let state = State::new();
    drop(state.start());
    assert_eq!((mode(&state, "state"), mode(&state, "state.lock")), (0o600, 0o600));
    // One that somebody put back from elsewhere.
    fs::set_permissions(state.path(), Permissions::from_mode(0o644)).unwrap();
    let registry = state.start();
    assert_eq!(mode(&state, "state"), 0o600);
    grow_until_written_anew(&state.path(), &registry, 1);
    assert_eq!(mode(&state, "state"), 0o600);
}

/// Registers one agent again and again, until the file has been written anew so many times.
fn grow_until_written_anew(path: &Path, registry: &Registry, times: usize) {
    let agent = Agent::connect(registry.port());
    let filler = "x".repeat(60_000);
    let mut inode = fs::metadata(path).unwrap().ino();
    for time in 0..times {
        let mut written_anew = || {
            let request = json!({"action": "register_agent", "agent_id": "large", "host": "h", "port": time + 1,
                "metadata": {"filler": filler}});
            assert_eq!(agent.json(request), json!({"status": "success"}));
            let now = fs::metadata(path).unwrap().ino();
            let changed = now != inode;
            inode = now;
            changed
        };
        registry.wait_until("it is written anew", &mut written_anew);
    }
}

#[test]
fn it_stays_small_and_loses_nobody_while_it_is_written_anew() {
    let state = State::new();
    let registry = state.start();
    let agent = Agent::connect(registry.port());
    (0..200).for_each(|n| drop(register(&agent, &format!("agent-{n}"), n + 1)));
    grow_until_written_anew(&state.path(), &registry, 5);
    let (listed, before) =
        (list(&agent), agent.ask(r#"{"action":"get_agent_endpoint","agent_name":"large"}"#));
    assert!(state.length() < 3 << 20, "{} bytes", state.length());
    registry.terminate();
    assert!(!state.folder.path().join("state.new").exists());
    let registry = state.start();
    let agent = Agent::connect(registry.port());
    assert_eq!(
        (list(&agent), agent.ask(r#"{"action":"get_agent_endpoint","agent_name":"large"}"#)),
        (listed, before)
    );
}

#[test]
fn a_second_daemon_is_told_that_the_file_is_taken() {
    let state = State::new();
    let registry = state.start();
    let told = || {
        let finished = state.refused();
        let path = state.path().display().to_string();
        let line = format!(
            "service-registry: the state file {path} is in use by another service-registry, which holds the lock on {path}.lock"
        );
        assert_eq!(
            (finished.status.code(), finished.stderr.lines().last()),
            (Some(1), Some(line.as_str())),
            "{finished}"
        );
    };
    told();
    // Also when it is another file by now.
    grow_until_written_anew(&state.path(), &registry, 10);
    told();
    assert_eq!(port_of(&Agent::connect(registry.port()), "large"), Some(10));
    registry.terminate();
    drop(state.start());
}

#[test]
fn what_a_crash_left_aside_is_removed() {
    let state = State::new();
    let aside = state.folder.write("state.new", "half of a");
    let registry = state.start();
    assert!(!aside.exists());
    grow_until_written_anew(&state.path(), &registry, 1);
}

#[test]
fn a_symbolic_link_stays_one() {
    let state = State::new();
    fs::create_dir(state.folder.path().join("disk")).unwrap();
    let target = state.folder.write("disk/real", "");
    symlink(&target, state.path()).unwrap();
    let registry = state.start();
    grow_until_written_anew(&state.path(), &registry, 1);
    assert!(fs::symlink_metadata(state.path()).unwrap().is_symlink());
    assert!(fs::metadata(target).unwrap().len() > 60_000);
}

#[test]
fn so_does_one_that_leads_to_nothing_yet() {
    let state = State::new();
    fs::create_dir(state.folder.path().join("disk")).unwrap();
    let target = state.folder.path().join("disk/real");
    symlink(&target, state.path()).unwrap();
    let registry = state.start();
    grow_until_written_anew(&target, &registry, 1);
    assert!(fs::symlink_metadata(state.path()).unwrap().is_symlink());
    assert!(state.folder.path().join("disk/real.lock").exists());
}

#[test]
fn more_than_there_is_room_for_is_kept_all_the_same() {
    let state = State::new();
    let registry = state.start();
    let agent = Agent::connect(registry.port());
    (0..50).for_each(|n| drop(register(&agent, &format!("agent-{n}"), 1)));
    registry.terminate();
    let registry = state.starting().args(["--max-bytes", "1KiB"]).spawn();
    let agent = Agent::connect(registry.port());
    assert_eq!(list(&agent).as_array().unwrap().len(), 50);
    assert_eq!(register(&agent, "another", 1)["code"], "full");
    assert_eq!(register(&agent, "agent-7", 2), json!({"status": "success"}));
    deregister(&agent, "agent-8");
    assert_eq!(register(&agent, "agent-8", 2)["code"], "full");
}

#[test]
fn what_survives_a_power_failure_is_synced_first() {
    let state = State::new();
    let registry = state.starting().arg("--state-sync").spawn();
    let agent = Agent::connect(registry.port());
    (0..20).for_each(|n| drop(register(&agent, &format!("agent-{n}"), 1)));
    grow_until_written_anew(&state.path(), &registry, 2);
    drop(registry);
    let registry = state.start();
    assert_eq!(list(&Agent::connect(registry.port())).as_array().unwrap().len(), 21);
}

#[test]
fn a_stop_takes_no_longer_for_it() {
    let state = State::new();
    let registry = state.start();
    register(&Agent::connect(registry.port()), "a", 1);
    let mut registry = registry;
    registry.signal(rustix::process::Signal::TERM);
    assert_eq!(registry.finish(DEADLINE).status.code(), Some(0));
}
