//! What each action does: request bytes in, a reply out, the same for every transport. Parses with `wire`, asks the
//! store, tells the log of agents that come and move. Knows no socket, no HTTP, and no lock.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use time::OffsetDateTime;

use crate::announcer::{Announcer, Reminder};
use crate::health::Health;
use crate::quote;
use crate::record::{MAX_RECORD, Record};
use crate::store::{Store, StoreError};
use crate::wire::code::Code;
use crate::wire::parse::{self, Fault, Request};
use crate::wire::render::{self, Rendered};
use crate::wire::reply::{Body, Reply};
use crate::wire::shared::Shared;

/// The registry behind its transports. One is shared by all of them.
pub struct Registry {
    store: Arc<dyn Store>,
    health: Arc<Health>,
    clock: fn() -> OffsetDateTime,
    announcer: Announcer,
    refusing: Reminder,
}

impl Registry {
    /// A registry that answers from `store` and tells the time by `clock`.
    pub fn new(
        store: Arc<dyn Store>,
        health: Arc<Health>,
        clock: fn() -> OffsetDateTime,
        announcer: Announcer,
    ) -> Registry {
        Registry { store, health, clock, announcer, refusing: Reminder::default() }
    }

    /// Answers one request.
    pub fn answer(&self, request: &[u8]) -> Reply {
        match parse::request(request) {
            Ok(Request::Lookup(name)) => self.lookup(&name),
            Ok(Request::Register(record)) => self.register(&record),
            Ok(Request::List) => shared(self.store.list()),
            Ok(Request::Health) => self.health.reply((self.clock)()),
            Err(fault) => refusal(&fault),
        }
    }

    fn lookup(&self, name: &str) -> Reply {
        match self.store.get(name) {
            Ok(Some(reply)) => Reply::success(Body::Shared(reply)),
            Ok(None) => Reply::failure(Code::NotFound, &format!("Agent {name} not found")),
            Err(error) => failed(&error),
        }
    }

    fn register(&self, record: &Record<'_>) -> Reply {
        let rendered = render::record(record, (self.clock)());
        let length = rendered.record_length();
        if length > MAX_RECORD {
            let text =
                format!("the record is {length} bytes as it would be stored; at most {MAX_RECORD} are taken");
            return Reply::failure(Code::TooLarge, &text);
        }
        match self.store.put(rendered.clone()) {
            Ok(old) => {
                self.announce(record, old.as_ref(), &rendered);
                Reply::success(Body::Fixed(render::SUCCESS))
            }
            Err(error) => {
                // A registry that refuses agents needs a person, who reads the log and not the replies.
                self.refusing.warn(Instant::now(), || format!("{error}: new agents are refused"));
                failed(&error)
            }
        }
    }

    fn announce(&self, record: &Record<'_>, old: Option<&Rendered>, new: &Rendered) {
        let name = || quote::name(&record.agent_id);
        let place = || endpoint(&record.host, u64::from(record.port));
        match old {
            None => self.announcer.info(|| format!("agent registered: {} at {}", name(), place())),
            Some(old) if old.endpoint() != new.endpoint() => {
                self.announcer
                    .info(|| format!("agent moved: {} from {} to {}", name(), endpoint_of(old), place()));
            }
            Some(_) => log::debug!("agent registered again: {} at {}", name(), place()),
        }
    }
}

/// The reply to a request that came as `frames` frames, none of which is looked at.
pub fn multipart(frames: usize) -> Reply {
    refusal(&parse::multipart(frames))
}

fn refusal(fault: &Fault) -> Reply {
    log::debug!("refused a request: {}", fault.text);
    Reply::failure(fault.code, &fault.text)
}

fn shared(reply: Result<Shared, StoreError>) -> Reply {
    match reply {
        Ok(reply) => Reply::success(Body::Shared(reply)),
        Err(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> Reply {
    let code = match error {
        StoreError::Full { .. } => Code::Full,
    };
    Reply::failure(code, &error.to_string())
}

/// `host:port` for a log line, with an IPv6 address in brackets.
fn endpoint(host: &str, port: u64) -> String {
    let shown = host.escape_debug();
    if host.contains(':') { format!("[{shown}]:{port}") } else { format!("{shown}:{port}") }
}

/// `host:port` of a record that was stored; moves are rare enough to read it back.
fn endpoint_of(record: &Rendered) -> String {
    let object = [b"{", record.endpoint(), b"}"].concat();
    let members: Value = serde_json::from_slice(&object).unwrap_or_default();
    endpoint(members["host"].as_str().unwrap_or_default(), members["port"].as_u64().unwrap_or_default())
}
