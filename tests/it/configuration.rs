//! Flags and variables: what each does, and what a wrong one gets (exit code 2, one line on standard error that says what
//! was given and what is allowed). `--check-config` opens nothing, `--help` and `--version` come before everything.

use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;

use crate::agent::Agent;
use crate::curl;
use crate::registry::{Finished, Registry, Start};
use faults::{Faulty, WITH_PASSWORDS, WRONG_FLAGS, WRONG_FOR_REDIS, WRONG_TOGETHER, WRONG_VARIABLES};

mod faults;
mod surroundings;

const HEALTH: &str = r#"{"action":"health"}"#;

fn start(args: &[&str], variables: &[(&str, &str)]) -> Start {
    variables.iter().fold(Start::new().args(args), |start, (name, value)| start.env(name, value))
}

fn assert_refused(finished: &Finished, lines: &[&[&str]]) {
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert_eq!(finished.stdout, "", "{finished}");
    for words in lines {
        let told =
            finished.stderr.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
        assert_eq!(told, 1, "one line with all of {words:?}\n{finished}");
    }
    assert_eq!(finished.stderr.lines().count(), lines.len(), "one line each for {lines:?}\n{finished}");
}

fn assert_all_refused(table: &[Faulty]) {
    for (args, variables, lines) in table {
        assert_refused(&start(args, variables).run_to_end(), lines);
        assert_refused(&start(args, variables).arg("--check-config").run_to_end(), lines);
    }
}

#[test]
fn every_wrong_flag_is_told_in_one_line() {
    assert_all_refused(&WRONG_FLAGS);
}

#[test]
fn every_wrong_variable_is_told_in_one_line() {
    assert_all_refused(&WRONG_VARIABLES);
}

#[test]
fn faults_are_all_told_and_none_is_invented() {
    assert_all_refused(&WRONG_TOGETHER);
}

#[test]
fn what_redis_can_not_be_reached_by_is_told_in_one_line() {
    assert_all_refused(&WRONG_FOR_REDIS);
}

#[test]
fn no_fault_shows_a_password() {
    for (args, variables) in WITH_PASSWORDS {
        let finished = start(args, variables).run_to_end();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        let told = !finished.stderr.is_empty() && !finished.stderr.contains("hunter2");
        assert!(told && finished.stdout.is_empty(), "{args:?} {variables:?}\n{finished}");
    }
}

#[test]
fn variables_for_redis_may_be_set_with_either_backend() {
    let file = std::path::Path::new("/nowhere/password");
    assert!(!file.exists(), "{} is there", file.display());
    for backend in ["memory", "redis"] {
        let finished = Start::new()
            .arg("--check-config")
            .env("SERVICE_REGISTRY_BACKEND", backend)
            .env("SERVICE_REGISTRY_REDIS_URL", "redis+sentinel://user@192.0.2.1,[2001:db8::1]:7/service/1")
            .env("SERVICE_REGISTRY_REDIS_PASSWORD_FILE", file)
            .env("SERVICE_REGISTRY_REDIS_PREFIX", "*?[]\\ é")
            .env("SERVICE_REGISTRY_READS", "redis")
            .env("SERVICE_REGISTRY_REDIS_MIN_REPLICAS", "16")
            .run_to_end();
        assert!(finished.status.success() && finished.stderr.is_empty(), "{finished}");
    }
}

#[test]
fn what_is_not_utf_8_is_a_fault_as_well() {
    let bad = OsStr::from_bytes(b"\xFF7100");
    let joined = OsStr::from_bytes(b"--port=\xFF7100");
    let starts = [
        (Start::new().arg("--port").arg(bad), "--port"),
        (Start::new().arg(joined).arg("--health-port=0"), "--port"),
        (Start::new().arg("--backend").arg(bad), "--backend"),
        (Start::new().arg("--bind").arg(bad), "--bind"),
        (Start::new().arg("--log-level").arg(bad), "--log-level"),
        (Start::new().arg(bad), "argument"),
        (Start::new().env("SERVICE_REGISTRY_PORT", bad), "SERVICE_REGISTRY_PORT"),
        (Start::new().env("SERVICE_REGISTRY_BIND", bad), "SERVICE_REGISTRY_BIND"),
        (Start::new().env("SERVICE_REGISTRY_LOG", bad), "SERVICE_REGISTRY_LOG"),
        (Start::new().env("SERVICE_REGISTRY_REDIS_PREFIX", bad), "SERVICE_REGISTRY_REDIS_PREFIX"),
    ];
    for (start, name) in starts {
        assert_refused(&start.run_to_end(), &[&[name, "7100"]]);
    }
    for name in ["SERVICE_REGISTRY_REDIS_URL", "SERVICE_REGISTRY_REDIS_PASSWORD_FILE"] {
        assert_refused(&Start::new().env(name, bad).run_to_end(), &[&[name, "not shown"]]);
    }
}

#[test]
fn the_configuration_can_be_checked_without_opening_anything() {
    let registry = Registry::start();
    let (port, health_port) = (registry.port().to_string(), registry.health_port().to_string());
    let taken = ["--port", &port, "--health-port", &health_port, "--check-config"];
    let finished = Start::new().args(taken).run_to_end();
    assert!(finished.status.success(), "{finished}");
    assert_eq!((finished.stdout.lines().count(), finished.stderr.as_str()), (1, ""), "{finished}");
    // And it says so before it has looked at the host at all: these addresses are nobody's here.
    let elsewhere = ["--bind", "192.0.2.1", "--bind", "2001:db8::1", "--check-config"];
    let finished = Start::new().args(elsewhere).run_to_end();
    assert!(finished.status.success(), "{finished}");
    assert_eq!((finished.stdout.lines().count(), finished.stderr.as_str()), (1, ""), "{finished}");
}

/// The release that is linked and the number of its patches, from what build/libzmq builds.
fn patched_libzmq() -> String {
    let read = |file: &str| {
        std::fs::read_to_string(format!("{}/build/libzmq/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let manifest = read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    let (_, release) = version.and_then(|version| version.split_once('+')).expect("a version");
    let patches = read("patches/series").lines().filter(|line| line.ends_with(".patch")).count();
    format!("{release} with {patches} patches")
}

#[test]
fn help_and_version_come_before_everything() {
    let wrong = ["--port", "abc", "--frobnicate", "stray", "--bind=nowhere"];
    let version = format!("service-registry {}\nlibzmq {}\n", env!("CARGO_PKG_VERSION"), patched_libzmq());
    for flag in ["--help", "-h", "--version", "-V"] {
        for others in [&[][..], &wrong] {
            let finished =
                Start::bare().args(others).arg(flag).env("SERVICE_REGISTRY_BACKEND", "wrong").run_to_end();
            assert!(finished.status.success(), "{finished}");
            assert_eq!(finished.stderr, "", "{finished}");
            match flag {
                "--version" | "-V" => assert_eq!(finished.stdout, version, "{finished}"),
                _ => assert!(finished.stdout.contains("Usage: service-registry"), "{finished}"),
            }
        }
    }
}

#[test]
fn help_names_every_flag_variable_and_default() {
    let help = Start::bare().arg("--help").run_to_end();
    for (flag, variable, default) in [
        ("--port", "SERVICE_REGISTRY_PORT", "7100"),
        ("--health-port", "SERVICE_REGISTRY_HEALTH_PORT", "8100"),
        ("--bind", "SERVICE_REGISTRY_BIND", "::"),
        ("--backend", "SERVICE_REGISTRY_BACKEND", "memory"),
        ("--max-bytes", "SERVICE_REGISTRY_MAX_BYTES", "256MiB"),
        ("--max-connections", "SERVICE_REGISTRY_MAX_CONNECTIONS", "4096"),
        ("--max-connections-per-address", "SERVICE_REGISTRY_MAX_CONNECTIONS_PER_ADDRESS", "half"),
        ("--log-level", "SERVICE_REGISTRY_LOG", "info"),
        ("--redis-url", "SERVICE_REGISTRY_REDIS_URL", "redis://localhost:6379/0"),
        ("--redis-password-file", "SERVICE_REGISTRY_REDIS_PASSWORD_FILE", "none"),
        ("--redis-prefix", "SERVICE_REGISTRY_REDIS_PREFIX", "service_registry:"),
        ("--reads", "SERVICE_REGISTRY_READS", "mirror"),
        ("--redis-min-replicas", "SERVICE_REGISTRY_REDIS_MIN_REPLICAS", "0"),
    ] {
        let told =
            help.stdout.lines().any(|line| [flag, variable, default].iter().all(|word| line.contains(word)));
        assert!(told, "one line with {flag}, {variable} and {default}\n{help}");
    }
    for flag in ["--health-check-port", "--check-config", "-V, --version", "-h, --help"] {
        assert!(help.stdout.contains(flag), "{flag}\n{help}");
    }
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    assert!(levels.iter().all(|level| help.stdout.contains(level)), "{help}");
}

#[test]
fn a_port_in_use_is_named_with_its_address() {
    let occupied = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = occupied.local_addr().expect("its address");
    let port = address.port().to_string();
    for flag in ["--port", "--health-port"] {
        let finished = Start::new().args([flag, &port]).run_to_end();
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        let told = finished.stderr.lines().filter(|line| line.contains(&address.to_string()));
        let told: Vec<&str> = told.collect();
        assert!(matches!(told[..], [line] if line.contains("in use")), "{told:?}\n{finished}");
        assert!(!finished.stderr.lines().any(|line| line.ends_with(" ready")), "{finished}");
    }
}

#[test]
fn an_address_of_another_host_is_named() {
    let finished = Start::new().args(["--bind", "192.0.2.1"]).run_to_end();
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    let told = finished.stderr.lines().filter(|line| line.contains("192.0.2.1")).count();
    assert_eq!(told, 1, "{finished}");
}

#[test]
fn variables_alone_configure_it() {
    let registry = Start::bare()
        .env("SERVICE_REGISTRY_PORT", "0")
        .env("SERVICE_REGISTRY_HEALTH_PORT", "0")
        .env("SERVICE_REGISTRY_BIND", "127.0.0.1, ::1")
        .env("SERVICE_REGISTRY_BACKEND", "memory")
        .env("SERVICE_REGISTRY_MAX_BYTES", "64KiB")
        .env("SERVICE_REGISTRY_LOG", "debug")
        .spawn();
    assert!(registry.log().contains("64 KiB"), "{}", registry.evidence());
    assert_serves(&registry, &[Agent::connect, Agent::connect_v6]);
    let request = r#"{"action":"register_agent","agent_id":"A","host":"h","port":1}"#;
    let agent = Agent::connect(registry.port());
    agent.ask(request);
    agent.ask(request);
    let again = |line: &str| line.contains(" DEBUG ") && line.contains(": A at h:1");
    registry
        .wait_until("the same registration again is a debug line", || !registry.log_lines(again).is_empty());
}

#[test]
fn flags_win_over_variables() {
    let registry = Start::new()
        .env("SERVICE_REGISTRY_PORT", "nonsense")
        .env("SERVICE_REGISTRY_HEALTH_PORT", "nonsense")
        .env("SERVICE_REGISTRY_BIND", "192.0.2.1")
        .env("SERVICE_REGISTRY_BACKEND", "nonsense")
        .env("SERVICE_REGISTRY_MAX_BYTES", "1MiB")
        .env("SERVICE_REGISTRY_LOG", "off")
        .args(["--port", "0", "--health-port", "0", "--bind", "127.0.0.1"])
        .args(["--backend", "memory", "--max-bytes", "2MiB", "--log-level", "info"])
        .spawn();
    assert!(registry.log().contains("2 MiB"), "{}", registry.evidence());
    assert_serves(&registry, &[Agent::connect]);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let registry = Start::new()
        .args(["--port=0", "--health-port=0", "--bind=127.0.0.1"])
        .env("SERVICE_REGISTRY_PORT", "")
        .env("SERVICE_REGISTRY_HEALTH_PORT", "")
        .env("SERVICE_REGISTRY_BACKEND", "")
        .env("SERVICE_REGISTRY_MAX_BYTES", "")
        .env("SERVICE_REGISTRY_REDIS_URL", "")
        .env("SERVICE_REGISTRY_REDIS_PASSWORD_FILE", "")
        .env("SERVICE_REGISTRY_READS", "")
        .env("SERVICE_REGISTRY_REDIS_MIN_REPLICAS", "")
        .env("SERVICE_REGISTRY_LOG", "")
        .spawn();
    assert!(registry.log().contains("memory backend, at most 256 MiB"), "{}", registry.evidence());
    // SERVICE_REGISTRY_BIND too; and that both ports' defaults hold then is in the table of faults above.
    let registry = Start::bare()
        .args(["--port=0", "--health-port=0"])
        .env("SERVICE_REGISTRY_BIND", OsString::new())
        .spawn();
    assert_serves(&registry, &[Agent::connect, Agent::connect_v6]);
}

#[test]
fn bind_may_be_repeated_and_both_any_addresses_share_a_port() {
    for (addresses, shown) in [
        (["127.0.0.1", "::1"], "127.0.0.1, ::1"),
        (["::", "0.0.0.0"], "::, 0.0.0.0"),
        (["0.0.0.0", "::"], "0.0.0.0, ::"),
    ] {
        let flags = addresses.map(|address| format!("--bind={address}"));
        let registry = Start::new().args(flags).spawn();
        for port in ["registry port ", "health port "] {
            let line = registry.wait_for_log(|line| line.contains(port));
            assert!(line.ends_with(&format!(" on {shown}")), "{line}");
        }
        assert_serves(&registry, &[Agent::connect, Agent::connect_v6]);
    }
}

#[test]
fn port_0_is_a_port_of_the_systems_choice_for_each() {
    let registry = Registry::with(&["--port", "0", "--health-check-port=0"]);
    assert_ne!(registry.port(), registry.health_port(), "{}", registry.evidence());
    assert_eq!(curl::get(registry.port(), "/health").status, 200);
    assert_eq!(curl::get(registry.health_port(), "/health").status, 200);
}

fn assert_serves(registry: &Registry, families: &[fn(u16) -> Agent]) {
    for connect in families {
        for port in [registry.port(), registry.health_port()] {
            let reply = connect(port).ask(HEALTH);
            assert!(reply.starts_with(br#"{"status":"ok""#), "{reply:?}\n{}", registry.evidence());
        }
    }
}
