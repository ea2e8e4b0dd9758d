//! What the registry will hold: 64 KiB a record, `--max-bytes` in all. Beyond that, what is there stays, and
//! replacements that fit go on.

use crate::agent::Agent;
use crate::conversation::{ask_curl, refusal};
use crate::registry::Registry;

const LIST: &str = r#"{"action":"list_agents"}"#;

fn registration(name: &str, metadata_bytes: usize) -> String {
    let padding = "x".repeat(metadata_bytes - 8);
    format!(
        r#"{{"action":"register_agent","agent_id":"{name}","host":"h","port":1,"metadata":{{"p":"{padding}"}}}}"#
    )
}

fn lookup(name: &str) -> String {
    format!(r#"{{"action":"get_agent_endpoint","agent_name":"{name}"}}"#)
}

fn succeeds(agent: &Agent, request: &str) -> bool {
    let reply = agent.ask(request);
    reply == br#"{"status":"success"}"# || {
        refusal(&reply, "full", "the only refusal expected here");
        false
    }
}

/// Registers ever smaller records under new names until not even the smallest fits; gives how many large ones did.
fn fill(agent: &Agent) -> usize {
    let mut large = 0;
    for size in [60_000, 6_000, 600, 60, 8] {
        let mut count = 0;
        while succeeds(agent, &registration(&format!("S{size}N{count}"), size)) {
            count += 1;
            assert!(count < 20, "the registry fills up");
        }
        if size == 60_000 {
            large = count;
        }
    }
    large
}

#[test]
fn a_full_registry_serves_on() {
    let registry = Registry::with(&["--max-bytes", "1MiB"]);
    let agent = Agent::connect(registry.port());
    let large = fill(&agent);
    // 17 fit by their own size; a few bytes beside each may count as well.
    assert!((16..=17).contains(&large), "{large} records of 60,000 bytes in 1 MiB");

    let (list, record) = (agent.ask(LIST), agent.ask(lookup("S60000N0")));
    let unchanged = |what: &str| {
        assert_eq!(agent.ask(LIST), list, "the list after {what}");
        assert_eq!(agent.ask(lookup("S60000N0")), record, "the record after {what}");
    };
    let new = registration("New", 60_000);
    refusal(&agent.ask(&new), "full", "a new name");
    refusal(&ask_curl(registry.port(), new.as_bytes()), "full", "a new name by HTTP");
    unchanged("a new name");
    let larger = registration("S60000N0", 65_000);
    refusal(&agent.ask(&larger), "full", "a larger replacement");
    unchanged("a larger replacement");

    assert!(succeeds(&agent, &registration("S60000N0", 60_000)), "a replacement of the same size");
    assert_eq!(agent.ask(LIST), list, "the list after a replacement");
    assert!(succeeds(&agent, &registration("S60000N0", 8)), "a smaller replacement");
    assert_eq!(agent.ask(LIST), list, "the list after a smaller replacement");
    assert!(succeeds(&agent, &registration("New", 50_000)), "a new name where there is room again");
    refusal(&agent.ask(registration("S60000N0", 60_000)), "full", "the room is taken");
}

#[test]
fn a_record_is_at_most_64_kib() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    assert!(succeeds(&agent, &registration("A", 65_000)), "just under the limit");
    let before = (agent.ask(lookup("A")), agent.ask(LIST));
    for (name, size) in [("A", 65_537), ("A", 120_000), ("B", 65_537)] {
        let request = registration(name, size);
        refusal(&agent.ask(&request), "too_large", "over ZMQ");
        refusal(&ask_curl(registry.port(), request.as_bytes()), "too_large", "over HTTP");
        assert_eq!((agent.ask(lookup("A")), agent.ask(LIST)), before, "after {size} bytes for {name}");
    }
}

#[test]
fn white_space_outside_strings_is_not_stored_and_counts_for_nothing() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    let spaces = " ".repeat(100_000);
    let request = format!(
        r#"{{"action":"register_agent","agent_id":"A","host":"h","port":1,"metadata":{{"a":{spaces}1}}}}"#
    );
    assert!(succeeds(&agent, &request));
    let reply = agent.ask(lookup("A"));
    assert!(reply.len() < 400, "{} bytes", reply.len());
}

#[test]
fn a_large_list_of_capabilities_is_a_large_record() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    let many = vec!["\"12345678\""; 7_000].join(",");
    let request = format!(
        r#"{{"action":"register_agent","agent_id":"A","host":"h","port":1,"capabilities":[{many}]}}"#
    );
    refusal(&agent.ask(request), "too_large", "77,000 bytes of capabilities");
    let some = vec!["\"12345678\""; 5_000].join(",");
    let request = format!(
        r#"{{"action":"register_agent","agent_id":"A","host":"h","port":1,"capabilities":[{some}]}}"#
    );
    assert!(succeeds(&agent, &request), "55,000 bytes of capabilities");
}
