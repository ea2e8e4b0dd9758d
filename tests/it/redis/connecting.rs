//! The ways to a Redis: user and password, password file, databases, IPv6, Unix sockets; with the rights that are
//! documented and no others, and never a word of a password.

use super::instance::{Instance, PREFIX, before, put, record};
use super::server::{Folder, RedisServer, Reply, Setup};
use crate::registry::Start;

/// What docs/high-availability.md tells an operator to grant.
pub(crate) const RIGHTS: &str = concat!(
    "&__redis__:invalidate +get +getrange +mget +set +del +strlen +pttl +scan +ping +role +wait +select +subscribe ",
    "+client|id +client|tracking"
);

/// Registers, finds, lists and deregisters.
pub(super) fn assert_works(instance: &Instance) {
    instance.wait_until_well();
    let caller = instance.caller();
    caller.register("Alpha", 5000);
    caller.register("Beta", 5001);
    assert_eq!(caller.port_of("Alpha"), Ok(5000));
    assert_eq!(caller.port_of("Gamma"), Err("not_found".to_owned()));
    instance.wait_for_list(&["Alpha", "Beta"]);
    assert_eq!(caller.deregister("Beta"), Ok(true));
    instance.wait_for_list(&["Alpha"]);
    instance.wait_until_well();
}

/// Nothing that it said, to whomever, has this in it.
pub(super) fn assert_never_said(instance: Instance, secrets: &[&str]) {
    let caller = instance.caller();
    let mut said = vec![instance.health().object.to_string()];
    for request in
        [super::instance::registration("New", 1), super::instance::lookup("Nobody"), "{}".to_owned()]
    {
        said.push(String::from_utf8_lossy(&caller.ask(request)).into_owned());
    }
    let finished = instance.registry.terminate();
    said.extend([finished.stderr, finished.stdout]);
    for secret in secrets {
        let with_it: Vec<&String> = said.iter().filter(|text| text.contains(secret)).collect();
        assert!(with_it.is_empty(), "{secret}: {with_it:#?}");
    }
}

#[test]
fn a_user_with_the_documented_rights_has_all_that_is_needed() {
    let rules = format!("user registry on >p%ss:w@rd/ ~{PREFIX}* {RIGHTS}");
    let server = Setup::new().line(rules).start();
    let url = server.url_with("registry:p%25ss%3Aw%40rd%2F@", 0);
    for args in [&["--log-level", "trace"][..], &["--log-level", "trace", "--reads", "redis"]] {
        let instance = Instance::live(before(&url).args(args));
        assert_works(&instance);
        put(&server, "Alpha", 7);
        instance.wait_for_port("Alpha", Ok(7));
        server.command(&["SET", &format!("{PREFIX}Short"), &record(8), "PX", "300"]);
        assert_eq!(instance.caller().port_of("Short"), Ok(8));
        instance.wait_for_port("Short", Err("not_found"));
        for connection in server.clients() {
            server.command(&["CLIENT", "KILL", "ID", connection.member("id")]);
        }
        instance.wait_for(|| instance.caller().try_register("Alpha", 9));
        instance.wait_until_well();
        assert!(
            server.clients().iter().all(|one| one.member("user") == "registry"),
            "{:#?}",
            server.clients()
        );
        assert_never_said(instance, &["p%ss:w@rd", "p%25ss", "%3Aw%40rd", "w@rd"]);
        server.command(&["DEL", &format!("{PREFIX}Alpha")]);
        server.command(&["DEL", &format!("{PREFIX}New")]);
    }
    // Nothing was asked that it has no right to, not even in vain.
    assert_eq!(server.command(&["ACL", "LOG"]), Reply::Array(Vec::new()));
}

#[test]
fn a_password_comes_from_the_url_a_file_or_a_variable() {
    let server = Setup::new().password("open-sesame").start();
    let folder = Folder::new();
    let file = folder.write("password", "open-sesame\n");
    let bare = folder.write("bare", "open-sesame");
    let url = server.url();
    let ways = [
        before(&server.url_with(":open-sesame@", 0)),
        before(&server.url_with("default:open-sesame@", 0)),
        before(&url).arg("--redis-password-file").arg(&file),
        before(&url).arg("--redis-password-file").arg(&bare),
        before(&url).env("SERVICE_REGISTRY_REDIS_PASSWORD_FILE", &file),
        before(&server.url_with("default@", 0)).arg("--redis-password-file").arg(&file),
        Start::new()
            .env("SERVICE_REGISTRY_BACKEND", "redis")
            .env("SERVICE_REGISTRY_REDIS_URL", server.url_with(":open-sesame@", 0)),
    ];
    for start in ways {
        let checked = start.clone().arg("--check-config").run_to_end();
        assert_eq!(checked.status.code(), Some(0), "{checked}");
        assert!(
            !checked.stderr.contains("open-sesame") && !checked.stdout.contains("open-sesame"),
            "{checked}"
        );
        let instance = Instance::live(start.args(["--log-level", "trace"]));
        assert_works(&instance);
        assert_never_said(instance, &["open-sesame"]);
        server.command(&["FLUSHDB"]);
    }
}

/// It is read for each connection, since a password changes; so it may come later as well.
#[test]
fn a_password_file_that_is_not_there_is_told_by_its_name() {
    let server = Setup::new().password("open-sesame").start();
    let folder = Folder::new();
    let missing = folder.path().join("missing");
    let instance = Instance::serving(before(&server.url()).arg("--redis-password-file").arg(&missing));
    let name = missing.display().to_string();
    instance
        .wait_for_health("it says which", |health| health.message().contains(&name))
        .assert_unready(&instance);
    instance.registry.wait_for_log(|line| line.contains(" WARN ") && line.contains(&name));
    folder.write("missing", "\n");
    let empty = format!("the password file {name} is empty");
    instance.wait_for_health("it says so", |health| health.message().contains(&empty));
    folder.write("missing", "open-sesame\n");
    assert_works(&instance);
    assert_never_said(instance, &["open-sesame"]);
}

/// As a proxy does, or a Redis of another make: nobody tells of changes.
#[test]
fn who_may_not_be_told_of_changes_asks_each_time_and_says_so_once() {
    let rights = RIGHTS.replace(" +client|tracking", "");
    let mut server = Setup::new().line(format!("user registry on >untold ~{PREFIX}* {rights}")).start();
    put(&server, "Alpha", 1);
    let instance = Instance::live(before(&server.url_with("registry:untold@", 0)));
    let caller = instance.caller();
    for port in 2..100 {
        put(&server, "Alpha", port);
        assert_eq!(caller.port_of("Alpha"), Ok(port), "{}", instance.evidence());
        let name = format!("Agent{port}");
        put(&server, &name, port);
        assert_eq!(caller.list().unwrap(), [&name, "Alpha"], "{}", instance.evidence());
        server.command(&["DEL", &format!("{PREFIX}{name}")]);
        assert_eq!(caller.port_of(&name), Err("not_found".to_owned()));
    }
    for connection in server.clients() {
        server.command(&["CLIENT", "KILL", "ID", connection.member("id")]);
    }
    instance.wait_for(|| caller.try_register("Beta", 2));
    instance.wait_until_well();
    assert_eq!(caller.list().unwrap(), ["Alpha", "Beta"]);
    let said = instance.registry.log_lines(|line| line.contains("does not tell of changes"));
    assert_eq!(said.len(), 1, "{}", instance.evidence());
    // Without Redis it knows what it read last.
    server.kill();
    instance.wait_until_degraded();
    assert_eq!(caller.port_of("Alpha"), Ok(99));
    assert_eq!(caller.list().unwrap(), ["Alpha", "Beta"]);
}

#[test]
fn a_database_is_one_of_many() {
    let server = RedisServer::start();
    put(&server, "Elsewhere", 1);
    put(&server, "Alpha", 2);
    let instance = Instance::live(before(&server.url_with("", 3)));
    let other = Instance::live(before(&server.url_with("", 3)));
    assert_works(&instance);
    assert_eq!(other.caller().port_of("Alpha"), Ok(5000));
    // The same key in another database is another key, though Redis tells of both.
    put(&server, "Alpha", 9);
    put(&server, "Beta", 9);
    for one in [&instance, &other] {
        one.wait_for_list(&["Alpha"]);
        assert_eq!(one.caller().port_of("Alpha"), Ok(5000));
        assert_eq!(one.caller().port_of("Beta"), Err("not_found".to_owned()));
        assert_eq!(one.caller().port_of("Elsewhere"), Err("not_found".to_owned()));
    }
    for connection in server.clients() {
        assert_eq!(connection.member("db"), "3", "{connection:?}");
    }
}

#[test]
fn a_unix_socket_and_ipv6_are_ways_as_well() {
    let server = Setup::new().unix().password("behind-a-socket").start();
    let path = server.socket().display().to_string();
    for url in [
        format!("redis+unix://{path}?db=2&user=default&pass=behind-a-socket"),
        format!("unix://{path}?db=2&pass=behind-a-socket"),
    ] {
        let mut server_db = server.client();
        server_db.ask(&["FLUSHALL"]).unwrap();
        let instance = Instance::live(before(&url).args(["--log-level", "trace"]));
        assert_works(&instance);
        let clients = server.clients();
        let over_it: Vec<_> = clients.iter().filter(|one| one.member("addr").starts_with(&path)).collect();
        assert!(over_it.len() >= 2 && over_it.iter().all(|one| one.member("db") == "2"), "{clients:#?}");
        drop(server_db);
        assert_never_said(instance, &["behind-a-socket"]);
    }
    // A name may lead to several addresses, of which one will do.
    server.command(&["FLUSHALL"]);
    let by_name = format!("redis://:behind-a-socket@localhost:{}/2", server.port());
    assert_works(&Instance::live(before(&by_name)));
    let server = Setup::new().on(std::net::Ipv6Addr::LOCALHOST).start();
    let url = server.url();
    assert!(url.starts_with("redis://[::1]:"), "{url}");
    assert_works(&Instance::live(before(&url)));
}

#[test]
fn a_url_that_is_wrong_is_told_without_its_password() {
    for url in [
        "http://user:secret-word@127.0.0.1:6379",
        "redis://user:secret-word@127.0.0.1:port",
        "redis://user:secret-word@127.0.0.1:6379/many",
        "redis://user:secret-word@127.0.0.1:6379/0?password=secret-word",
        "redis://user:secret-word@",
        "redis://user:secret-word@host:1:2/0",
        "secret-word",
        "redis+unix://?pass=secret-word",
        "redis://us er:secret-word@127.0.0.1",
        "redis://user:secret-word%zz@127.0.0.1",
    ] {
        for start in [
            before(url),
            Start::new().env("SERVICE_REGISTRY_BACKEND", "redis").env("SERVICE_REGISTRY_REDIS_URL", url),
        ] {
            let finished = start.args(["--log-level", "trace"]).run_to_end();
            assert_eq!(finished.status.code(), Some(2), "{url}\n{finished}");
            assert!(
                finished.stderr.contains("--redis-url")
                    || finished.stderr.contains("SERVICE_REGISTRY_REDIS_URL"),
                "{finished}"
            );
            assert!(
                !finished.stderr.contains("secret-word") && !finished.stdout.contains("secret-word"),
                "{url}\n{}",
                finished.stderr
            );
        }
    }
}

#[test]
fn other_faults_are_told_each_by_its_name() {
    for (flag, value) in [
        ("--redis-prefix", ""),
        ("--reads", "both"),
        ("--redis-min-replicas", "-1"),
        ("--redis-min-replicas", "x"),
    ] {
        let finished = before("redis://127.0.0.1").arg(format!("{flag}={value}")).run_to_end();
        assert_eq!(finished.status.code(), Some(2), "{flag} {value:?}\n{finished}");
        assert!(finished.stderr.contains(flag), "{finished}");
    }
    let finished = Start::new().args(["--backend", "memcached"]).run_to_end();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
}
