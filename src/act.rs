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
use crate::store::{Removed, Store, StoreError};
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
            Ok(Request::Deregister(name)) => self.deregister(&name),
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

    /// An agent that isn't there is a success: a client that lost the reply may ask again.
    fn deregister(&self, name: &str) -> Reply {
        match self.store.remove(name) {
            Ok(Some(Removed { old })) => {
                let at = |old| format!(" at {}", endpoint_of(old));
                let place = || old.as_ref().map(at).unwrap_or_default();
                self.announcer.info(|| format!("agent deregistered: {}{}", quote::name(name), place()));
                Reply::success(Body::Fixed(render::DEREGISTERED))
            }
            Ok(None) => Reply::success(Body::Fixed(render::NOT_THERE)),
            Err(error) => failed(&error),
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
        StoreError::Unavailable(_) => Code::Unavailable,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slots;
    use crate::store::memory::Memory;
    use crate::wire::reply::Outcome;
    use log::{LevelFilter, Log, Metadata};
    use std::cell::RefCell;

    const REGISTER_A: &str = r#"{"action":"register_agent","agent_id":"A","host":"h","port":1}"#;

    thread_local! {
        static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Keeps each thread's lines apart, for tests run beside each other and each has a thread of its own.
    struct Kept;

    impl Log for Kept {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            LOGGED.with_borrow_mut(|lines| lines.push(format!("{} {}", record.level(), record.args())));
        }

        fn flush(&self) {}
    }

    /// What is logged while `work` is done.
    fn logged(work: impl FnOnce()) -> Vec<String> {
        // The first test that comes here sets it for all.
        let _ = log::set_logger(&Kept);
        log::set_max_level(LevelFilter::Debug);
        LOGGED.take();
        work();
        LOGGED.take()
    }

    fn registry(max_bytes: u64) -> Registry {
        let health = Arc::new(Health::new("memory", Slots::new(1, 1), Arc::default()));
        let store = Arc::new(Memory::new(max_bytes, Arc::clone(&health)));
        Registry::new(store, health, || OffsetDateTime::UNIX_EPOCH, Announcer::default())
    }

    fn text(reply: &Reply) -> String {
        String::from_utf8(reply.body.to_vec()).expect("UTF-8")
    }

    fn register(registry: &Registry, name: &str, host: &str, port: u16) {
        let request =
            format!(r#"{{"action":"register_agent","agent_id":"{name}","host":"{host}","port":{port}}}"#);
        assert_eq!(text(&registry.answer(request.as_bytes())), r#"{"status":"success"}"#);
    }

    #[test]
    fn each_action_has_its_reply() {
        let registry = registry(1 << 20);
        for (request, expected) in [
            (r#"{"action":"list_agents"}"#, r#"{"status":"success","agents":[]}"#),
            (REGISTER_A, r#"{"status":"success"}"#),
            (
                r#"{"action":"get_agent_endpoint","agent_name":"A"}"#,
                concat!(
                    r#"{"status":"success","host":"h","port":1,"health_check_port":null,"agent_type":"service","#,
                    r#""capabilities":[],"metadata":{},"last_registered":"1970-01-01T00:00:00.000Z"}"#
                ),
            ),
            (r#"{"action":"list_agents"}"#, r#"{"status":"success","agents":["A"]}"#),
            (
                r#"{"action":"deregister_agent","agent_id":"B"}"#,
                r#"{"status":"success","deregistered":false}"#,
            ),
            (
                r#"{"action":"deregister_agent","agent_id":"A"}"#,
                r#"{"status":"success","deregistered":true}"#,
            ),
            (
                r#"{"action":"deregister_agent","agent_id":"A"}"#,
                r#"{"status":"success","deregistered":false}"#,
            ),
            (r#"{"action":"list_agents"}"#, r#"{"status":"success","agents":[]}"#),
            (REGISTER_A, r#"{"status":"success"}"#),
        ] {
            let reply = registry.answer(request.as_bytes());
            assert_eq!((reply.outcome, text(&reply).as_str()), (Outcome::Success, expected), "{request}");
        }
        let health = text(&registry.answer(br#"{"action":"health"}"#));
        assert!(health.contains(r#""timestamp":"1970-01-01T00:00:00.000Z""#), "{health}");
        assert!(health.contains(r#""agents":1"#), "{health}");
    }

    #[test]
    fn a_failure_has_its_code_and_its_text() {
        let registry = registry(1 << 20);
        for (reply, code, expected) in [
            (
                registry.answer(br#"{"action":"get_agent_endpoint","agent_name":"B"}"#),
                Code::NotFound,
                r#"{"status":"error","error":"Agent B not found","code":"not_found"}"#,
            ),
            (
                registry.answer(br#"{"action":"fly"}"#),
                Code::UnknownAction,
                r#"{"status":"error","error":"Unknown action: fly","code":"unknown_action"}"#,
            ),
            (
                multipart(2),
                Code::InvalidRequest,
                r#"{"status":"error","error":"a request must be one frame, not 2","code":"invalid_request"}"#,
            ),
        ] {
            assert_eq!((reply.outcome, text(&reply).as_str()), (Outcome::Failure(code), expected));
        }
    }

    #[test]
    fn a_record_of_the_limit_is_taken_and_a_larger_one_is_not() {
        let registry = registry(1 << 20);
        let request = |padding: usize| {
            let metadata = format!(r#"{{"a":"{}"}}"#, "x".repeat(padding));
            REGISTER_A.replace("}", &format!(r#","metadata":{metadata}}}"#)).into_bytes()
        };
        let least = request(0);
        let Ok(Request::Register(smallest)) = parse::request(&least) else { panic!("a registration") };
        let room = MAX_RECORD - render::record(&smallest, OffsetDateTime::UNIX_EPOCH).record_length();
        assert_eq!(registry.answer(&request(room)).outcome, Outcome::Success);
        let refused = registry.answer(&request(room + 1));
        assert_eq!(refused.outcome, Outcome::Failure(Code::TooLarge));
        assert_eq!(
            text(&refused),
            r#"{"status":"error","error":"the record is 65537 bytes as it would be stored; at most 65536 are taken","code":"too_large"}"#
        );
    }

    #[test]
    fn a_full_registry_says_so_and_warns_once() {
        let registry = registry(1024);
        let request = REGISTER_A.replace("}", &format!(r#","agent_type":"{}"}}"#, "t".repeat(255)));
        let lines = logged(|| {
            let replies = ["A", "B", "C", "D", "E"]
                .map(|name| registry.answer(request.replace("\"A\"", &format!("\"{name}\"")).as_bytes()));
            let outcomes = replies.each_ref().map(|reply| reply.outcome);
            assert_eq!(outcomes[..2], [Outcome::Success; 2]);
            assert_eq!(outcomes[2..], [Outcome::Failure(Code::Full); 3]);
            assert_eq!(
                text(&replies[4]),
                r#"{"status":"error","error":"the registry is full: names and records may take 1 KiB (--max-bytes)","code":"full"}"#
            );
        });
        let warnings: Vec<&String> = lines.iter().filter(|line| line.starts_with("WARN")).collect();
        let expected = "WARN the registry is full: names and records may take 1 KiB (--max-bytes): new agents are refused";
        assert_eq!(warnings, [expected], "{lines:#?}");
    }

    #[test]
    fn agents_that_come_move_and_go_are_logged() {
        let registry = registry(1 << 20);
        let lines = logged(|| {
            register(&registry, "A", "h", 1);
            register(&registry, "A", "h", 1);
            register(&registry, "A", "h", 2);
            register(&registry, "A", "::1", 2);
            register(&registry, "A", "h", 2);
            register(&registry, "at h:1", "h", 1);
            for _ in 0..2 {
                registry.answer(br#"{"action":"deregister_agent","agent_id":"A"}"#);
            }
        });
        assert_eq!(
            lines,
            [
                "INFO agent registered: A at h:1",
                "DEBUG agent registered again: A at h:1",
                "INFO agent moved: A from h:1 to h:2",
                "INFO agent moved: A from h:2 to [::1]:2",
                "INFO agent moved: A from [::1]:2 to h:2",
                "INFO agent registered: \"at h:1\" at h:1",
                "INFO agent deregistered: A at h:2",
            ]
        );
    }
}
