//! `cargo bench --bench pure`: what requests cost without libzmq, sockets and threads, from the request's bytes to the
//! reply's. The agents and requests are those of `benches/registry`. docs/performance.md says what came of it; nothing
//! here judges a figure.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)]
#[path = "registry/agents.rs"]
mod agents;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use service_registry::act::Registry;
use service_registry::announcer::Announcer;
use service_registry::health::Health;
use service_registry::slots::Slots;
use service_registry::store::memory::Memory;
use service_registry::wire::scan::MAX_DEPTH;
use service_registry::wire::{MAX_REQUEST, parse};
use time::OffsetDateTime;

use agents::{AGENTS, Question, Requests};

/// A store that no row fills.
const MAX_BYTES: u64 = 1 << 32;

/// The processor time of this thread. On a machine that does other things as well, it is the steadier clock.
struct ProcessorTime;

impl Measurement for ProcessorTime {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// A registry that knows every agent of the benchmark. No logger is installed, so no line is written of them.
fn filled() -> Registry {
    let health = Arc::new(Health::new("memory", Slots::new(1, 1), Arc::default()));
    let store = Arc::new(Memory::new(MAX_BYTES, Arc::clone(&health)));
    let registry = Registry::new(store, health, OffsetDateTime::now_utc, Announcer::default());
    let mut requests = Requests::new(Question::Fill, AGENTS, 0);
    while let Some(body) = requests.next_body() {
        assert_answers(&registry, body.as_bytes(), "{\"status\":\"success\"}");
    }
    registry
}

/// What is measured must be what its name says.
fn assert_answers(registry: &Registry, request: &[u8], start: &str) {
    let body = registry.answer(request).body;
    assert!(body.starts_with(start.as_bytes()), "not {start}: {}", String::from_utf8_lossy(&body));
}

/// As many requests as there are agents, about agents at random. They lie in memory in the order in which they are
/// asked: a request is at hand, as one is that was just received, and its agent is not.
fn at_random(question: Question) -> Vec<String> {
    let mut requests = Requests::new(question, AGENTS, 1);
    (0..AGENTS).filter_map(|_| requests.next_body()).collect()
}

/// A lookup with one more member, which the registry has to read and to ignore.
fn lookup_beside(member: &str) -> String {
    agents::lookup(0).replace('}', &format!(",{member}}}"))
}

fn lookups(criterion: &mut Criterion<ProcessorTime>) {
    let registry = filled();
    let requests = at_random(Question::Lookup);
    let mut next = requests.iter().map(String::as_bytes).cycle();
    let mut next = || next.next().expect("a request");
    let mut group = criterion.benchmark_group("lookup");
    group.bench_function("parse alone", |bencher| bencher.iter(|| parse::request(next()).is_ok()));
    group.bench_function("one of 100,000 at random", |bencher| bencher.iter(|| registry.answer(next())));
    let mut message = Vec::with_capacity(1024);
    group.bench_function("one of 100,000 at random, its reply copied", |bencher| {
        bencher.iter(|| {
            message.clear();
            message.extend_from_slice(&registry.answer(next()).body);
            black_box(message.as_ptr());
        });
    });
    let nesting = "[".repeat(MAX_DEPTH - 1) + &"]".repeat(MAX_DEPTH - 1);
    for (name, request, start) in [
        ("the same one again", agents::lookup(0), "{\"status\":\"success\",\"host\""),
        ("none of that name", agents::lookup(AGENTS), "{\"status\":\"error\",\"error\":\"Agent "),
        (
            "beside 64 levels of nesting",
            lookup_beside(&format!("\"x\":{nesting}")),
            "{\"status\":\"success\",\"host\"",
        ),
    ] {
        assert_answers(&registry, request.as_bytes(), start);
        group.bench_function(name, |bencher| bencher.iter(|| registry.answer(request.as_bytes())));
    }
    group.finish();
}

fn registrations(criterion: &mut Criterion<ProcessorTime>) {
    let registry = filled();
    let requests = at_random(Question::Register);
    let mut next = requests.iter().map(String::as_bytes).cycle();
    let mut group = criterion.benchmark_group("registration");
    group.bench_function("one of 100,000 at random moves", |bencher| {
        bencher.iter(|| registry.answer(next.next().expect("a request")));
    });
    group.finish();
}

fn lists(criterion: &mut Criterion<ProcessorTime>) {
    const LIST: &[u8] = br#"{"action":"list_agents"}"#;
    let registry = filled();
    assert_answers(&registry, LIST, "{\"status\":\"success\",\"agents\":[\"agent-000000\",");
    let mut group = criterion.benchmark_group("list of 100,000");
    group.bench_function("nothing is new", |bencher| bencher.iter(|| registry.answer(LIST)));
    let mut newcomers = 0u32;
    let mut register_one = || {
        // Spread over the whole order, and not at its end.
        newcomers += 1;
        let name = format!("agent-{:06}-{newcomers}", newcomers.wrapping_mul(7919) % AGENTS);
        let request = format!(r#"{{"action":"register_agent","agent_id":"{name}","host":"h","port":1}}"#);
        assert_answers(&registry, request.as_bytes(), "{\"status\":\"success\"}");
    };
    group.bench_function("one name is new", |bencher| {
        bencher.iter_batched(&mut register_one, |()| registry.answer(LIST), BatchSize::PerIteration);
    });
    group.finish();
}

/// Requests of the largest size that come to nothing, each by the error that it gets.
fn junk() -> [(&'static str, Vec<u8>, &'static str); 3] {
    let filled = |start: &str, unit: &str, end: &str| {
        let count = (MAX_REQUEST - start.len() - end.len()) / unit.len();
        let padding = MAX_REQUEST - start.len() - end.len() - count * unit.len();
        let bytes = [start, &unit.repeat(count), &" ".repeat(padding), end].concat().into_bytes();
        assert_eq!(bytes.len(), MAX_REQUEST);
        bytes
    };
    let mut not_utf_8 = filled("", "x", "");
    not_utf_8[MAX_REQUEST - 1] = 0xFF;
    [
        ("the last byte is not UTF-8", not_utf_8, "the request is not UTF-8"),
        ("the last byte is not JSON", filled("{\"x\":\"", "x", "\"]"), "the request is not JSON"),
        ("members that nobody knows", filled("{", "\"x\":0,", "\"x\":0}"), "Missing 'action'"),
    ]
}

fn refusals(criterion: &mut Criterion<ProcessorTime>) {
    let registry = filled();
    let mut group = criterion.benchmark_group("128 KiB of junk");
    group.throughput(Throughput::Bytes(MAX_REQUEST as u64));
    for (name, request, error) in junk() {
        assert_answers(&registry, &request, &format!("{{\"status\":\"error\",\"error\":\"{error}"));
        group.bench_function(name, |bencher| bencher.iter(|| registry.answer(&request)));
    }
    group.finish();
}

criterion_group! {
    name = pure;
    config = Criterion::default()
        .with_measurement(ProcessorTime)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .without_plots();
    targets = lookups, registrations, lists, refusals
}
criterion_main!(pure);
