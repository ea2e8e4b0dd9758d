//! What pages say of the repository itself: `make` targets, files, anchors, the version.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::process::{self, DEADLINE};

use super::markup::Page;
use super::pages::{self, in_repository};

/// The targets that `make help` names.
pub(super) fn targets() -> BTreeSet<String> {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "help"]).current_dir(in_repository(""));
    // Or it would be the child of the make that runs these tests.
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEFILES"] {
        make.env_remove(name);
    }
    let output = process::run(&mut make, b"", DEADLINE);
    assert!(output.status.success(), "{output:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    let named = help.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    named.map(str::to_owned).collect()
}

/// The targets that a page tells people to make.
pub(super) fn made_on(page: &Page) -> BTreeSet<String> {
    let blocks = page
        .blocks()
        .into_iter()
        .filter(|block| matches!(block.info.as_str(), "sh" | ""))
        .map(|block| block.text);
    let lines: Vec<String> = page.spans().into_iter().chain(blocks).collect();
    let mut targets = BTreeSet::new();
    for line in lines.iter().flat_map(|text| text.lines()) {
        let mut words = line.split_whitespace().skip_while(|word| *word == "sudo");
        if words.next() == Some("make") {
            targets.extend(words.filter(|word| !word.contains('=')).take(1).map(str::to_owned));
        }
    }
    targets
}

#[test]
fn every_make_target_on_a_page_is_in_make_help() {
    let targets = targets();
    let pages = pages::all();
    for page in &pages {
        let unknown: Vec<String> = made_on(page).difference(&targets).cloned().collect();
        assert!(unknown.is_empty(), "{}: make help has no {unknown:?}, but {targets:?}", page.path);
    }
    let made: BTreeSet<String> = pages.iter().flat_map(made_on).collect();
    for target in ["help", "run", "build", "test", "lint", "bench", "install", "venv", "clean"] {
        assert!(made.contains(target), "no page tells of make {target}: {made:?}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages::all();
    let broken: Vec<String> = pages.iter().flat_map(broken_links).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(pages.iter().map(|page| page.links().len()).sum::<usize>() > 20);
}

fn broken_links(page: &Page) -> Vec<String> {
    let ours = page.links().into_iter().filter(|link| !link.starts_with("https://"));
    ours.filter(|link| !leads_somewhere(page, link)).map(|link| format!("{}: {link}", page.path)).collect()
}

/// To a file or folder, and to a heading in it where the link names one.
fn leads_somewhere(page: &Page, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { page.path.clone() } else { beside(&page.path, path) };
    let exists = in_repository(&target).exists();
    exists && (anchor.is_empty() || pages::read(&target).anchors().iter().any(|known| known == anchor))
}

/// A relative link's path in the repository.
fn beside(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop().unwrap_or_else(|| panic!("{page}: {path} leaves the repository"))),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Files and folders that pages name in code, where the name shows that it is one.
#[test]
fn every_path_on_a_page_exists() {
    const FOLDERS: [&str; 6] = ["src/", "tests/", "docs/", "examples/", "benches/", ".ci/"];
    let mut named = 0;
    for page in pages::all() {
        for span in page.spans().iter().filter(|span| FOLDERS.iter().any(|folder| span.starts_with(folder))) {
            named += 1;
            assert!(in_repository(span).exists(), "{}: there is no {span}", page.path);
        }
    }
    assert!(named > 5, "{named} paths");
}

#[test]
fn the_change_log_knows_the_version() {
    let headings = pages::read("CHANGELOG.md").headings();
    let version = format!("[{}]", env!("CARGO_PKG_VERSION"));
    let known = |heading: &String| heading.starts_with(&version) || heading.starts_with("[Unreleased]");
    assert!(headings.iter().any(known), "neither {version} nor [Unreleased] in {headings:?}");
}

#[test]
fn pages_ask_for_the_rust_that_the_manifest_asks_for() {
    let wanted = concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later");
    for page in ["README.md", "CONTRIBUTING.md"] {
        assert!(pages::read(page).says(wanted), "{page} does not say \"{wanted}\"");
    }
}

#[test]
fn both_licences_are_there_and_name_the_same_owner() {
    for (file, words) in [("LICENSE-MIT", "MIT License"), ("LICENSE-APACHE", "Apache License")] {
        let path = in_repository(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", Path::display(&path)));
        assert!(text.contains(words) && text.contains("The service-registry developers"), "{file}");
    }
}
