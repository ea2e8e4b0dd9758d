//! The page on tests names every kind of test that there is, each target of `make` that runs one, and each mutant that is
//! let live, with its reason.

use std::collections::BTreeSet;
use std::fs;

use super::markup::Page;
use super::pages::{self, in_repository};
use super::repository::{made_on, targets};

/// Targets that test and measure nothing.
const FOR_OTHER_THINGS: [&str; 13] = [
    "help",
    "build",
    "run",
    "tools",
    "venv",
    "install",
    "uninstall",
    "packages",
    "packages-twice",
    "deb",
    "rpm",
    "copyright",
    "clean",
];

fn page() -> Page {
    pages::read("docs/testing.md")
}

#[test]
fn every_target_that_tests_is_told_of() {
    let mut told = made_on(&page());
    told.extend(FOR_OTHER_THINGS.map(str::to_owned));
    let forgotten: Vec<String> = targets().difference(&told).cloned().collect();
    assert!(forgotten.is_empty(), "docs/testing.md says nothing of make {forgotten:?}");
}

#[test]
fn every_place_with_tests_is_told_of() {
    let spans = page().spans();
    let names = fs::read_dir(in_repository("tests")).expect("tests/").map(|entry| entry.unwrap().file_name());
    let forgotten: Vec<String> = names
        .map(|name| format!("tests/{}", name.to_str().expect("UTF-8")))
        .filter(|path| !spans.iter().any(|span| span.trim_end_matches('/') == path))
        .collect();
    assert!(forgotten.is_empty(), "docs/testing.md says nothing of {forgotten:?}");
}

/// The patterns of `exclude_re`, a line each.
fn let_live() -> BTreeSet<String> {
    let settings = fs::read_to_string(in_repository(".cargo/mutants.toml")).expect(".cargo/mutants.toml");
    let (_, list) = settings.split_once("\nexclude_re = [\n").expect("exclude_re");
    let (list, _) = list.split_once("\n]").expect("its end");
    let pattern = |line: &str| {
        let quoted = line.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix("',"));
        quoted.unwrap_or_else(|| panic!("no pattern in single quotes: {line}")).to_owned()
    };
    list.lines().map(pattern).collect()
}

#[test]
fn every_mutant_that_is_let_live_has_its_reason() {
    let chapter = page().chapter("Mutants that are let live");
    let mut told = BTreeSet::new();
    for entry in chapter.items() {
        let quoted = entry.strip_prefix('`').and_then(|rest| rest.split_once("`: "));
        let (pattern, reason) = quoted.unwrap_or_else(|| panic!("no pattern with a reason: {entry}"));
        assert!(reason.split_whitespace().count() > 5, "no reason: {entry}");
        told.insert(pattern.to_owned());
    }
    assert_eq!(told, let_live(), "docs/testing.md and exclude_re in .cargo/mutants.toml");
}
