//! Redis gone, in every way there is: lookups and lists go on from what was known, writes are `unavailable`, health says
//! why and since when; and afterwards all is as if nothing had been.

use super::instance::{Instance, Outage, PREFIX, before, put, put_many, record};
use super::relay::Relay;
use super::server::{RedisServer, Reply, Setup};
use super::witness::Witnesses;

const UNAVAILABLE: &str = "unavailable";

/// A Redis with some records, an instance that knows them, and witnesses who go on looking one of them up.
struct Scene {
    server: RedisServer,
    instance: Instance,
    witnesses: Witnesses,
    names: Vec<String>,
    url: String,
}

impl Scene {
    fn set(server: RedisServer) -> Scene {
        let url = server.url();
        let start = before(&url);
        Scene::set_with(server, url, start)
    }

    fn set_with(server: RedisServer, url: String, start: super::instance::Start) -> Scene {
        let names = put_many(&server, "Agent", 1204);
        let instance = Instance::live(start);
        let witnesses = Witnesses::of(&instance, "Agent0006", 7);
        Scene { server, instance, witnesses, names, url }
    }

    /// All that is due while Redis is out of reach, for a reason with one of these words in it.
    fn assert_out_of_reach(&self, words: &[&str]) {
        let Scene { instance, names, .. } = self;
        let out = instance
            .wait_for_health("it is out of reach", |health| health.message().contains(" out of reach "));
        let outage = Outage::parse(&out.message(), &self.url);
        assert_eq!(outage.records, "1,204 records", "{outage:?}\n{}", instance.evidence());
        instance.wait_for(|| {
            let outage = Outage::parse(&instance.health().message(), &self.url);
            let reason = outage.reason.to_lowercase();
            if words.iter().any(|word| reason.contains(word)) {
                Ok(())
            } else {
                Err(format!("{words:?}: {outage:?}"))
            }
        });
        let caller = instance.caller();
        assert_eq!(
            caller.try_register("Agent0000", 9),
            Err(UNAVAILABLE.to_owned()),
            "{}",
            instance.evidence()
        );
        assert_eq!(caller.try_register("New", 9), Err(UNAVAILABLE.to_owned()));
        assert_eq!(caller.deregister("Agent0000"), Err(UNAVAILABLE.to_owned()));
        for (name, port) in names.iter().zip(1..) {
            assert_eq!(caller.port_of(name), Ok(port), "{name}\n{}", instance.evidence());
        }
        assert_eq!(caller.list().as_ref(), Ok(names), "{}", instance.evidence());
        // Nobody knows whether this one is registered.
        assert_eq!(caller.port_of("Unknown"), Err(UNAVAILABLE.to_owned()), "{}", instance.evidence());
        let health = instance.health();
        health.assert_degraded_and_ready(instance);
        assert_eq!(health.object["agents"], 1204, "{}", health.object);
        assert_eq!(instance.status_of("/readyz"), 200);
        let over_http = crate::curl::post(instance.registry.port(), super::instance::registration("New", 9));
        assert_eq!((over_http.status, over_http.header("Retry-After")), (503, Some("1")), "{over_http:?}");
    }

    /// All that is due once Redis is back, with what it had.
    fn assert_back(self) {
        let Scene { server, instance, witnesses, mut names, .. } = self;
        instance.wait_until_well();
        let caller = instance.caller();
        caller.register("New", 5000);
        assert_eq!(caller.port_of("New"), Ok(5000));
        assert_eq!(caller.port_of("Unknown"), Err("not_found".to_owned()));
        put(&server, "Newer", 5001);
        assert_eq!(caller.port_of("Newer"), Ok(5001));
        caller.register("Agent0000", 5002);
        names.extend(["New".to_owned(), "Newer".to_owned()]);
        instance.wait_for_list(&names.iter().map(String::as_str).collect::<Vec<_>>());
        instance.wait_for_port("Agent0000", Ok(5002));
        assert_eq!(instance.health().message(), "ServiceRegistry is healthy");
        assert!(witnesses.say().answers > 0);
        let logged = instance.registry.log_lines(|line| line.contains(" WARN "));
        assert!((1..10).contains(&logged.len()), "told, and not a thousand times: {logged:#?}");
    }
}

/// A server that still has what it had when it comes back from a crash.
fn keeping() -> RedisServer {
    Setup::new().line("appendonly yes").line("appendfsync always").start()
}

#[test]
fn killed() {
    let mut scene = Scene::set(keeping());
    scene.server.kill();
    scene.assert_out_of_reach(&["refused"]);
    scene.server.start_again();
    scene.assert_back();
}

#[test]
fn silent() {
    let scene = Scene::set(RedisServer::start());
    scene.server.pause();
    scene.assert_out_of_reach(&["no answer", "no reply", "timed out", "silent"]);
    scene.server.go_on();
    scene.assert_back();
}

#[test]
fn refusing_while_it_lives() {
    let server = RedisServer::start();
    let mut relay = Relay::to(server.address());
    let scene = Scene::set_with(server, relay.url(), before(&relay.url()));
    relay.refuse();
    scene.assert_out_of_reach(&["refused"]);
    relay.accept_again();
    scene.assert_back();
}

#[test]
fn cut_again_and_again() {
    let server = RedisServer::start();
    let relay = Relay::to(server.address());
    let scene = Scene::set_with(server, relay.url(), before(&relay.url()));
    let caller = scene.instance.caller();
    for port in 6000..6010 {
        relay.cut();
        scene.instance.wait_for(|| caller.try_register("Agent0001", port));
    }
    put(&scene.server, "Agent0001", 2);
    scene.instance.wait_for_port("Agent0001", Ok(2));
    scene.assert_back();
}

#[test]
fn loading() {
    let mut scene = Scene::set(RedisServer::start());
    scene.server.command(&["SAVE"]);
    scene.server.kill();
    // 1,204 records would take 24 s; in between it says LOADING.
    scene.server.start_loading("key-load-delay 20000\nloading-process-events-interval-bytes 1024\n");
    scene.assert_out_of_reach(&["loading"]);
    scene.server.command(&["CONFIG", "SET", "key-load-delay", "0"]);
    scene.assert_back();
}

#[test]
fn full() {
    let server = RedisServer::start();
    let scene = Scene::set(server);
    let Scene { server, instance, names, .. } = &scene;
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let caller = instance.caller();
    for name in ["New", "Agent0000"] {
        assert_eq!(caller.try_register(name, 9), Err(UNAVAILABLE.to_owned()), "{}", instance.evidence());
    }
    instance.wait_for_health("it is degraded while it can't write", |health| {
        let _ = caller.try_register("New", 9);
        health.status() == "degraded"
    });
    instance.wait_for(|| {
        let _ = caller.try_register("New", 9);
        let message = instance.health().message().to_lowercase();
        if ["maxmemory", "memory", "full", "oom"].iter().any(|word| message.contains(word)) {
            Ok(())
        } else {
            Err(message)
        }
    });
    for (name, port) in names.iter().zip(1..) {
        assert_eq!(caller.port_of(name), Ok(port), "{}", instance.evidence());
    }
    assert_eq!(caller.list().as_ref(), Ok(names));
    // What takes no memory needs no memory.
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    instance.wait_for(|| caller.try_register("Agent0000", 1));
    scene.assert_back();
}

#[test]
fn demoted_to_a_replica() {
    let scene = Scene::set(RedisServer::start());
    let elsewhere = RedisServer::start();
    let at = elsewhere.address();
    // A master that it can't reach: it keeps what it has.
    let mut gone = elsewhere;
    gone.kill();
    scene.server.command(&["REPLICAOF", &at.ip().to_string(), &at.port().to_string()]);
    let refused = scene.instance.caller().try_register("New", 9);
    assert_eq!(refused, Err(UNAVAILABLE.to_owned()), "{}", scene.instance.evidence());
    scene.assert_out_of_reach(&["replica", "read"]);
    scene.server.command(&["REPLICAOF", "NO", "ONE"]);
    scene.assert_back();
}

/// What it has is then its master's, which is nothing: the records known before are served all the same.
#[test]
fn demoted_to_a_replica_of_an_empty_master() {
    let scene = Scene::set(RedisServer::start());
    let master = RedisServer::start();
    scene.server.command(&["SAVE"]);
    let at = master.address();
    // Nobody has been told of it but by a write that is refused.
    scene.server.command(&["REPLICAOF", &at.ip().to_string(), &at.port().to_string()]);
    let refused = scene.instance.caller().try_register("New", 9);
    assert_eq!(refused, Err(UNAVAILABLE.to_owned()), "{}", scene.instance.evidence());
    scene.assert_out_of_reach(&["replica", "read"]);
    scene
        .server
        .wait_until("it has its master's records", || scene.server.command(&["DBSIZE"]) == Reply::Integer(0));
    scene.assert_out_of_reach(&["replica", "read"]);
    scene.server.command(&["REPLICAOF", "NO", "ONE"]);
    // Now it is empty and says so.
    scene.instance.wait_for_list(&[]);
    drop(scene.witnesses);
}

#[test]
fn a_password_that_is_changed_while_it_runs() {
    let server = Setup::new().password("first-of-two").start();
    let (url, shown) = (server.url_with(":first-of-two@", 0), server.url());
    let mut scene = Scene::set_with(server, shown, before(&url));
    scene.server.command(&["CONFIG", "SET", "requirepass", "second-of-two"]);
    scene.server.log_in_as("default", "second-of-two");
    scene.kill_connections();
    scene.assert_out_of_reach(&["password", "wrongpass", "auth"]);
    scene.server.command(&["CONFIG", "SET", "requirepass", "first-of-two"]);
    scene.server.log_in_as("default", "first-of-two");
    scene.assert_silent_about("first-of-two");
    scene.assert_back();
}

#[test]
fn a_password_that_is_set_while_it_runs() {
    let mut scene = Scene::set(RedisServer::start());
    scene.server.command(&["CONFIG", "SET", "requirepass", "sudden"]);
    scene.server.log_in_as("default", "sudden");
    scene.kill_connections();
    scene.assert_out_of_reach(&["password", "noauth", "auth"]);
    scene.server.command(&["CONFIG", "SET", "requirepass", ""]);
    scene.assert_back();
}

impl Scene {
    fn kill_connections(&self) {
        for connection in self.server.clients() {
            self.server.command(&["CLIENT", "KILL", "ID", connection.member("id")]);
        }
    }

    fn assert_silent_about(&self, secret: &str) {
        let said = [self.instance.registry.log(), self.instance.health().object.to_string()];
        let refusal = self.instance.caller().ask(super::instance::registration("New", 9));
        for said in said.iter().map(String::as_str).chain([String::from_utf8_lossy(&refusal).as_ref()]) {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

/// The data is lost with it: what is true then is what it has.
#[test]
fn a_redis_that_comes_back_empty_is_believed() {
    let mut server = RedisServer::start();
    put(&server, "Alpha", 1);
    let instance = Instance::of(&server);
    server.kill();
    instance.wait_until_degraded();
    assert_eq!(instance.caller().port_of("Alpha"), Ok(1));
    server.start_again();
    instance.wait_until_well();
    instance.wait_for_list(&[]);
    assert_eq!(instance.caller().port_of("Alpha"), Err("not_found".to_owned()));
    // As long as nobody has registered it again.
    let key = format!("{PREFIX}Alpha");
    server.set(key, record(2));
    assert_eq!(instance.caller().port_of("Alpha"), Ok(2));
}

/// `--reads redis` has no answer that may be stale to give, so it gives none.
#[test]
fn who_always_asks_redis_is_unavailable_without_it() {
    let mut server = keeping();
    put(&server, "Alpha", 1);
    let instance = Instance::with(&server, &["--reads", "redis"]);
    let caller = instance.caller();
    assert_eq!(caller.port_in_redis("Alpha"), Ok(1));
    // Not even in the moment before it is noticed.
    server.pause();
    assert_eq!(caller.port_of("Alpha"), Err(UNAVAILABLE.to_owned()), "{}", instance.evidence());
    assert_eq!(caller.list(), Err(UNAVAILABLE.to_owned()), "{}", instance.evidence());
    server.kill();
    instance.wait_for_health("it is not ready", |health| !health.ready()).assert_unready(&instance);
    for _ in 0..3 {
        assert_eq!(caller.port_of("Alpha"), Err(UNAVAILABLE.to_owned()));
        assert_eq!(caller.list(), Err(UNAVAILABLE.to_owned()));
        assert_eq!(caller.try_register("Alpha", 2), Err(UNAVAILABLE.to_owned()));
    }
    let message = instance.health().message();
    assert!(message.starts_with(&format!("{} out of reach for ", server.url())), "{message}");
    server.start_again();
    instance.wait_until_well();
    assert_eq!(caller.port_of("Alpha"), Ok(1));
    assert_eq!(caller.list().unwrap(), ["Alpha"]);
}
