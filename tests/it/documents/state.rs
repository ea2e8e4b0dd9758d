//! docs/operations.md shows a state file and what is said of one that is damaged, full or taken: a daemon writes these very lines.

use std::fs;

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::redis::server::Folder;
use crate::registry::{Finished, Start};
use crate::state::disk;

use super::pages;
use super::terminal::masked;

const PAGE: &str = "docs/operations.md";
/// Where the packages have it.
const SHOWN: &str = "/var/lib/service-registry/state";

#[test]
fn a_state_file_is_as_the_page_shows() {
    let block = pages::read(PAGE).block("json state");
    let folder = Folder::new();
    let path = folder.path().join("state");
    let registry = Start::new().arg("--state-file").arg(&path).spawn();
    let agent = Agent::connect(registry.port());
    let lines: Vec<Value> = block.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines[1..] {
        let mut request = line.clone();
        let action = if line["deregistered"] == true { "deregister_agent" } else { "register_agent" };
        request["action"] = json!(action);
        assert_eq!(agent.json(request)["status"], "success", "{}: {line}", block.place);
    }
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(without_stamps(&written), without_stamps(&block.text), "{}", block.place);
    // And the page's own lines are read.
    registry.terminate();
    fs::write(&path, &block.text).unwrap();
    drop(Start::new().arg("--state-file").arg(&path).spawn());
}

fn without_stamps(text: &str) -> String {
    let mut parts = text.split("\"last_registered\":\"");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "\"last_registered\":\"…" + part.split_once('"').unwrap().1)
}

/// The last line of a start that fails at this state file, with the path of the page.
fn refusal(path: &std::path::Path, code: i32) -> String {
    let finished: Finished = Start::new().arg("--state-file").arg(path).run_to_end();
    assert_eq!(finished.status.code(), Some(code), "{finished}");
    finished.stderr.lines().last().unwrap().replace(path.to_str().unwrap(), SHOWN)
}

#[test]
fn a_damaged_file_is_told_as_the_page_shows() {
    let page = pages::read(PAGE);
    let whole = page.block("json state").text;
    let (first, rest) = whole.split_once('\n').unwrap();
    let folder = Folder::new();
    let path = folder.write(
        "state",
        format!("{first}\n{rest}").replacen("{\"agent_id\":\"MyAgent\",\"dereg", "MyAgent\",\"dereg", 1),
    );
    let block = page.block("text damaged");
    assert_eq!(refusal(&path, 2), block.text.trim_end(), "{}", block.place);
}

#[test]
fn a_file_that_is_taken_is_told_as_the_page_shows() {
    let folder = Folder::new();
    let path = folder.path().join("state");
    let _registry = Start::new().arg("--state-file").arg(&path).spawn();
    let block = pages::read(PAGE).block("text in use");
    assert_eq!(refusal(&path, 1), block.text.trim_end(), "{}", block.place);
}

#[test]
fn a_full_disk_is_told_as_the_page_shows() {
    let block = pages::read(PAGE).block("text disk full");
    let lines = disk::log_of_a_full_disk();
    let shown: Vec<String> = block.text.lines().map(masked).collect();
    assert_eq!(lines.iter().map(|line| masked(line)).collect::<Vec<_>>(), shown, "{}", block.place);
}
