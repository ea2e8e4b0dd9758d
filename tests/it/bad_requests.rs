//! Requests that must be refused, by ZMQ and by HTTP alike: one clear error that names the fault and what was given,
//! nothing changed, and the connection of use to the next request. Beside each table is what is just good enough.

mod accepted;
mod doubled;
mod fields;
mod size;
mod strings;
mod syntax;

use crate::agent::{Agent, shown};
use crate::conversation::{ask_curl, refusal};
use crate::registry::Registry;

const LIST: &str = r#"{"action":"list_agents"}"#;
const WITNESS: &str = concat!(
    r#"{"action":"register_agent","agent_id":"Witness","host":"h","port":1,"agent_type":"t","#,
    r#""capabilities":["c"],"metadata":{"k":[1,"v"]}}"#
);
const LOOKUP: &str = r#"{"action":"get_agent_endpoint","agent_name":"Witness"}"#;

/// One request, and how it must be refused.
struct Bad {
    request: Vec<u8>,
    code: &'static str,
    /// Each must be in the text; `|` parts words of which one will do.
    names: Vec<String>,
}

fn bad(request: impl AsRef<[u8]>, names: &[&str]) -> Bad {
    let names = names.iter().filter(|name| !name.is_empty()).map(|name| (*name).to_owned()).collect();
    Bad { request: request.as_ref().to_vec(), code: "invalid_request", names }
}

/// A registry with a witness in it, of whom nothing may change.
struct Court {
    registry: Registry,
    agent: Agent,
    list: Vec<u8>,
    record: Vec<u8>,
}

impl Court {
    fn open() -> Court {
        let registry = Registry::start();
        let agent = Agent::connect(registry.port());
        assert_eq!(agent.ask(WITNESS), br#"{"status":"success"}"#);
        let (list, record) = (agent.ask(LIST), agent.ask(LOOKUP));
        assert_eq!(list, br#"{"status":"success","agents":["Witness"]}"#);
        Court { registry, agent, list, record }
    }

    /// Two further requests on the connection that the bad one came by.
    fn unchanged(&self, context: &str) {
        assert_eq!(shown(&self.agent.ask(LIST)), shown(&self.list), "the list after {context}");
        assert_eq!(shown(&self.agent.ask(LOOKUP)), shown(&self.record), "the record after {context}");
    }

    fn refuses(&self, bad: &Bad) {
        let context = shown(&bad.request);
        let by_zmq = self.agent.ask(&bad.request);
        self.unchanged(&format!("{context} over ZMQ"));
        let by_http = ask_curl(self.registry.port(), &bad.request);
        self.unchanged(&format!("{context} over HTTP"));
        assert_eq!(shown(&by_http), shown(&by_zmq), "both ways say the same of {context}");
        let text = refusal(&by_zmq, bad.code, &format!("to {context}"));
        for name in &bad.names {
            let named = name.split('|').any(|word| text.contains(word));
            assert!(named, "{name:?} is in the text: {text:?}\nto {context}");
        }
        assert!(text.len() < 1000, "a text for a person: {text:?} to {context}");
    }
}

/// Each of these is refused, and there are at least so many of them.
fn refused(table: &[Bad], at_least: usize) {
    assert!(table.len() >= at_least, "a table of {} requests", table.len());
    let court = Court::open();
    for bad in table {
        court.refuses(bad);
    }
}

/// A registration of `A` with one field as given; the others are good.
fn with_field(field: &str, value: &str) -> String {
    let mut fields = vec![r#""action":"register_agent""#.to_owned()];
    for (name, good) in [("agent_id", "\"A\""), ("host", "\"h\""), ("port", "1")] {
        if name != field {
            fields.push(format!(r#""{name}":{good}"#));
        }
    }
    if !value.is_empty() {
        fields.push(format!(r#""{field}":{value}"#));
    }
    format!("{{{}}}", fields.join(","))
}

/// The same in `registration_data`.
fn wrapped(flat: &str) -> String {
    let inside = flat.replacen(r#""action":"register_agent","#, "", 1);
    format!(r#"{{"action":"register_agent","registration_data":{inside}}}"#)
}
