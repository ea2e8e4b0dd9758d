//! The target of everything between request bytes and reply bytes: many requests in a row to one registry, each answered
//! as the model says, and after each of them every agent is found as the model has it. Also reads the log lines that
//! requests cause. Knows no transport.

use std::cell::Cell;
use std::sync::{Arc, Once};

use time::{Duration, OffsetDateTime};

use crate::act::Registry;
use crate::announcer::Announcer;
use crate::health::Health;
use crate::json::quoted;
use crate::model::{Expected, Model};
use crate::replies;
use crate::runs;
use crate::slots::Slots;
use crate::store::memory::Memory;
use crate::wire::reply::{Outcome, Reply};

/// Stands in front of each request (RFC 7464). It is legal nowhere in JSON.
const SEPARATOR: u8 = 0x1E;
/// The most requests of an input, and the most bytes of all of them: one of the largest, and some small ones.
const MAX_STEPS: usize = 32;
const MAX_BYTES: usize = 144 * 1024;
/// The store's limit, in bytes, where the input does not give one.
const LIMIT: u64 = 1000;
/// 2025-07-03T12:34:00Z.
const START: i64 = 1_751_546_040;

/// Tries one row of requests. What stands in front of the first is the store's limit in digits.
pub fn target(input: &[u8]) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(listen);
    let mut texts = input.split(|&byte| byte == SEPARATOR);
    let limit = texts.next().and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let limit = limit.unwrap_or(LIMIT);
    let (real, mut model) = (registry(limit), Model::new(limit));
    let mut bytes = 0;
    for (step, text) in texts.take(MAX_STEPS).enumerate() {
        let request = runs::expand(text);
        bytes += request.len();
        if bytes > MAX_BYTES {
            break;
        }
        let now = at(step);
        check(&real.answer(&request), &model.answer(&request, &now));
        check_records(&real, &model);
    }
    let list = br#"{"action":"list_agents"}"#;
    check(&real.answer(list), &Expected::Exactly(model.list()));
}

fn registry(limit: u64) -> Registry {
    let health = Arc::new(Health::new("memory", Slots::new(1, 1), Arc::default()));
    let store = Arc::new(Memory::new(limit, Arc::clone(&health)));
    Registry::new(store, health, clock, Announcer::default())
}

thread_local! {
    /// The milliseconds that have gone by since [`START`].
    static NOW: Cell<usize> = const { Cell::new(0) };
}

fn clock() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(START) + Duration::milliseconds(NOW.get() as i64)
}

/// Sets the clock to a step's time, and gives that as replies tell it.
fn at(step: usize) -> String {
    NOW.set(step);
    format!("2025-07-03T12:34:00.{step:03}Z")
}

fn check(reply: &Reply, expected: &Expected) {
    let body: &[u8] = &reply.body;
    let shown = String::from_utf8_lossy(body);
    match (expected, reply.outcome) {
        (Expected::Exactly(bytes), Outcome::Success) => {
            assert_eq!(shown, *bytes);
            replies::members(body);
        }
        (Expected::Health(now, agents), Outcome::Success) => replies::check_health(body, now, *agents),
        (Expected::Failure(refused), Outcome::Failure(code)) => {
            assert_eq!(code.text(), refused.code, "{shown}");
            replies::check_failure(body, refused);
        }
        (expected, outcome) => panic!("{outcome:?} {shown}, where it must be {expected:?}"),
    }
}

/// What one request does, it does to one record: every other is as it was.
fn check_records(real: &Registry, model: &Model) {
    for name in model.names() {
        let request = format!(r#"{{"action":"get_agent_endpoint","agent_name":{}}}"#, quoted(name));
        check(&real.answer(request.as_bytes()), &model.lookup(name));
    }
}

/// Writes the log lines of requests to nowhere, after a look at them: none may pass for more than one.
fn listen() {
    struct Listener;
    impl log::Log for Listener {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            let line = record.args().to_string();
            assert!(replies::is_printable(&line), "a log line that is not printable: {line:?}");
        }
        fn flush(&self) {}
    }
    if log::set_logger(&Listener).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
}
