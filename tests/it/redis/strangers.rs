//! What else may lie in Redis: values that are no records, keys that are no names, and the keys of others. Each is passed
//! by, and harms nothing.

use std::time::Duration;

use super::instance::{Instance, PREFIX, before, put, put_many, record};
use super::server::{Client, RedisServer, Reply};
use crate::agent::shown;
use crate::storms::footprint;

const NOT_FOUND: &str = "not_found";

/// A value that is no record, under a name that says what is wrong with it.
fn broken_values() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"host":"h","port":1,"metadata":{{"deep":{open}{close}}}}}"#)
    };
    let texts = [
        ("Empty", String::new()),
        ("Space", " ".to_owned()),
        ("Text", "localhost:5000".to_owned()),
        ("Number", "5000".to_owned()),
        ("Null", "null".to_owned()),
        ("Array", r#"[{"host":"h","port":1}]"#.to_owned()),
        ("Quoted", r#""{\"host\":\"h\",\"port\":1}""#.to_owned()),
        ("Nothing", "{}".to_owned()),
        ("Portless", r#"{"host":"h"}"#.to_owned()),
        ("Hostless", r#"{"port":1}"#.to_owned()),
        ("NullHost", r#"{"host":null,"port":1}"#.to_owned()),
        ("NullPort", r#"{"host":"h","port":null}"#.to_owned()),
        ("ListedHost", r#"{"host":["h"],"port":1}"#.to_owned()),
        ("WordPort", r#"{"host":"h","port":"http"}"#.to_owned()),
        ("HalfPort", r#"{"host":"h","port":1.5}"#.to_owned()),
        ("Torn", r#"{"host":"h","port":1,"metadata":{"#.to_owned()),
        ("Trailing", r#"{"host":"h","port":1}}"#.to_owned()),
        ("Python", "{'host': 'h', 'port': 1}".to_owned()),
        ("NaN", r#"{"host":"h","port":1,"metadata":{"load":NaN}}"#.to_owned()),
        ("Deep", nested(100)),
        ("Abyss", nested(400_000)),
        ("Surrogate", r#"{"host":"h","port":1,"metadata":{"x":"\ud800"}}"#.to_owned()),
        ("OverAMebibyte", format!(r#"{{"host":"h","port":1,"metadata":{{"x":"{}"}}}}"#, "x".repeat(1 << 20))),
    ];
    let mut values: Vec<(&str, Vec<u8>)> = texts.into_iter().map(|(n, v)| (n, v.into_bytes())).collect();
    values.push(("Latin", b"{\"host\":\"h\",\"port\":1,\"agent_type\":\"\xe9\"}".to_vec()));
    values.push(("Pickle", b"\x80\x04\x95\x1e\0\0\0\0\0\0\0}\x94".to_vec()));
    values
}

/// Other types than a string.
const TYPES: [(&str, &[&str]); 5] = [
    ("List", &["RPUSH", "List", "one"]),
    ("Hash", &["HSET", "Hash", "host", "h"]),
    ("Set", &["SADD", "Set", "one"]),
    ("Sorted", &["ZADD", "Sorted", "1", "one"]),
    ("Stream", &["XADD", "Stream", "*", "host", "h"]),
];

fn put_strange_things(server: &RedisServer) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, value) in broken_values() {
        server.set(format!("{PREFIX}{name}"), value);
        names.push(name);
    }
    for (name, words) in TYPES {
        let words: Vec<String> =
            words.iter().map(|w| if *w == name { format!("{PREFIX}{w}") } else { (*w).to_owned() }).collect();
        server.command(&words);
        names.push(name);
    }
    names
}

#[test]
fn what_is_no_record_is_neither_listed_nor_found_and_is_told_once() {
    let server = RedisServer::start();
    let strange = put_strange_things(&server);
    put(&server, "Alpha", 1);
    for args in [&[][..], &["--reads", "redis"]] {
        let instance = Instance::with(&server, args);
        assert_passed_by(&instance, &strange);
        // Nor is it told again when all is read again, or somebody writes the same again.
        for connection in server.clients() {
            server.command(&["CLIENT", "KILL", "ID", connection.member("id")]);
        }
        instance.registry.wait_for_log(|line| line.contains("is back after"));
        put_strange_things(&server);
        put(&server, "Omega", 2);
        instance.wait_for_list(&["Alpha", "Omega"]);
        server.command(&["DEL", &format!("{PREFIX}Omega")]);
        instance.wait_for_list(&["Alpha"]);
        assert_passed_by(&instance, &strange);
    }
}

fn assert_passed_by(instance: &Instance, strange: &[&str]) {
    let caller = instance.caller();
    for name in strange {
        assert_eq!(caller.port_in_redis(name), Err(NOT_FOUND.to_owned()), "{name}\n{}", instance.evidence());
    }
    assert_eq!(caller.port_in_redis("Alpha"), Ok(1));
    assert_eq!(caller.list().unwrap(), ["Alpha"], "{}", instance.evidence());
    instance.wait_until_well();
    for name in strange {
        let told = instance.registry.log_lines(|line| names(line, name));
        assert_eq!(told.len(), 1, "{name}: {told:#?}\n{}", instance.evidence());
        assert!(told[0].len() < 1000, "{}", told[0]);
    }
}

/// Whether a line of the log speaks of this key, and not of one that begins like it.
fn names(line: &str, name: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

#[test]
fn what_is_no_record_may_become_one_and_the_reverse() {
    let server = RedisServer::start();
    put(&server, "Alpha", 1);
    server.command(&["RPUSH", &format!("{PREFIX}Beta"), "one"]);
    let instance = Instance::of(&server);
    instance.wait_for_list(&["Alpha"]);
    server.set(format!("{PREFIX}Alpha"), "broken");
    instance.wait_for_port("Alpha", Err(NOT_FOUND));
    put(&server, "Beta", 2);
    instance.wait_for_port("Beta", Ok(2));
    instance.wait_for_list(&["Beta"]);
    // An instance replaces whatever is there.
    let caller = instance.caller();
    caller.register("Alpha", 3);
    assert_eq!(caller.port_of("Alpha"), Ok(3));
    server.command(&["DEL", &format!("{PREFIX}Beta")]);
    server.command(&["HSET", &format!("{PREFIX}Beta"), "host", "h"]);
    instance.wait_for_list(&["Alpha"]);
    caller.register("Beta", 4);
    instance.wait_for_list(&["Alpha", "Beta"]);
    assert_eq!(caller.port_of("Beta"), Ok(4));
}

#[test]
fn keys_that_are_no_names_are_passed_by() {
    let server = RedisServer::start();
    let long = "x".repeat(256);
    let mut keys: Vec<Vec<u8>> = vec![b"".to_vec(), b"\xff\xfe\0".to_vec(), b"line\nfeed".to_vec()];
    keys.extend([b"half \xc3".to_vec(), b"bell\x07".to_vec(), long.into_bytes(), vec![b'k'; 3 << 20]]);
    let mut instances = vec![Instance::of(&server)];
    for key in &keys {
        server.set([PREFIX.as_bytes(), key].concat(), record(7));
    }
    put(&server, "Alpha", 1);
    instances[0].wait_for_port("Alpha", Ok(1));
    instances.push(Instance::of(&server));
    instances.push(Instance::with(&server, &["--reads", "redis"]));
    for instance in &instances {
        instance.wait_for_list(&["Alpha"]);
        assert_eq!(instance.caller().port_of("Alpha"), Ok(1));
        let controls = instance.registry.log_lines(|line| line.contains(|c: char| c.is_control()));
        assert!(controls.is_empty(), "{controls:?}");
    }
    for key in &keys {
        assert!(server.get([PREFIX.as_bytes(), key].concat()).is_some(), "{} is left alone", shown(key));
    }
}

#[test]
fn large_values_take_no_memory() {
    const LARGE: usize = 10 << 20;
    let server = RedisServer::start();
    put(&server, "Alpha", 1);
    let instances = [Instance::of(&server), Instance::with(&server, &["--reads", "redis"])];
    instances.iter().for_each(|instance| footprint::forget_peak(&instance.registry));
    let before: Vec<u64> = instances.iter().map(|one| footprint::peak(&one.registry)).collect();
    let value = format!(r#"{{"host":"h","port":1,"metadata":{{"x":"{}"}}}}"#, "x".repeat(LARGE));
    for n in 0..3 {
        server.set(format!("{PREFIX}Large{n}"), &value);
    }
    for instance in &instances {
        (0..3).for_each(|n| drop(instance.registry.wait_for_log(|line| names(line, &format!("Large{n}")))));
    }
    let watch = Watch::start(&server);
    for (instance, before) in instances.iter().zip(before) {
        let caller = instance.caller();
        instance.wait_for_list(&["Alpha"]);
        for n in [0, 1, 2, 0] {
            let found = caller.port_of(&format!("Large{n}"));
            assert_eq!(found, Err(NOT_FOUND.to_owned()), "{}", instance.evidence());
        }
        assert_eq!(caller.port_of("Alpha"), Ok(1));
        let more = footprint::peak(&instance.registry).saturating_sub(before);
        assert!(more < LARGE as u64 / 1024, "{more} KiB more\n{}", instance.evidence());
    }
    let asked = watch.commands(&server);
    let fetched: Vec<&String> = asked.iter().filter(|c| c.contains("GET\"") && c.contains("Large")).collect();
    assert!(fetched.is_empty(), "sent again for each who asks: {fetched:#?}");
    // What has become short is found.
    put(&server, "Large1", 2);
    for instance in &instances {
        instance.wait_for_port("Large1", Ok(2));
    }
}

#[test]
fn glob_characters_are_data() {
    let prefix = r"r*g?[a-z]\:";
    let server = RedisServer::start();
    // A pattern made of the prefix would match these; a pattern made of half of it as well.
    for key in
        [r"rag1b\:Other", "rog1b:Other", r"rXXg1z\:Other", "rag1b:Other", r"r*g?[a-z]:Other", r"r*g?[a-z]"]
    {
        server.set(key, record(9));
    }
    let names = ["*", "?", "[a-z]", r"\", "a*", "ab", r"\*", "^", "b"];
    server.set(format!("{prefix}ab"), record(6));
    let a = Instance::live(before(&server.url()).args(["--redis-prefix", prefix]));
    let b = Instance::live(before(&server.url()).env("SERVICE_REGISTRY_REDIS_PREFIX", prefix));
    let (here, there) = (a.caller(), b.caller());
    for (name, port) in names.iter().zip(1..) {
        here.register(name, port);
        assert_eq!(there.port_of(name), Ok(port), "{name}\n{}", b.evidence());
        assert!(server.get(format!("{prefix}{name}")).is_some(), "{name}");
    }
    let mut sorted = names;
    sorted.sort_unstable();
    for instance in [&a, &b, &Instance::live(before(&server.url()).args(["--redis-prefix", prefix]))] {
        instance.wait_for_list(&sorted);
        assert_eq!(instance.caller().port_of("Other"), Err(NOT_FOUND.to_owned()));
        // Told of changes, under a prefix like this as well.
        server.set(format!("{prefix}*"), record(77));
        instance.wait_for_port("*", Ok(77));
        assert_eq!(instance.caller().port_of("ab"), Ok(6));
        server.set(format!("{prefix}*"), record(1));
    }
    assert_eq!(here.deregister("*"), Ok(true));
    b.wait_for_list(&sorted[1..]);
}

/// All that Redis is asked, by whomever, until this is read.
struct Watch {
    client: Client,
}

impl Watch {
    fn start(server: &RedisServer) -> Watch {
        let mut client = server.client();
        assert_eq!(client.ask(&["MONITOR"]).unwrap(), Reply::Status("OK".to_owned()));
        Watch { client }
    }

    fn commands(mut self, server: &RedisServer) -> Vec<String> {
        const END: &str = "the watch ends here";
        server.command(&["ECHO", END]);
        let mut commands = Vec::new();
        loop {
            let command = self.client.reply().unwrap().text();
            if command.contains(END) {
                return commands;
            }
            commands.push(command);
        }
    }
}

#[test]
fn the_keys_of_others_are_neither_read_nor_touched() {
    const OTHERS: usize = 10_000;
    let server = RedisServer::start();
    let keys: Vec<String> = (0..OTHERS)
        .map(|n| format!("service_registr{}:Agent{n}", if n % 2 == 0 { "y_" } else { "x" }))
        .collect();
    let set: Vec<Vec<&str>> = keys.iter().map(|key| vec!["SET", key, "theirs"]).collect();
    server.commands(&set);
    let ours = put_many(&server, "Agent", 100);
    let digest = || {
        server.command(
            &[&["DEBUG", "DIGEST-VALUE"][..], &keys.iter().map(String::as_str).collect::<Vec<_>>()].concat(),
        )
    };
    let before = digest();
    let watch = Watch::start(&server);
    let due: Vec<&str> = ours.iter().map(String::as_str).collect();
    for args in [&[][..], &["--reads", "redis"]] {
        let instance = Instance::with(&server, args);
        let caller = instance.caller();
        instance.wait_for_list(&due);
        caller.register("Agent0000", 5000);
        assert_eq!(caller.port_of("Agent0000"), Ok(5000));
        assert_eq!(caller.deregister("Agent9999"), Ok(false));
        assert_eq!(caller.port_of("_:Agent0"), Err(NOT_FOUND.to_owned()));
        assert_eq!(instance.health().object["agents"], 100);
    }
    let asked = watch.commands(&server);
    assert!(asked.len() > 10, "{asked:#?}");
    let theirs: Vec<&String> =
        asked.iter().filter(|c| c.contains("registry_:") || c.contains("registrx:")).collect();
    assert!(theirs.is_empty(), "{theirs:#?}");
    assert_eq!(digest(), before);
}

/// More broken values than there may be lines a second.
#[test]
fn a_flood_of_broken_values_is_no_flood_of_lines() {
    const BROKEN: usize = 3000;
    let server = RedisServer::start();
    let keys: Vec<String> = (0..BROKEN).map(|n| format!("{PREFIX}Broken{n}")).collect();
    server.commands(&keys.iter().map(|key| vec!["SET", key, "broken"]).collect::<Vec<_>>());
    put(&server, "Alpha", 1);
    let started = std::time::Instant::now();
    let instance = Instance::of(&server);
    instance.wait_for_list(&["Alpha"]);
    let seconds = started.elapsed().as_secs() + 2;
    let lines = instance.registry.log_lines(|line| line.contains("Broken")).len();
    assert!(lines > 0 && lines as u64 <= 100 * seconds, "{lines} lines in {seconds} s");
    instance.registry.wait_for(Duration::from_secs(20), || {
        let told = instance.registry.log_lines(|line| line.contains("more"));
        if told.is_empty() { Err("it says how many lines it has kept back".to_owned()) } else { Ok(()) }
    });
}
