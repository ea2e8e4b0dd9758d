//! One instance of the daemon with a Redis behind it, as its agents and its operator see it. It knows the wire contract and
//! what the health object says; what is due in which test is for that test to say.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::server::RedisServer;
use crate::agent::{Agent, shown};
use crate::conversation::refusal;
use crate::raw::Raw;
pub(crate) use crate::registry::Start;
use crate::registry::{Finished, Registry};

/// What stands before a name in Redis, where nobody says otherwise.
pub(crate) const PREFIX: &str = "service_registry:";

/// The arguments that put an instance before the Redis of this URL.
pub(crate) fn before(url: &str) -> Start {
    Start::new().args(["--backend", "redis", "--redis-url", url])
}

/// A record as an instance writes it, with this port to be told by.
pub(crate) fn record(port: u16) -> String {
    format!(
        concat!(
            r#"{{"host":"10.0.0.1","port":{},"health_check_port":null,"agent_type":"service","capabilities":[],"#,
            r#""metadata":{{}},"last_registered":"2025-07-03T12:34:56.789Z"}}"#
        ),
        port
    )
}

/// Writes such a record as another instance would, past all instances of the test.
pub(crate) fn put(server: &RedisServer, name: &str, port: u16) {
    server.set(format!("{PREFIX}{name}"), record(port));
}

/// Many of them: `name0` and so on, whose ports count from 1 on.
pub(crate) fn put_many(server: &RedisServer, name: &str, count: u16) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|n| format!("{name}{n:04}")).collect();
    let set = |(n, name): (usize, &String)| {
        vec!["SET".to_owned(), format!("{PREFIX}{name}"), record(u16::try_from(n + 1).unwrap())]
    };
    server.commands(&names.iter().enumerate().map(set).collect::<Vec<_>>());
    names
}

pub(crate) struct Instance {
    pub(crate) registry: Registry,
}

impl Instance {
    /// In front of this Redis, with all that it holds loaded.
    pub(crate) fn of(server: &RedisServer) -> Instance {
        Instance::with(server, &[])
    }

    pub(crate) fn with(server: &RedisServer, args: &[&str]) -> Instance {
        Instance::live(before(&server.url()).args(args))
    }

    /// Started like this, with all that its Redis holds loaded.
    pub(crate) fn live(start: Start) -> Instance {
        let instance = Instance::serving(start);
        instance.wait_until_well();
        instance
    }

    /// Started like this: it serves its ports, whatever it knows.
    pub(crate) fn serving(start: Start) -> Instance {
        Instance { registry: start.spawn() }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller { agent: Agent::connect(self.registry.port()) }
    }

    pub(crate) fn health(&self) -> Health {
        Health::of(&self.registry, "/health")
    }

    /// The HTTP status that this path has at the health port.
    pub(crate) fn status_of(&self, path: &str) -> u16 {
        let mut connection = Raw::connect(self.registry.health_port());
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: registry\r\n\r\n"));
        connection.read_answer().status
    }

    /// Waits until it says that all is well, and that it knows how many agents there are.
    pub(crate) fn wait_until_well(&self) {
        self.wait_for_health("it is well", |health| {
            health.http == 200
                && health.status() == "ok"
                && health.ready()
                && health.object["agents"].is_u64()
        });
        assert_eq!(self.status_of("/readyz"), 200, "{}", self.evidence());
    }

    /// Waits until it says that something is wrong, while lookups are answered; gives its words for that.
    pub(crate) fn wait_until_degraded(&self) -> String {
        let health = self.wait_for_health("it is degraded", |health| health.status() == "degraded");
        health.assert_degraded_and_ready(self);
        health.message()
    }

    pub(crate) fn wait_for_health(&self, what: &str, holds: impl Fn(&Health) -> bool) -> Health {
        let mut health = self.health();
        self.wait_for(|| {
            health = self.health();
            if holds(&health) { Ok(()) } else { Err(format!("{what}: {} {}", health.http, health.object)) }
        });
        health
    }

    /// Waits until this is so; what it gives until then says what is wrong.
    pub(crate) fn wait_for(&self, look: impl FnMut() -> Result<(), String>) {
        self.registry.wait_for(crate::process::DEADLINE, look);
    }

    /// Waits until a lookup of this name gives this.
    pub(crate) fn wait_for_port(&self, name: &str, due: Result<u16, &str>) {
        let caller = self.caller();
        self.wait_for(|| {
            let got = caller.port_of(name);
            let is_due = got.as_ref().map_err(String::as_str) == due.as_ref().map_err(|code| *code);
            if is_due { Ok(()) } else { Err(format!("{name} is {due:?}: {got:?}")) }
        });
    }

    /// Waits until exactly these are listed.
    pub(crate) fn wait_for_list(&self, due: &[&str]) {
        let caller = self.caller();
        self.wait_for(|| {
            let got = caller.list();
            if got.as_ref().is_ok_and(|names| names == due) {
                Ok(())
            } else {
                Err(format!("{due:?}: {got:?}"))
            }
        });
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) -> Finished {
        self.registry.signal(Signal::KILL);
        self.registry.finish(crate::process::DEADLINE)
    }

    pub(crate) fn evidence(&self) -> String {
        self.registry.evidence()
    }
}

/// The health object, and the status it came with.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) http: u16,
    pub(crate) object: Value,
    pub(crate) took: Duration,
}

impl Health {
    fn of(registry: &Registry, path: &str) -> Health {
        let asked = Instant::now();
        let mut connection = Raw::connect(registry.health_port());
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: registry\r\n\r\n"));
        let answer = connection.read_answer();
        let took = asked.elapsed();
        let object = answer.json();
        assert_eq!(object["backend"], "redis", "{object}");
        Health { http: answer.status, object, took }
    }

    pub(crate) fn status(&self) -> &str {
        self.object["status"].as_str().unwrap()
    }

    pub(crate) fn ready(&self) -> bool {
        self.object["ready"].as_bool().unwrap()
    }

    pub(crate) fn message(&self) -> String {
        self.object["message"].as_str().unwrap().to_owned()
    }

    /// Something is wrong, and lookups are answered all the same.
    pub(crate) fn assert_degraded_and_ready(&self, instance: &Instance) {
        let Health { http, object, .. } = self;
        let said = (self.status(), self.ready(), *http);
        assert_eq!(said, ("degraded", true, 200), "{object}\n{}", instance.evidence());
    }

    /// Lookups are not answered.
    pub(crate) fn assert_unready(&self, instance: &Instance) {
        let Health { http, object, .. } = self;
        let said = (self.status(), self.ready(), *http);
        assert_eq!(said, ("degraded", false, 503), "{object}\n{}", instance.evidence());
        assert_eq!(instance.status_of("/readyz"), 503, "{}", instance.evidence());
        assert_eq!(instance.status_of("/livez"), 200, "{}", instance.evidence());
    }
}

/// What an outage is called: `URL out of reach for 12 s: REASON; lookups answered from 1,204 records known then`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) seconds: u64,
    pub(crate) reason: String,
    pub(crate) records: String,
}

impl Outage {
    pub(crate) fn parse(message: &str, url: &str) -> Outage {
        let parts = || {
            let rest = message.strip_prefix(url)?.strip_prefix(" out of reach for ")?;
            let (seconds, rest) = rest.split_once(" s: ")?;
            let (reason, rest) = rest.rsplit_once("; lookups answered from ")?;
            let records = rest.strip_suffix(" known then")?.to_owned();
            Some(Outage { seconds: seconds.parse().ok()?, reason: reason.to_owned(), records })
        };
        parts().unwrap_or_else(|| panic!("not the words for {url} out of reach: {message:?}"))
    }
}

/// How often an agent asks again that was told `unavailable`: a machine with much other work may keep Redis silent for the
/// 400 ms after which it counts as gone.
const PATIENCE: usize = 5;

/// An agent with one connection, which asks one thing after another.
pub(crate) struct Caller {
    agent: Agent,
}

impl Caller {
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Vec<u8> {
        self.agent.ask(request)
    }

    /// Registers this name; gives the code of the refusal if it is refused.
    pub(crate) fn try_register(&self, name: &str, port: u16) -> Result<(), String> {
        let reply = self.agent.ask(registration(name, port));
        if reply == br#"{"status":"success"}"# { Ok(()) } else { Err(code(&reply)) }
    }

    pub(crate) fn register(&self, name: &str, port: u16) {
        assert_eq!(patiently(|| self.try_register(name, port)), Ok(()), "registering {name}");
    }

    /// The reply to a lookup as it is.
    pub(crate) fn lookup(&self, name: &str) -> Vec<u8> {
        self.agent.ask(lookup(name))
    }

    /// The port under which this name is found, or the code of the error.
    pub(crate) fn port_of(&self, name: &str) -> Result<u16, String> {
        let reply = self.lookup(name);
        let value = success(&reply)?;
        let port = value["port"].as_u64().unwrap_or_else(|| panic!("no port: {}", shown(&reply)));
        Ok(u16::try_from(port).unwrap())
    }

    /// The same where Redis is within reach, and has to be asked.
    pub(crate) fn port_in_redis(&self, name: &str) -> Result<u16, String> {
        patiently(|| self.port_of(name))
    }

    /// The names that are listed, or the code of the error.
    pub(crate) fn list(&self) -> Result<Vec<String>, String> {
        let reply = self.agent.ask(r#"{"action":"list_agents"}"#);
        let value = success(&reply)?;
        let names: Vec<String> = serde_json::from_value(value["agents"].clone()).unwrap();
        assert!(names.is_sorted_by(|a, b| a < b), "sorted, each once: {names:?}");
        Ok(names)
    }

    /// Whether there was such an agent, or the code of the error.
    pub(crate) fn deregister(&self, name: &str) -> Result<bool, String> {
        let reply = self.agent.ask(json!({"action": "deregister_agent", "agent_id": name}).to_string());
        Ok(success(&reply)?["deregistered"].as_bool().unwrap_or_else(|| panic!("{}", shown(&reply))))
    }
}

fn patiently<T>(ask: impl Fn() -> Result<T, String>) -> Result<T, String> {
    let unavailable = |answer: &Result<T, String>| answer.as_ref().is_err_and(|code| code == "unavailable");
    let mut answer = ask();
    for _ in 0..PATIENCE {
        if !unavailable(&answer) {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
        answer = ask();
    }
    answer
}

pub(crate) fn registration(name: &str, port: u16) -> String {
    json!({"action": "register_agent", "agent_id": name, "host": "10.0.0.1", "port": port}).to_string()
}

pub(crate) fn lookup(name: &str) -> String {
    json!({"action": "get_agent_endpoint", "agent_name": name}).to_string()
}

/// The reply to a request that succeeded, or the code of the error.
pub(crate) fn success(reply: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(reply).unwrap_or_else(|e| panic!("{e}: {}", shown(reply)));
    if value["status"] == "success" { Ok(value) } else { Err(code(reply)) }
}

/// The code of an error, whose form is right.
fn code(reply: &[u8]) -> String {
    let value: Value = serde_json::from_slice(reply).unwrap_or_else(|e| panic!("{e}: {}", shown(reply)));
    let code = value["code"].as_str().unwrap_or_else(|| panic!("no error: {}", shown(reply))).to_owned();
    refusal(reply, &code, "");
    code
}
