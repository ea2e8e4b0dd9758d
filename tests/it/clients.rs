//! The clients that exist, as each of them really asks: the rows of the contract's section 6, in its order. The agents
//! are pyzmq's, since theirs are.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::agent::{Agent, shown};
use crate::conversation::{Moment, ask_curl, judge_health, now, parse};
use crate::raw::Raw;
use crate::registry::{Registry, Start};
use crate::{curl, python};

/// A registry that knows `Target`, at localhost, port 5000.
fn with_target(start: Start) -> Registry {
    let registry = start.spawn();
    let target = json!({
        "action": "register_agent", "agent_id": "Target", "host": "localhost", "port": 5000,
        "health_check_port": 6000, "capabilities": ["feature1"], "metadata": {"version": "1.0.0"}
    });
    assert_eq!(Agent::connect(registry.port()).json(target), json!({"status": "success"}));
    registry
}

#[test]
fn a_fresh_req_socket_for_each_request() {
    let registry = with_target(Start::new());
    let said = python::run("fresh_lookups.py", &[&registry.port().to_string(), "Target", "100"]);
    assert_eq!(said, "localhost:5000\n".repeat(100));
    let said = python::run("fresh_lookups.py", &[&registry.port().to_string(), "Nobody", "3"]);
    assert_eq!(said, "error: Agent Nobody not found\n".repeat(3));
}

#[test]
fn a_req_socket_from_asyncio() {
    let registry = with_target(Start::new());
    let said = python::run("asyncio_lookups.py", &[&registry.port().to_string(), "Target", "20"]);
    let replies: Vec<Value> = said.lines().map(|line| parse(line.as_bytes())).collect();
    assert_eq!(replies.len(), 20, "{said}");
    for mut reply in replies {
        let stamp = reply.as_object_mut().unwrap().remove("last_registered");
        assert!(stamp.is_some_and(|stamp| stamp.is_string()), "{reply}");
        let due = json!({
            "status": "success", "host": "localhost", "port": 5000, "health_check_port": 6000,
            "agent_type": "service", "capabilities": ["feature1"], "metadata": {"version": "1.0.0"}
        });
        assert_eq!(reply, due);
    }
}

#[test]
fn a_forwarder_that_wraps_a_registration() {
    let registry = with_target(Start::new());
    let port = registry.port().to_string();
    let forwarded = json!({
        "action": "register_agent",
        "registration_data": {
            "agent_id": "Forwarded", "agent_type": "worker", "host": "10.0.0.9", "port": 5611,
            "health_check_port": 6611, "capabilities": ["translate"], "dependencies": ["Target"],
            "metadata": {"gpu": true}
        },
        "agent_name": "Forwarded", "status": "online", "location": "rack 7", "source_agent": "Forwarder",
        "request_id": "6f1f2c7e", "timestamp": 1764000000.123
    });
    let said = python::run_with_input("req.py", &[&port], forwarded.to_string());
    assert_eq!(parse(said.as_bytes())["status"], "success", "{said}");
    let record = Agent::connect(registry.port())
        .json(json!({"action": "get_agent_endpoint", "agent_name": "Forwarded"}));
    assert_eq!((&record["host"], &record["port"]), (&json!("10.0.0.9"), &json!(5611)), "{record}");
    assert_eq!((&record["agent_type"], &record["metadata"]), (&json!("worker"), &json!({"gpu": true})));
    assert_eq!(
        (&record["capabilities"], &record["health_check_port"]),
        (&json!(["translate"]), &json!(6611))
    );
    assert_eq!(record.get("dependencies"), None, "{record}");
}

#[test]
fn a_flat_registration_without_a_type() {
    let registry = Registry::start();
    let flat = json!({
        "action": "register_agent", "agent_id": "Flat", "host": "localhost", "port": 5570,
        "health_check_port": 6570, "capabilities": [], "metadata": {}
    });
    let said = python::run_with_input("req.py", &[&registry.port().to_string()], flat.to_string());
    assert_eq!(said.trim_end(), r#"{"status":"success"}"#);
    let record =
        Agent::connect(registry.port()).json(json!({"action": "get_agent_endpoint", "agent_name": "Flat"}));
    assert_eq!(record["agent_type"], "service");
}

#[test]
fn list_and_health_on_the_registry_port() {
    let registry = with_target(Start::new());
    let ask = |action: &str| {
        let request = json!({"action": action}).to_string();
        python::run_with_input("req.py", &[&registry.port().to_string()], request)
    };
    assert_eq!(ask("list_agents").trim_end(), r#"{"status":"success","agents":["Target"]}"#);
    for action in ["health_check", "health"] {
        let before = now();
        judge_health(ask(action).trim_end().as_bytes(), &Moment { before, after: now() }, action);
    }
}

#[test]
fn health_check_on_the_health_port() {
    let registry = with_target(Start::new());
    let health_port = registry.health_port().to_string();
    let before = now();
    let said = python::run_with_input("req.py", &[&health_port], r#"{"action": "health_check"}"#);
    judge_health(said.trim_end().as_bytes(), &Moment { before, after: now() }, "pyzmq on the health port");
}

#[test]
fn whatever_the_health_port_is_asked_over_zmq_it_answers_its_health() {
    let registry = with_target(Start::new());
    let write = br#"{"action":"register_agent","agent_id":"Intruder","host":"h","port":1}"#;
    let list = br#"{"action":"list_agents"}"#;
    let agent = Agent::connect(registry.health_port());
    let before = now();
    let healthy = |reply: &[u8], to: &str| {
        judge_health(reply, &Moment { before: before.clone(), after: now() }, &format!("to {to}"));
    };
    for request in [&b"{\"action\":\"ping\"}"[..], b"no JSON", b"", b"\xff\xfe", b"{", b"null", list, write] {
        healthy(&agent.ask(request), &shown(request));
    }
    for frames in [&[&write[..], write][..], &[b"", b"", b""], &[write, b"", list, b"x", b"y"]] {
        healthy(&agent.ask_frames(frames), &format!("{frames:?}"));
    }
    let said = Agent::connect(registry.port()).ask(list);
    assert_eq!(parse(&said), json!({"status": "success", "agents": ["Target"]}));
}

#[test]
fn nothing_is_written_through_the_health_port_by_http() {
    let registry = with_target(Start::new());
    let write = r#"{"action":"register_agent","agent_id":"Intruder","host":"h","port":1}"#;
    let answer = curl::post(registry.health_port(), write);
    assert!(matches!(answer.status, 404 | 405), "{answer:?}");
    let list = ask_curl(registry.port(), br#"{"action":"list_agents"}"#);
    assert_eq!(parse(&list), json!({"status": "success", "agents": ["Target"]}));
}

#[test]
fn container_health_checks_by_curl() {
    let registry = Registry::start();
    for port in [registry.health_port(), registry.port()] {
        let url = format!("http://127.0.0.1:{port}/health");
        let answer = curl::run(&["-f", "-m", "5", &url], b"");
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ok")), "{answer:?}");
    }
}

#[test]
fn bare_connects_leave_no_warning() {
    let registry = with_target(Start::new().args(["--log-level", "debug"]));
    for port in [registry.port(), registry.health_port()] {
        for _ in 0..50 {
            drop(Raw::connect(port));
            Raw::connect(port).reset();
        }
        // Both protocols still work behind them.
        assert_eq!(curl::get(port, "/health").status, 200);
        assert_eq!(parse(&Agent::connect(port).ask(r#"{"action":"health"}"#))["status"], "ok");
    }
    let ended = registry.terminate();
    assert!(ended.status.success(), "{ended}");
    let loud = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    assert_eq!(ended.stderr.lines().find(loud), None, "{ended}");
}

#[test]
fn a_registry_of_real_clients_stops_cleanly() {
    let mut registry = with_target(Start::new());
    let port = registry.port().to_string();
    python::run("fresh_lookups.py", &[&port, "Target", "5"]);
    python::run("asyncio_lookups.py", &[&port, "Target", "5"]);
    let kept_open = Agent::connect(registry.port());
    kept_open.ask(r#"{"action":"ping"}"#);
    registry.signal(Signal::TERM);
    let ended = registry.finish(crate::process::DEADLINE);
    assert!(ended.status.success(), "{ended}");
}
