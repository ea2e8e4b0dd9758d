//! The processes of a benchmark: the registry, an echo, a load generator. Each ends with the value that stands
//! for it. What they measure is none of its business.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::load::Order;
use crate::roles;
use crate::sample::Sample;

/// The program under test.
pub(crate) const REGISTRY: &str = env!("CARGO_BIN_EXE_service-registry");

/// Where servers leave what they say.
const LOGS: &str = env!("CARGO_TARGET_TMPDIR");

/// How long a process may take to be ready, or to stop when asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at a log.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The command that starts the registry as it is started everywhere here.
pub(crate) fn registry_command() -> Command {
    let options = ["--port", "0", "--health-port", "0", "--bind", "127.0.0.1", "--log-level", "info"];
    roles::command("exec", [&[REGISTRY], &options[..]].concat())
}

/// The command that starts an echo.
pub(crate) fn echo_command(reply_bytes: usize) -> Command {
    let itself = std::env::current_exe().expect("the path of this executable");
    let mut command = roles::command("exec", [itself]);
    command.args([
        roles::FLAG.to_owned(),
        std::process::id().to_string(),
        "echo".to_owned(),
        reply_bytes.to_string(),
    ]);
    command
}

/// A child that is stopped when this is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.0);
        if let (Ok(None), Ok(handle)) = (self.0.try_wait(), pidfd_open(pid, PidfdFlags::empty())) {
            let _ = kill_process(pid, Signal::TERM);
            let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
            let _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&patience));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that has said that it is ready.
pub(crate) struct Server {
    process: Process,
    address: SocketAddrV4,
    log: PathBuf,
}

impl Server {
    pub(crate) fn registry() -> Self {
        Self::start("registry", &mut registry_command(), |log| {
            log.lines().any(|line| line.ends_with("ready"))
        })
    }

    pub(crate) fn echo(name: &str, reply_bytes: usize) -> Self {
        Self::start(name, &mut echo_command(reply_bytes), |log| log.lines().any(|line| port(line).is_some()))
    }

    fn start(name: &str, command: &mut Command, is_ready: impl Fn(&str) -> bool) -> Self {
        let log = Path::new(LOGS).join(format!("bench-{name}.log"));
        let file = File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let mut process = Process::spawn(command.stdout(Stdio::null()).stderr(file));
        let deadline = Instant::now() + PATIENCE;
        let text = loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let has_ended = !matches!(process.0.try_wait(), Ok(None));
            // A last line without its end may be half a line.
            if text.ends_with('\n') && is_ready(&text) {
                break text;
            }
            assert!(
                !has_ended && Instant::now() < deadline,
                "{command:?} is not ready, having said:\n{text}"
            );
            thread::sleep(LOOK_AGAIN);
        };
        let port = text.lines().find_map(port).unwrap_or_else(|| panic!("no port in:\n{text}"));
        Self { process, address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// What it said, for a failure's message.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string())
    }
}

/// The port that a server's line names: `registry port 7100 (…`, or an echo's `port 7100`.
pub(crate) fn port(line: &str) -> Option<u16> {
    let (before, after) = line.split_once("port ")?;
    let digits = after.split(|character: char| !character.is_ascii_digit()).next()?;
    (before.is_empty() || before.ends_with("registry ")).then(|| digits.parse().ok()).flatten()
}

/// Runs a load generator to its end.
pub(crate) fn load(order: &Order, server: &Server) -> Sample {
    let output = roles::command("load", roles::load_arguments(order)).stderr(Stdio::piped()).output();
    let output = output.expect("a load generator starts");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let sample = said.trim().parse();
    sample.unwrap_or_else(|error: String| {
        let log = server.said();
        panic!("{error}\nload generator: {}: {complained}\nserver {}:\n{log}", output.status, server.address)
    })
}
