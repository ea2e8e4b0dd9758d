//! kill -9 under writes, again and again: whatever was acknowledged is there after the next start, and what was not may or may
//! not be.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::agent::{Agent, Watched};
use crate::http;
use crate::process::DEADLINE;
use crate::registry::Registry;
use crate::storms::dice::Dice;

use super::folder::{State, list, port_of};

/// How often it is killed; the soak has more.
const KILLS: &str = "STATE_KILLS";
/// So few names that most writes replace or remove something.
const NAMES: usize = 12;

/// What a name may be after a kill: what was acknowledged last, or what was asked for and not answered.
#[derive(Default, Debug)]
struct Known {
    acknowledged: Option<u16>,
    unanswered: Option<Option<u16>>,
}

/// A writer has names of its own, so it alone knows what they may be.
struct Writer {
    number: usize,
    known: BTreeMap<usize, Known>,
    dice: Dice,
    written: u16,
}

impl Writer {
    fn new(number: usize) -> Writer {
        Writer { number, known: BTreeMap::new(), dice: Dice::new(number as u64 + 7), written: 0 }
    }

    fn name(&self, name: usize) -> String {
        format!("writer-{}-agent-{name}", self.number)
    }

    /// Writes until nobody answers any more; over ZMQ or HTTP.
    fn write_until_it_dies(&mut self, port: u16, acknowledged: &AtomicUsize, start: &Barrier) {
        let agent = (self.number == 0).then(|| Watched::connect(port));
        // Only who was connected is told of an end.
        agent.iter().for_each(|agent| drop(agent.ask(r#"{"action":"ping"}"#).unwrap()));
        start.wait();
        loop {
            let name = self.dice.below(NAMES);
            self.written = self.written % 60_000 + 1;
            let wanted = (self.dice.below(4) > 0).then_some(self.written);
            let request = match wanted {
                // Some are large, so that the file is written anew often.
                Some(port) => {
                    json!({"action": "register_agent", "agent_id": self.name(name), "host": "h", "port": port,
                    "metadata": {"filler": "x".repeat(if self.dice.below(3) == 0 { 50_000 } else { 10 })}})
                }
                None => json!({"action": "deregister_agent", "agent_id": self.name(name)}),
            };
            self.known.entry(name).or_default().unanswered = Some(wanted);
            let Some(reply) = ask(agent.as_ref(), port, &request) else { return };
            assert_eq!(reply["status"], "success", "{reply}");
            self.known.insert(name, Known { acknowledged: wanted, unanswered: None });
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Looks at every name, and learns what an unanswered write has come to.
    fn check(&mut self, agent: &Agent, round: usize) {
        let names: Vec<usize> = self.known.keys().copied().collect();
        for name in names {
            let found = port_of(agent, &self.name(name));
            let known = &self.known[&name];
            let may_be = found == known.acknowledged || Some(found) == known.unanswered;
            assert!(may_be, "after kill {round}: {} is at {found:?}, and must be {known:?}", self.name(name));
            self.known.insert(name, Known { acknowledged: found, unanswered: None });
        }
    }
}

/// `None` where it dies before it answers.
fn ask(agent: Option<&Watched>, port: u16, request: &Value) -> Option<Value> {
    let reply = match agent {
        Some(agent) => agent.ask(request.to_string())?,
        None => http::try_ask(port, http::post(&request.to_string()))?.body,
    };
    Some(serde_json::from_slice(&reply).unwrap())
}

#[test]
fn nothing_that_was_acknowledged_is_lost_to_kill_9() {
    let kills = std::env::var(KILLS).map_or(100, |kills| kills.parse().unwrap());
    let state = State::new();
    let mut writers = [Writer::new(0), Writer::new(1)];
    let mut dice = Dice::new(1);
    let mut registry = state.start();
    for round in 0..kills {
        kill_under_writes(&mut registry, &mut writers, 1 + dice.below(40));
        registry = state.start();
        let agent = Agent::connect(registry.port());
        writers.iter_mut().for_each(|writer| writer.check(&agent, round));
        let there = writers.iter().flat_map(|writer| writer.known.values());
        let there = there.filter(|known| known.acknowledged.is_some()).count();
        assert_eq!(list(&agent).as_array().unwrap().len(), there);
    }
}

/// Kills it when so many writes have been acknowledged, and others are under way.
fn kill_under_writes(registry: &mut Registry, writers: &mut [Writer; 2], writes: usize) {
    let (acknowledged, start) = (AtomicUsize::new(0), Barrier::new(2));
    let port = registry.port();
    thread::scope(|scope| {
        for writer in writers {
            let (acknowledged, start) = (&acknowledged, &start);
            scope.spawn(move || writer.write_until_it_dies(port, acknowledged, start));
        }
        registry.wait_until("enough is written", || acknowledged.load(Ordering::Relaxed) >= writes);
        registry.signal(Signal::KILL);
        registry.finish(DEADLINE);
    });
}
