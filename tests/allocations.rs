//! How many pieces of memory each kind of request asks for, between its bytes and the reply's. Whoever adds one to a path
//! that is counted here changes a number here, and says what it is for. A process of its own, as the counting allocator
//! serves the whole of it; it counts by thread, so that tests run side by side.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::sync::Arc;

use allocation_counter::measure;
use service_registry::act::Registry;
use service_registry::announcer::Announcer;
use service_registry::health::Health;
use service_registry::slots::Slots;
use service_registry::store::memory::Memory;
use service_registry::wire::MAX_REQUEST;
use service_registry::wire::reply::Body;
use time::OffsetDateTime;

const LIST: &str = r#"{"action":"list_agents"}"#;
const SUCCESS: &str = r#"{"status":"success"}"#;

/// A registry that knows some agents, `agent-0` first. No log is started: what a line takes is not counted.
fn registry() -> Registry {
    let health = Arc::new(Health::new("memory", Slots::new(1, 1), Arc::default()));
    let store = Arc::new(Memory::new(1 << 20, Arc::clone(&health)));
    let registry = Registry::new(store, health, OffsetDateTime::now_utc, Announcer::default());
    for number in 0..100 {
        let (body, _) = answer(&registry, &registration(&format!("agent-{number}"), 5000));
        assert_eq!(body, SUCCESS);
    }
    registry
}

fn registration(name: &str, port: u16) -> String {
    format!(
        r#"{{"action":"register_agent","agent_id":"{name}","host":"10.20.30.40","port":{port},"health_check_port":6000,
            "agent_type":"service","capabilities":["one","two"],"metadata":{{"version":"1.0.0"}}}}"#
    )
}

fn lookup(name: &str) -> String {
    format!(
        r#"{{"action":"get_agent_endpoint","agent_name":"{name}","source_agent":"S","request_id":"7","timestamp":1.5}}"#
    )
}

/// How the reply begins that tells of this error.
fn failure(error: &str) -> String {
    format!(r#"{{"status":"error","error":"{error}"#)
}

/// The reply, and how many allocations it took; one that grows counts again.
fn answer(registry: &Registry, request: &str) -> (String, u64) {
    let mut reply = None;
    let counted = measure(|| reply = Some(registry.answer(request.as_bytes())));
    let reply = reply.unwrap();
    (String::from_utf8(reply.body.to_vec()).unwrap(), counted.count_total)
}

/// Asserts that a request takes no more than it has reasons to.
fn takes_at_most(registry: &Registry, request: &str, most: u64, reasons: &str, start: &str) {
    let (body, counted) = answer(registry, request);
    assert!(body.starts_with(start), "not the reply that was to be counted\nasked {request}\ngot {body}");
    assert!(counted <= most, "{counted} allocations, not {most} ({reasons})\nasked {request}\ngot {body}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(black_box(Box::new(7)))).count_total, 1);
    let mut text = String::with_capacity(8);
    let grown = measure(|| (0..9).for_each(|_| text.push('x')));
    assert_eq!((grown.count_total, text.len()), (1, 9), "the ninth byte needs a larger piece");
}

#[test]
fn a_lookup_that_finds_takes_nothing() {
    let registry = registry();
    let found = r#"{"status":"success","host":"10.20.30.40","port":5000,"#;
    takes_at_most(&registry, &lookup("agent-7"), 0, "the reply is what the store holds", found);
    let long = "x".repeat(255);
    assert_eq!(answer(&registry, &registration(&long, 5000)).0, SUCCESS);
    takes_at_most(&registry, &lookup(&long), 0, "the reply is what the store holds", found);
    let escaped = lookup("agent-7").replace("agent-7", r"\u0061gent-7");
    takes_at_most(&registry, &escaped, 2, "the name without its escapes, and how it gets there", found);
}

#[test]
fn lookups_of_one_agent_are_answered_with_the_same_bytes() {
    let registry = registry();
    let request = lookup("agent-7");
    let place = || match registry.answer(request.as_bytes()).body {
        Body::Shared(bytes) => bytes.as_ptr(),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(), place());
}

#[test]
fn a_miss_takes_its_text_and_its_reply() {
    let missed = r#"{"status":"error","error":"Agent agent-100 not found""#;
    takes_at_most(&registry(), &lookup("agent-100"), 2, "the text, and the reply around it", missed);
}

#[test]
fn a_list_of_nothing_new_takes_nothing() {
    let registry = registry();
    let list = r#"{"status":"success","agents":["agent-0","agent-1","agent-10","#;
    answer(&registry, LIST);
    takes_at_most(&registry, LIST, 0, "the last list again", list);
    // An agent that comes again, or moves, is not new to a list.
    answer(&registry, &registration("agent-7", 5001));
    takes_at_most(&registry, LIST, 0, "the last list again", list);
}

/// Of a new agent, too, but for the tables that grow now and then.
#[test]
fn a_registration_takes_what_it_keeps_and_the_steps_to_it() {
    let registry = registry();
    let reasons = "1 the checked record, 1 the capabilities one by one, 2 capabilities and metadata without white space, \
                   1 the rendered reply, 2 its ports, 3 its time stamp, which grows twice, 1 what the store keeps";
    for (name, port) in [("agent-7", 5000), ("agent-7", 5001), ("agent-100", 5000)] {
        takes_at_most(&registry, &registration(name, port), 11, reasons, SUCCESS);
    }
    let smallest = r#"{"action":"register_agent","agent_id":"agent-7","host":"h","port":1}"#;
    takes_at_most(&registry, smallest, 7, "the same, less two lists and a port", SUCCESS);
}

#[test]
fn a_refusal_takes_its_text_and_its_reply() {
    let registry = registry();
    let nested = "[".repeat(65);
    for (request, most, reasons, error) in [
        (r#"{"action":"get_agent_endpoint"}"#, 2, "the text and the reply", "Missing 'agent_name'"),
        (&nested, 2, "the text and the reply", "the request is nested"),
        (&registration("agent-7", 0), 5, "the value, the text, which grows, the reply", "'port' must be"),
        (r#"{"action":"x"}"#, 5, "the value, the text, which grows, the reply", "Unknown action: x"),
        ("no JSON", 8, "the parser's own error, the text, which grows, the reply", "the request is not JSON"),
        ("[1]", 8, "the same, and the value", "the request must be one JSON object"),
    ] {
        takes_at_most(&registry, request, most, reasons, &failure(error));
    }
}

/// However large the request: an error shows 64 characters of it at most.
#[test]
fn a_large_refusal_takes_no_more_memory_than_a_small_one() {
    const MOST: u64 = 4 * 1024;
    let registry = registry();
    let large = |start: &str, unit: &str, end: &str| {
        let count = (MAX_REQUEST - start.len() - end.len()) / unit.len();
        format!("{start}{}{end}", unit.repeat(count))
    };
    for (request, error) in [
        (large("", "\"x\",", ""), "the request is not JSON"),
        (large("{\"x\":\"", "x", ""), "the request is not JSON"),
        (large("{\"action\":\"x\"", ",\"x\":[0]", "}"), "Unknown action: x"),
        (large("{\"action\":\"", "\u{1F600}", "\"}"), "Unknown action: \u{1F600}"),
        (large("[0", ",0", "]"), "the request must be one JSON object"),
        (large("", "x", "") + "x", "the request is 131073 bytes"),
    ] {
        let mut reply = None;
        let counted = measure(|| reply = Some(registry.answer(request.as_bytes())));
        let body = String::from_utf8(reply.unwrap().body.to_vec()).unwrap();
        assert!(body.starts_with(&failure(error)), "not {error}\nasked {request:.100}…\ngot {body}");
        assert!(counted.bytes_total <= MOST, "{counted:?}\nasked {request:.100}…\ngot {body}");
    }
}
