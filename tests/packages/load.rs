//! A steady load while something is done to the registry: agents that register a new name each time, and agents that look
//! one up, all over fresh connections, by HTTP, ZMTP and libzmq, and health checks beside them. What was acknowledged, and which
//! lookup failed, is written down; what that means is for others to say.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agents::{Agents, Libzmq, PATIENCE, ask, lookup, registration};
use crate::checks::{Outcome, is};
use crate::client::{Client, Speech};

/// Between two requests of an agent: five agents then make some thousand requests a second.
const PAUSE: Duration = Duration::from_millis(2);

/// So many requests are made before and after what is done.
const BESIDE: usize = 500;

/// They take a second or two.
const BESIDE_DEADLINE: Duration = Duration::from_secs(20);

/// What all look up. Registered before the load begins.
const KNOWN: &str = "known";

#[derive(Default)]
pub(crate) struct Told {
    pub(crate) acknowledged: Vec<String>,
    /// Registrations that nobody acknowledged: they may be there, or not.
    pub(crate) unacknowledged: usize,
    pub(crate) answered: usize,
    /// Lookups and health checks without an answer, or with a wrong one.
    pub(crate) failed: Vec<String>,
    pub(crate) slowest: Duration,
}

/// What the agents of a load share.
#[derive(Default)]
struct Work {
    over: AtomicBool,
    answers: AtomicUsize,
}

/// Ends the load, also when whoever has it ends by a panic.
struct Over<'a>(&'a Work);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// What agents were told while this was done.
pub(crate) fn during(agents: &Agents, work: impl FnOnce() -> Outcome) -> Result<Told, String> {
    agents.register(&[KNOWN])?;
    let load = Work::default();
    let (done, told) = thread::scope(|scope| {
        let end = Over(&load);
        let load = &load;
        let mut threads = Vec::new();
        for speech in [Speech::Http, Speech::Zmtp] {
            threads.push(scope.spawn(move || load.register(agents, speech)));
            threads.push(scope.spawn(move || load.look_up(agents, speech)));
        }
        threads.push(scope.spawn(move || load.look_up_with_libzmq(agents)));
        threads.push(scope.spawn(move || load.check_health(agents)));
        let done = load.go_on().and_then(|()| work()).and_then(|()| load.go_on());
        drop(end);
        (done, threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<Told>>())
    });
    done.map(|()| Told::all(told))
}

impl Work {
    /// Waits while the load is under way.
    fn go_on(&self) -> Outcome {
        let (start, since) = (self.answers.load(Ordering::Relaxed), Instant::now());
        loop {
            let answers = self.answers.load(Ordering::Relaxed) - start;
            if answers >= BESIDE {
                return Ok(());
            }
            is(since.elapsed() < BESIDE_DEADLINE, || {
                format!("only {answers} answers in {BESIDE_DEADLINE:?}")
            })?;
            thread::sleep(PAUSE);
        }
    }

    fn register(&self, agents: &Agents, speech: Speech) -> Told {
        agents.network.enter();
        let mut told = Told::default();
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            let name = format!("{speech:?}-{number:06}");
            match ask(agents.port, speech, &registration(&name)) {
                Ok(reply) if reply["status"] == "success" => told.acknowledged.push(name),
                _ => told.unacknowledged += 1,
            }
            thread::sleep(PAUSE);
        }
        told
    }

    fn look_up(&self, agents: &Agents, speech: Speech) -> Told {
        agents.network.enter();
        self.repeat(|| {
            let reply = ask(agents.port, speech, &lookup(KNOWN))?;
            is(reply["status"] == "success", || format!("{speech:?}: {reply}"))
        })
    }

    fn look_up_with_libzmq(&self, agents: &Agents) -> Told {
        agents.network.enter();
        let libzmq = Libzmq::new();
        self.repeat(|| {
            let reply = libzmq.ask(agents.port, &lookup(KNOWN))?;
            is(reply["status"] == "success", || format!("libzmq: {reply}"))
        })
    }

    fn check_health(&self, agents: &Agents) -> Told {
        agents.network.enter();
        let client = Client { port: agents.health_port, limit: PATIENCE };
        self.repeat(|| {
            let body = client.get("/health").map_err(|lost| format!("health check: {lost:?}"))?;
            let health: Value = serde_json::from_slice(&body).map_err(|e| format!("health check: {e}"))?;
            is(health["status"] == "ok", || format!("health check: {health}"))
        })
    }

    fn repeat(&self, ask: impl Fn() -> Outcome) -> Told {
        let mut told = Told::default();
        while !self.over.load(Ordering::Relaxed) {
            let start = Instant::now();
            match ask() {
                Ok(()) => {
                    told.answered += 1;
                    self.answers.fetch_add(1, Ordering::Relaxed);
                }
                Err(wrong) => told.failed.push(wrong),
            }
            told.slowest = told.slowest.max(start.elapsed());
            thread::sleep(PAUSE);
        }
        told
    }
}

impl Told {
    fn all(parts: Vec<Told>) -> Told {
        let mut all = Told::default();
        for part in parts {
            all.acknowledged.extend(part.acknowledged);
            all.unacknowledged += part.unacknowledged;
            all.answered += part.answered;
            all.failed.extend(part.failed);
            all.slowest = all.slowest.max(part.slowest);
        }
        all
    }

    /// That each registration that was acknowledged is there.
    pub(crate) fn is_kept_by(&self, agents: &Agents) -> Outcome {
        let all = agents.all()?;
        let lost: Vec<&String> = self.acknowledged.iter().filter(|name| !all.contains(*name)).collect();
        is(!self.acknowledged.is_empty(), || "nothing was acknowledged at all".to_owned())?;
        is(lost.is_empty(), || {
            format!("{} of {} acknowledged are lost: {lost:.10?}", lost.len(), self.acknowledged.len())
        })
    }

    /// That nobody had to ask twice.
    pub(crate) fn nobody_was_refused(&self) -> Outcome {
        let first: Vec<&String> = self.failed.iter().take(5).collect();
        is(self.answered > 0, || "nothing was looked up at all".to_owned())?;
        is(self.failed.is_empty(), || {
            format!("{} failed, {} were answered: {first:#?}", self.failed.len(), self.answered)
        })?;
        is(self.unacknowledged == 0, || format!("{} registrations weren't acknowledged", self.unacknowledged))
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Told { acknowledged, unacknowledged, answered, failed, slowest } = self;
        let (acknowledged, failed) = (acknowledged.len(), failed.len());
        write!(f, "{acknowledged} registrations acknowledged and {unacknowledged} not, ")?;
        write!(
            f,
            "{answered} lookups and health checks answered and {failed} not, the slowest in {slowest:.0?}"
        )
    }
}
