//! The log on standard error: what is said at which level, how much of it agents can cause, and that nobody but the
//! daemon writes a line of it.

use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::agent::{Agent, Dealer};
use crate::curl;
use crate::raw::Raw;
use crate::registry::{Finished, Registry, Start, free_port};
use timestamp::Stamped;

mod timestamp;
mod unread;

const SUCCESS: &[u8] = br#"{"status":"success"}"#;

/// A line without its time stamp, as `INFO  [service_registry] text`.
fn unstamped(line: &str) -> &str {
    Stamped::parse(line).unwrap_or_else(|| panic!("no time stamp at the start of {line:?}")).rest
}

/// The text of an info line, whichever of the daemon's modules says it.
fn info(line: &str) -> &str {
    let said = unstamped(line).strip_prefix("INFO  [service_registry").and_then(|rest| rest.split_once("] "));
    said.unwrap_or_else(|| panic!("not an info line of the daemon: {line:?}")).1
}

fn registration(name: &str, port: u16) -> String {
    json!({"action": "register_agent", "agent_id": name, "host": "10.0.0.1", "port": port}).to_string()
}

fn register(agent: &Agent, name: &str, port: u16) {
    assert_eq!(agent.ask(registration(name, port)), SUCCESS);
}

#[test]
fn the_start_says_version_backend_ports_and_how_to_reach_it() {
    let registry = Registry::with(&["--bind", "127.0.0.1", "--bind", "::1", "--max-bytes", "3MiB"]);
    let (port, health_port) = (registry.port(), registry.health_port());
    let finished = registry.terminate();
    let lines: Vec<&str> = finished.stderr.lines().map(info).collect();
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        format!("service-registry {version}: memory backend, at most 3 MiB of records"),
        format!("registry port {port} (ZMQ and HTTP) on 127.0.0.1, ::1"),
        format!("health port {health_port} (HTTP and ZMQ) on 127.0.0.1, ::1"),
        format!(
            r#"try: curl -X POST http://localhost:{port} -H "Content-Type: application/json" -d '{{"action": "list_agents"}}'"#
        ),
        "ready".to_owned(),
        "stopping: SIGTERM".to_owned(),
        "stopped".to_owned(),
    ];
    assert_eq!(lines, expected, "{finished}");
    assert_eq!(finished.stdout, "", "{finished}");
}

#[test]
fn only_who_listens_beyond_loopback_is_told_that_there_is_no_authentication() {
    let told = |registry: &Registry| registry.log_lines(|line| line.contains("no authentication"));
    for loopback in [&["--bind=127.0.0.1"][..], &["--bind=127.9.8.7", "--bind=::1"]] {
        let registry = Registry::with(loopback);
        assert_eq!(told(&registry), [""; 0], "{}", registry.evidence());
    }
    for beyond in [&[][..], &["--bind=::1", "--bind=0.0.0.0"], &["--bind=::"]] {
        let registry = Start::bare().args(["--port=0", "--health-port=0"]).args(beyond).spawn();
        let lines = told(&registry);
        assert_eq!(lines.len(), 1, "{}", registry.evidence());
        info(&lines[0]);
    }
}

#[test]
fn a_new_agent_and_a_changed_endpoint_are_said_and_the_same_again_is_not() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    register(&agent, "Alpha", 5000);
    register(&agent, "Alpha", 5000);
    agent.ask(r#"{"action":"get_agent_endpoint","agent_name":"Alpha"}"#);
    agent.ask(r#"{"action":"get_agent_endpoint","agent_name":"Nobody"}"#);
    agent.ask(r#"{"action":"list_agents"}"#);
    agent.ask(r#"{"action":"no such action"}"#);
    agent.ask("not JSON");
    // The same endpoint with other metadata is not moved, and not new.
    agent.ask(
        r#"{"action":"register_agent","agent_id":"Alpha","host":"10.0.0.1","port":5000,"metadata":{"version":2}}"#,
    );
    register(&agent, "Alpha", 5001);
    agent.ask(r#"{"action":"register_agent","agent_id":"Alpha","host":"::1","port":5001}"#);
    assert_eq!(curl::post(registry.port(), registration("Beta", 1)).body, SUCCESS);
    agent.ask(r#"{"action":"deregister_agent","agent_id":"Beta"}"#);
    agent.ask(r#"{"action":"deregister_agent","agent_id":"Beta"}"#);
    let expected = [
        "agent registered: Alpha at 10.0.0.1:5000",
        "agent moved: Alpha from 10.0.0.1:5000 to 10.0.0.1:5001",
        "agent moved: Alpha from 10.0.0.1:5001 to [::1]:5001",
        "agent registered: Beta at 10.0.0.1:1",
        "agent deregistered: Beta at 10.0.0.1:1",
    ];
    assert_eq!(said_since_ready(&registry.terminate()), expected);
}

/// The texts of all info lines between `ready` and the stop.
fn said_since_ready(finished: &Finished) -> Vec<&str> {
    let texts = finished.stderr.lines().map(info);
    texts
        .skip_while(|text| *text != "ready")
        .skip(1)
        .take_while(|text| !text.starts_with("stopping"))
        .collect()
}

#[test]
fn the_same_registration_again_is_a_debug_line_and_a_lookup_none() {
    let registry = Registry::with(&["--log-level", "debug"]);
    let agent = Agent::connect(registry.port());
    register(&agent, "Alpha", 5000);
    register(&agent, "Alpha", 5000);
    for _ in 0..10 {
        agent.ask(r#"{"action":"get_agent_endpoint","agent_name":"Alpha"}"#);
    }
    let finished = registry.terminate();
    let of_alpha = finished.stderr.lines().map(unstamped).filter(|line| line.contains("Alpha"));
    let levels: Vec<&str> = of_alpha.map(|line| line.split_once(' ').expect("a level").0).collect();
    assert_eq!(levels, ["INFO", "DEBUG"], "{finished}");
}

/// An address of this host on which no other test listens, so that a free port of it stays free.
const ADDRESS: &str = "127.0.0.76";

/// Starts it where its log does not tell the port.
fn start_unheard(level: &str) -> (Registry, Agent) {
    let port = free_port();
    let registry = Start::new()
        .args(["--bind", ADDRESS, "--log-level", level, "--port", &port.to_string()])
        .spawn_unready();
    registry.wait_until("the port takes connections", || TcpStream::connect((ADDRESS, port)).is_ok());
    (registry, Agent::connect_to(&format!("tcp://{ADDRESS}:{port}")))
}

#[test]
fn above_info_there_is_nothing_to_say_while_all_is_well() {
    for level in ["off", "error", "warn"] {
        let (registry, agent) = start_unheard(level);
        register(&agent, "Alpha", 5000);
        register(&agent, "Alpha", 5001);
        agent.ask("not JSON");
        let finished = registry.terminate();
        assert!(finished.status.success(), "{finished}");
        assert_eq!(finished.stderr, "", "--log-level {level}\n{finished}");
    }
}

#[test]
fn a_fault_at_the_start_is_told_at_every_level() {
    for level in ["off", "error", "trace"] {
        let finished = Start::new().args(["--log-level", level, "--bind", "192.0.2.1"]).run_to_end();
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        assert!(finished.stderr.contains("192.0.2.1"), "--log-level {level}\n{finished}");
    }
}

#[test]
fn a_thousand_registrations_are_a_hundred_lines_a_second_and_a_count() {
    const AGENTS: usize = 1000;
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    for batch in 0..AGENTS / 100 {
        for n in 0..100 {
            dealer.send(&[registration(&format!("agent-{batch}-{n}"), 5000).as_bytes()]);
        }
        (0..100).for_each(|_| assert_eq!(dealer.receive(), SUCCESS));
    }
    let told = |line: &str| line.contains("agent registered: ") || count_in(line).is_some();
    let counted = || {
        let lines = registry.log_lines(told);
        lines.iter().map(|line| count_in(line).unwrap_or(1)).sum::<usize>()
    };
    registry.wait_until("the lines and the counts make a thousand", || counted() >= AGENTS);
    assert_eq!(counted(), AGENTS, "{}", registry.evidence());

    let lines = registry.log_lines(|line| line.contains("agent registered: "));
    let stamps: Vec<Stamped> = lines.iter().filter_map(|line| Stamped::parse(line)).collect();
    let (first, last) = (stamps[0].milliseconds, stamps[stamps.len() - 1].milliseconds);
    let seconds_begun = usize::try_from((last - first) / 1000 + 1).expect("a clock that goes forward");
    assert!(lines.len() <= 100 * seconds_begun, "{} lines in {seconds_begun} s", lines.len());
}

#[test]
fn what_a_burst_left_unsaid_is_counted_before_the_stop() {
    const AGENTS: usize = 300;
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    (0..AGENTS).for_each(|n| dealer.send(&[registration(&format!("agent-{n}"), 5000).as_bytes()]));
    (0..AGENTS).for_each(|_| assert_eq!(dealer.receive(), SUCCESS));
    let finished = registry.terminate();
    let told = finished.stderr.lines().map(|line| match line.contains("agent registered: ") {
        true => 1,
        false => count_in(line).unwrap_or(0),
    });
    assert_eq!(told.sum::<usize>(), AGENTS, "{finished}");
    assert!(finished.stderr.trim_end().ends_with("] stopped"), "the last line is what it was\n{finished}");
}

/// N of `and N more`.
fn count_in(line: &str) -> Option<usize> {
    line.split_once("] and ")?.1.strip_suffix(" more")?.parse().ok()
}

/// What a line would have to hold for it to look like two, or like something else than it is.
fn disguised(line: &str) -> bool {
    let misleading = ['\u{2028}', '\u{2029}', '\u{202E}', '\u{2066}', '\u{200B}', '\u{FEFF}'];
    line.chars().any(|c| c.is_control() || misleading.contains(&c))
}

#[test]
fn nobody_forges_a_line() {
    const FORGED: &str =
        "2026-01-01T00:00:00.000Z INFO  [service_registry] agent registered: Forged at 6.6.6.6:666";
    let registry = Registry::with(&["--log-level", "trace"]);
    let agent = Agent::connect(registry.port());
    for separator in
        ["\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "\u{1b}[2K\r", "\u{202E}", "\0", "\u{8}"]
    {
        let text = format!("x{separator}{FORGED}");
        let spaceless = text.replace(' ', "_");
        for request in [
            json!({"action": "register_agent", "agent_id": text, "host": "h", "port": 1}),
            json!({"action": "register_agent", "agent_id": "A", "host": spaceless, "port": 1}),
            json!({"action": "register_agent", "agent_id": spaceless, "host": "h", "port": 2}),
            json!({"action": "register_agent", "agent_id": "A", "host": "h", "port": text}),
            json!({"action": "register_agent", "agent_id": "A", "host": "h", "port": 1, "agent_type": text}),
            json!({"action": "register_agent", "agent_id": "A", "host": "h", "port": 2, "capabilities": [text]}),
            json!({"action": "register_agent", "agent_id": "A", "host": "h", "port": 3, "metadata": {&text: text}}),
            json!({"action": "get_agent_endpoint", "agent_name": text}),
            json!({"action": text, "source_agent": text, &text: text}),
        ] {
            let reply: Value = agent.json(request.clone());
            assert!(reply["status"].is_string(), "{request}: {reply}");
            curl::post(registry.port(), request.to_string());
        }
        for port in [registry.port(), registry.health_port()] {
            send_and_leave(port, &format!("GET /{text} HTTP/1.1\r\nHost: {text}\r\nX: {text}\r\n\r\n"));
            send_and_leave(port, &format!("{text}\r\n\r\n"));
            send_and_leave(port, &format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {text}\r\n\r\n"));
        }
    }
    let finished = registry.terminate();
    assert!(finished.status.success(), "{finished}");
    for line in finished.stderr.split_terminator('\n') {
        assert!(Stamped::parse(line).is_some(), "not the daemon's own line: {line:?}\n{finished}");
        assert!(!disguised(line), "something unprintable in {line:?}\n{finished}");
    }
    // The harness splits at line feeds alone; a line of its own is what begins with the forged stamp.
    assert!(!finished.stderr.lines().any(|line| line.starts_with("2026-01-01T00:00:00.000Z")), "{finished}");
}

/// Whatever the answer is.
fn send_and_leave(port: u16, bytes: &str) {
    let mut connection = Raw::connect(port);
    connection.send(bytes);
    connection.half_close();
    connection.read_to_end();
}

#[test]
fn names_in_the_log_are_readable_and_escaped() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    for name in ["Zürich 東京", "tab\u{2028}\u{202E}bat", "quote\"back\\slash"] {
        register(&agent, name, 1);
    }
    let finished = registry.terminate();
    let said = said_since_ready(&finished);
    assert_eq!(said.len(), 3, "{finished}");
    assert_eq!(said[0], "agent registered: \"Zürich 東京\" at 10.0.0.1:1");
    assert_eq!(said[1], "agent registered: \"tab\\u{2028}\\u{202e}bat\" at 10.0.0.1:1");
    assert!(!said.iter().any(|line| disguised(line)), "{finished}");
}

#[test]
fn under_the_journal_priorities_take_the_place_of_stamps_and_levels() {
    let registry = Start::new().args(["--log-level", "debug"]).journal().spawn();
    let agent = Agent::connect(registry.port());
    register(&agent, "Alpha", 5000);
    register(&agent, "Alpha", 5000);
    let finished = registry.terminate();
    for line in finished.stderr.lines() {
        let text = line.strip_prefix("<6>").or(line.strip_prefix("<7>"));
        let text = text.unwrap_or_else(|| panic!("no priority in front of {line:?}\n{finished}"));
        assert!(!text.starts_with([' ', '<', '[']) && !text.starts_with("INFO"), "{line:?}\n{finished}");
    }
    let with_priority = |priority: &str, end: &str| {
        finished.stderr.lines().filter(|line| line.starts_with(priority) && line.ends_with(end)).count()
    };
    assert_eq!(with_priority("<6>ready", "ready"), 1, "{finished}");
    assert_eq!(with_priority("<6>agent registered: Alpha at ", "10.0.0.1:5000"), 1, "{finished}");
    assert_eq!(with_priority("<7>", ": Alpha at 10.0.0.1:5000"), 1, "{finished}");
}

#[test]
fn under_the_journal_what_prevents_a_start_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for args in [["--max-connections", "plenty"], ["--port", &port]] {
        let finished = Start::new().args(args).journal().run_to_end();
        let last = finished.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("<3>service-registry: "), "{finished}");
    }
}

#[test]
fn another_stream_than_the_journals_gets_time_stamps() {
    for stream in ["1:1", "8:0", "", "journal", "18446744073709551615:18446744073709551615"] {
        let registry = Start::new().env("JOURNAL_STREAM", stream).spawn();
        let finished = registry.terminate();
        assert!(finished.stderr.lines().all(|line| Stamped::parse(line).is_some()), "{stream:?}\n{finished}");
    }
}
