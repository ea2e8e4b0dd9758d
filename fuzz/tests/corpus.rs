//! Replays each kept input through its target, once and without libFuzzer, so that every build tries them; and holds
//! together what must tell the same: targets, their files, their inputs, and the versions of crates. Needs no nightly
//! Rust.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use service_registry_fuzz::TARGETS;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn replay(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).expect("a target");
    let inputs = entries(&here("corpus").join(name));
    assert!(inputs.len() >= 10, "only {} inputs", inputs.len());
    for input in inputs {
        // Should it panic, this is the evidence; the test runner shows it then only.
        println!("{}", input.display());
        target(&fs::read(&input).unwrap());
    }
}

#[test]
fn the_parser_stands_its_inputs() {
    replay("parser");
}

#[test]
fn the_head_stands_its_inputs() {
    replay("head");
}

#[test]
fn the_classifier_stands_its_inputs() {
    replay("classifier");
}

#[test]
fn the_registry_stands_its_inputs() {
    replay("registry");
}

#[test]
fn a_state_file_is_read_from_its_inputs() {
    replay("kept");
}

#[test]
fn redis_is_read_from_its_inputs() {
    replay("resp");
}

#[test]
fn records_of_others_are_read_from_their_inputs() {
    replay("stored");
}

#[test]
fn urls_are_read_from_their_inputs() {
    replay("url");
}

#[test]
fn every_target_has_a_file_and_inputs() {
    let names = |folder: &str| -> BTreeSet<String> {
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries(&here(folder)).into_iter().map(stem).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
}

/// The versions of each crate in a lock file.
fn locked(path: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(here(path)).unwrap();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in text.split("[[package]]").skip(1) {
        let value = |key: &str| package.split(&format!("\n{key} = \"")).nth(1)?.split('"').next();
        let (name, version) = (value("name").expect("a name"), value("version").expect("a version"));
        versions.entry(name.to_owned()).or_default().insert(version.to_owned());
    }
    versions
}

#[test]
fn what_is_fuzzed_is_what_is_built() {
    let (ours, registrys) = (locked("Cargo.lock"), locked("../Cargo.lock"));
    let shared: Vec<&String> = ours.keys().filter(|name| registrys.contains_key(*name)).collect();
    assert!(shared.iter().any(|name| *name == "serde_json"), "{shared:?}");
    let others: Vec<String> = shared
        .into_iter()
        .filter(|name| !ours[*name].is_subset(&registrys[*name]))
        .map(|name| format!("{name}: {:?} here, {:?} there", ours[name], registrys[name]))
        .collect();
    assert!(
        others.is_empty(),
        "cargo update -p NAME --precise VERSION, in fuzz/, brings these together:\n{}",
        others.join("\n")
    );
}
