//! Properties: whatever is good comes back as the contract says, and whatever is not gets exactly one reply. The daemon
//! is one and the same through all the cases of a test.

mod json;

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestError, TestRunner};
use serde_json::{Value, json};

use crate::agent::{Agent, Dealer, shown};
use crate::registry::Registry;
use json::Fragment;

/// Runs so many cases, and shows the smallest failing one with the daemon's log.
fn hold_for<S: Strategy>(
    registry: &Registry,
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    match TestRunner::new(config).run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{why}\nfor {case:#?}\n{}", registry.evidence()),
        Err(TestError::Abort(why)) => panic!("given up: {why}\n{}", registry.evidence()),
    }
}

/// A good registration.
#[derive(Debug, Clone)]
struct Good {
    name: String,
    host: String,
    port: u16,
    health_check_port: Option<u16>,
    agent_type: String,
    capabilities: Vec<String>,
    metadata: Fragment,
    wrapped: bool,
}

fn text(
    of: impl Strategy<Value = char>,
    length: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = String> {
    vec(of, length).prop_map(String::from_iter)
}

/// Any character but a control character.
fn plain() -> impl Strategy<Value = char> {
    any::<char>().prop_map(|c| if c.is_control() { '-' } else { c })
}

/// 63 characters of four bytes are 252 bytes: one less than 255 allows.
fn good() -> impl Strategy<Value = Good> {
    let solid = any::<char>().prop_map(|c| if c.is_control() || c.is_whitespace() { '-' } else { c });
    (
        (text(plain(), 1..=63), text(solid, 1..=63), 1..=u16::MAX, any::<Option<u16>>()),
        (text(any::<char>(), 1..=63), vec(text(any::<char>(), 0..=20), 0..6), json::object(), any::<bool>()),
    )
        .prop_map(
            |((name, host, port, health_check_port), (agent_type, capabilities, metadata, wrapped))| Good {
                name,
                host,
                port,
                health_check_port,
                agent_type,
                capabilities,
                metadata,
                wrapped,
            },
        )
}

impl Good {
    fn request(&self) -> String {
        let members = json!({
            "agent_id": self.name, "host": self.host, "port": self.port, "agent_type": self.agent_type,
            "health_check_port": self.health_check_port, "capabilities": self.capabilities
        });
        let members = members.to_string();
        let members = format!(r#"{},"metadata":{}"#, &members[1..members.len() - 1], self.metadata.sent);
        let members = if self.wrapped { format!(r#""registration_data":{{{members}}}"#) } else { members };
        format!(r#"{{"action":"register_agent",{members}}}"#)
    }

    fn comes_back_in(&self, reply: &str) -> Result<(), TestCaseError> {
        let head = format!(
            r#","port":{},"health_check_port":{},"agent_type":"#,
            self.port,
            self.health_check_port.map_or("null".to_owned(), |port| port.to_string())
        );
        prop_assert!(reply.contains(&head), "{head} in {reply}");
        let metadata = format!(r#","metadata":{},"last_registered":""#, self.metadata.kept);
        prop_assert!(reply.contains(&metadata), "{metadata} in {reply}");
        // serde_json's own values cannot hold every number that metadata may: they are read without it.
        let without: Value = serde_json::from_str(&reply.replace(&metadata, r#","last_registered":""#))
            .map_err(|e| TestCaseError::fail(format!("{e}: {reply}")))?;
        prop_assert_eq!(&without["status"], "success");
        prop_assert_eq!(&without["host"], &json!(self.host));
        prop_assert_eq!(&without["agent_type"], &json!(self.agent_type));
        prop_assert_eq!(&without["capabilities"], &json!(self.capabilities));
        prop_assert_eq!(without.as_object().unwrap().len(), 7, "{}", reply);
        Ok(())
    }
}

#[test]
fn every_good_registration_comes_back() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    hold_for(&registry, 1_000, &good(), |good| {
        let request = good.request();
        prop_assume!(request.len() < 100_000 && good.metadata.kept.len() < 60_000);
        let reply = agent.ask(&request);
        prop_assert_eq!(shown(&reply), shown(br#"{"status":"success"}"#), "to {}", request);
        let lookup = json!({"action": "get_agent_endpoint", "agent_name": good.name}).to_string();
        let reply = String::from_utf8(agent.ask(lookup)).expect("UTF-8");
        good.comes_back_in(&reply)
    });
}

#[test]
fn the_list_holds_each_good_name_once_in_order() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    let names = vec(text(plain(), 1..=8), 1..20);
    let known = std::cell::RefCell::new(std::collections::BTreeSet::new());
    hold_for(&registry, 100, &names, |names| {
        for name in names {
            let request = json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 1});
            prop_assert_eq!(agent.json(request), json!({"status": "success"}));
            known.borrow_mut().insert(name);
        }
        // A BTreeSet of strings is ordered by their bytes.
        let due = json!({"status": "success", "agents": *known.borrow()});
        prop_assert_eq!(agent.json(json!({"action": "list_agents"})), due);
        Ok(())
    });
}

/// Sends the bytes and, right behind them, a lookup of a name that nobody has: exactly one reply belongs to the bytes.
fn gets_one_reply(dealer: &Dealer, bytes: &[u8], count: &Cell<u32>) -> Result<(), TestCaseError> {
    count.set(count.get() + 1);
    let marker = format!("nobody {}", count.get());
    dealer.send(&[bytes]);
    dealer.send(&[json!({"action": "get_agent_endpoint", "agent_name": marker}).to_string().as_bytes()]);
    dealer.send(&[br#"{"action":"get_agent_endpoint","agent_name":"A"}"#]);
    let (reply, second, record) = (dealer.receive(), dealer.receive(), dealer.receive());
    is_a_reply(&reply)?;
    let due = format!(r#"{{"status":"error","error":"Agent {marker} not found","code":"not_found"}}"#);
    prop_assert_eq!(shown(&second), shown(due.as_bytes()), "the second reply");
    // Were something half stored, this would show it.
    is_a_reply(&record)
}

fn is_a_reply(reply: &[u8]) -> Result<(), TestCaseError> {
    // A raw value, since metadata may hold numbers that serde_json's own values cannot.
    let members: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_slice(reply).map_err(|e| TestCaseError::fail(format!("{e}: {}", shown(reply))))?;
    let status = members.get("status").map(|status| status.get());
    let due: &[&str] = match status {
        Some("\"success\"") => &[],
        Some("\"error\"") => &["error", "code"],
        Some("\"ok\"") => &["message", "timestamp", "ready"],
        _ => return Err(TestCaseError::fail(format!("no status that the contract has: {}", shown(reply)))),
    };
    prop_assert!(due.iter().all(|member| members.contains_key(*member)), "{}", shown(reply));
    Ok(())
}

#[test]
fn any_bytes_get_one_reply() {
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    let count = Cell::new(0);
    hold_for(&registry, 3_000, &vec(any::<u8>(), 0..300), |bytes| gets_one_reply(&dealer, &bytes, &count));
}

#[test]
fn any_json_gets_one_reply() {
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    let count = Cell::new(0);
    let strategy = (json::request(), any::<bool>());
    hold_for(&registry, 1_500, &strategy, |(request, wrap)| {
        prop_assume!(request.sent.len() < 100_000);
        let request = match wrap {
            true => format!(r#"{{"action":"register_agent","registration_data":{}}}"#, request.sent),
            false => request.sent,
        };
        gets_one_reply(&dealer, request.as_bytes(), &count)
    });
}

/// One change to a request.
#[derive(Debug, Clone)]
enum Edit {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = select(vec![
        "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "\\ud800", "1e999", "\0", "é", "\u{feff}",
    ]);
    prop_oneof![
        (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, 1 << bit)),
        any::<Index>().prop_map(Edit::Cut),
        (any::<Index>(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<Index>(), tokens).prop_map(|(at, token)| Edit::Insert(at, token.into())),
        (any::<Index>(), 1_usize..8).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ]
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Edit::Flip(index, mask) => {
                let at = at(index);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Edit::Cut(index) => bytes.truncate(at(index)),
            Edit::Insert(index, new) => drop(bytes.splice(at(index)..at(index), new.iter().copied())),
            Edit::Remove(index, length) => drop(bytes.drain(at(index)..bytes.len().min(at(index) + length))),
            Edit::Repeat(index, length) => {
                let (from, to) = (at(index), bytes.len().min(at(index) + length));
                let copy = bytes[from..to].to_vec();
                drop(bytes.splice(from..from, copy));
            }
        }
    }
}

const GOOD_REQUESTS: [&str; 5] = [
    r#"{"action":"register_agent","agent_id":"A","host":"h","port":5000,"health_check_port":"6000","agent_type":"t","capabilities":["c","d"],"metadata":{"k":[1,{"x":1.5e3}],"s":"\u00e9\ud83d\ude00"}}"#,
    r#"{"action":"register_agent","registration_data":{"agent_id":"A","host":"h","port":"1"},"source_agent":"S"}"#,
    r#"{"action":"get_agent_endpoint","agent_name":"A","request_id":7,"timestamp":1764000000.5}"#,
    r#"{"action":"list_agents"}"#,
    r#"{"action":"health_check"}"#,
];

#[test]
fn any_change_to_a_good_request_gets_one_reply() {
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    let count = Cell::new(0);
    let strategy = (select(GOOD_REQUESTS.to_vec()), vec(edit(), 1..4));
    hold_for(&registry, 6_000, &strategy, |(request, edits)| {
        let mut bytes = request.as_bytes().to_vec();
        edits.iter().for_each(|edit| edit.apply(&mut bytes));
        gets_one_reply(&dealer, &bytes, &count)
    });
}
