//! Agents that look up what is known, all the while that something goes wrong behind the instance they ask: one keeps its
//! connection, one connects anew each time, one comes over HTTP. Each reply must be the record, or the witness panics.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::instance::{Caller, Instance, lookup, success};
use crate::agent::Agent;
use crate::http;
use crate::raw::Raw;

/// Between an answer and the next question.
const PACE: Duration = Duration::from_millis(3);

/// They are at work until they are asked what they saw.
pub(crate) struct Witnesses {
    over: Arc<AtomicBool>,
    agents: Vec<JoinHandle<Seen>>,
}

/// What they saw.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) answers: usize,
    pub(crate) slowest: Duration,
}

impl Witnesses {
    /// They look up this name, whose record has this port from first to last.
    pub(crate) fn of(instance: &Instance, name: &str, port: u16) -> Witnesses {
        let over = Arc::new(AtomicBool::new(false));
        let request = lookup(name);
        let registry_port = instance.registry.port();
        let fresh = {
            let request = request.clone();
            move || Agent::connect(registry_port).ask(&request)
        };
        let over_http = {
            let request = http::post(&request);
            move || {
                let mut connection = Raw::connect(registry_port);
                connection.send(&request);
                connection.read_answer().body
            }
        };
        let caller: Caller = instance.caller();
        let kept = move || caller.ask(&request);
        let agents = vec![watch(&over, port, kept), watch(&over, port, fresh), watch(&over, port, over_http)];
        Witnesses { over, agents }
    }

    /// Sends them home. Had one of their lookups not been answered with the record, this panics as the witness did.
    pub(crate) fn say(mut self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        let seen =
            self.agents.drain(..).map(|agent| agent.join().unwrap_or_else(|e| panic::resume_unwind(e)));
        seen.fold(Seen::default(), |all, one| Seen {
            answers: all.answers + one.answers,
            slowest: all.slowest.max(one.slowest),
        })
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn watch(
    over: &Arc<AtomicBool>,
    port: u16,
    mut ask: impl FnMut() -> Vec<u8> + Send + 'static,
) -> JoinHandle<Seen> {
    let over = Arc::clone(over);
    thread::spawn(move || {
        let mut seen = Seen::default();
        while !over.load(Ordering::Relaxed) || seen.answers == 0 {
            let asked = Instant::now();
            let reply = ask();
            let took = asked.elapsed();
            let found =
                success(&reply).unwrap_or_else(|code| panic!("{code} after {} answers", seen.answers));
            assert_eq!(found["port"], port, "{found} after {} answers", seen.answers);
            seen = Seen { answers: seen.answers + 1, slowest: seen.slowest.max(took) };
            thread::sleep(PACE);
        }
        seen
    })
}
