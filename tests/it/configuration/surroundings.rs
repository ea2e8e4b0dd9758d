//! What a start finds around it: a standard error that can't be written to, and too few descriptors. The exit code tells
//! what happened all the same.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;

use crate::agent::Agent;
use crate::registry::Start;

use super::HEALTH;

/// A full disk, and a pipe that nobody will ever read.
fn unwritable() -> [(&'static str, OwnedFd); 2] {
    let full = File::options().write(true).open("/dev/full").expect("a full disk");
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    [("a full disk", full.into()), ("a closed pipe", writer.into())]
}

#[test]
fn faults_are_exit_code_2_also_where_they_cannot_be_told() {
    for args in [&["--bogus"][..], &["--bogus", "--port=x", "stray"], &["--bogus", "--check-config"]] {
        for (what, stderr) in unwritable() {
            let status = Start::new().args(args).run_to_end_on(stderr);
            assert_eq!(status.code(), Some(2), "{args:?} on {what}: {status}");
        }
    }
}

#[test]
fn a_port_in_use_is_exit_code_1_also_where_it_cannot_be_told() {
    let occupied = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = occupied.local_addr().expect("its address").port().to_string();
    for flag in ["--port", "--health-port"] {
        for (what, stderr) in unwritable() {
            let status = Start::new().args([flag, &port]).run_to_end_on(stderr);
            assert_eq!(status.code(), Some(1), "{flag} on {what}: {status}");
        }
    }
}

#[test]
fn too_few_descriptors_are_one_line_and_exit_code_1() {
    for limit in [8, 16, 20, 24, 28, 32, 40, 56] {
        let finished = Start::new().descriptors(limit).run_to_end();
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        let lines: Vec<&str> = finished.stderr.lines().collect();
        let [line] = lines[..] else { panic!("not one line\n{finished}") };
        let words = ["descriptors", "at least ", &limit.to_string()];
        assert!(words.iter().all(|word| line.contains(word)), "a line with all of {words:?}\n{finished}");
    }
}

#[test]
fn sixty_four_descriptors_suffice() {
    let registry = Start::new().descriptors(64).spawn();
    for port in [registry.port(), registry.health_port()] {
        let reply = Agent::connect(port).ask(HEALTH);
        assert!(reply.starts_with(br#"{"status":"ok""#), "{reply:?}\n{}", registry.evidence());
    }
    let finished = registry.terminate();
    assert!(finished.status.success(), "{finished}");
}
