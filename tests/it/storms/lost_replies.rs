//! Peers whose replies are all lost, for they have long enough not read: what they ask still costs the main thread its
//! time, and nobody else more than that.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use crate::agent::{Agent, shown};
use crate::handoff::zmtp::{self, Peer, Version};
use crate::http::population;
use crate::raw::Raw;
use crate::registry::Registry;

use super::crowd::come;
use super::floods::LIST;
use super::footprint::Connections;

/// So many that to list them after a change is dear for the main thread, and to ask for it cheap for the other one.
const NAMES: usize = 5_000;
const PEERS: usize = 4;
/// What somebody else asks meanwhile.
const LOOKUPS: usize = 20;

fn request(body: &str) -> Vec<u8> {
    zmtp::message(Version::V3_1, &[b"", body.as_bytes()])
}

/// Asks for one list over and over, which is kept once for all who wait for it, until there is no room for a reply.
fn fill(peers: &mut [Raw], agent: &Agent) {
    for peer in peers {
        let before = Connections::told_to(agent).lost_replies;
        while Connections::told_to(agent).lost_replies == before {
            peer.send(request(LIST).repeat(100));
        }
    }
}

/// Registers somebody new and asks for the list, until told to stop.
fn flood(mut peer: Raw, number: usize, stop: &AtomicBool) -> io::Result<()> {
    for n in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
        let newcomer =
            json!({"action": "register_agent", "agent_id": format!("{number}-{n}"), "host": "h", "port": 1});
        peer.try_send([request(&newcomer.to_string()), request(LIST)].concat())?;
    }
    Ok(())
}

#[test]
fn who_loses_its_replies_delays_nobody_elses() {
    let registry = Registry::start();
    let names = population::register(registry.port(), NAMES, 12);
    let agent = Agent::connect(registry.port());
    let mut peers: Vec<Raw> = (0..PEERS).map(|n| come(n, registry.port())).collect();
    for peer in &peers {
        Peer::meet(peer.stream(), Version::V3_1);
    }
    fill(&mut peers, &agent);
    let stop = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        let stop = &stop;
        for (number, peer) in peers.into_iter().enumerate() {
            scope.spawn(move || flood(peer, number, stop));
        }
        let lookup = json!({"action": "get_agent_endpoint", "agent_name": names[0]}).to_string();
        for _ in 0..LOOKUPS {
            let reply = agent.ask(&lookup);
            assert!(reply.starts_with(br#"{"status":"success""#), "{}", shown(&reply));
        }
        let told = Connections::told_to(&agent);
        stop.store(true, Ordering::Relaxed);
        told
    });
    // After ten seconds in which they took nothing they are cut; had that been waited for, nobody would have noticed.
    assert_eq!((told.open, told.timed_out), (PEERS as u64 + 1, 0), "{told:?}\n{}", registry.evidence());
    assert!(told.lost_replies > 0);
}
