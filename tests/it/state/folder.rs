//! A folder with a state file in it, and a registry that keeps it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::redis::server::Folder;
use crate::registry::{Finished, Registry, Start};

/// The first line of every state file.
pub(super) const HEADER: &str = "{\"format\":\"service-registry state\",\"version\":1}\n";

/// Where a state file is.
pub(super) struct State {
    pub(super) folder: Folder,
}

impl State {
    pub(super) fn new() -> State {
        State { folder: Folder::new() }
    }

    /// One that holds these bytes.
    pub(super) fn holding(bytes: impl AsRef<[u8]>) -> State {
        let state = State::new();
        state.folder.write("state", bytes);
        state
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(super) fn length(&self) -> u64 {
        fs::metadata(self.path()).unwrap().len()
    }

    /// A registry that keeps it.
    pub(super) fn starting(&self) -> Start {
        Start::new().arg("--state-file").arg(self.path())
    }

    pub(super) fn start(&self) -> Registry {
        self.starting().spawn()
    }

    /// A start that must fail.
    pub(super) fn refused(&self) -> Finished {
        let finished = self.starting().run_to_end();
        assert!(!finished.status.success(), "{finished}");
        finished
    }
}

pub(super) fn register(agent: &Agent, name: &str, port: u16) -> Value {
    agent.json(json!({"action": "register_agent", "agent_id": name, "host": "h", "port": port}))
}

pub(super) fn deregister(agent: &Agent, name: &str) -> Value {
    agent.json(json!({"action": "deregister_agent", "agent_id": name}))
}

/// The port that `name` is found at; `None` where it is not found.
pub(super) fn port_of(agent: &Agent, name: &str) -> Option<u16> {
    let found = agent.json(json!({"action": "get_agent_endpoint", "agent_name": name}));
    match found["status"].as_str() {
        Some("success") => Some(u16::try_from(found["port"].as_u64().unwrap()).unwrap()),
        _ => {
            assert_eq!(found["code"], "not_found", "{found}");
            None
        }
    }
}

pub(super) fn list(agent: &Agent) -> Value {
    agent.json(json!({"action": "list_agents"}))["agents"].clone()
}
