//! Agents that behave, while others don't: one keeps its connection, one connects anew for each request, one asks the
//! health port. Each reply must be right, or the agent panics; how long it took is noted, and never judged here.

use std::fmt;
use std::panic;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::agent::{Agent, shown};
use crate::raw::Raw;
use crate::registry::Registry;

/// Between an answer and the next question.
const PACE: Duration = Duration::from_millis(2);

/// How many answers each of them gets at least, however soon it is sent home.
const LEAST: usize = 200;

/// Such agents at work, until they are sent home.
pub(crate) struct Regulars {
    agents: Vec<(Sender<()>, JoinHandle<Vec<Duration>>)>,
}

impl Regulars {
    pub(crate) fn come(registry: &Registry) -> Regulars {
        let (port, health_port) = (registry.port(), registry.health_port());
        let keeps_its_connection = move |rounds: Rounds| {
            let agent = Agent::connect(port);
            rounds.time(|n| ask(&agent, "Keeper", n))
        };
        let connects_anew = move |rounds: Rounds| rounds.time(|n| ask(&Agent::connect(port), "Newcomer", n));
        let checks_health = move |rounds: Rounds| rounds.time(|_| ask_for_health(health_port));
        Regulars { agents: vec![start(keeps_its_connection), start(connects_anew), start(checks_health)] }
    }

    /// Sends them home, and says how long they waited for their answers. Had one been answered wrongly, or not at all,
    /// this panics as it did.
    pub(crate) fn go(self) -> Waits {
        let (over, agents): (Vec<_>, Vec<_>) = self.agents.into_iter().unzip();
        drop(over);
        let waits =
            agents.into_iter().flat_map(|agent| agent.join().unwrap_or_else(|e| panic::resume_unwind(e)));
        let mut waits: Vec<Duration> = waits.collect();
        waits.sort_unstable();
        Waits(waits)
    }
}

fn start(
    work: impl FnOnce(Rounds) -> Vec<Duration> + Send + 'static,
) -> (Sender<()>, JoinHandle<Vec<Duration>>) {
    let (until_dropped, over) = mpsc::channel();
    (until_dropped, thread::spawn(move || work(Rounds { over })))
}

/// The rounds of one agent.
struct Rounds {
    over: Receiver<()>,
}

impl Rounds {
    /// Asks again and again, at a steady pace.
    fn time(self, mut ask: impl FnMut(usize)) -> Vec<Duration> {
        let mut waits = Vec::new();
        while self.over.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) || waits.len() < LEAST {
            let start = Instant::now();
            ask(waits.len());
            waits.push(start.elapsed());
        }
        waits
    }
}

/// Registers, or in every other round reads back what the round before has registered.
fn ask(agent: &Agent, name: &str, n: usize) {
    if n.is_multiple_of(2) {
        let request = json!({"action": "register_agent", "agent_id": name, "host": "10.9.8.7", "port": 5000,
            "metadata": {"round": n}});
        let reply = agent.ask(request.to_string());
        assert_eq!(reply, br#"{"status":"success"}"#, "round {n}: {}", shown(&reply));
        return;
    }
    let reply = agent.ask(json!({"action": "get_agent_endpoint", "agent_name": name}).to_string());
    let due = format!(
        "{}{}{}",
        r#"{"status":"success","host":"10.9.8.7","port":5000,"health_check_port":null,"agent_type":"service","#,
        r#""capabilities":[],"metadata":{"round":"#,
        format_args!(r#"{}}},"last_registered":""#, n - 1),
    );
    assert!(reply.starts_with(due.as_bytes()), "round {n}: not {due}… but {}", shown(&reply));
}

fn ask_for_health(health_port: u16) {
    let mut connection = Raw::connect(health_port);
    connection.send("GET /health HTTP/1.1\r\nHost: registry\r\n\r\n");
    let answer = connection.read_answer();
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ok")), "{answer:?}");
}

/// How long answers took, the shortest wait first.
pub(crate) struct Waits(Vec<Duration>);

impl Waits {
    pub(crate) fn p99(&self) -> Duration {
        self.0[(self.0.len() - 1) * 99 / 100]
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median = self.0[(self.0.len() - 1) / 2];
        let slowest = self.0.last().copied().unwrap_or_default();
        write!(
            f,
            "{} answers, median {median:.1?}, p99 {:.1?}, slowest {slowest:.1?}",
            self.0.len(),
            self.p99()
        )
    }
}
