//! Agents of a machine: they register and look up as real ones do, HTTP or ZMTP, each time over a fresh connection, on the
//! loopback of the machine's network. They know nothing of units and packages.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::checks::{Outcome, is};
use crate::client::{Client, Speech};
use crate::machine::{Machine, Network};

/// The ports of a package's unit.
pub(crate) const PORT: u16 = 7100;
pub(crate) const HEALTH_PORT: u16 = 8100;

/// What a client waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Agents {
    pub(crate) network: Network,
    pub(crate) port: u16,
    pub(crate) health_port: u16,
}

impl Agents {
    pub(crate) fn of(machine: &Machine) -> Agents {
        Agents::at(machine, PORT, HEALTH_PORT)
    }

    pub(crate) fn at(machine: &Machine, port: u16, health_port: u16) -> Agents {
        Agents { network: machine.network(), port, health_port }
    }

    /// The reply to a request on the registry port.
    pub(crate) fn ask(&self, speech: Speech, request: &[u8]) -> Result<Value, String> {
        self.network.inside(|| ask(self.port, speech, request))
    }

    /// The answer to a GET on the health port.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let client = Client { port: self.health_port, limit: PATIENCE };
        self.network.inside(|| client.get(path)).map_err(|lost| format!("GET {path}: {lost:?}"))
    }

    pub(crate) fn health(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.get("/health")?).map_err(|e| format!("GET /health: {e}"))
    }

    pub(crate) fn register(&self, names: &[&str]) -> Outcome {
        names.iter().try_for_each(|name| {
            let reply = self.ask(Speech::Http, &registration(name))?;
            is(reply["status"] == "success", || format!("{name} was not registered: {reply}"))
        })
    }

    pub(crate) fn all(&self) -> Result<BTreeSet<String>, String> {
        let reply = self.ask(Speech::Http, br#"{"action":"list_agents"}"#)?;
        let agents = reply["agents"].as_array().ok_or_else(|| format!("no list of agents: {reply}"))?;
        Ok(agents.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// That exactly these are there.
    pub(crate) fn are(&self, names: &[&str]) -> Outcome {
        let all = self.all()?;
        is(all.iter().eq(names), || format!("there are {all:?}, and should be {names:?}"))
    }
}

pub(crate) fn ask(port: u16, speech: Speech, request: &[u8]) -> Result<Value, String> {
    let client = Client { port, limit: PATIENCE };
    let reply = client.ask(speech, request).map_err(|lost| format!("{speech:?} on port {port}: {lost:?}"))?;
    serde_json::from_slice(&reply).map_err(|e| format!("{speech:?} on port {port}: {e}"))
}

/// Asks with libzmq, as an agent in Python does: a fresh REQ socket each time, which connects again by itself.
pub(crate) struct Libzmq(zmq::Context);

impl Libzmq {
    /// In the network of the calling thread, as its own threads begin here.
    pub(crate) fn new() -> Libzmq {
        Libzmq(zmq::Context::new())
    }

    pub(crate) fn ask(&self, port: u16, request: &[u8]) -> Result<Value, String> {
        let reply = self.reply(port, request).map_err(|e| format!("libzmq on port {port}: {e}"))?;
        serde_json::from_slice(&reply).map_err(|e| format!("libzmq on port {port}: {e}"))
    }

    fn reply(&self, port: u16, request: &[u8]) -> zmq::Result<Vec<u8>> {
        let socket = self.0.socket(zmq::REQ)?;
        socket.set_linger(0)?;
        socket.set_rcvtimeo(i32::try_from(PATIENCE.as_millis()).unwrap())?;
        socket.connect(&format!("tcp://127.0.0.1:{port}"))?;
        socket.send(request, 0)?;
        socket.recv_bytes(0)
    }
}

pub(crate) fn registration(name: &str) -> Vec<u8> {
    json!({"action": "register_agent", "agent_id": name, "host": "localhost", "port": 5000})
        .to_string()
        .into()
}

pub(crate) fn lookup(name: &str) -> Vec<u8> {
    json!({"action": "get_agent_endpoint", "agent_name": name}).to_string().into()
}
