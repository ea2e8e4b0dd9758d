//! A daemon that may have few file descriptors, and many clients: it goes on with what it has, sends the others away, and
//! does not spin.

use std::thread;
use std::time::Instant;

use rustix::net::{RecvFlags, recv};

use crate::agent::Agent;
use crate::handoff::zmtp::{self, Version};
use crate::raw::Raw;
use crate::registry::{Registry, Start};

use super::crowd::{HALF_A_HEAD, come, idle_peers};
use super::due::{PING, assert_answered, assert_healthy};
use super::footprint::{self, Connections, SLOWEST};
use super::report;

const FEW: u32 = 64;
const CLIENTS: usize = 200;
/// Clients of both protocols and both ports, who don't come to an end by themselves.
fn crowd(registry: &Registry) -> Vec<Raw> {
    let greeting = zmtp::greeting(Version::V3_1);
    let said = [&greeting[..], HALF_A_HEAD, &greeting[..20], b""];
    let ports = [registry.port(), registry.health_port()];
    let mut clients: Vec<Raw> = (0..CLIENTS).map(|n| come(n, ports[n % 2])).collect();
    // Who is sent away at once can't always say what he wanted to.
    clients.iter_mut().enumerate().for_each(|(n, client)| drop(client.try_send(said[n / 2 % said.len()])));
    clients
}

fn is_over(client: &Raw) -> bool {
    let mut buffer = [0; 256];
    loop {
        match recv(client.stream(), &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return true,
            Ok(_) => {}
            Err(error) => return error != rustix::io::Errno::AGAIN,
        }
    }
}

/// Waits, without asking anything of the daemon, until it has sent all of these away: meanwhile it takes next to no
/// processor time. One that spun would take all there is.
pub(crate) fn assert_calm_until_over(registry: &Registry, clients: &[Raw]) {
    let (before, start) = (footprint::ticks(registry), Instant::now());
    registry.wait_for(SLOWEST, || {
        let left = clients.iter().filter(|client| !is_over(client)).count();
        if left == 0 { Ok(()) } else { Err(format!("{left} clients are still there")) }
    });
    assert_was_calm(registry, before, start);
}

/// A twentieth of the time, in ticks of 10 ms, and a start for what is done in the beginning.
fn assert_was_calm(registry: &Registry, before: u64, start: Instant) {
    let (used, elapsed) = (footprint::ticks(registry) - before, start.elapsed());
    let most = 20 + u64::try_from(elapsed.as_millis()).unwrap() / 10 / 20;
    report("processor time", format_args!("{used} ticks in {elapsed:.1?}"));
    assert!(used <= most, "{used} ticks in {elapsed:?}\n{}", registry.evidence());
}

pub(crate) fn two_hundred_clients() {
    let registry = Start::new().descriptors(FEW).spawn();
    let limit = Connections::of(&registry).limit;
    assert!((1..u64::from(FEW)).contains(&limit), "a limit of {limit}\n{}", registry.evidence());
    let told = |line: &str| line.contains("descriptors") && line.contains(&limit.to_string());
    assert_eq!(registry.log_lines(told).len(), 1, "{}", registry.evidence());
    let mut peers = idle_peers(registry.port(), 2);

    let clients = crowd(&registry);
    assert_answered(&mut peers, &registry);
    assert_calm_until_over(&registry, &clients);
    assert_answered(&mut peers, &registry);
    drop(clients);
    assert_later_ones_get_in(&registry, usize::try_from(limit).unwrap() - peers.len());
    assert_answered(&mut peers, &registry);
    let finished = registry.terminate();
    assert!(finished.status.success(), "{finished}");
}

/// Nobody gets in while so many more fill it; and when one of them leaves, somebody does.
fn assert_later_ones_get_in(registry: &Registry, room: usize) {
    let mut others = idle_peers(registry.port(), room);
    // By one connection: the health port has room for one of an address, which may still be taken by the one before.
    let checker = Agent::connect(registry.health_port());
    let refused = Connections::told_to(&checker).refused;
    thread::scope(|scope| {
        let late = scope.spawn(|| Agent::connect(registry.port()).ask(PING));
        registry.wait_until("it was refused", || Connections::told_to(&checker).refused > refused);
        assert_answered(&mut others, registry);
        drop(others.pop());
        assert_healthy(&late.join().unwrap(), registry);
    });
}
