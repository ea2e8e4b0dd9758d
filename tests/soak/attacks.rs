//! What is done to the daemon, each with sizes that the dice decide. Several may be done at the same time: all of them
//! together leave room at both ports for those who behave.

use super::crowd::{HALF_A_HEAD, Storm, address, come, come_from, idle_peers};
use super::dice::Dice;
use super::due::{assert_answered, assert_closed, assert_http_served, assert_served, assert_told, peers_of};
use super::few_descriptors::two_hundred_clients;
use super::floods::{Deaf, LIST, Slow, go_on_slowly, padded, wait_until_cut};
use crate::agent::Dealer;
use crate::handoff::zmtp::{self, Version};
use crate::raw::Raw;
use crate::registry::Registry;

/// Connections that an address may have at the registry port.
pub(crate) const PER_ADDRESS: usize = 200;
/// Peers that there may be at the health port.
const PEERS_AT_HEALTH: usize = 128;

/// Addresses that are no crowd's, by their last number.
const TWO: u8 = 2;
const THREE: u8 = 3;

pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Registry, &mut Dice),
}

pub(crate) const ATTACKS: [Attack; 10] = [
    Attack { name: "a storm of connects", run: storm },
    Attack { name: "peers that ask for lists and never read", run: deaf_to_lists },
    Attack { name: "peers that send 128 KiB and never read", run: deaf_to_largest },
    Attack { name: "slow writers", run: slow_writers },
    Attack { name: "slow readers", run: slow_readers },
    Attack { name: "clients that stall until they are sent away", run: stalled },
    Attack { name: "an address with all it may have at the registry port", run: full_address },
    Attack { name: "peers in all places that the health port has for them", run: greeters_at_health },
    Attack { name: "agents that send ahead", run: busy_agents },
    Attack { name: "200 clients of another daemon that has 64 descriptors", run: few_descriptors },
];

fn ports(registry: &Registry) -> [u16; 2] {
    [registry.port(), registry.health_port()]
}

fn storm(registry: &Registry, dice: &mut Dice) {
    const STAYING: usize = 60;
    Storm::new(dice.next(), STAYING).rage(ports(registry), dice.between(500, 5000));
}

fn deaf_to_lists(registry: &Registry, dice: &mut Dice) {
    let (peers, requests) = (dice.between(1, 16), dice.between(300, 3000));
    let mut deaf = Deaf::peers(registry.port(), peers, requests, LIST.as_bytes());
    wait_until_cut(registry, &mut deaf);
}

fn deaf_to_largest(registry: &Registry, dice: &mut Dice) {
    let (peers, requests) = (dice.between(1, 16), dice.between(300, 600));
    let mut deaf = Deaf::peers(registry.port(), peers, requests, &padded(LIST));
    wait_until_cut(registry, &mut deaf);
}

fn slow_writers(registry: &Registry, dice: &mut Dice) {
    slow(registry, dice, Slow::writer);
}

fn slow_readers(registry: &Registry, dice: &mut Dice) {
    slow(registry, dice, Slow::reader);
}

fn slow(registry: &Registry, dice: &mut Dice, come: fn(usize, u16) -> Slow) {
    let at_registry = (0..dice.between(10, 100)).map(|n| come(n, registry.port()));
    // Those that speak HTTP: all places for peers may be taken there.
    let at_health = (0..dice.between(1, 20)).map(|n| come(2 * n, registry.health_port()));
    let mut slow: Vec<Slow> = at_registry.chain(at_health).collect();
    go_on_slowly(registry, &mut slow);
}

fn stalled(registry: &Registry, dice: &mut Dice) {
    let greeting = zmtp::greeting(Version::V3_0);
    let mut clients: Vec<Raw> = Vec::new();
    for n in 0..dice.between(10, 40) {
        let mut client = come(n, *dice.one_of(&ports(registry)));
        let part = &greeting[..dice.between(1, greeting.len())];
        // It may have been refused already.
        let _ = client.try_send(dice.one_of(&[b"", part, HALF_A_HEAD]));
        clients.push(client);
    }
    // What has not ended by its deadline panics here.
    clients.iter_mut().for_each(|client| drop(client.read_to_end()));
}

fn full_address(registry: &Registry, dice: &mut Dice) {
    let port = registry.port();
    let mut peers = peers_of(TWO, port, PER_ADDRESS);
    for _ in 0..dice.between(1, 50) {
        assert_told(TWO, port, registry);
        assert_closed(&zmtp::greeting(Version::V2_0), TWO, port, registry);
        assert_served(address(dice.below(1000)), port, registry);
    }
    assert_answered(&mut peers, registry);
}

/// Others may have taken some of the places before them, and some are refused: HTTP has places of its own.
fn greeters_at_health(registry: &Registry, dice: &mut Dice) {
    let port = registry.health_port();
    let mut greeters: Vec<Raw> = (0..PEERS_AT_HEALTH).map(|_| come_from(THREE, port)).collect();
    greeters.iter_mut().for_each(|greeter| drop(greeter.try_send(zmtp::greeting(Version::V3_1))));
    (0..dice.between(1, 50)).for_each(|n| assert_http_served(address(n), port, registry));
}

fn busy_agents(registry: &Registry, dice: &mut Dice) {
    let dealers: Vec<Dealer> = (0..dice.between(1, 8)).map(|_| Dealer::connect(registry.port())).collect();
    let mut idle = idle_peers(registry.port(), dice.between(1, 100));
    for _ in 0..dice.between(20, 200) {
        for dealer in &dealers {
            (0..64).for_each(|_| dealer.send(&[br#"{"action":"get_agent_endpoint","agent_name":"Keeper"}"#]));
        }
        for dealer in &dealers {
            (0..64).for_each(|_| assert!(dealer.receive().starts_with(br#"{"status":"success","host":"#)));
        }
    }
    assert_answered(&mut idle, registry);
}

fn few_descriptors(_registry: &Registry, _dice: &mut Dice) {
    two_hundred_clients();
}
