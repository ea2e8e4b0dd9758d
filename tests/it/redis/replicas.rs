//! `--redis-min-replicas` and Sentinel, as far as they can be shown without a network of one's own: what is acknowledged
//! is on so many replicas, and a new master is found.

use std::time::{Duration, Instant};

use super::instance::{Instance, PREFIX, before};
use super::server::{RedisServer, SentinelGroup, Setup};
use super::witness::Witnesses;
use crate::storms::report;

const UNAVAILABLE: &str = "unavailable";

#[test]
fn without_its_replica_nothing_is_acknowledged_and_lookups_go_on() {
    let master = RedisServer::start();
    let replica = Setup::new().replica_of(&master).start();
    master.wait_for_replicas(1);
    let instance = Instance::with(&master, &["--redis-min-replicas", "1"]);
    let caller = instance.caller();
    for port in 1..50 {
        // A replica that a busy machine keeps from answering for 100 ms is one too few.
        instance.wait_for(|| caller.try_register("Known", port));
        let value = String::from_utf8(replica.get(format!("{PREFIX}Known")).unwrap()).unwrap();
        assert!(value.contains(&format!(r#""port":{port},"#)), "acknowledged, and not there: {value}");
    }
    let witnesses = Witnesses::of(&instance, "Known", 49);
    replica.pause();
    let mut slowest = Duration::ZERO;
    for n in 0..50 {
        let asked = Instant::now();
        assert_eq!(
            caller.try_register("Other", n + 1),
            Err(UNAVAILABLE.to_owned()),
            "{}",
            instance.evidence()
        );
        slowest = slowest.max(asked.elapsed());
        assert_eq!(caller.deregister("Known"), Err(UNAVAILABLE.to_owned()));
    }
    report("a replica that is silent", format_args!("the slowest of 100 writes took {slowest:.1?}"));
    assert_eq!(instance.status_of("/readyz"), 200);
    witnesses.say();
    replica.go_on();
    instance.wait_for(|| caller.try_register("Known", 60));
    instance.wait_until_well();
    let value = replica.get(format!("{PREFIX}Known")).unwrap();
    assert!(String::from_utf8(value).unwrap().contains(r#""port":60,"#));
}

#[test]
fn a_new_master_is_found_by_its_sentinels() {
    let mut master = Setup::new().password("among-redises").start();
    let replica = Setup::new().password("among-redises").replica_of(&master).start();
    master.wait_for_replicas(1);
    let lines = "sentinel auth-pass registry among-redises\n";
    let mut sentinels = SentinelGroup::watch_with(&master, Some("among-sentinels"), lines);
    sentinels.wait_for_replicas(1);
    // A sentinel that is down is passed over.
    sentinels.kill(0);
    let url = sentinels.url_with("default:among-redises@", "/0?sentinel_password=among-sentinels");
    let instance = Instance::live(before(&url));
    let caller = instance.caller();
    caller.register("Known", 1);
    let key = format!("{PREFIX}Known");
    master.wait_until("the replica has it", || replica.get(&key).is_some());
    let witnesses = Witnesses::of(&instance, "Known", 1);
    master.kill();
    let killed = Instant::now();
    instance.wait_for(|| caller.try_register("After", 2));
    report("a killed master", format_args!("first write after {:.1?}", killed.elapsed()));
    instance.wait_until_well();
    assert!(replica.get(format!("{PREFIX}After")).is_some(), "{}", replica.evidence());
    assert!(witnesses.say().answers > 0);
    let finished = instance.registry.terminate();
    for secret in ["among-redises", "among-sentinels"] {
        assert!(!finished.stderr.contains(secret), "{finished}");
    }
}

/// A rolling restart of the sentinels leaves none of them unheard.
#[test]
fn a_sentinel_that_was_away_is_listened_to_again() {
    let master = RedisServer::start();
    let mut sentinels = SentinelGroup::watch(&master);
    let instance = Instance::live(before(&sentinels.url_with("", "/0")));
    let listened_to =
        |sentinels: &SentinelGroup| (0..3).map(|n| sentinels.listeners(n)).collect::<Vec<usize>>();
    instance.wait_for(|| match listened_to(&sentinels) {
        all if all == [1, 1, 1] => Ok(()),
        other => Err(format!("listeners: {other:?}")),
    });
    for n in 0..3 {
        sentinels.kill(n);
        sentinels.start_again(n);
    }
    instance.wait_for(|| match listened_to(&sentinels) {
        all if all == [1, 1, 1] => Ok(()),
        other => Err(format!("listeners: {other:?}")),
    });
    instance.wait_until_well();
}
