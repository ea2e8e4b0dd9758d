//! Out of file descriptors: the daemon goes on with those it has, waits for more without spinning, and takes up again.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::agent::Agent;
use crate::registry::Registry;

use super::crowd::come;
use super::due::{PING, assert_healthy};
use super::few_descriptors::{self, assert_calm_until_over};
use super::footprint::Connections;

#[test]
fn two_hundred_clients_and_sixty_four_descriptors() {
    few_descriptors::two_hundred_clients();
}

/// From now on it gets no descriptor of this number or a higher one; those it has it keeps.
fn limit_descriptors(registry: &Registry, limit: usize) {
    let pid = Pid::from_raw(i32::try_from(registry.pid()).unwrap());
    let limit = Some(u64::try_from(limit).unwrap());
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(pid, Resource::Nofile, Rlimit { current: limit, maximum }).unwrap();
}

#[test]
fn out_of_descriptors_it_pauses_without_spinning_and_takes_up_again() {
    let registry = Registry::start();
    let ports = [registry.port(), registry.health_port()];
    let [agent, checker] = ports.map(Agent::connect);
    [&agent, &checker].into_iter().for_each(|agent| assert_healthy(&agent.ask(PING), &registry));
    let silent = vec![come(0, registry.port())];
    registry.wait_until("the silent one is there", || Connections::told_to(&agent).open == 2);
    // Numbers 0 to 2 are taken: it gets no more at all.
    limit_descriptors(&registry, 3);
    let waiting = ports.map(|port| come(0, port));
    assert_calm_until_over(&registry, &silent);
    let connections = Connections::told_to(&agent);
    assert!(connections.accept_pauses >= 10, "{connections}\n{}", registry.evidence());
    assert_healthy(&checker.ask(PING), &registry);
    limit_descriptors(&registry, 1000);
    for port in ports {
        assert_healthy(&Agent::connect(port).ask(PING), &registry);
    }
    drop(waiting);
    let warnings = registry.log_lines(|line| line.contains(" WARN "));
    assert!(!warnings.is_empty(), "somebody must be told\n{}", registry.evidence());
}
