//! A disk that is full: writes are refused, lookups go on, health says so, and all is well again as soon as there is room.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::curl;
use crate::process::{self, DEADLINE};
use crate::registry::{Registry, Start};

use super::folder::{State, list, port_of, register};

/// A registry whose state file is on a disk of 256 KiB that nobody else sees, half of it taken by another file.
fn on_a_small_disk(state: &State) -> Registry {
    let disk = state.folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let prepare = format!(
        "mount -t tmpfs -o size=256k none {disk} && head -c 131072 /dev/zero > {disk}/filler && exec \"$0\" \"$@\"",
        disk = disk.display()
    );
    let launcher = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &prepare];
    Start::new().through(launcher).arg("--state-file").arg(disk.join("state")).spawn()
}

/// A file of that disk, as seen from here.
fn seen(registry: &Registry, state: &State, name: &str) -> PathBuf {
    let path = state.folder.path().join("disk").join(name);
    PathBuf::from(format!("/proc/{}/root{}", registry.pid(), path.display()))
}

fn health(registry: &Registry) -> Value {
    curl::get(registry.health_port(), "/health").json()
}

/// Registers agents until one is refused; who were taken.
fn fill(agent: &Agent) -> Vec<String> {
    let mut taken = Vec::new();
    loop {
        let name = format!("agent-{}", taken.len());
        let filler = "x".repeat(3000);
        let reply = agent.json(json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 1,
            "metadata": {"filler": filler}}));
        if reply["status"] != "success" {
            assert_eq!(reply["code"], "unavailable", "{reply}");
            let error = reply["error"].as_str().unwrap();
            assert!(
                error.contains("the state file could not be written: No space left on device"),
                "{error}"
            );
            return taken;
        }
        taken.push(name);
    }
}

#[test]
fn a_full_disk_refuses_writes_and_nothing_else() {
    let state = State::new();
    let registry = on_a_small_disk(&state);
    let agent = Agent::connect(registry.port());
    let mut taken = fill(&agent);
    assert!(taken.len() > 10, "{taken:?}");
    let status = health(&registry);
    assert_eq!((&status["status"], &status["ready"]), (&json!("degraded"), &json!(true)), "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("the state file could not be written: No space left"), "{message}");
    registry.wait_for_log(|line| line.ends_with(": new agents are refused"));
    // What was refused is nowhere: not in memory, and not as half a line in the file.
    assert_eq!(list(&agent).as_array().unwrap().len(), taken.len());
    let text = fs::read_to_string(seen(&registry, &state, "state")).unwrap();
    assert_eq!((text.lines().count(), text.ends_with('\n')), (taken.len() + 1, true));
    assert_eq!(port_of(&agent, "agent-3"), Some(1));
    // Short ones still fit into what is left of a block.
    while register(&agent, &format!("agent-{}", taken.len()), 1)["status"] == "success" {
        taken.push(String::new());
    }
    fs::remove_file(seen(&registry, &state, "filler")).unwrap();
    assert_eq!(register(&agent, "after", 2), json!({"status": "success"}));
    assert_eq!(health(&registry)["status"], "ok");
    registry.wait_for_log(|line| line.contains("the state file can be written again"));
    let text = fs::read_to_string(seen(&registry, &state, "state")).unwrap();
    assert_eq!(text.lines().count(), taken.len() + 2);
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

/// The lines of warning, and of what follows it, of a registry whose disk is full and then is not.
pub(crate) fn log_of_a_full_disk() -> Vec<String> {
    let state = State::new();
    let registry = on_a_small_disk(&state);
    let agent = Agent::connect(registry.port());
    fill(&agent);
    fs::remove_file(seen(&registry, &state, "filler")).unwrap();
    assert_eq!(register(&agent, "after", 2), json!({"status": "success"}));
    registry.wait_for_log(|line| line.contains("can be written again"));
    registry.log_lines(|line| line.contains("the state file c"))
}

/// As the page has it: a copy that is made at any moment can be put back, and jq reads it.
#[test]
fn jq_reads_who_is_registered() {
    let Ok(which) = Command::new("jq").arg("--version").output() else { return };
    assert!(which.status.success());
    let state = State::new();
    let registry = state.start();
    let agent = Agent::connect(registry.port());
    for (name, port) in [("b", 1), ("a", 2), ("b", 3)] {
        register(&agent, name, port);
    }
    let filter =
        ".[1:] | group_by(.agent_id) | map(last) | map(select(.deregistered | not)) | map({agent_id, port})";
    let mut jq = Command::new("jq");
    let output = process::run(jq.args(["-sc", filter]).arg(state.path()), b"", DEADLINE);
    let expected = r#"[{"agent_id":"a","port":2},{"agent_id":"b","port":3}]"#;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), expected);
}
