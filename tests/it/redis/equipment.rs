//! The harness itself: what these tests see of Redis is worth as much as it is.

use std::time::{Duration, Instant};

use super::relay::{Relay, Way};
use super::server::{Client, RedisServer, Reply, SentinelGroup, Setup};

#[test]
fn a_server_comes_back_with_what_it_had() {
    let mut server = Setup::new().line("appendonly yes").line("appendfsync always").start();
    let key = b"any \r\n\xff bytes";
    server.set(key, "value");
    server.kill();
    assert!(server.try_command(&["PING"]).is_err(), "{}", server.evidence());
    server.start_again();
    assert_eq!(server.get(key).as_deref(), Some(&b"value"[..]));
}

#[test]
fn a_paused_server_is_silent_until_it_goes_on() {
    let server = RedisServer::start();
    let mut client = server.client();
    server.pause();
    let asked = Instant::now();
    let pause = Duration::from_millis(50);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(pause);
            server.go_on();
        });
        assert_eq!(client.ask(&["PING"]).unwrap(), Reply::Status("PONG".to_owned()));
    });
    assert!(asked.elapsed() >= pause);
}

#[test]
fn a_replica_and_three_sentinels_make_another_master() {
    let master = Setup::new().password("guarded").start();
    let replica = Setup::new().password("guarded").replica_of(&master).start();
    master.wait_for_replicas(1);
    let lines = "sentinel auth-pass registry guarded\n";
    let mut sentinels = SentinelGroup::watch_with(&master, Some("watchword"), lines);
    sentinels.wait_for_replicas(1);
    sentinels.kill(2);
    sentinels.fail_over();
    assert_eq!(sentinels.wait_for_another_master(master.port(), &[0, 1]), replica.port());
    sentinels.start_again(2);
    assert_eq!(sentinels.wait_for_another_master(master.port(), &[2]), replica.port());
    assert_eq!(replica.command(&["ROLE"]).array()[0].clone().text(), "master");
}

#[test]
fn a_relay_takes_its_time_and_makes_nobody_wait_for_another() {
    let server = RedisServer::start();
    let delay = Duration::from_millis(20);
    let relay = Relay::with_delay(server.address(), delay);
    let mut client = Client::connect(relay.address()).unwrap();
    let start = Instant::now();
    assert_eq!(client.ask(&["PING"]).unwrap(), Reply::Status("PONG".to_owned()));
    assert!(start.elapsed() >= 2 * delay, "{:?}", start.elapsed());
    // Many under way at once take hardly longer than one, and come in order.
    let echoes: Vec<Vec<String>> = (0..500).map(|n| vec!["ECHO".to_owned(), n.to_string()]).collect();
    let start = Instant::now();
    let replies = client.ask_all(&echoes).unwrap();
    assert!(start.elapsed() < 50 * delay, "{:?}", start.elapsed());
    let expected: Vec<Reply> = (0..500).map(|n| Reply::Bulk(n.to_string().into_bytes())).collect();
    assert_eq!(replies, expected);
    relay.set_delay(Duration::ZERO);
    assert_eq!(client.ask(&["ECHO", "soon"]).unwrap(), Reply::Bulk(b"soon".to_vec()));
    assert_eq!((relay.accepted(), relay.open()), (1, 1));
}

#[test]
fn a_relay_falls_silent_cuts_and_refuses() {
    let server = RedisServer::start();
    let mut relay = Relay::to(server.address());
    let mut client = Client::connect(relay.address()).unwrap();
    let count = |client: &mut Client| client.ask(&["INCR", "count"]);
    assert_eq!(count(&mut client).unwrap(), Reply::Integer(1));
    // The command arrives, its reply does not.
    relay.stall(Way::FromServer);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| count(&mut client).unwrap());
        server.wait_until("the command arrives", || server.get("count").as_deref() == Some(b"2"));
        assert!(!asked.is_finished(), "the reply arrived");
        relay.flow();
        assert_eq!(asked.join().unwrap(), Reply::Integer(2));
    });
    relay.cut();
    assert!(count(&mut client).is_err());
    let mut client = Client::connect(relay.address()).unwrap();
    assert_eq!(count(&mut client).unwrap(), Reply::Integer(3));
    relay.stall_all();
    relay.refuse();
    assert!(count(&mut client).is_err());
    assert!(Client::connect(relay.address()).is_err());
    relay.flow();
    relay.accept_again();
    let mut client = Client::connect(relay.address()).unwrap();
    assert_eq!(count(&mut client).unwrap(), Reply::Integer(4));
    server.wait_until("ended connections are forgotten", || relay.open() == 1);
}
