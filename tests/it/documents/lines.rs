//! docs/operations.md shows what a daemon logs at its start and in its life, and what a full one answers: a daemon that
//! is brought there prints these very lines.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::raw::Raw;
use crate::registry::{Registry, Start};

use super::page::{print_as_shown, session};
use super::pages;
use super::terminal::{Terminal, masked, without_number_after};

const PAGE: &str = "docs/operations.md";

#[test]
fn a_start_prints_what_the_page_shows() {
    let block = pages::read(PAGE).block("console start");
    let [(command, shown)] = &session(&block)[..] else { panic!("{}: one command", block.place) };
    assert_eq!(command, "service-registry", "{}", block.place);
    let registry = Start::bare().args(["--port=0", "--health-port=0"]).spawn();
    let terminal = Terminal::beside(registry);
    let log = terminal.registry.log();
    // A host without IPv6: the page says so.
    let printed = masked(&terminal.as_on_the_page(&log)).replace(" on 0.0.0.0\n", " on ::\n");
    assert_eq!(printed, masked(shown), "{}", block.place);
}

#[test]
fn a_life_is_logged_as_the_page_shows() {
    let block = pages::read(PAGE).block("text log");
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    for port in [5000, 5000, 5001] {
        let request =
            json!({"action": "register_agent", "agent_id": "Translator", "host": "localhost", "port": port});
        assert_eq!(agent.json(request)["status"], "success", "{}", registry.evidence());
        agent.json(json!({"action": "get_agent_endpoint", "agent_name": "Translator"}));
    }
    agent.json(json!({"action": "deregister_agent", "agent_id": "Translator"}));
    registry.signal(Signal::HUP);
    registry.wait_for_log(|line| line.contains("SIGHUP"));
    let finished = registry.terminate();
    let (_, life) =
        finished.stderr.split_once("] ready\n").unwrap_or_else(|| panic!("it was ready\n{finished}"));
    assert_eq!(masked(life), masked(&block.text), "{}\n{finished}", block.place);
}

#[test]
fn a_full_registry_answers_what_the_page_shows() {
    let block = pages::read(PAGE).block("console full");
    let session = session(&block);
    let [(start, _), requests @ ..] = &session[..] else { panic!("{}: a start, then requests", block.place) };
    let words: Vec<&str> = start.split_whitespace().collect();
    let ["service-registry", "--max-bytes", size, "&"] = words[..] else {
        panic!("{}: {start}", block.place)
    };
    let mut terminal = Terminal::beside(Registry::with(&["--max-bytes", size]));
    fill(&terminal.registry);
    assert!(!requests.is_empty(), "{}", block.place);
    for (command, shown) in requests {
        print_as_shown(&mut terminal, command, shown, &block.place);
    }
    let told = pages::read(PAGE).block("text full");
    let log = terminal.registry.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ")).collect();
    assert_eq!(warnings.len(), 1, "once, for all that were refused\n{}", terminal.registry.evidence());
    assert_eq!(masked(warnings[0]), masked(told.text.trim_end()), "{}", told.place);
}

/// The one warning in what `registry` has said, without its time.
fn warning(registry: &Registry) -> String {
    masked(&registry.wait_for_log(|line| line.contains(" WARN ")))
}

#[test]
fn connections_past_a_limit_are_told_as_the_page_shows() {
    let block = pages::read(PAGE).block("text refused");
    let shown = masked(&block.text);
    let [all, one] = shown.lines().collect::<Vec<_>>()[..] else { panic!("{}: two lines", block.place) };
    for (line, limits, addresses) in [(all, "3", vec![1, 1, 2, 2]), (one, "4", vec![1, 1, 1])] {
        let registry = Registry::with(&["--max-connections", limits]);
        let _held: Vec<Raw> =
            addresses.iter().map(|&last| Raw::connect_from(last, registry.port())).collect();
        assert_eq!(warning(&registry), line, "{}\n{}", block.place, registry.evidence());
    }
}

#[test]
fn too_few_descriptors_are_told_as_the_page_shows() {
    // How many the registry inherits is its parent's doing, and differs.
    let same = |text: &str| {
        let text = without_number_after("at most ", &masked(text));
        without_number_after("at least ", &text)
    };
    let block = pages::read(PAGE).block("text few");
    let registry = Start::new().descriptors(1024).spawn();
    assert_eq!(same(&warning(&registry)), same(block.text.trim_end()), "{}", block.place);

    let block = pages::read(PAGE).block("console few");
    let [(_, shown), (_, code)] = &session(&block)[..] else { panic!("{}: two commands", block.place) };
    let finished = Start::new().descriptors(40).run_to_end();
    assert_eq!(same(&finished.stderr), same(shown), "{}\n{finished}", block.place);
    assert_eq!(finished.status.code().map(|code| format!("{code}\n")).as_ref(), Some(code), "{finished}");
}

/// Registers agents until not even the smallest fits.
fn fill(registry: &Registry) {
    let agent = Agent::connect(registry.port());
    let mut names = 0;
    for size in [60_000, 6_000, 600, 60, 0] {
        let metadata = json!({"filler": "x".repeat(size)});
        loop {
            names += 1;
            assert!(names < 1000, "it is never full\n{}", registry.evidence());
            let name = names.to_string();
            let mut request = json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 1});
            if size > 0 {
                request["metadata"] = metadata.clone();
            }
            let reply: Value = agent.json(request);
            if reply["status"] != "success" {
                assert_eq!(reply["code"], "full", "{}", registry.evidence());
                break;
            }
        }
    }
}
