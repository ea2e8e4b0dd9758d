//! docs/high-availability.md promises nothing without a test: each row of its table has one, each that it names exists, and
//! Redis and its sentinels take the lines that it tells people to write.

use std::fs;

use crate::redis::connecting::RIGHTS;
use crate::redis::server::{RedisServer, SentinelGroup, Setup};

use super::markup::Page;
use super::pages::{self, in_repository};

fn page() -> Page {
    pages::read("docs/high-availability.md")
}

/// Whether this is the name of a test: modules, then the function.
fn names_a_test(span: &str) -> bool {
    let is_name = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    span.contains("::") && span.split("::").all(is_name)
}

/// The part of `make test-faults` that a command runs.
fn part_of_faults(span: &str) -> Option<&str> {
    span.strip_prefix("FAULTS_ONLY=")?.strip_suffix(" make test-faults")
}

fn is_a_part(part: &str) -> bool {
    let plan = fs::read_to_string(in_repository("tests/faults/plan.rs")).unwrap_or_default();
    let parts = plan.split_once("const PARTS").and_then(|(_, rest)| rest.split_once(';')?.1.split_once(';'));
    parts.is_some_and(|(parts, _)| parts.contains(&format!("\"{part}\"")))
}

/// Whether there is such a test among those from outside.
fn exists(name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").expect("a module");
    let file = in_repository(&format!("tests/it/{}.rs", module.replace("::", "/")));
    let source = fs::read_to_string(file).unwrap_or_default();
    source.contains(&format!("#[test]\nfn {function}() {{"))
}

#[test]
fn every_test_that_is_named_exists() {
    let spans = page().spans();
    let named: Vec<&String> = spans.iter().filter(|span| names_a_test(span)).collect();
    let missing: Vec<_> = named.iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "{}: there is no test {missing:#?}", page().path);
    assert!(named.len() > 30, "{named:#?}");
    let parts: Vec<&str> = spans.iter().filter_map(|span| part_of_faults(span)).collect();
    assert!(!parts.is_empty() && parts.iter().all(|part| is_a_part(part)), "{parts:?}");
    assert!(!exists("redis::faults::never_written") && !exists("redis::nowhere::killed"));
}

#[test]
fn every_promise_has_a_test() {
    let first = |row: &Vec<String>| row[0].clone();
    let promises = page().chapter("What is promised").table();
    let tests = page().chapter("Which test shows which").table();
    assert!(promises.len() > 10, "{promises:#?}");
    assert_eq!(
        promises.iter().map(first).collect::<Vec<_>>(),
        (1..=tests.len()).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(promises.iter().map(first).collect::<Vec<_>>(), tests.iter().map(first).collect::<Vec<_>>());
    for cells in tests {
        let spans = Page::new("a cell", &cells[1]).spans();
        let shows = |span: &String| names_a_test(span) || part_of_faults(span).is_some();
        assert!(!spans.is_empty() && spans.iter().all(shows), "{cells:?}");
    }
}

#[test]
fn the_rights_are_those_that_are_tried() {
    let line = page().block("text users.acl").text;
    let rights = line.split_once(" ~service_registry:* ").expect("the keys").1;
    assert_eq!(rights.trim_end(), RIGHTS);
}

#[test]
fn redis_and_its_sentinels_take_the_lines_of_the_page() {
    let lines = |info: &str| {
        let blocks = page().blocks().into_iter().filter(|block| block.info == info);
        blocks.map(|block| block.text).collect::<String>()
    };
    let of_redis = [lines("text redis.conf"), lines("text users.acl")].concat();
    assert!(of_redis.lines().count() > 5, "{of_redis}");
    let server = of_redis.lines().fold(Setup::new(), Setup::line).start();
    let set = |name: &str| server.command(&["CONFIG", "GET", name]).array().remove(1).text();
    assert_eq!((set("appendfsync").as_str(), set("min-replicas-to-write").as_str()), ("always", "1"));
    let of_sentinel = lines("text sentinel.conf");
    assert!(of_sentinel.lines().count() > 2, "{of_sentinel}");
    drop(SentinelGroup::watch_with(&RedisServer::start(), None, &of_sentinel));
}
