//! One question about one agent, as any server can be asked it: the registry takes the other benchmark's JSON as it
//! is, the rest a key and a value that are made of it. Pure: it never knows who is asked.

use crate::agents::{self, Question, RECORD_BYTES, Requests};

/// What a record has beyond the members of a registration.
const STAMP: &str = r#""last_registered":"2026-01-01T00:00:00.000Z""#;

pub(crate) struct Request {
    pub(crate) question: Question,
    /// As the registry is asked.
    pub(crate) body: String,
    record: String,
}

impl Request {
    /// The next of `requests`, which asks `question`.
    pub(crate) fn next(question: Question, requests: &mut Requests) -> Option<Self> {
        requests.next_body().map(|body| Self::new(question, body))
    }

    /// A lookup of an agent that never registers.
    pub(crate) fn unknown() -> Self {
        Self::new(Question::Lookup, agents::lookup(agents::AGENTS))
    }

    /// A lookup of the agent that this one is about.
    pub(crate) fn looked_up(&self) -> Self {
        let number = self.agent().rsplit('-').next().and_then(|digits| digits.parse().ok());
        Self::new(Question::Lookup, agents::lookup(number.expect("an agent's number")))
    }

    fn new(question: Question, body: String) -> Self {
        let record = if question == Question::Lookup { String::new() } else { record(&body) };
        Self { question, body, record }
    }

    /// The agent's name: the key.
    pub(crate) fn agent(&self) -> &str {
        let field = if self.question == Question::Lookup { r#""agent_name":""# } else { r#""agent_id":""# };
        let name = self.body.split_once(field).and_then(|(_, rest)| rest.split_once('"'));
        name.expect("the name of an agent").0
    }

    /// The record that a registration leaves: the value.
    pub(crate) fn record(&self) -> &[u8] {
        self.record.as_bytes()
    }

    /// That part of it which every server gives back as it was.
    pub(crate) fn members(&self) -> &[u8] {
        &self.record.as_bytes()[1..self.record.len() - STAMP.len() - 2]
    }
}

fn record(registration: &str) -> String {
    let from = registration.find(r#""host":"#).expect("the members of a registration");
    let record = format!("{{{},{STAMP}}}", &registration[from..registration.len() - 1]);
    assert_eq!(record.len(), RECORD_BYTES, "{record}");
    record
}
