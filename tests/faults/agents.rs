//! Agents that register, register again, deregister and look up, all at the same few names, and write down each call with its
//! start and its end. They know the wire contract, and nothing of the faults.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::checker::call::{Call, Moment, Saw, Serial, What};
use crate::client::{Client, Lost, Speech};
use crate::dice::Dice;

/// What a client waits for an answer: an instance that goes on has it long before.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Between two calls of an agent, in milliseconds at most.
const PAUSE: usize = 12;

/// From time to time all agents of an instance are silent: so long, once in so many such spells.
const SPELL: Moment = 2_000_000_000;
const SPELLS: Moment = 6;

/// The clock of all calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::try_from(self.0.elapsed().as_nanos()).unwrap()
    }
}

/// What all agents share.
pub(crate) struct Work {
    pub(crate) clock: Clock,
    /// How many names all agents use.
    pub(crate) shared: usize,
    /// Every so many calls an agent registers a name that nobody touches again; 0 is never.
    pub(crate) kept: usize,
    next: AtomicU64,
    over: AtomicBool,
}

/// A name: one that all use, or one that was registered once with this serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Shared(usize),
    Kept(Serial),
}

impl Name {
    pub(crate) fn text(self) -> String {
        match self {
            Name::Shared(number) => format!("shared-{number:02}"),
            Name::Kept(serial) => format!("kept-{serial}"),
        }
    }
}

/// What an agent was told, and what it wasn't.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    pub(crate) calls: Vec<(Name, Call)>,
    /// Calls that were refused as `unavailable`, or got no answer.
    pub(crate) unserved: Vec<Unserved>,
    /// Answers that are none.
    pub(crate) odd: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Unserved {
    pub(crate) instance: usize,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) why: String,
}

/// How a call ended.
enum Reply {
    Success(Value),
    NotFound,
    Unserved { taken: bool },
}

impl Work {
    pub(crate) fn new(clock: Clock, shared: usize, kept: usize) -> Work {
        Work { clock, shared, kept, next: AtomicU64::new(1), over: AtomicBool::new(false) }
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn serial(&self) -> Serial {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

pub(crate) struct Agent<'a> {
    work: &'a Work,
    instance: usize,
    client: Client,
    speech: Speech,
    pub(crate) diary: Diary,
}

impl<'a> Agent<'a> {
    /// Of the instance with this number, at this port.
    pub(crate) fn new(work: &'a Work, instance: usize, port: u16, speech: Speech) -> Agent<'a> {
        let client = Client { port, limit: PATIENCE };
        Agent { work, instance, client, speech, diary: Diary::default() }
    }

    /// Goes on until the work is over.
    pub(crate) fn live(mut self, mut dice: Dice) -> Diary {
        while !self.work.is_over() {
            if self.is_spell_of_silence() {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            let name = Name::Shared(dice.below(self.work.shared));
            match dice.below(100) {
                0..58 => self.look_up(name),
                58..60 => self.list(),
                60..69 => self.deregister(name),
                _ if self.work.kept > 0 && dice.below(self.work.kept) == 0 => {
                    let serial = self.work.serial();
                    self.register_as(Name::Kept(serial), serial);
                }
                _ => {
                    let serial = self.work.serial();
                    self.register_as(name, serial);
                }
            }
            std::thread::sleep(Duration::from_millis(dice.below(PAUSE) as u64));
        }
        self.diary
    }

    fn is_spell_of_silence(&self) -> bool {
        let spell = self.work.clock.now() / SPELL + 2 * self.instance as Moment;
        spell.is_multiple_of(SPELLS)
    }

    fn register_as(&mut self, name: Name, serial: Serial) {
        let request = json!({
            "action": "register_agent", "agent_id": name.text(), "host": "10.0.0.1", "port": port_of(serial),
            "metadata": {"serial": serial}
        });
        let (start, reply, end) = self.ask(&request);
        let acknowledged = match reply {
            Reply::Unserved { taken: false } => return,
            Reply::Unserved { taken: true } => false,
            Reply::Success(_) => true,
            Reply::NotFound => return self.note_odd(&request, "not_found"),
        };
        self.note(name, start, end, What::Register { serial, acknowledged });
    }

    fn deregister(&mut self, name: Name) {
        let request = json!({"action": "deregister_agent", "agent_id": name.text()});
        let (start, reply, end) = self.ask(&request);
        let found = match reply {
            Reply::Unserved { taken: false } => return,
            Reply::Unserved { taken: true } => None,
            Reply::Success(reply) => match reply["deregistered"].as_bool() {
                Some(found) => Some(found),
                None => return self.note_odd(&request, &reply.to_string()),
            },
            Reply::NotFound => return self.note_odd(&request, "not_found"),
        };
        self.note(name, start, end, What::Deregister { found });
    }

    pub(crate) fn look_up(&mut self, name: Name) {
        let request = json!({"action": "get_agent_endpoint", "agent_name": name.text()});
        let (start, reply, end) = self.ask(&request);
        let saw = match reply {
            Reply::Unserved { .. } => Saw::Unavailable,
            Reply::NotFound => Saw::NotFound,
            Reply::Success(reply) => match serial_in(&reply) {
                Some(serial) => Saw::Record(serial),
                None => return self.note_odd(&request, &reply.to_string()),
            },
        };
        self.note(name, start, end, What::Lookup(saw));
    }

    fn list(&mut self) {
        let request = json!({"action": "list_agents"});
        let (start, reply, end) = self.ask(&request);
        let Reply::Success(reply) = reply else { return };
        let Some(listed) = reply["agents"].as_array() else {
            return self.note_odd(&request, &reply.to_string());
        };
        for name in (0..self.work.shared).map(Name::Shared) {
            let there = listed.iter().any(|listed| listed.as_str() == Some(&name.text()));
            self.note(name, start, end, What::List { there });
        }
    }

    fn note(&mut self, name: Name, start: Moment, end: Moment, what: What) {
        self.diary.calls.push((name, Call { instance: self.instance, start, end, what }));
    }

    fn note_odd(&mut self, request: &Value, reply: &str) {
        self.diary.odd.push(format!("instance {}: {request}\n  {reply}", self.instance));
    }

    fn ask(&mut self, request: &Value) -> (Moment, Reply, Moment) {
        let start = self.work.clock.now();
        let answer = self.client.ask(self.speech, request.to_string().as_bytes());
        let end = self.work.clock.now();
        (start, self.reply(request, start, answer, end), end)
    }

    fn reply(&mut self, request: &Value, start: Moment, answer: Result<Vec<u8>, Lost>, end: Moment) -> Reply {
        let mut unserved = |why: String, taken| {
            let instance = self.instance;
            self.diary.unserved.push(Unserved { instance, start, end, why: format!("{request}: {why}") });
            Reply::Unserved { taken }
        };
        let body = match answer {
            Ok(body) => body,
            Err(Lost::Unsent(error)) => return unserved(error.to_string(), false),
            Err(Lost::Unanswered(error)) => return unserved(error.to_string(), true),
        };
        let reply: Value = match serde_json::from_slice(&body) {
            Ok(reply) => reply,
            Err(error) => {
                self.note_odd(request, &format!("{error}: {}", body.escape_ascii()));
                return Reply::Unserved { taken: true };
            }
        };
        match (reply["status"].as_str(), reply["code"].as_str()) {
            (Some("success"), _) => Reply::Success(reply),
            (_, Some("not_found")) => Reply::NotFound,
            (_, Some("unavailable")) => unserved(reply.to_string(), true),
            _ => {
                self.note_odd(request, &reply.to_string());
                Reply::Unserved { taken: true }
            }
        }
    }
}

/// A second place in which a record has its serial, so that a mixture of two is seen.
fn port_of(serial: Serial) -> u16 {
    u16::try_from(serial % 60_000).unwrap() + 1
}

pub(crate) fn serial_in(record: &Value) -> Option<Serial> {
    let serial = record["metadata"]["serial"].as_u64()?;
    (record["port"].as_u64() == Some(u64::from(port_of(serial)))).then_some(serial)
}
