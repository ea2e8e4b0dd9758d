//! Three instances of the daemon, each in a room of its own, and those who look after their health. What is done to them is
//! for others to say.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::agents::{Clock, Work};
use crate::checker::promise::{Look, Reads, Span};
use crate::client::Client;
use crate::network::Room;
use crate::process::DEADLINE;
use crate::registry::{Registry, Start};

/// The ports of every instance: nobody else is in its room.
pub(crate) const PORT: u16 = 7100;
const HEALTH_PORT: u16 = 8100;

/// How long nobody looks at an instance's health.
const GLANCE: Duration = Duration::from_millis(15);
/// What a look may take; health answers in well under that.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) struct Fleet<'a> {
    pub(crate) instances: Vec<Instance<'a>>,
}

pub(crate) struct Instance<'a> {
    pub(crate) room: &'a Room,
    arguments: Vec<String>,
    registry: Mutex<Option<Registry>>,
    /// What it said that it never should.
    complaints: Mutex<Vec<String>>,
}

impl<'a> Fleet<'a> {
    pub(crate) fn start(rooms: &'a [Room], reads: &[Reads], url: &str, more: &[&str]) -> Fleet<'a> {
        let instances = rooms.iter().zip(reads).map(|(room, reads)| {
            let port = PORT.to_string();
            let health_port = HEALTH_PORT.to_string();
            let reads_flag = if *reads == Reads::Redis { "redis" } else { "mirror" };
            let mut arguments = vec!["--backend", "redis", "--redis-url", url, "--reads", reads_flag];
            arguments.extend(["--port", &port, "--health-port", &health_port]);
            arguments.extend(more);
            let arguments = arguments.into_iter().map(str::to_owned).collect();
            let registry = Mutex::new(None);
            let instance = Instance { room, arguments, registry, complaints: Mutex::default() };
            instance.start();
            instance
        });
        let fleet = Fleet { instances: instances.collect() };
        fleet.wait_until_well(DEADLINE);
        fleet
    }

    /// Waits until every instance says that all is well.
    pub(crate) fn wait_until_well(&self, within: Duration) {
        let deadline = Instant::now() + within;
        for (number, instance) in self.instances.iter().enumerate() {
            instance.room.inside(|| {
                while !instance.is_well() {
                    if Instant::now() > deadline {
                        let said = instance.health().map(|said| String::from_utf8_lossy(&said).into_owned());
                        let evidence = instance.lock().as_ref().map(Registry::evidence);
                        panic!(
                            "instance {number} is not well after {within:?}: {said:?}\n{}",
                            evidence.unwrap_or_default()
                        );
                    }
                    thread::sleep(GLANCE);
                }
            });
        }
    }

    /// Stops all of them as an operator would, and gives what is wrong with how they ended or what they said.
    pub(crate) fn stop(self) -> Vec<String> {
        let stop = |(number, instance): (usize, Instance)| {
            let mut complaints = instance.complaints.into_inner().unwrap_or_else(PoisonError::into_inner);
            let registry = instance.registry.into_inner().unwrap_or_else(PoisonError::into_inner);
            let finished = registry.expect("it runs").terminate();
            if !finished.status.success() {
                complaints.push(format!("it ended with {}", finished.status));
            }
            complaints.extend(complaints_in(&finished.stderr));
            complaints.into_iter().map(move |complaint| format!("instance {number}: {complaint}"))
        };
        self.instances.into_iter().enumerate().flat_map(stop).collect()
    }
}

/// Lines by which the daemon says that it is its own fault.
fn complaints_in(log: &str) -> impl Iterator<Item = String> {
    let is_one =
        |line: &&str| line.contains(" ERROR ") || line.contains("panicked") || line.contains("a bug");
    log.lines().filter(is_one).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

impl Instance<'_> {
    fn lock(&self) -> MutexGuard<'_, Option<Registry>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it, and waits until it serves its ports.
    fn start(&self) {
        let mut registry = self.lock();
        assert!(registry.is_none(), "it runs already");
        *registry = Some(self.room.inside(|| Start::new().args(&self.arguments).spawn()));
    }

    fn kill(&self) {
        let mut registry = self.lock().take().expect("it runs");
        registry.signal(Signal::KILL);
        let finished = registry.finish(DEADLINE);
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.extend(complaints_in(&finished.stderr));
    }

    /// Ends it as a crash would, and starts it again after so long.
    pub(crate) fn kill_for(&self, lasts: Duration) {
        self.kill();
        thread::sleep(lasts);
        self.start();
    }

    /// Stops it without its notice, for so long.
    pub(crate) fn pause_for(&self, lasts: Duration) {
        let signal = |signal| self.lock().as_ref().expect("it runs").signal(signal);
        signal(Signal::STOP);
        thread::sleep(lasts);
        signal(Signal::CONT);
    }

    /// For who is in its room.
    fn health(&self) -> Option<Vec<u8>> {
        Client { port: HEALTH_PORT, limit: LOOK }.get("/health").ok()
    }

    fn is_well(&self) -> bool {
        let said = self.health().and_then(|said| serde_json::from_slice::<Value>(&said).ok());
        said.is_some_and(|said| said["status"] == "ok")
    }

    /// Looks at its health until the work is over.
    pub(crate) fn watch(&self, work: &Work) -> Vec<Look> {
        self.room.enter();
        let mut looks = Vec::new();
        while !work.is_over() {
            looks.push(self.look(&work.clock));
            thread::sleep(GLANCE);
        }
        looks
    }

    fn look(&self, clock: &Clock) -> Look {
        let from = clock.now();
        let well = self.is_well();
        Look { span: Span { from, until: clock.now() }, well }
    }
}
