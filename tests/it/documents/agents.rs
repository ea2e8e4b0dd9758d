//! The agents that people copy: README's, and examples/agent.py. What each does with a registry, without one, with one
//! that comes late, and with one that never answers.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

use crate::curl;
use crate::http::LIST;
use crate::process::{self, DEADLINE};
use crate::python;
use crate::registry::{Registry, Start};

use super::pages::{self, in_repository};

/// The issue that asked for README's agent asked for this many lines.
const LINES_OF_READMES: usize = 15;

pub(super) fn python(file: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(python::interpreter());
    command.arg("-I").arg(file).args(args);
    command
}

/// Runs examples/agent.py with a registry at this port.
fn example(port: u16, args: &[&str]) -> Output {
    let address = format!("tcp://localhost:{port}");
    let mut command = python(&in_repository("examples/agent.py"), &["--registry", &address]);
    process::run(command.args(args), b"", DEADLINE * 3)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn lines_of(output: &Output) -> (Option<i32>, Vec<String>, Vec<String>) {
    let lines = |bytes: &[u8]| text(bytes).lines().map(str::to_owned).collect();
    (output.status.code(), lines(&output.stdout), lines(&output.stderr))
}

#[test]
fn the_example_registers_looks_up_and_lists() {
    let registry = Registry::start();
    let output = example(registry.port(), &["--name", "First", "--host", "10.0.0.1", "--port", "5001"]);
    let said = ["registered First", "found First at tcp://10.0.0.1:5001", "all agents: First"];
    assert_eq!(
        lines_of(&output),
        (Some(0), said.map(str::to_owned).to_vec(), vec![]),
        "{}",
        registry.evidence()
    );

    let output = example(registry.port(), &["--name", "Second", "--find", "First"]);
    let said = ["registered Second", "found First at tcp://10.0.0.1:5001", "all agents: First, Second"];
    assert_eq!(
        lines_of(&output),
        (Some(0), said.map(str::to_owned).to_vec(), vec![]),
        "{}",
        registry.evidence()
    );

    let listed = curl::post(registry.port(), LIST);
    assert_eq!(listed.text(), r#"{"status":"success","agents":["First","Second"]}"#);
}

#[test]
fn the_example_says_what_the_registry_refused() {
    let registry = Registry::start();
    for (args, error) in [
        (["--find", "Nobody"], "agent.py: get_agent_endpoint: Agent Nobody not found (not_found)"),
        (["--port", "0"], "agent.py: register_agent: 'port' must be an integer from 1 to 65535"),
    ] {
        let output = example(registry.port(), &args);
        let (code, _, errors) = lines_of(&output);
        assert!(code == Some(1) && errors.len() == 1 && errors[0].starts_with(error), "{args:?}: {output:?}");
    }
}

#[test]
fn the_example_says_that_there_is_no_registry() {
    let (_reserved, port) = reserve();
    let output = example(port, &["--timeout", "0.05", "--tries", "3"]);
    let address = format!("tcp://localhost:{port}");
    let tries = (1..=3).map(|n| format!("no answer from {address} within 0.05 s ({n} of 3)"));
    let errors = tries.chain([format!("agent.py: no registry answers at {address}")]).collect();
    assert_eq!(lines_of(&output), (Some(1), vec![], errors));
}

#[test]
fn the_example_finds_a_registry_that_comes_up_while_it_tries() {
    let (_reserved, port) = reserve();
    let address = format!("tcp://localhost:{port}");
    let args = ["--registry", &address, "--timeout", "0.2", "--tries", "100"];
    let mut command = python(&in_repository("examples/agent.py"), &args);
    let mut agent = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(agent.stderr.take().unwrap());
    let mut first = String::new();
    errors.read_line(&mut first).unwrap();
    if !first.starts_with(&format!("no answer from {address}")) {
        errors.read_to_string(&mut first).unwrap();
        panic!("{command:?} did not say that it tries again:\n{first}");
    }

    let registry = Start::new().args(["--port", &port.to_string()]).spawn();
    let status = process::wait(&mut agent, DEADLINE * 2);
    if status.is_none() {
        agent.kill().unwrap();
    }
    let (mut said, mut rest) = (String::new(), String::new());
    agent.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    errors.read_to_string(&mut rest).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{said}{rest}{}", registry.evidence());
    assert_eq!(
        said, "registered MyAgent\nfound MyAgent at tcp://localhost:5000\nall agents: MyAgent\n",
        "{rest}"
    );
}

#[test]
fn each_try_has_a_fresh_socket() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let output = example(port, &["--timeout", "0.3", "--tries", "4"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(connections(&mute), 4, "{output:?}");
}

#[test]
fn readmes_agent_is_short_and_gives_up_clearly() {
    let block = pages::read("README.md").block("python");
    let lines = block.text.lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= LINES_OF_READMES, "{}: {lines} lines", block.place);

    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let program = block.text.replace("localhost:7100", &format!("127.0.0.1:{port}"));
    let output = process::run(&mut python(Path::new("-"), &[]), program.as_bytes(), DEADLINE * 3);
    let (code, said, errors) = lines_of(&output);
    assert_eq!((code, said), (Some(1), vec![]), "{output:?}");
    let last = errors.last().map(String::as_str);
    assert_eq!(
        last,
        Some(&*format!("TimeoutError: no registry answers at ['tcp://127.0.0.1:{port}']")),
        "{output:?}"
    );
    assert_eq!(connections(&mute), 3, "a fresh socket for each try\n{output:?}");
}

/// How many connections have come to this listener.
pub(super) fn connections(listener: &TcpListener) -> usize {
    listener.set_nonblocking(true).unwrap();
    std::iter::from_fn(|| listener.accept().ok()).count()
}

/// A port that nobody listens on and that the system gives to nobody while the descriptor lives; a daemon that asks for
/// it by its number gets it all the same, as both set SO_REUSEADDR.
pub(super) fn reserve() -> (OwnedFd, u16) {
    let reserved = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_reuseaddr(&reserved, true).unwrap();
    bind(&reserved, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = SocketAddr::try_from(getsockname(&reserved).unwrap()).unwrap();
    (reserved, address.port())
}
