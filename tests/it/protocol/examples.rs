//! The examples that the contract prints, as it prints them.

use serde_json::json;

use crate::agent::Agent;
use crate::conversation::{Moment, REGISTERED, Reply, ask_curl, hold, judge_health, now, parse};
use crate::curl;
use crate::registry::Registry;

const MY_AGENT: &str = r#"{"action":"register_agent","agent_id":"MyAgent","host":"localhost","port":5000,"health_check_port":6000,
 "agent_type":"service","capabilities":["feature1","feature2"],"metadata":{"version":"1.0.0"}}"#;
const ANOTHER_AGENT: &str =
    r#"{"action":"register_agent","agent_id":"AnotherAgent","host":"10.0.0.7","port":5001}"#;
const LOOKUP: &str = r#"{"action":"get_agent_endpoint","agent_name":"MyAgent"}"#;
const LIST: &str = r#"{"action":"list_agents"}"#;
const MY_RECORD: &str = concat!(
    r#""host":"localhost","port":5000,"health_check_port":6000,"agent_type":"service","#,
    r#""capabilities":["feature1","feature2"],"metadata":{"version":"1.0.0"}"#
);

#[test]
fn a_registration_a_lookup_and_a_list() {
    hold(&[
        (LIST, Reply::Is(r#"{"status":"success","agents":[]}"#)),
        (MY_AGENT, REGISTERED),
        (LOOKUP, Reply::Record(MY_RECORD)),
        (ANOTHER_AGENT, REGISTERED),
        (LIST, Reply::Is(r#"{"status":"success","agents":["AnotherAgent","MyAgent"]}"#)),
        (LOOKUP, Reply::Record(MY_RECORD)),
    ]);
}

#[test]
fn the_curl_line_that_everybody_types() {
    let registry = Registry::start();
    Agent::connect(registry.port()).ask(MY_AGENT);
    let url = format!("http://localhost:{}", registry.port());
    let json = "Content-Type: application/json";
    let answer = curl::run(&["-X", "POST", &url, "-H", json, "-d", r#"{"action": "list_agents"}"#], b"");
    assert_eq!((answer.status, answer.text()), (200, r#"{"status":"success","agents":["MyAgent"]}"#));
}

#[test]
fn errors_in_their_exact_words() {
    let missing = Reply::Is(r#"{"status":"error","error":"Missing 'agent_name'","code":"invalid_request"}"#);
    let not_found = Reply::Is(r#"{"status":"error","error":"Agent X not found","code":"not_found"}"#);
    let unknown = Reply::Is(r#"{"status":"error","error":"Unknown action: X","code":"unknown_action"}"#);
    hold(&[
        (r#"{"action":"get_agent_endpoint"}"#, missing),
        (r#"{"action":"get_agent_endpoint","agent_name":null}"#, missing),
        (r#"{"action":"get_agent_endpoint","agent_name":""}"#, missing),
        (r#"{"action":"get_agent_endpoint","agent_name":"X"}"#, not_found),
        (r#"{"action":"X"}"#, unknown),
        (LIST, Reply::Is(r#"{"status":"success","agents":[]}"#)),
    ]);
}

#[test]
fn three_names_of_the_health_object() {
    hold(&[
        (r#"{"action":"ping"}"#, Reply::Health),
        (r#"{"action":"health"}"#, Reply::Health),
        (r#"{"action":"health_check"}"#, Reply::Health),
    ]);
}

#[test]
fn health_by_http_on_both_ports() {
    let registry = Registry::start();
    for port in [registry.port(), registry.health_port()] {
        for path in ["/health", "/health?verbose=1&x=/livez"] {
            let before = now();
            let answer = curl::get(port, path);
            assert_eq!(answer.status, 200, "{path} on {port}: {answer:?}");
            judge_health(&answer.body, &Moment { before, after: now() }, path);
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(curl::get(port, path).status, 200, "{path} on {port}");
        }
    }
}

#[test]
fn health_knows_how_many_agents_there_are() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    let health = || agent.json(json!({"action": "health"}));
    assert_eq!(health()["agents"], 0);
    agent.ask(MY_AGENT);
    agent.ask(MY_AGENT);
    agent.ask(ANOTHER_AGENT);
    assert_eq!(health()["agents"], 2);
    assert_eq!(curl::get(registry.health_port(), "/health").json()["agents"], 2);
}

#[test]
fn both_transports_see_the_same_data() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    agent.ask(MY_AGENT);
    ask_curl(registry.port(), ANOTHER_AGENT.as_bytes());
    let ask = r#"{"action":"get_agent_endpoint","agent_name":"AnotherAgent"}"#;
    for request in [LOOKUP, ask, LIST, r#"{"action":"X"}"#, "no JSON"] {
        let by_zmq = agent.ask(request);
        let by_http = ask_curl(registry.port(), request.as_bytes());
        assert_eq!(by_zmq.escape_ascii().to_string(), by_http.escape_ascii().to_string(), "{request}");
    }
    assert_eq!(parse(&agent.ask(LIST))["agents"].as_array().unwrap().len(), 2);
}

#[test]
fn both_transports_write_at_once_and_nothing_is_lost() {
    let registry = Registry::start();
    let port = registry.port();
    let names = |way: &str| (0..30).map(|n| format!("{way}{n:02}")).collect::<Vec<_>>();
    let register =
        |name: &str| json!({"action": "register_agent", "agent_id": name, "host": name, "port": 1});
    let by_zmq = || {
        let agent = Agent::connect(port);
        for name in names("zmq") {
            assert_eq!(agent.json(register(&name)), json!({"status": "success"}));
            // Whatever a list holds, a lookup finds.
            for listed in agent.json(json!({"action": "list_agents"}))["agents"].as_array().unwrap() {
                let record = agent.json(json!({"action": "get_agent_endpoint", "agent_name": listed}));
                assert_eq!(&record["host"], listed);
            }
        }
    };
    let by_http = || {
        for name in names("http") {
            let reply = ask_curl(port, register(&name).to_string().as_bytes());
            assert_eq!(parse(&reply), json!({"status": "success"}));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(by_zmq);
        scope.spawn(by_zmq);
        scope.spawn(by_http);
    });
    let all = [names("http"), names("zmq")].concat();
    assert_eq!(parse(&ask_curl(port, LIST.as_bytes())), json!({"status": "success", "agents": all}));
}

#[test]
fn the_list_is_sorted_by_bytes_and_holds_each_name_once() {
    // In UTF-16's order the last would come before the two in front of it; in a person's, "a" before "B".
    let names = ["B", "Z\"\\/", "a", "a b", "é", "\u{e000}", "\u{ff5e}", "😀"];
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    for (n, name) in names.iter().rev().chain(&names).enumerate() {
        let request = json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 1});
        assert_eq!(agent.json(request), json!({"status": "success"}));
        let known = &names[names.len().saturating_sub(n + 1)..];
        assert_eq!(parse(&agent.ask(LIST)), json!({"status": "success", "agents": known}));
    }
    let reply = agent.ask(LIST);
    assert!(reply.starts_with(br#"{"status":"success","agents":["B","#), "{}", reply.escape_ascii());
}

#[test]
fn names_are_data() {
    let names =
        ["*", "?", "[a-z]", "\\", "../x", "%s%n", "' OR 1=1", " ", "constructor", "\u{2028}", "\u{200b}"];
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    let lookup = |name: &str| agent.json(json!({"action": "get_agent_endpoint", "agent_name": name}));
    for (port, name) in (1..).zip(names) {
        assert_eq!(lookup(name)["code"], "not_found", "{name:?}");
        let request = json!({"action": "register_agent", "agent_id": name, "host": "h", "port": port});
        assert_eq!(agent.json(request), json!({"status": "success"}), "{name:?}");
    }
    for (port, name) in (1..).zip(names) {
        assert_eq!(lookup(name)["port"], port, "{name:?}");
    }
}
