//! The agents that people copy, where there are several instances: the first that can answer does, and one that is dead,
//! silent or without its Redis costs no more than a time-out.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::curl;
use crate::http::LIST;
use crate::process::{self, DEADLINE};
use crate::redis::relay::Relay;
use crate::redis::server::RedisServer;
use crate::registry::{Registry, Start};

use super::agents::{connections, lines_of, python, reserve};
use super::pages::{self, in_repository};

/// What examples/agent.py prints when nothing is wrong, as `MyAgent` among these.
fn all_well(agents: &str) -> Vec<String> {
    let lines =
        ["registered MyAgent", "found MyAgent at tcp://localhost:5000", &format!("all agents: {agents}")];
    lines.map(str::to_owned).to_vec()
}

fn at(port: u16) -> String {
    format!("tcp://localhost:{port}")
}

/// Runs examples/agent.py.
fn example(args: &[&str]) -> Output {
    process::run(&mut python(&in_repository("examples/agent.py"), args), b"", DEADLINE * 3)
}

/// A registry that accepts connections, as the kernel does for it, and says nothing.
fn mute() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn before(url: &str) -> Registry {
    Start::new().args(["--backend", "redis", "--redis-url", url]).spawn()
}

/// Waits until all is well with it, or something is wrong.
fn wait_for_status(registry: &Registry, status: &str) {
    registry.wait_until(status, || {
        curl::get(registry.health_port(), "/health").json()["status"] == json!(status)
    });
}

#[test]
fn the_first_in_the_list_is_asked_and_no_other() {
    let (first, second) = (Registry::start(), Registry::start());
    let list = format!("{},{}", at(first.port()), at(second.port()));
    let repeated = [at(first.port()), at(second.port())];
    let ways: [&[&str]; 2] =
        [&["--registry", &list], &["--registry", &repeated[0], "--registry", &repeated[1]]];
    for way in ways {
        assert_eq!(lines_of(&example(way)), (Some(0), all_well("MyAgent"), vec![]), "{}", first.evidence());
    }
    assert_eq!(curl::post(second.port(), LIST).text(), r#"{"status":"success","agents":[]}"#);
}

#[test]
fn one_that_is_dead_costs_one_time_out() {
    let ((_reserved, dead), living) = (reserve(), Registry::start());
    let list = format!("{},{}", at(dead), at(living.port()));
    let told = vec![format!("no answer from {} within 1.0 s (1 of 5)", at(dead))];
    let output = example(&["--registry", &list, "--timeout", "1"]);
    assert_eq!(lines_of(&output), (Some(0), all_well("MyAgent"), told), "{}", living.evidence());
}

#[test]
fn one_that_is_silent_costs_one_time_out() {
    let ((listener, silent), living) = (mute(), Registry::start());
    let list = format!("{},{}", at(silent), at(living.port()));
    let told = vec![format!("no answer from {} within 1.0 s (1 of 5)", at(silent))];
    let output = example(&["--registry", &list, "--timeout", "1"]);
    assert_eq!(lines_of(&output), (Some(0), all_well("MyAgent"), told), "{}", living.evidence());
    assert_eq!(connections(&listener), 1, "it is the last to be asked from then on\n{output:?}");
}

#[test]
fn one_without_its_redis_is_left_for_one_that_has_it() {
    let server = RedisServer::start();
    let mut relay = Relay::to(server.address());
    let (cut_off, well) = (before(&relay.url()), before(&server.url()));
    [&cut_off, &well].iter().for_each(|registry| wait_for_status(registry, "ok"));
    let known = r#"{"action":"register_agent","agent_id":"Known","host":"10.0.0.1","port":5001}"#;
    assert_eq!(curl::post(cut_off.port(), known).status, 200, "{}", cut_off.evidence());
    relay.refuse();
    wait_for_status(&cut_off, "degraded");
    let refused = "is out of reach: connection refused";
    cut_off.wait_until(refused, || curl::post(cut_off.port(), known).text().contains(refused));

    let list = format!("{},{}", at(cut_off.port()), at(well.port()));
    let output = example(&["--registry", &list, "--find", "Known"]);
    let said = ["registered MyAgent", "found Known at tcp://10.0.0.1:5001", "all agents: Known, MyAgent"];
    let told = format!("{}: {} {refused} (1 of 5)", at(cut_off.port()), relay.url());
    assert_eq!(lines_of(&output), (Some(0), said.map(str::to_owned).to_vec(), vec![told]));
}

#[test]
fn what_one_refuses_is_not_asked_of_the_next() {
    let small = Registry::with(&["--max-bytes", "1KiB"]);
    let filler = json!({"filler": "x".repeat(800)});
    let large =
        json!({"action": "register_agent", "agent_id": "A", "host": "h", "port": 1, "metadata": filler});
    assert_eq!(curl::post(small.port(), large.to_string()).status, 200, "{}", small.evidence());
    let (roomy, (next, silent)) = (Registry::start(), mute());
    for (registry, args, error) in [
        (&roomy, ["--find", "Nobody"], "get_agent_endpoint: Agent Nobody not found (not_found)"),
        (&roomy, ["--port", "0"], "register_agent: 'port' must be an integer from 1 to 65535"),
        (&small, ["--name", "B"], "register_agent: the registry is full:"),
    ] {
        let list = format!("{},{}", at(registry.port()), at(silent));
        let output = example(&[&["--registry", &list], &args[..]].concat());
        let (code, _, told) = lines_of(&output);
        assert!(code == Some(1) && told.len() == 1, "{output:?}");
        assert!(told[0].starts_with(&format!("agent.py: {error}")), "{output:?}");
    }
    assert_eq!(connections(&next), 0);
}

#[test]
fn all_are_asked_again_before_it_gives_up() {
    let [(_a, first), (_b, second)] = [reserve(), reserve()];
    let list = format!("{},{}", at(first), at(second));
    let output = example(&["--registry", &list, "--timeout", "0.05", "--tries", "2"]);
    let missed = |port, round| format!("no answer from {} within 0.05 s ({round} of 2)", at(port));
    let mut told: Vec<String> =
        [(first, 1), (second, 1), (first, 2), (second, 2)].map(|(port, round)| missed(port, round)).into();
    told.push(format!("agent.py: no registry answers at {}, {}", at(first), at(second)));
    assert_eq!(lines_of(&output), (Some(1), vec![], told));
}

#[test]
fn who_gives_up_without_redis_says_so() {
    let mut server = RedisServer::start();
    server.kill();
    let registry = before(&server.url());
    registry.wait_for_log(|line| line.contains("connection refused"));
    let output = example(&["--registry", &at(registry.port()), "--tries", "2"]);
    let why = format!("{} is out of reach: connection refused", server.url());
    let told = [
        format!("{}: {why} (1 of 2)", at(registry.port())),
        format!("{}: {why} (2 of 2)", at(registry.port())),
        format!("agent.py: register_agent: {why} (unavailable)"),
    ];
    assert_eq!(lines_of(&output), (Some(1), vec![], told.to_vec()), "{}", registry.evidence());
}

#[test]
fn readmes_agent_goes_on_to_the_next() {
    let (registry, (listener, silent)) = (Registry::start(), mute());
    let found = r#"{"action":"register_agent","agent_id":"Translator","host":"localhost","port":5000}"#;
    assert_eq!(curl::post(registry.port(), found).status, 200, "{}", registry.evidence());
    let block = pages::read("README.md").block("python");
    let both = format!(r#""tcp://127.0.0.1:{silent}", "tcp://127.0.0.1:{}""#, registry.port());
    let program = block.text.replace(r#""tcp://localhost:7100""#, &both).replace("2000", "1000");
    let output = process::run(&mut python(Path::new("-"), &[]), program.as_bytes(), DEADLINE * 3);
    let said = ["{'status': 'success'}", "5000", "['MyAgent', 'Translator']"];
    assert_eq!(lines_of(&output), (Some(0), said.map(str::to_owned).to_vec(), vec![]), "{}", block.place);
    assert_eq!(connections(&listener), 3, "each request begins with the first\n{output:?}");
}
