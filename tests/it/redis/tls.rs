//! TLS to Redis: whom the daemon trusts, what it shows of itself, what it says when a handshake fails, and that all else is
//! as it is without.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::authority::{Authority, Certificate};
use super::connecting::{assert_never_said, assert_works};
use super::guarded::{Guarded, NAMES, V4, V6, assert_out_of_reach, guard, showing, stranger};
use super::instance::{Instance, PREFIX, before, put, put_many, record};
use super::server::{Folder, Port, RedisServer, SERVICE, SentinelGroup, Setup};
use crate::process::DEADLINE;
use crate::registry::Start;

#[test]
fn a_server_is_trusted_by_its_address_or_its_name() {
    let authority = Authority::new();
    let server = Guarded::start(&authority);
    let by_name = format!("rediss://localhost:{}/0", server.port.address().port());
    for url in [server.url(), by_name] {
        let start = before(&url).arg("--redis-ca").arg(authority.own().certificate);
        assert_works(&Instance::live(start));
        server.server.command(&["FLUSHDB"]);
    }
    let server = Guarded::with(V6, &authority, &authority.issue(NAMES), "tls-auth-clients no");
    assert!(server.url().starts_with("rediss://[::1]:"));
    assert_works(&Instance::live(server.before(&authority)));
}

#[test]
fn old_and_new_versions_will_do() {
    let authority = Authority::new();
    for version in ["TLSv1.2", "TLSv1.3"] {
        let lines = format!("tls-auth-clients no\ntls-protocols {version}");
        let server = Guarded::with(V4, &authority, &authority.issue(NAMES), &lines);
        assert_works(&Instance::live(server.before(&authority)));
    }
}

#[test]
fn the_cas_of_the_system_are_trusted_where_no_other_is_named() {
    let authority = Authority::new();
    let server = Guarded::start(&authority);
    let ca = authority.own().certificate;
    let (full, empty) = (Folder::new(), Folder::new());
    fs::copy(&ca, full.path().join("one.pem")).unwrap();
    let nothing = full.write("empty", "");
    // These are where the system's are for every program.
    let system = |start: Start, file: &Path, folder: &Folder| {
        start.env("SSL_CERT_FILE", file).env("SSL_CERT_DIR", folder.path())
    };
    for (file, folder) in [(&ca, &empty), (&nothing, &full)] {
        assert_works(&Instance::live(system(before(&server.url()), file, folder)));
        server.server.command(&["FLUSHDB"]);
    }
    let none = system(before(&server.url()), &nothing, &empty);
    assert_out_of_reach(none, "the system's CAs: there are none");
    // Where a file is named, they don't count.
    let other = Authority::new();
    let start = system(server.before(&other), &ca, &full);
    assert_out_of_reach(start, "its certificate was issued by no CA that is trusted here");
}

#[test]
fn a_certificate_that_will_not_do_is_told_by_what_is_wrong_with_it() {
    let authority = Authority::new();
    let trusting = |shows: &Certificate, reason: &str| {
        let server = Guarded::with(V4, &authority, shows, "tls-auth-clients no");
        assert_out_of_reach(server.before(&authority), reason);
    };
    trusting(&authority.issue_expired(NAMES), "its certificate expired on 20");
    trusting(
        &authority.issue("DNS:redis.example,IP:10.0.0.1"),
        "its certificate is for redis.example, 10.0.0.1, not for 127.0.0.1",
    );
    trusting(&Authority::new().issue(NAMES), "its certificate was issued by no CA that is trusted here");
    trusting(&authority.issue_nameless(), "its certificate is of X.509 version 1, and must be of 3");
    trusting(&authority.own(), "its certificate is a CA's own, and must be one that the CA issued");
}

#[test]
fn a_server_that_wants_a_certificate_is_shown_one() {
    let authority = Authority::new();
    let server = Guarded::with(V4, &authority, &authority.issue(NAMES), "tls-auth-clients yes");
    let instance = Instance::live(showing(server.before(&authority), &authority.issue("DNS:registry")));
    assert_works(&instance);
    drop(instance);
    assert_out_of_reach(server.before(&authority), "it wants a client certificate");
    let other = Authority::new();
    assert_out_of_reach(
        showing(server.before(&authority), &other.issue("DNS:registry")),
        "it doesn't accept our client certificate (UnknownCA)",
    );
    let lines = "tls-auth-clients yes\ntls-protocols TLSv1.2";
    let server = Guarded::with(V4, &authority, &authority.issue(NAMES), lines);
    assert_out_of_reach(server.before(&authority), "it may want a client certificate");
}

#[test]
fn who_speaks_no_tls_is_told_apart() {
    let authority = Authority::new();
    let ca = authority.own().certificate;
    let to = |port: u16| before(&format!("rediss://127.0.0.1:{port}")).arg("--redis-ca").arg(&ca);
    // A plain Redis waits for the end of what it takes for a command.
    let plain = RedisServer::start();
    assert_out_of_reach(to(plain.port()), "no answer by TLS in time");
    let answers = stranger(|mut client| {
        let _ = client.read(&mut [0; 1024]);
        let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert_out_of_reach(to(answers), "it speaks no TLS on this port");
    let closes = stranger(|mut client| drop(client.read(&mut [0; 1024])));
    assert_out_of_reach(to(closes), "it closed the connection during the TLS handshake");
    // The beginning of a record that takes minutes; each byte comes well within the time of one read.
    let trickles = stranger(|mut client| {
        let _ = client.write_all(b"\x16\x03\x03\x40\x00");
        while client.write_all(b"\x02").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert_out_of_reach(to(trickles), "no answer by TLS in time");
}

#[test]
fn files_are_told_by_name_and_read_again_at_each_connecting() {
    let authority = Authority::new();
    let server = Guarded::with(V4, &authority, &authority.issue(NAMES), "tls-auth-clients yes");
    let own = authority.issue("DNS:registry");
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    let (ca, certificate, key) = (path("ca"), path("certificate"), path("key"));
    let start = before(&server.url()).arg("--redis-ca").arg(&ca);
    let files = Certificate { certificate: certificate.clone(), key: key.clone() };
    let start = showing(start, &files).args(["--log-level", "trace"]);
    let told = |what: &str, path: &Path, why: &str| format!("the {what} file {}: {why}", path.display());
    let instance = assert_out_of_reach(start, &told("CA", &ca, "No such file"));
    let says = |reason: &str| {
        instance.wait_for_health(reason, |health| health.message().contains(reason));
    };
    fs::write(&ca, "no PEM").unwrap();
    says(&told("CA", &ca, "it holds no certificate in PEM"));
    fs::copy(authority.own().certificate, &ca).unwrap();
    says(&told("certificate", &certificate, "No such file"));
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\nhunter2\n").unwrap();
    says(&told("certificate", &certificate, "it is not in PEM"));
    fs::copy(&own.certificate, &certificate).unwrap();
    says(&told("key", &key, "No such file"));
    fs::write(&key, "-----BEGIN hunter2\n").unwrap();
    says(&told("key", &key, "it holds no private key in PEM without a password"));
    fs::copy(authority.own().key, &key).unwrap();
    says(&told("key", &key, &format!("it is not that of the certificate in {}", certificate.display())));
    fs::copy(&own.key, &key).unwrap();
    assert_works(&instance);
    let body = fs::read_to_string(&own.key).unwrap();
    let body = body.lines().nth(1).unwrap().to_owned();
    assert_never_said(instance, &["hunter2", &body[..16]]);
}

#[test]
fn a_renewed_certificate_is_taken_without_a_restart() {
    let (authority, next) = (Authority::new(), Authority::new());
    let server = Guarded::start(&authority);
    let folder = Folder::new();
    let ca = folder.path().join("ca.pem");
    fs::copy(authority.own().certificate, &ca).unwrap();
    let instance = Instance::live(before(&server.url()).arg("--redis-ca").arg(&ca));
    instance.caller().register("Alpha", 5000);
    server.show(&authority.issue(NAMES));
    instance.wait_until_well();
    server.show(&next.issue(NAMES));
    let reason = "its certificate was issued by no CA that is trusted here";
    instance.wait_for_health(reason, |health| health.message().contains(reason));
    assert_eq!(instance.caller().port_of("Alpha"), Ok(5000));
    fs::copy(next.own().certificate, &ca).unwrap();
    instance.wait_until_well();
    assert_works(&instance);
}

/// Tries this until nothing kept the instance from Redis meanwhile, as a machine with much other work may.
fn in_reach(instance: &Instance, holds: impl Fn() -> Result<(), String>) {
    let outages = || instance.registry.log().matches(" is out of reach").count();
    for _ in 0..10 {
        let before = outages();
        let Err(wrong) = holds() else { return };
        instance.wait_until_well();
        assert!(outages() > before, "{wrong}\n{}", instance.evidence());
    }
    panic!("it never stays in reach\n{}", instance.evidence());
}

#[test]
fn changes_are_told_before_a_lookup_and_in_any_number() {
    let authority = Authority::new();
    let server = Guarded::start(&authority);
    let names = put_many(&server.server, "Agent", 2000);
    let all_have = |instance: &Instance, names: &[String], port: u16| {
        let caller = instance.caller();
        let wrong = names.iter().find(|name| caller.port_of(name) != Ok(port));
        wrong.map_or(Ok(()), |name| Err(format!("{name} has not {port} but {:?}", caller.port_of(name))))
    };
    let set_together = |names: &[String], port: u16| {
        let pairs = names.iter().flat_map(|name| [format!("{PREFIX}{name}"), record(port)]);
        server.server.command(&["MSET".to_owned()].into_iter().chain(pairs).collect::<Vec<_>>());
    };
    // One message of 18 kB, all there before any of it is read: a whole TLS record and a little of the next, both decrypted by
    // one read, for which a new connection has room of 16 KiB. What is left over the next PING would bring to light.
    for port in 3000..3008 {
        let new = Instance::live(server.before(&authority));
        in_reach(&new, || {
            new.registry.signal(Signal::STOP);
            set_together(&names[..550], port);
            new.registry.signal(Signal::CONT);
            all_have(&new, &names[..550], port)
        });
    }
    let instance = Instance::live(server.before(&authority));
    let asking = Instance::live(server.before(&authority).args(["--reads", "redis"]));
    let strict = asking.caller();
    for port in 1..=500 {
        in_reach(&instance, || {
            put(&server.server, "Agent0007", port);
            all_have(&instance, &names[7..8], port)
        });
        assert_eq!(strict.port_in_redis("Agent0007"), Ok(port));
    }
    // Thousands of messages at once, and one message of many names: of more than 64 KiB, Redis would send the rest later.
    in_reach(&instance, || {
        let set = |name: &String| vec!["SET".to_owned(), format!("{PREFIX}{name}"), record(7)];
        server.server.commands(&names.iter().map(set).collect::<Vec<_>>());
        all_have(&instance, &names, 7)
    });
    in_reach(&instance, || {
        set_together(&names[..1900], 8);
        all_have(&instance, &names[..1900], 8)
    });
    // Nobody asks: the follower is woken by what comes, and fetches it.
    server.server.command(&["DEL", &format!("{PREFIX}Agent0000")]);
    instance.wait_for_list(&names[1..].iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn records_of_many_tls_records_are_read_whole() {
    let authority = Authority::new();
    let server = Guarded::start(&authority);
    let long = record(7).replace("{}", &format!(r#"{{"text":"{}"}}"#, "x".repeat(60_000)));
    let names: Vec<String> = (0..100).map(|n| format!("Long{n:03}")).collect();
    for name in &names {
        server.server.set(format!("{PREFIX}{name}"), &long);
    }
    let instance = Instance::live(server.before(&authority));
    let caller = instance.caller();
    for name in &names {
        assert_eq!(caller.port_of(name), Ok(7));
    }
    server.server.set(format!("{PREFIX}Long000"), long.replacen('7', "8", 1));
    instance.wait_for_port("Long000", Ok(8));
    assert_eq!(instance.health().object["agents"], 100);
}

#[test]
fn a_server_that_is_gone_or_silent_is_joined_again() {
    let authority = Authority::new();
    let mut server = Guarded::start(&authority);
    let instance = Instance::live(server.before(&authority));
    let caller = instance.caller();
    put(&server.server, "Alpha", 1);
    instance.wait_for_list(&["Alpha"]);
    server.server.pause();
    instance.wait_until_degraded();
    assert_eq!(caller.port_of("Alpha"), Ok(1));
    server.server.go_on();
    instance.wait_until_well();
    server.server.kill();
    let reason = "connection refused";
    instance.wait_for_health(reason, |health| health.message().contains(reason));
    assert_eq!(caller.port_of("Alpha"), Ok(1));
    server.server.start_again();
    instance.wait_until_well();
    instance.wait_for_port("Alpha", Err("not_found"));
    assert_works(&instance);
    server.end_connections();
    instance.wait_until_well();
    assert_works(&instance);
}

#[test]
fn no_secret_is_said_nor_sent_before_there_is_tls() {
    let authority = Authority::new();
    let setup = Setup::new().password("open-sesame");
    let server = Guarded::set_up(setup, V4, &authority, &authority.issue(NAMES), "tls-auth-clients no");
    let ca = authority.own().certificate;
    let to = |port: u16| {
        let url = format!("rediss://:open-sesame@127.0.0.1:{port}");
        before(&url).arg("--redis-ca").arg(&ca).args(["--log-level", "trace"])
    };
    let instance = Instance::live(to(server.port.address().port()));
    assert_works(&instance);
    assert_never_said(instance, &["open-sesame"]);
    let (heard, all) = mpsc::channel();
    let ears = stranger(move |mut client| {
        let mut bytes = Vec::new();
        let _ = client.read_to_end(&mut bytes);
        let _ = heard.send(bytes);
    });
    let instance = assert_out_of_reach(to(ears), "no answer by TLS in time");
    let heard = all.recv_timeout(DEADLINE).unwrap();
    assert!(heard.starts_with(b"\x16\x03"), "{}", heard.escape_ascii());
    assert!(!heard.windows(4).any(|four| four == b"AUTH" || four == b"open"), "{}", heard.escape_ascii());
    assert_never_said(instance, &["open-sesame"]);
}

#[test]
fn sentinels_and_masters_are_each_known_by_the_name_they_go_by() {
    let authority = Authority::new();
    // Sentinels are asked by name, and name the master by its address.
    let (address_only, name_only) = (authority.issue("IP:127.0.0.1"), authority.issue("DNS:localhost"));
    let lines = "tls-auth-clients no\ntls-replication yes";
    let master = Guarded::with(V4, &authority, &address_only, lines);
    let of_master = format!("{lines}\nreplicaof 127.0.0.1 {}", master.port.address().port());
    let replica = Guarded::with(V4, &authority, &address_only, &of_master);
    master.server.wait_for_replicas(1);
    let ports = [V4; 3].map(Port::reserve);
    let sentinels = SentinelGroup::watch_at(master.port.address(), None, |n| {
        format!("{}\n{lines}\n", guard(&ports[n], &authority, &name_only))
    });
    sentinels.wait_for_replicas(1);
    let places = ports.each_ref().map(|port| format!("localhost:{}", port.address().port())).join(",");
    let url = format!("rediss+sentinel://{places}/{}", SERVICE);
    let instance = Instance::live(before(&url).arg("--redis-ca").arg(authority.own().certificate));
    instance.caller().register("Alpha", 5000);
    sentinels.fail_over();
    let master = sentinels.wait_for_another_master(master.port.address().port(), &[0, 1, 2]);
    assert_eq!(master, replica.port.address().port());
    instance.wait_for(|| instance.caller().try_register("Beta", 5001));
    instance.wait_until_well();
    assert!(replica.server.get(format!("{PREFIX}Beta")).is_some(), "{}", instance.evidence());
    assert_eq!(instance.caller().port_of("Alpha"), Ok(5000));
    // By another name they are not who they say they are.
    let url = url.replace("localhost", "127.0.0.1");
    let start = before(&url).arg("--redis-ca").arg(authority.own().certificate);
    assert_out_of_reach(start, "its certificate is for localhost, not for 127.0.0.1");
}
